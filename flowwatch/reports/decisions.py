"""One row a transmission, approved ones included, to a file: what `scan --decisions FILE` writes.

Promises: the columns of `flowwatch.model.frames.DECISIONS`; the format is the file's extension. In CSV lists are
JSON text, and a text that a spreadsheet would take for a formula gets a `'` in front.
"""

from pathlib import Path
from typing import Literal

from flowwatch import tables
from flowwatch.errors import UsageError
from flowwatch.model import Report
from flowwatch.model.frames import DECISIONS, decisions_in_portions

_FORMATS: dict[str, Literal["jsonl", "csv", "parquet"]] = {".jsonl": "jsonl", ".csv": "csv", ".parquet": "parquet"}


def format_of(path: Path) -> Literal["jsonl", "csv", "parquet"]:
    """The format the extension names; UsageError when it names none, so that it can be said before any work."""
    found = _FORMATS.get(path.suffix.lower())
    if found is None:
        raise UsageError(f"{path}: the extension names no format for decisions", hint="use .jsonl, .csv or .parquet")
    return found


def write(report: Report, path: Path) -> None:
    """The Report's decisions in `path`, replaced if it exists; UsageError for an unknown extension."""
    kind = format_of(path)
    with path.open("wb") as file, tables.Writer(DECISIONS, kind, file) as writer:
        for portion in decisions_in_portions(report.decisions):
            writer.write(portion)
