"""Frame Streams to data frames: where each begins, its number, its bytes; whole frames only, in blocks.

A data frame is its length (32 bits, big-endian, not zero) and its bytes; a control frame is a zero, a length, and a
type: START opens the stream and names its content, STOP ends it (farsightsec/fstrm, `fstrm/control.h`). The file of a
live or killed server has no STOP and may end inside a frame.

Promises: the same frames for every block size; nothing is allocated by a length that a frame names; a frame longer than
`LONGEST` is passed over and told; one stream after the other is read on. Refuses content other than dnstap's, and what
is no frame: there reading stops, for nothing tells where the next would begin.
"""

import struct
from bisect import bisect_left
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from flowwatch.model.records import Skip

LONGEST = 1 << 20
"""Bytes of the longest data frame, as fstrm's own reader has it: two messages of 64 KiB and what is said of them."""
BLOCK = 1 << 20
"""Bytes read at once."""
_LENGTH = struct.Struct(">I")
_PAIR = struct.Struct(">II")
_LONGEST_CONTROL = 512
_ACCEPT, _START, _STOP, _READY, _FINISH = 1, 2, 3, 4, 5
_CONTENT_TYPE = 1
_DNSTAP = b"protobuf:dnstap.Dnstap"


class Block(msgspec.Struct, frozen=True):
    """Data frames in their order."""

    frames: list[bytes | None]
    """None is one that is too long."""
    offsets: list[int]
    """Where in the input the length before each begins."""
    number: int
    """Of the first, from 1."""

    def line(self, offset: int) -> bytes | None:
        """The frame that stands there in the input."""
        at = bisect_left(self.offsets, offset)
        return self.frames[at] if at < len(self.offsets) else None


def is_dnstap(head: bytes) -> int:
    """100 where the bytes begin as a stream of dnstap does, else 0."""
    return 100 if head.startswith(bytes(4)) and _opens(head[8 : 8 + _longest(head)]) else 0


class Frames:
    """The data frames of one input, read once; `error` says why reading stopped before a STOP."""

    def __init__(self, stream: BinaryIO, size: int = BLOCK) -> None:
        self._stream = stream
        self._size = size
        self._begun = b""
        self._offset = 0
        self._number = 1
        self._over = 0
        """Bytes still to come of a frame that is too long."""
        self._sound = 0
        """Where the last whole frame ends."""
        self._open = False
        self.error: Skip | None = None

    def __iter__(self) -> Iterator[Block]:
        """Blocks of whole frames. Raises OSError."""
        while self.error is None and (data := self._stream.read(self._size)):
            block = self._whole(self._begun + data)
            if block.frames:
                yield block
        if self.error is None:
            self._end()

    def _whole(self, data: bytes) -> Block:
        """The data frames that are whole now; what is left waits for more."""
        block = Block([], [], self._number)
        at = self._past(data, self._over)
        while self.error is None and not self._over and len(data) - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(data, at)
            control = int.from_bytes(data[at + 4 : at + 8], "big")
            end = at + (4 + length if length else 8 + control)
            if length > LONGEST and self._open:
                _add(block, self._offset + at, None)
                self._sound = self._offset + at
                at = self._past(data, end)
            elif not self._fits(length, control, self._offset + at) or end > len(data):
                break
            else:
                if length:
                    _add(block, self._offset + at, data[at + 4 : end])
                else:
                    self._control(data[at + 8 : end], self._offset + at)
                at = end
        self._number += len(block.frames)
        self._offset += at
        if not self._over:
            self._sound = self._offset
        self._begun = data[at:]
        return block

    def _past(self, data: bytes, end: int) -> int:
        """Passes over what comes before `end`, of which some may still have to come."""
        self._over = max(end - len(data), 0)
        return min(end, len(data))

    def _fits(self, length: int, control: int, offset: int) -> bool:
        """Whether a frame of this sort may stand here."""
        if not length and control <= _LONGEST_CONTROL:
            return True
        if length and self._open:
            return True
        what = "a frame outside of START and STOP" if length else "a control frame that is too long"
        self.error = Skip("bad_frame", f"{what}: not read from there on", offset)
        return False

    def _control(self, body: bytes, offset: int) -> None:
        kind = int.from_bytes(body[:4], "big")
        if kind == _START and not self._open:
            self._open = True
            if not _opens(body):
                self.error = Skip("unsupported_format", "a frame stream of something other than dnstap", offset)
        elif kind == _STOP and self._open:
            self._open = False
        elif kind not in (_ACCEPT, _READY, _FINISH):
            self.error = Skip("bad_frame", "a control frame that may not stand there: not read from there on", offset)

    def _end(self) -> None:
        """Notes where the input ends, if it may not end there."""
        if self._over or self._begun:
            what = "ends inside a frame"
        elif self._open:
            what = "ends without STOP"
        else:
            return
        said = f"the stream {what}: it is still written, or its writer was ended"
        self.error = Skip("truncated_stream", f"{said}; the last whole frame ends at byte {self._sound}", self._sound)


def _add(block: Block, offset: int, frame: bytes | None) -> None:
    block.frames.append(frame)
    block.offsets.append(offset)


def _longest(head: bytes) -> int:
    """Bytes of the control frame that the input begins with, as far as one may go."""
    return min(int.from_bytes(head[4:8], "big"), _LONGEST_CONTROL)


def _opens(body: bytes) -> bool:
    """Whether a control frame is a START of dnstap's content."""
    if len(body) < 12 or int.from_bytes(body[:4], "big") != _START:
        return False
    field, length = _PAIR.unpack_from(body, 4)
    return bool(field == _CONTENT_TYPE) and length == len(_DNSTAP) and body[12:] == _DNSTAP
