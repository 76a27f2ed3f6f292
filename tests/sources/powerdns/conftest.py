"""Reads streams of PowerDNS: rows in the order of their records, and the account."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from flowwatch.model.records import LOOKUPS, Coverage
from flowwatch.sources.opened import Opened
from flowwatch.sources.powerdns import powerdns_records


@pytest.fixture
def powerdns() -> Callable[..., tuple[list[dict[str, Any]], Coverage]]:
    """Rows, nulls left out, times as integers; and the account."""

    def read(source: str, *, block: int = 1 << 22) -> tuple[list[dict[str, Any]], Coverage]:
        with Opened(source) as opened:
            records = powerdns_records(opened, block=block)
            batches = [batch for _, batch in records]
        for batch in batches:
            batch.validate(full=True)
        table = pa.Table.from_batches(batches, LOOKUPS)
        for name in ("time", "asked", "latency"):
            table = table.set_column(table.column_names.index(name), name, table[name].cast(pa.int64()))
        rows = [{name: value for name, value in row.items() if value is not None} for row in table.to_pylist()]
        return sorted(rows, key=lambda row: row["record"]), records.coverage

    return read
