"""One EVE log from its bytes to batches, with its account: the story of `sources.eve`, top to bottom."""

from collections import Counter
from collections.abc import Callable

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.model.records import FLOWS, LOOKUPS, Refused
from flowwatch.sources import objects
from flowwatch.sources.columns import batch, in_order
from flowwatch.sources.eve import dns, flow, http, tls
from flowwatch.sources.eve.cells import Cells, Rows
from flowwatch.sources.eve.placed import Placed, Places, Refusal
from flowwatch.sources.ledger import Ledger
from flowwatch.sources.lines import Block
from flowwatch.sources.logs import Batches, Left

_FLOWS: dict[str, Callable[[Cells], Rows]] = {
    "flow": flow.rows, "netflow": flow.netflow, "tls": tls.rows, "http": http.rows, "fileinfo": http.files,
    "quic": tls.quic,
}  # fmt: skip
_MOST_TYPES = 64
"""Types that are not read are told apart up to this many."""


class _State(msgspec.Struct, frozen=True):
    """What goes over to another reader."""

    begun: objects.Left
    waiting: dns.Waiting
    losses: int
    last: int | None


class EveLog:
    """A log of Suricata while it is read."""

    name = "eve"
    notes = ()

    def __init__(self, source: str, refused: Refused | None = None) -> None:
        self.ledger = Ledger(refused)
        self._source = source
        self._places = Places()
        self._lookups = dns.Lookups()
        self._losses = _Losses()
        self._unread: Counter[str] = Counter()
        self._last: int | None = None

    def take(self, block: Block) -> Batches:
        """Rows of the block; books its records."""
        yield from self._rows(self._places.split(block), ended=block.ended)

    def end(self) -> Batches:
        """Rows of what was begun; closes the account."""
        yield from self._rows(self._places.end())
        yield from self._asked(self._lookups.end())
        self._close()

    def leave(self, most: int) -> Left:
        """The object that has begun, and the youngest questions that wait."""
        waiting, places = self._lookups.leave(most)
        state = _State(self._places.leave(), waiting, self._losses.now, self._last)
        return Left(msgspec.msgpack.encode(state), places)

    def resume(self, state: bytes) -> None:
        """Goes on where another left."""
        left = msgspec.msgpack.decode(state, type=_State)
        self._places.resume(left.begun)
        self._lookups.resume(left.waiting)
        self._losses = _Losses(left.losses)
        self._last = left.last

    def _rows(self, placed: Placed, *, ended: bool = True) -> Batches:
        """Batches of the records; books all of them."""
        self.ledger.records += placed.records
        self.ledger.noise += placed.blank
        self._others(placed.unread)
        found = {kind: Cells(kind, placed.read[kind]) for kind in sorted(placed.read)}
        made = [
            self._conversations(make, found[kind], placed.refusals) for kind, make in _FLOWS.items() if kind in found
        ]
        if any(some.num_rows for some in made):
            yield "flows", in_order(made, "first_offset")
        if "dns" in found:
            yield from self._messages(found["dns"], placed.refusals)
        if "stats" in found:
            self._counters(found["stats"], placed.refusals)
        self.ledger.refuse(placed.refusals, ended=ended)
        self._order(list(found.values()))

    def _others(self, types: pa.StringArray) -> None:
        """Books the records of types that are not read."""
        for found in types.value_counts().to_pylist():
            kind = found["values"]
            known = len(self._unread) < _MOST_TYPES or kind in self._unread
            self._unread[kind if known else ""] += found["counts"]

    def _conversations(self, make: Callable[[Cells], Rows], cells: Cells, refusals: list[Refusal]) -> pa.RecordBatch:
        """Rows of FLOWS; books them with the noise among them."""
        ledger = self.ledger
        rows = make(cells)
        left = _accepted(cells, refusals)
        for sentence, mask in rows.notes.items():
            ledger.notes.update({sentence: count} if (count := _count(mask, left)) else {})
        if rows.noise is not None:
            ledger.noise += _count(rows.noise, left)
            left = pc.and_(left, pc.invert(rows.noise))
        ledger.one_way_flows += _count(rows.one_way, left) if rows.one_way is not None else 0
        self._span(rows.start, rows.end, left)
        rows.columns["source"] = self._named(len(cells))
        made = batch(rows.columns, FLOWS, left)
        ledger.events += made.num_rows
        ledger.flows += made.num_rows
        return made

    def _messages(self, cells: Cells, refusals: list[Refusal]) -> Batches:
        """Rows of LOOKUPS that are complete; books the messages."""
        times = dns.checked(cells)
        left = _accepted(cells, refusals)
        self._span(times, times, left)
        booked = self._lookups.booked
        done = self._lookups.take(cells, times)
        self.ledger.events += left.true_count - (self._lookups.booked - booked)
        yield from self._asked(done)

    def _asked(self, columns: dict[str, pa.Array]) -> Batches:
        if columns:
            count = len(columns["qname"])
            columns["source"] = self._named(count)
            self.ledger.lookups += count
            yield "lookups", batch(columns, LOOKUPS, pa.repeat(pa.scalar(value=True), count))

    def _counters(self, cells: Cells, refusals: list[Refusal]) -> None:
        """Books Suricata's own counters: they are noise, but say what the capture lost."""
        left = _accepted(cells, refusals)
        self.ledger.noise += left.true_count
        drops = pc.fill_null(cells.values("stats.capture.kernel_drops"), 0)
        for reading in drops.filter(pc.and_(left, cells.values("stats.capture"))).to_pylist():
            self._losses.take(reading)

    def _span(self, start: pa.Int64Array, end: pa.Int64Array, left: pa.BooleanArray) -> None:
        first, last = pc.min(start.filter(left)).as_py(), pc.max(end.filter(left)).as_py()
        if first is not None and last is not None:
            self.ledger.seen(first, last)

    def _order(self, found: list[Cells]) -> None:
        """Books how often a record was logged with an older time than the one before."""
        if not found:
            return
        order = pc.sort_indices(pa.concat_arrays([cells.offset for cells in found]))
        times = pa.concat_arrays([cells.logged for cells in found]).take(order).drop_null()
        if not len(times):
            return
        before = pa.concat_arrays([pa.array([self._last], pa.int64()), times.slice(0, len(times) - 1)])
        self.ledger.out_of_order += pc.sum(pc.less(times, before)).as_py() or 0
        self._last = times[-1].as_py()

    def _named(self, count: int) -> pa.Array:
        return pa.repeat(pa.scalar(self._source), count).dictionary_encode()

    def _close(self) -> None:
        """Books what is told once: types not read, messages that are no lookup, losses, limits."""
        ledger, lookups = self.ledger, self._lookups
        ledger.noise += self._unread.total() + lookups.noise.total()
        ledger.unattributable += lookups.unattributable
        for kind, count in self._unread.items():
            ledger.notes[f"event of type {_plain(kind)}, not read"] += count
        ledger.notes.update(lookups.noise)
        ledger.drops = self._losses.total
        ledger.limits.update(lookups.limits)


class _Losses:
    """Packets the capture lost, from a counter that begins anew when Suricata does; `now` is its reading before."""

    def __init__(self, now: int = 0) -> None:
        self._before = -now
        self.now = now

    @property
    def total(self) -> int:
        """All of them so far."""
        return self._before + self.now

    def take(self, reading: int) -> None:
        """One more reading of the counter."""
        self._before += self.now if reading < self.now else 0
        self.now = reading


def _accepted(cells: Cells, refusals: list[Refusal]) -> pa.BooleanArray:
    """The records that are not refused; the others are noted down."""
    left = pc.is_null(cells.refused)
    if left.false_count:
        bad = pc.invert(left)
        columns = (cells.number, cells.offset, cells.refused)
        refusals += zip(*(column.filter(bad).to_pylist() for column in columns), strict=True)
    return left


def _count(mask: pa.BooleanArray, within: pa.BooleanArray) -> int:
    return int(pc.sum(pc.and_(mask, within)).as_py() or 0)


def _plain(kind: str) -> str:
    """An event type as text that can be told."""
    known = kind.isascii() and kind.replace("_", "").isalnum() and len(kind) <= 32
    return f"`{kind}`" if known else "unknown"
