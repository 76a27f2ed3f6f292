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
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources.columns import by_value, exactness, instants, unless_plain
from flowwatch.sources.mnemonics import class_word, rcode_word, spelt, type_word
from flowwatch.sources.text import PLAIN_NAME, address, quoted
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
_WITH_ADDRESSES = (*_WITH_ALIASES, "ANY")
_MARKED = re.compile(
    r"(?P<strings>TXT|SPF) \d{1,5} "
    r"|(?P<other>SOA|RRSIG|DNSKEY|DS|NSEC|NSEC3|NSEC3PARAM|CAA|LOC|SSHFP|NAPTR|SRV|MX|SVCB|HTTPS) "
)
_UNKNOWN = re.compile(r"<unknown type=(\d{1,5})>")
_ANSWER = pa.struct([("name", pa.utf8()), ("type", pa.utf8()), ("data", pa.utf8()), ("ttl", pa.uint32())])
_NETBIOS_NOTE = "NetBIOS name record (port 137), not DNS"

Item = tuple[str | None, str | None, str]
"""Owner, type, data."""


def rows(cells: Cells) -> Rows:
    """The chunk as rows of LOOKUPS."""
    asked = cells.time("ts")
    names, types = unless_plain(cells.raw("query"), PLAIN_NAME, text.name), _words(cells, "qtype", type_word)
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
        "name_exact": exactness(names),
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
    """Column `answers`: null without a reply, else what Zeek kept of its answer section, one record an item."""
    items = cells.listed("answers")
    flat, row = items.flatten(), pc.list_parent_indices(items)
    found = by_value(flat, address)
    by_address = pc.fill_null(pc.is_in(types, pa.array(_WITH_ADDRESSES)), fill_value=False)
    odd = pc.is_in(pa.array(range(len(items))), row.filter(pc.or_(pc.is_null(found), pc.invert(by_address.take(row)))))
    kind = pc.if_else(pc.match_substring(found, ":"), "AAAA", "A")
    plain = [pc.fill_null(names, "").take(row), kind, found]
    told = zip(*(column.filter(odd).to_pylist() for column in (names, types, items)), strict=True)
    others = [item for name, qtype, some in told for item in typed(name or "", qtype, tuple(some))]
    columns = [_mended(*one) for one in zip(plain, (odd.take(row),) * 3, zip(*others, strict=True), strict=False)]
    records = [*(columns or plain), _ttls(cells.listed("TTLs"), items, row)]
    lengths = pc.fill_null(pc.list_value_length(items), 0)
    ends = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths)])
    without = pc.and_(pc.invert(answered), pc.is_null(items))
    return pa.ListArray.from_arrays(ends, pa.StructArray.from_arrays(records, fields=list(_ANSWER)), mask=without)


def _mended(plain: pa.StringArray, odd: pa.BooleanArray, told: Sequence[str | None]) -> pa.StringArray:
    """The column with other values in the odd places."""
    return pc.replace_with_mask(plain, odd, pa.array(told, pa.utf8()))


def _ttls(ttls: pa.ListArray, items: pa.ListArray, row: pa.Int64Array) -> pa.UInt32Array:
    """Time to live of each item in whole seconds; null where the log has another number of them."""
    as_many = pc.fill_null(pc.equal(pc.list_value_length(ttls), pc.list_value_length(items)), fill_value=False)
    seconds = by_value(ttls.filter(as_many).flatten(), _seconds, pa.uint32())
    return pc.replace_with_mask(pa.nulls(len(row), pa.uint32()), as_many.take(row), seconds)


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
