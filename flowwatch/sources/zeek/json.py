"""Zeek logs in JSON to columns of text: one object a line, an array, or objects over several lines.

Fields are `id.orig_h`, `id_orig_h` (dots replaced by a shipper) or `{"id": {"orig_h": ...}}`. Numbers stay the text
they are written as: no binary fraction comes between.
"""

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources.lines import Block
from flowwatch.sources.objects import Found, Left, Objects, broken_code
from flowwatch.sources.zeek.cells import Chunk
from flowwatch.sources.zeek.kinds import Choice, Kind
from flowwatch.sources.zeek.portions import Portion, Portions, Refusal
from flowwatch.sources.zeek.sniff import flat, told

_DECODER = msgspec.json.Decoder(float_hook=str)
_WORDS = pa.list_(pa.utf8())
_PATH_KEYS = ("_path", "@stream")


_Row = dict[str, object]


class JsonSplitter:
    """Splits the blocks of one log; keeps an object that spans them."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        self._objects = Objects(_decoded)

    def split(self, block: Block) -> Portions:
        """The records of the block by log."""
        found, blank = self._objects.split(block)
        result = Portions(records=blank, noise=blank)
        self._sort(found, result)
        return result

    def end(self) -> Portions:
        """The object that never ended, refused."""
        result = Portions()
        self._sort(self._objects.end(), result)
        return result

    def leave(self) -> bytes:
        """The object that has begun, taken out."""
        return msgspec.msgpack.encode(self._objects.leave())

    def resume(self, state: bytes) -> None:
        """Goes on where another left."""
        self._objects.resume(msgspec.msgpack.decode(state, type=Left))

    def _sort(self, found: list[Found[_Row]], result: Portions) -> None:
        """Parts the records by log."""
        result.records += len(found)
        by_kind: dict[str, list[Found[_Row]]] = {}
        for record in found:
            kind = self._kind(record.row) if record.row is not None else None
            if kind is None:
                code = record.code or "unsupported_log"
                result.refusals.append(Refusal(record.number, record.offset, code))
            else:
                by_kind.setdefault(kind.path, []).append(record)
        for records in by_kind.values():
            kind = self._kind(records[0].row or {})
            if kind:
                result.portions.append(_portion(kind, records))

    def _kind(self, row: _Row) -> Kind | None:
        """The log a record belongs to: the one it names, else the one its keys tell, else the usual."""
        return self._choice.of(_path(row) or told(row.keys()))


def _decoded(data: bytes) -> _Row | str:
    """The object, or the reason code why it is none."""
    try:
        value = _DECODER.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return broken_code(data)
    return flat(value) if isinstance(value, dict) else "json_syntax"


def _path(row: _Row) -> str | None:
    """The log the record says it belongs to."""
    named = (row.get(key) for key in _PATH_KEYS)
    return next((path for path in named if isinstance(path, str)), None)


def _portion(kind: Kind, records: list[Found[_Row]]) -> Portion:
    rows = [record.row or {} for record in records]
    refused: list[str | None] = [None] * len(rows)
    words = {field: _column(rows, field, refused) for field in kind.fields}
    lists = {field: _list_column(rows, field, refused) for field in kind.lists}
    number = pa.array([record.number for record in records], pa.uint64())
    offset = pa.array([record.offset for record in records], pa.uint64())
    return Portion(kind, Chunk(number, offset, words, lists), pa.array(refused, pa.utf8()))


def _column(rows: list[_Row], field: str, refused: list[str | None]) -> pa.StringArray:
    values = [row.get(field) for row in rows]
    kinds = set(map(type, values)) - {type(None)}
    if kinds <= {str}:
        return pa.array(values, pa.utf8())
    if kinds == {bool}:
        return pc.if_else(pa.array(values, pa.bool_()), "T", "F")
    words = list(map(_word, values))
    for index, word in enumerate(words):
        if word is None and values[index] is not None:
            refused[index] = refused[index] or f"bad_field:{field}"
    return pa.array(words, pa.utf8())


def _list_column(rows: list[_Row], field: str, refused: list[str | None]) -> pa.ListArray:
    values = [row.get(field) for row in rows]
    items = [value if value is None or isinstance(value, list) else [value] for value in values]
    try:
        return pa.array(items, _WORDS)
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.array([_words(value, index, field, refused) for index, value in enumerate(items)], _WORDS)


def _words(values: list[object] | None, index: int, field: str, refused: list[str | None]) -> list[str | None] | None:
    """The items as text; one that is no single value refuses the record."""
    if values is None:
        return None
    words = list(map(_word, values))
    if any(word is None and value is not None for word, value in zip(words, values, strict=True)):
        refused[index] = refused[index] or f"bad_field:{field}"
    return words


def _word(value: object) -> str | None:
    """A single value as a tab-separated log would write it; None where it is no single value."""
    match value:
        case str():
            return value
        case bool():
            return "T" if value else "F"
        case int():
            return str(value)
        case _:
            return None
