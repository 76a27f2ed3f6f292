"""Where the reading of a file that grows stands between two steps, and what a step gives."""

from typing import NamedTuple

import msgspec
import pyarrow as pa

from flowwatch.model.records import FLOWS, LOOKUPS, Coverage


class Open(NamedTuple):
    """A lookup that was told without the answer that may still come."""

    record: int
    offset: int
    told: int
    """Digest of its row."""


class Position(msgspec.Struct, frozen=True):
    """Where reading ended for now; JSON and msgpack both hold it."""

    offset: int = 0
    """Bytes before what is new; of a compressed log unpacked ones."""
    record: int = 0
    """Lines before it; of what is no log of lines its records."""
    format: str | None = None
    """As detected at the first step."""
    open: tuple[Open, ...] = ()
    """Lookups that may be told again, `answered`; the youngest."""
    state: bytes = b""
    """What the reader has begun and what waits in it; for `steps` alone."""


class Step(msgspec.Struct, frozen=True):
    """What is new since a position."""

    flows: pa.Table
    """Rows of FLOWS, by record."""
    lookups: pa.Table
    """Rows of LOOKUPS, by record."""
    answered: pa.Table
    """Rows of LOOKUPS that stand for the open one that was told before of the same record, name and type."""
    coverage: Coverage
    """Of this step alone: `bytes` are those it took, `size` is the file's. A line that is held back is counted in each
    step that holds it back, and again when it is read."""
    position: Position
    """For the next step."""
    at_end: bool
    """Nothing more was in the file when it was opened, or could be read."""
    whole: bool = False
    """It is no log of lines and was read as a whole."""

    @classmethod
    def empty(cls, coverage: Coverage, position: Position, *, at_end: bool = True, whole: bool = False) -> "Step":
        """Nothing is new."""
        return cls(FLOWS.empty_table(), LOOKUPS.empty_table(), LOOKUPS.empty_table(), coverage, position, at_end, whole)
