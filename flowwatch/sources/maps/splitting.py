"""Bytes of a log to records of named values, as its map says: JSON, columns, pairs, or a pattern.

Every record is given once, with its place, and with either its values or the reason code why it has none; a line
that is blank or a header is counted as noise.
"""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources import syslog
from flowwatch.sources.lines import LONGEST, Block
from flowwatch.sources.maps.cef import pairs as cef_pairs
from flowwatch.sources.maps.language import Cef, Columns, Json, Map, Pairs, Pattern
from flowwatch.sources.maps.quoted import Place, Quoted
from flowwatch.sources.objects import Found, Left, Objects, broken_code

Row = dict[str, Any]
_PAIR = re.compile(
    r'([A-Za-z_][\w.\-]{0,63})=(?:"((?:[^"\\]++|\\.)*+)"(?=\s|$)|([^\s"]*+)(?!"))|("++)', re.ASCII | re.DOTALL
)
_ESCAPED = re.compile(r'\\(["\\])')
_MOST_ITEMS = 1 << 16
"""Records that one object may hold."""
_MOST_VALUES = 1 << 20
"""Values of all of them, those around them counted with each."""


class Placed(NamedTuple):
    """Records of a block, in order."""

    rows: list[tuple[int, int, Row]]
    """(line number, byte offset, values)."""
    refusals: list[tuple[int, int, str]]
    noise: int
    strange: int = 0
    """Lines of other programs."""


class Begun(msgspec.Struct, frozen=True):
    """What goes over to another splitter of the same log."""

    objects: Left
    quoted: list[Place]
    header: list[str] | None


class Splitter:
    """Takes the blocks of one log in order; keeps what spans them: a header, a begun object."""

    def __init__(self, found: Map) -> None:
        self._split = found.split
        self._tags = frozenset(found.tags)
        self._open_end = (
            found.split.open_end if isinstance(found.split, Pattern) else not isinstance(found.split, Columns)
        )
        self._objects: Objects[Row] = Objects(_decode)
        self._quoted = Quoted()
        self._header: list[str] | None = None
        self._prefix = (
            re.compile(found.split.prefix) if isinstance(found.split, Columns) and found.split.prefix else None
        )
        by_kind: dict[type, Callable[[str], Row | str | None]] = {
            Columns: self._columns,
            Pairs: _pairs,
            Cef: cef_pairs,
        }
        self._line = by_kind.get(type(self._split), _no_line)

    def split(self, block: Block) -> Placed:
        """The records of the block."""
        if isinstance(self._split, Json):
            found, blank = self._objects.split(block)
            return self._exploded(found, blank)
        return self._lines(block)

    def end(self) -> Placed:
        """The object, or the quoted value, that never ended."""
        if isinstance(self._split, Json):
            return self._exploded(self._objects.end(), 0)
        return self._placed(self._quoted.end(), ended=True)

    def leave(self) -> Begun:
        """What has begun, taken out, and the header in force."""
        return Begun(self._objects.leave(), self._quoted.leave(), self._header)

    def resume(self, begun: Begun) -> None:
        """Goes on where another left."""
        self._objects.resume(begun.objects)
        self._quoted.resume(begun.quoted)
        self._header = begun.header

    def _exploded(self, found: list[Found[Row]], blank: int) -> Placed:
        placed = Placed([], [], blank)
        for one in found:
            if one.row is None:
                placed.refusals.append((one.number, one.offset, one.code))
                continue
            items = list(_explode(one.row, self._split)) if isinstance(self._split, Json) else []
            placed.rows.extend((one.number, one.offset, row) for row in items if isinstance(row, dict))
            placed.refusals.extend((one.number, one.offset, code) for code in items if isinstance(code, str))
            if not items:
                placed = placed._replace(noise=placed.noise + 1)
        return placed

    def _lines(self, block: Block) -> Placed:
        places = list(zip(count(block.number), block.offsets(), map(_text, block.data.split(b"\n")), strict=False))
        if isinstance(self._split, Columns) and self._split.quoted:
            places = self._quoted.take(places)
        return self._placed(places, ended=block.ended)

    def _placed(self, places: list[Place], *, ended: bool) -> Placed:
        placed = Placed([], [], 0)
        noise = strange = 0
        for (number, offset, _), row in zip(places, self._read([text for _, _, text in places]), strict=True):
            if row is None:
                noise += 1
            elif not ended and self._open_end:
                placed.refusals.append((number, offset, "foreign_line"))
            elif row == _STRANGE and ended:
                strange += 1
            elif isinstance(row, str):
                placed.refusals.append((number, offset, row if row != _STRANGE else "foreign_line"))
            else:
                placed.rows.append((number, offset, row))
        return placed._replace(noise=noise, strange=strange)

    def _read(self, texts: list[str | None]) -> list[Row | str | None]:
        """What the lines say: as they are, else without the frame that syslog put around them."""
        found = self._told(texts)
        if isinstance(self._split, Columns):
            _known(self._split.other, texts, found)
        if isinstance(self._split, Columns | Cef):
            return found
        framed = isinstance(self._split, Pairs)
        again = [
            at
            for at, row in enumerate(found)
            if row == "foreign_line" or (framed and (isinstance(row, dict) or row in _DOUBTFUL))
        ]
        if not again:
            return found
        plain = pa.array([texts[at] for at in again], pa.utf8())
        frames = pc.extract_regex(plain, syslog.PARTS).to_pylist()
        said = iter(self._told([frame["said"] for frame in frames if frame]))
        for at, frame in zip(again, frames, strict=True):
            if frame:
                found[at] = self._framed(frame, next(said))
        if isinstance(self._split, Pairs):
            _known(self._split.other, texts, found)
        return found

    def _framed(self, frame: dict[str, str], said: Row | str | None) -> Row | str | None:
        app = frame["app"] or frame["program"]
        if self._tags and app != "-" and app not in self._tags:
            return _STRANGE
        if isinstance(said, dict):
            pid = frame["pid"] or frame["process"]
            return {**said, "@time": frame["time"], "@host": frame["host"], "@app": app, "@pid": pid}
        return said

    def _told(self, texts: list[str | None]) -> list[Row | str | None]:
        if isinstance(self._split, Pattern):
            found = _by_pattern(texts, self._split.pattern)
            group = self._split.listed
            return [_listed(row, group) if group and isinstance(row, dict) else row for row in found]
        return [text if text is None or text in _CODES else self._line(text) for text in texts]

    def _columns(self, text: str) -> Row | str | None:
        split = self._split
        assert isinstance(split, Columns)  # noqa: S101 - chosen by type
        values = parts(self._prefix.sub("", text, count=1) if self._prefix else text, split)
        if values is None:
            return "foreign_line"
        values = [value.strip() for value in values]
        if split.header and (names := [named(value) for value in values]) and set(split.header) <= set(names):
            self._header = names
            return None
        if split.kind is not None:
            return _by_kind(values, split.kind, split.columns)
        columns = self._header or split.columns.get(str(len(values)))
        if columns is None and (columns := split.columns.get("*")):
            values = values[: len(columns)]
        return _named(columns, values) if columns else _uncounted(len(values), split)


def _by_kind(values: list[str], place: int, kinds: dict[str, tuple[str, ...]]) -> Row | str:
    """The values of a line that says itself what it is."""
    columns = kinds.get(values[place] if place < len(values) else "", kinds.get("*", ()))
    return _named(columns, values[: len(columns)]) if columns else "foreign_line"


def _named(columns: Sequence[str], values: list[str]) -> Row | str:
    if len(values) != len(columns):
        return "short_row" if len(values) < len(columns) else "extra_columns"
    return dict(zip(columns, values, strict=True))


def _uncounted(count: int, split: Columns) -> str:
    """Why a row has no columns."""
    if not split.columns:
        return "no_header"
    return "short_row" if count < max(map(int, split.columns)) else "extra_columns"


_NO_RECORD = ("foreign_line", "short_row", "extra_columns", "no_header")
_CODES = frozenset({"line_too_long", "not_utf8"})
_DOUBTFUL = ("double_key", "open_quote")
_STRANGE = "other_program"


def _text(line: bytes) -> str | None:
    """The line, None where it is blank, or the reason code why it is no text."""
    if len(line) > LONGEST:
        return "line_too_long"
    try:
        text = line.removesuffix(b"\r").decode()
    except UnicodeDecodeError:
        return "not_utf8"
    return text if text and not text.isspace() else None


def named(column: str) -> str:
    """A column's name as maps write it: AWS writes hyphens in text and underscores in Parquet."""
    return column.strip().lower().replace("-", "_")


def parts(text: str, split: Columns) -> list[str] | None:
    """The values of a line; None where its quotes do not fit."""
    if not split.quoted:
        return text.split(split.delimiter)
    try:
        return next(csv.reader([text], delimiter=split.delimiter, skipinitialspace=True, strict=True), None)
    except csv.Error:
        return None


def _known(pattern: str | None, texts: list[str | None], found: list[Row | str | None]) -> None:
    """Makes nothing of the lines that are known to be no record."""
    at = [at for at, row in enumerate(found) if row in _NO_RECORD]
    if pattern is None or not at:
        return
    plain = pa.array([texts[one] for one in at], pa.utf8())
    for one, fits in zip(at, pc.match_substring_regex(plain, f"^(?:{pattern})$").to_pylist(), strict=True):
        if fits:
            found[one] = None


def _pairs(text: str) -> Row | str | None:
    """The pairs; none where a quote does not end or a key stands twice: what others wrote may look like a pair."""
    row: Row = {}
    open_quote = False
    for one in _PAIR.finditer(text):
        key, quoted, bare, stray = one.groups("")
        open_quote |= bool(stray)
        value = bare or _ESCAPED.sub(r"\1", quoted)
        if key and row.setdefault(key, value) != value:
            return "double_key"
        if row and open_quote:
            return "open_quote"
    return row or "foreign_line"


def _no_line(_text: str) -> Row | str | None:
    return "foreign_line"


def _by_pattern(texts: list[str | None], pattern: str) -> list[Row | str | None]:
    plain = pa.array([None if text in _CODES else text for text in texts], pa.utf8())
    found = pc.extract_regex(plain, f"^(?:{pattern})$").to_pylist()
    return [
        text if text is None or text in _CODES else row or "foreign_line"
        for text, row in zip(texts, found, strict=True)
    ]


def _listed(row: Row, group: str) -> Row | str:
    """The row with what its group lists; a piece without a key goes on with the value before, which is then left."""
    found: Row = {}
    for piece in row[group].split(", "):
        key, told, value = piece.partition(": ")
        if told and found.setdefault(key, value) != value:
            return "double_key"
    return {**found, **row}


def _decode(data: bytes) -> Row | str:
    try:
        row = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return broken_code(data)
    except (ValueError, UnicodeDecodeError):
        return "not_utf8"
    return row if isinstance(row, dict) else "json_syntax"


def _explode(row: Row, split: Json) -> Iterator[Row | str]:
    """The object, or each item of its innermost array with what stands around it; a code where it is no such item."""
    rows: list[Row | str] = [row]
    for path in split.explode:
        outer, rows, values = rows, [], 0
        for item in (item for one in outer for item in (_items(one, path, split) if isinstance(one, dict) else [one])):
            rows.append(item)
            values += len(item)
            if len(rows) > _MOST_ITEMS or values > _MOST_VALUES:
                yield "line_too_long"
                return
    yield from rows


def _items(row: Row, path: str, split: Json) -> Iterator[Row | str]:
    items = at_path(row, path)
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict):
            yield {**row, **item}
        elif isinstance(item, str):
            values = item.split(",")
            columns = split.tuples.get(str(len(values)))
            yield {**row, **dict(zip(columns, values, strict=True))} if columns else f"bad_field:{path}"
        else:
            yield f"bad_field:{path}"


def at_paths(row: object, paths: str) -> object:
    """What stands at the first of the paths, joined by `|`, that is there."""
    if "|" not in paths:
        return at_path(row, paths)
    return next((value for path in paths.split("|") if (value := at_path(row, path)) is not None), None)


def at_path(row: object, path: str) -> object:
    """What stands there: at a key as it is, or at keys joined by dots; `.` is the record itself; None: nothing."""
    if isinstance(row, dict) and path in row:
        return row[path]
    if path == ".":
        return row
    for key in path.split("."):
        if isinstance(row, list) and key.isdecimal() and len(key) < 6:
            row = row[int(key)] if int(key) < len(row) else None
        elif isinstance(row, dict):
            row = row.get(key)
        else:
            return None
    return row
