"""Zeek dns.log: one lookup a record, question and answer together.

Zeek gives answers in message order but without owner and type. An item that is an address, in the answer to a question
that has addresses for answers, is an A or AAAA record; a bare name there is a CNAME, and each leads to the next, so the
address belongs to the last of them. Zeek's own words say of other items what they are (`TXT 5 hello`, `SOA ...`,
`<unknown type=65>`). Of a bare name in the answer to another question neither owner nor type can be told: both null. An
address is never taken from such an item.

A record with a reply but no answers had none: an empty list; without a reply `rcode` and `answers` are null. A record
without a name or a client is unattributable. NetBIOS names (port 137) are noise. One reply may stand twice (Zeek saw it
twice); both are kept.
"""

import functools
import re
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources.columns import by_value, instants
from flowwatch.sources.mnemonics import class_word, rcode_word, spelt, type_word
from flowwatch.sources.text import address, exact, quoted
from flowwatch.sources.zeek import text
from flowwatch.sources.zeek.cells import Cells
from flowwatch.sources.zeek.rows import Rows

FIELDS = (
    "ts", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "rtt", "query", "qclass", "qclass_name",
    "qtype", "qtype_name", "rcode", "rcode_name", "AA", "TC", "RD", "RA",
)  # fmt: skip
LISTS = ("answers", "TTLs")
_NETBIOS, _MDNS, _LLMNR = 137, 5353, 5355
_FLAGS = ("AA", "TC", "RD", "RA")
_LONGEST_TTL = 0xFFFF_FFFF
_WITH_ALIASES = frozenset({"A", "AAAA"})
_WITH_ADDRESSES = _WITH_ALIASES | {"ANY"}
_MARKED = re.compile(
    r"(?P<strings>TXT|SPF) \d{1,5} "
    r"|(?P<other>SOA|RRSIG|DNSKEY|DS|NSEC|NSEC3|NSEC3PARAM|CAA|LOC|SSHFP|NAPTR|SRV|MX|SVCB|HTTPS) "
)
_UNKNOWN = re.compile(r"<unknown type=(\d{1,5})>")
_ANSWER = pa.struct([("name", pa.utf8()), ("type", pa.utf8()), ("data", pa.utf8()), ("ttl", pa.uint32())])
_NETBIOS_NOTE = "NetBIOS name record (port 137), not DNS"

Item = tuple[str | None, str | None, str]
"""Owner, type, data."""
Answer = tuple[str | None, str | None, str, int | None]
"""The same and seconds to live."""


def rows(cells: Cells) -> Rows:
    """The chunk as rows of LOOKUPS."""
    asked = cells.time("ts")
    names, types = by_value(cells.raw("query"), text.name), _words(cells, "qtype", type_word)
    rcodes = _words(cells, "rcode", rcode_word)
    answered, rtt = pc.is_valid(rcodes), cells.span("rtt")
    ports = {"client_port": cells.port("id.orig_p"), "server_port": cells.port("id.resp_p")}
    columns = {
        "record": cells.chunk.number,
        "offset": cells.chunk.offset,
        "time": instants(pc.add(asked, pc.fill_null(rtt, 0))),
        "client_ip": cells.address("id.orig_h"),
        "server_ip": cells.address("id.resp_h"),
        **ports,
        "transport": _transport(cells, ports["client_port"], ports["server_port"]),
        "qname": names,
        "qtype": types,
        "qclass": _words(cells, "qclass", class_word),
        "name_exact": by_value(names, exact, pa.bool_()),
        "vantage": cells.all("client"),
        "asked": pc.if_else(answered, instants(asked), None),
        "answer_record": pc.if_else(answered, cells.chunk.number, None),
        "answer_offset": pc.if_else(answered, cells.chunk.offset, None),
        "latency": pc.if_else(answered, rtt, None).cast(pa.duration("ns")),
        "rcode": rcodes,
        "answers": _answers(cells, names, types, answered),
        "flags": _flags(cells),
        "time_basis": pc.if_else(cells.unzoned("ts"), "assumed_utc", "explicit"),
    }
    netbios = _either(ports["client_port"], ports["server_port"], _NETBIOS)
    nameless = pc.or_(pc.is_null(names), pc.is_null(cells.raw("id.orig_h")))
    return Rows(
        table="lookups",
        columns=columns,
        time=asked,
        noise=netbios,
        unattributable=nameless,
        notes={_NETBIOS_NOTE: netbios},
    )


def _words(cells: Cells, field: str, word: Callable[[int], str]) -> pa.StringArray:
    """A code's mnemonic by its number, else as the log names it."""
    numbers = cells.port(field)
    by_number = by_value(numbers, word)
    return pc.coalesce(by_number, by_value(cells.raw(f"{field}_name"), spelt))


def _either(client: pa.UInt16Array, server: pa.UInt16Array, port: int) -> pa.BooleanArray:
    return pc.fill_null(pc.or_kleene(pc.equal(client, port), pc.equal(server, port)), fill_value=False)


def _transport(cells: Cells, client: pa.UInt16Array, server: pa.UInt16Array) -> pa.StringArray:
    plain = by_value(cells.raw("proto"), lambda word: word if word in ("udp", "tcp") else None)
    local = pc.if_else(_either(client, server, _LLMNR), "llmnr", plain)
    return pc.if_else(_either(client, server, _MDNS), "mdns", local)


def _flags(cells: Cells) -> pa.ListArray:
    """The header bits that were set, in the order of the header (RFC 1035 4.1.1)."""
    columns = [cells.flag(field) for field in _FLAGS]
    if all(column.null_count == len(cells) for column in columns):
        return cells.nulls(pa.list_(pa.utf8()))
    code = pa.repeat(pa.scalar(0, pa.uint8()), len(cells))
    for place, column in enumerate(columns):
        code = pc.add(code, pc.if_else(pc.fill_null(column, fill_value=False), pa.scalar(1 << place, pa.uint8()), 0))
    return by_value(code, _bits, pa.list_(pa.utf8()))


def _bits(code: int) -> list[str]:
    return [field.lower() for place, field in enumerate(_FLAGS) if code >> place & 1]


def _answers(cells: Cells, names: pa.Array, types: pa.Array, answered: pa.Array) -> pa.ListArray:
    """Column `answers`: null without a reply, else what Zeek kept of its answer section."""
    told = zip(
        names.to_pylist(),
        types.to_pylist(),
        answered.to_pylist(),
        cells.listed("answers").to_pylist(),
        cells.listed("TTLs").to_pylist(),
        strict=True,
    )
    ends: list[int] = [0]
    flat: list[Answer] = []
    for qname, qtype, reply, items, ttls in told:
        if reply or items:
            flat += _with_ttls(typed(qname or "", qtype, tuple(items or ())), ttls or ())
        ends.append(len(flat))
    owners, kinds, data, times = zip(*flat, strict=True) if flat else ((), (), (), ())
    kinds_of = (pa.utf8(), pa.utf8(), pa.utf8(), pa.uint32())
    columns = [pa.array(one, kind) for one, kind in zip((owners, kinds, data, times), kinds_of, strict=True)]
    records = pa.StructArray.from_arrays(columns, fields=list(_ANSWER))
    without = pc.and_(pc.invert(answered), pc.is_null(cells.listed("answers")))
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), records, mask=without)


def _with_ttls(items: Sequence[Item], ttls: Sequence[str | None]) -> Iterator[Answer]:
    """Each item with its time to live in whole seconds; None where the log has another number of them."""
    known = ttls if len(ttls) == len(items) else (None,) * len(items)
    return ((*item, _seconds(ttl)) for item, ttl in zip(items, known, strict=True))


@functools.lru_cache(maxsize=1 << 12)
def _seconds(interval: str | None) -> int | None:
    whole = (interval or "").partition(".")[0]
    if not (whole.isascii() and whole.isdecimal() and len(whole) <= 10):
        return None
    return min(int(whole), _LONGEST_TTL)


@functools.lru_cache(maxsize=1 << 14)
def typed(qname: str, qtype: str | None, items: tuple[str | None, ...]) -> tuple[Item, ...]:
    """Zeek's answers to a question as (owner, type, data), in message order; null what cannot be told."""
    owner, records = qname, []
    for item in map(_text, items):
        record = _marked(item)
        if record is None and qtype in _WITH_ADDRESSES:
            record = _address(item, owner)
        if record is None and qtype in _WITH_ALIASES:
            record = (owner, "CNAME", text.name(item))
            owner = record[2]
        records.append(record or (None, _guarded(item, qtype), text.name(item)))
    return tuple(records)


def _text(item: str | None) -> str:
    return item or ""


def _guarded(item: str, qtype: str | None) -> str | None:
    """No type, unless the item could be mistaken for an address: then the question's."""
    return None if address(item) is None else (qtype or "TYPE0")


def _marked(item: str) -> Item | None:
    """An item whose type Zeek wrote into it."""
    unknown = _UNKNOWN.fullmatch(item)
    if unknown:
        return None, type_word(int(unknown[1])), item
    word = _MARKED.match(item)
    if word is None:
        return None
    if word["strings"]:
        return None, word["strings"], _strings(item, word["strings"])
    return None, word["other"], text.printable(item[word.end() :])


def _strings(item: str, kind: str) -> str:
    """The character-strings of `TXT 5 hello TXT 3 abc` in quotes; the whole item where the lengths do not fit."""
    left, strings = text.unescaped(item), []
    while left:
        head = re.match(rb"%s (\d{1,5}) " % kind.encode(), left)
        if not head:
            return text.printable(item)
        end = head.end() + int(head[1])
        strings.append(quoted(left[head.end() : end]))
        if len(left) < end or left[end : end + 1] not in (b"", b" "):
            return text.printable(item)
        left = left[end + 1 :]
    return " ".join(strings)


def _address(item: str, owner: str) -> Item | None:
    found = address(item)
    return (owner, "AAAA" if ":" in found else "A", found) if found else None
