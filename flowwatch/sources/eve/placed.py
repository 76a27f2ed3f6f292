"""The records of a block as columns by type, with where each stood.

The core takes the lines apart. What it does not take is decoded here: what is a record after all is written anew in
the usual way and given to the core once more, so that there is one way from a record to its columns.
"""

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources.eve.events import Event, event, usual
from flowwatch.sources.lines import Block
from flowwatch.sources.objects import Found, Left, Objects

Refusal = tuple[int, int, str]
"""Line, byte offset, reason code."""
_UNREAD, _OTHERS = "unread", "others"


class Taken(msgspec.Struct, frozen=True):
    """Records of one type in the order of the log: their fields by path (`split_eve`), and where each stood."""

    fields: pa.RecordBatch
    number: pa.UInt64Array
    offset: pa.UInt64Array

    def and_of(self, other: "Taken") -> "Taken":
        """These records with the others, in the order of the log."""
        order = pc.sort_indices(pa.concat_arrays([self.offset, other.offset]))
        return Taken(
            pa.concat_batches([self.fields, other.fields]).take(order),
            pa.concat_arrays([self.number, other.number]).take(order),
            pa.concat_arrays([self.offset, other.offset]).take(order),
        )


class Placed(msgspec.Struct):
    """Records in the order of the log, and what was none."""

    read: dict[str, Taken]
    """By type, those that are looked at."""
    unread: pa.StringArray
    """Types of the others."""
    refusals: list[Refusal]
    blank: int = 0
    """Lines with nothing on them."""

    @property
    def records(self) -> int:
        """All that is to be accounted for."""
        read = sum(len(taken.number) for taken in self.read.values())
        return read + len(self.unread) + len(self.refusals) + self.blank

    def and_of(self, other: "Placed") -> "Placed":
        """These records with the others."""
        read = self.read | other.read
        both = {kind: self.read[kind].and_of(other.read[kind]) for kind in self.read.keys() & other.read.keys()}
        unread = pa.concat_arrays([self.unread, other.unread])
        return Placed(read | both, unread, self.refusals + other.refusals, self.blank + other.blank)


class Places:
    """Takes the blocks of one log in order; keeps an object that spans them."""

    def __init__(self) -> None:
        self._objects = Objects(event)

    def split(self, block: Block) -> Placed:
        """The records of the block."""
        if not self._objects.spanning:
            parts = _parts(block.data)
            others = parts[_OTHERS].to_pylist()
            if self._objects.spanning is False or not others or others[0]["line"] > 0:
                self._objects.spanning = False
                taken = _placed(parts, *_firsts(block))
                return taken.and_of(self._mended(block, others)) if others else taken
        return _written_anew(*self._objects.split(block))

    def end(self) -> Placed:
        """What was begun and never ended."""
        return _written_anew(self._objects.end(), 0)

    def leave(self) -> Left:
        """The object that has begun, taken out."""
        return self._objects.leave()

    def resume(self, left: Left) -> None:
        """Goes on where another left."""
        self._objects.resume(left)

    def _mended(self, block: Block, others: list[dict[str, int]]) -> Placed:
        """The lines that the core did not take."""
        found: list[Found[Event]] = []
        blank = 0
        for place in others:
            line = block.data[place["start"] : place["end"]]
            if line.strip():
                offset = block.outer[place["line"]] if block.outer else block.offset + place["start"]
                found.append(self._objects.alone(block.number + place["line"], offset, line))
            else:
                blank += 1
        return _written_anew(found, blank)


def _firsts(block: Block) -> tuple[pa.Scalar | pa.Array, pa.Scalar | pa.Array]:
    """Number and offset of the first line, or of each where another log carried them."""
    if block.outer is None:
        return pa.scalar(block.number, pa.uint64()), pa.scalar(block.offset, pa.uint64())
    numbers = range(block.number, block.number + len(block.outer))
    return pa.array(numbers, pa.uint64()), pa.array(block.outer, pa.uint64())


def _written_anew(found: list[Found[Event]], blank: int) -> Placed:
    told = [(one.number, one.offset, usual(one.row)) for one in found if one.row is not None]
    numbers, offsets, written = zip(*told, strict=True) if told else ((), (), ())
    parts = _parts(b"\n".join(written))
    placed = _placed(parts, pa.array(numbers, pa.uint64()), pa.array(offsets, pa.uint64()))
    placed.refusals += [(one.number, one.offset, one.code) for one in found if one.row is None]
    if told:
        placed.refusals += [(*told[line][:2], "json_syntax") for line in parts[_OTHERS]["line"].to_pylist()]
    placed.blank = blank
    return placed


def _placed(parts: dict[str, pa.RecordBatch], number: pa.Scalar | pa.Array, offset: pa.Scalar | pa.Array) -> Placed:
    """`number` and `offset`: of the first line, or of each."""
    read = {kind: _taken(fields, number, offset) for kind, fields in parts.items() if kind not in (_UNREAD, _OTHERS)}
    return Placed(read, parts[_UNREAD]["event_type"], [])


def _taken(fields: pa.RecordBatch, number: pa.Scalar | pa.Array, offset: pa.Scalar | pa.Array) -> Taken:
    line, start = fields["line"], fields["start"]
    if isinstance(number, pa.Array):
        return Taken(fields, number.take(line), offset.take(line))
    return Taken(fields, pc.add(line.cast(pa.uint64()), number), pc.add(start.cast(pa.uint64()), offset))


def _parts(data: bytes) -> dict[str, pa.RecordBatch]:
    from flowwatch._native import split_eve  # noqa: PLC0415, TID251 - start-up time; the border

    return {kind: pa.record_batch(one) for kind, one in split_eve(data).items()}
