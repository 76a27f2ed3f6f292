"""The answer section of an EVE `dns` record, as `answers` of LOOKUPS.

`answers` has owner, type, time to live and data in message order. Where only `grouped` is logged there is neither owner
nor time to live: CNAMEs come first, so that each leads to the next. An address is only what stands in an A or AAAA
record and is one.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.model.records import LOOKUPS
from flowwatch.sources import text
from flowwatch.sources.columns import by_value
from flowwatch.sources.eve import words
from flowwatch.sources.eve.cells import shown_all
from flowwatch.sources.eve.events import Record

_LIST = LOOKUPS.field("answers").type
_GROUPED = msgspec.json.Decoder(dict[str, list[Any]])
_NAMES = ("CNAME", "NS", "PTR", "DNAME", "MX", "MB", "MG", "MR", "MD", "MF")


def column(messages: Sequence[list[Record] | None]) -> pa.ListArray:
    """The records of each message as `answers` of LOOKUPS."""
    starts: list[int | None] = []
    flat: list[Record] = []
    for message in messages:
        starts.append(None if message is None else len(flat))
        flat += message or ()
    kinds = by_value(pa.array([record.rrtype for record in flat], pa.utf8()), words.record_type)
    owners = by_value(pa.array([record.rrname for record in flat], pa.utf8()), _name)
    lives = pa.array([record.ttl for record in flat], pa.uint32())
    fields = list(_LIST.value_type)
    values = pa.StructArray.from_arrays([owners, kinds, _data(flat, kinds), lives], fields=fields)
    return pa.ListArray.from_arrays(pa.array([*starts, len(flat)], pa.int32()), values, type=_LIST)


def grouped(data: str) -> list[Record] | None:
    """The records where only the data by type are logged; None where they cannot be read."""
    try:
        groups = _GROUPED.decode(data) if data != "null" else {}
    except (msgspec.DecodeError, ValueError):
        return None
    told = sorted(groups.items(), key=lambda group: group[0] != "CNAME")
    return [
        Record(rrtype=word, rdata=value)
        for word, values in told
        if words.record_type(word)
        for value in values
        if isinstance(value, str)
    ]


def _data(records: list[Record], kinds: pa.StringArray) -> pa.StringArray:
    """The data, as our tables have them."""
    told = pa.array([record.rdata or "" for record in records], pa.utf8())
    typed = (by_value(pc.if_else(pc.is_in(kinds, some), told, None), change) for some, change in _BY_TYPE)
    plain = pc.coalesce(*typed, shown_all(told))
    if not any(record.soa or record.srv for record in records):
        return plain
    lines = zip(map(_fields, records), plain.to_pylist(), strict=True)
    return pa.array([one if several is None else several for several, one in lines], pa.utf8())


def _fields(record: Record) -> str | None:
    """The data of a record of several fields."""
    if record.soa is not None:
        soa = record.soa
        numbers = (soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum)
        return " ".join([_name(soa.mname), _name(soa.rname), *map(str, numbers)])
    if record.srv is not None:
        srv = record.srv
        return f"{srv.priority} {srv.weight} {srv.port} {_name(srv.name)}"
    return None


def _name(value: str) -> str:
    return words.name(value)[0]


def _quoted(rdata: str) -> str:
    return text.quoted(words.unescaped(rdata))


_BY_TYPE = (
    (pa.array(["A", "AAAA"]), text.address),
    (pa.array(_NAMES), _name),
    (pa.array(["TXT", "SPF"]), _quoted),
)
