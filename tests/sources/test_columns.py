"""Columns as Arrow arrays."""

import pyarrow as pa

from flowwatch.model.records import LOOKUPS
from flowwatch.sources.columns import batch, by_value, instants


def test_a_value_is_changed_once_however_often_it_stands():
    asked = []

    def upper(value):
        asked.append(value)
        return value.upper()

    column = by_value(pa.array(["a", "b", None, "a"]), upper)
    assert (column.to_pylist(), asked) == (["A", "B", None, "A"], ["a", "b"])


def test_a_batch_has_every_column_of_the_schema_and_the_wanted_rows_only():
    columns = {
        "qname": pa.array(["a", "b"]),
        "record": pa.array([1, 2], pa.uint64()),
        "time": instants(pa.array([5, 6])),
    }
    made = batch(columns, LOOKUPS, pa.array([False, True]))
    assert made.schema.equals(LOOKUPS)
    assert (made["qname"].to_pylist(), made["record"].to_pylist()) == (["b"], [2])
    assert made["answers"].null_count == 1
    assert made["time"].cast(pa.int64()).to_pylist() == [6]
