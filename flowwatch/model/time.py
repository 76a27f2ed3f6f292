"""Instants: integers of nanoseconds, since `datetime` holds microseconds only."""

from typing import TypeAlias

Instant: TypeAlias = int
"""Nanoseconds since 1970-01-01T00:00:00Z."""
EARLIEST: Instant = -(1 << 63)
LATEST: Instant = (1 << 63) - 1
"""The last instant that the tables hold, as `EARLIEST` is the first."""
