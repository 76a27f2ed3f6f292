"""`flowwatch check` and `flowwatch notify`: the scheduled run, and the delivery of what it has to tell."""

import datetime as dt
import enum
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flowwatch.cli.exits import Exit
from flowwatch.cli.terminal import printable, say
from flowwatch.errors import FlowwatchError, UsageError

if TYPE_CHECKING:
    from flowwatch.ops.check import Outcome, Wanted
    from flowwatch.ops.config import Loaded
    from flowwatch.ops.life import Known

_USUAL = (Path("flowwatch.toml"), Path("/etc/flowwatch/flowwatch.toml"))
_MOST_FINDINGS = 20
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Configuration [default: ./flowwatch.toml, else /etc/flowwatch/]."),
]
_FORMS = ["%Y-%m-%dT%H:%M:%S%z"]


class Format(enum.StrEnum):
    """A way to say what a check found."""

    TEXT = "text"
    JSONL = "jsonl"
    NAGIOS = "nagios"


def check(
    *,
    config: ConfigFile = None,
    fmt: Annotated[
        Format, typer.Option("--format", help="text; jsonl: a line a finding that stands; nagios: one status line.")
    ] = Format.TEXT,
    only_new: Annotated[
        bool, typer.Option("--only-new", help="Exit code and output are of findings seen first in this check.")
    ] = False,
    since: Annotated[
        dt.datetime | None,
        typer.Option("--since", metavar="TIME", formats=_FORMS, help="What is older is read past and not judged."),
    ] = None,
    until: Annotated[
        dt.datetime | None,
        typer.Option("--until", metavar="TIME", formats=_FORMS, help="What is later is left out; with --dry-run."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what a check would find; keep and tell nothing.")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on: check whenever a log grows or a file is added, until ended.")
    ] = False,
    failed: Annotated[
        str | None, typer.Option("--failed", metavar="UNIT", help="Tell that the unit failed, and check nothing.")
    ] = None,
) -> None:
    """Judge what is new in the logs since the last check."""
    from flowwatch.ops.check import Wanted
    from flowwatch.ops.scheduled import tell_failure

    loaded = loaded_config(config)
    if failed is not None:
        tell_failure(loaded, f"{failed} failed", _how_it_failed(), time.time_ns())
        return
    if until is not None and not dry_run:
        raise UsageError("--until needs --dry-run", hint="what is later would be passed over for ever")
    wanted = Wanted(since=_instant(since), until=_instant(until), dry_run=dry_run, only_new=only_new)
    if follow and dry_run:
        raise UsageError("--follow and --dry-run do not go together", hint="a dry run is one check")
    raise typer.Exit(_follow(loaded, wanted, fmt) if follow else _once(loaded, wanted, fmt))


def notify(
    *,
    config: ConfigFile = None,
    everything: Annotated[bool, typer.Option("--all", help="Try all that waits now, whenever it is due.")] = False,
    test: Annotated[bool, typer.Option("--test", help="Send a trial by every channel, and nothing else.")] = False,
) -> None:
    """Deliver what the checks have to tell."""
    from flowwatch.ops import scheduled

    loaded = loaded_config(config)
    if not loaded.config.notify:
        raise UsageError("the configuration names no [[notify]]", hint="see docs/operations.md")
    tried = scheduled.trial(loaded) if test else scheduled.notify(loaded, everything=everything)
    arrived, faults = 0, 0
    for channel, title, fault in tried:
        arrived += fault is None
        faults += fault is not None
        if fault is not None:
            say(f"flowwatch: {channel}: not delivered: {fault} ({title})")
    typer.echo(f"{arrived} delivered, {faults} not")
    raise typer.Exit(Exit.INCOMPLETE if faults else Exit.DONE)


def config_file(path: Path | None) -> Path:
    """The configuration named, or the usual one."""
    return path or next((one for one in _USUAL if one.exists()), _USUAL[0])


def loaded_config(path: Path | None) -> "Loaded":
    """What the configuration named, or the usual one, says."""
    from flowwatch.ops.config import load

    return load(config_file(path))


def _once(loaded: "Loaded", wanted: "Wanted", fmt: Format) -> int:
    """One check and what it says; its exit code."""
    from flowwatch.ops import scheduled

    try:
        outcome = scheduled.run(loaded, wanted)
    except FlowwatchError as error:
        if fmt is not Format.NAGIOS:
            raise
        from flowwatch.ops.nagios import line

        said, status = line(Exit.USAGE, None, {}, str(error), {})
        typer.echo(said)
        return status
    return _say(outcome, loaded, fmt)


def _follow(loaded: "Loaded", wanted: "Wanted", fmt: Format) -> int:
    """Checks until it is told to end; the exit code of the last."""
    from flowwatch.ops.follow import changes

    code = int(Exit.DONE)
    for _ in changes(loaded):
        code = _once(loaded, wanted, fmt)
        sys.stdout.flush()
    return code


def _say(outcome: "Outcome", loaded: "Loaded", fmt: Format) -> int:
    """Prints what the check found."""
    code = outcome.exit(loaded.config)
    if fmt is Format.NAGIOS:
        return _say_nagios(outcome, code)
    if fmt is Format.JSONL:
        from flowwatch.ops.scheduled import alerts
        from flowwatch.reports import alert_line

        sys.stdout.buffer.writelines(alert_line(alert, "jsonl") for alert in alerts(outcome))
        sys.stdout.buffer.flush()
    else:
        for line in _lines(outcome):
            typer.echo(printable(line))
    if outcome.shortfalls:
        say(f"flowwatch: incomplete: {'; '.join(outcome.shortfalls)}")
    return code


def _say_nagios(outcome: "Outcome", code: int) -> int:
    """Prints the status line; what the plugin returns."""
    from flowwatch.ops.nagios import Measure, line

    worst = max((one.finding.severity for one in outcome.standing), key=lambda one: one.rank, default=None)
    counts = {"new": len(outcome.fresh), "findings": len(outcome.standing)}
    figures = {"pending": Measure(outcome.pending), "time": Measure((outcome.ended - outcome.started) / 1e9, "s")}
    for stream in outcome.streams:
        lag = None if stream.last is None else max(0, (outcome.started - stream.last) // 10**9)
        figures[f"lag_{stream.source}"] = Measure(lag, "s")
    said, status = line(code, worst, counts, "; ".join(outcome.shortfalls), figures)
    typer.echo(said)
    return status


def _lines(outcome: "Outcome") -> Iterator[str]:
    from flowwatch.reports.phrases import number, plural, utc

    records = sum(told.records for _, told in outcome.read)
    yield (
        f"check {outcome.number}, {utc(outcome.started)}: {plural(records, 'record')} read, "
        f"{plural(outcome.judged, 'decision')} made, {plural(outcome.pending, 'flow')} waiting for names"
    )
    for stream in outcome.streams:
        read = sum(told.records for source, told in outcome.read if source == stream.source)
        what = stream.format or "nothing read yet"
        yield f"  {stream.source}: {what}, {number(read)} new, last record {utc(stream.last)}"
    if outcome.changed:
        yield f"{plural(outcome.changed, 'decision')} changed by later evidence"
    if outcome.passed:
        yield f"{plural(outcome.passed, 'row')} outside the time asked for, not judged"
    if outcome.for_a_scan:
        kinds = Counter(kind for kind, _ in outcome.for_a_scan)
        who = " and ".join(plural(count, kind) for kind, count in kinds.items())
        yield f"not judged by a check, but by `flowwatch scan`: what {who} of the policy say of a whole recording"
    standing = outcome.standing
    for name in outcome.stale:
        yield f"location data {name} is old: flowwatch places update FILE installs newer"
    yield f"findings: {len(outcome.fresh)} new, {len(outcome.findings) - len(outcome.fresh)} going on"
    yield from (_finding(one, outcome.number) for one in standing[:_MOST_FINDINGS])
    if len(standing) > _MOST_FINDINGS:
        yield f"  and {len(standing) - _MOST_FINDINGS} more: --format jsonl has all"


def _finding(known: "Known", check: int) -> str:
    """A line: whether it is new, was seen again or only stands, and what it is."""
    finding = known.finding
    stands = "new" if known.first_check == check else "again" if known.last_check == check else "stands"
    return f"  {stands}  {finding.severity} {finding.verdict}: {finding.title} ({finding.count} x, id {finding.id})"


def _instant(at: dt.datetime | None) -> int | None:
    """Nanoseconds since 1970."""
    return None if at is None else int(at.timestamp()) * 10**9


def _how_it_failed() -> str:
    """What systemd says of a unit that failed, where it does."""
    told = {name: os.environ.get(f"MONITOR_{name}", "") for name in ("SERVICE_RESULT", "EXIT_CODE", "EXIT_STATUS")}
    words: Sequence[str] = [f"{name.lower().replace('_', ' ')}: {value}" for name, value in told.items() if value]
    return "; ".join(words) or "nothing is known of how"
