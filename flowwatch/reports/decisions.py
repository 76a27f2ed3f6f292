"""One row a transmission, approved ones included, to a file: what `scan --decisions FILE` writes.

Promises: the columns of `flowwatch.model.frames.DECISIONS`; the format is the file's extension. In CSV a text that a
spreadsheet would take for a formula gets a `'` in front.
"""

from pathlib import Path
from typing import Literal

import pyarrow as pa

from flowwatch import tables
from flowwatch.errors import UsageError
from flowwatch.model import Report
from flowwatch.model.frames import decisions_table
from flowwatch.reports.escape import csv_cell

_FORMATS: dict[str, Literal["jsonl", "csv", "parquet"]] = {".jsonl": "jsonl", ".csv": "csv", ".parquet": "parquet"}


def format_of(path: Path) -> Literal["jsonl", "csv", "parquet"]:
    """The format the extension names; UsageError when it names none, so that it can be said before any work."""
    found = _FORMATS.get(path.suffix.lower())
    if found is None:
        raise UsageError(f"{path}: the extension names no format for decisions", hint="use .jsonl, .csv or .parquet")
    return found


def write(report: Report, path: Path) -> None:
    """The Report's decisions in `path`, replaced if it exists; UsageError for an unknown extension."""
    fmt = format_of(path)
    table = decisions_table(report)
    tables.write(_guarded(table) if fmt == "csv" else table, fmt, path)


def _guarded(table: pa.Table) -> pa.Table:
    """The table with every text, within lists too, passed through `csv_cell`."""
    for at, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            cells = [None if text is None else csv_cell(text) for text in table[at].to_pylist()]
        elif pa.types.is_list(field.type) and pa.types.is_string(field.type.value_type):
            cells = [None if texts is None else [csv_cell(text) for text in texts] for texts in table[at].to_pylist()]
        else:
            continue
        table = table.set_column(at, field, pa.array(cells, field.type))
    return table
