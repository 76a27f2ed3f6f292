"""Report -> screen, JSON lines, web page, decision rows: one writer a file, each a pure function of the Report.

    write_text(report, file)           the screen a team reads first     (text.py)
    jsonl_lines(report)                the whole Report, lossless        (jsonl.py, report.schema.json)
    render_html(report)                one self-contained page           (html.py, templates/)
    render_markdown(report)            the same for tickets and mail     (markdown.py)
    write_csv(report, file, part)      findings or destinations          (csv.py)
    write_decisions(report, path)      one row a transmission            (decisions.py)

Promises: the same Report gives the same bytes; text written by strangers passes one function of `escape` per sink.
Refuses: to look at inputs, policy or places again; to print a word of blame.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal

from flowwatch.model import Report

__all__ = ["jsonl_lines", "render_html", "render_markdown", "write_csv", "write_decisions", "write_text"]


def write_text(report: Report, file: BinaryIO) -> None:
    """Write the screen to a binary file: coloured and as wide as the terminal where it is one, plain otherwise."""
    from flowwatch.reports import text  # noqa: PLC0415  # start-up time

    text.write(report, file)


def jsonl_lines(report: Report) -> Iterator[bytes]:
    """The Report as JSON lines, each ending in a newline."""
    from flowwatch.reports import jsonl  # noqa: PLC0415  # start-up time

    return jsonl.lines(report)


def render_html(report: Report) -> str:
    """The Report as one self-contained HTML page."""
    from flowwatch.reports import html  # noqa: PLC0415  # start-up time

    return html.render(report)


def render_markdown(report: Report) -> str:
    """The Report as Markdown."""
    from flowwatch.reports import markdown  # noqa: PLC0415  # start-up time

    return markdown.render(report)


def write_csv(report: Report, file: BinaryIO, part: Literal["findings", "destinations"] = "findings") -> None:
    """Write one row a finding, or a destination, as CSV to a binary file."""
    from flowwatch.reports import csv  # noqa: PLC0415  # start-up time

    csv.write(report, part, file)


def write_decisions(report: Report, path: Path) -> None:
    """Write one row a transmission to a .jsonl, .csv or .parquet file; UsageError for another extension."""
    from flowwatch.reports import decisions  # noqa: PLC0415  # start-up time

    decisions.write(report, path)
