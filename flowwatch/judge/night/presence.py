"""What was expected on a channel and not heard: of the channel as a whole, or of each sender that a list names.

Heard is a flow of which something was acknowledged, since the channel's windows opened last and by the time.
Silent is said only where all of that time was recorded where the sender is seen; what was perhaps heard cannot be told.
What is expected by a time of day is so for every day on which the windows opened: one finding tells all of them.

Refuses to speak of a time that the recording does not touch: of rehearsals it says nothing about the night.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
import numpy as np

from flowwatch.alike import Flags, Numbers, by_value
from flowwatch.judge.findings import id_of
from flowwatch.judge.night.heard import Night, Sides
from flowwatch.judge.night.runs import Runs
from flowwatch.judge.remedies import remedy_of
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.severity import severity_of
from flowwatch.judge.truth import FALSE, TRUE, UNSEEN, compared
from flowwatch.model import (
    EARLIEST,
    Check,
    Coverage,
    Evidence,
    Finding,
    Instant,
    Label,
    Reason,
    Sureness,
    Truth,
    Verdict,
)
from flowwatch.policy.match import Cidr, Clock, Networks
from flowwatch.policy.terms import Channel, Presence
from flowwatch.policy.windows import deadlines, written

DAYS_MOST = 400
"""Days of a recording, its last, on which a time of day is looked at; of those before it is said that it was not."""
TOLD_MOST = 20
"""Times that a finding tells one by one, and senders of each."""
_SOURCES_MOST = 20
_WHAT = "acknowledged flows"
_REASONS = {FALSE: Reason.NOT_HEARD, UNSEEN: Reason.PRESENCE_UNSEEN}
_DAY = 86_400 * 10**9


class Due(msgspec.Struct, frozen=True):
    """Something must have been heard since then and by then."""

    since: Instant | None
    by: Instant
    looked_at: bool = True
    """False: it stands for many times that were not looked at."""


class Silence(msgspec.Struct, frozen=True):
    """What was not heard on a channel by one time, or of which that cannot be told."""

    book: Rulebook
    channel: Channel
    expected: Presence
    due: Due
    truth: Truth
    senders: tuple[Cidr, ...]
    """Those of the list that were not heard; none where all senders count together."""
    flows: int
    """What was heard, or perhaps heard, of all senders together."""
    sources: tuple[Coverage, ...]
    """What recorded the silence."""


class _Flows(msgspec.Struct):
    """How many flows there were of one sender, or of all."""

    heard: int = 0
    outside: int = 0
    """Heard outside an address translation: those heard inside may be the same."""
    all: int = 0
    """Heard or perhaps heard."""

    def truth(self, least: int) -> Truth:
        """Whether enough were heard."""
        heard = max(self.heard, self.outside)
        return TRUE if heard >= least else UNSEEN if self.all >= least else FALSE


def silences(night: Night) -> Iterator[Silence]:
    """Every silence, and all of which it cannot be told, by channel and time."""
    for book, channel in night.channels():
        expected = channel.expected
        dues = [] if expected is None else _dues(night, book, channel, expected)
        if expected is None or not dues:
            continue
        for due, counts in zip(dues, _counted(night, Sides(book), channel, expected, dues), strict=True):
            for truth, senders, sources in _told(night, book, channel, due, counts):
                flows = sum(one.all for one in counts.values())
                yield Silence(book, channel, expected, due, truth, senders, flows, sources)


def silent(silences: Iterable[Silence]) -> Iterator[Finding]:
    """One finding for each channel that was silent, and for each of which that cannot be told."""
    together: dict[tuple[str, Truth], list[Silence]] = {}
    for one in silences:
        together.setdefault((one.channel.id, one.truth), []).append(one)
    yield from map(_finding, together.values())


def declared(_book: Rulebook, channel: Channel) -> Iterator[tuple[str, str]]:
    """What the channel expects, as (condition, value)."""
    expected = channel.expected
    if expected is not None:
        by = str(expected.by) if isinstance(expected.by, Clock) else written(expected.by)
        yield _WHAT, f"{_least(expected)}, by {by}"


def explained(night: Night, silences: Iterable[Silence], book: Rulebook, channel: Channel) -> Iterator[Check]:
    """What was heard of what the channel expects: one for each time that was not, else one for all."""
    its = [one for one in silences if one.channel.id == channel.id and one.book is book]
    yield from (_check(one, _REASONS[one.truth], named=True) for one in its)
    if not its and channel.expected is not None:
        touched = bool(_dues(night, book, channel, channel.expected))
        for what, said in declared(book, channel):
            observed = "heard" if touched else "that time was not recorded"
            yield compared(what, TRUE if touched else UNSEEN, said, observed, Reason.NOT_HEARD, Reason.PRESENCE_UNSEEN)


def _dues(night: Night, book: Rulebook, channel: Channel, expected: Presence) -> list[Due]:
    """The times by which something must have been heard that the recording touches, in order."""
    if isinstance(expected.by, Clock):
        found = _daily(night, book, channel, expected.by)
    else:
        found = [Due(night.since(book, channel, expected.by - 1), expected.by)]
    return [one for one in found if _in_force(book, one.by) and night.recorded.touches(one.since, one.by)]


def _daily(night: Night, book: Rulebook, channel: Channel, clock: Clock) -> list[Due]:
    first, last = night.recorded.first, night.recorded.last
    if first is None or last is None:
        return []
    begin = max(first, last - DAYS_MOST * _DAY)
    valid = night.valid_since(channel)
    found = [
        Due(opens if valid is None else max(opens, valid), by)
        for opens, by in deadlines(channel.when, clock, begin, last, book.policy.policy.timezone)
    ]
    return found if begin == first else [Due(None, begin, looked_at=False), *found]


def _in_force(book: Rulebook, by: Instant) -> bool:
    header = book.policy.policy
    begun = header.valid_from is None or header.valid_from < by
    return begun and (header.valid_until is None or by <= header.valid_until)


_Counts = dict[Cidr | None, "_Flows"]
"""The flows of each listed sender; under None those of all, where they count together."""


def _counted(
    night: Night, sides: Sides, channel: Channel, expected: Presence, dues: Sequence[Due]
) -> Iterator[_Counts]:
    """What was heard by each time."""
    carried, nearly = _Acknowledged(night.carried(channel)), _Acknowledged(night.nearly(channel))
    listed = Networks((one, one) for one in expected.listed) if expected.listed else None
    for due in dues:
        approved = carried.touching(due)
        heard = [one.those(_heard(one, due)) for one in approved]
        outside = [one.told(sides.outside) for one in heard]
        counts: _Counts = {one: _Flows() for one in expected.listed or (None,)}
        inside = [one.those(~out) for one, out in zip(heard, outside, strict=True)]
        for sender, count in _distinct(inside, listed):
            counts[sender].heard = count
        for sender, count in _distinct([one.those(out) for one, out in zip(heard, outside, strict=True)], listed):
            counts[sender].outside = count
        for sender, count in _distinct([*approved, *nearly.touching(due)], listed):
            counts[sender].all = count
        yield counts


class _Acknowledged:
    """What was acknowledged, or perhaps, to be asked by time."""

    def __init__(self, runs: Runs) -> None:
        possible = runs.those(~runs.attempted & (runs.acked != 0))
        timed = possible.those(possible.timed)
        self._untimed = possible.those(~possible.timed)
        self._timed = timed.those(np.argsort(timed.start, kind="stable"))
        self._latest = np.maximum.accumulate(self._timed.end)

    def touching(self, due: Due) -> tuple[Runs, Runs]:
        """What has no time, and what ran at some of the time."""
        since = EARLIEST if due.since is None else due.since
        begun = np.arange(np.searchsorted(self._latest, since), np.searchsorted(self._timed.start, due.by))
        return self._untimed, self._timed.those(begun[self._timed.end[begun] >= since])


def _heard(runs: Runs, due: Due) -> Flags:
    since = EARLIEST if due.since is None else due.since
    return runs.timed & (runs.acked > 0) & (runs.start >= since) & (runs.end < due.by)


def _distinct(parts: Iterable[Runs], listed: Networks[Cidr] | None) -> Iterator[tuple[Cidr | None, int]]:
    """How many flows there are of each listed sender; where none is listed, of all."""
    found: dict[Cidr | None, list[Numbers]] = {}
    for runs in parts:
        if listed is None:
            found.setdefault(None, []).append(runs.flow)
            continue
        for sender, places in by_value(runs.sender):
            for one in listed.all(runs.addresses[sender]):
                found.setdefault(one, []).append(runs.flow[places])
    yield from ((sender, len(np.unique(np.concatenate(flows)))) for sender, flows in found.items())


_Told = tuple[Truth, tuple[Cidr, ...], tuple[Coverage, ...]]


def _told(night: Night, book: Rulebook, channel: Channel, due: Due, counts: _Counts) -> Iterator[_Told]:
    """Who was silent, and of whom that cannot be told, with the sources that recorded it."""
    expected = channel.expected
    assert expected is not None  # noqa: S101  # asked only of channels that expect something
    by_truth: dict[Truth, list[Cidr | None]] = {}
    held: dict[str, Coverage] = {}
    for sender, flows in counts.items():
        truth = flows.truth(expected.min_flows) if due.looked_at else UNSEEN
        if truth is FALSE:
            sources = _recorded(night, book, channel, sender, due)
            truth = FALSE if sources else UNSEEN
            held |= {one.source: one for one in sources}
        by_truth.setdefault(truth, []).append(sender)
    for truth in (FALSE, UNSEEN):
        if truth in by_truth:
            senders = tuple(sorted(one for one in by_truth[truth] if one is not None))
            yield truth, senders, tuple(held[one] for one in sorted(held)) if truth is FALSE else ()


def _recorded(night: Night, book: Rulebook, channel: Channel, sender: Cidr | None, due: Due) -> tuple[Coverage, ...]:
    """The sources that recorded all that the sender, or every sender of the channel, sent in that time."""
    if due.since is None:
        return ()
    if sender is not None:
        return night.recorded.of_sender(book, sender, due.since, due.by)
    return night.recorded.throughout(book, channel, due.since, due.by)


def _finding(silences: Sequence[Silence]) -> Finding:
    """Of one channel with one truth, in order of the times."""
    one = silences[-1]
    known = one.truth is FALSE
    reason = _REASONS[one.truth]
    verdict = Verdict.DEVIATION if known else Verdict.INDETERMINATE
    rule = one.book.rule("channel", one.channel.id)
    zone = one.channel.from_[0] if len(one.channel.from_) == 1 and not one.channel.from_cidrs else None
    server = one.channel.to[0] if len(one.channel.to) == 1 and one.channel.to[0] in one.book.servers else None
    labels = tuple(map(Label, one.channel.carries or ("none",)))
    sureness, why = _confidence(one)
    senders = sorted({sender for silence in silences for sender in silence.senders})
    return Finding(
        id=id_of(rule, reason, zone, f"server:{server}" if server else ""),
        kind=reason,
        verdict=verdict,
        severity=severity_of(verdict, labels, one.book.policy.severity),
        confidence=sureness,
        confidence_why=why,
        title=f"{_who(silences, len(senders))}: {reason.sentence}",
        first_seen=silences[0].due.by,
        last_seen=one.due.by,
        count=sum(max(len(silence.senders), 1) for silence in silences),
        sender_zone=zone,
        senders=tuple(map(address, senders)),
        server=server,
        rule=rule,
        checks=tuple(_checks(silences, reason)),
        remedy=remedy_of(reason),
        evidence=tuple(_evidence({source.source: source for silence in silences for source in silence.sources})),
    )


def _who(silences: Sequence[Silence], senders: int) -> str:
    one = silences[-1]
    times = f", {len(silences)} times" if len(silences) > 1 else ""
    if not one.expected.listed:
        return f"channel {one.channel.id}{times}"
    return f"{senders} of {len(one.expected.listed)} senders listed for channel {one.channel.id}{times}"


def _checks(silences: Sequence[Silence], reason: Reason) -> Iterator[Check]:
    """One for each time; those beyond `TOLD_MOST` are counted."""
    for one in silences[:TOLD_MOST]:
        yield _check(one, reason, named=len(silences) > 1)
    if len(silences) > TOLD_MOST:
        one, more = silences[-1], len(silences) - TOLD_MOST
        yield Check(_WHAT, one.truth, f"the same by {more} later times", "the same", reason)


def _check(one: Silence, reason: Reason, *, named: bool) -> Check:
    since = "" if one.due.since is None else f"since {written(one.due.since)}, "
    said = f"{_least(one.expected)}, {since}by {written(one.due.by)}"
    if not one.due.looked_at:
        return Check(_WHAT, one.truth, said, f"only the last {DAYS_MOST} days are looked at", reason)
    perhaps = "" if one.truth is FALSE else ", or some that could not be told"
    observed = f"fewer of {len(one.senders)}" if one.expected.listed else str(one.flows)
    return Check(_WHAT, one.truth, said, observed + (_named(one) if named else "") + perhaps, reason)


def _least(expected: Presence) -> str:
    return f"{expected.min_flows} or more{' of each sender listed' if expected.listed else ''}"


def _named(one: Silence) -> str:
    """The senders of one time among several."""
    if not one.senders:
        return ""
    more = f" and {len(one.senders) - TOLD_MOST} more" if len(one.senders) > TOLD_MOST else ""
    return f" ({', '.join(map(address, one.senders[:TOLD_MOST]))}{more})"


def _confidence(one: Silence) -> tuple[Sureness, str]:
    if one.truth is not FALSE:
        return Sureness.LOW, "not all of the time was recorded, or what was acknowledged was not seen"
    if one.expected.listed:
        return Sureness.MEDIUM, "all of the time was recorded; a sender may have had another address"
    return Sureness.HIGH, "all of the time was recorded where the senders are seen"


def _evidence(sources: Mapping[str, Coverage]) -> Iterator[Evidence]:
    """The recordings as a whole: absence has no record of its own."""
    for source in [sources[one] for one in sorted(sources)][:_SOURCES_MOST]:
        yield Evidence(
            source=source.source,
            sha256=source.sha256,
            record=1,
            last_record=max(source.records, 1),
            offset=None,
            time=source.first,
            how="recorded the time",
            format=source.format,
        )


def address(sender: Cidr) -> str:
    """The address alone where it is one."""
    return sender.address if sender.first == sender.last else str(sender)
