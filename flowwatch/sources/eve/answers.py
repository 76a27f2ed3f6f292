"""The answer section of an EVE `dns` record, as `answers` of LOOKUPS.

`answers` has owner, type, time to live and data in message order. Where only `grouped` is logged there is neither owner
nor time to live: CNAMEs come first, so that each leads to the next. An address is only what stands in an A or AAAA
record and is one.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pyarrow as pa

from flowwatch.model.records import LOOKUPS
from flowwatch.sources import text
from flowwatch.sources.eve import words
from flowwatch.sources.eve.cells import shown
from flowwatch.sources.eve.events import Record

Answer = tuple[str | None, str | None, str, int | None]
"""`name`, `type`, `data`, `ttl`."""
_LIST = LOOKUPS.field("answers").type
_STRUCT = _LIST.value_type
_GROUPED = msgspec.json.Decoder(dict[str, list[Any]])
_NAMES = frozenset({"CNAME", "NS", "PTR", "DNAME", "MX", "MB", "MG", "MR", "MD", "MF"})


def column(messages: Iterable[list[Answer] | None]) -> pa.ListArray:
    """The records of each message as `answers` of LOOKUPS."""
    starts: list[int | None] = []
    flat: list[Answer] = []
    for message in messages:
        starts.append(None if message is None else len(flat))
        flat += message or ()
    parts = zip(*flat, strict=True) if flat else ((),) * _STRUCT.num_fields
    fields = [pa.array(part, _STRUCT.field(at).type) for at, part in enumerate(parts)]
    values = pa.StructArray.from_arrays(fields, fields=list(_STRUCT))
    return pa.ListArray.from_arrays(pa.array([*starts, len(flat)], pa.int32()), values, type=_LIST)


def detailed(records: list[Record]) -> list[Answer]:
    """The records of an answer section, in message order."""
    return [_detailed(one) for one in records]


def _detailed(record: Record) -> Answer:
    kind = words.record_type(record.rrtype or "")
    owner = None if record.rrname is None else words.name(record.rrname)[0]
    return owner, kind, _data(record, kind), record.ttl


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


def grouped(data: str) -> list[Answer] | None:
    """The same where only the data by type are logged; None where they cannot be read."""
    try:
        groups = _GROUPED.decode(data) if data != "null" else {}
    except (msgspec.DecodeError, ValueError):
        return None
    told = sorted(groups.items(), key=lambda group: group[0] != "CNAME")
    return [
        (None, kind, _told(value, kind), None)
        for word, values in told
        if (kind := words.record_type(word))
        for value in values
        if isinstance(value, str)
    ]
