"""A file that grows: what all steps over it tell together, beside what one reading of the whole tells."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa

from flowwatch.model.records import Coverage, ReadOptions
from flowwatch.sources import collect
from flowwatch.sources.resume import Position, Step, steps
from tests.sources.laws import lawful

Row = tuple[tuple[str, object], ...]
COUNTS = ("events", "noise", "unattributable", "rejected", "flows", "lookups", "one_way_flows", "drops", "out_of_order")
_UNENDED = "last line without its end"


class Told(msgspec.Struct):
    """Rows as values, and counts."""

    flows: list[Row]
    lookups: list[Row]
    counts: Counter[str]
    notes: Counter[str]
    limits: Counter[str]
    rejects: list[tuple[int, int, str]]


def whole(source: str, options: ReadOptions) -> tuple[Told, Coverage]:
    """One reading."""
    found = collect([source], options)
    told = Told(rows(found.flows), rows(found.lookups), Counter(), Counter(), Counter(), [])
    _add(told, found.coverage[0])
    return told, found.coverage[0]


def grown(path: Path, data: bytes, ends: Sequence[int], most: int, options: ReadOptions) -> tuple[Told, Position]:
    """The file read after it has grown to each of these lengths, and once more when nothing more comes."""
    told = Told([], [], Counter(), Counter(), Counter(), [])
    position: Position | None = None
    for end in ends:
        path.write_bytes(data[:end])
        for step in steps(str(path), position, options, most):
            add(told, step)
            position = stored(step.position)
        assert position is not None
        check(position, data[:end], options)
    path.write_bytes(data)
    for step in steps(str(path), position, options, most, ended=True):
        add(told, step)
        position = stored(step.position)
    assert position is not None
    return told, position


def stored(position: Position) -> Position:
    """As it comes back from where it was kept."""
    return msgspec.json.decode(msgspec.json.encode(position), type=Position)


def check(position: Position, data: bytes, options: ReadOptions) -> None:
    """All whole lines were read, and no more."""
    end = data.rfind(b"\n") + 1
    assert position.offset in (0, end)
    assert position.record in (0, data.count(b"\n"))
    if options.input_format is not None:
        assert position.offset == end


def add(told: Told, step: Step) -> None:
    """What a step tells is put to what was told before."""
    for table in (step.flows, step.lookups, step.answered):
        table.validate(full=True)
    coverage = step.coverage
    assert lawful(coverage)
    assert coverage.sha256 is None
    assert (coverage.flows, coverage.lookups) == (step.flows.num_rows, step.lookups.num_rows)
    told.flows += rows(step.flows)
    for row in rows(step.answered):
        _answer(told.lookups, row)
    told.lookups += rows(step.lookups)
    _add(told, coverage)
    if step.position.offset and not step.at_end:
        assert coverage.held_back == 0


def _answer(before: list[Row], row: Row) -> None:
    """One of the rows before gives way to this."""
    names = ("record", "offset", "qname", "qtype")
    place = [value for name, value in row if name in names]
    alike = [one for one in before if [value for name, value in one if name in names] == place]
    assert alike
    assert row not in alike
    before.remove(min(alike, key=lambda one: dict(one)["answer_record"] is not None))
    before.append(row)


def _add(told: Told, coverage: Coverage) -> None:
    told.counts.update({name: getattr(coverage, name) for name in COUNTS})
    told.counts["records"] += coverage.records - coverage.held_back
    told.limits.update(coverage.limits)
    for note in coverage.notes:
        count, mark, words = note.partition(" x ")
        if mark and count.isdecimal() and not words.startswith(_UNENDED):
            told.notes[words] += int(count)
    told.rejects += [(one.record or 0, one.offset or 0, one.code) for one in coverage.rejects]


def rows(table: pa.Table) -> list[Row]:
    """As plain values; times as numbers."""
    columns = [_plain(table[name]) for name in table.column_names]
    return [tuple(zip(table.column_names, one, strict=True)) for one in zip(*columns, strict=True)]


def _plain(column: pa.ChunkedArray) -> list[object]:
    timed = pa.types.is_timestamp(column.type) or pa.types.is_duration(column.type)
    values = (column.cast(pa.int64()) if timed else column).to_pylist()
    return [repr(value) if isinstance(value, list) else value for value in values]


def same(told: Told, expected: Told) -> None:
    """The steps told what the whole reading did."""
    for name in ("flows", "lookups"):
        assert sorted(getattr(told, name), key=repr) == sorted(getattr(expected, name), key=repr)
    assert told.counts == expected.counts
    assert told.notes == expected.notes
    assert told.limits == expected.limits
    assert sorted(told.rejects)[: len(expected.rejects)] == sorted(expected.rejects)


def lines(data: bytes) -> Iterator[int]:
    """Where each line ends."""
    at = 0
    while (at := data.find(b"\n", at) + 1) > 0:
        yield at
