"""What is remembered of a file that was read, and whether the bytes of another go on with it.

A cursor keeps the first bytes as they are, and digests at each power of two and at the end of what was read: a file
that begins alike is told from it as soon as it differs within the first `HEAD` bytes, beyond them at the latest when it
is twice as long. So files that share no more than a header (Zeek, CSV) are two.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import msgspec

from flowwatch.model import Instant
from flowwatch.ops.files.content import Content
from flowwatch.ops.files.seen import Identity, Seen

HEAD = 4096
"""First bytes of a file in reading that are kept as they are."""
SHORT_HEAD = 1024
"""The same of other files."""
_KEY = 160
"""First bytes by which cursors are found: more than the blocks before a capture's first packet."""
_WINDOW = 4096
"""Bytes before a mark that its digest covers."""
_FIRST = 8192
"""The first of the powers of two that are marked."""
_BLUR = 2 * 10**9
"""Within so many nanoseconds a file may be written twice and show one time."""


class Mark(msgspec.Struct, frozen=True):
    """What stands before one place of a file."""

    offset: int
    """Unpacked bytes before it."""
    digest: str
    """Of up to 4096 bytes before it: the first half of the SHA-256, lower-case hexadecimal."""


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a source, as it was last seen and as far as it was read; JSON holds it."""

    id: int | None = None
    """Given by who stores it."""
    path: str
    device: int
    inode: int
    size: int
    """Bytes as stored."""
    mtime_ns: Instant
    seen_ns: Instant
    """When it was looked at."""
    head: bytes = b""
    """The first bytes, read or not; the most of them that was ever seen."""
    marks: tuple[Mark, ...] = ()
    """In what was read, in order; the last is at `offset`."""
    offset: int = 0
    """Unpacked bytes that were read."""
    ended: bool = False
    """It was read to its end, but for a last line whose end had not come."""
    newer: bool = False
    """A newer file of the source was there."""
    closed: bool = False
    """Nothing more will come to it: its last line needs no end."""
    copy: bool = False
    """All of it was read in another file; nothing goes on with it."""
    missed_ns: Instant | None = None
    """When it was found to be nowhere; it may come back."""
    told: bool = False
    """That it was gone before it was read to its end has been told."""
    last_time: Instant | None = None
    """Time of the last record that was read; only carried along."""
    position: Any = None
    """What the reader goes on with; only carried along."""

    @property
    def done(self) -> bool:
        """Nobody misses it when it is deleted."""
        return self.copy or self.told or (self.ended and self.newer)

    @property
    def identity(self) -> Identity:
        """What stays when the file is renamed."""
        return self.device, self.inode

    @property
    def file(self) -> Seen:
        """The file as it was seen."""
        return Seen(self.path, self.device, self.inode, self.size, self.mtime_ns)

    def at(self, file: Seen, head: bytes, now: Instant) -> "Cursor":
        """It, standing in that file, which begins so."""
        place = {name: getattr(file, name) for name in Seen.__struct_fields__}
        head = max(head, self.head, key=len)
        return msgspec.structs.replace(self, **place, head=head, seen_ns=now, missed_ns=None, told=False)

    def holds(self, file: Seen) -> bool:
        """The file is unchanged, by its name alone at most; no byte of it is asked for."""
        unchanged = msgspec.structs.replace(file, path=self.path) == self.file
        return unchanged and self.ended and not self.is_blurred

    @property
    def is_blurred(self) -> bool:
        """It was written to when it was looked at, so that its time does not tell whether it was again."""
        return self.mtime_ns > self.seen_ns - _BLUR


class Kinship(msgspec.Struct, frozen=True):
    """Which of several cursors the bytes of a file have to do with, by their places in the sequence."""

    head: bytes
    """The first `SHORT_HEAD` bytes."""
    whole: dict[int, bool]
    """It holds all that they have read; whether there is more."""
    part: frozenset[int]
    """It is shorter, and as far as it goes it agrees."""


class Heads:
    """Cursors by their first bytes, so that of many few are asked."""

    def __init__(self, cursors: Sequence[Cursor]) -> None:
        self._cursors = cursors
        self._all = [number for number, one in enumerate(cursors) if one.offset]
        self._short = [number for number in self._all if len(cursors[number].head) < _KEY]
        self._keyed: dict[bytes, list[int]] = {}
        for number in self._all:
            self._keyed.setdefault(cursors[number].head[:_KEY], []).append(number)

    def alike(self, head: bytes) -> set[int]:
        """The places of those that were read, and differ nowhere as far as both go."""
        if not head:
            return set()
        asked = self._all if len(head) < _KEY else [*self._short, *self._keyed.get(head[:_KEY], ())]
        return {number for number in asked if begin_alike(head, self._cursors[number].head)}


def kinship(content: Content, cursors: Sequence[Cursor], heads: Heads) -> Kinship:
    """The cursors that some bytes go on with, and those they are the beginning of. Raises OSError."""
    head = content.read(0, HEAD)
    alive = heads.alike(head)
    whole: dict[int, bool] = {}
    marks = sorted((mark.offset, mark.digest, n) for n in alive for mark in cursors[n].marks)
    for offset, group in groupby(marks, key=itemgetter(0)):
        asked = [(n, digest) for _, digest, n in group if n in alive]
        if not asked:
            continue
        mark = mark_at(content, offset)
        if mark is None:
            break
        alive -= {n for n, digest in asked if digest != mark.digest}
        ended = {n for n, _ in asked if n in alive and cursors[n].offset == offset}
        if ended:
            more = bool(content.read(offset, 1))
            whole |= {n: more for n in ended if not (more and cursors[n].copy)}
            alive -= ended
    return Kinship(head[:SHORT_HEAD], whole, frozenset(n for n in alive if not cursors[n].copy))


def begin_alike(one: bytes, other: bytes) -> bool:
    """Neither differs from the other as far as both go."""
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def mark_at(content: Content, offset: int) -> Mark | None:
    """The mark at a place; None where the bytes end before it. Raises OSError."""
    start = max(0, offset - _WINDOW)
    window = content.read(start, offset - start)
    if len(window) < offset - start:
        return None
    return Mark(offset, hashlib.sha256(window).hexdigest()[:32])


def marks_until(content: Content, offset: int, known: Iterable[Mark] = ()) -> tuple[Mark, ...] | None:
    """The marks of what was read up to a place, those known among them; None where the bytes end before it, or differ.

    Raises OSError.
    """
    old = {mark.offset: mark for mark in known}
    found = {}
    for place in sorted({*old, *_powers(offset), offset} - {0}):
        mark = mark_at(content, place)
        if mark is None or old.get(place, mark) != mark:
            return None
        found[place] = mark
    return tuple(found[place] for place in sorted({*_powers(offset), offset} - {0}))


def _powers(offset: int) -> Iterator[int]:
    place = _FIRST
    while place <= offset:
        yield place
        place *= 2
