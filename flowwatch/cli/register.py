"""`flowwatch policy uses` and `flowwatch policy exceptions`: what is known of a policy's entries over time."""

import datetime as dt
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flowwatch.cli.options import PolicyArgument, load_policy

if TYPE_CHECKING:
    from flowwatch.model import Instant
    from flowwatch.policy.register import Registered

_DAY = 86_400 * 10**9

_FIRST = (
    "id", "standing", "until", "age_days", "left_days", "last_used", "owner", "approved_by", "ticket", "reason",
)  # fmt: skip
"""Columns of the table of exceptions."""

State = Annotated[
    Path, typer.Option("--state", metavar="DIR", help="The folder of the checks: `state` of their configuration.")
]
At = Annotated[
    dt.datetime | None,
    typer.Option(
        "--at",
        metavar="INSTANT",
        formats=["%Y-%m-%dT%H:%M:%S%z"],
        help="As of when, as 2026-11-04T01:30:00Z [default: now].",
    ),
]
Format = Annotated[Literal["table", "jsonl"], typer.Option("--format", help="How to write it.")]


def uses(state: State, file: PolicyArgument = None, *, at: At = None, fmt: Format = "table") -> None:
    """List when each entry of a policy was last used by what the checks judged, longest unused first."""
    from flowwatch.cli.terminal import say
    from flowwatch.ops.uses import last_uses
    from flowwatch.reports.phrases import plural, utc

    entries = dict.fromkeys(entry for version in load_policy(file).versions for entry in version.entries)
    known, now = last_uses(state), _instant(at)
    rows = [
        {"kind": kind, "id": id_, "last_used": _utc(last), "days": _days(now, last)}
        for last, kind, id_ in sorted((known.entries.get(entry) or 0, *entry) for entry in entries)
    ]
    _write(rows, fmt)
    never = sum(not row["last_used"] for row in rows)
    since = "by no check yet" if known.since is None else f"since the check of {utc(known.since)}"
    say(f"{plural(len(rows), 'entry', 'entries')}, {never} never used; uses are kept {since}")


def exceptions(
    file: PolicyArgument = None,
    *,
    at: At = None,
    state: Annotated[
        Path | None,
        typer.Option("--state", metavar="DIR", help="The folder of the checks, for when each was last used."),
    ] = None,
    fmt: Format = "table",
) -> None:
    """List every exception with who stands for it, its age, what is left of it, and when it was last used."""
    from flowwatch.cli.terminal import say
    from flowwatch.ops.uses import last_uses
    from flowwatch.policy.register import Standing, register
    from flowwatch.reports.phrases import plural

    policies = load_policy(file)
    known = {} if state is None else last_uses(state).entries
    last_used = {id_: last for (kind, id_), last in known.items() if kind == "exception"}
    found = register(policies, _instant(at), last_used)
    _write([_row(one) for one in found] if fmt == "jsonl" else [_told(one) for one in found], fmt)
    expired = sum(one.standing is Standing.EXPIRED for one in found)
    longer = sum(one.too_long for one in found)
    say(f"{plural(len(found), 'exception')}, {expired} expired, {longer} longer than `exception_max_days`")


def _told(one: "Registered") -> dict[str, Any]:
    """What a person reads first."""
    row = _row(one)
    row["standing"] += ", too long" if one.too_long else ""
    return {name: row[name] for name in _FIRST}


def _row(one: "Registered") -> dict[str, Any]:
    """Everything, by name."""
    told = one.exception
    return {
        "id": told.id,
        "standing": one.standing.value,
        "from": _utc(told.from_),
        "until": _utc(told.until),
        "age_days": one.age_days,
        "left_days": one.days_left,
        "lasts_days": one.lasts_days,
        "too_long": one.too_long,
        "last_used": _utc(one.last_used),
        "owner": told.owner,
        "approved_by": told.approved_by,
        "ticket": told.ticket,
        "reason": told.reason,
        "version": one.version,
    }


def _write(rows: Sequence[dict[str, Any]], fmt: str) -> None:
    """A table, or a line of JSON each without what is not known."""
    import json

    from flowwatch.cli.tabular import draw
    from flowwatch.cli.terminal import printable, sink

    with sink(None) as out:
        if fmt == "jsonl":
            given = [{key: value for key, value in row.items() if value not in (None, "")} for row in rows]
            out.writelines(json.dumps(row).encode() + b"\n" for row in given)
        elif rows:
            draw(list(rows[0]), [[printable(_cell(value)) for value in row.values()] for row in rows], out)


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def _instant(at: dt.datetime | None) -> "Instant":
    return time.time_ns() if at is None else int(at.timestamp()) * 10**9


def _utc(instant: "Instant | None") -> str | None:
    from flowwatch.reports.phrases import utc

    return utc(instant) if instant else None


def _days(now: "Instant", last: "Instant") -> int | None:
    """Whole days since then."""
    return (now - last) // _DAY if last else None
