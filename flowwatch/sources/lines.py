"""Bytes of a log to lines: where each begins, its number, its text; whole lines only, in blocks of bounded size.

Promises: the same lines for every block size; a line longer than `LONGEST` is cut to `LONGEST + 1` bytes, so that its
length still says what it is, and the bytes left out are counted in the offsets. Line ends are LF or CR LF. A byte order
mark is stripped from the first line. The last line needs no line end.
"""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

LONGEST = 1 << 20
"""Bytes of the longest line that is read."""
BLOCK = 1 << 22
"""Bytes read at once."""
MARK = b"\xef\xbb\xbf"


class Block(msgspec.Struct, frozen=True):
    """Whole lines of a log, without the end of the last."""

    data: bytes
    """Lines joined by LF."""
    offset: int
    """Byte offset of the first line in the input."""
    number: int
    """Line number of the first line, from 1."""
    ended: bool = True
    """False for the last line of an input where nothing ends it: more of it may come."""
    outer: tuple[int, ...] | None = None
    """Byte offset of each line in the input where another log carried it; `offset` and `data` do not tell it then."""

    def offsets(self) -> Iterator[int]:
        """Byte offset of each line in the input."""
        if self.outer is not None:
            yield from self.outer
            return
        yield from accumulate((len(line) + 1 for line in self.data.split(b"\n")[:-1]), initial=self.offset)

    def placed(self, lines: pa.UInt32Array, starts: pa.UInt32Array) -> pa.UInt64Array:
        """Byte offsets in the input of lines (from 0) that begin at `starts` in `data`."""
        if self.outer is not None:
            return pa.array(self.outer, pa.uint64()).take(lines)
        return pc.add(starts.cast(pa.uint64()), pa.scalar(self.offset, pa.uint64()))

    def line(self, offset: int) -> bytes | None:
        """The line that stands there in the input, from there on; None where it began in a block before."""
        if self.outer is not None:
            at = bisect_right(self.outer, offset) - 1
            return None if at < 0 else self.data.split(b"\n")[at]
        if offset < self.offset:
            return None
        start = offset - self.offset
        end = self.data.find(b"\n", start)
        return self.data[start:] if end < 0 else self.data[start:end]


def blocks(stream: BinaryIO, size: int = BLOCK) -> Iterator[Block]:
    """The input as blocks of whole lines; an empty input gives none. Raises OSError."""
    pieces = Pieces()
    while data := stream.read(size):
        yield from pieces.add(data)
    yield from pieces.end()


class Pieces:
    """What is left over between two reads: the begun line, where it began, and what was cut from it.

    `offset` and `number`: of the line that is read first.
    """

    def __init__(self, offset: int = 0, number: int = 1) -> None:
        self.begun = bytearray()
        self.cut = 0
        self.offset = offset
        """Of the begun line in the input, which is where the last whole line ended."""
        self.number = number

    def add(self, data: bytes) -> Iterator[Block]:
        """The lines that `data` completes."""
        first_end = data.find(b"\n")
        if first_end < 0:
            self._keep(data)
            return
        self._keep(data[:first_end])
        last_end = data.rfind(b"\n")
        if self.cut:
            yield self._flush()
            if last_end > first_end:
                yield self._block(data[first_end + 1 : last_end])
        else:
            whole = b"".join((self.begun, memoryview(data)[first_end:last_end]))
            self.begun.clear()
            yield self._block(whole)
        self._keep(data[last_end + 1 :])

    def end(self) -> Iterator[Block]:
        """The last line, where it had no line end."""
        if self.begun:
            yield msgspec.structs.replace(self._flush(), ended=False)

    def _keep(self, data: bytes) -> None:
        room = LONGEST + 1 - len(self.begun)
        self.begun += data[:room]
        self.cut += max(len(data) - room, 0)

    def _flush(self) -> Block:
        block = self._block(bytes(self.begun), self.cut)
        self.begun.clear()
        self.cut = 0
        return block

    def _block(self, data: bytes, cut: int = 0) -> Block:
        offset, number = self.offset, self.number
        self.offset += len(data) + cut + 1
        self.number += data.count(b"\n") + 1
        if offset == 0 and data.startswith(MARK):
            data, offset = data[len(MARK) :], len(MARK)
        return Block(data, offset, number)
