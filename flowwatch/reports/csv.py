"""Findings or destinations as CSV: one row each, for spreadsheets.

Promises: the columns of `flowwatch.model.frames.FINDINGS` and `.DESTINATIONS`, as pandas has them; lists are JSON text,
nulls empty, and a text that a spreadsheet would take for a formula gets a `'` in front (`flowwatch.tables`).
Refuses: both in one file, since a CSV is one table.
"""

from typing import BinaryIO, Literal

from flowwatch import tables
from flowwatch.model import Report
from flowwatch.model.frames import destinations_table, findings_table

Part = Literal["findings", "destinations"]


def write(report: Report, part: Part, file: BinaryIO) -> None:
    """One part of the Report as CSV with a line of column names, in UTF-8."""
    table = findings_table(report.findings) if part == "findings" else destinations_table(report.destinations)
    tables.write(table, "csv", file)
