"""Decisions that are one to a person: how many, how much, from when to when, and the first of them.

Promises: the same figures however the decisions are held, one by one or as columns.
"""

from collections.abc import Iterable, Sequence
from typing import Self

import msgspec

from flowwatch.model import Decision, Instant, OpenedBy, Ref, Tally, Transmission


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

    @classmethod
    def of(cls, decision: Decision) -> Self:
        """One decision."""
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
        )


class Together(msgspec.Struct, frozen=True):
    """What several say together."""

    tally: Tally
    acked: int | None
    first: Instant | None
    last: Instant | None
    senders: frozenset[str]

    @classmethod
    def of(cls, parts: Sequence[Held]) -> Self:
        """Their sums, earliest and latest."""
        acked = [one.acked for one in parts if one.acked is not None]
        return cls(
            tally=Tally.sum([one.tally for one in parts]),
            acked=sum(acked) if acked else None,
            first=min((one.first for one in parts if one.first is not None), default=None),
            last=max((one.last for one in parts if one.last is not None), default=None),
            senders=frozenset().union(*(one.senders for one in parts)),
        )


def position(sent: Transmission) -> tuple[object, ...]:
    """In order of time, then of record; both directions of a flow stand together."""
    return (sent.start, *record(sent.ref), sent.flow, sent.opened_by is OpenedBy.RECEIVER)


def record(ref: Ref) -> tuple[str, int, int]:
    """In order of record."""
    return ref.source, ref.first_record, ref.last_record


def one_by_one(decisions: Iterable[Decision]) -> list[Held]:
    """Each for itself."""
    return [Held.of(one) for one in decisions]
