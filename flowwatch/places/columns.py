"""Sorted keys with a value each, as delta-coded columns in blocks, each compressed on its own.

Promises: the same rows give the same bytes; no block grows over its limit; bytes that are no sound block raise
ValueError, whatever they are, at a cost bounded by the limit. Refuses keys out of order.

A block, numbers little-endian: rows (u32), bytes of a mantissa and of a value (u8, u8), then column by column: the
shift of each key's distance from the one before (u8), its mantissa in planes (the lowest byte of every row, then the
next), the value in planes, and the texts, if any, each ended by NUL. A distance is mantissa << shift, short for
networks; the first key's own is 0, its key stands in the index. All of it then is one xz stream.
"""

import lzma
import operator
import struct
from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate

import msgspec

LIMIT = 64 * 1024
"""Bytes of a block before compression."""
WIDEST = 16
"""Bytes of the widest key, an IPv6 address."""
_HEAD = struct.Struct("<IBB")
_XZ: list[dict[str, int]] = [
    {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": LIMIT, "lc": 0, "lp": 0, "pb": 0}
]
_MEMORY = 8 << 20
"""What inflating a block may take."""
_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
"""How `struct` and `array` call a number of that many bytes."""

Rows = Sequence[tuple[int, int]]
"""(key, value), keys rising."""


class Columns(msgspec.Struct, frozen=True):
    """The rows of a block, column by column."""

    keys: Sequence[int]
    values: Sequence[int]
    texts: Sequence[str] = ()


def packed(rows: Rows, texts: Sequence[str] = ()) -> bytes:
    """The compressed block of some rows; ValueError for keys out of order or a block over the limit."""
    raw = _raw(rows, texts)
    if len(raw) > LIMIT:
        raise ValueError(f"{len(raw)} bytes in a block of {LIMIT}")
    return lzma.compress(raw, format=lzma.FORMAT_XZ, check=lzma.CHECK_CRC32, filters=_XZ)


def split(rows: Rows, room: Sequence[int] = ()) -> Iterator[slice]:
    """The rows of each block in turn, as many as fit; `room` has the bytes of text each row brings with it."""
    value_width = _width(max((value for _, value in rows), default=0))
    start, texts, mantissa_width = 0, 0, 1
    for row, (key, _) in enumerate(rows):
        wide = max(mantissa_width, _width(_mantissa(key - rows[row - 1][0])) if row > start else 1)
        text = room[row] if room else 0
        if _HEAD.size + (row + 1 - start) * (1 + wide + value_width) + texts + text > LIMIT:
            yield slice(start, row)
            start, texts, wide = row, 0, 1
        texts, mantissa_width = texts + text, wide
    if rows:
        yield slice(start, len(rows))


def unpacked(block: bytes | memoryview, first: int) -> Columns:
    """The columns of a compressed block whose first key is `first`; ValueError for one that is not sound."""
    raw = memoryview(_inflated(block))
    if len(raw) < _HEAD.size:
        raise ValueError("a block without a head")
    rows, mantissa_width, value_width = _HEAD.unpack_from(raw)
    end = _HEAD.size + rows * (1 + mantissa_width + value_width)
    if not rows or not 0 < mantissa_width <= WIDEST or not 0 < value_width <= 4 or end > len(raw):
        raise ValueError("a block with a wrong head")
    shifts, planes = raw[_HEAD.size :][:rows], raw[_HEAD.size + rows : end]
    mantissas = _numbers(planes[: rows * mantissa_width], rows)
    keys = _summed(first, map(operator.lshift, mantissas, shifts))
    values = array("I", _numbers(planes[rows * mantissa_width :], rows))
    return Columns(keys, values, bytes(raw[end:]).decode().split("\0")[:-1])


def _raw(rows: Rows, texts: Sequence[str]) -> bytes:
    distances = [key - before for (key, _), (before, _) in zip(rows, [rows[0], *rows], strict=False)]
    if any(distance <= 0 for distance in distances[1:]):
        raise ValueError("keys out of order")
    mantissas = [_mantissa(distance) for distance in distances]
    values = [value for _, value in rows]
    mantissa_width, value_width = _width(max(mantissas)), _width(max(values))
    shifts = bytes(_shift(distance) for distance in distances)
    planes = _planes(mantissas, mantissa_width) + _planes(values, value_width)
    ended = "".join(f"{text}\0" for text in texts).encode()
    return _HEAD.pack(len(rows), mantissa_width, value_width) + shifts + planes + ended


def _shift(distance: int) -> int:
    return (distance & -distance).bit_length() - 1 if distance else 0


def _mantissa(distance: int) -> int:
    return distance >> _shift(distance)


def _width(value: int) -> int:
    return max(1, (value.bit_length() + 7) // 8)


def _planes(numbers: Sequence[int], width: int) -> bytes:
    return b"".join(bytes(number >> 8 * plane & 0xFF for number in numbers) for plane in range(width))


def _inflated(block: bytes | memoryview) -> bytes:
    """The bytes of one xz stream, at most the limit."""
    inflater = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)
    try:
        raw = inflater.decompress(block, LIMIT)
    except (lzma.LZMAError, EOFError) as error:
        raise ValueError(f"a block that does not inflate: {error}") from error
    if not inflater.eof:
        raise ValueError("a block cut short or over its limit")
    return raw


def _numbers(planes: memoryview, rows: int) -> Sequence[int]:
    """The numbers whose bytes stand in planes, lowest first."""
    width = len(planes) // rows
    size = next(size for size in (1, 2, 4, 8, WIDEST) if size >= width)
    woven = bytearray(size * rows)
    for plane in range(width):
        woven[plane::size] = planes[plane * rows : (plane + 1) * rows]
    if size == WIDEST:
        return [high << 64 | low for low, high in struct.iter_unpack("<QQ", woven)]
    return struct.unpack(f"<{rows}{_CODES[size]}", woven)


def _summed(first: int, distances: Iterator[int]) -> Sequence[int]:
    """Keys from their distances; ValueError where one leaves the space of addresses."""
    next(distances)
    keys = list(accumulate(distances, initial=first))
    if keys[-1] > 1 << WIDEST * 8:  # where the range of the last address ends
        raise ValueError("a key past the last address")
    return array("Q", keys) if keys[-1] < 1 << 64 else keys
