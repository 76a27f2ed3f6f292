"""Instants: integers of nanoseconds, since `datetime` holds microseconds only."""

from typing import TypeAlias

Instant: TypeAlias = int
"""Nanoseconds since 1970-01-01T00:00:00Z."""
