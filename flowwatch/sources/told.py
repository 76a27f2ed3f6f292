"""The rows of one step: those that are new, and those of lookups that were told before, where they now say more."""

from collections.abc import Iterable
from hashlib import blake2b

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.model.records import FLOWS, LOOKUPS, Coverage
from flowwatch.sorting import Sorter
from flowwatch.sources.logs import Batches
from flowwatch.sources.positions import Open, Position, Step
from flowwatch.sources.records import TableName

_DIGEST = 6
"""Bytes of the digest of a row, which is compared with those of the same record alone."""


class Rows:
    """Rows of one table, in any order in, by record out."""

    def __init__(self, schema: pa.Schema, record: str) -> None:
        self.count = 0
        self._schema = schema
        self._sorter = Sorter(schema, record, ("",), None)

    def add(self, batch: pa.RecordBatch) -> None:
        """Takes rows in."""
        self.count += batch.num_rows
        self._sorter.add(batch)

    def table(self) -> pa.Table:
        """All of them."""
        return pa.Table.from_batches(list(self._sorter), self._schema).unify_dictionaries()


class Told:
    """Takes what a reader gives in one step; `before` are the lookups it may give again."""

    def __init__(self, before: Iterable[Open] = ()) -> None:
        self.flows = Rows(FLOWS, "first_record")
        self.lookups = Rows(LOOKUPS, "record")
        self.answered = Rows(LOOKUPS, "record")
        self.open: list[Open] = []
        """The rows of the end that may be given again."""
        self.given_up = 0
        """The rows of the end that may not."""
        self._before: dict[tuple[int, int], list[int]] = {}
        for one in before:
            self._before.setdefault((one.record, one.offset), []).append(one.told)
        self._records = _records(self._before)

    def take(self, batches: Iterable[tuple[TableName, pa.RecordBatch]]) -> None:
        """Rows that were complete before the end."""
        for table, batch in batches:
            if table == "flows":
                self.flows.add(batch)
            else:
                self._sort(batch)

    def end(self, batches: Batches, waiting: Iterable[tuple[int, int]]) -> None:
        """Rows that were only given because reading ends here; those that stand there (record, offset) still wait."""
        places = frozenset(waiting)
        records = _records(places)
        for table, batch in batches:
            self.take([(table, batch)])
            if table == "lookups":
                some = batch.filter(pc.is_in(batch["record"], records))
                found = zip(*_places(some), _digests(some), strict=True)
                self.open += (open_now := [Open(*one) for one in found if one[:2] in places])
                self.given_up += batch.num_rows - len(open_now)

    def step(self, coverage: Coverage, after: Position, *, at_end: bool, whole: bool = False) -> Step:
        """All of it."""
        tables = (self.flows.table(), self.lookups.table(), self.answered.table())
        return Step(*tables, coverage, after, at_end, whole)

    def _sort(self, batch: pa.RecordBatch) -> None:
        """Parts lookups that are new from those that were told."""
        old = pc.is_in(batch["record"], self._records)
        self.lookups.add(batch.filter(pc.invert(old)))
        some = batch.filter(old)
        if not some.num_rows:
            return
        rows = zip(*_places(some), _digests(some), strict=True)
        known = [self._known((record, offset), told) for record, offset, told in rows]
        self.lookups.add(some.filter(pa.array([one is None for one in known])))
        self.answered.add(some.filter(pa.array([one is False for one in known])))

    def _known(self, place: tuple[int, int], told: int) -> bool | None:
        """Whether this very row was told; None: none was of its place."""
        before = self._before.get(place)
        if before is None:
            return None
        if told in before:
            before.remove(told)
            return True
        return False


def _records(places: Iterable[tuple[int, int]]) -> pa.UInt64Array:
    return pa.array(sorted({record for record, _ in places}), pa.uint64())


def _places(rows: pa.RecordBatch) -> tuple[list[int], list[int]]:
    return rows["record"].to_pylist(), rows["offset"].to_pylist()


def _digests(rows: pa.RecordBatch) -> list[int]:
    """Of each row, whatever its source is called."""
    columns = (_plain(rows[field.name]).to_pylist() for field in LOOKUPS if field.name != "source")
    return [_digest(msgspec.msgpack.encode(row)) for row in zip(*columns, strict=True)]


def _plain(column: pa.Array) -> pa.Array:
    """Times and spans as numbers."""
    timed = pa.types.is_timestamp(column.type) or pa.types.is_duration(column.type)
    return column.cast(pa.int64()) if timed else column


def _digest(row: bytes) -> int:
    return int.from_bytes(blake2b(row, digest_size=_DIGEST).digest(), "big")
