"""Which of the files that are there go on with which cursor.

A file goes on with the cursor that has read most of it. One that is the beginning of what a cursor has read is known
whole: a copy that is still being written or was cut short, a compressed one half done. Unchanged files are not opened,
unless a cursor is missed that one of them may hold.
"""

from collections.abc import Iterator, Sequence

import msgspec

from flowwatch.model import Instant
from flowwatch.ops.files.alike import Known, is_beginning
from flowwatch.ops.files.content import Plain, opened
from flowwatch.ops.files.cursor import SHORT_HEAD, Cursor, Heads, Kinship, begin_alike, kinship
from flowwatch.ops.files.seen import Identity, Scan, Seen, is_quiet

_NO_KIN = Kinship(b"", {}, frozenset())


class Survey(msgspec.Struct):
    """What is known of each file; cursors by their places in the sequence."""

    scan: Scan
    cursors: Sequence[Cursor]
    now: Instant
    heads: Heads
    held: dict[Identity, int] = msgspec.field(default_factory=dict)
    """Files that are unchanged, and their cursor."""
    kin: dict[Identity, Kinship] = msgspec.field(default_factory=dict)
    """Of the others."""
    packed: set[Identity] = msgspec.field(default_factory=set)
    """Files that were unpacked."""
    going: dict[int, list[Identity]] = msgspec.field(default_factory=dict)
    """Files that hold all that a cursor has read, and go on with it."""
    part: dict[Identity, int] = msgspec.field(default_factory=dict)
    """Files that are the beginning of what a cursor has read."""
    waiting: set[Identity] = msgspec.field(default_factory=set)
    """Files that may turn out to be new or known."""
    fresh: list[Identity] = msgspec.field(default_factory=list)
    """Files of which nothing was read."""
    unreadable: list[tuple[str, str]] = msgspec.field(default_factory=list)
    shut: set[Identity] = msgspec.field(default_factory=set)
    """Files that could not be opened."""

    def known(self, identity: Identity) -> Known:
        """A file with its first bytes."""
        kin = self.kin.get(identity)
        if kin is not None:
            return Known(self.scan.files[identity], kin.head, len(kin.head) < SHORT_HEAD)
        return Known(self.scan.files[identity], self.cursors[self.held[identity]].head, is_all=False)

    def holders(self, number: int) -> list[Identity]:
        """Files that hold all that a cursor has read, whoever they go on with."""
        identity = self.cursors[number].identity
        held = [identity] if self.held.get(identity) == number else []
        return held + [identity for identity, kin in self.kin.items() if number in kin.whole]


def survey(scan: Scan, cursors: Sequence[Cursor], now: Instant) -> Survey:
    """What the files are. Raises Moved."""
    found = Survey(scan, cursors, now, Heads(cursors))
    for number, cursor in enumerate(cursors):
        file = scan.files.get(cursor.identity)
        if file is not None and cursor.holds(file):
            found.held.setdefault(file.identity, number)
    for identity, file in scan.files.items():
        if identity not in found.held:
            _open(found, file)
    _ask_the_unchanged(found)
    for identity in found.kin:
        _assign(found, identity)
    return found


def _open(found: Survey, file: Seen) -> None:
    kin = _kinship(found, file)
    if kin is not None:
        found.kin[file.identity] = kin


def _kinship(found: Survey, file: Seen) -> Kinship | None:
    """What a file has to do with the cursors; None where it cannot be read, which is noted. Raises Moved."""
    if not file.size:
        return _NO_KIN
    try:
        with opened(file) as content:
            if not isinstance(content, Plain):
                found.packed.add(file.identity)
            return kinship(content, found.cursors, found.heads)
    except OSError as error:
        found.unreadable.append((file.path, (error.strerror or str(error)).lower()))
        found.shut.add(file.identity)
        return None


def _ask_the_unchanged(found: Survey) -> None:
    """Opens unchanged files where a cursor that is missed may have gone over to one of them, as to a finished copy."""
    missed = [number for number in _missed(found) if not found.holders(number)]
    for identity in _suspects(found, missed):
        kin = _kinship(found, found.scan.files[identity])
        if kin is not None and any(number in kin.whole or number in kin.part for number in missed):
            found.kin[identity] = kin
            del found.held[identity]


def _missed(found: Survey) -> Iterator[int]:
    for number, cursor in enumerate(found.cursors):
        if cursor.offset and not cursor.copy and (cursor.missed_ns is None or not cursor.done):
            yield number


def _suspects(found: Survey, missed: Sequence[int]) -> list[Identity]:
    heads = {found.cursors[number].head for number in missed}
    held = [(identity, found.cursors[number].head) for identity, number in found.held.items()]
    return [identity for identity, head in held if head and any(begin_alike(head, one) for one in heads)]


def _assign(found: Survey, identity: Identity) -> None:
    """Notes what the file goes on with, or that it is known or new; one that may turn out either way is left alone."""
    kin, cursors = found.kin[identity], found.cursors
    nearest = max(kin.whole, key=lambda one: _nearness(cursors[one], identity), default=None)
    own = next((one for one in kin.whole if cursors[one].identity == identity and not cursors[one].copy), None)
    if own is None:
        for number in sorted(kin.part, key=lambda one: cursors[one].offset, reverse=True):
            is_part = _is_part(found, identity, number)
            if is_part:
                found.part[identity] = number
            if is_part is None:
                found.waiting.add(identity)
            if is_part is not False:
                return
    if nearest is not None:
        found.going.setdefault(nearest, []).append(identity)
    else:
        found.fresh.append(identity)


def _is_part(found: Survey, identity: Identity, number: int) -> bool | None:
    """Whether it is the beginning of what the cursor has read, by the bytes themselves where they are still there.

    None: a file like it was deleted, and this one is still written to.
    """
    known, cursor = found.known(identity), found.cursors[number]
    holder = next((one for one in found.holders(number) if one != identity), None)
    if holder is not None:
        return is_beginning(known, found.known(holder))
    if known.is_all or not cursor.done:
        return True
    whole = (found.cursors[one] for one in found.kin[identity].whole)
    is_known = any(one.offset > len(cursor.head) and not one.copy for one in whole)
    return False if is_known or is_quiet(known.file, found.now) else None


def _nearness(cursor: Cursor, identity: Identity) -> tuple[int, bool, bool, bool]:
    return cursor.offset, not cursor.copy, cursor.identity == identity, cursor.missed_ns is None
