"""A scheduled run around its check: alerts appended to the outputs, figures written, a failure told.

Promises: whatever ends a check, it is told through the outbox where the state can still be written, and in the metrics.
"""

import contextlib
import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

import flowwatch
from flowwatch.errors import FlowwatchError, UsageError
from flowwatch.model import Alert, Instant, Life
from flowwatch.ops import metrics, outbox
from flowwatch.ops.check import Clock, Outcome, Wanted, check
from flowwatch.ops.config import Loaded, Notify
from flowwatch.ops.deliveries import Outbox, alert_of, append, deliver, host
from flowwatch.ops.metrics import ChannelFigures, Figures, Found, SourceFigures
from flowwatch.ops.notify import Channel, NotDelivered, channel
from flowwatch.ops.notify.file import File
from flowwatch.ops.state import State


class Tried(NamedTuple):
    """A delivery that was tried: by which channel, of what, and what went wrong, None where it arrived."""

    channel: str
    title: str
    fault: str | None


_NOT_DONE = 2
_FAILED = "The check could not do its work"


def run(loaded: Loaded, wanted: Wanted, clock: Clock = time.time_ns) -> Outcome:
    """One check with all that follows from it. Raises UsageError where it could not do its work."""
    try:
        outcome = check(loaded, wanted, clock)
    except Exception as error:
        if not wanted.dry_run:
            words = (
                str(error) if isinstance(error, FlowwatchError) else f"internal error: {type(error).__name__}: {error}"
            )
            tell_failure(loaded, _FAILED, words, clock())
            with contextlib.suppress(UsageError):  # what ended the check is what is told
                _write_metrics(loaded, None, clock())
        raise
    if not wanted.dry_run:
        unwritten = [f"an output was not written: {fault}" for fault in _append(loaded, clock)]
        outcome = msgspec.structs.replace(outcome, shortfalls=(*outcome.shortfalls, *unwritten))
        _write_metrics(loaded, outcome, outcome.ended)
    return outcome


def _write_metrics(loaded: Loaded, outcome: Outcome | None, now: Instant) -> None:
    """The figures, where they are wanted; `outcome` None: the check could not do its work."""
    if loaded.config.metrics is None:
        return
    told = Figures(version=flowwatch.__version__, last_run=now, last_success=None, duration=0, exit_code=_NOT_DONE)
    with contextlib.suppress(UsageError), State.open(loaded.state, alone=False) as state:
        told = msgspec.structs.replace(
            told,
            last_success=state.get("last_success"),
            channels=tuple(_channel_figures(loaded, Outbox(state).counts())),
            state_bytes=state.size,
        )
    if outcome is not None:
        told = _with_outcome(told, outcome, loaded)
    path = loaded.path(loaded.config.metrics)
    try:
        metrics.write(told, path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}", hint="the check itself is kept") from error


def _with_outcome(told: Figures, outcome: Outcome, loaded: Loaded) -> Figures:
    found = Counter(
        (one.finding.verdict, one.finding.severity, Life.NEW if one.first_check == outcome.number else Life.REPEATED)
        for one in outcome.findings
    )
    return msgspec.structs.replace(
        told,
        duration=outcome.ended - outcome.started,
        exit_code=outcome.exit(loaded.config),
        findings=tuple(
            Found(verdict=verdict, severity=severity, life=life, count=count)
            for (verdict, severity, life), count in sorted(found.items())
        ),
        sources=tuple(
            SourceFigures(
                id=one.source,
                last_record=one.last,
                lag=None if one.last is None else outcome.started - one.last,
                records=one.records,
                rejected=one.rejected,
                held_back=one.held_back,
                behind=one.behind,
                gaps=one.gaps,
            )
            for one in outcome.streams
        ),
        policy_ends=outcome.policy_ends,
        exception_ends=outcome.exception_ends,
        places=outcome.places,
    )


def _channel_figures(loaded: Loaded, counts: dict[tuple[str, str], int]) -> Iterator[ChannelFigures]:
    for id_, _ in loaded.config.channels:
        yield ChannelFigures(id=id_, pending=counts.get((id_, "waiting"), 0), given_up=counts.get((id_, "given_up"), 0))


def tell_failure(loaded: Loaded, title: str, words: str, now: Instant) -> None:
    """Puts a failure of the check into the outbox, if the state can be written at all."""
    with contextlib.suppress(UsageError), State.open(loaded.state, alone=False) as state, state.transaction():
        Outbox(state).tell_failure(loaded.config, title, words, now)


def notify(loaded: Loaded, *, everything: bool, clock: Clock = time.time_ns) -> Iterator[Tried]:
    """Delivers what is due, or `everything` that waits, to the channels; one that cannot be used ends no other."""
    made: dict[str, Channel] = {}
    for id_, one in loaded.config.channels:
        try:
            made[id_] = channel(one, id_, loaded.folder)
        except UsageError as error:
            yield Tried(id_, "nothing was tried", str(error))
    yield from _deliver(loaded, made, clock, everything=everything)


def trial(loaded: Loaded, clock: Clock = time.time_ns) -> Iterator[Tried]:
    """Sends a trial by every channel; nothing of it is kept."""
    for id_, settings in loaded.config.channels:
        one = channel(settings, id_, loaded.folder)
        name = f"trial-{random.SystemRandom().getrandbits(48):012x}"
        alert = outbox.trial(delivery=name, now=clock(), host=host(), version=flowwatch.__version__)
        try:
            one.send(alert)
        except NotDelivered as fault:
            yield Tried(id_, alert.title, fault.reason)
        else:
            yield Tried(id_, alert.title, None)


def alerts(outcome: Outcome) -> Iterator[Alert]:
    """The findings that stand, as alerts that nobody is sent."""
    for known in outcome.standing:
        yield alert_of(known.finding, known.life, outcome.started, delivery=known.finding.id)


def _append(loaded: Loaded, clock: Clock) -> Iterator[str]:
    """Appends what is to be told to the outputs; gives what went wrong."""
    if not loaded.config.output:
        return
    with State.open(loaded.state, alone=False) as state:
        box = Outbox(state)
        for id_, one in loaded.config.outputs:
            file = File(Notify(type="file", path=one.path, format=one.format), loaded.folder)
            if (fault := append(state, box, id_, file, clock)) is not None:
                yield fault


def _deliver(loaded: Loaded, made: dict[str, Channel], clock: Clock, *, everything: bool) -> Iterator[Tried]:
    with State.open(loaded.state, alone=False) as state:
        box = Outbox(state)
        for one, fault in deliver(state, box, made, clock, random.SystemRandom(), all_waiting=everything):
            yield Tried(one.channel, one.alert.title, fault)
