"""Stages of a night: a channel that comes after others is used only once all of them have carried acknowledged data.

Since when they may have done so: since their windows that opened last before it (what was rehearsed yesterday opens no
stage tonight), else since the policy is valid. Acknowledged *before* is what had ended by then; what was still running,
was perhaps acknowledged or is perhaps of the channel leaves it unseen, as does a time that was not recorded.
"""

import bisect
from collections.abc import Iterator

import numpy as np

from flowwatch.alike import Flags, Numbers
from flowwatch.judge.night.heard import Failing, Night
from flowwatch.judge.night.runs import Runs
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.truth import FALSE, TRUE, UNSEEN, compared
from flowwatch.model import EARLIEST, Check, Instant, Reason, Truth
from flowwatch.policy.terms import Channel
from flowwatch.policy.windows import written

_LOOKED_BACK = 5 * 86_400 * 10**9
"""Within so long nothing opens and is forgotten again: what holds at both ends held throughout (`windows.opened`)."""


def declared(book: Rulebook, channel: Channel) -> Iterator[tuple[str, str]]:
    """What the channel says of order, as (condition, value)."""
    yield from (_said(before) for before in book.channels if before.id in channel.after)


def failing(night: Night, book: Rulebook, channel: Channel) -> Iterator[Failing]:
    """What ran on the channel before all the channels it comes after, or perhaps before one."""
    for before in (one for one in book.channels if one.id in channel.after):
        earlier, carried = _Earlier(night, book, before), night.on(book, channel).carrying
        since = earlier.since(carried)
        rest = ~earlier.surely(carried, since)
        its = carried.those(rest)
        for at, begun in enumerate(since[rest].tolist()):
            truth, observed = earlier.had_carried(
                begun, int(its.start[at]), int(its.end[at]), timed=bool(its.timed[at])
            )
            if truth is not TRUE:
                yield Failing(int(its.place[at]), _check(before, truth, observed))


class _Earlier:
    """One channel that must have carried data, asked again and again."""

    def __init__(self, night: Night, book: Rulebook, channel: Channel) -> None:
        self._night, self._book, self._channel = night, book, channel
        self._asked: dict[Instant, Instant] = {}
        carried, perhaps = night.carried(channel).carrying, night.nearly(channel).carrying
        self._acknowledged = np.sort(carried.end[carried.timed & (carried.acked > 0)])
        possible = [one.those(one.acked != 0) for one in (carried, perhaps)]
        self._untimed = any(not one.timed.all() for one in possible)
        starts, ends = (
            np.concatenate([getattr(one, what)[one.timed] for one in possible]) for what in ("start", "end")
        )
        order = np.argsort(ends, kind="stable")
        self._ends = ends[order]
        self._first_begun = np.minimum.accumulate(starts[order][::-1])[::-1]

    def since(self, runs: Runs) -> Numbers:
        """Since when it counts for each, `EARLIEST` where nothing bounds it: asked twice for times between openings."""
        times, which = np.unique(runs.start, return_inverse=True)
        found = np.zeros_like(times)
        spans = [(0, len(times) - 1)] if len(times) else []
        while spans:
            low, high = spans.pop()
            found[low], found[high] = self._since(int(times[low])), self._since(int(times[high]))
            if found[low] == found[high] and int(times[high]) - int(times[low]) < _LOOKED_BACK:
                found[low:high] = found[low]
            elif high - low > 1:
                spans += [(low, (low + high) // 2), ((low + high) // 2, high)]
        return found[which]

    def _since(self, at: Instant) -> Instant:
        if at not in self._asked:
            since = self._night.since(self._book, self._channel, at)
            self._asked[at] = EARLIEST if since is None else since
        return self._asked[at]

    def surely(self, runs: Runs, since: Numbers) -> Flags:
        """Something had been acknowledged when it began."""
        first = np.searchsorted(self._acknowledged, since)
        known = first < len(self._acknowledged)
        return runs.timed & known & (np.append(self._acknowledged, 0)[first] <= runs.start)

    def had_carried(self, since: Instant, start: Instant, end: Instant, *, timed: bool) -> tuple[Truth, str]:
        """Whether something had been acknowledged when this began, and what was observed, in words."""
        if not timed:
            return UNSEEN, "at an unknown time"
        certain, possible = (bisect.bisect_left(one, since) for one in (self._acknowledged, self._ends))
        if certain < len(self._acknowledged) and self._acknowledged[certain] <= start:
            return TRUE, ""
        if self._untimed or (possible < len(self._ends) and self._first_begun[possible] < end):
            return UNSEEN, "perhaps something acknowledged"
        if since == EARLIEST or not self._night.recorded.throughout(self._book, self._channel, since, end):
            return UNSEEN, "not recorded throughout"
        return FALSE, f"nothing acknowledged from {written(since)} to {written(end)}"


def _check(before: Channel, truth: Truth, observed: str) -> Check:
    what, said = _said(before)
    return compared(what, truth, said, observed, Reason.OUT_OF_ORDER, Reason.ORDER_UNSEEN)


def _said(before: Channel) -> tuple[str, str]:
    stage = "" if before.stage is None else f" (stage {before.stage})"
    return f"after {before.id}", f"acknowledged data on channel {before.id}{stage} before it"
