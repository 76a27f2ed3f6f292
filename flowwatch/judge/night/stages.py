"""The stages of each night: when they ran, who was heard, and how long after the stage before.

Promises: only what channels with a `stage` approve, and only of the times that the recording touches; what may have run
before the first or after the last that was seen makes an edge unknown, and a delay the most it can have been. Who is
silent is only said of whom the policy lists, as `presence` tells it.

Nights are the windows of all staged channels, those that touch joined, as far as `AROUND` beyond what was recorded.
Where one of those channels has no windows, all that was recorded is one night. Of recordings longer than `DAYS_MOST`
days only nights in which something ran are told.
"""

import bisect
from collections.abc import Iterable, Iterator, Sequence

import msgspec
import numpy as np

from flowwatch.alike import Numbers, by_value
from flowwatch.judge.night.heard import Night
from flowwatch.judge.night.presence import DAYS_MOST, Silence, address
from flowwatch.judge.night.ran import Sum
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.truth import FALSE
from flowwatch.model import LATEST, Delay, Instant, Opening, Stage
from flowwatch.policy.match import address_key
from flowwatch.policy.terms import Channel
from flowwatch.policy.windows import within

_DAY = 86_400 * 10**9
AROUND = 2 * _DAY
"""Windows so near to what was recorded are looked at: they may be of a night that it touches."""
_EVER = 2**63


class _Window(msgspec.Struct, frozen=True):
    """One window of a staged channel within the validity of its version; `_EVER` where nothing bounds it."""

    since: Instant
    until: Instant
    book: Rulebook
    channel: Channel


class _Night(msgspec.Struct, frozen=True):
    """Windows that touch."""

    since: Instant
    until: Instant
    windows: tuple[_Window, ...]


class _Held(msgspec.Struct):
    """What is told of one night."""

    sums: dict[int, Sum] = msgspec.field(default_factory=dict)
    """By stage."""
    silences: list[Silence] = msgspec.field(default_factory=list)

    def stage(self, number: int) -> Sum:
        """What ran in the stage."""
        return self.sums.setdefault(number, Sum())


def stages(night: Night, silences: Iterable[Silence]) -> tuple[Stage, ...]:
    """Every stage of every night that the recording touches, in order; none where no channel has a stage."""
    windows = [window for book, channel in night.channels() for window in _windows(book, channel, night)]
    nights = _nights(windows)
    held = [_Held() for _ in nights]
    begins = [one.since for one in nights]
    for its in _by_stage(windows):
        _add_up(night, its, held, begins)
    for silence in silences if nights else ():
        held[_nearest(nights, begins, silence.due.by - 1)].silences.append(silence)
    touched = [_touches(night, one, its) for one, its in zip(nights, held, strict=True)]
    each = zip(nights, held, touched, strict=True)
    return tuple(stage for one, its, told in each if told for stage in _of_night(night, one, its))


def _touches(night: Night, one: _Night, held: _Held) -> bool:
    """Something ran in the night or, where the recording is not too long to tell every night, it was recorded then."""
    first, last = night.recorded.first, night.recorded.last
    ran = any(one.transmissions for one in held.sums.values())
    if ran or first is None or last is None:
        return ran
    return not _too_long(first, last) and one.since <= last and first < one.until


def _too_long(first: Instant, last: Instant) -> bool:
    return last - first > DAYS_MOST * _DAY


def _by_stage(windows: Iterable[_Window]) -> Iterable[list[list[_Window]]]:
    """The windows of each channel, in order, by version and stage."""
    found: dict[tuple[str, int | None], dict[str, list[_Window]]] = {}
    for one in sorted(windows, key=_order):
        stage = found.setdefault((one.book.policy.policy.version, one.channel.stage), {})
        stage.setdefault(one.channel.id, []).append(one)
    return [list(channels.values()) for channels in found.values()]


def _add_up(night: Night, channels: Sequence[list[_Window]], held: Sequence[_Held], begins: Sequence[Instant]) -> None:
    """Count what ran on the channels of one stage, in the nights in which it ran; each transmission once."""
    counted = np.zeros(0, np.int64)
    for its in channels:
        book, channel = its[0].book, its[0].channel
        opened = [one.since for one in its]
        sums = [held[bisect.bisect_right(begins, one.since) - 1].stage(channel.stage or 0) for one in its]
        heard = night.on(book, channel).carrying
        if len(channels) > 1:
            heard = heard.those(~np.isin(heard.place, counted))
            counted = np.concatenate([counted, heard.place])
        for window, those in by_value(_nearest_of(its, opened, heard.start)):
            sums[window].add(heard.those(those))
        nearly = night.nearly(channel).carrying
        for place, one in enumerate(its):
            touching = ~nearly.timed | ((nearly.start < one.until) & (nearly.end >= one.since))
            sums[place].doubt(nearly.those(touching))


def _nearest_of(windows: Sequence[_Window], opened: Sequence[Instant], times: Numbers) -> Numbers:
    """`_nearest` of each time."""
    after = np.searchsorted(np.array(opened, np.int64), times, side="right")
    found = np.maximum(after - 1, 0)
    closes = np.array([min(one.until, LATEST) for one in windows], np.int64)
    beside = np.flatnonzero((times >= closes[found]) & (after < len(windows)))
    found[beside] = [_nearest(windows, opened, at) for at in times[beside].tolist()]
    return found


def _nights(windows: Iterable[_Window]) -> list[_Night]:
    """The nights in order: they never touch."""
    joined: list[list[_Window]] = []
    until = -_EVER
    for one in sorted(windows, key=_order):
        if not joined or one.since > until:
            joined.append([])
        joined[-1].append(one)
        until = max(until, one.until)
    return [_Night(held[0].since, max(one.until for one in held), tuple(held)) for held in joined]


def _order(window: _Window) -> tuple[Instant, Instant, str]:
    return window.since, window.until, window.channel.id


def _windows(book: Rulebook, channel: Channel, night: Night) -> Iterator[_Window]:
    """The windows of the channel near to what was recorded; none where it has no stage."""
    header = book.policy.policy
    begin = -_EVER if header.valid_from is None else header.valid_from
    end = _EVER if header.valid_until is None else header.valid_until
    told: set[tuple[Instant, Instant]] = set()
    for first, last in _times(book, channel, night) if channel.stage is not None else ():
        spans = within(channel.when, first, last, header.timezone) if channel.when else [(None, None)]
        for opens, closes in spans:
            since = max(begin, -_EVER if opens is None else opens)
            until = min(end, _EVER if closes is None else closes)
            if since < until and (since, until) not in told:
                told.add((since, until))
                yield _Window(since, until, book, channel)


def _times(book: Rulebook, channel: Channel, night: Night) -> Iterable[tuple[Instant, Instant]]:
    """The time that was recorded or, where that is long, the days on which something ran; each with what is around."""
    first, last = night.recorded.first, night.recorded.last
    if first is None or last is None:
        return ()
    if not _too_long(first, last) or not channel.when:
        return ((first - AROUND, last + AROUND),)
    ran = night.on(book, channel)
    days = np.unique(ran.start[ran.timed] // _DAY).tolist()
    return [(day * _DAY - AROUND, (day + 1) * _DAY + AROUND) for day in days]


def _nearest(spans: Sequence[_Window] | Sequence[_Night], begins: Sequence[Instant], at: Instant) -> int:
    """The place of what holds the time or, for a clock may be off, is nearest to it; they stand in order."""
    after = bisect.bisect_right(begins, at)
    before = max(after - 1, 0)
    if after == len(spans) or at < spans[before].until:
        return before
    return before if at - spans[before].until < spans[after].since - at else after


def _of_night(night: Night, one: _Night, held: _Held) -> Iterator[Stage]:
    """The stages whose windows are open in that night, each with the delay since the one before."""
    windows: dict[int, list[_Window]] = {}
    for window in one.windows:
        windows.setdefault(window.channel.stage or 0, []).append(window)
    before: Stage | None = None
    for number in sorted(windows):
        stage = _stage(night, one, windows[number], held.stage(number))
        told = [silence for silence in held.silences if silence.channel.id in stage.channels]
        before = _after(_with_listed(stage, told, windows[number]), before)
        yield before


def _stage(night: Night, one: _Night, windows: Sequence[_Window], total: Sum) -> Stage:
    ran = total.ran()
    return Stage(
        since=_bound(one.since),
        until=_bound(one.until),
        number=windows[0].channel.stage or 0,
        channels=tuple(sorted({window.channel.id for window in windows})),
        windows=tuple(Opening(one.channel.id, _bound(one.since), _bound(one.until)) for one in windows),
        first=ran[0].first if ran else None,
        last=ran[-1].last if ran else None,
        first_known=bool(ran) and _first_known(night, windows, total, ran[0].first),
        last_known=bool(ran) and _last_known(night, windows, total, ran[-1].last),
        ran=ran,
        flows=total.flows,
        transmissions=total.transmissions,
        bytes_sent=total.least,
        bytes_most=None if total.unbounded else total.most,
        bytes_unknown=total.unknown,
        bytes_acked=total.acked,
        heard=_sorted(total.heard),
        perhaps=_sorted(total.unsure - total.heard),
    )


def _first_known(night: Night, windows: Sequence[_Window], total: Sum, first: Instant) -> bool:
    """Nothing of the stage ran before it."""
    earlier = total.untimed or total.begun_before or (total.doubtful is not None and total.doubtful[0] < first)
    return not earlier and all(_recorded(night, one, one.since, min(first, one.until)) for one in windows)


def _last_known(night: Night, windows: Sequence[_Window], total: Sum, last: Instant) -> bool:
    """Nothing of the stage ran later."""
    later = total.untimed or (total.doubtful is not None and last < total.doubtful[1])
    return not later and all(_recorded(night, one, max(last, one.since), one.until) for one in windows)


def _recorded(night: Night, window: _Window, since: Instant, until: Instant) -> bool:
    """Whatever the senders of the channel sent in that time was recorded."""
    if since >= until:
        return True
    bounded = since > -_EVER and until < _EVER
    return bounded and bool(night.recorded.throughout(window.book, window.channel, since, until))


def _with_listed(stage: Stage, silences: Sequence[Silence], windows: Sequence[_Window]) -> Stage:
    """The stage with whom the policy lists as expected on its channels, and who of them was silent."""
    expected = [window.channel.expected for window in windows]
    listed = {sender for one in expected if one is not None for sender in one.listed}
    silent = {sender for one in silences if one.truth is FALSE for sender in one.senders}
    untold = {sender for one in silences if one.truth is not FALSE for sender in one.senders} - silent
    return msgspec.structs.replace(
        stage,
        listed=tuple(map(address, sorted(listed))),
        silent=tuple(map(address, sorted(silent))),
        untold=tuple(map(address, sorted(untold))),
    )


def _after(stage: Stage, before: Stage | None) -> Stage:
    if before is None:
        return stage
    if stage.first is None or before.last is None:
        return msgspec.structs.replace(stage, after=before.number)
    delay = Delay(stage.first - before.last, exact=stage.first_known and before.last_known)
    return msgspec.structs.replace(stage, after=before.number, delay=delay)


def _sorted(senders: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(senders, key=_by_address))


def _by_address(sender: str) -> tuple[tuple[int, int], str]:
    """A log may tell another word than an address: those come first."""
    return address_key(sender) or (0, 0), sender


def _bound(at: Instant) -> Instant | None:
    return None if abs(at) == _EVER else at
