"""Report -> screen, JSON lines, web page, decision rows, alerts: one writer a file, each a pure function of the Report.

    write_text(report, file)           the screen a team reads first     (text.py)
    jsonl_lines(report)                the whole Report, lossless        (jsonl.py, report.schema.json)
    render_html(report)                one self-contained page           (html.py, templates/)
    render_markdown(report)            the same for tickets and mail     (markdown.py)
    write_csv(report, file, part)      findings or destinations          (csv.py)
    write_decisions(report, path)      one row a transmission            (decisions.py)
    alert_line(alert, format)          an alert for other programs       (ocsf.py, ecs.py, eve.py, cef.py; jsonl.py)
    alert_lines(report, format)        every finding as an alert         (alerts.py)

Promises: the same Report gives the same bytes; text written by strangers passes one function of `escape` per sink.
Refuses: to look at inputs, policy or places again; to print a word of blame.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal

from flowwatch.model import Alert, Report

AlertFormat = Literal["jsonl", "ocsf", "ecs", "eve", "cef"]

__all__ = [
    "AlertFormat",
    "alert_line",
    "alert_lines",
    "jsonl_lines",
    "render_html",
    "render_markdown",
    "write_csv",
    "write_decisions",
    "write_text",
]


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


def alert_line(alert: Alert, fmt: AlertFormat) -> bytes:
    """The alert as one line of the format, ending in a newline."""
    from flowwatch.reports import alerts  # noqa: PLC0415  # start-up time

    return alerts.line(alert, fmt)


def alert_lines(report: Report, fmt: AlertFormat) -> Iterator[bytes]:
    """Every finding of the Report as an alert: one line each, in the Report's order."""
    from flowwatch.reports import alerts  # noqa: PLC0415  # start-up time

    return alerts.lines(report, fmt)
