"""A stream of PowerDNS' messages to frames: each is its length (16 bits, big-endian) and its bytes, and nothing else.

Promises: the same frames for every block size; whole frames only. Refuses to be told by less than `FEWEST` whole frames
in a row that are all of the schema and tell a time and a name, for the stream has no mark of its own.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from flowwatch.model.records import Skip
from flowwatch.sources.dnstap.frames import BLOCK, Block
from flowwatch.sources.powerdns.message import message

FEWEST, _MOST = 3, 64
"""Whole frames by which a stream is told, and those that are looked at."""
_LENGTH = struct.Struct(">H")


def is_powerdns(head: bytes) -> int:
    """100 where the bytes begin with whole frames that are all messages of PowerDNS, else 0."""
    at = count = 0
    while count < _MOST and (end := _end(head, at)) <= len(head):
        found = message(head[at + _LENGTH.size : end], count, at)
        if isinstance(found, str) or found.time is None or found.qname is None:
            return 0
        at, count = end, count + 1
    return 100 if count >= FEWEST else 0


class Frames:
    """The frames of one input, read once; `error` says that the last one is cut."""

    def __init__(self, stream: BinaryIO, size: int = BLOCK) -> None:
        self._stream = stream
        self._size = size
        self._begun = b""
        self._offset = 0
        self._number = 1
        self.error: Skip | None = None

    def __iter__(self) -> Iterator[Block]:
        """Blocks of whole frames. Raises OSError."""
        while data := self._stream.read(self._size):
            block = self._whole(self._begun + data)
            if block.frames:
                yield block
        if self._begun:
            said = "the stream ends inside a frame: it is still written, or its writer was ended"
            last = f"the last whole frame ends at byte {self._offset}"
            self.error = Skip("truncated_stream", f"{said}; {last}", self._offset)

    def _whole(self, data: bytes) -> Block:
        """The frames that are whole now; what is left waits for more."""
        block = Block([], [], self._number)
        at = 0
        while (end := _end(data, at)) <= len(data):
            block.frames.append(data[at + _LENGTH.size : end])
            block.offsets.append(self._offset + at)
            at = end
        self._number += len(block.frames)
        self._offset += at
        self._begun = data[at:]
        return block


def _end(data: bytes, at: int) -> int:
    """Where the frame ends that begins there; behind the data where its length is not whole."""
    begun = data[at : at + _LENGTH.size]
    return at + _LENGTH.size + (_LENGTH.unpack(begun)[0] if len(begun) == _LENGTH.size else 0)
