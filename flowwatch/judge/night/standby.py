"""Backup channels: used only while every primary channel they stand in for is down.

Down: three unanswered attempts and nothing acknowledged on the primary channel in the ten minutes before, with both
directions recorded where its senders are seen. Up: payload acknowledged in that time. All else cannot be told: nobody
may have tried it. A refused connection is answered, and what was acknowledged at the edge of that time is neither.
"""

import bisect
from collections.abc import Iterator

import numpy as np

from flowwatch.alike import Numbers
from flowwatch.judge.night.heard import Failing, Night, Sides
from flowwatch.judge.night.runs import Runs
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.truth import FALSE, TRUE, UNSEEN, compared
from flowwatch.model import Instant, Reason, Truth
from flowwatch.policy.terms import Channel
from flowwatch.policy.windows import written

BEFORE = 600 * 10**9
ATTEMPTS = 3


def declared(book: Rulebook, channel: Channel) -> Iterator[tuple[str, str]]:
    """What the channel says of standing in, as (condition, value)."""
    yield from (_said(primary) for primary in book.channels if primary.id in channel.only_when_down)


def failing(night: Night, book: Rulebook, channel: Channel) -> Iterator[Failing]:
    """What ran on the backup while a primary was up, or while it could not be told."""
    for primary in (one for one in book.channels if one.id in channel.only_when_down):
        state, carried = _State(night, book, primary), night.on(book, channel).carrying
        what, said = _said(primary)
        times = zip(carried.place.tolist(), carried.start.tolist(), carried.timed.tolist(), strict=True)
        for place, at, timed in times:
            truth, observed, shown_by = state.down(at) if timed else (UNSEEN, "at an unknown time", None)
            if truth is not TRUE:
                check = compared(what, truth, said, observed, Reason.PRIMARY_UP, Reason.STATE_UNSEEN)
                yield Failing(place, check, shown_by)


class _State:
    """Whether one primary channel was up or down, asked again and again."""

    def __init__(self, night: Night, book: Rulebook, primary: Channel) -> None:
        self._book, self._primary, self._recorded = book, primary, night.recorded
        carried, perhaps = night.carried(primary), night.nearly(primary)
        payload, rest = carried.carrying, perhaps.carrying
        certain = payload.those(payload.timed & (payload.acked > 0))
        self._certain = certain.those(np.argsort(certain.end, kind="stable"))
        self._begun_last = _begun_last(self._certain)
        possible = [one.those(one.acked != 0) for one in (payload, rest)]
        self._untimed = any(not one.timed.all() for one in possible)
        starts, ends = (np.concatenate([getattr(one, what) for one in possible]) for what in ("start", "end"))
        order = np.argsort(starts, kind="stable")
        self._starts, self._ended_last = starts[order], np.maximum.accumulate(ends[order])
        tried = [one.those(one.unanswered & one.timed) for one in (carried, perhaps)]
        sides = [(one, one.told(Sides(book).outside)) for one in tried]
        self._attempts = [
            np.sort(np.concatenate([one.start[out == outside] for one, out in sides])) for outside in (False, True)
        ]

    def down(self, at: Instant) -> tuple[Truth, str, int | None]:
        """Whether it was down then, what was observed, in words, and the place of what shows that it was up."""
        over = bisect.bisect_right(self._certain.end, at)
        shown = int(self._begun_last[over - 1]) if over else None
        if shown is not None and self._certain.start[shown] >= at - BEFORE:
            observed = f"up: payload acknowledged by {written(int(self._certain.end[shown]))}"
            return FALSE, observed, int(self._certain.place[shown])
        begun = bisect.bisect_right(self._starts, at)
        if self._untimed or (begun and self._ended_last[begun - 1] >= at - BEFORE):
            return UNSEEN, "payload perhaps acknowledged in the ten minutes before", None
        tried = max(bisect.bisect_right(one, at) - bisect.bisect_left(one, at - BEFORE) for one in self._attempts)
        if tried < ATTEMPTS:
            return UNSEEN, f"{tried} unanswered attempts and nothing acknowledged in the ten minutes before", None
        if not self._recorded.throughout(self._book, self._primary, at - BEFORE, at):
            return UNSEEN, "the ten minutes before were not recorded throughout", None
        return TRUE, "", None


def _begun_last(runs: Runs) -> Numbers:
    """Of each and all before it, which began last."""
    order = np.lexsort((runs.place, runs.end, runs.start))
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return order[np.maximum.accumulate(rank)]


def _said(primary: Channel) -> tuple[str, str]:
    return f"only when {primary.id} is down", f"channel {primary.id} down"
