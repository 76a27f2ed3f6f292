"""Values of a map's records as columns of the two tables: a small closed set of conversions.

Which conversion a column has follows from the column, save the unit of times and the words of enumerations. A value
that says something and is not of its type refuses its record (`bad_field:COLUMN`, `bad_timestamp`); one that says
nothing is null.
"""

import base64
import functools
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.model.records import FLOWS, LOOKUPS
from flowwatch.sources import text
from flowwatch.sources.columns import by_value, instants
from flowwatch.sources.maps import times
from flowwatch.sources.maps.language import Answers, Field, Rows, Writing, field
from flowwatch.sources.maps.splitting import Row, at_path
from flowwatch.sources.maps.times import Times
from flowwatch.sources.mnemonics import class_word, rcode_word, spelt, type_word

_ADDRESSES = frozenset({"src_ip", "dst_ip", "client_ip", "server_ip", "nat_src_ip", "nat_dst_ip"})
_NAMES = frozenset({"qname", "name", "sni", "http_host"})
_DIGITS = re.compile(r"\d{1,19}", re.ASCII)
_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6", 132: "sctp"}
_WORDED = {"ipv6-icmp": "icmp6", "icmpv6": "icmp6", "igmp": "2", "gre": "47", "esp": "50", "ah": "51", "udplite": "136"}
_FLAGS = {"FIN": 0x01, "SYN": 0x02, "RST": 0x04, "PSH": 0x08, "ACK": 0x10, "URG": 0x20, "ECE": 0x40, "CWR": 0x80}
_NAMED = re.compile(r"[a-z][a-z0-9-]{0,15}", re.ASCII)
_NUMBERED = re.compile(r"(?:TYPE|CLASS)?(\d{1,5})(?: \((\w{1,16})\))?", re.ASCII)
_ESCAPE = re.compile(r"\\(?:(\d{3})|(.))")
_RECORD = re.compile(r"(\S+)\s+(\d{1,10})\s+(?:in|ch|hs)\s+(\S+)\s+(.*\S)", re.ASCII | re.IGNORECASE)
_TYPED = re.compile(r"type:\s*+(\d{1,5})(?:\s++(.*))?", re.ASCII)
_COUNT = (1 << 63) - 1
_AUTHORITY = re.compile(
    r"(?:([A-Za-z][A-Za-z0-9+.-]{0,31})://)?(?:[^@/?#]{0,1024}@)?(?:\[([0-9A-Fa-f:.]+)\]|([^:/?#\[\]@]{1,1024}))"
    r"(?::(\d{1,5}))?(?:[/?#].*)?",
    re.ASCII | re.DOTALL,
)
_PORTS = {"http": "80", "https": "443", "ftp": "21"}
_LENGTH = re.compile(rb"\((\d{1,2})\)")


class Made:
    """Columns of the rows; `refused` has the reason codes, `unnamed` marks what has no name or lacks an address."""

    def __init__(
        self, rows: Rows, places: Sequence[tuple[int, int | None, Row]], nulls: frozenset[str], read: Times
    ) -> None:
        self._rows = rows
        self._times = read
        self._values = [row for _, _, row in places]
        self._nulls = nulls
        count = len(places)
        self.refused = pa.nulls(count, pa.utf8())
        self.number = pa.array([place[0] for place in places], pa.uint64())
        self.offset = pa.array([place[1] for place in places], pa.uint64())
        self.basis: pa.StringArray = pa.repeat("none", count)
        """How the time of each row was read, as `time_basis`."""
        self.unnamed = pa.repeat(pa.scalar(value=False), count)
        self.cut = 0
        """How many rows have an answer that is cut, which is left out."""
        schema = FLOWS if rows.table == "flows" else LOOKUPS
        fields = {name: field(value) for name, value in rows.fields.items()}
        spans = [name for name, one in fields.items() if one.after or one.before]
        self.columns: dict[str, pa.Array] = {}
        for name in [*(name for name in fields if name not in spans), *spans]:
            self.columns[name] = self._column(name, fields[name], schema.field(name).type)
        if rows.table == "flows":
            self._flows()
        else:
            self._lookups()

    def _flows(self) -> None:
        count = len(self._values)
        self.unnamed = pc.is_null(self.columns["src_ip"])
        if not self._rows.of_proxy:
            self.unnamed = pc.or_(self.unnamed, pc.is_null(self.columns["dst_ip"]))
        self.columns |= {"first_record": self.number, "last_record": self.number, "first_offset": self.offset}
        self.columns["parts"] = pa.repeat(pa.scalar(1, pa.uint32()), count)
        self.columns.setdefault("direction_basis", pa.repeat("log", count))
        if "start" in self.columns:
            self._untimed(self.columns["start"])
        if "end" in self.columns:
            self._refuse(pc.less(self.columns["end"], self.columns["start"]), "bad_timestamp")
        if self._rows.orientation == "record":
            self._orient()

    def _lookups(self) -> None:
        self.columns |= {"record": self.number, "offset": self.offset}
        names = self.columns["qname"]
        self.unnamed = pc.is_null(names)
        self.columns["name_exact"] = by_value(names, self._exact, pa.bool_())
        if "time" in self.columns:
            self._untimed(self.columns["time"])
        self.columns["time_basis"] = self.basis

    def _exact(self, name: str) -> bool:
        return text.exact(name) and not set(self._rows.lossy) & set(name)

    def _untimed(self, times: pa.Array) -> None:
        """Refuses rows that have a time which is none; a line that never had one is noted (`none`)."""
        self._refuse(pc.and_(pc.is_null(times), pc.not_equal(self.basis, "none")), "bad_timestamp")

    def _orient(self) -> None:
        """A record of what the responder sent becomes a row of its initiator with the bytes on the other side."""
        count = len(self._values)
        none = pa.nulls(count, pa.uint16())
        ports = [pc.fill_null(self.columns.get(name, none), 0) for name in ("src_port", "dst_port")]
        served = pc.and_(pc.and_(pc.greater(ports[0], 0), pc.less(ports[0], 1024)), pc.greater_equal(ports[1], 1024))
        serving = pc.and_(pc.and_(pc.greater(ports[1], 0), pc.less(ports[1], 1024)), pc.greater_equal(ports[0], 1024))
        begun, acknowledged = self._flags()
        answered = pc.and_(begun, acknowledged)
        swapped = pc.if_else(begun, answered, served)
        guessed = pc.if_else(pc.or_(served, serving), "port", "first_record")
        self.columns["direction_basis"] = pc.if_else(begun, "handshake", guessed)
        for one, other in (("src_ip", "dst_ip"), ("src_port", "dst_port")):
            if one in self.columns and other in self.columns:
                ours, theirs = self.columns[one], self.columns[other]
                self.columns[one] = pc.if_else(swapped, theirs, ours)
                self.columns[other] = pc.if_else(swapped, ours, theirs)
        for ending in ("bytes", "packets"):
            if f"src_{ending}" in self.columns:
                sent = self.columns[f"src_{ending}"]
                back = self.columns.get(f"dst_{ending}", pa.nulls(count, sent.type))
                self.columns[f"dst_{ending}"] = pc.if_else(swapped, sent, back)
                self.columns[f"src_{ending}"] = pc.if_else(swapped, back, sent)

    def _flags(self) -> tuple[pa.BooleanArray, pa.BooleanArray]:
        """Whether the record shows SYN, and whether ACK."""
        paths = self._rows.flags
        if isinstance(paths, tuple):
            syn, ack = (pc.is_in(self._texts((path,)), pa.array(["1", "true"])) for path in paths)
            return syn, ack
        flags = pc.fill_null(by_value(self._texts((paths,) if paths else ()), _flags, pa.uint64()), 0).cast(pa.int64())
        syn, ack = (pc.equal(pc.bit_wise_and(flags, bit), bit) for bit in (_FLAGS["SYN"], _FLAGS["ACK"]))
        return syn, ack

    def _column(self, name: str, one: Field, kind: pa.DataType) -> pa.Array:
        if one.const is not None:
            constant = pa.scalar(int(one.const), kind) if name == "sampled" else pa.scalar(one.const)
            return pa.repeat(constant, len(self._values))
        if one.message or name == "answers":
            return self._of_messages(name, one, kind) if one.message else self._answers(one, kind)
        texts = self._texts(one.paths, one.prefix)
        if one.nulls:
            texts = pc.if_else(pc.is_in(texts, pa.array(one.nulls)), None, texts)
        if one.unless:
            other = self._texts((one.unless,))
            texts = pc.if_else(pc.fill_null(pc.equal(texts, other), fill_value=False), None, texts)
        if one.part is not None:
            texts = by_value(texts, functools.partial(part, one.part))
        if one.words is not None:
            return by_value(texts, one.words.get)
        if pa.types.is_duration(kind):
            return self._checked(name, texts, times.spans(str(one.unit), texts).cast(kind))
        if pa.types.is_timestamp(kind):
            return self._time(name, one, texts) if one.unit else self._spanned(one, texts)
        change = _count if pa.types.is_uint64(kind) else _port if pa.types.is_uint16(kind) else _words(name)
        change = counted if one.counted else change
        made = by_value(texts, change, kind if pa.types.is_integer(kind) else None)
        return self._less(name, self._checked(name, texts, made), one.minus)

    def _less(self, name: str, counts: pa.Array, part: str | None) -> pa.Array:
        """The counts without the part that stands at another path; null where either is."""
        if part is None:
            return counts
        texts = self._texts((part,))
        parts = self._checked(name, texts, by_value(texts, _count, counts.type))
        more = pc.fill_null(pc.greater(parts, counts), fill_value=False)
        self._refuse(more, f"bad_field:{name}")
        return pc.subtract(counts, pc.if_else(more, 0, parts))

    def _time(self, name: str, one: Field, texts: pa.StringArray) -> pa.Array:
        times, basis = self._times.read(one.unit or (), texts)
        if name in ("start", "time") or (name == "end" and not self._tells_start()):
            self.basis = basis
        code = "date_order" if self._times.ambiguous(one.unit or ()) else "bad_timestamp"
        self._refuse(pc.and_(pc.is_valid(texts), pc.is_null(times)), code)
        return instants(times)

    def _tells_start(self) -> bool:
        """The start is told itself, not as a span before the end."""
        return "start" in self._rows.fields and not field(self._rows.fields["start"]).before

    def _spanned(self, one: Field, texts: pa.StringArray) -> pa.Array:
        """A time that lies a span after the start, or before the end."""
        length = times.spans(one.after or one.before or "", texts)
        self._refuse(pc.and_(pc.is_valid(texts), pc.is_null(length)), "bad_timestamp")
        ends = ("start", "time") if one.after else ("end", "time")
        end = next((self.columns[name] for name in ends if name in self.columns), pa.nulls(len(texts), pa.int64()))
        end = end.cast(pa.int64())
        found = pc.add(end, length) if one.after else pc.subtract(end, pc.fill_null(length, 0))
        self._refuse(pc.less(found, 0), "bad_timestamp")
        return instants(found)

    def _answers(self, one: Field, kind: pa.DataType) -> pa.Array:
        found = [_first(row, one.paths) for row in self._values]
        if one.answers == "chain":
            found = [None if isinstance(value, str) and value in self._nulls else value for value in found]
        made = [None if value is None else _read_answers(value, one) for value in found]
        if one.answers in ("ended", "typed"):
            self.cut = sum(_cut(value, one.answers) for value in found)
        bad = pa.array([value is not None and got is None for value, got in zip(found, made, strict=True)], pa.bool_())
        self._refuse(bad, "bad_field:answers")
        return pa.array(made, kind)

    def _of_messages(self, name: str, one: Field, kind: pa.DataType) -> pa.Array:
        texts = self._texts(one.paths).to_pylist()
        found = [None if told is None else _message(told, one.message) for told in texts]
        bad = [told is not None and message is None for told, message in zip(texts, found, strict=True)]
        self._refuse(pa.array(bad, pa.bool_()), f"bad_field:{name}")
        return pa.array([message and getattr(message, name) for message in found], kind)

    def texts(self, paths: Sequence[str]) -> list[tuple[str | None, ...]]:
        """Of each row the values at these paths."""
        return [tuple(self._told(row, (path,)) for path in paths) for row in self._values]

    def _texts(self, paths: Sequence[str], prefix: str = "") -> pa.StringArray:
        """The first value that says something, as text."""
        found = [self._told(row, paths) for row in self._values]
        return pa.array([one and one.removeprefix(prefix) for one in found] if prefix else found, pa.utf8())

    def _told(self, row: Row, paths: Sequence[str]) -> str | None:
        for path in paths:
            told = as_text(at_path(row, path))
            if told is not None and told not in self._nulls:
                return told
            if "+" in path and (together := [said for one in path.split("+") if (said := self._told(row, (one,)))]):
                return " ".join(together)
        return None

    def _checked(self, name: str, texts: pa.StringArray, column: pa.Array) -> pa.Array:
        self._refuse(pc.and_(pc.is_valid(texts), pc.is_null(column)), f"bad_field:{name}")
        return column

    def _refuse(self, bad: pa.BooleanArray, code: str) -> None:
        if pc.any(bad).as_py():
            self.refused = pc.coalesce(self.refused, pc.if_else(bad, code, pa.scalar(None, pa.utf8())))


def as_text(value: object) -> str | None:
    """A JSON value or a cell as text; what is no single value, and a binary fraction that is no number, says itself."""
    if value is None or isinstance(value, str):
        return None if value is None else value.encode("utf-8", "replace").decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else format(Decimal(repr(value)), "f") if _plain(value) else "?"


def _plain(value: object) -> bool:
    return isinstance(value, float) and abs(value) < 1e15


def _first(row: Row, paths: Sequence[str]) -> object:
    return next((value for path in paths if (value := at_path(row, path)) is not None), None)


def _words(name: str) -> Callable[[str], str | None]:
    """The change of a column of words."""
    if name in _ADDRESSES:
        return text.address
    if name in _NAMES:
        return dns_name
    return {"proto": _protocol, "qtype": _type, "qclass": _class, "rcode": _rcode, "transport": _protocol}.get(
        name, lambda value: text.printable(value.encode())
    )


def dns_name(value: str) -> str | None:
    r"""A name as a log prints it, in lower case, without the last dot, its `\DDD` kept; None where it is none."""
    plain = value.removesuffix(".") if not value.endswith("\\.") else value
    if not value or len(plain) > 1024:
        return None
    try:
        parts = _ESCAPE.split(plain.encode().decode("latin-1"))
        made = "".join(
            text.label(bytes([int(parts[at]) if parts[at] else ord(parts[at + 1])]))
            if at % 3 == 1
            else ""
            if at % 3 == 2
            else text.name(parts[at].encode("latin-1"))
            if parts[at]
            else ""
            for at in range(len(parts))
        )
    except ValueError:
        return None
    return made or "."


def _protocol(value: str) -> str | None:
    if value.isdecimal() and len(value) < 4:
        return _PROTOCOLS.get(int(value), value if int(value) < 256 else None)
    word = value.lower()
    return _WORDED.get(word, word) if _NAMED.fullmatch(word) else None


def _type(value: str) -> str | None:
    numbered = _NUMBERED.fullmatch(value)
    if numbered:
        return type_word(int(numbered[1])) if int(numbered[1]) <= 0xFFFF else None
    return spelt(value)


def _class(value: str) -> str | None:
    numbered = _NUMBERED.fullmatch(value)
    if numbered:
        return class_word(int(numbered[1])) if int(numbered[1]) <= 0xFFFF else None
    return spelt(value)


def _rcode(value: str) -> str | None:
    if value.isdecimal() and len(value) < 5:
        return rcode_word(int(value))
    word = value.upper().replace("_", "")
    return {"NAMEERROR": "NXDOMAIN", "SERVERFAILURE": "SERVFAIL"}.get(word, spelt(word))


def _count(value: str) -> int | None:
    return int(value) if _DIGITS.fullmatch(value) and int(value) <= _COUNT else None


def _flags(value: str) -> int | None:
    """TCP flags as a number, from one or from their words."""
    if value.isdecimal():
        return _count(value)
    return sum({_FLAGS.get(word, 0) for word in value.split()})


def _port(value: str) -> int | None:
    return int(value) if value.isdecimal() and value.isascii() and len(value) < 6 and int(value) <= 0xFFFF else None


def part(which: str, value: str) -> str | None:
    """The host, the port, or both of `HOST:PORT` or of a URL; None where it has none.

    Of both HTTP's own port is left out, as a request for an `http` target leaves it out (RFC 9110 4.2.1).
    """
    found = _AUTHORITY.fullmatch(value)
    if found is None:
        return None
    scheme, bracketed, host, port = found.groups()
    if which == "host":
        return bracketed or host
    port = port or _PORTS.get((scheme or "").lower())
    if which == "port":
        return port
    host = f"[{bracketed}]" if bracketed else host
    return host if port in (None, "80") else f"{host}:{port}"


def counted(value: str) -> str | None:
    """A DNS name whose labels stand behind their lengths, as `(3)www(7)example(0)`; None where a length does not fit.

    Labels are taken by their length, so that one may hold what looks like another (`(3)`).
    """
    if value.startswith(".") and value.endswith("."):
        return dns_name(value[1:])  # as Windows 2003 and older print it
    data, at = value.encode("utf-8", "replace"), 0
    labels: list[str] = []
    while found := _LENGTH.match(data, at):
        size, at = int(found[1]), found.end()
        if size == 0:
            return (".".join(labels) or ".") if at == len(data) else None
        labels.append(text.label(data[at : at + size]))
        at += size
    return None


def _read_answers(value: object, one: Field) -> list[dict[str, object]] | None:
    if one.answers in _WRITTEN:
        return _WRITTEN[one.answers](value) if isinstance(value, str) else None
    if one.answers == "addresses" and isinstance(value, str):
        value = re.split(r"[,;\s]+", value.strip())
    taken = value if isinstance(value, list) else [value]
    if not isinstance(value, list | dict):
        return None
    if one.answers == "addresses":
        found = [text.address(item) if isinstance(item, str) else None for item in taken]
        return [_answer(None, "AAAA" if ":" in item else "A", item, None) for item in found if item]
    return [_of_object(item, one.names) for item in taken if isinstance(item, dict)]


def _of_object(item: Row, names: dict[str, str]) -> dict[str, object]:
    told = {part: as_text(at_path(item, names[part])) if part in names else None for part in _PARTS}
    kind = _type(told["type"]) if told["type"] else None
    ttl = _count(told["ttl"]) if told["ttl"] else None
    return _answer(dns_name(told["name"]) if told["name"] else None, kind, told["data"], ttl)


_PARTS = ("name", "type", "data", "ttl")


def _records(value: str) -> list[dict[str, object]] | None:
    """Resource records in text, one a line; one that is cut (`...`) is left out. None where a line is none."""
    lines = [line.strip() for line in value.split("\n")]
    found = [_RECORD.fullmatch(line) for line in lines if line and not line.endswith("...")]
    if not all(found):
        return None
    return [_answer(dns_name(one[1]), _type(one[3]), one[4], _count(one[2])) for one in found if one]


def _chain(value: str) -> list[dict[str, object]]:
    """Aliases and addresses in the order of a resolution, `type: 5 NAME;ADDRESS;`; none of them has its owner."""
    found = []
    for item in filter(None, map(str.strip, value.split(";"))):
        typed = _TYPED.fullmatch(item)
        if typed:
            found.append(_answer(None, _type(typed[1]), typed[2], None))
        else:
            address = text.address(item)
            plain = address and address.removeprefix("::ffff:")
            kind = None if plain is None else "A" if "." in plain else "AAAA"
            found.append(_answer(None, kind, plain or item, None))
    return found


def _ended(value: str) -> list[dict[str, object]] | None:
    """Resource records in text, each ended by `;`; what is not ended was cut and is left out."""
    return _records("\n".join(one[1] for one in _PIECE.finditer(value) if one[2]))


def _typed(value: str) -> list[dict[str, object]] | None:
    """Resource records in text as `TTL TYPE DATA `, without their names; None where it does not begin with one.

    One that no space ends was cut and is left out. What stands in quotes is one word: no text passes for a record.
    """
    words = _WORDS.findall(value)
    begins = [at for at in range(len(words) - 2) if words[at].isdecimal() and _MNEMONIC.fullmatch(words[at + 1])]
    whole = value.endswith(" ")
    if words and begins[:1] != [0]:
        return None if whole or begins else []
    spans = list(zip(begins, [*begins[1:], len(words)], strict=False))
    return [
        _answer(None, _type(words[begin + 1]), " ".join(words[begin + 2 : end]), _count(words[begin]))
        for begin, end in (spans if whole else spans[:-1])
    ]


def _cut(value: object, answers: Answers) -> bool:
    """Whether the last record was cut."""
    if not isinstance(value, str) or not value.strip():
        return False
    if answers == "typed":
        return not value.endswith(" ")
    return any(one[1].strip() and not one[2] for one in _PIECE.finditer(value))


_PIECE = re.compile(r'((?:"(?:[^"\\]|\\.)*+"|\\.|[^;\\])*+)(;?)', re.DOTALL)
"""Up to the next `;` that stands neither in quotes nor behind a backslash; it fits everywhere, so that nothing is tried
twice."""
_WORDS = re.compile(r'"(?:[^"\\]|\\.)*+"|\S++')
_MNEMONIC = re.compile(r"[A-Z][A-Z0-9-]{0,15}", re.ASCII)
_WRITTEN: dict[str, Callable[[str], list[dict[str, object]] | None]] = {
    "records": _records, "ended": _ended, "typed": _typed, "chain": _chain,
}  # fmt: skip


class Message(NamedTuple):
    """What a DNS message says, by column."""

    qname: str | None
    qtype: str | None
    qclass: str | None
    rcode: str
    answers: list[dict[str, object]]


@functools.lru_cache(maxsize=1 << 12)
def _message(value: str, writing: Writing | None) -> Message | None:
    """A DNS message (RFC 1035 4.1) of the value; None where it is none."""
    import dns.exception  # noqa: PLC0415 - start-up time
    import dns.message  # noqa: PLC0415

    try:
        data = bytes.fromhex(value.removeprefix("0x")) if writing == "hex" else base64.b64decode(value, validate=True)
        message = dns.message.from_wire(data, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError):
        return None
    answers = [
        _answer(dns_name(some.name.to_text()), type_word(some.rdtype), one.to_text(), some.ttl)
        for some in message.answer
        for one in some
    ]
    rcode = rcode_word(message.rcode())
    if not message.question:
        return Message(None, None, None, rcode, answers)
    asked = message.question[0]
    kinds = type_word(asked.rdtype), class_word(asked.rdclass)
    return Message(dns_name(asked.name.to_text()), *kinds, rcode, answers)


def _answer(name: str | None, kind: str | None, data: str | None, ttl: int | None) -> dict[str, object]:
    if data is not None:
        if kind in ("A", "AAAA"):
            data = text.address(data) or text.printable(data.encode())
        else:
            data = (dns_name(data) if kind in ("CNAME", "NS", "PTR") else None) or text.printable(data.encode())
    return {"name": name, "type": kind, "data": data, "ttl": ttl if ttl is None or ttl < 1 << 32 else None}
