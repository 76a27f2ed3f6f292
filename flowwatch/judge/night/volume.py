"""How much ran on a channel: bytes of a flow, bytes and flows of an hour, over all its senders.

Promises: an hour is any 60 minutes. What a source counts only as a range, what ran across the edge of an hour, and what
had begun before the recording may be more or less than the limit: then it is unseen, never more. A flow longer than an
hour carried some of it in each: at least its bytes by the hours it touches in the fullest.

What was recorded on both sides of an address translation may be the same: it is more only if one side alone shows it.

Refuses to count attempts, which carried nothing, and across versions of a policy: each limits what it judges.
"""

from collections.abc import Iterator

import msgspec
import numpy as np

from flowwatch.alike import Flags, Numbers
from flowwatch.judge.night.heard import Failing, Night, Sides
from flowwatch.judge.night.runs import Runs
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.truth import FALSE, UNSEEN, compared
from flowwatch.model import MOST_COUNTED, Amount, Check, Reason, Truth
from flowwatch.policy.terms import Channel

HOUR = 3600 * 10**9
_FAR = (1 << 63) - 2 * HOUR
"""Times beyond are taken for this: an hour later is one that a table holds."""


class Loads(msgspec.Struct, frozen=True):
    """What transmissions add, and when: some time from `start` to `end`, as columns."""

    place: Numbers
    start: Numbers
    end: Numbers
    timed: Flags
    """False: no source tells when."""
    least: Numbers
    most: Numbers
    """-1: no upper bound known."""
    outside: Flags
    """Recorded outside an address translation: what was recorded inside may be the same."""

    def those(self, chosen: Flags | Numbers) -> "Loads":
        """The same of some of them."""
        return Loads(*(getattr(self, name)[chosen] for name in self.__struct_fields__))


def declared(_book: Rulebook, channel: Channel) -> Iterator[tuple[str, str]]:
    """What the channel says of volume, as (condition, value)."""
    limits = {} if channel.limits is None else msgspec.structs.asdict(channel.limits)
    yield from ((what, _at_most(limit)) for what, limit in limits.items() if limit is not None)


def failing(night: Night, book: Rulebook, channel: Channel) -> Iterator[Failing]:
    """What ran on the channel beyond its limits, or perhaps beyond them."""
    limits = channel.limits
    if limits is None:
        return
    carried = night.on(book, channel).carrying
    if limits.bytes_out_per_flow is not None:
        yield from _flows_beyond(carried, limits.bytes_out_per_flow)
    outside = carried.told(Sides(book).outside)
    if limits.bytes_out_per_hour is not None:
        yield from _hours_beyond(_bytes(carried, outside), limits.bytes_out_per_hour, "bytes_out_per_hour")
    if limits.flows_per_hour is not None:
        yield from _hours_beyond(_openings(carried, outside), limits.flows_per_hour, "flows_per_hour")


def _flows_beyond(carried: Runs, limit: int) -> Iterator[Failing]:
    """A range that holds more and less than the limit is unseen."""
    over = carried.least > limit
    unseen = carried.begun_before | (carried.most < 0) | (carried.most > limit)
    for at in np.flatnonzero(over | unseen).tolist():
        sent, begun_before = carried.amount(at), bool(carried.begun_before[at])
        before = " of what was recorded" if begun_before else ""
        truth = FALSE if over[at] else UNSEEN
        yield Failing(int(carried.place[at]), _check("bytes_out_per_flow", truth, limit, _words(sent) + before))


def _bytes(carried: Runs, outside: Flags) -> Loads:
    start, end = np.minimum(carried.start, _FAR), np.minimum(carried.end, _FAR)
    return Loads(carried.place, start, end, carried.timed, carried.least, carried.most, outside)


def _openings(carried: Runs, outside: Flags) -> Loads:
    """Each flow once, when it began; one that had begun before the recording may have begun in an hour before it."""
    _, first = np.unique(carried.flow, return_index=True)
    start, timed = np.minimum(carried.start, _FAR)[first], carried.timed[first]
    known = (timed & ~carried.begun_before[first]).astype(np.int64)
    return Loads(carried.place[first], start, start, timed, known, np.ones_like(known), outside[first])


def _hours_beyond(loads: Loads, limit: int, what: str) -> Iterator[Failing]:
    inside, most_inside = _certainly(loads.those(~loads.outside), limit)
    outside, most_outside = _certainly(loads.those(loads.outside), limit)
    certain, most = np.union1d(inside, outside), max(most_inside, most_outside)
    for place in certain.tolist():
        yield Failing(place, _check(what, FALSE, limit, f"{most:,} or more in 60 minutes"))
    for place in np.setdiff1d(_perhaps(loads, limit), certain).tolist():
        yield Failing(place, _check(what, UNSEEN, limit, "perhaps more in 60 minutes"))


def _certainly(loads: Loads, limit: int) -> tuple[Numbers, int]:
    """Places within 60 minutes that hold more than the limit at the least, and the most that any such hour holds."""
    timed = loads.those(loads.timed)
    hours = ((timed.end - timed.start).view(np.uint64) // np.uint64(HOUR)).astype(np.int64)
    share = -(-timed.least // (hours + 1))
    beyond = (hours > 0) & (share > limit)
    short = timed.those(hours == 0)
    crowd = _Crowd(short.end, short.start + HOUR)
    held = crowd.held(short.least)
    within = short.place[crowd.together(held > limit)]
    fullest = max((int(one.max()) for one in (share[beyond], held[held > limit]) if len(one)), default=0)
    return np.concatenate([timed.place[beyond], within]), fullest


def _perhaps(loads: Loads, limit: int) -> Numbers:
    """Places of what touches 60 minutes that hold more than the limit at the most; what has no time touches all."""
    always, timed = loads.those(~loads.timed), loads.those(loads.timed)
    left = limit - sum(np.maximum(always.most, 0).tolist())
    unbounded = bool((always.most < 0).any())
    crowd = _Crowd(timed.start, timed.end + HOUR)
    beyond = (crowd.held(np.maximum(timed.most, 0)) > left) | (crowd.held((timed.most < 0).astype(np.int64)) > 0)
    together = crowd.together(beyond | unbounded)
    more = unbounded or left < 0 or bool(together.any())
    return np.concatenate([always.place[: len(always.place) if more else 0], timed.place[together]])


class _Crowd:
    """What comes at one instant and has gone at another, later one, to be asked what is there at once."""

    def __init__(self, comes: Numbers, goes: Numbers) -> None:
        self._order, self._gone = np.argsort(comes, kind="stable"), np.argsort(goes, kind="stable")
        self._comes, self._goes = comes[self._order], goes[self._order]
        self._left = np.searchsorted(goes[self._gone], self._comes, side="right")

    def held(self, amounts: Numbers) -> Numbers:
        """The sum of what is there as each has come, in that order; exact."""
        return _running(amounts[self._order])[1:] - _running(amounts[self._gone])[self._left]

    def together(self, beyond: Flags) -> Flags:
        """What was there at some time at which that holds, as they were given."""
        times = np.flatnonzero(beyond)
        then = np.searchsorted(times, np.arange(len(beyond)))
        at = np.append(self._comes[times], 0)[then]
        found = np.zeros(len(beyond), np.bool_)
        found[self._order] = (then < len(times)) & (at < self._goes)
        return found


def _running(amounts: Numbers) -> Numbers:
    """Their running sums from 0, of Python's own integers where 64 bits may not hold them."""
    wide = amounts.sum(dtype=np.float64) > MOST_COUNTED / 2
    return np.concatenate([[0], np.cumsum(amounts.astype(object) if wide else amounts)])


def _check(what: str, truth: Truth, limit: int, observed: str) -> Check:
    return compared(what, truth, _at_most(limit), observed, Reason.VOLUME, Reason.VOLUME_UNSEEN)


def _at_most(limit: int) -> str:
    return f"{limit:,} at the most"


def _words(amount: Amount) -> str:
    if amount.exact is not None:
        return f"{amount.exact:,}"
    return f"{amount.least:,} or more" if amount.most is None else f"{amount.least:,} to {amount.most:,}"
