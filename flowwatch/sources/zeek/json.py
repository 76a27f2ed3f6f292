"""Zeek logs in JSON to columns of text: one object a line, an array, or objects over several lines.

A record is a line; where objects span lines (the first one does), a record is an object, numbered by its first line.
Fields are `id.orig_h`, `id_orig_h` (dots replaced by a shipper) or `{"id": {"orig_h": ...}}`. Numbers stay the text
they are written as: no binary fraction comes between. A name that stands twice in an object counts as the last of
them.
"""

import re
from collections.abc import Iterator

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources.lines import LONGEST, Block
from flowwatch.sources.zeek.cells import Chunk
from flowwatch.sources.zeek.kinds import Choice, Kind
from flowwatch.sources.zeek.portions import Portion, Portions, Refusal
from flowwatch.sources.zeek.sniff import told

DEEPEST = 64
"""Levels of nesting."""
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]"]')
_BETWEEN = b" \t\r,[]"
_DECODER = msgspec.json.Decoder(float_hook=str)
_WORDS = pa.list_(pa.utf8())
_PATH_KEYS = ("_path", "@stream")


class _Begun(msgspec.Struct):
    """An object that has begun and not ended."""

    number: int
    offset: int
    data: bytearray
    depth: int = 0
    broken: bool = False


class _Found(msgspec.Struct, frozen=True):
    """A record: where it stood, and its object or why there is none."""

    number: int
    offset: int
    row: dict[str, object] | None
    code: str = ""


class JsonSplitter:
    """Splits the blocks of one log; keeps an object that spans them."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        self._spanning: bool | None = None
        """Whether objects span lines; not known before the first."""
        self._begun: _Begun | None = None

    def split(self, block: Block) -> Portions:
        """The records of the block by log."""
        result = Portions()
        found: list[_Found] = []
        offset = block.offset
        for number, line in enumerate(block.data.split(b"\n"), block.number):
            if line.strip():
                found += self._line(number, offset, line)
            elif not self._spanning:
                result.records += 1
                result.noise += 1
            offset += len(line) + 1
        self._sort(found, result)
        return result

    def end(self) -> Portions:
        """The object that never ended, refused."""
        result = Portions()
        if self._begun:
            self._sort([self._broken(self._begun)], result)
        return result

    def _line(self, number: int, offset: int, line: bytes) -> Iterator[_Found]:
        alone = _decoded(line)
        if self._spanning is None:
            self._spanning = not isinstance(alone, dict) and line.lstrip()[:1] in b"{["
        if self._spanning and self._begun and isinstance(alone, dict) and line[:1] == b"{":
            yield self._broken(self._begun)  # its end is missing: whole objects follow, one a line
            self._begun = None
            self._spanning = False
        if not self._spanning:
            yield _found(number, offset, alone)
        else:
            yield from self._scan(number, offset, line)

    def _scan(self, number: int, offset: int, line: bytes) -> Iterator[_Found]:
        """The objects that end on this line; what is left over is kept or refused."""
        at = 0
        for token in _TOKEN.finditer(line):
            if self._begun is None:
                if token[0] != b"{":
                    continue
                if line[at : token.start()].strip(_BETWEEN):
                    yield _Found(number, offset + at, None, "json_syntax")
                at = token.start()
                self._begun = _Begun(number, offset + at, bytearray())
            self._begun.depth += (token[0] in b"{[") - (token[0] in b"}]")
            self._begun.broken |= token[0] == b'"'
            if self._begun.depth == 0:
                self._begun.data += line[at : token.end()]
                yield self._ended(self._begun)
                self._begun, at = None, token.end()
            elif token[0] == b'"':
                break
        yield from self._rest(number, offset + at, line[at:])

    def _rest(self, number: int, offset: int, rest: bytes) -> Iterator[_Found]:
        if self._begun is None:
            if rest.strip(_BETWEEN):
                yield _Found(number, offset, None, "json_syntax")
            return
        self._begun.data += rest[: LONGEST + 1] + b"\n"
        if len(self._begun.data) > LONGEST:
            yield _Found(self._begun.number, self._begun.offset, None, "line_too_long")
            self._begun = None

    def _ended(self, begun: _Begun) -> _Found:
        return self._broken(begun) if begun.broken else _found(begun.number, begun.offset, _decoded(bytes(begun.data)))

    def _broken(self, begun: _Begun) -> _Found:
        return _Found(begun.number, begun.offset, None, "json_syntax")

    def _sort(self, found: list[_Found], result: Portions) -> None:
        """Parts the records by log."""
        result.records += len(found)
        by_kind: dict[str, list[_Found]] = {}
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

    def _kind(self, row: dict[str, object]) -> Kind | None:
        """The log a record belongs to: the one it names, else the one its keys tell, else the usual."""
        return self._choice.of(_path(row) or told(row.keys()))


def _found(number: int, offset: int, decoded: dict[str, object] | str) -> _Found:
    if isinstance(decoded, str):
        return _Found(number, offset, None, decoded)
    return _Found(number, offset, decoded)


def _decoded(data: bytes) -> dict[str, object] | str:
    """The object, or the reason code why it is none."""
    if len(data) > LONGEST:
        return "line_too_long"
    if data.count(b"{") + data.count(b"[") > DEEPEST and _depth(data) > DEEPEST:
        return "json_depth"
    try:
        value = _DECODER.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return "json_syntax" if _is_text(data) else "not_utf8"
    return _flat(value) if isinstance(value, dict) else "json_syntax"


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _depth(data: bytes) -> int:
    deepest = depth = 0
    for token in _TOKEN.finditer(data):
        depth += (token[0] in b"{[") - (token[0] in b"}]")
        deepest = max(deepest, depth)
        if token[0] == b'"':
            break
    return deepest


def _flat(row: dict[str, object]) -> dict[str, object]:
    """The object with the four fields of `id` by their dotted names."""
    inner = row.get("id")
    if isinstance(inner, dict):
        row.update({f"id.{name}": value for name, value in inner.items()})
    if "id_orig_h" in row:
        row.update({f"id.{name[3:]}": row[name] for name in list(row) if name.startswith("id_")})
    return row


def _path(row: dict[str, object]) -> str | None:
    """The log the record says it belongs to."""
    named = (row.get(key) for key in _PATH_KEYS)
    return next((path for path in named if isinstance(path, str)), None)


def _portion(kind: Kind, records: list[_Found]) -> Portion:
    rows = [record.row or {} for record in records]
    refused: list[str | None] = [None] * len(rows)
    words = {field: _column(rows, field, refused) for field in kind.fields}
    lists = {field: _list_column(rows, field, refused) for field in kind.lists}
    number = pa.array([record.number for record in records], pa.uint64())
    offset = pa.array([record.offset for record in records], pa.uint64())
    return Portion(kind, Chunk(number, offset, words, lists), pa.array(refused, pa.utf8()))


def _column(rows: list[dict[str, object]], field: str, refused: list[str | None]) -> pa.StringArray:
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


def _list_column(rows: list[dict[str, object]], field: str, refused: list[str | None]) -> pa.ListArray:
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
