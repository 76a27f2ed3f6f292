"""A log that is read in blocks of whole lines, from its bytes to batches with its account: the story of text logs."""

import io
import time
from collections.abc import Iterator
from typing import Protocol

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.model.records import Coverage, Skip
from flowwatch.sources.ledger import Ledger
from flowwatch.sources.lines import BLOCK, Block
from flowwatch.sources.opened import Opened
from flowwatch.sources.records import TableName

Batches = Iterator[tuple[TableName, pa.RecordBatch]]


class Left(msgspec.Struct, frozen=True):
    """What goes over to another reader of the same log, which begins where one ended for now."""

    state: bytes = b""
    """For `resume` alone."""
    open: tuple[tuple[int, int], ...] = ()
    """(record, offset) of the questions in it whose answer may still come."""


class Log(Protocol):
    """A log while it is read: takes its blocks in order, books every record of them, gives rows."""

    @property
    def ledger(self) -> Ledger:
        """Its account."""

    @property
    def name(self) -> str:
        """Of its format."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be told of it beside the account."""

    def take(self, block: Block) -> Batches:
        """Rows of the block."""

    def end(self) -> Batches:
        """Rows that were only known to be whole at the end."""

    def leave(self, most: int) -> Left:
        """What is begun, taken out, and a copy of what is open, of it the youngest `most` questions; before `end`."""

    def resume(self, state: bytes) -> None:
        """Goes on where another left, before the first block. Raises ValueError where that was another version."""


class LogRecords:
    """Rows of one log, read once; `coverage` is complete after the last batch."""

    def __init__(self, opened: Opened, log: Log, *, block: int = BLOCK) -> None:
        self.log = log
        self._opened = opened
        self._block = block
        self._error: Skip | None = None

    @property
    def coverage(self) -> Coverage:
        """The account so far."""
        opened, log = self._opened, self.log
        told = log.ledger.coverage(opened.name, log.name, opened.size, opened.sha256, self._error)
        return msgspec.structs.replace(told, notes=(*told.notes, *log.notes)) if log.notes else told

    def __iter__(self) -> Batches:
        for block in self._blocks():
            yield from self.take(block)
        yield from self.end()

    def take(self, block: Block) -> Batches:
        """Rows of the block."""
        self.log.ledger.block = block
        yield from self.log.take(block)

    def end(self) -> Batches:
        """Rows that were only known to be whole at the end."""
        self.log.ledger.block = None
        yield from self.log.end()

    def _blocks(self) -> Iterator[Block]:
        from flowwatch.sources.carriers import blocks  # noqa: PLC0415 - start-up time

        try:
            yield from blocks(io.BufferedReader(self._opened, self._block), self._block)
        except OSError as error:
            self._error = Skip("read_error", error.strerror or str(error), self._opened.size)


class Span:
    """Books first and last time, and how often a row is older than the one before."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.last: int | None = None
        """Time of the row before."""

    def add(self, starts: pa.Int64Array, ends: pa.Int64Array | None = None) -> None:
        """Rows that begin and end then, in nanoseconds since 1970, in their order; null says nothing."""
        starts = starts.drop_null()
        if not len(starts):
            return
        before = pa.concat_arrays([pa.array([self.last], pa.int64()), starts.slice(0, len(starts) - 1)])
        self._ledger.out_of_order += pc.sum(pc.less(starts, before)).as_py() or 0
        self.last = starts[-1].as_py()
        latest = pc.max(starts).as_py()
        self._ledger.seen(
            pc.min(starts).as_py(), max(latest, pc.max(ends).as_py() or 0) if ends is not None else latest
        )


def written(opened: Opened) -> int:
    """When the file was last written to, in nanoseconds since 1970; of what is no file, now."""
    at = opened.stored.written_ns
    return time.time_ns() if at is None else at
