"""How much ran on a channel: bytes of a flow, bytes and flows of an hour, over all its senders.

Promises: an hour is any 60 minutes. What a source counts only as a range, what ran across the edge of an hour, and what
had begun before the recording may be more or less than the limit: then it is unseen, never more. A flow longer than an
hour carried some of it in each: at least its bytes by the hours it touches in the fullest.

What was recorded on both sides of an address translation may be the same: it is more only if one side alone shows it.

Refuses to count attempts, which carried nothing, and across versions of a policy: each limits what it judges.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from flowwatch.judge.night.heard import Failing, Heard, Night, Sides
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.truth import FALSE, TRUE, UNSEEN, compared
from flowwatch.model import Amount, Check, Instant, Reason, Truth
from flowwatch.policy.terms import Channel

HOUR = 3600 * 10**9


class Load(msgspec.Struct, frozen=True, gc=False):
    """What one transmission adds, and when: some time from `start` to `end`, None where no source tells it."""

    place: int
    start: Instant | None
    end: Instant
    amount: Amount
    outside: bool = False
    """Recorded outside an address translation: what was recorded inside may be the same."""


def declared(_book: Rulebook, channel: Channel) -> Iterator[tuple[str, str]]:
    """What the channel says of volume, as (condition, value)."""
    limits = {} if channel.limits is None else msgspec.structs.asdict(channel.limits)
    yield from ((what, _at_most(limit)) for what, limit in limits.items() if limit is not None)


def failing(night: Night, book: Rulebook, channel: Channel) -> Iterator[Failing]:
    """What ran on the channel beyond its limits, or perhaps beyond them."""
    limits = channel.limits
    if limits is None:
        return
    carried = [one for one in night.on(book, channel) if not one.decision.transmission.attempted]
    if limits.bytes_out_per_flow is not None:
        yield from _flows_beyond(carried, limits.bytes_out_per_flow)
    sides = Sides(book)
    if limits.bytes_out_per_hour is not None:
        loads = [_bytes(one, sides) for one in carried]
        yield from _hours_beyond(loads, limits.bytes_out_per_hour, "bytes_out_per_hour")
    if limits.flows_per_hour is not None:
        yield from _hours_beyond(list(_openings(carried, sides)), limits.flows_per_hour, "flows_per_hour")


def _flows_beyond(carried: Iterable[Heard], limit: int) -> Iterator[Failing]:
    for one in carried:
        sent, begun_before = one.decision.transmission.sent, one.decision.transmission.begun_before
        truth = _held(Amount(sent.least, None) if begun_before else sent, limit)
        if truth is not TRUE:
            before = " of what was recorded" if begun_before else ""
            yield Failing(one.place, _check("bytes_out_per_flow", truth, limit, _words(sent) + before))


def _held(amount: Amount, limit: int) -> Truth:
    """It is no more than the limit; unseen where the range holds more and less."""
    if amount.least > limit:
        return FALSE
    return TRUE if amount.most is not None and amount.most <= limit else UNSEEN


def _bytes(one: Heard, sides: Sides) -> Load:
    sent = one.decision.transmission
    return Load(one.place, sent.start if sent.timed else None, sent.end, sent.sent, sides.outside(sent))


def _openings(carried: Iterable[Heard], sides: Sides) -> Iterator[Load]:
    """Each flow once, when it began; one that had begun before the recording may have begun in an hour before it."""
    told: set[int] = set()
    for one in carried:
        sent = one.decision.transmission
        if sent.flow not in told:
            told.add(sent.flow)
            known = sent.timed and not sent.begun_before
            start = sent.start if sent.timed else None
            yield Load(one.place, start, sent.start, Amount(int(known), 1), sides.outside(sent))


def _hours_beyond(loads: Sequence[Load], limit: int, what: str) -> Iterator[Failing]:
    inside, most_inside = _certainly((one for one in loads if not one.outside), limit)
    outside, most_outside = _certainly((one for one in loads if one.outside), limit)
    certain, most = inside | outside, max(most_inside, most_outside)
    for place in sorted(certain):
        yield Failing(place, _check(what, FALSE, limit, f"{most:,} or more in 60 minutes"))
    for place in sorted(_perhaps(loads, limit) - certain):
        yield Failing(place, _check(what, UNSEEN, limit, "perhaps more in 60 minutes"))


def _certainly(loads: Iterable[Load], limit: int) -> tuple[set[int], int]:
    """Places within 60 minutes that hold more than the limit at the least, and the most that any such hour holds."""
    beyond: set[int] = set()
    held, fullest = 0, 0
    within: list[tuple[Instant, int, int]] = []
    """Start, place and least of what lies wholly within the hour that ends now: a heap."""
    untold: dict[int, None] = {}
    for one in sorted((one for one in loads if one.start is not None), key=lambda one: (one.end, one.place)):
        start = one.end if one.start is None else one.start
        share = -(-one.amount.least // ((one.end - start) // HOUR + 1))
        if one.end - start >= HOUR:
            if share > limit:
                beyond.add(one.place)
                fullest = max(fullest, share)
            continue
        heapq.heappush(within, (start, one.place, one.amount.least))
        held += one.amount.least
        untold[one.place] = None
        while within[0][0] <= one.end - HOUR:
            _, place, least = heapq.heappop(within)
            held -= least
            untold.pop(place, None)
        if held > limit:
            beyond.update(untold)
            untold.clear()
            fullest = max(fullest, held)
    return beyond, fullest


def _perhaps(loads: Sequence[Load], limit: int) -> set[int]:
    """Places of what touches 60 minutes that hold more than the limit at the most; what has no time touches all."""
    always = [one for one in loads if one.start is None]
    held = sum(one.amount.most or 0 for one in always)
    unbounded = sum(one.amount.most is None for one in always)
    beyond = {one.place for one in always} if unbounded or held > limit else set()
    touching: list[tuple[Instant, int, int | None]] = []
    """Last end of an hour that it touches, place and most: a heap."""
    untold: dict[int, None] = {}
    timed = ((one.start, one) for one in loads if one.start is not None)
    for start, one in sorted(timed, key=lambda pair: (pair[0], pair[1].place)):
        heapq.heappush(touching, (one.end + HOUR, one.place, one.amount.most))
        held, unbounded = held + (one.amount.most or 0), unbounded + (one.amount.most is None)
        untold[one.place] = None
        while touching[0][0] <= start:
            _, place, most = heapq.heappop(touching)
            held, unbounded = held - (most or 0), unbounded - (most is None)
            untold.pop(place, None)
        if unbounded or held > limit:
            beyond.update(untold, (one.place for one in always))
            untold.clear()
    return beyond


def _check(what: str, truth: Truth, limit: int, observed: str) -> Check:
    return compared(what, truth, _at_most(limit), observed, Reason.VOLUME, Reason.VOLUME_UNSEEN)


def _at_most(limit: int) -> str:
    return f"{limit:,} at the most"


def _words(amount: Amount) -> str:
    if amount.exact is not None:
        return f"{amount.exact:,}"
    return f"{amount.least:,} or more" if amount.most is None else f"{amount.least:,} to {amount.most:,}"
