"""The stages of each night: when they ran, who was heard, and how long after the stage before.

Promises: only what channels with a `stage` approve, and only of the times that the recording touches; what may have run
before the first or after the last that was seen makes an edge unknown, and a delay the most it can have been. Who is
silent is only said of whom the policy lists, as `presence` tells it.

Nights are the windows of all staged channels, those that touch joined, as far as `AROUND` beyond what was recorded.
Where one of those channels has no windows, all that was recorded is one night. Of recordings longer than `DAYS_MOST`
days only nights in which something ran are told.
"""

import bisect
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from flowwatch.judge.night.heard import Heard, Night
from flowwatch.judge.night.presence import DAYS_MOST, Silence, address
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.truth import FALSE
from flowwatch.model import Delay, Instant, Opening, Ran, Stage, Tally, Transmission
from flowwatch.policy.match import address_key
from flowwatch.policy.terms import Channel
from flowwatch.policy.windows import within

RAN_MOST = 60
"""Times in which a stage ran that are told one by one: beyond, the nearest are told as one."""
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

    carried: dict[int, dict[int, Transmission]] = msgspec.field(default_factory=dict)
    """By stage, each transmission once, by its place."""
    silences: list[Silence] = msgspec.field(default_factory=list)


def stages(night: Night, silences: Iterable[Silence]) -> tuple[Stage, ...]:
    """Every stage of every night that the recording touches, in order; none where no channel has a stage."""
    windows = [window for book, channel in night.channels() for window in _windows(book, channel, night)]
    nights = _nights(windows)
    begins = [one.since for one in nights]
    held = [_Held() for _ in nights]
    for place, stage, one in _carried(night, windows, begins):
        held[place].carried.setdefault(stage, {})[one.place] = one.decision.transmission
    for silence in silences if nights else ():
        held[_nearest(nights, begins, silence.due.by - 1)].silences.append(silence)
    touched = [_touches(night, one, its) for one, its in zip(nights, held, strict=True)]
    each = zip(nights, held, touched, strict=True)
    return tuple(stage for one, its, told in each if told for stage in _of_night(night, one, its))


def _touches(night: Night, one: _Night, held: _Held) -> bool:
    """Something ran in the night or, where the recording is not too long to tell every night, it was recorded then."""
    first, last = night.recorded.first, night.recorded.last
    if held.carried or first is None or last is None:
        return bool(held.carried)
    return not _too_long(first, last) and one.since <= last and first < one.until


def _too_long(first: Instant, last: Instant) -> bool:
    return last - first > DAYS_MOST * _DAY


def _carried(night: Night, windows: Iterable[_Window], begins: Sequence[Instant]) -> Iterator[tuple[int, int, Heard]]:
    """The place of the night, the stage, and what ran: in the window of its channel that is nearest."""
    by_channel: dict[tuple[str, str], list[_Window]] = {}
    for one in sorted(windows, key=_order):
        by_channel.setdefault((one.book.policy.policy.version, one.channel.id), []).append(one)
    for its in by_channel.values():
        opened = [one.since for one in its]
        book, channel = its[0].book, its[0].channel
        for heard in night.on(book, channel):
            sent = heard.decision.transmission
            if not sent.attempted and channel.stage is not None:
                window = its[_nearest(its, opened, sent.start)]
                yield bisect.bisect_right(begins, window.since) - 1, channel.stage, heard


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
    ran = (one.decision.transmission for one in night.on(book, channel))
    days = sorted({sent.start // _DAY for sent in ran if sent.timed})
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
        stage = _stage(night, one, windows[number], list(held.carried.get(number, {}).values()))
        told = [silence for silence in held.silences if silence.channel.id in stage.channels]
        before = _after(_with_listed(stage, told, windows[number]), before)
        yield before


def _stage(night: Night, one: _Night, windows: Sequence[_Window], sent: Sequence[Transmission]) -> Stage:
    tally = Tally.of(sent)
    heard = {one.sender_ip for one in sent if one.acked}
    return Stage(
        since=_bound(one.since),
        until=_bound(one.until),
        number=windows[0].channel.stage or 0,
        channels=tuple(sorted({window.channel.id for window in windows})),
        windows=tuple(Opening(one.channel.id, _bound(one.since), _bound(one.until)) for one in windows),
        **_edges(night, windows, sent),
        ran=_ran([one for one in sent if one.timed]),
        flows=len({one.flow for one in sent}),
        transmissions=tally.count,
        bytes_sent=tally.bytes,
        bytes_most=tally.bytes_most,
        bytes_unknown=tally.bytes_unknown,
        bytes_acked=_acked(sent),
        heard=_sorted(heard),
        perhaps=_sorted({one.sender_ip for one in sent if one.acked is None} - heard),
    )


def _edges(night: Night, windows: Sequence[_Window], sent: Sequence[Transmission]) -> dict[str, Any]:
    """First and last, and whether something of the stage perhaps ran before or later."""
    timed = [one for one in sent if one.timed]
    if not timed:
        return {}
    first, last = min(one.start for one in timed), max(one.end for one in timed)
    doubtful = _doubtful(night, windows)
    known = len(timed) == len(sent) and all(one.timed for one in doubtful)
    earlier = any(one.begun_before for one in timed) or any(one.start < first for one in doubtful)
    later = any(last < one.end for one in doubtful)
    return {
        "first": first,
        "last": last,
        "first_known": known
        and not earlier
        and all(_recorded(night, one, one.since, min(first, one.until)) for one in windows),
        "last_known": known
        and not later
        and all(_recorded(night, one, max(last, one.since), one.until) for one in windows),
    }


def _doubtful(night: Night, windows: Sequence[_Window]) -> list[Transmission]:
    """What is judged by a channel of the stage and not approved, in the time of its windows: it may be the stage's."""
    since, until = min(one.since for one in windows), max(one.until for one in windows)
    nearly = [
        one for channel in {one.channel.id: one.channel for one in windows}.values() for one in night.nearly(channel)
    ]
    return [one for one in nearly if not one.attempted and (not one.timed or (one.start < until and since <= one.end))]


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


def _ran(sent: Sequence[Transmission]) -> tuple[Ran, ...]:
    """The times in which something ran, those that overlap joined, then the nearest."""
    joined: list[Ran] = []
    for one in sorted(sent, key=lambda one: (one.start, one.end)):
        if joined and one.start <= joined[-1].last:
            joined[-1] = Ran(joined[-1].first, max(joined[-1].last, one.end))
        else:
            joined.append(Ran(one.start, one.end))
    gaps = sorted(range(1, len(joined)), key=lambda place: joined[place - 1].last - joined[place].first)
    edges = [0, *sorted(gaps[: RAN_MOST - 1]), len(joined)]
    return tuple(
        Ran(joined[one].first, joined[other - 1].last) for one, other in itertools.pairwise(edges) if one < other
    )


def _acked(sent: Sequence[Transmission]) -> int | None:
    """Bytes acknowledged; None where that was not recorded of one."""
    counts = [one.acked for one in sent]
    return None if None in counts else sum(one for one in counts if one is not None)


def _sorted(senders: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(senders, key=_by_address))


def _by_address(sender: str) -> tuple[tuple[int, int], str]:
    """A log may tell another word than an address: those come first."""
    return address_key(sender) or (0, 0), sender


def _bound(at: Instant) -> Instant | None:
    return None if abs(at) == _EVER else at
