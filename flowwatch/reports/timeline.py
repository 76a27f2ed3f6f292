"""The stages of each night against the clock: windows, what ran, what was recorded, all on one scale of a night.

Promises: every place is in percent of the drawing's width; a window or recording that goes on beyond the scale runs out
of it, without an edge. The scale covers what was recorded and what ran, and a window's edge where that is near.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from flowwatch.model import Coverage, Instant, Stage
from flowwatch.reports import stages
from flowwatch.reports.phrases import utc

_SECOND = 10**9
_STEPS = (1, 5, 15, 30, 60, 300, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400, 604_800, 2_592_000, 31_536_000)
"""Seconds from one mark of the scale to the next."""
_MARKS = 6
_THINNEST = 0.5
_BEYOND = 20.0
"""How far what goes on is drawn beyond the drawing's edge."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Bar(msgspec.Struct, frozen=True):
    """A time on the scale, in percent."""

    start: float
    width: float
    title: str = ""


class Mark(msgspec.Struct, frozen=True):
    """A time of the scale, written."""

    at: float
    label: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One stage, drawn."""

    stage: Stage
    windows: tuple[Bar, ...]
    ran: tuple[Bar, ...]
    waited: Bar | None
    """From the last of the stage before to its first, whichever came first."""
    ended: float | None
    """Where the stage before ended."""


class Night(msgspec.Struct, frozen=True, kw_only=True):
    """The stages of one night on one scale."""

    title: str
    rows: tuple[Row, ...]
    recorded: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    day: str
    """The UTC day on which the scale begins."""


class _Scale(msgspec.Struct, frozen=True):
    first: Instant
    last: Instant

    def at(self, instant: Instant) -> float:
        return round(100 * (instant - self.first) / (self.last - self.first), 3)

    def bar(self, since: Instant | None, until: Instant | None, title: str = "") -> Bar:
        """The time as far as it lies on the scale; what goes on runs out of it."""
        start = -_BEYOND if since is None else min(max(self.at(since), -_BEYOND), 100 + _BEYOND)
        end = 100 + _BEYOND if until is None else min(self.at(until), 100 + _BEYOND)
        return Bar(start, round(max(end - start, _THINNEST), 3), title)


def drawn(told: Iterable[Stage], coverage: Sequence[Coverage]) -> list[Night]:
    """Every night, in order."""
    return [_night(held, coverage) for held in stages.nights(told)]


def _night(held: tuple[Stage, ...], coverage: Sequence[Coverage]) -> Night:
    recorded = [(one.first, one.last) for one in coverage if one.first is not None and one.last is not None]
    scale = _scale(held, recorded)
    before: list[Stage | None] = [None, *held]
    return Night(
        title=stages.night(held[0]),
        rows=tuple(_row(one, last, scale) for one, last in zip(held, before, strict=False)),
        recorded=tuple(scale.bar(first, last) for first, last in _joined(recorded, scale)),
        marks=tuple(_marks(scale)),
        day=utc(scale.first)[:10],
    )


def _scale(held: Sequence[Stage], recorded: Sequence[tuple[Instant, Instant]]) -> _Scale:
    """What was recorded of the night and what ran in it, with the edges of windows that are near, and a little more."""
    since, until = held[0].since, held[0].until
    inside = [
        (first if since is None else max(first, since), last if until is None else min(last, until))
        for first, last in recorded
    ]
    ran = [(one.first, one.last) for one in held if one.first is not None and one.last is not None]
    times = [*(one for one in inside if one[0] <= one[1]), *ran] or [(since or until or 0, until or since or 0)]
    first, last = min(one for one, _ in times), max(one for _, one in times)
    near = max((last - first) // 2, _SECOND)
    edges = [one for stage in held for window in stage.windows for one in (window.since, window.until)]
    close = [one for one in edges if one is not None and first - near <= one <= last + near]
    first, last = min([first, *close]), max([last, *close])
    room = max((last - first) // 25, _SECOND)
    return _Scale(first - room, last + room)


def _joined(recorded: Iterable[tuple[Instant, Instant]], scale: _Scale) -> list[tuple[Instant, Instant]]:
    """The recorded times that show on the scale, those that touch joined."""
    found: list[tuple[Instant, Instant]] = []
    for first, last in sorted(one for one in recorded if one[0] <= scale.last and scale.first <= one[1]):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def _row(one: Stage, before: Stage | None, scale: _Scale) -> Row:
    spans = dict.fromkeys((window.since, window.until) for window in one.windows)
    ended = None if before is None else before.last
    waited = None
    if ended is not None and one.first is not None:
        waited = scale.bar(min(ended, one.first), max(ended, one.first))
    return Row(
        stage=one,
        windows=tuple(scale.bar(since, until, stages.bounds(since, until)) for since, until in spans),
        ran=tuple(scale.bar(ran.first, ran.last, f"{utc(ran.first)} to {utc(ran.last)}") for ran in one.ran),
        waited=waited,
        ended=None if ended is None else scale.at(ended),
    )


def _marks(scale: _Scale) -> Iterable[Mark]:
    """Round times on the scale."""
    length = (scale.last - scale.first) // _SECOND
    step = next((one for one in _STEPS if length // one < _MARKS), _STEPS[-1]) * _SECOND
    at = -(-scale.first // step) * step
    while at <= scale.last:
        yield Mark(scale.at(at), _written(at, step))
        at += step


def _written(at: Instant, step: int) -> str:
    moment = _EPOCH + timedelta(seconds=at // _SECOND)
    if step >= 86_400 * _SECOND:
        return f"{moment:%Y-%m-%d}"
    return f"{moment:%H:%M}" if step >= 60 * _SECOND else f"{moment:%H:%M:%S}"
