"""What becomes of the cursors that no file stands at any more.

Rotation deletes what was read; what was not read to its end is gone, and that is told. Deleted files are remembered
for a while, since a folder may only have been away.
"""

from collections.abc import Iterable

import msgspec

from flowwatch.model import Instant
from flowwatch.ops.files.cursor import Cursor
from flowwatch.ops.files.seen import is_quiet
from flowwatch.ops.files.standing import Standing

KEPT = 24 * 3600 * 10**9
"""Nanoseconds for which a deleted file is known again."""
_MOST_KEPT = 1000
"""Deleted files that are remembered."""
_RACE = 60 * 10**9
"""Longest time, in nanoseconds, between the end of a copytruncate's copy and its truncation."""


class Ends(msgspec.Struct):
    """Cursors without a file."""

    moved: list[Cursor] = msgspec.field(default_factory=list)
    gone: list[Cursor] = msgspec.field(default_factory=list)
    forgotten: list[Cursor] = msgspec.field(default_factory=list)


def ends(found: Standing, *, is_sure: bool) -> Ends:
    """What becomes of them; unless it is sure that every file was seen, they stay as they are."""
    told = Ends()
    for number, cursor in found.unplaced():
        survey = found.survey
        if cursor.identity in survey.shut or not survey.waiting.isdisjoint(survey.holders(number)):
            continue
        if _is_held_elsewhere(found, number, cursor):
            told.forgotten.append(cursor)
        elif is_sure:
            _end(found, told, number, cursor)
    _bound(told, found.survey.cursors, found.survey.now)
    return told


def _end(found: Standing, told: Ends, number: int, cursor: Cursor) -> None:
    copies = [copy for copy in found.copies if found.survey.part.get(copy.identity) == number]
    missed = cursor.missed_ns if cursor.missed_ns is not None else found.survey.now
    if not cursor.done and any(not is_quiet(copy.file, found.survey.now) for copy in copies):
        return  # more of it may come, or other things than it held
    if cursor.ended and cursor.identity in found.survey.scan.files and any(_is_all(copy, cursor) for copy in copies):
        cursor = msgspec.structs.replace(cursor, newer=True)
    if cursor.done:
        told.moved.append(msgspec.structs.replace(cursor, missed_ns=missed))
    elif _is_blank(cursor) and _goes_on(found, cursor):
        told.forgotten.append(cursor)
    else:
        told.gone.append(msgspec.structs.replace(cursor, missed_ns=missed, told=True))


def _is_held_elsewhere(found: Standing, number: int, cursor: Cursor) -> bool:
    """What the cursor stands for is read with another."""
    if cursor.copy or _is_blank(cursor):
        return cursor.identity in found.survey.scan.files
    if not cursor.offset:
        heads = [kin.head for kin in found.survey.kin.values()]
        heads += [found.survey.cursors[one].head for one in found.survey.held.values()]
        return any(head.startswith(cursor.head) for head in heads)
    return bool(found.survey.holders(number))


def _is_blank(cursor: Cursor) -> bool:
    """Nothing was in the file when it was seen."""
    return not cursor.offset and not cursor.head


def _goes_on(found: Standing, cursor: Cursor) -> bool:
    """A file that was empty, and is not there any more, was compressed since, or removed on its own.

    It was not deleted by rotation, which takes older ones first, where one of these is still there.
    """
    files = found.survey.scan.files
    known = any(one.cursor.offset and one.cursor.id is not None for one in found.live)
    packed = (files[one] for one in found.survey.packed if one in found.survey.fresh)
    return known or any(file.mtime_ns >= cursor.mtime_ns for file in packed)


def _is_all(copy: Cursor, of: Cursor) -> bool:
    """The copy is what a copytruncate left: it lacks at most what came between its end and the truncation.

    A file that shares half of what was read, a long header, and was written in the same minute is taken for one too.
    """
    return copy.identity != of.identity and of.mtime_ns - copy.mtime_ns < _RACE and 2 * copy.offset >= of.offset


def _bound(told: Ends, cursors: Iterable[Cursor], now: Instant) -> None:
    """Forgets what is missed for long, and the oldest of too many; keeps of the others what is new."""
    known = {one.id: one for one in cursors}
    missed = sorted(told.moved, key=lambda one: one.missed_ns or 0, reverse=True)
    kept = [one for one in missed[:_MOST_KEPT] if now - (one.missed_ns or 0) < KEPT]
    told.forgotten += missed[len(kept) :]
    told.moved = [one for one in kept if known.get(one.id) != one]
