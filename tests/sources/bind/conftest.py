"""Reads BIND logs made by hand: rows in the order of the log, and the account."""

from collections.abc import Callable
from typing import Any

import pytest

from flowwatch.model.records import Coverage
from flowwatch.sources.bind import BindLog
from flowwatch.sources.logs import LogRecords
from flowwatch.sources.moments import Clock
from flowwatch.sources.opened import Opened
from tests.sources.told import lookups_of

WRITTEN = 1_795_400_000 * 10**9
"""The time every log here was last written to: 2026-11-23T02:13:20Z."""


@pytest.fixture
def bind() -> Callable[..., tuple[list[dict[str, Any]], Coverage]]:
    """Rows, nulls left out, times as integers; and the account."""

    def read(source: str, *, block: int = 1 << 22, latest: int = WRITTEN) -> tuple[list[dict[str, Any]], Coverage]:
        with Opened(source) as opened:
            return lookups_of(LogRecords(opened, BindLog(opened.name, Clock(latest)), block=block))

    return read


@pytest.fixture
def line() -> Callable[..., bytes]:
    """One line of a log, without its end."""

    def make(name: str = "results.example", told: str = "", *, head: str = "", rest: str = "IN A +E(0)K") -> bytes:
        said = f"client @0x7f98b8303098 192.0.2.10#40000 ({told or name}): query: {name} {rest} (192.0.2.53)"
        return (head + said).encode()

    return make
