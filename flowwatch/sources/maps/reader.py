"""One log read by a map from its bytes to batches, with its account."""

from collections.abc import Sequence

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.model.records import FLOWS, LOOKUPS, Refused
from flowwatch.sources.carriers import plain
from flowwatch.sources.columns import batch
from flowwatch.sources.ledger import OTHER_PROGRAM, Ledger
from flowwatch.sources.lines import Block
from flowwatch.sources.logs import Batches, Left, Span
from flowwatch.sources.maps.language import Map, Noise, Rows, field
from flowwatch.sources.maps.pairing import Half, Pairs, halves
from flowwatch.sources.maps.splitting import Begun, Placed, Row, Splitter, at_paths
from flowwatch.sources.maps.times import Times
from flowwatch.sources.maps.values import Made
from flowwatch.sources.maps.words import as_text
from flowwatch.sources.moments import Clock
from flowwatch.sources.records import TableName

_Place = tuple[int, int | None, Row]
_HOLE = "gap told by the source"
_CUT = "list of answers that was cut: its last record is left out"
_GIVEN_UP = "questions given up for newer ones"
_OTHER = "record of another kind, not read"
_UNNAMED = {"lookups": "record without a name", "flows": "record without one of its addresses"}


class Waiting(msgspec.Struct, frozen=True):
    """What goes over to another account of the same log."""

    questions: list[Half]
    answered: bool
    last: int | None


class Account:
    """Records of a map to rows of the two tables, each booked once."""

    def __init__(self, found: Map, source: str, clock: Clock, refused: Refused | None = None) -> None:
        self.map = found
        self.ledger = Ledger(refused)
        self._source = source
        self._times = Times(clock.utc() if found.utc else clock)
        self._pairs = Pairs()
        self._nulls = frozenset(found.nulls)
        self._span = Span(self.ledger)

    def learn(self, head: bytes) -> None:
        """Chooses the form of times by the log's first bytes, where the map has several."""
        fields = [field(one) for rows in self.map.rows for one in rows.fields.values()]
        for one in (one for one in fields if isinstance(one.unit, tuple)):
            whole = plain(head).rpartition(b"\n")[0]
            rows = Splitter(self.map).split(Block(whole, 0, 1)).rows
            told = (as_text(at_paths(row, path)) for _, _, row in rows for path in one.paths)
            self._times.learn(tuple(one.unit or ()), filter(None, told))

    def take(self, rows: Sequence[_Place], refusals: list[tuple[int, int, str]], *, ended: bool = True) -> Batches:
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
        begun: list[Half] = []
        times: list[pa.Table] = []
        for at, some in sorted_out.items():
            rows_of = self.map.rows[at]
            made = Made(rows_of, some, self._nulls, self._times)
            table, left = self._rows(rows_of, made, refusals)
            times.append(_times(table))
            if rows_of.role is not None:
                keys = [key for key, kept in zip(made.texts(rows_of.pair), left.to_pylist(), strict=True) if kept]
                begun += halves(table, keys, rows_of.role)
            else:
                yield from self._given(rows_of.table, table)
        self.ledger.refuse(refusals, ended=ended)
        if times:
            told = pa.concat_tables(times).sort_by("record")
            self._span.add(*(told[name].combine_chunks() for name in ("start", "end")))
        if begun:
            yield from self._given("lookups", self._pairs.take(sorted(begun, key=lambda half: half.record)))

    def end(self) -> Batches:
        """Questions that were not answered."""
        yield from self._given("lookups", self._pairs.end())
        if self._pairs.answered and self._pairs.given_up:
            self.ledger.limits[_GIVEN_UP] = self._pairs.given_up

    def leave(self, most: int) -> Waiting:
        """The youngest questions that wait."""
        return Waiting(self._pairs.open(most), self._pairs.answered, self._span.last)

    def resume(self, waiting: Waiting) -> None:
        """Goes on where another left."""
        self._pairs.resume(waiting.questions)
        self._pairs.answered = waiting.answered
        self._span.last = waiting.last

    def _given(self, name: TableName, table: pa.RecordBatch) -> Batches:
        if name == "flows":
            self.ledger.flows += table.num_rows
        else:
            self.ledger.lookups += table.num_rows
        if table.num_rows:
            yield name, table

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

    def _rows(
        self, rows: Rows, made: Made, refusals: list[tuple[int, int, str]]
    ) -> tuple[pa.RecordBatch, pa.BooleanArray]:
        """The rows that stand, and which they are; books them."""
        ledger = self.ledger
        left = pc.is_null(made.refused)
        if left.false_count:
            columns = (made.number, pc.fill_null(made.offset, 0), made.refused)
            refusals += zip(*(column.filter(pc.invert(left)).to_pylist() for column in columns), strict=True)
        unnamed = pc.and_(left, made.unnamed)
        count = int(pc.sum(unnamed).as_py() or 0)
        ledger.unattributable += count
        ledger.notes.update({_CUT: made.cut} if made.cut else {})
        ledger.notes.update({_UNNAMED[rows.table]: count} if count else {})
        left = pc.and_(left, pc.invert(made.unnamed))
        if rows.fields.keys() & {"time", "start", "end"}:
            ledger.note_times(made.basis.filter(left), self._times.clock)
        made.columns["source"] = pa.repeat(pa.scalar(self._source), len(left)).dictionary_encode()
        table = batch(made.columns, FLOWS if rows.table == "flows" else LOOKUPS, left)
        ledger.events += table.num_rows
        return table, left


class _State(msgspec.Struct, frozen=True):
    """What goes over to another reader."""

    begun: Begun
    waiting: Waiting


def _times(rows: pa.RecordBatch) -> pa.Table:
    """When the rows of either table begin and end, by record."""
    names = ("first_record", "start", "end") if "start" in rows.schema.names else ("record", "time", "time")
    record, start, end = (rows[name] for name in names)
    return pa.table({"record": record, "start": start.cast(pa.int64()), "end": end.cast(pa.int64())})


class MapLog:
    """A log while it is read by its map."""

    def __init__(self, found: Map, source: str, clock: Clock, refused: Refused | None = None) -> None:
        self.name = found.name
        self.notes = found.notes
        self._splitter = Splitter(found)
        self._account = Account(found, source, clock, refused)
        self._account.learn(clock.head)
        self.ledger = self._account.ledger

    def take(self, block: Block) -> Batches:
        """Rows of the block."""
        yield from self._taken(self._splitter.split(block), ended=block.ended)

    def end(self) -> Batches:
        """Rows that wait for their other half; an object that never ended is refused."""
        yield from self._taken(self._splitter.end())
        yield from self._account.end()

    def leave(self, most: int) -> Left:
        """What has begun, and the youngest questions that wait."""
        state = _State(self._splitter.leave(), self._account.leave(most))
        places = tuple((half.record, half.row["offset"]) for half in state.waiting.questions)
        return Left(msgspec.msgpack.encode(state), places)

    def resume(self, state: bytes) -> None:
        """Goes on where another left."""
        left = msgspec.msgpack.decode(state, type=_State)
        self._splitter.resume(left.begun)
        self._account.resume(left.waiting)

    def _taken(self, placed: Placed, *, ended: bool = True) -> Batches:
        nothing = placed.noise + placed.strange
        self.ledger.records += nothing
        self.ledger.noise += nothing
        self.ledger.notes.update({OTHER_PROGRAM: placed.strange} if placed.strange else {})
        yield from self._account.take(placed.rows, placed.refusals, ended=ended)


def _holds(row: Row, when: dict[str, tuple[str, ...]]) -> bool:
    """Whether each path, or the first of several that is there, has one of its values; `*` is any value."""
    for paths, values in when.items():
        told = at_paths(row, paths)
        if "*" in values:
            if told is None or told == "":
                return False
        elif as_text(told) not in values:
            return False
    return True
