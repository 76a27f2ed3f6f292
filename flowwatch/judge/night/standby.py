"""Backup channels: used only while every primary channel they stand in for is down.

Down: three unanswered attempts and nothing acknowledged on the primary channel in the ten minutes before, with both
directions recorded where its senders are seen. Up: payload acknowledged in that time. All else cannot be told: nobody
may have tried it. A refused connection is answered, and what was acknowledged at the edge of that time is neither.
"""

import bisect
import itertools
from collections.abc import Iterable, Iterator

from flowwatch.judge.night.heard import Failing, Night, Sides
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.truth import FALSE, TRUE, UNSEEN, compared
from flowwatch.model import Reason, Transmission, Truth
from flowwatch.policy.terms import Channel
from flowwatch.policy.windows import written

BEFORE = 600 * 10**9
ATTEMPTS = 3
_UNANSWERED = frozenset({"S0", "SH", "RSTOS0"})
"""Words of a connection whose opening nothing answered."""


def declared(book: Rulebook, channel: Channel) -> Iterator[tuple[str, str]]:
    """What the channel says of standing in, as (condition, value)."""
    yield from (_said(primary) for primary in book.channels if primary.id in channel.only_when_down)


def failing(night: Night, book: Rulebook, channel: Channel) -> Iterator[Failing]:
    """What ran on the backup while a primary was up, or while it could not be told."""
    for primary in (one for one in book.channels if one.id in channel.only_when_down):
        state = _State(night, book, primary)
        for one in night.on(book, channel):
            sent = one.decision.transmission
            if sent.attempted:
                continue
            truth, observed, shown_by = state.down(sent)
            if truth is not TRUE:
                what, said = _said(primary)
                check = compared(what, truth, said, observed, Reason.PRIMARY_UP, Reason.STATE_UNSEEN)
                yield Failing(one.place, check, shown_by)


class _State:
    """Whether one primary channel was up or down, asked again and again."""

    def __init__(self, night: Night, book: Rulebook, primary: Channel) -> None:
        self._book, self._primary, self._recorded = book, primary, night.recorded
        carried, perhaps = night.carried(primary), night.nearly(primary)
        certain = [one for one in _payload(carried) if one.timed and one.acked]
        possible = [one for one in _payload([*carried, *perhaps]) if one.acked != 0]
        self._untimed = any(not one.timed for one in possible)
        self._certain = sorted(certain, key=lambda one: one.end)
        self._begun_last = list(itertools.accumulate(self._certain, _begun_later))
        self._possible = sorted(possible, key=lambda one: one.start)
        self._ended_last = list(itertools.accumulate(self._possible, _ended_later))
        sides, tried = Sides(book), list(_unanswered([*carried, *perhaps]))
        self._attempts = [
            sorted(one.start for one in tried if sides.outside(one) is outside) for outside in (False, True)
        ]

    def down(self, sent: Transmission) -> tuple[Truth, str, Transmission | None]:
        """Whether it was down when this began, what was observed, in words, and what shows that it was up."""
        at = sent.start
        if not sent.timed:
            return UNSEEN, "at an unknown time", None
        over = bisect.bisect_right(self._certain, at, key=lambda one: one.end)
        shown = self._begun_last[over - 1] if over else None
        if shown is not None and shown.start >= at - BEFORE:
            return FALSE, f"up: payload acknowledged by {written(shown.end)}", shown
        begun = bisect.bisect_right(self._possible, at, key=lambda one: one.start)
        last = self._ended_last[begun - 1] if begun else None
        if self._untimed or (last is not None and last.end >= at - BEFORE):
            return UNSEEN, "payload perhaps acknowledged in the ten minutes before", None
        tried = max(bisect.bisect_right(one, at) - bisect.bisect_left(one, at - BEFORE) for one in self._attempts)
        if tried < ATTEMPTS:
            return UNSEEN, f"{tried} unanswered attempts and nothing acknowledged in the ten minutes before", None
        if not self._recorded.throughout(self._book, self._primary, at - BEFORE, at):
            return UNSEEN, "the ten minutes before were not recorded throughout", None
        return TRUE, "", None


def _said(primary: Channel) -> tuple[str, str]:
    return f"only when {primary.id} is down", f"channel {primary.id} down"


def _payload(sent: Iterable[Transmission]) -> Iterator[Transmission]:
    return (one for one in sent if not one.attempted)


def _unanswered(sent: Iterable[Transmission]) -> Iterator[Transmission]:
    """Attempts, so recorded by a sensor that sees both directions, that nothing answered."""
    return (one for one in sent if one.attempted and one.timed and one.state in _UNANSWERED)


def _begun_later(one: Transmission, other: Transmission) -> Transmission:
    return max(one, other, key=lambda sent: (sent.start, sent.end, sent.ref, sent.flow))


def _ended_later(one: Transmission, other: Transmission) -> Transmission:
    return max(one, other, key=lambda sent: (sent.end, sent.start, sent.ref, sent.flow))
