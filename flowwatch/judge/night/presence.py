"""What was expected on a channel and not heard: of the channel as a whole, or of each sender that a list names.

Heard is a flow of which something was acknowledged, since the channel's windows opened last and by the time.
Silent is said only where all of that time was recorded where the sender is seen; what was perhaps heard cannot be told.

Refuses to speak of a time that the recording does not touch: of rehearsals it says nothing about the night.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from flowwatch.judge.findings import id_of
from flowwatch.judge.night.heard import Night, Sides
from flowwatch.judge.remedies import remedy_of
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.severity import severity_of
from flowwatch.judge.truth import FALSE, TRUE, UNSEEN
from flowwatch.model import (
    Check,
    Coverage,
    Evidence,
    Finding,
    Instant,
    Label,
    Reason,
    Sureness,
    Transmission,
    Truth,
    Verdict,
)
from flowwatch.policy.match import Cidr, Networks
from flowwatch.policy.terms import Channel, Presence
from flowwatch.policy.windows import written

_SOURCES_MOST = 20


class _Silence(msgspec.Struct, frozen=True):
    """Everything a finding on one channel tells."""

    book: Rulebook
    channel: Channel
    expected: Presence
    since: Instant | None
    truth: Truth
    senders: tuple[Cidr, ...]
    """Those of the list that were not heard; none where all senders count together."""
    flows: int
    """What was heard, or perhaps heard, of all senders together."""
    sources: tuple[Coverage, ...]
    """What recorded the silence."""


class _Flows(msgspec.Struct):
    """Flows of one sender, or of all."""

    heard: set[int] = msgspec.field(default_factory=set)
    outside: set[int] = msgspec.field(default_factory=set)
    """Heard outside an address translation: those heard inside may be the same."""
    perhaps: set[int] = msgspec.field(default_factory=set)

    @property
    def all(self) -> set[int]:
        """Everything that was heard or perhaps heard."""
        return self.heard | self.outside | self.perhaps

    def truth(self, least: int) -> Truth:
        """Whether enough were heard."""
        heard = max(len(self.heard), len(self.outside))
        return TRUE if heard >= least else UNSEEN if len(self.all) >= least else FALSE


def silent(night: Night) -> Iterator[Finding]:
    """One finding for each channel that was silent, or of which that cannot be told."""
    for book, channel in night.channels():
        expected = channel.expected
        if expected is None or not _in_force(book, expected.by):
            continue
        since = night.since(book, channel, expected.by - 1)
        if night.recorded.touches(since, expected.by):
            counts = _counted(night, Sides(book), channel, expected, since)
            for truth, senders, sources in _told(night, book, channel, since, counts):
                flows = sum(len(one.all) for one in counts.values())
                yield _finding(_Silence(book, channel, expected, since, truth, senders, flows, sources))


def _in_force(book: Rulebook, by: Instant) -> bool:
    header = book.policy.policy
    begun = header.valid_from is None or header.valid_from < by
    return begun and (header.valid_until is None or by <= header.valid_until)


def _counted(
    night: Night, sides: Sides, channel: Channel, expected: Presence, since: Instant | None
) -> dict[Cidr | None, _Flows]:
    """The flows of each listed sender; under None those of all, where they count together."""
    counts: dict[Cidr | None, _Flows] = {one: _Flows() for one in expected.listed or (None,)}
    listed = Networks((one, one) for one in expected.listed)
    carried = night.carried(channel)
    for sent, approved in [*((one, True) for one in carried), *((one, False) for one in night.nearly(channel))]:
        senders: Sequence[Cidr | None] = listed.all(sent.sender_ip) if expected.listed else (None,)
        for sender in senders:
            if approved and _heard(sent, since, expected.by):
                (counts[sender].outside if sides.outside(sent) else counts[sender].heard).add(sent.flow)
            elif _perhaps(sent, since, expected.by):
                counts[sender].perhaps.add(sent.flow)
    return counts


def _heard(sent: Transmission, since: Instant | None, by: Instant) -> bool:
    within = sent.timed and sent.end < by and (since is None or since <= sent.start)
    return within and not sent.attempted and bool(sent.acked)


def _perhaps(sent: Transmission, since: Instant | None, by: Instant) -> bool:
    touches = not sent.timed or (sent.start < by and (since is None or since <= sent.end))
    return touches and not sent.attempted and sent.acked != 0


_Told = tuple[Truth, tuple[Cidr, ...], tuple[Coverage, ...]]


def _told(
    night: Night, book: Rulebook, channel: Channel, since: Instant | None, counts: dict[Cidr | None, _Flows]
) -> Iterator[_Told]:
    """Who was silent, and of whom that cannot be told, with the sources that recorded it."""
    expected = channel.expected
    assert expected is not None  # noqa: S101  # asked only of channels that expect something
    by_truth: dict[Truth, list[Cidr | None]] = {}
    held: dict[str, Coverage] = {}
    for sender, flows in counts.items():
        truth = flows.truth(expected.min_flows)
        if truth is FALSE:
            sources = _recorded(night, book, channel, sender, since, expected.by)
            truth = FALSE if sources else UNSEEN
            held |= {one.source: one for one in sources}
        by_truth.setdefault(truth, []).append(sender)
    for truth in (FALSE, UNSEEN):
        if truth in by_truth:
            senders = tuple(sorted(one for one in by_truth[truth] if one is not None))
            yield truth, senders, tuple(held[one] for one in sorted(held)) if truth is FALSE else ()


def _recorded(
    night: Night, book: Rulebook, channel: Channel, sender: Cidr | None, since: Instant | None, by: Instant
) -> tuple[Coverage, ...]:
    """The sources that recorded all that the sender, or every sender of the channel, sent in that time."""
    if since is None:
        return ()
    if sender is not None:
        return night.recorded.of_sender(book, sender, since, by)
    return night.recorded.throughout(book, channel, since, by)


def _finding(one: _Silence) -> Finding:
    known = one.truth is FALSE
    reason = Reason.NOT_HEARD if known else Reason.PRESENCE_UNSEEN
    verdict = Verdict.DEVIATION if known else Verdict.INDETERMINATE
    rule = one.book.rule("channel", one.channel.id)
    zone = one.channel.from_[0] if len(one.channel.from_) == 1 and not one.channel.from_cidrs else None
    server = one.channel.to[0] if len(one.channel.to) == 1 and one.channel.to[0] in one.book.servers else None
    labels = tuple(map(Label, one.channel.carries or ("none",)))
    sureness, why = _confidence(one)
    return Finding(
        id=id_of(rule, reason, zone, f"server:{server}" if server else ""),
        kind=reason,
        verdict=verdict,
        severity=severity_of(verdict, labels, one.book.policy.severity),
        confidence=sureness,
        confidence_why=why,
        title=f"{_who(one)}: {reason.sentence}",
        first_seen=one.expected.by,
        last_seen=one.expected.by,
        count=max(len(one.senders), 1),
        attempts=0,
        bytes_sent=0,
        bytes_most=0,
        bytes_unknown=0,
        bytes_acked=None,
        sender_zone=zone,
        senders=tuple(map(_address, one.senders)),
        receiver=None,
        service=None,
        server=server,
        rule=rule,
        checks=(_check(one, reason),),
        remedy=remedy_of(reason),
        evidence=tuple(_evidence(one.sources)),
    )


def _who(one: _Silence) -> str:
    if not one.expected.listed:
        return f"channel {one.channel.id}"
    return f"{len(one.senders)} of {len(one.expected.listed)} senders listed for channel {one.channel.id}"


def _check(one: _Silence, reason: Reason) -> Check:
    each = " of each sender listed" if one.expected.listed else ""
    since = "" if one.since is None else f"since {written(one.since)}, "
    declared = f"{one.expected.min_flows} or more{each}, {since}by {written(one.expected.by)}"
    perhaps = "" if one.truth is FALSE else ", or some that could not be told"
    observed = f"fewer of {len(one.senders)}" if one.expected.listed else str(one.flows)
    return Check("acknowledged flows", one.truth, declared, observed + perhaps, reason)


def _confidence(one: _Silence) -> tuple[Sureness, str]:
    if one.truth is not FALSE:
        return Sureness.LOW, "not all of the time was recorded, or what was acknowledged was not seen"
    if one.expected.listed:
        return Sureness.MEDIUM, "all of the time was recorded; a sender may have had another address"
    return Sureness.HIGH, "all of the time was recorded where the senders are seen"


def _evidence(sources: Iterable[Coverage]) -> Iterator[Evidence]:
    """The recordings as a whole: absence has no record of its own."""
    for source in list(sources)[:_SOURCES_MOST]:
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


def _address(sender: Cidr) -> str:
    """The address alone where it is one."""
    return sender.address if sender.first == sender.last else str(sender)
