"""Reads dnstap files."""

from collections.abc import Callable
from typing import Any

import pytest

from flowwatch.model.records import Coverage
from flowwatch.sources.dnstap import DnstapRecords
from flowwatch.sources.opened import Opened
from tests.sources.told import lookups_of


@pytest.fixture
def dnstap() -> Callable[..., tuple[list[dict[str, Any]], Coverage]]:
    """Rows of a file, and the account."""

    def read(source: str, *, block: int = 1 << 22) -> tuple[list[dict[str, Any]], Coverage]:
        with Opened(source) as opened:
            return lookups_of(DnstapRecords(opened, block=block))

    return read
