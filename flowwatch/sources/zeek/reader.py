"""One Zeek log from its bytes to batches, with its account: the story of `sources.zeek`, top to bottom."""

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.model.records import Refused
from flowwatch.sources.carriers import plain
from flowwatch.sources.columns import batch
from flowwatch.sources.ledger import Ledger
from flowwatch.sources.lines import Block
from flowwatch.sources.logs import Batches, Left
from flowwatch.sources.zeek.cells import Cells
from flowwatch.sources.zeek.json import JsonSplitter
from flowwatch.sources.zeek.kinds import Choice, Kind
from flowwatch.sources.zeek.portions import Portion, Portions, Refusal, Splitter
from flowwatch.sources.zeek.rows import Rows
from flowwatch.sources.zeek.tsv import TsvSplitter

_YEAR_1980 = 315_532_800_000_000_000
_RELATIVE = "time before 1980: counted from an unknown start, taken as it is"
_UNZONED = "time without a zone: taken as UTC"


class _State(msgspec.Struct, frozen=True):
    """What goes over to another reader."""

    splitter: bytes
    last: int | None


class ZeekLog:
    """A log of Zeek while it is read; `head` are its first bytes.

    `forced`: the user named the format, so it stands for logs of unknown name too.
    """

    notes = ()

    def __init__(
        self, kind: Kind, source: str, head: bytes, refused: Refused | None = None, *, forced: bool = False
    ) -> None:
        self.name = kind.name
        self.ledger = Ledger(refused)
        self._source = source
        choice = Choice(kind, forced)
        json = plain(head).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")
        self._splitter: Splitter = JsonSplitter(choice) if json else TsvSplitter(choice)
        self._last: int | None = None

    def take(self, block: Block) -> Batches:
        """Rows of the block."""
        yield from self._rows(self._splitter.split(block))

    def end(self) -> Batches:
        """Rows of what was begun."""
        yield from self._rows(self._splitter.end())

    def leave(self, most: int) -> Left:
        """The object that has begun, or the header in force."""
        del most  # a record has its question and its answer together
        return Left(msgspec.msgpack.encode(_State(self._splitter.leave(), self._last)))

    def resume(self, state: bytes) -> None:
        """Goes on where another left."""
        left = msgspec.msgpack.decode(state, type=_State)
        self._splitter.resume(left.splitter)
        self._last = left.last

    def _rows(self, parts: Portions) -> Batches:
        """Batches of one block; books all of its records."""
        ledger = self.ledger
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
        ledger = self.ledger
        left = pc.is_null(cells.refused)
        for sentence, mask in _notes(cells, rows).items():
            ledger.notes.update({sentence: count} if (count := _count(mask, left)) else {})
        for name in ("noise", "unattributable"):
            mask = getattr(rows, name)
            if mask is not None:
                setattr(ledger, name, getattr(ledger, name) + _count(mask, left))
                left = pc.and_(left, pc.invert(mask))
        ledger.one_way_flows += _count(rows.one_way, left) if rows.one_way is not None else 0
        rows.columns["source"] = pa.repeat(pa.scalar(self._source), len(cells)).dictionary_encode()
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
        self.ledger.out_of_order += pc.sum(pc.less(times, before)).as_py() or 0
        self._last = times[-1].as_py()
        span = pc.min_max(times)
        self.ledger.seen(span["min"].as_py(), span["max"].as_py())


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
