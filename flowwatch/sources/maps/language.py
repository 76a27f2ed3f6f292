"""The language of maps: closed, checked before a byte is read, nothing in it is executed.

Patterns are RE2 (linear in the line, no backtracking). Refuses unknown keys, unknown columns, and a conversion that
does not fit its column.
"""

from typing import Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.model.records import FLOWS, LOOKUPS

Table = Literal["flows", "lookups"]
Span = Literal["s", "ms", "us", "ns", "hms"]
Answers = Literal["objects", "records", "ended", "typed", "addresses", "chain"]
Writing = Literal["base64", "hex"]
Role = Literal["question", "note", "answer"]
UNITS = ("iso", "iso_ms", "stamp", "s", "ms", "us", "ns", "since")
ANSWERS = ("objects", "records", "ended", "typed", "addresses", "chain")
OF_MESSAGE = frozenset({"qname", "qtype", "qclass", "rcode", "answers"})
"""Columns that a whole DNS message says."""
_BOOKKEEPING = frozenset(
    {"source", "record", "offset", "first_record", "last_record", "first_offset", "parts", "name_exact", "time_basis"}
)
_FACTS = frozenset({"bytes_scope", "counter", "direction_basis", "sampled", "vantage", "name_source"})
_ASKED_OF_PROXY = frozenset({"connect", "url"})
_TIMES = frozenset({"start", "end", "time", "asked"})
_PATTERNS = ("pattern", "besides")
_MOST_PATTERN = 4096
_KINDS = (
    pa.types.is_string, pa.types.is_dictionary, pa.types.is_uint16, pa.types.is_uint64, pa.types.is_timestamp,
    pa.types.is_duration,
)  # fmt: skip
_SPANS = ("s", "ms", "us", "ns", "hms")


class Json(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="form", tag="json"):
    """JSON: one object a line, an array, or objects that span lines."""

    explode: tuple[str, ...] = ()
    """Paths, each within the one before, of arrays whose every item becomes a record with the values around it."""
    tuples: dict[str, tuple[str, ...]] = {}
    """Where the last items are text: its columns, by their count, separated by commas."""


class Columns(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="form", tag="columns"):
    """Lines of values in a fixed order."""

    delimiter: str
    quoted: bool = False
    """Values may stand in double quotes."""
    header: tuple[str, ...] = ()
    """Columns that make a line a header; it names the columns of the lines after it (`-` and case do not count)."""
    columns: dict[str, tuple[str, ...]] = {}
    """Columns where no header stands, by their count; `*` are those of any other count, as far as they go."""
    kind: int | None = None
    """Place, from 0, of the value that says what a line is: `columns` are by it, not by count, as far as they go."""
    other: str | None = None
    """RE2 of whole lines that are known to be no record."""
    prefix: str | None = None
    """RE2 of what may stand in front of the first value."""


class Cef(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="form", tag="cef"):
    """CEF or LEEF, wherever it begins in the line: its keys, and `cef.vendor`, `cef.product`, `cef.id`, `cef.name`."""


class Pairs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="form", tag="pairs"):
    """Lines of `key=value` or `key="value"`."""

    other: str | None = None
    """RE2 of whole lines that are known to be no record."""


class Pattern(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="form", tag="pattern"):
    """Lines that fit a regular expression (RE2) as a whole; its named groups are the values.

    A line that does not fit is tried again without the frame that syslog put around it, whose parts are then the
    values `@time`, `@host`, `@app` and `@pid`. The same goes for pairs.
    """

    pattern: str
    open_end: bool = False
    """A line that is cut may still fit: the last one, where nothing ends it, is held back."""
    listed: str = ""
    """Group that lists `KEY: VALUE`, separated by commas: these are values too. A key that stands twice with two values
    refuses the line, since what a client wrote may look like one."""


class Detect(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an input shows in its first bytes; all that is given must hold."""

    keys: tuple[str, ...] = ()
    """Of the first JSON object, dotted."""
    header: bool = False
    """The first line is a header (`split.header`)."""
    pattern: str | None = None
    """RE2, that four lines of five fit."""
    besides: str | None = None
    """RE2 of lines that do not count: what the program says of itself."""


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the value of a column comes from, and what it is written in."""

    path: str | tuple[str, ...] = ()
    """Of these the first that says something; of one written `A+B` the values together, separated by a space."""
    const: str | None = None
    unit: str | tuple[str, ...] | None = None
    """Of a time: ISO 8601, or a count since 1970; `since` is one whose unit its number of digits tells, or else a
    `stamp`; `iso_ms` is ISO 8601 with a whole number of milliseconds behind its point, so that `.5` is five of them;
    `stamp` is what stands in front of lines (syslog's forms, seconds since 1970); with `%` it is a form of `strptime`.
    Of several such forms the one holds that all lines of the log fit; where two fit that say different times, none
    does."""
    after: Span | None = None
    """Of a time: a span that begins at `start`."""
    before: Span | None = None
    """Of a time: a span that ends at `end`."""
    nulls: tuple[str, ...] = ()
    """Texts that say nothing here, beside the map's."""
    unless: str = ""
    """Null where the value is the one of this path."""
    part: Literal["host", "port", "authority"] | None = None
    """Of `HOST:PORT` or a URL: one of its parts; `authority` is the host, with the port unless that is HTTP's own."""
    counted: bool = False
    """A name whose labels stand behind their lengths, as `(3)www(7)example(0)`."""
    words: dict[str, str] | None = None
    """What a value is called here; other values are null."""
    answers: Answers | None = None
    message: Writing | None = None
    """The value is a whole DNS message, written so, and the column is what that says."""
    minus: str | None = None
    """Of a count: the path of another that is part of it and is taken off."""
    names: dict[str, str] = {}
    """Of answers as objects: the key of `name`, `type`, `data`, `ttl`."""
    prefix: str = ""
    """Left out where the value begins with it."""

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths, one or many."""
        return (self.path,) if isinstance(self.path, str) else self.path


class Noise(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Records that are known and are no event: all of `when` holds."""

    when: dict[str, tuple[str, ...]]
    note: str
    hole: bool = False
    """The source says here that it lost records: the input is incomplete."""


class Rows(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Records that become rows of one table: those where all of `when` holds, the first such entry."""

    table: Table
    fields: dict[str, str | tuple[str, ...] | Field]
    when: dict[str, tuple[str, ...]] = {}
    orientation: Literal["initiator", "record"] = "initiator"
    """`record`: each direction is its own record, and the source may be the responder."""
    role: Role | None = None
    """Half of a lookup, of which the other half is another record; a `note` is of a question before its answer."""
    pair: tuple[str, ...] = ()
    """Paths whose values are those of the other half's, one by one."""
    lossy: str = ""
    """Characters that a name of this log has where it cannot show what was asked: such a name is not exact."""
    flags: str | tuple[str, str] | None = None
    """Path of the TCP flags of the record as a number or in words (`ACK SYN`), or those of SYN and of ACK, where ACK is
    told of an answered SYN alone (AWS, and single packets); NetFlow's are of all packets, which show no initiator."""

    @property
    def of_proxy(self) -> bool:
        """They are what was asked of a proxy, whose log may leave its own address out."""
        told = self.fields.get("name_source", "")
        return self.table == "flows" and field(told).const in _ASKED_OF_PROXY


class Map(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One format."""

    name: str
    about: str
    split: Json | Columns | Cef | Pairs | Pattern
    detect: tuple[Detect, ...] = ()
    rows: tuple[Rows, ...]
    noise: tuple[Noise, ...] = ()
    tags: tuple[str, ...] = ()
    """Programs that write it, as syslog's frame names them: lines of others are noise."""
    nulls: tuple[str, ...] = ("", "-")
    """Texts that say nothing."""
    utc: bool = False
    """Times without a zone are UTC, as the format says itself."""
    notes: tuple[str, ...] = ()
    """Told with the coverage: what this format cannot show."""


def field(value: str | tuple[str, ...] | Field) -> Field:
    """The field in full."""
    return value if isinstance(value, Field) else Field(path=value)


def faults(found: Map) -> list[tuple[str, str]]:
    """(key, what is wrong) of everything that the types cannot say."""
    patterns = [(f"detect[{at}].{key}", getattr(one, key)) for at, one in enumerate(found.detect) for key in _PATTERNS]
    wrong = [(key, why) for key, pattern in patterns if (why := _bad(pattern))]
    wrong += _of_split(found.split)
    if not found.rows:
        wrong.append(("rows", "none is given"))
    for at, rows in enumerate(found.rows):
        wrong += [(f"rows[{at}].{key}", why) for key, why in _of_rows(rows)]
    return wrong


def _of_split(split: Json | Columns | Cef | Pairs | Pattern) -> list[tuple[str, str]]:
    wrong: list[tuple[str, str]] = []
    if isinstance(split, Pattern) and (why := _bad(split.pattern, named=True)):
        wrong.append(("split.pattern", why))
    if isinstance(split, Pattern) and split.listed and f"(?P<{split.listed}>" not in split.pattern:
        wrong.append(("split.listed", "is no group of the pattern"))
    if isinstance(split, Pairs) and (why := _bad(split.other)):
        wrong.append(("split.other", why))
    if isinstance(split, Columns):
        wrong += _of_columns(split)
    counted = split.columns if isinstance(split, Columns) and split.kind is None else {}
    for count, names in (split.tuples if isinstance(split, Json) else counted).items():
        if count not in (str(len(names)), "*"):
            wrong.append((f"split.{count}", "the count of its columns is another"))
    return wrong


def _of_columns(split: Columns) -> list[tuple[str, str]]:
    wrong: list[tuple[str, str]] = []
    if len(split.delimiter) == 0:
        wrong.append(("split.delimiter", "is empty"))
    if split.quoted and len(split.delimiter) != 1:
        wrong.append(("split.delimiter", "is one character where values may be quoted"))
    wrong += [(f"split.{key}", why) for key in ("other", "prefix") if (why := _bad(getattr(split, key)))]
    if split.kind is not None and split.kind < 0:
        wrong.append(("split.kind", "is a place, from 0"))
    return wrong


def _of_rows(rows: Rows) -> list[tuple[str, str]]:
    schema = FLOWS if rows.table == "flows" else LOOKUPS
    needed = ["src_ip", "dst_ip", "bytes_scope", "counter"] if rows.table == "flows" else ["qname", "vantage"]
    if rows.of_proxy:
        needed.remove("dst_ip")
    wrong = [(f"fields.{name}", "is needed") for name in needed if name not in rows.fields]
    if rows.role is not None and rows.table != "lookups":
        wrong.append(("role", "is of lookups only"))
    if (rows.role is None) != (not rows.pair):
        wrong.append(("role", "goes with `pair`"))
    for name, value in rows.fields.items():
        if name not in schema.names or name in _BOOKKEEPING or not _can_be(name, schema):
            wrong.append((f"fields.{name}", f"no map gives such a column of {rows.table}"))
        elif why := _of_field(name, field(value)):
            wrong.append((f"fields.{name}", why))
    return wrong


def _can_be(name: str, schema: pa.Schema) -> bool:
    kind = schema.field(name).type
    return name in ("answers", "sampled") or any(test(kind) for test in _KINDS)


def _of_field(name: str, one: Field) -> str | None:
    if name in _FACTS and one.const is None:
        return "is a fact of the format: give it as `const`"
    if bool(one.paths) == (one.const is not None):
        return "needs one of `path` and `const`"
    if name in _TIMES and (why := _of_time(one)):
        return why
    if name == "latency" and one.unit not in _SPANS:
        return f"is a span: needs `unit`, one of {', '.join(_SPANS)}"
    if name == "sampled" and not (one.const or "").isdecimal():
        return "is a number"
    return _of_conversion(name, one)


def _of_conversion(name: str, one: Field) -> str | None:
    if name == "answers" and (one.answers is None) == (one.message is None):
        return f"needs `message` or `answers`, one of {', '.join(ANSWERS)}"
    if one.message and name not in OF_MESSAGE:
        return f"is nothing that a DNS message says; `message` is for {', '.join(sorted(OF_MESSAGE))}"
    if one.minus and not pa.types.is_uint64(_type(name)):
        return "is no count, of which `minus` could be taken off"
    return None


def _of_time(one: Field) -> str | None:
    if sum(told is not None for told in (one.unit, one.after, one.before)) != 1:
        return "is a time: needs one of `unit`, `after` and `before`"
    if isinstance(one.unit, tuple):
        return None if one.unit and all("%" in form for form in one.unit) else "several units are forms of strptime"
    if one.unit is not None and one.unit not in UNITS and "%" not in one.unit:
        return f"`unit` is one of {', '.join(UNITS)}, or a form of strptime"
    return None


def _type(name: str) -> pa.DataType:
    return (FLOWS if name in FLOWS.names else LOOKUPS).field(name).type


def _bad(pattern: str | None, *, named: bool = False) -> str | None:
    if pattern is None:
        return None
    if len(pattern) > _MOST_PATTERN:
        return f"is longer than {_MOST_PATTERN} characters"
    try:
        pc.match_substring_regex(pa.scalar(""), pattern)
        if named:
            pc.extract_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid as error:
        return str(error)
    return None
