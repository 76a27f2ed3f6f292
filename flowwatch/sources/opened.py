"""One input opened for reading: its first bytes for detection, then all of its bytes, once, in order.

Works alike for a file, a named pipe and standard input: nothing is sought, what was read to detect the format is
given out again. Promises the size and, when asked, the SHA-256 of the bytes as stored once they have all been read.
"""

import hashlib
import io
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Self

from flowwatch.sources.paths import STANDARD_INPUT

HEAD = 1 << 16
"""Bytes looked at to detect the format."""

Progress = Callable[[int], None]
"""Called with the number of bytes read since its last call."""


class Opened(io.RawIOBase):
    """The bytes of one source, readable once from the first to the last; a context manager.

    Opening raises OSError (missing, unreadable, a folder).
    """

    def __init__(self, source: str, *, digest: bool = True, progress: Progress | None = None) -> None:
        super().__init__()
        self.source = source
        self.size = 0
        """Bytes given out so far."""
        self._progress = progress
        self._sum = hashlib.sha256() if digest else None
        self._file, self._owned = _open(source)
        try:
            self.head = _read_head(self._file)
        except BaseException:
            self.close()
            raise
        self._again = memoryview(self.head)

    @property
    def name(self) -> str:
        """The source as text; bytes of a path that are not UTF-8 are escaped."""
        return self.text(self.source)

    @staticmethod
    def text(source: str) -> str:
        """A source as given, as text a table can hold."""
        return os.fsencode(source).decode("utf-8", "backslashreplace")

    @property
    def path(self) -> str | None:
        """The path where the source is a regular file, so that it may be opened again by itself; else None."""
        return self.source if self._owned and stat.S_ISREG(os.fstat(self._file.fileno()).st_mode) else None

    @property
    def sha256(self) -> str | None:
        """Digest of the bytes given out so far, lower-case hexadecimal; None when switched off."""
        return self._sum.hexdigest() if self._sum else None

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: "bytearray | memoryview", /) -> int:  # type: ignore[override]
        """Fills `buffer` from where reading stands; 0 at the end. Raises OSError."""
        view = memoryview(buffer).cast("B")
        count = self._readinto(view)
        if self._sum:
            self._sum.update(view[:count])
        self.size += count
        if self._progress and count:
            self._progress(count)
        return count

    def _readinto(self, view: memoryview) -> int:
        if not self._again:
            return _into(self._file, view)
        count = min(len(view), len(self._again))
        view[:count] = self._again[:count]
        self._again = self._again[count:]
        return count

    def drain(self) -> None:
        """Reads what is left, for size and digest. Raises OSError."""
        while self.read(1 << 20):
            pass

    def close(self) -> None:
        """Closes the file, but never standard input, which is not ours."""
        if not self.closed and self._owned:
            self._file.close()
        super().close()

    def __enter__(self) -> Self:
        return self


def _open(source: str) -> tuple[BinaryIO, bool]:
    if source == STANDARD_INPUT:
        return sys.stdin.buffer, False
    return Path(source).open("rb", buffering=0), True


def _read_head(file: BinaryIO) -> bytes:
    head = bytearray()
    while len(head) < HEAD and (more := file.read(HEAD - len(head))):
        head += more
    return bytes(head)


def _into(file: BinaryIO, view: memoryview) -> int:
    """Bytes put into `view`, also by a file object that can only `read`."""
    readinto = getattr(file, "readinto", None)
    if readinto is not None:
        return int(readinto(view) or 0)
    data = file.read(len(view))
    view[: len(data)] = data
    return len(data)
