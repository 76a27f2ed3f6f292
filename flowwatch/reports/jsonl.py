r"""The whole Report as JSON lines: lossless, versioned, described by `report.schema.json` beside this file.

Promises: first a line of type `report` (schema name, headline, counts, policies, reference data, and how many lines of
each type follow, so that a cut file shows), then `coverage`, `finding`, `claim`, `destination`, `stage`, `sighting`,
`decision` and `lookup` lines in the Report's order. Times are RFC 3339 with nanoseconds and `Z`. Nulls are omitted.
Every byte is printable ASCII or the line's end: the rest is `\u` escaped. Within `flowwatch.report/1` a key may be
added, never renamed or removed.
An alert is one such line too, `flowwatch.alert/1`, described by `alert.schema.json`.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any, Literal

import msgspec

from flowwatch.model import Alert, Group, Instant, Report
from flowwatch.reports import phrases

SCHEMA = "flowwatch.report/1"
ALERT_SCHEMA = "flowwatch.alert/1"

INSTANTS = frozenset(
    {
        "start", "end", "time", "first", "last", "first_seen", "last_seen",
        "live_from", "live_until", "lookups_recorded_since", "since", "until",
    }
)  # fmt: skip
"""Keys whose integers are instants, in every struct that has them."""

_COUNTS_BY_WORD = frozenset({"skipped", "limits", "verdicts"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def lines(report: Report) -> Iterator[bytes]:
    """The Report's lines, each ending in a newline."""
    parts: dict[str, Sequence[msgspec.Struct]] = {
        "coverage": report.coverage,
        "finding": report.findings,
        "claim": report.claims,
        "destination": report.destinations,
        "stage": report.stages,
        "sighting": report.seen,
        "decision": report.decisions,
        "lookup": report.lookups,
    }
    yield line({"type": "report"} | _head(report) | {"lines": {kind: len(structs) for kind, structs in parts.items()}})
    for kind, structs in parts.items():
        for struct in structs:
            yield line({"type": kind} | plain(struct))


def alert(told: Alert) -> bytes:
    """The alert as one line, its keys in order."""
    fields = {"type": "alert", "schema": ALERT_SCHEMA} | plain(told)
    return line(dict(sorted(fields.items())))


def plain(struct: msgspec.Struct) -> dict[str, Any]:
    """The struct as builtins: times as text, without nulls."""
    told: dict[str, Any] = _plain(msgspec.to_builtins(struct))
    return told


def line(fields: dict[str, Any]) -> bytes:
    """The fields as one line of JSON in printable ASCII."""
    text = json.dumps(fields, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("\x7f", "\\u007f").encode("ascii") + b"\n"


def json_schema(of: Literal["report", "alert"] = "report") -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) that every line of a report, or every alert, validates against."""
    text = resources.files("flowwatch.reports").joinpath(f"{of}.schema.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def rfc3339(instant: Instant) -> str:
    """The instant with nanoseconds and `Z`: `2026-11-04T01:30:00.000000000Z`."""
    seconds, rest = divmod(instant, 1_000_000_000)
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"


def _head(report: Report) -> dict[str, Any]:
    head = {
        "schema": SCHEMA,
        "flowwatch": report.version,
        "headline": phrases.headline(report),
        "first": report.first,
        "last": report.last,
        "judged": report.judged,
        "groups": {group: report.group(group) for group in Group},
        "by_verdict": report.verdicts,
        "lookups_by_verdict": report.lookup_verdicts,
        "policies": report.policies,
        "reference": report.reference,
        "uses": report.uses,
        "unused": report.unused,
        "unknown": report.unknown,
    }
    told: dict[str, Any] = _plain(msgspec.to_builtins(head))
    return told


def _plain(value: Any) -> Any:  # noqa: ANN401  # builtins in, builtins out
    if isinstance(value, dict):
        return {key: _field(key, inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


def _field(key: str, value: Any) -> Any:  # noqa: ANN401  # builtins in, builtins out
    if key in INSTANTS:
        return rfc3339(value)
    return value if key in _COUNTS_BY_WORD else _plain(value)
