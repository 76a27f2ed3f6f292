"""A cursor moved on by what was read, if the file is still the one that was planned for."""

from typing import Any

import msgspec

from flowwatch.model import Instant
from flowwatch.ops.files.content import Content, Packed, end, opened
from flowwatch.ops.files.cursor import HEAD, Cursor, begin_alike, marks_until
from flowwatch.ops.files.seen import Moved


def advanced(
    cursor: Cursor,
    offset: int | None,
    last_time: Instant | None = None,
    position: Any = None,  # noqa: ANN401 - the reader's own
    *,
    ended: bool,
) -> Cursor | None:
    """The cursor at `offset`, in unpacked bytes (None: the file was read as a whole), after a step from where it stood.

    `ended`: all that there was when it was planned has been read, but for a last line whose end has not come.
    `last_time` None: as before. None comes out where the file was renamed, truncated or replaced since it was planned:
    the step is to be thrown away and planned anew.
    """
    try:
        with opened(cursor.file) as content:
            place = _size(content, cursor) if offset is None else offset
            marks = marks_until(content, place, cursor.marks)
            head = content.read(0, HEAD)
    except (Moved, OSError):
        return None
    if marks is None or not begin_alike(head, cursor.head):
        return None
    return msgspec.structs.replace(
        cursor,
        offset=place,
        marks=marks,
        head=max(head, cursor.head, key=len),
        ended=ended,
        last_time=cursor.last_time if last_time is None else last_time,
        position=position,
    )


def _size(content: Content, cursor: Cursor) -> int:
    """Bytes that the file had when it was planned: what came since may not have been read."""
    return end(content) if isinstance(content, Packed) else cursor.size
