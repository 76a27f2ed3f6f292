"""Records of one type as columns, and the casts from there to typed columns.

A cast never raises: a value that is not of its type becomes null and its record is marked refused, with the first
reason found.
"""

from collections.abc import Callable
from operator import attrgetter

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources import moments, text
from flowwatch.sources.columns import by_value
from flowwatch.sources.eve.events import Event
from flowwatch.sources.eve.words import unescaped


class Taken(msgspec.Struct, gc=False):
    """Records in the order of the log, with where each stood."""

    events: list[Event] = []
    numbers: list[int] = []
    offsets: list[int] = []


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """Columns of FLOWS, one value a record."""

    columns: dict[str, pa.Array]
    start: pa.Int64Array
    end: pa.Int64Array
    one_way: pa.BooleanArray | None = None
    """Flows with packets from one side only."""
    noise: pa.BooleanArray | None = None
    """Records that say nothing that is looked at."""
    notes: dict[str, pa.BooleanArray] = {}
    """Sentences for Coverage, with the records each holds for."""


class Cells:
    """Typed columns of the records; `refused` gathers what could not be cast."""

    def __init__(self, taken: Taken) -> None:
        self.events = taken.events
        self.number = pa.array(taken.numbers, pa.uint64())
        self.offset = pa.array(taken.offsets, pa.uint64())
        self.refused = pa.nulls(len(taken.events), pa.utf8())
        """Reason code by record, null where nothing is wrong."""

    def __len__(self) -> int:
        return len(self.events)

    def values(self, path: str, kind: pa.DataType | None = None) -> pa.Array:
        """A field of every record; its objects on the way are there."""
        return pa.array(map(attrgetter(path), self.events), kind or pa.utf8())

    def each(self, value: Callable[[Event], object], kind: pa.DataType | None = None) -> pa.Array:
        """What a function makes of every record."""
        return pa.array(map(value, self.events), kind or pa.utf8())

    def all(self, value: object, kind: pa.DataType | None = None) -> pa.Array:
        """A column of one value."""
        return pa.repeat(pa.scalar(value, kind or pa.utf8()), len(self))

    def refuse(self, bad: pa.BooleanArray, code: str) -> None:
        """Marks the records where `bad` holds, unless an earlier reason stands."""
        if pc.any(bad).as_py():
            self.refused = pc.coalesce(self.refused, pc.if_else(bad, code, pa.scalar(None, pa.utf8())))

    def address(self, path: str) -> pa.DictionaryArray:
        """Addresses in canonical form; a record without is refused."""
        found = by_value(self.values(path), text.address)
        self.refuse(pc.is_null(found), f"bad_field:{path}")
        return found.dictionary_encode()

    def time(self, path: str) -> pa.Int64Array:
        """Nanoseconds since 1970; a record without is refused."""
        found = moments.column(self.values(path))
        self.refuse(pc.is_null(found), "bad_timestamp")
        return found

    def printable(self, path: str) -> pa.StringArray:
        r"""Text with what is not printable ASCII as `\xNN`."""
        return by_value(self.values(path), shown)

    def host(self, path: str) -> pa.StringArray:
        """Host names: lower-case, without a last dot; null where empty."""
        return by_value(self.values(path), host_name)


def shown(value: str) -> str:
    r"""Text with what is not printable ASCII as `\xNN`."""
    if value.isascii() and value.isprintable() and "\\" not in value:
        return value
    return text.printable(unescaped(value))


def host_name(value: str) -> str | None:
    """A host name: lower-case, one trailing dot stripped; None where empty."""
    return shown(value).lower().removesuffix(".") or None
