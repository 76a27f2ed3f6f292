"""Records of one type as columns, and the casts from there to typed columns.

A cast never raises: a value that is not of its type becomes null and its record is marked refused, with the first
reason found.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources import moments, text
from flowwatch.sources.columns import by_value, unless_plain
from flowwatch.sources.eve.placed import Taken
from flowwatch.sources.eve.words import unescaped

_PRINTABLE = r"[ -\[\]-~]*"
"""Text that stands in the tables as it is (a regular expression of RE2)."""


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

    def __init__(self, kind: str, taken: Taken) -> None:
        self._fields = taken.fields
        self.number = taken.number
        self.offset = taken.offset
        self.refused = pa.nulls(len(taken.number), pa.utf8())
        """Reason code by record, null where nothing is wrong."""
        self.refuse(pc.invert(self._fields[kind]), f"bad_field:{kind}")

    def __len__(self) -> int:
        return len(self.number)

    def values(self, path: str, kind: pa.DataType | None = None) -> pa.Array:
        """A field of every record, null where it has none."""
        column = self._fields[path]
        return column if kind is None else column.cast(kind)

    def each(self, path: str, value: Callable[[Any], object], kind: pa.DataType | None = None) -> pa.Array:
        """What a function makes of a field."""
        return by_value(self._fields[path], value, kind)

    def decoded(self, path: str, decoder: msgspec.json.Decoder[list[Any]]) -> list[Any] | None:
        """The values of a field that stands as JSON, None where a record has none; None where no record has one."""
        column = self._fields[path]
        if column.null_count == len(column):
            return None
        return decoder.decode(f"[{','.join(one or 'null' for one in column.to_pylist())}]")

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

    @cached_property
    def logged(self) -> pa.Int64Array:
        """`timestamp` in nanoseconds since 1970; null where it is none."""
        return moments.column(self.values("timestamp"))

    def time(self, path: str) -> pa.Int64Array:
        """Nanoseconds since 1970; a record without is refused."""
        found = self.logged if path == "timestamp" else moments.column(self.values(path))
        self.refuse(pc.is_null(found), "bad_timestamp")
        return found

    def printable(self, path: str) -> pa.StringArray:
        r"""Text with what is not printable ASCII as `\xNN`."""
        return shown_all(self.values(path))

    def host(self, path: str) -> pa.StringArray:
        """Host names: lower-case, without a last dot; null where empty."""
        return unless_plain(self.values(path), text.PLAIN_NAME, host_name)


def shown_all(values: pa.StringArray) -> pa.StringArray:
    """`shown` of a column."""
    return unless_plain(values, _PRINTABLE, shown)


def shown(value: str) -> str:
    r"""Text with what is not printable ASCII as `\xNN`."""
    if value.isascii() and value.isprintable() and "\\" not in value:
        return value
    return text.printable(unescaped(value))


def host_name(value: str) -> str | None:
    """A host name: lower-case, one trailing dot stripped; None where empty."""
    return shown(value).lower().removesuffix(".") or None
