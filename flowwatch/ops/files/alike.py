"""Which files are copies, in whole or as far as they got, of one another.

Sorted by their bytes, a file that is the beginning of others stands right before one of them: so each is compared with
its neighbour alone. Bytes that agree for `ENOUGH` are taken for the same file's.
"""

from collections.abc import Callable, Sequence
from functools import cmp_to_key

import msgspec

from flowwatch.ops.files.content import opened
from flowwatch.ops.files.cursor import begin_alike
from flowwatch.ops.files.seen import Seen

ENOUGH = 16 << 20
_PIECE = 1 << 16


class Known(msgspec.Struct, frozen=True):
    """A file and its first bytes."""

    file: Seen
    head: bytes
    is_all: bool
    """There are no more."""


class Line(msgspec.Struct, frozen=True):
    """Files of which each is the beginning of the longest, or the same."""

    longest: Known
    copies: tuple[Known, ...] = ()


def lines(files: Sequence[Known], start: int, prefer: Callable[[Known], object]) -> list[Line]:
    """The files, copies together, by what stands from `start` on; of those that are the same the preferred is longest.

    `prefer` gives the greatest for the one to be preferred. Raises Moved and OSError.
    """
    order = sorted(files, key=prefer)  # type: ignore[arg-type] # whatever can be ordered
    order.sort(key=cmp_to_key(lambda one, other: _compare(one, other, start)[0]))
    found: list[Line] = []
    for one in reversed(order):
        if found and is_beginning(one, found[-1].longest, start):
            found[-1] = Line(found[-1].longest, (*found[-1].copies, one))
        else:
            found.append(Line(one))
    return found


def is_beginning(one: Known, of: Known, start: int = 0) -> bool:
    """Whether all of a file from `start` on, or enough of it, stands in another. Raises Moved and OSError."""
    order, first_ends = _compare(one, of, start)
    return order == 0 or (order < 0 and first_ends)


def _compare(one: Known, other: Known, start: int) -> tuple[int, bool]:
    """-1, 0 or 1 as the first sorts before the other, and whether they differ only in that one of them ends."""
    if start == 0 and ((one.is_all and other.is_all) or not begin_alike(one.head, other.head)):
        return _order(one.head, other.head)
    with opened(one.file) as first, opened(other.file) as second:
        for place in range(start, start + ENOUGH, _PIECE):
            pieces = first.read(place, _PIECE), second.read(place, _PIECE)
            if pieces[0] != pieces[1]:
                return _order(*pieces)
            if len(pieces[0]) < _PIECE:
                break
    return 0, True


def _order(one: bytes, other: bytes) -> tuple[int, bool]:
    if one == other:
        return 0, True
    shorter = min(len(one), len(other))
    return (-1 if one < other else 1), one[:shorter] == other[:shorter]
