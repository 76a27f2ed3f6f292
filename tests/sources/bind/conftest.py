"""Reads BIND logs made by hand: rows in the order of the log, and the account."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from flowwatch.model.records import LOOKUPS, Coverage
from flowwatch.sources.bind import BindLog
from flowwatch.sources.logs import LogRecords
from flowwatch.sources.moments import Clock
from flowwatch.sources.opened import Opened

WRITTEN = 1_795_400_000 * 10**9
"""The time every log here was last written to: 2026-11-23T02:13:20Z."""


@pytest.fixture
def bind() -> Callable[..., tuple[list[dict[str, Any]], Coverage]]:
    """Rows, nulls left out, times as integers; and the account."""

    def read(source: str, *, block: int = 1 << 22, latest: int = WRITTEN) -> tuple[list[dict[str, Any]], Coverage]:
        with Opened(source) as opened:
            records = LogRecords(opened, BindLog(opened.name, Clock(latest)), block=block)
            batches = [batch for _, batch in records]
        for batch in batches:
            batch.validate(full=True)
        table = pa.Table.from_batches(batches, LOOKUPS)
        table = table.set_column(table.column_names.index("time"), "time", table["time"].cast(pa.int64()))
        rows = [{name: value for name, value in row.items() if value is not None} for row in table.to_pylist()]
        return rows, records.coverage

    return read


@pytest.fixture
def line() -> Callable[..., bytes]:
    """One line of a log, without its end."""

    def make(name: str = "results.example", told: str = "", *, head: str = "", rest: str = "IN A +E(0)K") -> bytes:
        said = f"client @0x7f98b8303098 192.0.2.10#40000 ({told or name}): query: {name} {rest} (192.0.2.53)"
        return (head + said).encode()

    return make
