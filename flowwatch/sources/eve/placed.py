"""The records of a block with where each stood: decoded at once where each line is one, else line by line.

Both ways give the same records and the same refusals, so that how a log is cut into blocks changes nothing.
"""

from collections.abc import Sequence
from itertools import accumulate

import msgspec

from flowwatch.sources.eve.cells import Taken
from flowwatch.sources.eve.events import LINES, Event, event
from flowwatch.sources.lines import LONGEST, Block
from flowwatch.sources.objects import Found, Objects, too_deep

Refusal = tuple[int, int, str]
"""Line, byte offset, reason code."""


class Placed(msgspec.Struct):
    """Records in the order of the log, and what was none."""

    events: list[Event] = []
    numbers: Sequence[int] = ()
    offsets: Sequence[int] = ()
    refusals: list[Refusal] = []
    blank: int = 0
    """Lines with nothing on them."""

    @property
    def records(self) -> int:
        """All that is to be accounted for."""
        return len(self.events) + len(self.refusals) + self.blank

    def by_type(self) -> dict[str, list[int]]:
        """Places of the records by their type."""
        places: dict[str, list[int]] = {}
        for place, kind in enumerate([record.event_type for record in self.events]):
            places.setdefault(kind, []).append(place)
        return places

    def of(self, kind: str, places: list[int]) -> Taken:
        """The records at these places; one without the object its type promises is refused."""
        empty = [place for place in places if getattr(self.events[place], kind) is None]
        if empty:
            self.refusals += [(self.numbers[place], self.offsets[place], f"bad_field:{kind}") for place in empty]
            places = sorted(set(places) - set(empty))
        events, numbers, offsets = self.events, self.numbers, self.offsets
        return Taken(
            [events[place] for place in places],
            [numbers[place] for place in places],
            [offsets[place] for place in places],
        )


class Places:
    """Takes the blocks of one log in order; keeps an object that spans them."""

    def __init__(self) -> None:
        self._objects = Objects(event)

    def split(self, block: Block) -> Placed:
        """The records of the block."""
        whole = None if self._objects.spanning else _at_once(block)
        if whole is not None:
            self._objects.spanning = False
            return whole
        found, blank = self._objects.split(block)
        return _one_by_one(found, blank)

    def end(self) -> Placed:
        """What was begun and never ended."""
        return _one_by_one(self._objects.end(), 0)


def _at_once(block: Block) -> Placed | None:
    """None unless every line is one object that is read without complaint."""
    data = block.data
    lines = data.split(b"\n")
    one_each = data.startswith(b"{") and data.endswith(b"}") and data.count(b"}\n{") == len(lines) - 1
    if not one_each or max(map(len, lines)) > LONGEST or any(map(too_deep, lines)):
        return None
    try:
        events = LINES.decode_lines(data)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    if len(events) != len(lines) or not all(record.event_type for record in events):
        return None
    offsets = list(accumulate((len(line) + 1 for line in lines), initial=block.offset))
    return Placed(events, range(block.number, block.number + len(lines)), offsets)


def _one_by_one(found: list[Found[Event]], blank: int) -> Placed:
    told = [(one.row, one.number, one.offset) for one in found if one.row is not None]
    refusals = [(one.number, one.offset, one.code) for one in found if one.row is None]
    events, numbers, offsets = zip(*told, strict=True) if told else ((), (), ())
    return Placed(list(events), numbers, offsets, refusals, blank)
