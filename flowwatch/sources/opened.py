"""One input opened for reading: its first bytes for detection, then all of its bytes, once, in order, unpacked.

gzip, zstd, xz, bzip2 and lz4 are told by their first bytes and unpacked by the core, piece by piece; text in UTF-16 is
given as UTF-8, and offsets count bytes of that. Promises size and
SHA-256 of the bytes as stored; of a stream that breaks all whole lines before the break, and in `error` where and why.
A capture reads `stored`, or the path, by itself: the core unpacks it.
"""

import codecs
import io
import os
from typing import TYPE_CHECKING, BinaryIO, Self, cast

from flowwatch.model.records import Skip
from flowwatch.sources.lines import LONGEST
from flowwatch.sources.stored import HEAD, Compression, Progress, Stored, compression

if TYPE_CHECKING:
    from flowwatch._native import Unpacked  # noqa: TID251 - the border

__all__ = ["HEAD", "Opened", "Progress", "is_packed"]

_PIECE = 1 << 16
_TELLING = 64
"""Bytes that tell UTF-16 without its mark."""


class Opened(io.RawIOBase):
    """The bytes of one source, readable once from the first to the last; a context manager.

    `shown` is told as its name instead of the source. Opening raises OSError (missing, unreadable, a folder).
    """

    def __init__(
        self,
        source: str,
        *,
        digest: bool = True,
        progress: Progress | None = None,
        follow: float | None = None,
        shown: str | None = None,
    ) -> None:
        super().__init__()
        self.source = source
        self._shown = source if shown is None else shown
        self.stored = Stored(source, digest=digest, progress=progress, follow=follow)
        self.compression = self.stored.compression
        """How the source is stored."""
        self.unpacked_size: int | None = None
        """Bytes unpacked so far; None where nothing was."""
        self.error: Skip | None = None
        """Why a compressed source could not be read to its end."""
        self._unpacked: Unpacked | None = None
        self._begun = bytearray()
        self._ready = memoryview(b"")
        self.head = self._head(self.compression) if self.compression else self.stored.head
        self.wide = _wide(self.head)
        """The form of UTF-16 that the text is in, as Python names it; None: it is read as it is."""
        if self.wide:
            self.head = self.head.decode(self.wide, "replace").encode("utf-8", "replace")
            self._narrow = codecs.getincrementaldecoder(self.wide)("replace")

    @property
    def name(self) -> str:
        """The source as text; what in a path is not UTF-8 or not printable is escaped."""
        return self.text(self._shown)

    @staticmethod
    def text(source: str) -> str:
        """A source as given, as text a table can hold and a terminal can show: no control, no invisible character."""
        told = os.fsencode(source).decode("utf-8", "backslashreplace")
        return told if told.isprintable() else "".join(map(_shown, told))

    @property
    def path(self) -> str | None:
        """The path where the source is a regular file, so that it may be opened again by itself; else None."""
        return self.stored.path

    @property
    def size(self) -> int:
        """Stored bytes read so far."""
        return self.stored.size

    @property
    def sha256(self) -> str | None:
        """Digest of the stored bytes read so far, lower-case hexadecimal; None when switched off."""
        return self.stored.sha256

    def middle(self) -> bytes:
        """Whole lines from the middle, where they can be had without reading up to there; else nothing."""
        return self.stored.middle()

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: "bytearray | memoryview", /) -> int:  # type: ignore[override]
        """Fills `buffer` from where reading stands; 0 at the end. Raises OSError."""
        if self.compression is None and self.wide is None:
            return self.stored.readinto(buffer)
        view = memoryview(buffer).cast("B")
        if not self._ready:
            self._ready = memoryview(self._narrowed() if self.wide else self._piece())
        count = min(len(view), len(self._ready))
        view[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def skip(self, count: int) -> int:
        """Passes over so many unpacked bytes, of a regular file; how many of them it had. Raises OSError."""
        if self.compression is None and self.wide is None:
            within = min(count, self.stored.length or 0)
            self.stored.skip(within)
            return within
        left = count
        while left and (piece := self.read(min(left, _PIECE))):
            left -= len(piece)
        return count - left

    def drain(self) -> None:
        """Reads what is left as it is stored, for size and digest. Raises OSError."""
        self.stored.drain()

    def close(self) -> None:
        """Closes the file, but never standard input, which is not ours."""
        self.stored.close()
        super().close()

    def __enter__(self) -> Self:
        return self

    def _head(self, compression: Compression) -> bytes:
        """The first bytes unpacked; where there are none for a fault, that is the error."""
        unpacked, head = _unpacked(io.BytesIO(self.stored.head), compression), bytearray()
        while len(head) < HEAD and (piece := unpacked.read(HEAD - len(head))):
            head += piece
        if unpacked.fault and not head:
            code, offset, message = unpacked.fault
            self.error = Skip(code, message, offset)
        return bytes(head)

    def _narrowed(self) -> bytes:
        """The next bytes of UTF-16 as UTF-8; empty at the end. Half a character at the end is replaced."""
        while piece := self._piece():
            if text := self._narrow.decode(piece):
                return text.encode("utf-8", "replace")
        return self._narrow.decode(b"", final=True).encode("utf-8", "replace")

    def _piece(self) -> bytes:
        """The next bytes, unpacked where they are packed; empty at the end."""
        return self._lines(self.compression) if self.compression else self.stored.read(_PIECE) or b""

    def _lines(self, compression: Compression) -> bytes:
        """The next whole lines, or parts of one too long to be read; empty at the end."""
        self._unpacked = self._unpacked or _unpacked(cast("BinaryIO", self.stored), compression)
        while piece := self._unpacked.read(_PIECE):
            self.unpacked_size = (self.unpacked_size or 0) + len(piece)
            self._begun += piece
            end = len(self._begun) if len(self._begun) > LONGEST else self._begun.rfind(b"\n") + 1
            if end:
                return self._take(end)
        if self._unpacked.fault is None:
            return self._take(len(self._begun))
        self._break(*self._unpacked.fault)
        return b""

    def _take(self, count: int) -> bytes:
        taken = bytes(self._begun[:count])
        del self._begun[:count]
        return taken

    def _break(self, code: str, _at: int, message: str) -> None:
        """Notes the fault; the line it cuts is no record."""
        if self.error is None:
            left = f"; {len(self._begun)} bytes of a line cut short are left out" if self._begun else ""
            self.error = Skip(code, message + left, (self.unpacked_size or 0) - len(self._begun))
            self.drain()


def is_packed(head: bytes) -> bool:
    """Whether what begins so is given otherwise than it is stored: unpacked, or UTF-16 as UTF-8."""
    return compression(head) is not None or _wide(head) is not None


def _wide(head: bytes) -> str | None:
    """The form of UTF-16, by its byte order mark or by the zeros beside the letters; None: it is none."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    first = head[:_TELLING]
    if len(first) < _TELLING or (first[0] and first[1]) or b"\x00" not in first:
        return None
    for form, letters, zeros in (("utf-16-le", first[::2], first[1::2]), ("utf-16-be", first[1::2], first[::2])):
        if zeros.count(0) * 10 >= len(zeros) * 9 and b"\x00" not in letters and letters.isascii():
            return form
    return None


def _shown(one: str) -> str:
    return one if one.isprintable() else one.encode("unicode_escape").decode()


def _unpacked(stored: BinaryIO, compression: Compression) -> "Unpacked":
    from flowwatch._native import Unpacked  # noqa: PLC0415, TID251 - start-up time; the border

    return Unpacked(stored, compression)
