"""The bytes of a file as its lines are counted: unpacked where it is compressed, from any place on.

Promises: those of the file that was seen, or Moved; a FIFO in its place is not waited for. Reading a compressed file
goes forward from its beginning, and begins anew where an earlier place is asked for.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from flowwatch.ops.files.seen import Moved, Seen, seen
from flowwatch.sources.opened import Opened, is_packed

_PIECE = 1 << 16
_TELLING = 64
"""Bytes that tell whether they are to be unpacked."""
_LONGEST_MAGIC = 10
_SUFFIXES = {".gz", ".zst", ".xz", ".bz2", ".lz4"}
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Content(Protocol):
    """Bytes that can be read from any place."""

    def read(self, start: int, count: int) -> bytes:
        """The bytes from `start` on: `count`, or less where they end. Raises OSError."""


class Plain:
    """A file that is read as it is stored."""

    def __init__(self, file: int) -> None:
        self._file = file

    def read(self, start: int, count: int) -> bytes:
        """The bytes from `start` on."""
        found = bytearray()
        while len(found) < count and (piece := os.pread(self._file, count - len(found), start + len(found))):
            found += piece
        return bytes(found)


class Packed:
    """A file that is unpacked, or in UTF-16; keeps no more of it than was asked for last."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._opened: Opened | None = None
        self._begin = 0
        self._kept = bytearray()

    def read(self, start: int, count: int) -> bytes:
        """The bytes from `start` on, by reading all before them."""
        if self._opened is None or start < self._begin:
            self._again()
        while self._begin + len(self._kept) < start + count and (piece := self._piece()):
            self._kept += piece
            passed = min(start - self._begin, len(self._kept))
            del self._kept[:passed]
            self._begin += passed
        return bytes(self._kept[start - self._begin : start - self._begin + count])

    def close(self) -> None:
        """Closes the file."""
        if self._opened is not None:
            self._opened.close()

    def _piece(self) -> bytes:
        return self._opened.read(_PIECE) or b"" if self._opened else b""

    def _again(self) -> None:
        self.close()
        self._opened = Opened(self._path, digest=False)
        self._begin = 0
        self._kept.clear()


class Unbegun:
    """A file that is being compressed, of which so little is there that it does not tell how."""

    def read(self, _start: int, _count: int) -> bytes:
        """Nothing."""
        return b""


def _is_unbegun(path: str, head: bytes) -> bool:
    return len(head) < _LONGEST_MAGIC and Path(path).suffix in _SUFFIXES


@contextlib.contextmanager
def opened(file: Seen) -> Iterator[Content]:
    """The bytes of a file that was seen. Raises Moved where it is no longer what lies there, and OSError."""
    handle = _open(file)
    try:
        head = os.pread(handle, _TELLING, 0)
        if not is_packed(head):
            yield Unbegun() if _is_unbegun(file.path, head) else Plain(handle)
        else:
            packed = Packed(file.path)
            with contextlib.closing(packed):
                yield packed
            _held(file, _status(file))
        _held(file, os.fstat(handle))
    finally:
        os.close(handle)


def end(content: Content) -> int:
    """How many bytes there are, by reading all of them."""
    size = 0
    while piece := content.read(size, _PIECE):
        size += len(piece)
    return size


def _open(file: Seen) -> int:
    try:
        handle = os.open(file.path, _FLAGS)
    except FileNotFoundError as error:
        raise Moved from error
    try:
        _held(file, os.fstat(handle))
    except BaseException:
        os.close(handle)
        raise
    return handle


def _status(file: Seen) -> os.stat_result:
    try:
        return Path(file.path).stat()
    except FileNotFoundError as error:
        raise Moved from error


def _held(file: Seen, status: os.stat_result) -> None:
    """Raises Moved unless it is the file that was seen, and no shorter."""
    now = seen(file.path, status)
    if now is None or now.identity != file.identity or now.size < file.size:
        raise Moved
