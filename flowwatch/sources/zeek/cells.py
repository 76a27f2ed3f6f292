"""One chunk of records as columns of text, and the casts from there to typed columns.

A cast never raises: a value that is not of its type becomes null and its record is marked refused, with the first
reason found. Works on whole columns; single values pass through Python only where they are rare or repeat.
"""

from collections.abc import Callable

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.model import MOST_COUNTED
from flowwatch.sources import moments
from flowwatch.sources.columns import by_value
from flowwatch.sources.text import address
from flowwatch.sources.zeek import text

_MOST = pa.scalar(MOST_COUNTED, pa.uint64())
_MOST_DIGITS = 19
"""Decimal digits that fit an unsigned 64-bit number."""


class Chunk(msgspec.Struct, frozen=True):
    """Records of one shape: for each, where it stood and its values as text (null: unset)."""

    number: pa.UInt64Array
    """Line numbers, from 1."""
    offset: pa.UInt64Array
    words: dict[str, pa.StringArray]
    """Columns of single values."""
    lists: dict[str, pa.ListArray]
    """Columns of lists of text."""

    def __len__(self) -> int:
        return len(self.number)


class Cells:
    """Typed columns of one chunk; `refused` gathers what could not be cast."""

    def __init__(self, chunk: Chunk, refused: pa.StringArray | None = None) -> None:
        self.chunk = chunk
        self.refused = pa.nulls(len(chunk), pa.utf8()) if refused is None else refused
        """Reason code by record, null where nothing is wrong."""

    def __len__(self) -> int:
        return len(self.chunk)

    def raw(self, field: str) -> pa.StringArray:
        """The text as written; nulls where the log has no such column."""
        column = self.chunk.words.get(field)
        return self.nulls(pa.utf8()) if column is None else column

    def listed(self, field: str) -> pa.ListArray:
        """Lists as written; nulls where the log has no such column."""
        column = self.chunk.lists.get(field)
        return self.nulls(pa.list_(pa.utf8())) if column is None else column

    def only(self, field: str) -> pa.StringArray:
        """The item of lists that have exactly one; null where there is none or several."""
        lists = self.listed(field)
        one = pc.fill_null(pc.equal(pc.list_value_length(lists), 1), fill_value=False)
        return pc.replace_with_mask(self.nulls(pa.utf8()), one, pc.list_element(lists.filter(one), 0))

    def nulls(self, kind: pa.DataType) -> pa.Array:
        """A column without a value."""
        return pa.nulls(len(self), kind)

    def all(self, value: object, kind: pa.DataType | None = None) -> pa.Array:
        """A column of one value."""
        return pa.repeat(pa.scalar(value, kind or pa.utf8()), len(self))

    def refuse(self, bad: pa.BooleanArray, code: str) -> None:
        """Marks the records where `bad` holds, unless an earlier reason stands."""
        if pc.any(bad).as_py():
            self.refused = pc.coalesce(self.refused, pc.if_else(bad, code, pa.scalar(None, pa.utf8())))

    def count(self, field: str) -> pa.UInt64Array:
        """Whole numbers from 0, as large as tables count."""
        raw = self.raw(field)
        wide = _digits(raw, _MOST_DIGITS).cast(pa.uint64())
        return self._checked(field, raw, pc.if_else(pc.less_equal(wide, _MOST), wide, None))

    def port(self, field: str) -> pa.UInt16Array:
        """Numbers up to 65535."""
        raw = self.raw(field)
        wide = _digits(raw, 5).cast(pa.uint32())
        return self._checked(field, raw, pc.if_else(pc.less_equal(wide, 0xFFFF), wide, None).cast(pa.uint16()))

    def flag(self, field: str) -> pa.BooleanArray:
        """`T` and `F`."""
        raw = self.raw(field)
        known = pc.is_in(raw, pa.array(["T", "F"]))
        return self._checked(field, raw, pc.if_else(known, pc.equal(raw, "T"), None))

    def address(self, field: str, raw: pa.StringArray | None = None) -> pa.DictionaryArray:
        """Addresses in canonical form; `raw` where the field is no single value."""
        raw = self.raw(field) if raw is None else raw
        return self._checked(field, raw, by_value(raw, address)).dictionary_encode()

    def span(self, field: str) -> pa.Int64Array:
        """Nanoseconds of a duration in seconds."""
        raw = self.raw(field)
        return self._checked(field, raw, self._nanoseconds(raw, moments.span))

    def time(self, field: str) -> pa.Int64Array:
        """Nanoseconds since 1970; a record without is refused."""
        raw = self.raw(field)
        nanoseconds = self._nanoseconds(raw, moments.moment)
        self.refuse(pc.is_null(nanoseconds), "bad_timestamp")
        return nanoseconds

    def unzoned(self, field: str) -> pa.BooleanArray:
        """Where the time is ISO 8601 and names no zone."""
        return pc.match_substring_regex(self.raw(field), moments.UNZONED)

    def printable(self, field: str) -> pa.StringArray:
        r"""Text with what is not printable ASCII as `\xNN`."""
        return printable(self.raw(field))

    def _nanoseconds(self, raw: pa.StringArray, parse: Callable[[str], int | None]) -> pa.Int64Array:
        plain = _microseconds(raw)
        fast = pc.if_else(pc.less_equal(plain, moments.LATEST // 1000), pc.multiply(plain, 1000), None)
        left = pc.and_(pc.is_valid(raw), pc.is_null(fast))
        if not pc.any(left).as_py():
            return fast
        slow = pa.array(map(parse, raw.filter(left).to_pylist()), pa.int64())
        return pc.replace_with_mask(fast, left, slow)

    def _checked(self, field: str, raw: pa.StringArray, cast: pa.Array) -> pa.Array:
        self.refuse(pc.and_(pc.is_valid(raw), pc.is_null(cast)), f"bad_field:{field}")
        return cast


def printable(column: pa.StringArray) -> pa.StringArray:
    r"""Text with what is not printable ASCII as `\xNN`; untouched where all of it is."""
    odd = pc.or_(pc.invert(pc.ascii_is_printable(column)), pc.match_substring(column, "\\"))
    if not pc.any(odd).as_py():
        return column
    return by_value(column, text.printable)


def sha256(column: pa.StringArray) -> pa.StringArray:
    """Digests of SHA-256 (64 hexadecimal digits) in lower case; null otherwise."""
    lower = pc.ascii_lower(column)
    return pc.if_else(pc.match_substring_regex(lower, "^[0-9a-f]{64}$"), lower, None)


def _digits(raw: pa.StringArray, most: int) -> pa.StringArray:
    """The values that are 1 to `most` decimal digits; null otherwise."""
    sound = pc.and_(pc.ascii_is_decimal(raw), pc.less_equal(pc.binary_length(raw), most))
    return pc.if_else(sound, raw, None)


def _microseconds(raw: pa.StringArray) -> pa.Int64Array:
    """Values of Zeek's usual form, seconds with exactly six decimals, as microseconds; null otherwise."""
    digits = pc.replace_substring(raw, ".", "", max_replacements=1)
    dotted = pc.equal(pc.utf8_slice_codeunits(raw, -7, -6), ".")
    sound = pc.and_(pc.and_(dotted, pc.ascii_is_decimal(digits)), pc.less_equal(pc.binary_length(digits), 16))
    return pc.if_else(sound, digits, None).cast(pa.int64())
