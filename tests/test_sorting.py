"""Rows in the order of sources and records, in memory or through files alike."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowwatch.sorting import Sorter

SCHEMA = pa.schema(
    {"source": pa.dictionary(pa.int32(), pa.utf8()), "record": pa.uint64(), "flags": pa.list_(pa.utf8())}
)
SOURCES = ["z.pcap", "a.pcap", "m.pcap"]


def batch(rows):
    return pa.RecordBatch.from_pylist(
        [{"source": source, "record": record, "flags": [str(at)]} for at, (source, record) in enumerate(rows)], SCHEMA
    )


def told(sorter):
    return [(row["source"], row["record"], row["flags"]) for piece in sorter for row in piece.to_pylist()]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.tuples(st.sampled_from(SOURCES), st.integers(0, 40)), max_size=9), max_size=9))
def test_sorting_is_that_of_python_with_and_without_files(batches):
    rows = [(source, record, [str(at)]) for one in batches for at, (source, record) in enumerate(one)]
    expected = sorted(rows, key=lambda row: (SOURCES.index(row[0]), row[1]))
    for portion in (None, 1 << 20, 300, 0):
        with Sorter(SCHEMA, "record", SOURCES, portion) as sorter:
            for one in batches:
                sorter.add(batch(one))
            found = told(sorter)
        assert [row[:2] for row in found] == [row[:2] for row in expected]
        assert sorted(found) == sorted(expected)
        if portion is None:
            assert found == expected


def test_many_rows_are_merged_piece_by_piece():
    numbers = [(at * 7919) % 10_007 for at in range(10_007)]
    with Sorter(SCHEMA, "record", SOURCES, portion=50_000) as sorter:
        for start in range(0, len(numbers), 500):
            sorter.add(batch([("a.pcap", number) for number in numbers[start : start + 500]]))
        pieces = [piece.num_rows for piece in sorter]
        assert told(sorter)[9_000][1] == 9_000
    assert sum(pieces) == len(numbers)
    assert len(pieces) > 5


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=5), max_size=9), st.lists(st.integers(0, 40), max_size=3)
)
def test_what_comes_in_order_is_passed_on_as_it_is(steps, late):
    """Rows of equal records keep their places; a late batch is put where it belongs all the same."""
    at, batches = 0, []
    for one in steps:
        batches += [[("a.pcap", at := at + step) for step in one]]
    rows = [row for one in batches for row in one]
    for portion in (None, 300, 0):
        with Sorter(SCHEMA, "record", SOURCES, portion) as sorter:
            for one in batches:
                sorter.add(batch(one))
            assert told(sorter) == [(*row, [str(at)]) for one in batches for at, row in enumerate(one)]
            sorter.add(batch([("a.pcap", record) for record in late]))
            assert [row[:2] for row in told(sorter)] == sorted(rows + [("a.pcap", record) for record in late])


def test_what_was_put_aside_is_gone_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Sorter(SCHEMA, "record", SOURCES, portion=0) as sorter:
        sorter.add(batch([("a.pcap", 1)]))
        assert list(tmp_path.iterdir())
        with pytest.raises(ZeroDivisionError), sorter:
            raise ZeroDivisionError
    assert not list(Path(tmp_path).iterdir())
