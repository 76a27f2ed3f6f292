"""The file of location data that flowwatch ships: sorted ranges, a table for each fact and IP version.

Promises: opening reads the head alone, and a look-up inflates the one block it needs and keeps it; a damaged file
raises nothing but PlacesError. A range's value holds from its first address to the next range's first; 0 says nothing.

The file: a magic line, the length (u32, big-endian) and the bytes of the head, then the blocks (`columns.py`). The head
is JSON in xz: what the values mean and, for each table, `[first key in hex, offset, length]` of every block.
"""

import bisect
import io
import lzma
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec

from flowwatch.errors import PlacesError
from flowwatch.places.columns import Columns, Rows, packed, split, unpacked

MAGIC = b"flowwatch places 1\n"
_LENGTH = struct.Struct(">I")
_HEAD_LIMIT = 1 << 20
_HEAD_MEMORY = 32 << 20
HINT = "it is damaged: install flowwatch again, or newer data with `flowwatch places update`"


class Region(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a provider publishes of a range."""

    provider: str
    name: str | None = None
    """The provider's name of the region, or of the border group in it; None: it publishes none."""
    country: str | None = None
    subdivision: str | None = None
    """ISO 3166-2."""
    edge: str | None = None
    """The service that answers from many places, `CLOUDFRONT` or `global`; None: it is no edge range."""
    elsewhere: tuple[str, ...] = ()
    """Countries of the region's local zones abroad, where the data does not tell these apart."""


class Head(msgspec.Struct, frozen=True):
    """What stands before the blocks."""

    countries: tuple[str, ...]
    """Value n of a table of countries is the n-th, from 1."""
    regions: tuple[Region, ...]
    """Value n of the table of providers is the n-th, from 1."""
    tables: dict[str, tuple[tuple[str, int, int], ...]]


def file_of(
    countries: Sequence[str],
    regions: Sequence[Region],
    ranges: Mapping[str, Rows],
    texts: Mapping[str, Mapping[int, str]],
) -> bytes:
    """The bytes of a file: tables of ranges (0 ends one) and tables of texts by key."""
    body, tables = bytearray(), {}
    blocks = {name: list(_blocks(rows)) for name, rows in ranges.items()}
    blocks |= {name: list(_text_blocks(table)) for name, table in texts.items()}
    for name, parts in blocks.items():
        index = []
        for first, block in parts:
            index.append((f"{first:x}", len(body), len(block)))
            body += block
        tables[name] = tuple(index)
    head = lzma.compress(msgspec.json.encode(Head(tuple(countries), tuple(regions), tables)))
    return MAGIC + _LENGTH.pack(len(head)) + head + bytes(body)


def _blocks(rows: Rows) -> Iterator[tuple[int, bytes]]:
    for part in split(rows):
        yield rows[part][0][0], packed(rows[part])


def _text_blocks(table: Mapping[int, str]) -> Iterator[tuple[int, bytes]]:
    """Blocks in which a row's value is its own number, that of its text."""
    named = sorted(table.items())
    numbered = [(key, min(row, 0xFFFF)) for row, (key, _) in enumerate(named)]
    for part in split(numbered, [len(text.encode()) + 1 for _, text in named]):
        rows = [(key, row) for row, (key, _) in enumerate(named[part])]
        yield rows[0][0], packed(rows, [text for _, text in named[part]])


class TableFile:
    """The bytes of a file of location data; `name` stands in messages."""

    def __init__(self, content: bytes, name: str) -> None:
        self._content = memoryview(content)
        self._name = name
        with self._sound():
            self.head, self._base = _head(io.BytesIO(content))
            self._firsts = {table: [int(first, 16) for first, _, _ in rows] for table, rows in self.head.tables.items()}
        self._kept: dict[tuple[str, int], Columns] = {}

    def value(self, table: str, key: int) -> int:
        """The value of the range that holds the key; 0 where none does."""
        with self._sound():
            columns, row = self._row(table, key)
            return columns.values[row] if row >= 0 else 0

    def text(self, table: str, key: int) -> str | None:
        """The text of exactly this key, or None."""
        with self._sound():
            columns, row = self._row(table, key)
            return columns.texts[columns.values[row]] if row >= 0 and columns.keys[row] == key else None

    def country(self, table: str, key: int) -> str | None:
        """The country of the range that holds the key, or None."""
        value = self.value(table, key)
        with self._sound():
            return self.head.countries[value - 1] if value else None

    def region(self, table: str, key: int) -> Region | None:
        """What a provider publishes of the range that holds the key, or None."""
        value = self.value(table, key)
        with self._sound():
            return self.head.regions[value - 1] if value else None

    def _row(self, table: str, key: int) -> tuple[Columns, int]:
        """The block and the row in it that hold the key; row -1 before the first."""
        block = bisect.bisect_right(self._firsts[table], key) - 1
        if block < 0:
            return _NOTHING, -1
        columns = self._columns(table, block)
        return columns, bisect.bisect_right(columns.keys, key) - 1

    def _columns(self, table: str, block: int) -> Columns:
        """Blocks stay once inflated: all of them take some 30 MB, inflating anew for each address takes hours."""
        if (table, block) not in self._kept:
            first, offset, length = self.head.tables[table][block]
            block_bytes = self._content[self._base + offset :][:length]
            self._kept[table, block] = unpacked(block_bytes, int(first, 16))
        return self._kept[table, block]

    @contextmanager
    def _sound(self) -> Iterator[None]:
        """Turns whatever a damaged file makes its reader raise into PlacesError."""
        try:
            yield
        except (
            OSError,
            lzma.LZMAError,
            EOFError,
            ValueError,
            LookupError,
            OverflowError,
            msgspec.MsgspecError,
        ) as error:
            raise PlacesError(f"{self._name}: not usable location data: {error}", hint=HINT) from error


_NOTHING = Columns((), ())


def _head(file: io.BytesIO) -> tuple[Head, int]:
    """The head and where the blocks begin."""
    if file.read(len(MAGIC)) != MAGIC:
        raise ValueError("it does not begin as such a file does")
    (length,) = _LENGTH.unpack(file.read(_LENGTH.size).ljust(_LENGTH.size, b"\0"))
    inflater = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_HEAD_MEMORY)
    content = inflater.decompress(file.read(min(length, _HEAD_LIMIT)), _HEAD_LIMIT)
    if not inflater.eof:
        raise ValueError("its head is cut short")
    head = msgspec.json.decode(content, type=Head)
    if any(offset < 0 or not 0 < size <= 2 * 64 * 1024 for rows in head.tables.values() for _, offset, size in rows):
        raise ValueError("a block of a wrong size")
    return head, len(MAGIC) + _LENGTH.size + length
