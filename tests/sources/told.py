"""What a reader of lookups told: rows as plain values, and the account."""

from typing import Any

import pyarrow as pa

from flowwatch.model.records import LOOKUPS, Coverage
from flowwatch.sources.records import Records

_NANOSECONDS = ("time", "asked", "latency")


def lookups_of(records: Records) -> tuple[list[dict[str, Any]], Coverage]:
    """Rows in the order of their records, nulls left out, times as integers of nanoseconds; and the account."""
    batches = [batch for _, batch in records]
    for batch in batches:
        batch.validate(full=True)
    table = pa.Table.from_batches(batches, LOOKUPS)
    for name in _NANOSECONDS:
        table = table.set_column(table.column_names.index(name), name, table[name].cast(pa.int64()))
    rows = [{name: value for name, value in row.items() if value is not None} for row in table.to_pylist()]
    return sorted(rows, key=lambda row: (row["record"], row["qname"])), records.coverage
