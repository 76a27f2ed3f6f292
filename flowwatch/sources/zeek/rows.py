"""What every Zeek log gives of a chunk: columns of one table, and the records that are no row of it."""

import msgspec
import pyarrow as pa

from flowwatch.sources.records import TableName


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
