"""Stages of a night: a channel that comes after others is used only once all of them have carried acknowledged data.

Since when they may have done so: since their windows that opened last before it (what was rehearsed yesterday opens no
stage tonight), else since the policy is valid. Acknowledged *before* is what had ended by then; what was still running,
was perhaps acknowledged or is perhaps of the channel leaves it unseen, as does a time that was not recorded.
"""

from collections.abc import Iterator, Sequence

import msgspec

from flowwatch.judge.night.heard import Failing, Heard, Night
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.truth import FALSE, TRUE, UNSEEN, compared
from flowwatch.model import Check, Instant, Reason, Transmission, Truth
from flowwatch.policy.terms import Channel
from flowwatch.policy.windows import opened, written


class _Since(msgspec.Struct, frozen=True, gc=False):
    """What a channel carried since an instant."""

    acknowledged: Instant | None
    """The first end of a transmission of which something was acknowledged; None of none."""
    perhaps: Instant | None
    """The first time at which something may have been."""


def failing(night: Night, book: Rulebook, channel: Channel) -> Iterator[Failing]:
    """What ran on the channel before all the channels it comes after, or perhaps before one."""
    for before in (one for one in book.channels if one.id in channel.after):
        earlier = _Earlier(night, book, before)
        for one in night.on(book, channel.id):
            truth, observed = earlier.had_carried(one)
            if truth is not TRUE and not one.decision.transmission.attempted:
                yield Failing(one.place, _check(before, truth, observed))


class _Earlier:
    """One channel that must have carried data, asked again and again."""

    def __init__(self, night: Night, book: Rulebook, channel: Channel) -> None:
        self._book, self._channel, self._recorded = book, channel, night.recorded
        self._carried = night.on(book, channel.id)
        self._perhaps = night.nearly_on(book, channel.id)
        self._known: dict[Instant | None, _Since] = {}

    def had_carried(self, one: Heard) -> tuple[Truth, str]:
        """Whether something had been acknowledged when the transmission began, and what was observed, in words."""
        sent = one.decision.transmission
        if not sent.timed:
            return UNSEEN, "at an unknown time"
        since = self._opened(sent.start)
        found = self._since(since)
        if found.acknowledged is not None and found.acknowledged <= sent.start:
            return TRUE, ""
        if found.perhaps is not None and found.perhaps < sent.end:
            return UNSEEN, f"perhaps acknowledged from {written(found.perhaps)} on"
        if since is None or not self._recorded.throughout(self._book, self._channel, since, sent.end):
            return UNSEEN, "not recorded throughout"
        return FALSE, f"nothing acknowledged from {written(since)} to {written(sent.end)}"

    def _opened(self, at: Instant) -> Instant | None:
        """Since when it may have carried what counts; None where nothing bounds it."""
        header = self._book.policy.policy
        since = opened(self._channel.when, at, header.timezone)
        if since is None or header.valid_from is None:
            return header.valid_from if since is None else since
        return max(since, header.valid_from)

    def _since(self, since: Instant | None) -> _Since:
        if since not in self._known:
            acknowledged = [one.end for one in _sent(self._carried, since) if one.timed and one.acked]
            perhaps = [one for one in _sent([*self._carried, *self._perhaps], since) if one.acked != 0]
            starts = [one.start if one.timed else -(2**63) for one in perhaps]
            self._known[since] = _Since(min(acknowledged, default=None), min(starts, default=None))
        return self._known[since]


def _sent(heard: Sequence[Heard], since: Instant | None) -> Iterator[Transmission]:
    """What was sent, no attempts, and not over before `since`."""
    for one in heard:
        sent = one.decision.transmission
        if not sent.attempted and (since is None or not sent.timed or sent.end >= since):
            yield sent


def _check(before: Channel, truth: Truth, observed: str) -> Check:
    stage = "" if before.stage is None else f" (stage {before.stage})"
    declared = f"acknowledged data on channel {before.id}{stage} before it"
    return compared(f"after {before.id}", truth, declared, observed, Reason.OUT_OF_ORDER, Reason.ORDER_UNSEEN)
