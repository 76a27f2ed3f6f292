"""What is to be read now of a source, what only moved, and what is nowhere any more.

Promises: nothing is told as gone where a file could not be looked at, or where the files moved while they were; a file
that comes back within `KEPT` goes on where it stood.
"""

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from flowwatch.model import Instant
from flowwatch.ops.files.cursor import SHORT_HEAD, Cursor
from flowwatch.ops.files.ends import ends
from flowwatch.ops.files.seen import Moved, Scan, is_quiet, scan, unlisted
from flowwatch.ops.files.standing import Live, Standing, standing
from flowwatch.ops.files.survey import survey

MOST = 100_000
"""Files of one source."""
_NUMBER = re.compile(r"\.(\d{1,6})(?:\.[a-z]\w{0,4})?$")
_LAST = "\U0010ffff"
"""After all that may follow a name in that of a rotated file."""
_TRIES = 6
_PAUSE = 0.01
"""Seconds before the files are looked at again; twice as many each time."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the files of a source ask for; all in it is to be stored, in one transaction."""

    reads: tuple[Cursor, ...] = ()
    """What is to be read, oldest first: from `offset` of `path` on, to its last line's end where it is `closed`; `id`
    None: a new cursor. One that is not read now may be stored as it stands, so that its loss will be told."""
    moved: tuple[Cursor, ...] = ()
    """To be stored; nothing is to be read. `id` None: a new cursor."""
    gone: tuple[Cursor, ...] = ()
    """Not read to their end, and nowhere any more: a gap from `last_time` on. To be stored: it is told once, and goes
    on where it comes back."""
    forgotten: tuple[Cursor, ...] = ()
    """To be deleted."""
    missing: bool = False
    """There is no file at all."""
    unreadable: tuple[tuple[str, str], ...] = ()
    """Paths that could not be looked at, and why; what is in them is not gone."""


def plan(patterns: Sequence[str], cursors: Sequence[Cursor], now: Instant | None = None) -> Plan:
    """What the files that match the patterns ask for, given the cursors of the source.

    `now` is the time, of the clock if None. Raises UsageError for a pattern that is a URL.
    """
    now = time.time_ns() if now is None else now
    found = None
    for attempt in range(_TRIES):
        try:
            before = _bounded(scan(patterns))
            found = _drawn(before, cursors, now)
            if not _has_news(found) or scan(patterns).names == before.names:
                return found
        except (Moved, OSError):
            pass
        time.sleep(_PAUSE * 2**attempt)
    told = ((patterns[0], "its files moved whenever they were looked at"),)
    if found is None:
        return Plan(unreadable=told)
    return msgspec.structs.replace(found, gone=(), unreadable=found.unreadable + (told if found.gone else ()))


def _drawn(found: Scan, cursors: Sequence[Cursor], now: Instant) -> Plan:
    surveyed = survey(found, cursors, now)
    stands = standing(surveyed)
    folders = unlisted(str(Path(one.path).parent) for _, one in stands.unplaced())
    unreadable = {**dict(found.unreadable), **dict(surveyed.unreadable), **dict(folders)}
    ended = ends(stands, is_sure=not unreadable)
    reads, moved = _in_order(stands, {one.id: one for one in cursors})
    return Plan(
        reads=reads,
        moved=(*moved, *ended.moved),
        gone=tuple(ended.gone),
        forgotten=tuple(ended.forgotten),
        missing=not found.files,
        unreadable=tuple(unreadable.items()),
    )


def _in_order(stands: Standing, known: Mapping[int | None, Cursor]) -> tuple[tuple[Cursor, ...], list[Cursor]]:
    """What is to be read, oldest first, and what is to be stored."""
    live = sorted(stands.live, key=_age)
    reads = []
    moved = [copy for copy in stands.copies if not _is_stored(copy, known)]
    for number, one in enumerate(live, 1):
        cursor = _aged(one, stands.survey.now, is_newest=number == len(live))
        was_closed = cursor.id is not None and known[cursor.id].closed
        if cursor.size and (one.more or (cursor.closed and not was_closed)):
            reads.append(cursor)
        elif not _is_stored(cursor, known):
            moved.append(cursor)
    return tuple(reads), moved


def _aged(one: Live, now: Instant, *, is_newest: bool) -> Cursor:
    """The cursor, told whether a newer file is there, and whether more may come to it."""
    quiet = is_quiet(one.cursor.file, now)
    closed = (one.packed and quiet) or (not is_newest and (one.packed or quiet))
    if not one.more and one.cursor.closed:
        closed = True
    head = one.cursor.head[: SHORT_HEAD if closed and not (one.more or is_newest) else None]
    return msgspec.structs.replace(one.cursor, newer=not is_newest, closed=closed, head=head)


def _is_stored(cursor: Cursor, known: Mapping[int | None, Cursor]) -> bool:
    """It stands so in what is stored, but for the time when it was looked at, where that tells nothing new."""
    before = known.get(cursor.id) if cursor.id is not None else None
    if before is None:
        return False
    return msgspec.structs.replace(cursor, seen_ns=before.seen_ns) == before and not before.is_blurred


def _age(one: Live) -> tuple[int, int, str]:
    """By the time of the last write; of one time by rotation number, the highest first, then by name."""
    name = Path(one.cursor.path).name
    number = _NUMBER.search(name)
    return one.cursor.mtime_ns, -int(number[1]) if number else 0, name + _LAST


def _has_news(found: Plan) -> bool:
    return bool(found.reads or found.moved or found.gone)


def _bounded(found: Scan) -> Scan:
    """The newest files, no more than `MOST`; the loss of the others is told."""
    if len(found.files) <= MOST:
        return found
    files = sorted(found.files.values(), key=lambda file: file.mtime_ns, reverse=True)
    left = (files[MOST].path, f"more than {MOST} files: it and {len(files) - MOST - 1} older ones are not read")
    return Scan({file.identity: file for file in files[:MOST]}, (*found.unreadable, left), found.names)
