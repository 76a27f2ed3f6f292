"""One BIND query log from its bytes to batches, with its account: the story of `sources.bind`, top to bottom."""

import io
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.model.records import LOOKUPS, Coverage, Skip
from flowwatch.sources import syslog
from flowwatch.sources.bind.grammar import Noise, other, parted
from flowwatch.sources.bind.rows import Columns
from flowwatch.sources.columns import batch
from flowwatch.sources.ledger import Ledger
from flowwatch.sources.lines import BLOCK, Block, blocks
from flowwatch.sources.opened import Opened
from flowwatch.sources.records import TableName

_NOTES = {
    "assumed_utc": "time without a zone: taken as UTC",
    syslog.YEARLESS: "time without a year: the latest that is not after the file's own",
    "none": "line without a time",
}
"""By `time_basis`."""


class BindRecords:
    """Rows of one log, read once; `coverage` is complete after the last batch.

    `latest`: when the log was last written to, in nanoseconds since 1970; the file's own time where it is not told.
    """

    def __init__(self, opened: Opened, *, block: int = BLOCK, latest: int | None = None) -> None:
        self._opened = opened
        self._block = block
        self._latest = _written(opened) if latest is None else latest
        self._ledger = Ledger()
        self._error: Skip | None = None
        self._last: int | None = None

    @property
    def coverage(self) -> Coverage:
        """The account so far."""
        opened = self._opened
        return self._ledger.coverage(opened.name, "bind-query", opened.size, opened.sha256, self._error)

    def __iter__(self) -> Iterator[tuple[TableName, pa.RecordBatch]]:
        for block in self._blocks():
            made = self._rows(block)
            if made.num_rows:
                yield "lookups", made

    def _blocks(self) -> Iterator[Block]:
        try:
            yield from blocks(io.BufferedReader(self._opened, self._block), self._block)
        except OSError as error:
            self._error = Skip("read_error", error.strerror or str(error), self._opened.size)

    def _rows(self, block: Block) -> pa.RecordBatch:
        """The questions of a block; books all of its lines."""
        found = parted(block.data)
        self._ledger.records += found.questions.num_rows + len(found.others)
        number = _from(found.questions["line"], block.number)
        offset = _from(found.questions["start"], block.offset)
        table = Columns(found.questions, number, offset, self._latest)
        refusals = [
            (block.number + line, block.offset + start, code)
            for line, start, code in self._others(found.others, ended=block.ended)
        ]
        left = pc.is_null(table.refused)
        if left.false_count:
            bad = pc.invert(left)
            refusals += zip(*(one.filter(bad).to_pylist() for one in (number, offset, table.refused)), strict=True)
        self._ledger.refuse(refusals, ended=block.ended)
        return self._booked(table.columns, left)

    def _others(self, others: list[tuple[int, int, str]], *, ended: bool) -> Iterator[tuple[int, int, str]]:
        """Books the lines that are no question; gives those to refuse, or to hold back where nothing ends them."""
        for line, start, text in others:
            what = other(text)
            if isinstance(what, Noise) and not ended:
                yield line, start, "foreign_line"
            elif isinstance(what, Noise):
                self._ledger.noise += 1
                self._ledger.notes.update({what.note: 1} if what.note else {})
            else:
                yield line, start, what

    def _booked(self, columns: dict[str, pa.Array], left: pa.BooleanArray) -> pa.RecordBatch:
        ledger = self._ledger
        columns["source"] = pa.repeat(pa.scalar(self._opened.name), len(left)).dictionary_encode()
        made = batch(columns, LOOKUPS, left)
        ledger.events += made.num_rows
        ledger.lookups += made.num_rows
        for basis in made["time_basis"].value_counts().to_pylist():
            if basis["values"] in _NOTES:
                ledger.notes[_NOTES[basis["values"]]] += basis["counts"]
        self._span(made["time"].cast(pa.int64()).drop_null())
        return made

    def _span(self, times: pa.Int64Array) -> None:
        """Books first and last time, and how often a line is older than the one before."""
        if not len(times):
            return
        before = pa.concat_arrays([pa.array([self._last], pa.int64()), times.slice(0, len(times) - 1)])
        self._ledger.out_of_order += pc.sum(pc.less(times, before)).as_py() or 0
        self._last = times[-1].as_py()
        span = pc.min_max(times)
        self._ledger.seen(span["min"].as_py(), span["max"].as_py())


def _from(places: pa.UInt32Array, first: int) -> pa.UInt64Array:
    return pc.add(places.cast(pa.uint64()), pa.scalar(first, pa.uint64()))


def _written(opened: Opened) -> int:
    """When the file was last written to; of what is no file, now."""
    if opened.path is None:
        return time.time_ns()
    return Path(opened.path).stat().st_mtime_ns
