"""One input as it is stored: its first bytes, then all of its bytes, once, in order.

Works alike for a file, a named pipe and standard input: nothing is sought, what was read to detect the format is
given out again. Promises the size and, when asked, the SHA-256 of the bytes once they have all been read.
"""

import hashlib
import io
import os
import re
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Literal, Self

from flowwatch.sources.paths import STANDARD_INPUT

HEAD = 1 << 16
"""Bytes looked at to detect the format."""
PACKED_HEAD = 1 << 18
"""Stored bytes looked at where they are compressed: more than one block of zstd."""
Compression = Literal["gzip", "zstd"]

_ZSTD = re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")
"""A frame, or one to be skipped before it."""

Progress = Callable[[int], None]
"""Called with the number of bytes read since its last call."""


class Stored(io.RawIOBase):
    """The stored bytes of one source, readable once from the first to the last; a context manager.

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
            self.head = _read_head(self._file, HEAD)
            self.compression = compression(self.head)
            if self.compression:
                self.head += _read_head(self._file, PACKED_HEAD - len(self.head))
        except BaseException:
            self.close()
            raise
        self._again = memoryview(self.head)

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


def compression(head: bytes) -> Compression | None:
    """How an input that begins so is compressed, if it is."""
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    return "zstd" if _ZSTD.match(head) else None


def _read_head(file: BinaryIO, most: int) -> bytes:
    head = bytearray()
    while len(head) < most and (more := file.read(most - len(head))):
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
