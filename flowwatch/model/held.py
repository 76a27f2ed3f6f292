"""Decisions that are one to a person: how many, how much, from when to when, and the first of them.

Promises: the same figures however the decisions are held, one by one or as columns.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, Self, runtime_checkable

import msgspec

from flowwatch.model.tally import Tally
from flowwatch.model.time import Instant
from flowwatch.model.traffic import Transmission
from flowwatch.model.verdicts import Decision, Verdict


class Held(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Decisions alike in all but size, time and sender: with the same reasons, rule, labels and destination."""

    decision: Decision
    """The earliest."""
    tally: Tally
    acked: int | None
    """None where no acknowledgement was recorded."""
    first: Instant | None
    """None where no source tells a time."""
    last: Instant | None
    senders: frozenset[str]
    earliest: tuple[Transmission, ...]
    """The first of them, in order of time: as many as a finding shows."""
    latest: tuple[Instant, int]
    """When the last of them began, and its place among all decisions."""

    @classmethod
    def of(cls, decision: Decision, place: int = 0) -> Self:
        """One decision and its place."""
        sent = decision.transmission
        first, last = (sent.start, sent.end) if sent.timed else (None, None)
        return cls(
            decision=decision,
            tally=Tally.of([sent]),
            acked=sent.acked,
            first=first,
            last=last,
            senders=frozenset((sent.sender_ip,)),
            earliest=(sent,),
            latest=(sent.start, place),
        )


@runtime_checkable
class Gathered(Protocol):
    """Decisions that are gathered already."""

    def held(self) -> list[Held]:
        """What is in scope of them."""

    def sent_at(self, places: Sequence[int]) -> list[Transmission]:
        """The transmissions at the places."""

    def each_like(self) -> Iterator[Decision]:
        """Each, its conditions in the words of another that no rule can tell from it."""


def held_of(decisions: Iterable[Decision]) -> list[Held]:
    """What is in scope, gathered where the decisions are columns, else each for itself."""
    if isinstance(decisions, Gathered):
        return decisions.held()
    told = enumerate(decisions)
    return [Held.of(one, place) for place, one in told if one.verdict is not Verdict.OUT_OF_SCOPE]


def sent_at(decisions: Sequence[Decision], places: Sequence[int]) -> list[Transmission]:
    """The transmissions of the decisions at the places."""
    if isinstance(decisions, Gathered):
        return decisions.sent_at(places)
    return [decisions[place].transmission for place in places]


def each_like(decisions: Iterable[Decision]) -> Iterable[Decision]:
    """Each decision, for those who do not look at its conditions: they may be in the words of another."""
    return decisions.each_like() if isinstance(decisions, Gathered) else decisions


def one_by_one(decisions: Iterable[Decision]) -> list[Held]:
    """Each for itself."""
    return [Held.of(one) for one in decisions]
