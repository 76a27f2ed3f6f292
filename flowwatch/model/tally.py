"""How much there is of something: transmissions counted together."""

from collections.abc import Sequence
from typing import Self

import msgspec

from flowwatch.model.traffic import Amount, Transmission


class Tally(msgspec.Struct, frozen=True):
    """How many transmissions, of them attempts, and payload bytes sent (least known)."""

    count: int = 0
    attempts: int = 0
    bytes: int = 0
    bytes_most: int | None = 0
    """The most known; None: no bound."""
    bytes_unknown: int = 0
    """Transmissions whose bytes are known only as a range."""

    @classmethod
    def of(cls, sent: Sequence[Transmission]) -> Self:
        """The tally of these transmissions."""
        attempts, unknown = sum(one.attempted for one in sent), sum(one.sent.exact is None for one in sent)
        total = Amount.total(one.sent for one in sent)
        return cls(len(sent), attempts, total.least, total.most, unknown)

    @classmethod
    def sum(cls, parts: Sequence[Self]) -> Self:
        """Several tallies as one."""
        total = Amount.total(part.sent for part in parts)
        attempts, unknown = sum(part.attempts for part in parts), sum(part.bytes_unknown for part in parts)
        return cls(sum(part.count for part in parts), attempts, total.least, total.most, unknown)

    @property
    def sent(self) -> Amount:
        """Payload bytes sent."""
        return Amount(self.bytes, self.bytes_most)
