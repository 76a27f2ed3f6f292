"""Reads streams of PowerDNS."""

from collections.abc import Callable
from typing import Any

import pytest

from flowwatch.model.records import Coverage
from flowwatch.sources.opened import Opened
from flowwatch.sources.powerdns import powerdns_records
from tests.sources.told import lookups_of


@pytest.fixture
def powerdns() -> Callable[..., tuple[list[dict[str, Any]], Coverage]]:
    """Rows of a stream, and the account."""

    def read(source: str, *, block: int = 1 << 22) -> tuple[list[dict[str, Any]], Coverage]:
        with Opened(source) as opened:
            return lookups_of(powerdns_records(opened, block=block))

    return read
