"""The JSON objects of a log: one a line, an array of them, or objects that span lines.

A record is a line; where objects span lines (the first one does), a record is an object, numbered by its first line.
What an object says is its decoder's business. A name that stands twice in an object counts as the last of them.
"""

import re
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import msgspec

from flowwatch.sources.lines import LONGEST, Block

DEEPEST = 64
"""Levels of nesting."""
_TOKEN = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+(?:([{}\[\]"])|\Z)')
"""Up to the next bracket outside a string, or the quote of a string that does not end; or to the end of the data."""
_BETWEEN = b" \t\r,[]"
_NO_OBJECT = ("json_syntax", "not_utf8", "json_depth", "line_too_long")

T = TypeVar("T")


class Found(msgspec.Struct, Generic[T], frozen=True):
    """A record: where it stood, and its object or the reason code why there is none."""

    number: int
    """Of its first line, from 1."""
    offset: int
    row: T | None
    code: str = ""


class Begun(msgspec.Struct):
    """An object that has begun and not ended."""

    number: int
    offset: int
    data: bytearray
    depth: int = 0
    broken: bool = False


class Left(msgspec.Struct, frozen=True):
    """What goes over to another reader of the same log."""

    spanning: bool | None = None
    begun: Begun | None = None


class Objects(Generic[T]):
    """Takes the blocks of one log in order; keeps an object that spans them.

    `decode` gives an object's value, or a reason code as text; it is asked of data that is neither too long nor too
    deeply nested.
    """

    def __init__(self, decode: Callable[[bytes], T | str]) -> None:
        self._decode = decode
        self._begun: Begun | None = None
        self.spanning: bool | None = None
        """Whether objects span lines; not known before the first."""
        self._bare = True
        """Nothing carries the lines, so that a place within one is a place in the input."""

    def split(self, block: Block) -> tuple[list[Found[T]], int]:
        """The records of the block, and how many of its lines are blank (between objects that span lines: none)."""
        found: list[Found[T]] = []
        blank = 0
        self._bare = block.outer is None
        lines = zip(block.offsets(), block.data.split(b"\n"), strict=True)
        for number, (offset, line) in enumerate(lines, block.number):
            if line.strip():
                found += self._line(number, offset, line)
            else:
                blank += not self.spanning
        return found, blank

    def alone(self, number: int, offset: int, line: bytes) -> Found[T]:
        """A line by itself, of a log whose objects do not span lines."""
        return _found(number, offset, self._decoded(line))

    def end(self) -> list[Found[T]]:
        """The object that never ended, refused."""
        return [self._broken(self._begun)] if self._begun else []

    def leave(self) -> Left:
        """The object that has begun, taken out: it ends in what another reads on."""
        left, self._begun = Left(self.spanning, self._begun), None
        return left

    def resume(self, left: Left) -> None:
        """Goes on where another left."""
        self.spanning, self._begun = left.spanning, left.begun

    def _line(self, number: int, offset: int, line: bytes) -> Iterator[Found[T]]:
        alone = self._decoded(line)
        whole = not isinstance(alone, str)
        if self.spanning is None:
            self.spanning = alone in _NO_OBJECT and line.lstrip()[:1] in (b"{", b"[")
        if self.spanning and self._begun and whole and line[:1] == b"{":
            yield self._broken(self._begun)  # its end is missing: whole objects follow, one a line
            self._begun = None
            self.spanning = False
        if not self.spanning:
            yield _found(number, offset, alone)
        else:
            yield from self._scan(number, offset, line)

    def _scan(self, number: int, offset: int, line: bytes) -> Iterator[Found[T]]:
        """The objects that end on this line; what is left over is kept or refused."""
        at = 0
        for token in _tokens(line):
            if self._begun is None:
                if token[1] != b"{":
                    continue
                if line[at : token.start(1)].strip(_BETWEEN):
                    yield Found(number, offset + at * self._bare, None, "json_syntax")
                at = token.start(1)
                self._begun = Begun(number, offset + at * self._bare, bytearray())
            self._begun.depth += (token[1] in b"{[") - (token[1] in b"}]")
            self._begun.broken |= token[1] == b'"'
            if self._begun.depth == 0:
                self._begun.data += line[at : token.end()]
                yield self._ended(self._begun)
                self._begun, at = None, token.end()
            elif token[1] == b'"':
                break
        yield from self._rest(number, offset + at * self._bare, line[at:])

    def _rest(self, number: int, offset: int, rest: bytes) -> Iterator[Found[T]]:
        if self._begun is None:
            if rest.strip(_BETWEEN):
                yield Found(number, offset, None, "json_syntax")
            return
        self._begun.data += rest[: LONGEST + 1] + b"\n"
        if len(self._begun.data) > LONGEST:
            yield Found(self._begun.number, self._begun.offset, None, "line_too_long")
            self._begun = None

    def _ended(self, begun: Begun) -> Found[T]:
        return (
            self._broken(begun)
            if begun.broken
            else _found(begun.number, begun.offset, self._decoded(bytes(begun.data)))
        )

    def _broken(self, begun: Begun) -> Found[T]:
        return Found(begun.number, begun.offset, None, "json_syntax")

    def _decoded(self, data: bytes) -> T | str:
        """The object, or the reason code why it is none."""
        if len(data) > LONGEST:
            return "line_too_long"
        if too_deep(data):
            return "json_depth"
        return self._decode(data)


def too_deep(data: bytes) -> bool:
    """Whether the object nests deeper than `DEEPEST`."""
    return data.count(b"{") + data.count(b"[") > DEEPEST and _depth(data) > DEEPEST


def broken_code(data: bytes) -> str:
    """The reason code of data that is no JSON."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return "not_utf8"
    return "json_syntax"


def _found(number: int, offset: int, decoded: T | str) -> Found[T]:
    return Found(number, offset, None, decoded) if isinstance(decoded, str) else Found(number, offset, decoded)


def _tokens(data: bytes) -> Iterator[re.Match[bytes]]:
    return (token for token in _TOKEN.finditer(data) if token[1])


def _depth(data: bytes) -> int:
    deepest = depth = 0
    for token in _tokens(data):
        depth += (token[1] in b"{[") - (token[1] in b"}]")
        deepest = max(deepest, depth)
        if token[1] == b'"':
            break
    return deepest
