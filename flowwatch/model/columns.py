"""Transmissions as columns, for recordings of millions: what is judged alike is looked at once."""

from collections.abc import Callable, Iterator, Sequence
from typing import overload

import msgspec
import numpy as np
import pyarrow as pa

from flowwatch.alike import Flags, Numbers
from flowwatch.model.traffic import Transmission


class TransmissionColumns(msgspec.Struct, frozen=True, kw_only=True):
    """Transmissions as columns: those of a flow stand together, the initiator's first, flows in order of record."""

    flows: pa.Table
    """A row a flow, with columns of FLOWS."""
    addresses: Sequence[str]
    """The distinct addresses of flows."""
    src: Numbers
    """By flow the initiator's place among the addresses; `dst` the responder's."""
    dst: Numbers
    start: Numbers
    """By flow, as `Transmission` has it; so are the next three."""
    end: Numbers
    timed: Flags
    begun_before: Flags
    row: Numbers
    """By transmission its flow; so is all that follows."""
    forth: Flags
    """The initiator sent it."""
    attempted: Flags
    least: Numbers
    most: Numbers
    """-1: no upper bound known."""
    acked: Numbers
    """-1: not recorded."""
    answers: Numbers
    """What DNS answers say of its receiver: equal numbers say the same names, evidence and resolvers.

    0: none that could bind a name to it for its sender; -1: none at all.
    """
    names_cut: Flags
    recorded: Numbers
    """Which sources hold the sender's lookups: equal numbers, the same; 0 none."""
    recorded_since: frozenset[int]
    """When those sources begin, in nanoseconds since 1970."""
    controls: Numbers
    """Which control connections may have announced it: equal numbers, the same ones; 0 none."""

    def senders(self, places: Numbers | slice = slice(None)) -> Numbers:
        """Which of the addresses sent those at the places."""
        row = self.row[places]
        return np.where(self.forth[places], self.src[row], self.dst[row])

    def receivers(self, places: Numbers | slice = slice(None)) -> Numbers:
        """Which of the addresses those at the places went to."""
        row = self.row[places]
        return np.where(self.forth[places], self.dst[row], self.src[row])


class Transmissions(Sequence[Transmission]):
    """Transmissions that are made when they are asked for, with the columns they are made of."""

    def __init__(self, columns: TransmissionColumns, make: Callable[[Numbers], list[Transmission]]) -> None:
        self.columns = columns
        self._make = make
        self._made: list[Transmission] | None = None

    def pick(self, places: Numbers | Sequence[int]) -> list[Transmission]:
        """Those at the places."""
        if self._made is None and len(self) <= _KEPT:
            self._made = self._make(np.arange(len(self)))
        if self._made is not None:
            return [self._made[place] for place in places]
        return self._make(np.asarray(places, np.int64))

    def __len__(self) -> int:
        return len(self.columns.row)

    @overload
    def __getitem__(self, place: int) -> Transmission: ...
    @overload
    def __getitem__(self, place: slice) -> list[Transmission]: ...
    def __getitem__(self, place: int | slice) -> Transmission | list[Transmission]:
        places = np.arange(len(self))[place]
        return self.pick(places) if isinstance(place, slice) else self.pick([int(places)])[0]

    def __iter__(self) -> Iterator[Transmission]:
        for begin in range(0, len(self), _PORTION):
            yield from self.pick(np.arange(begin, min(begin + _PORTION, len(self))))


_KEPT = 1 << 16
"""So many are made once and kept."""
_PORTION = 1 << 14
"""Made at once of more than that."""
