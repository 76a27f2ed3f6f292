"""Columns as Arrow arrays: values changed once each, nanoseconds as times, a batch of a schema from what is there."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources import text

_INSTANT = pa.timestamp("ns", tz="UTC")


def by_value(column: pa.StringArray, change: Callable[[Any], object], kind: pa.DataType | None = None) -> pa.Array:
    """`change` of every value, asked once for each distinct one; null stays null."""
    encoded = column.dictionary_encode()
    changed = pa.array(map(change, encoded.dictionary.to_pylist()), kind or pa.utf8())
    return changed.take(encoded.indices)


def unless_plain(column: pa.StringArray, plain: str, change: Callable[[Any], object]) -> pa.Array:
    """`change` of the values that are not `plain` (a regular expression of RE2, of the whole); the others stay."""
    kept = pc.match_substring_regex(column, f"^(?:{plain})$")
    if pc.all(kept).as_py() is not False:
        return column
    return pc.if_else(kept, column, by_value(pc.if_else(kept, None, column), change))


def exactness(names: pa.StringArray) -> pa.BooleanArray:
    """Whether names in the tables' own form can be what was asked (`text.exact`)."""
    short = pc.less_equal(pc.binary_length(names), text.LONGEST_NAME)
    plain = pc.and_(short, pc.match_substring_regex(names, f"^(?:{text.PLAIN_NAME})$"))
    if pc.all(plain).as_py():
        return plain
    return pc.if_else(plain, plain, by_value(pc.if_else(plain, None, names), text.exact, pa.bool_()))


def instants(nanoseconds: pa.Int64Array) -> pa.Array:
    """Nanoseconds since 1970 as times."""
    return nanoseconds.cast(_INSTANT)


def batch(columns: Mapping[str, pa.Array], schema: pa.Schema, wanted: pa.BooleanArray) -> pa.RecordBatch:
    """The wanted rows as a batch of the schema; a column that is not there is null."""
    count = int(wanted.true_count)
    arrays = [_column(columns.get(field.name), field.type, wanted, count) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def in_order(batches: Sequence[pa.RecordBatch], place: str) -> pa.RecordBatch:
    """The rows of batches of one schema as one batch, ascending by a column."""
    if len(batches) == 1:
        return batches[0]
    order = pc.sort_indices(pa.concat_arrays([batch[place] for batch in batches]))
    columns = zip(*(batch.columns for batch in batches), strict=True)
    return pa.RecordBatch.from_arrays([_taken(parts, order) for parts in columns], schema=batches[0].schema)


def _taken(parts: Sequence[pa.Array], order: pa.UInt64Array) -> pa.Array:
    if all(part.null_count == len(part) for part in parts):
        return pa.nulls(len(order), parts[0].type)
    return pa.concat_arrays(parts).take(order)


def _column(column: pa.Array | None, kind: pa.DataType, wanted: pa.BooleanArray, count: int) -> pa.Array:
    if column is None:
        return pa.nulls(count, kind)
    kept = column if count == len(column) else column.filter(wanted)
    return kept if kept.type == kind else kept.cast(kind)
