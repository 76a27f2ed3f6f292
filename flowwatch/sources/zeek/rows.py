"""What every Zeek log gives of a chunk: columns of one table, and the records that are no row of it."""

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources.records import TableName

_INSTANT = pa.timestamp("ns", tz="UTC")


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """Columns of a table, one value a record; the masks say which records are no row."""

    table: TableName
    columns: dict[str, pa.Array]
    time: pa.Int64Array
    """Nanoseconds since 1970, of the record itself."""
    noise: pa.BooleanArray | None = None
    """Records of a known kind that is not looked at."""
    unattributable: pa.BooleanArray | None = None
    """Records that do not say whom or what they are about."""
    one_way: pa.BooleanArray | None = None
    """Flows with packets from one side only."""
    notes: dict[str, pa.BooleanArray] = {}
    """Sentences for Coverage, with the records each holds for."""


def instants(nanoseconds: pa.Int64Array) -> pa.Array:
    """Nanoseconds since 1970 as times."""
    return nanoseconds.cast(_INSTANT)


def batch(rows: Rows, schema: pa.Schema, wanted: pa.BooleanArray) -> pa.RecordBatch:
    """The wanted records as a batch of the schema; a column the log says nothing of is null."""
    count = pc.sum(wanted).as_py() or 0
    arrays = [_column(rows.columns.get(field.name), field.type, wanted, count) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _column(column: pa.Array | None, kind: pa.DataType, wanted: pa.BooleanArray, count: int) -> pa.Array:
    if column is None:
        return pa.nulls(count, kind)
    kept = column.filter(wanted)
    return kept if kept.type == kind else kept.cast(kind)
