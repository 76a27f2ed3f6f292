"""A C-DNS file to its preamble and its blocks, one at a time: CBOR by the package `cbor2`, within limits.

A file is an array of its kind, a preamble and an array of blocks (RFC 8618 7.2). Refuses a block that is longer than
`LONGEST` bytes or deeper than `DEEPEST`: nothing tells where the next would begin.
"""

from collections.abc import Iterator
from typing import IO, Any, BinaryIO, cast

LONGEST = 8 << 20
"""Bytes of the longest block; collectors write 5,000 items, in less than a tenth of it."""
DEEPEST = 16
"""The schema nests 8 deep."""
_KINDS = (b"C-DNS", b"DNS-STAT")
_ARRAY, _BREAK, _ENDLESS, _FEW = 0x80, 0xFF, 0x1F, 24
_STARTS = tuple(bytes([head, 0x60 | len(kind)]) + kind for kind in _KINDS for head in (0x83, 0x9F))


class BadStreamError(ValueError):
    """The bytes are no C-DNS."""


class CutError(Exception):
    """The bytes end too early."""


def is_cdns(head: bytes) -> int:
    """100 where the bytes begin as C-DNS does, else 0."""
    return 100 if head.startswith(_STARTS) else 0


class Blocks:
    """The blocks of one input, read once."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._next = b""
        self._endless = False
        """Whether a mark ends the file."""
        self._left = LONGEST
        self.offset = 0
        """Where in the input reading is."""

    def read(self, size: int) -> bytes:
        """So many bytes, for the decoder. Raises BadStreamError, CutError, OSError."""
        self._left -= size
        if self._left < 0:
            raise BadStreamError
        begun, self._next = self._next[:size], self._next[size:]
        data = begun + (self._stream.read(size - len(begun)) if size > len(begun) else b"")
        if len(data) < size:
            raise CutError
        self.offset += size
        return data

    @staticmethod
    def readable() -> bool:
        """As the decoder asks."""
        return True

    @staticmethod
    def seekable() -> bool:
        """So that the decoder reads no more than it needs."""
        return False

    def preamble(self) -> tuple[bytes, Any]:
        """The kind of the file and what it says of its blocks. Raises BadStreamError, CutError, OSError."""
        kind = self.read(2)
        name = self.read(kind[1] & 0x1F)
        if kind + name not in _STARTS:
            raise BadStreamError
        self._endless = kind[0] & _ENDLESS == _ENDLESS
        return name, self._item()

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        """Where each block begins, and the block. Raises BadStreamError, CutError, OSError."""
        left = self._length()
        while left is None or left > 0:
            self._left = LONGEST
            offset, first = self.offset, self.read(1)
            if left is None and first[0] == _BREAK:
                break
            self._next = first
            self.offset -= 1
            yield offset, self._item()
            left = None if left is None else left - 1
        if (self._endless and self.read(1)[0] != _BREAK) or self._stream.read(1):
            raise BadStreamError

    def _length(self) -> int | None:
        """Of the array that begins here; None where its end is marked."""
        first = self.read(1)[0]
        size = first & _ENDLESS
        if first & 0xE0 != _ARRAY or _FEW + 3 < size < _ENDLESS:
            raise BadStreamError
        if size == _ENDLESS:
            return None
        return size if size < _FEW else int.from_bytes(self.read(1 << size - _FEW), "big")

    def _item(self) -> Any:  # noqa: ANN401 - any CBOR
        from cbor2 import CBORDecoder  # noqa: PLC0415 - an extra

        try:
            return CBORDecoder(cast("IO[bytes]", self), max_depth=DEEPEST).decode()
        except (BadStreamError, CutError, OSError):
            raise
        except Exception as error:  # what tags decode to raises as it likes
            if isinstance(error.__cause__, CutError):
                raise CutError from error
            raise BadStreamError from error
