"""One log read by a map from its bytes to batches, with its account."""

import io
from collections.abc import Iterator, Sequence

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.model.records import FLOWS, LOOKUPS, Coverage, Skip
from flowwatch.sources.columns import batch
from flowwatch.sources.ledger import Ledger
from flowwatch.sources.lines import BLOCK, Block, blocks
from flowwatch.sources.maps.language import Map, Noise, Rows
from flowwatch.sources.maps.splitting import Placed, Row, Splitter, at_path
from flowwatch.sources.maps.values import Made, as_text
from flowwatch.sources.opened import Opened
from flowwatch.sources.records import TableName

_Batches = Iterator[tuple[TableName, pa.RecordBatch]]
_Place = tuple[int, int | None, Row]
_UNZONED = "time without a zone: taken as UTC"
_HOLE = "gap told by the source"
_OTHER = "record of another kind, not read"
_UNNAMED = {"lookups": "record without a name", "flows": "record without one of its addresses"}


class Account:
    """Records of a map to rows of the two tables, each booked once."""

    def __init__(self, found: Map, source: str) -> None:
        self.map = found
        self.ledger = Ledger()
        self._source = source
        self._nulls = frozenset(found.nulls)
        self._last: int | None = None

    def coverage(self, opened: Opened, error: Skip | None) -> Coverage:
        """The account so far."""
        told = self.ledger.coverage(opened.name, self.map.name, opened.size, opened.sha256, error)
        return _with_notes(told, self.map.notes)

    def take(self, rows: Sequence[_Place], refusals: list[tuple[int, int, str]], *, ended: bool = True) -> _Batches:
        """Batches of the records; books them and the refusals."""
        self.ledger.records += len(rows) + len(refusals)
        if not ended:
            refusals += [
                (number, offset or 0, "foreign_line") for number, offset, row in rows if self._kind(row) is None
            ]
            rows = [place for place in rows if self._kind(place[2]) is not None]
        sorted_out: dict[int, list[_Place]] = {}
        for place in rows:
            kind = self._kind(place[2])
            if isinstance(kind, int):
                sorted_out.setdefault(kind, []).append(place)
            else:
                self._noise(kind)
        for at, some in sorted_out.items():
            made = Made(self.map.rows[at], some, self._nulls)
            yield from self._rows(self.map.rows[at], made, refusals)
        self.ledger.refuse(refusals, ended=ended)

    def _kind(self, row: Row) -> Noise | int | None:
        """Which noise or which rows a record is; None where it is neither."""
        for noise in self.map.noise:
            if _holds(row, noise.when):
                return noise
        return next((at for at, rows in enumerate(self.map.rows) if _holds(row, rows.when)), None)

    def _noise(self, noise: Noise | None) -> None:
        self.ledger.noise += 1
        self.ledger.notes[noise.note if noise else _OTHER] += 1
        if noise and noise.hole:
            self.ledger.limits[_HOLE] += 1

    def _rows(self, rows: Rows, made: Made, refusals: list[tuple[int, int, str]]) -> _Batches:
        ledger = self.ledger
        left = pc.is_null(made.refused)
        if left.false_count:
            columns = (made.number, pc.fill_null(made.offset, 0), made.refused)
            refusals += zip(*(column.filter(pc.invert(left)).to_pylist() for column in columns), strict=True)
        unnamed = pc.and_(left, made.unnamed)
        count = int(pc.sum(unnamed).as_py() or 0)
        ledger.unattributable += count
        ledger.notes.update({note: n for note, n in ((_UNNAMED[rows.table], count), (_UNZONED, made.unzoned)) if n})
        left = pc.and_(left, pc.invert(made.unnamed))
        made.columns["source"] = pa.repeat(pa.scalar(self._source), len(left)).dictionary_encode()
        table = batch(made.columns, FLOWS if rows.table == "flows" else LOOKUPS, left)
        self._span(table, rows.table)
        ledger.events += table.num_rows
        if rows.table == "flows":
            ledger.flows += table.num_rows
        else:
            ledger.lookups += table.num_rows
        if table.num_rows:
            yield rows.table, table

    def _span(self, table: pa.RecordBatch, kind: TableName) -> None:
        starts = table["start" if kind == "flows" else "time"].cast(pa.int64()).drop_null()
        ends = table["end"].cast(pa.int64()).drop_null() if kind == "flows" else starts
        if not len(starts):
            return
        before = pa.concat_arrays([pa.array([self._last], pa.int64()), starts.slice(0, len(starts) - 1)])
        self.ledger.out_of_order += pc.sum(pc.less(starts, before)).as_py() or 0
        self._last = starts[-1].as_py()
        latest = max(pc.max(starts).as_py(), pc.max(ends).as_py() or 0)
        self.ledger.seen(pc.min(starts).as_py(), latest)


class MapRecords:
    """Rows of one log, read once; `coverage` is complete after the last batch."""

    def __init__(self, opened: Opened, found: Map, *, block: int = BLOCK) -> None:
        self._opened = opened
        self._block = block
        self._splitter = Splitter(found)
        self._account = Account(found, opened.name)
        self._error: Skip | None = None

    @property
    def coverage(self) -> Coverage:
        """The account so far."""
        return self._account.coverage(self._opened, self._error)

    def __iter__(self) -> _Batches:
        for block in self._blocks():
            yield from self._taken(self._splitter.split(block), ended=block.ended)
        yield from self._taken(self._splitter.end())

    def _taken(self, placed: Placed, *, ended: bool = True) -> _Batches:
        self._account.ledger.records += placed.noise
        self._account.ledger.noise += placed.noise
        yield from self._account.take(placed.rows, placed.refusals, ended=ended)

    def _blocks(self) -> Iterator[Block]:
        try:
            yield from blocks(io.BufferedReader(self._opened, self._block), self._block)
        except OSError as error:
            self._error = Skip("read_error", error.strerror or str(error), self._opened.size)


def _holds(row: Row, when: dict[str, tuple[str, ...]]) -> bool:
    """Whether each path has one of its values; `*` is any value."""
    for path, values in when.items():
        told = at_path(row, path)
        if "*" in values:
            if told is None:
                return False
        elif as_text(told) not in values:
            return False
    return True


def _with_notes(told: Coverage, notes: tuple[str, ...]) -> Coverage:
    return msgspec.structs.replace(told, notes=(*told.notes, *notes)) if notes else told
