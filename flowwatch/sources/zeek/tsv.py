"""Tab-separated Zeek logs to columns of text: by name, under the header in force where the record stands.

Works on whole blocks; a header may change anywhere (two logs joined by `cat`). Header lines and blank lines are noise.
"""

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources.lines import LONGEST, Block
from flowwatch.sources.zeek.cells import Chunk
from flowwatch.sources.zeek.header import Header, after
from flowwatch.sources.zeek.kinds import Choice, Kind
from flowwatch.sources.zeek.portions import Portion, Portions, Refusal

MOST_HEADERS = 64
"""Different headers in one file; records under more are refused."""
_WORDS = pa.list_(pa.utf8())


class _Lines(msgspec.Struct, frozen=True):
    """Lines with where they stood."""

    number: pa.UInt64Array
    offset: pa.UInt64Array
    data: pa.Array

    def where(self, mask: pa.BooleanArray) -> "_Lines":
        """Those for which the mask holds; copies nothing where it holds for all."""
        if mask.true_count == len(mask):
            return self
        return _Lines(self.number.filter(mask), self.offset.filter(mask), self.data.filter(mask))


class _Left(msgspec.Struct, frozen=True):
    """The header in force, and all there were."""

    header: Header
    headers: tuple[Header, ...]


class TsvSplitter:
    """Splits the blocks of one log; keeps the header from block to block."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        self._header = Header()
        self._headers: dict[Header, int] = {}

    def split(self, block: Block) -> Portions:
        """The records of the block by header."""
        lines = _lines(block)
        result = Portions(records=len(lines.data))
        kept = _sound(lines, result)
        under = self._headers_over(kept)
        directive = pc.starts_with(kept.data, "#")
        noise = pc.or_(directive, pc.equal(pc.binary_length(kept.data), 0))
        result.noise = pc.sum(noise).as_py() or 0
        records, under = kept.where(pc.invert(noise)), under.filter(pc.invert(noise))
        for header, place in list(self._headers.items()):
            self._portion(header, records.where(pc.equal(under, place)), result)
        _refuse(records.where(pc.equal(under, MOST_HEADERS)), "too_many_headers", result)
        return result

    def end(self) -> Portions:
        """Nothing: a line is whole or was refused."""
        return Portions()

    def leave(self) -> bytes:
        """The header in force, and all there were."""
        return msgspec.msgpack.encode(_Left(self._header, tuple(self._headers)))

    def resume(self, state: bytes) -> None:
        """Goes on where another left."""
        left = msgspec.msgpack.decode(state, type=_Left)
        self._header, self._headers = left.header, {one: place for place, one in enumerate(left.headers)}

    def _headers_over(self, lines: _Lines) -> pa.UInt8Array:
        """For each line the place of its header in `self._headers`."""
        over: list[int] = []
        for index in pc.indices_nonzero(pc.starts_with(lines.data, "#")).to_pylist():
            over += [self._place()] * (index - len(over))
            self._header = after(self._header, lines.data[index].as_py())
        over += [self._place()] * (len(lines.data) - len(over))
        return pa.array(over, pa.uint8())

    def _place(self) -> int:
        if self._header not in self._headers and len(self._headers) < MOST_HEADERS:
            self._headers[self._header] = len(self._headers)
        return self._headers.get(self._header, MOST_HEADERS)

    def _portion(self, header: Header, lines: _Lines, result: Portions) -> None:
        """Adds the records under one header."""
        if not len(lines.data):
            return
        kind = self._choice.of(header.path)
        if not header.fields or kind is None:
            _refuse(lines, "unsupported_log" if header.fields else "no_header", result)
            return
        told = _split(header, kind, lines)
        count = told["count"]
        _refuse(lines.where(pc.less(count, len(header.fields))), "short_row", result)
        _refuse(lines.where(pc.greater(count, len(header.fields))), "extra_columns", result)
        whole = pc.equal(count, len(header.fields))
        if whole.true_count:
            sound = told if whole.true_count == len(whole) else told.filter(whole)
            result.portions.append(Portion(kind, _chunk(header, kind, lines.where(whole), sound)))


def _lines(block: Block) -> _Lines:
    """The lines of a block, as bytes, without CR at the end."""
    data = pc.split_pattern(pa.array([block.data], pa.binary()), b"\n").flatten()
    number = pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.uint64()), len(data)), start=block.number - 1)
    offset = _offsets(block, data)
    if b"\r" in block.data:
        data = pc.replace_substring_regex(data, r"\r$", b"")
    return _Lines(number, offset, data)


def _offsets(block: Block, data: pa.BinaryArray) -> pa.UInt64Array:
    if block.outer is not None:
        return pa.array(block.outer, pa.uint64())
    spans = pc.add(pc.binary_length(data).cast(pa.uint64()), 1)
    return pc.subtract(pc.cumulative_sum(spans, start=block.offset), spans)


def _sound(lines: _Lines, result: Portions) -> _Lines:
    """The lines as text; refuses those too long or not UTF-8."""
    long = pc.greater(pc.binary_length(lines.data), LONGEST)
    if pc.any(long).as_py():
        _refuse(lines.where(long), "line_too_long", result)
        lines = lines.where(pc.invert(long))
    try:
        return _Lines(lines.number, lines.offset, lines.data.cast(pa.utf8()))
    except pa.ArrowInvalid:
        odd = pa.array([not _is_text(line) for line in lines.data.to_pylist()], pa.bool_())
        _refuse(lines.where(odd), "not_utf8", result)
        kept = lines.where(pc.invert(odd))
        return _Lines(kept.number, kept.offset, kept.data.cast(pa.utf8()))


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _refuse(lines: _Lines, code: str, result: Portions) -> None:
    for number, offset in zip(lines.number.to_pylist(), lines.offset.to_pylist(), strict=True):
        result.refusals.append(Refusal(number, offset, code))


def _split(header: Header, kind: Kind, lines: _Lines) -> pa.RecordBatch:
    """How many values each line has (`count`), and those the log takes, by name, unset ones null."""
    from flowwatch._native import split_columns  # noqa: PLC0415, TID251 - start-up time; the border

    names = [*kind.fields, *kind.lists]
    # Of a name that the header has twice the first counts.
    wanted = {header.fields.index(name): name for name in names if name in header.fields}
    places = sorted(wanted)
    told = split_columns(lines.data, separator=header.separator, unset=header.unset, wanted=places)
    return pa.record_batch(told).rename_columns(["count", *(wanted[place] for place in places)])


def _chunk(header: Header, kind: Kind, lines: _Lines, told: pa.RecordBatch) -> Chunk:
    """The columns the log takes."""
    here = set(told.schema.names)
    words = {name: _word(header, told[name]) for name in kind.fields if name in here}
    lists = {name: _listed(header, told[name]) for name in kind.lists if name in here}
    return Chunk(lines.number, lines.offset, words, lists)


def _word(header: Header, column: pa.StringArray) -> pa.StringArray:
    empty = pc.equal(column, header.empty)
    return pc.if_else(empty, "", column) if pc.any(empty).as_py() else column


def _listed(header: Header, column: pa.StringArray) -> pa.ListArray:
    """A set or vector; its elements are still escaped, so the separator is never part of one."""
    empty = pc.fill_null(pc.equal(column, header.empty), fill_value=False)
    parts = pc.split_pattern(column, header.set_separator) if header.set_separator else _alone(column)
    return pc.if_else(empty, pa.scalar([], _WORDS), parts)


def _alone(column: pa.StringArray) -> pa.ListArray:
    return pa.array([None if value is None else [value] for value in column.to_pylist()], _WORDS)
