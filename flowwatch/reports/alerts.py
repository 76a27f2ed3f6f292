"""Alerts in the formats of other programs, and the findings of a Report as alerts.

Promises: one line for each alert, the same bytes for the same alert, in printable ASCII.
"""

from collections.abc import Iterator
from typing import assert_never

from flowwatch.model import Alert, AlertKind, Finding, Report
from flowwatch.reports import AlertFormat, cef, ecs, eve, jsonl, ocsf

UNTIMED = "No source tells when this was seen: the time of this record says nothing about it."


def line(alert: Alert, fmt: AlertFormat) -> bytes:
    """The alert as one line of the format, ending in a newline."""
    match fmt:
        case "jsonl":
            return jsonl.alert(alert)
        case "ocsf":
            return ocsf.line(alert)
        case "ecs":
            return ecs.line(alert)
        case "eve":
            return eve.line(alert)
        case "cef":
            return cef.line(alert)
        case never:
            assert_never(never)


def lines(report: Report, fmt: AlertFormat) -> Iterator[bytes]:
    """Every finding of the Report as a line, in its order."""
    for finding in report.findings:
        yield line(of(finding, report), fmt)


def of(finding: Finding, report: Report) -> Alert:
    """The finding as an alert of when it was last seen, else of the end of what was recorded."""
    seen = finding.last_seen
    return Alert(
        delivery=finding.id,
        kind=AlertKind.FINDING,
        time=seen if seen is not None else report.last or 0,
        severity=finding.severity,
        title=finding.title,
        lines=() if seen is not None else (UNTIMED,),
        finding=finding,
        policy=report.policies[-1] if report.policies else None,
        version=report.version,
    )
