"""What several `Held` say together, and the order of transmissions."""

from collections.abc import Sequence
from typing import Self

import msgspec

from flowwatch.model import Held, Instant, OpenedBy, Ref, Tally, Transmission


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
