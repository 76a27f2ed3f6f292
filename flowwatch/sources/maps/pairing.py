"""Questions and answers that a log tells in records of their own, put together into one lookup.

An answer goes to the oldest open question with the same key, whose values the map names. A question waits for a minute
of the log's own time, and the oldest is given up for a new one; what found no other half is a lookup by itself.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from flowwatch.model.records import LOOKUPS
from flowwatch.sources.columns import batch
from flowwatch.sources.maps.language import Role

MOST_OPEN = 1 << 14
"""Questions that wait."""
_LONGEST = 60_000_000_000
"""Nanoseconds that a question waits."""
_Row = dict[str, Any]
_NUMBERED = [field for field in LOOKUPS if pa.types.is_timestamp(field.type) or pa.types.is_duration(field.type)]
"""Columns that are nanoseconds here."""


class Half(NamedTuple):
    """A question, an answer, or what is noted of a question before its answer."""

    record: int
    """Its line, on which others may stand."""
    key: tuple[str | None, ...]
    role: Role
    row: _Row


def halves(rows: pa.RecordBatch, keys: Sequence[tuple[str | None, ...]], role: Role) -> list[Half]:
    """The rows of LOOKUPS as halves; `keys` runs beside them."""
    for field in _NUMBERED:
        at = rows.schema.get_field_index(field.name)
        rows = rows.set_column(at, field.name, rows.column(at).cast(pa.int64()))
    return [Half(row["record"], key, role, row) for key, row in zip(keys, rows.to_pylist(), strict=True)]


class Pairs:
    """Takes the halves of one log in the order of its records."""

    def __init__(self) -> None:
        self.given_up = 0
        """Questions told before their answer for want of room; counts where the log has answers at all."""
        self.answered = False
        self._open: OrderedDict[int, Half] = OrderedDict()
        """By identity, in their order."""
        self._by_key: dict[tuple[str | None, ...], deque[Half]] = {}

    def take(self, some: Iterable[Half]) -> pa.RecordBatch:
        """The lookups that these complete."""
        done: list[_Row] = []
        for half in some:
            done += self._old(half.row["time"])
            waiting = self._by_key.get(half.key)
            if half.role == "note" and waiting:
                waiting[-1].row.update(_added(waiting[-1].row, half.row))
            elif half.role != "answer":
                self._wait(half)
            else:
                self.answered = True
                done.append(_joined(self._closed(waiting[0]), half.row) if waiting else half.row)
        return _rows(done)

    def end(self) -> pa.RecordBatch:
        """The questions that were not answered."""
        return _rows([self._closed(half) for half in list(self._open.values())])

    def open(self, most: int) -> list[Half]:
        """The youngest questions that wait, in their order."""
        return list(self._open.values())[-most:]

    def resume(self, some: Iterable[Half]) -> None:
        """Goes on with the questions that waited for another."""
        for half in some:
            self._wait(half)

    def _wait(self, half: Half) -> None:
        self._open[id(half)] = half
        self._by_key.setdefault(half.key, deque()).append(half)

    def _old(self, now: int | None) -> list[_Row]:
        """The questions that are given up."""
        done = []
        while self._open:
            half = next(iter(self._open.values()))
            asked = half.row["time"]
            waited = now is not None and asked is not None and now - asked > _LONGEST
            if len(self._open) < MOST_OPEN and not waited:
                break
            self.given_up += not waited
            done.append(self._closed(half))
        return done

    def _closed(self, half: Half) -> _Row:
        del self._open[id(half)]
        waiting = self._by_key[half.key]
        waiting.popleft()  # of one key the oldest is the first to go
        if not waiting:
            del self._by_key[half.key]
        return half.row


def _added(row: _Row, other: _Row) -> _Row:
    """What the other says where the row is silent."""
    return {name: value for name, value in other.items() if value is not None and row[name] is None}


def _joined(question: _Row, answer: _Row) -> _Row:
    """One lookup of both: the question's, with what the answer adds."""
    timed = answer["time"] is not None
    return {
        **question,
        **_added(question, answer),
        "asked": question["time"] if timed else None,
        "time": answer["time"] if timed else question["time"],
        "name_exact": question["name_exact"] and answer["name_exact"],
        "answer_record": answer["record"],
        "answer_offset": answer["offset"],
    }


def _rows(done: Sequence[_Row]) -> pa.RecordBatch:
    numbered = {field.name for field in _NUMBERED}
    columns = {
        field.name: pa.array([row[field.name] for row in done], pa.int64() if field.name in numbered else field.type)
        for field in LOOKUPS
    }
    return batch(columns, LOOKUPS, pa.repeat(pa.scalar(value=True), len(done)))
