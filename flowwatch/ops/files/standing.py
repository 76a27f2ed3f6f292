"""Each file of a survey gets the cursor that it stands at.

A cursor goes to the longest of the files that go on with it; one that goes on otherwise is another file, which goes on
from the same place, since the bytes before it were read. What is only a copy is remembered as one once all of it was
read, and left alone until then.
"""

from collections.abc import Callable, Sequence

import msgspec

from flowwatch.ops.files.alike import Known, lines
from flowwatch.ops.files.content import end, opened
from flowwatch.ops.files.cursor import Cursor, Mark, marks_until
from flowwatch.ops.files.seen import Identity, is_quiet
from flowwatch.ops.files.survey import Survey


class Live(msgspec.Struct, frozen=True):
    """A file that is no copy, with its cursor."""

    cursor: Cursor
    more: bool
    """There are bytes that were not read."""
    packed: bool = False
    """It is compressed, so that it does not grow."""


class Standing(msgspec.Struct):
    """Where all files stand."""

    survey: Survey
    live: list[Live] = msgspec.field(default_factory=list)
    copies: list[Cursor] = msgspec.field(default_factory=list)
    used: set[int] = msgspec.field(default_factory=set)
    """The cursors that some file stands at, by their places."""

    def place(self, number: int | None) -> Cursor:
        """The cursor of that place, used from now on; None: a new one."""
        if number is None:
            return Cursor(path="", device=0, inode=0, size=0, mtime_ns=0, seen_ns=0)
        self.used.add(number)
        return self.survey.cursors[number]

    def unplaced(self) -> list[tuple[int, Cursor]]:
        """The cursors that no file stands at, with their places."""
        return [(number, one) for number, one in enumerate(self.survey.cursors) if number not in self.used]


def standing(survey: Survey) -> Standing:
    """The files and their cursors. Raises Moved and OSError."""
    found = Standing(survey)
    for number in sorted({*survey.held.values(), *survey.going}):
        _go_on(found, number)
    _begin(found)
    for identity, number in survey.part.items():
        _cover(found, identity, number)
    return found


def _go_on(found: Standing, number: int) -> None:
    survey, cursor = found.survey, found.place(number)
    held = [cursor.identity] if survey.held.get(cursor.identity) == number else []
    members = [survey.known(identity) for identity in (*held, *survey.going.get(number, ()))]
    told = lines(members, cursor.offset, _preference(cursor))
    told.sort(key=lambda line: line.longest.file.identity != cursor.identity)
    for line in told:
        _stand(found, line.longest, number, cursor)
        cursor = msgspec.structs.replace(cursor, id=None)
        for copy in line.copies:
            if not _more(survey, copy.file.identity, number):
                _remember(found, copy, cursor.offset, cursor.marks)


def _stand(found: Standing, known: Known, number: int, cursor: Cursor) -> None:
    identity = known.file.identity
    now_there = cursor.at(known.file, known.head, found.survey.now)
    if cursor.copy:
        found.copies.append(now_there)
    else:
        more = _more(found.survey, identity, number)
        found.live.append(Live(now_there, more, identity in found.survey.packed))


def _more(survey: Survey, identity: Identity, number: int) -> bool:
    kin = survey.kin.get(identity)
    return kin is not None and kin.whole[number]


def _begin(found: Standing) -> None:
    """Files of which nothing was read."""
    survey = found.survey
    fresh = [survey.known(identity) for identity in survey.fresh]
    written = [one for one in fresh if one.head]
    blank = [one for one in fresh if not one.head and (not one.file.size or is_quiet(one.file, found.survey.now))]
    whole = [line.longest for line in lines(written, 0, _preference(None))] + blank
    seen_before = _seen_before(found, whole)
    for known in whole:
        cursor = found.place(seen_before.get(known.file.identity)).at(known.file, known.head, found.survey.now)
        packed = known.file.identity in survey.packed
        found.live.append(Live(cursor, bool(known.file.size), packed))


def _seen_before(found: Standing, files: Sequence[Known]) -> dict[Identity, int]:
    """The cursors of files that were seen and not read: the same file still, or one that begins so."""
    unread = {one.identity: (number, one.head) for number, one in found.unplaced() if not one.offset}
    pairs: dict[Identity, int] = {}
    for known in files:
        number, head = unread.get(known.file.identity, (0, None))
        if head is not None and known.head.startswith(head):
            pairs[known.file.identity] = number
            del unread[known.file.identity]
    for number, head in unread.values():
        like = (one.file.identity for one in files if head and one.head.startswith(head))
        identity = next((one for one in like if one not in pairs), None)
        if identity is not None:
            pairs[identity] = number
    return pairs


def _cover(found: Standing, identity: Identity, number: int) -> None:
    """A file that is the beginning of what the cursor has read."""
    known = found.survey.known(identity)
    with opened(known.file) as content:
        size = end(content) if identity in found.survey.packed else known.file.size
        marks = marks_until(content, size)
    if marks is not None:
        _remember(found, known, size, marks)


def _remember(found: Standing, known: Known, offset: int, marks: tuple[Mark, ...]) -> None:
    """A copy of which all was read, under the number that it had as a copy."""
    had = (n for n, one in found.unplaced() if one.copy and one.identity == known.file.identity)
    cursor = found.place(next(had, None))
    read = msgspec.structs.replace(cursor, head=known.head, offset=offset, marks=marks, ended=True, copy=True)
    found.copies.append(read.at(known.file, known.head, found.survey.now))


def _preference(cursor: Cursor | None) -> Callable[[Known], tuple[int, bool, int, str]]:
    """Of files with the same bytes: the plain one, which is no smaller; then the one that was read."""

    def key(known: Known) -> tuple[int, bool, int, str]:
        file = known.file
        return file.size, cursor is not None and file.identity == cursor.identity, file.mtime_ns, file.path

    return key
