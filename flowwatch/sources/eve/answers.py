"""The answer section of an EVE `dns` record, as `answers` of LOOKUPS.

`answers` has owner, type, time to live and data in message order. Where only `grouped` is logged there is neither owner
nor time to live: CNAMEs come first, so that each leads to the next. An address is only what stands in an A or AAAA
record and is one.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from flowwatch.sources import text
from flowwatch.sources.eve import words
from flowwatch.sources.eve.cells import shown
from flowwatch.sources.eve.events import Dns, Record

Answer = dict[str, Any]
"""`name`, `type`, `data`, `ttl`."""
_GROUPED = msgspec.json.Decoder(dict[str, list[Any]])
_NAMES = frozenset({"CNAME", "NS", "PTR", "DNAME", "MX", "MB", "MG", "MR", "MD", "MF"})


def answers(dns: Dns) -> list[Answer] | None:
    """The records of the answer section in message order; empty where it had none, None where they cannot be read."""
    if dns.answers is not None:
        return [_detailed(one) for one in dns.answers]
    return _grouped(bytes(dns.grouped))


def _detailed(record: Record) -> Answer:
    kind = words.record_type(record.rrtype or "")
    owner = None if record.rrname is None else words.name(record.rrname)[0]
    return {"name": owner, "type": kind, "data": _data(record, kind), "ttl": record.ttl}


def _data(record: Record, kind: str | None) -> str:
    if record.soa is not None:
        soa = record.soa
        numbers = (soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum)
        return " ".join([words.name(soa.mname)[0], words.name(soa.rname)[0], *map(str, numbers)])
    if record.srv is not None:
        srv = record.srv
        return f"{srv.priority} {srv.weight} {srv.port} {words.name(srv.name)[0]}"
    return _told(record.rdata or "", kind)


def _told(rdata: str, kind: str | None) -> str:
    """The data of a record of one field, as our tables have it."""
    if kind in _NAMES:
        return words.name(rdata)[0]
    told = _BY_TYPE.get(kind or "", shown)(rdata)
    return shown(rdata) if told is None else told


def _quoted(rdata: str) -> str:
    return text.quoted(words.unescaped(rdata))


_BY_TYPE: dict[str, Callable[[str], str | None]] = {
    "A": text.address, "AAAA": text.address, "TXT": _quoted, "SPF": _quoted,
}  # fmt: skip


def _grouped(data: bytes) -> list[Answer] | None:
    try:
        groups = _GROUPED.decode(data) if data not in (b"", b"null") else {}
    except msgspec.DecodeError:
        return None
    told = sorted(groups.items(), key=lambda group: group[0] != "CNAME")
    return [
        {"name": None, "type": kind, "data": _told(value, kind), "ttl": None}
        for word, values in told
        if (kind := words.record_type(word))
        for value in values
        if isinstance(value, str)
    ]
