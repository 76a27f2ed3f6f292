"""One input as it is stored: its first bytes, then all of its bytes, once, in order.

Works alike for a file, a named pipe and standard input: nothing is sought, what was read to detect the format is
given out again; of a capture no more is waited for than tells it, so that a live one is seen at once. Promises the size
and, when asked, the SHA-256 of the bytes once they have all been read.
"""

import hashlib
import io
import os
import re
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Literal, Self

from flowwatch.sources.magics import is_capture
from flowwatch.sources.paths import STANDARD_INPUT

HEAD = 1 << 16
"""Bytes looked at to detect the format."""
Compression = Literal["gzip", "zstd", "xz", "bzip2", "lz4"]
PACKED_HEAD: dict[Compression, int] = {
    "gzip": 1 << 18,
    "zstd": 1 << 18,
    "xz": 1 << 18,
    "bzip2": 1 << 20,
    "lz4": (8 << 20) + (1 << 16),
}
"""Stored bytes looked at where they are compressed: more than the largest block, of less nothing can be unpacked."""

_BZIP2_BLOCKS = (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90")
"""The first bytes of a block, and of the end where there is none; some of them where the input is cut there."""
_BLOCK = b"|".join(re.escape(magic[:n]) + (b"" if n == 6 else rb"\Z") for magic in _BZIP2_BLOCKS for n in range(7))
_MAGICS: tuple[tuple[Compression, re.Pattern[bytes]], ...] = (
    ("gzip", re.compile(rb"\x1f\x8b")),
    ("zstd", re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")),
    ("xz", re.compile(rb"\xfd7zXZ\0")),
    ("bzip2", re.compile(rb"BZh[1-9](" + _BLOCK + b")")),
    ("lz4", re.compile(rb"\x04\x22\x4d\x18|\x02\x21\x4c\x18")),
)
"""zstd: a frame, or one to be skipped before it; lz4: a frame, new or legacy."""

_PAUSE = 0.05
"""Seconds after which an input that grows is asked again."""
_TELLING = 12
"""Bytes that tell a capture."""
Progress = Callable[[int], None]
"""Called with the number of bytes read since its last call."""


class Stored(io.RawIOBase):
    """The stored bytes of one source, readable once from the first to the last; a context manager.

    Opening raises OSError (missing, unreadable, a folder); it waits up to `follow` seconds for the first bytes of an
    input that grows.
    """

    def __init__(
        self, source: str, *, digest: bool = True, progress: Progress | None = None, follow: float | None = None
    ) -> None:
        super().__init__()
        self.source = source
        self.size = 0
        """Bytes given out so far."""
        self._progress = progress
        self._sum = hashlib.sha256() if digest else None
        self._file, self._owned = _open(source)
        try:
            self.head = _read_head(self._file, HEAD, follow or 0)
            self.compression = compression(self.head)
            if self.compression:
                self.head += _read_head(self._file, PACKED_HEAD[self.compression] - len(self.head))
        except BaseException:
            self.close()
            raise
        self._again = memoryview(self.head)

    @property
    def path(self) -> str | None:
        """The path where the source is a regular file, so that it may be opened again by itself; else None."""
        return self.source if self._owned and stat.S_ISREG(os.fstat(self._file.fileno()).st_mode) else None

    @property
    def length(self) -> int | None:
        """Bytes of the source as it is now; None where it is no regular file."""
        return None if self.path is None else os.fstat(self._file.fileno()).st_size

    @property
    def written_ns(self) -> int | None:
        """When the source was last written to, whatever its name is by now; None where it is no regular file."""
        return None if self.path is None else os.fstat(self._file.fileno()).st_mtime_ns

    def skip(self, count: int) -> None:
        """Passes over so many bytes unread, of a regular file; no digest is told any more. Raises OSError."""
        self._sum = None
        within = min(count, len(self._again))
        self._again = self._again[within:]
        self._file.seek(count - within, os.SEEK_CUR)
        self.size += count

    def middle(self) -> bytes:
        """Whole lines from the middle of a regular file that is longer than its first bytes; else nothing."""
        if self.path is None or self.compression:
            return b""
        size = self.length or 0
        if size <= 2 * HEAD:
            return b""
        found = os.pread(self._file.fileno(), HEAD, size // 2)
        return found.partition(b"\n")[2].rpartition(b"\n")[0]

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
        # Without the buffer and its lock: who is interrupted leaves a thread behind that still waits for bytes.
        return getattr(sys.stdin.buffer, "raw", sys.stdin.buffer), False
    return Path(source).open("rb", buffering=0), True


def compression(head: bytes) -> Compression | None:
    """How an input that begins so is compressed, if it is."""
    return next((name for name, magic in _MAGICS if magic.match(head)), None)


def _read_head(file: BinaryIO, most: int, patience: float = 0) -> bytes:
    """The first bytes, no more of a capture than are there; one that has none yet is waited for."""
    head = bytearray()
    read = getattr(file, "read1", file.read)
    until = time.monotonic() + patience
    while len(head) < most and not is_capture(bytes(head[:_TELLING])):
        more = read(most - len(head))
        head += more
        if not more and (len(head) >= _TELLING or time.monotonic() >= until):
            break
        if not more:
            time.sleep(_PAUSE)
    return bytes(head)


def _into(file: BinaryIO, view: memoryview) -> int:
    """Bytes put into `view`, as many as are there, also by a file object that can only `read`."""
    readinto = getattr(file, "readinto1", None) or getattr(file, "readinto", None)
    if readinto is not None:
        return int(readinto(view) or 0)
    data = file.read(len(view))
    view[: len(data)] = data
    return len(data)
