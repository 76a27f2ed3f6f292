"""Windows of time: whether a transmission ran within one of them from its first to its last payload; pure.

Promises: instants are half-open `[from, until)`; days are local days of the policy's zone, named by the day they start
on, and `end <= start` runs into the next day. A day's window opens at the first instant at which the local clock has
reached `start` and closes after the last instant at which it has not reached `end`; so an hour the clock repeats lies
within as a whole, and an hour it skips is nobody's. Instants are compared in UTC.
"""

import datetime as dt
import enum
import functools
import zoneinfo
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from flowwatch.model import Instant, Reason, Truth
from flowwatch.policy.match import DAY, Clock
from flowwatch.policy.terms import Window

_SECOND = 10**9
_DAY = 86_400 * _SECOND
_ONE = dt.timedelta(seconds=1)
_UTC_START = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Outcome(enum.Enum):
    """How a transmission lies to the windows; each with its truth and the reason when it is not true."""

    INSIDE = (Truth.TRUE, None)
    ENDS_OUTSIDE = (Truth.FALSE, Reason.ENDS_OUTSIDE)
    OUTSIDE = (Truth.FALSE, Reason.OUTSIDE_WINDOW)
    UNSEEN = (Truth.UNSEEN, Reason.BEGUN_BEFORE)
    UNTIMED = (Truth.UNSEEN, Reason.UNSEEN)

    truth: Truth
    """The condition as the judge reads it."""
    reason: Reason | None
    """Why it is not true; None when it is."""

    def __init__(self, truth: Truth, reason: Reason | None) -> None:
        self.truth = truth
        self.reason = reason


def inside(
    windows: Sequence[Window],
    start: Instant,
    end: Instant,
    timezone: str,
    *,
    begun_before: bool = False,
    clock_error: int = 0,
) -> Outcome:
    """How `[start, end]` (first to last payload, both included) lies to the windows; without any, inside.

    One window must hold throughout. `begun_before`: the true start was not seen, so what lies inside a window that
    opens at some instant is unseen. `clock_error`: nanoseconds by which every window opens earlier and closes later.
    """
    if not windows:
        return Outcome.INSIDE
    ran = _Ran(start, end, zoneinfo.ZoneInfo(timezone), begun_before, clock_error)
    outcomes = {_inside_one(window, ran) for window in windows}
    order = (Outcome.INSIDE, Outcome.UNSEEN, Outcome.ENDS_OUTSIDE, Outcome.OUTSIDE)
    return next(outcome for outcome in order if outcome in outcomes)


class _Ran(NamedTuple):
    """When something ran, and what bears on how it lies to any window."""

    start: Instant
    end: Instant
    zone: zoneinfo.ZoneInfo
    begun_before: bool
    clock_error: int


def _inside_one(window: Window, ran: _Ran) -> Outcome:
    if window.from_ is not None and ran.start < window.from_ - ran.clock_error:
        return Outcome.OUTSIDE
    held_until = _held_until(window, ran)
    if held_until is None:
        return Outcome.OUTSIDE
    if ran.end >= held_until:
        return Outcome.OUTSIDE if ran.begun_before else Outcome.ENDS_OUTSIDE
    opens = window.from_ is not None or bool(window.days)
    return Outcome.UNSEEN if ran.begun_before and opens else Outcome.INSIDE


def _held_until(window: Window, ran: _Ran) -> Instant | None:
    """The instant at which the window that holds `start` closes (or one after `end`), or None when none holds it."""
    closes = window.until + ran.clock_error if window.until is not None else ran.end + 1
    if ran.start >= closes:
        return None
    if window.days:
        days_close = _days_until(window, ran)
        return None if days_close is None else min(closes, days_close)
    return closes


def _days_until(window: Window, ran: _Ran) -> Instant | None:
    """Where the unbroken run of daily windows that holds `start` stops; it is not followed beyond `end`."""
    if _always_open(window):
        return ran.end + 1
    reached = ran.start
    while reached <= ran.end:
        closing = [closes for opens, closes in _around(window, reached, ran) if opens <= reached < closes]
        if not closing:
            break
        reached = max(closing)
    return reached if reached > ran.start else None


def _always_open(window: Window) -> bool:
    """Every day's window ends where the next one begins, so that some window holds every instant."""
    first, last = clocks(window)
    return last - first == DAY and set(window.days) == set(_WEEK)


def _around(window: Window, at: Instant, ran: _Ran) -> Iterator[tuple[Instant, Instant]]:
    """The daily windows that could hold `at`, as half-open instants."""
    today = _local_day(at, ran.zone)
    more = -(-ran.clock_error // _DAY)
    for back in range(-1 - more, 3 + more):
        day = today - dt.timedelta(days=back)
        if _WEEK[day.weekday()] in window.days:
            opens, closes = opening(window, day, ran.zone)
            yield opens - ran.clock_error, closes + ran.clock_error


def opening(window: Window, day: dt.date, zone: zoneinfo.ZoneInfo) -> tuple[Instant, Instant]:
    """The instants `[opens, closes)` of a daily window that starts on that local day."""
    first, last = clocks(window)
    midnight = dt.datetime.combine(day, dt.time())
    opens, _ = _readings(midnight + dt.timedelta(minutes=first), zone)
    _, closes = _readings(midnight + dt.timedelta(minutes=last), zone)
    return opens, closes


def clocks(window: Window) -> tuple[int, int]:
    """Start and end in minutes after the starting day's midnight; the end is beyond 24 hours when it crosses it."""
    first = (window.start or Clock(0)).minutes
    last = (window.end or Clock(DAY)).minutes
    return first, last if last > first else last + DAY


def _readings(wall: dt.datetime, zone: zoneinfo.ZoneInfo) -> tuple[Instant, Instant]:
    """(the first instant at which the local clock has reached `wall`, the first after which it is never before it)."""
    first, last = (wall.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (0, 1))
    if _local(first, zone) != wall:
        first = last = _gap_edge(wall, zone)
    elif _local(last - _ONE, zone) >= wall:  # the clock goes back to `wall`, not beyond it
        last = first
    return _instant(first), _instant(last)


def _local(moment: dt.datetime, zone: zoneinfo.ZoneInfo) -> dt.datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _instant(moment: dt.datetime) -> Instant:
    return (moment - _UTC_START) // _ONE * _SECOND


def _gap_edge(wall: dt.datetime, zone: zoneinfo.ZoneInfo) -> dt.datetime:
    """The first second at which the local clock, which never reads `wall`, has passed it."""
    before, after = sorted(wall.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (0, 1))
    while after - before > _ONE:
        middle = before + (after - before) // _ONE // 2 * _ONE
        if _local(middle, zone) < wall:
            before = middle
        else:
            after = middle
    return after


def opened(windows: Sequence[Window], at: Instant, timezone: str) -> Instant | None:
    """The instant since which windows hold without a break, of those that opened last by `at`.

    None where nothing bounds it; `at` itself where none had opened by then.
    """
    zone = zoneinfo.ZoneInfo(timezone)
    since = max((opens for opens, _ in _opened_before(windows, at, zone)), default=None)
    if since is None:
        return at if windows else None
    for _ in range(_JOINED * len(windows)):
        joined = [opens for opens, closes in _opened_before(windows, since, zone) if opens < since <= closes]
        if not joined:
            break
        since = min(joined)
    return None if since == _EVER else since


def _opened_before(
    windows: Sequence[Window], at: Instant, zone: zoneinfo.ZoneInfo
) -> Iterator[tuple[Instant, Instant]]:
    """The windows, half-open, that opened by `at`; of daily ones those of the week before."""
    days = [_local_day(at, zone) + dt.timedelta(days=1 - back) for back in range(9)]
    return (span for window in windows for span in _spans(window, days, zone) if span[0] <= at)


def within(
    windows: Sequence[Window], since: Instant, until: Instant, timezone: str
) -> Iterator[tuple[Instant | None, Instant | None]]:
    """The windows, half-open, that hold some of `[since, until]`; None where nothing bounds one.

    One entry for each day of daily windows: the caller bounds the days.
    """
    zone = zoneinfo.ZoneInfo(timezone)
    first, last = _local_day(since, zone), _local_day(until, zone)
    days = [first + dt.timedelta(days=number) for number in range(-1, (last - first).days + 1)]
    for opens, closes in (span for window in windows for span in _spans(window, days, zone)):
        if opens <= until and since < closes:
            yield None if opens == _EVER else opens, None if closes == -_EVER else closes


def deadlines(
    windows: Sequence[Window], clock: Clock, since: Instant, until: Instant, timezone: str
) -> list[tuple[Instant, Instant]]:
    """When daily windows opened and the local clock then read that time, where `[since, until]` touches that.

    Only windows within which, or at whose end, it does. Where the clock repeats an hour, the later time. One entry for
    each day at the most: the caller bounds the days.
    """
    zone = zoneinfo.ZoneInfo(timezone)
    found: dict[Instant, Instant] = {}
    first, last = _local_day(since, zone), _local_day(until, zone)
    for number in range(-1, (last - first).days + 1):
        day = first + dt.timedelta(days=number)
        for window, minutes in ((one, reads_within(one, clock)) for one in windows):
            for opens, closes in _spans(window, [day], zone) if minutes is not None else ():
                _, by = _readings(dt.datetime.combine(day, dt.time()) + dt.timedelta(minutes=minutes or 0), zone)
                if opens < by <= closes and opens <= until and since <= by:
                    found[by] = min(opens, found.get(by, opens))
    return [(opens, by) for by, opens in sorted(found.items())]


def reads_within(window: Window, clock: Clock) -> int | None:
    """Minutes after the starting day's midnight at which the clock reads that within a daily window; None: never."""
    if not window.days:
        return None
    first, last = clocks(window)
    minutes = clock.minutes if clock.minutes > first else clock.minutes + DAY
    return minutes if minutes <= last else None


def _spans(window: Window, days: Sequence[dt.date], zone: zoneinfo.ZoneInfo) -> Iterator[tuple[Instant, Instant]]:
    """The window, or what it holds of its daily ones that start on these days."""
    since = _EVER if window.from_ is None else window.from_
    until = -_EVER if window.until is None else window.until
    daily = (_opening(window, day, zone) for day in days if _WEEK[day.weekday()] in window.days)
    for opens, closes in daily if window.days else [(since, until)]:
        if max(opens, since) < min(closes, until):
            yield max(opens, since), min(closes, until)


def _local_day(at: Instant, zone: zoneinfo.ZoneInfo) -> dt.date:
    return (_UTC_START + dt.timedelta(seconds=at // _SECOND)).astimezone(zone).date()


_opening = functools.lru_cache(maxsize=4096)(opening)
_EVER = -(2**63)
_JOINED = 400
"""Windows that are followed back where each begins when another ends: a year of days."""


def words(windows: Sequence[Window], timezone: str) -> str:
    """The windows in words, for a screen: `2026-11-03T20:00:00Z to ... or mon-fri 09:00-17:00 (Europe/Berlin)`."""
    return " or ".join(_words_of(window, timezone) for window in windows) or "any time"


@functools.lru_cache(maxsize=4096)
def _words_of(window: Window, timezone: str) -> str:
    parts = []
    if window.days:
        first, last = window.start or Clock(0), window.end or Clock(DAY)
        parts.append(f"{' '.join(window.days)} {first}-{last} ({timezone})")
    if window.from_ is not None:
        parts.append(f"from {written(window.from_)}")
    if window.until is not None:
        parts.append(f"until {written(window.until)}")
    return " ".join(parts)


@functools.lru_cache(maxsize=4096)
def written(instant: Instant) -> str:
    """The instant as UTC text to the second."""
    return f"{_UTC_START + dt.timedelta(seconds=instant // _SECOND):%Y-%m-%dT%H:%M:%SZ}"
