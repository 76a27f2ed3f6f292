"""Stages of a night: a channel that comes after others is used only once all of them have carried acknowledged data.

Since when they may have done so: since their windows that opened last before it (what was rehearsed yesterday opens no
stage tonight), else since the policy is valid. Acknowledged *before* is what had ended by then; what was still running,
was perhaps acknowledged or is perhaps of the channel leaves it unseen, as does a time that was not recorded.
"""

import bisect
import itertools
from collections.abc import Iterator

from flowwatch.judge.night.heard import Failing, Night
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.truth import FALSE, TRUE, UNSEEN, compared
from flowwatch.model import Check, Instant, Reason, Transmission, Truth
from flowwatch.policy.terms import Channel
from flowwatch.policy.windows import written


def declared(book: Rulebook, channel: Channel) -> Iterator[tuple[str, str]]:
    """What the channel says of order, as (condition, value)."""
    yield from (_said(before) for before in book.channels if before.id in channel.after)


def failing(night: Night, book: Rulebook, channel: Channel) -> Iterator[Failing]:
    """What ran on the channel before all the channels it comes after, or perhaps before one."""
    for before in (one for one in book.channels if one.id in channel.after):
        earlier = _Earlier(night, book, before)
        for one in night.on(book, channel):
            truth, observed = earlier.had_carried(one.decision.transmission)
            if truth is not TRUE and not one.decision.transmission.attempted:
                yield Failing(one.place, _check(before, truth, observed))


class _Earlier:
    """One channel that must have carried data, asked again and again."""

    def __init__(self, night: Night, book: Rulebook, channel: Channel) -> None:
        self._night, self._book, self._channel = night, book, channel
        carried, perhaps = night.carried(channel), night.nearly(channel)
        self._acknowledged = sorted(one.end for one in carried if one.timed and one.acked and not one.attempted)
        possible = [one for one in (*carried, *perhaps) if one.acked != 0 and not one.attempted]
        self._untimed = any(not one.timed for one in possible)
        ended = sorted((one.end, one.start) for one in possible if one.timed)
        self._ends = [end for end, _ in ended]
        self._first_begun = list(itertools.accumulate((start for _, start in reversed(ended)), min))[::-1]

    def had_carried(self, sent: Transmission) -> tuple[Truth, str]:
        """Whether something had been acknowledged when this began, and what was observed, in words."""
        if not sent.timed:
            return UNSEEN, "at an unknown time"
        since = self._night.since(self._book, self._channel, sent.start)
        acknowledged, perhaps = self._first(since)
        if acknowledged is not None and acknowledged <= sent.start:
            return TRUE, ""
        if self._untimed or (perhaps is not None and perhaps < sent.end):
            return UNSEEN, "perhaps something acknowledged"
        if since is None or not self._night.recorded.throughout(self._book, self._channel, since, sent.end):
            return UNSEEN, "not recorded throughout"
        return FALSE, f"nothing acknowledged from {written(since)} to {written(sent.end)}"

    def _first(self, since: Instant | None) -> tuple[Instant | None, Instant | None]:
        """Of what was not over before: the first end of something acknowledged, the first beginning of what may be."""
        certain = 0 if since is None else bisect.bisect_left(self._acknowledged, since)
        possible = 0 if since is None else bisect.bisect_left(self._ends, since)
        return (
            self._acknowledged[certain] if certain < len(self._acknowledged) else None,
            self._first_begun[possible] if possible < len(self._ends) else None,
        )


def _check(before: Channel, truth: Truth, observed: str) -> Check:
    what, said = _said(before)
    return compared(what, truth, said, observed, Reason.OUT_OF_ORDER, Reason.ORDER_UNSEEN)


def _said(before: Channel) -> tuple[str, str]:
    stage = "" if before.stage is None else f" (stage {before.stage})"
    return f"after {before.id}", f"acknowledged data on channel {before.id}{stage} before it"
