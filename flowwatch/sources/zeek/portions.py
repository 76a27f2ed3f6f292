"""What one block of a Zeek log comes apart into: chunks of records by log, and the records that came apart already."""

from typing import Protocol

import msgspec
import pyarrow as pa

from flowwatch.sources.lines import Block
from flowwatch.sources.zeek.cells import Chunk
from flowwatch.sources.zeek.kinds import Kind


class Refusal(msgspec.Struct, frozen=True, order=True):
    """A refused record: line, byte offset, reason code."""

    number: int
    offset: int
    code: str


class Portion(msgspec.Struct, frozen=True):
    """Records of one log, ready to be cast; `refused` has a reason code where a value could not even be text."""

    kind: Kind
    chunk: Chunk
    refused: pa.StringArray | None = None


class Portions(msgspec.Struct):
    """All of one block: `records = noise + refusals + records of portions`."""

    records: int = 0
    noise: int = 0
    refusals: list[Refusal] = []
    portions: list[Portion] = []


class Splitter(Protocol):
    """Takes the blocks of one log in order."""

    def split(self, block: Block) -> Portions:
        """The records of the block."""

    def end(self) -> Portions:
        """What was begun and never ended."""

    def leave(self) -> bytes:
        """What is begun, taken out, and what holds for the lines that follow."""

    def resume(self, state: bytes) -> None:
        """Goes on where another left."""
