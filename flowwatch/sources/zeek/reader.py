"""One Zeek log from its bytes to batches, with its account: the story of `sources.zeek`, top to bottom."""

import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.model.records import Coverage, Skip
from flowwatch.sources.columns import batch
from flowwatch.sources.ledger import Ledger
from flowwatch.sources.lines import BLOCK, Block, blocks
from flowwatch.sources.opened import Opened
from flowwatch.sources.records import TableName
from flowwatch.sources.zeek.cells import Cells
from flowwatch.sources.zeek.json import JsonSplitter
from flowwatch.sources.zeek.kinds import Choice, Kind
from flowwatch.sources.zeek.portions import Portion, Portions, Refusal, Splitter
from flowwatch.sources.zeek.rows import Rows
from flowwatch.sources.zeek.tsv import TsvSplitter

_YEAR_1980 = 315_532_800_000_000_000
_RELATIVE = "time before 1980: counted from an unknown start, taken as it is"
_UNZONED = "time without a zone: taken as UTC"


class ZeekRecords:
    """Rows of one log, read once; `coverage` is complete after the last batch.

    `forced`: the user named the format, so it stands for logs of unknown name too.
    """

    def __init__(self, opened: Opened, kind: Kind, *, forced: bool = False, block: int = BLOCK) -> None:
        self._opened = opened
        self._kind = kind
        self._block = block
        self._choice = Choice(kind, forced)
        self._ledger = Ledger()
        self._error: Skip | None = None
        self._last: int | None = None

    @property
    def coverage(self) -> Coverage:
        """The account so far."""
        opened = self._opened
        return self._ledger.coverage(opened.name, self._kind.name, opened.size, opened.sha256, self._error)

    def __iter__(self) -> Iterator[tuple[TableName, pa.RecordBatch]]:
        splitter = self._splitter()
        for block in self._blocks():
            yield from self._rows(splitter.split(block))
        yield from self._rows(splitter.end())

    def _splitter(self) -> Splitter:
        start = self._opened.head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
        return JsonSplitter(self._choice) if start in (b"{", b"[") else TsvSplitter(self._choice)

    def _blocks(self) -> Iterator[Block]:
        try:
            yield from blocks(io.BufferedReader(self._opened, self._block), self._block)
        except OSError as error:
            self._error = Skip("read_error", error.strerror or str(error), self._opened.size)

    def _rows(self, parts: Portions) -> Iterator[tuple[TableName, pa.RecordBatch]]:
        """Batches of one block; books all of its records."""
        ledger = self._ledger
        ledger.records += parts.records
        ledger.noise += parts.noise
        refusals, times, batches = list(parts.refusals), [], []
        for portion in parts.portions:
            cells = Cells(portion.chunk, portion.refused)
            rows = portion.kind.rows(cells)
            refusals += _refusals(cells)
            times.append(_times(cells, rows))
            batches.append((rows.table, self._batch(portion, cells, rows)))
        for refusal in sorted(refusals):
            ledger.reject(refusal.code, refusal.number, refusal.offset)
        self._span(times)
        yield from ((table, one) for table, one in batches if one.num_rows)

    def _batch(self, portion: Portion, cells: Cells, rows: Rows) -> pa.RecordBatch:
        """The events of a portion; books them with the noise and the unattributable."""
        ledger = self._ledger
        left = pc.is_null(cells.refused)
        for sentence, mask in _notes(cells, rows).items():
            ledger.notes.update({sentence: count} if (count := _count(mask, left)) else {})
        for name in ("noise", "unattributable"):
            mask = getattr(rows, name)
            if mask is not None:
                setattr(ledger, name, getattr(ledger, name) + _count(mask, left))
                left = pc.and_(left, pc.invert(mask))
        ledger.one_way_flows += _count(rows.one_way, left) if rows.one_way is not None else 0
        rows.columns["source"] = pa.repeat(pa.scalar(self._opened.name), len(cells)).dictionary_encode()
        made = batch(rows.columns, portion.kind.schema, left)
        ledger.events += made.num_rows
        if rows.table == "flows":
            ledger.flows += made.num_rows
        else:
            ledger.lookups += made.num_rows
        return made

    def _span(self, parts: list[pa.Table]) -> None:
        """Books first and last time, and how often a record is older than the one before."""
        if not parts or not (table := pa.concat_tables(parts)).num_rows:
            return
        times = (table.sort_by("number") if len(parts) > 1 else table)["time"].combine_chunks()
        before = pa.concat_arrays([pa.array([self._last], pa.int64()), times.slice(0, len(times) - 1)])
        self._ledger.out_of_order += pc.sum(pc.less(times, before)).as_py() or 0
        self._last = times[-1].as_py()
        span = pc.min_max(times)
        self._ledger.seen(span["min"].as_py(), span["max"].as_py())


def _notes(cells: Cells, rows: Rows) -> dict[str, pa.BooleanArray]:
    return {**rows.notes, _RELATIVE: pc.less(rows.time, _YEAR_1980), _UNZONED: cells.unzoned("ts")}


def _count(mask: pa.BooleanArray, within: pa.BooleanArray) -> int:
    return int(pc.sum(pc.and_(mask, within)).as_py() or 0)


def _times(cells: Cells, rows: Rows) -> pa.Table:
    told = pc.is_null(cells.refused)
    columns = {"number": cells.chunk.number.filter(told), "time": rows.time.filter(told)}
    return pa.table(columns)


def _refusals(cells: Cells) -> list[Refusal]:
    bad = pc.is_valid(cells.refused)
    columns = (cells.chunk.number, cells.chunk.offset, cells.refused)
    return [Refusal(*record) for record in zip(*(column.filter(bad).to_pylist() for column in columns), strict=True)]
