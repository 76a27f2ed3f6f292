"""Rows of LOOKUPS as structs.

Promises: one Lookup a row, none left out, in the order of the table; null answers stay None.
"""

from collections.abc import Collection
from typing import Any

import pyarrow as pa

from flowwatch.model import Answer, Lookup, Ref
from flowwatch.transmissions.rows import columns

_COLUMNS = (
    *("source", "record", "offset", "answer_record", "time", "asked", "client_ip", "server_ip", "server_port"),
    *("transport", "qname", "qtype", "name_exact", "rcode", "answers", "flags", "policy_action", "vantage"),
)


def questions(lookups: pa.Table, told: Collection[str] | None = None) -> tuple[Lookup, ...]:
    """One Lookup a row of LOOKUPS, in the same order; its time is the answer's, else the question's.

    `told`: sources that tell what clients asked; None: those that do so in this table.
    """
    if told is None:
        told = {source for source, vantage in columns(lookups, ("source", "vantage")) if vantage == "client"}
    rows = (dict(zip(_COLUMNS, row, strict=True)) for row in columns(lookups, _COLUMNS))
    return tuple(_lookup(row, clients_told=row["source"] in told) for row in rows)


def _lookup(row: dict[str, Any], *, clients_told: bool) -> Lookup:
    record, answer_record = row["record"], row["answer_record"]
    first, last = sorted((record, record if answer_record is None else answer_record))
    return Lookup(
        ref=Ref(row["source"], first, last, row["offset"] if first == record else None),
        time=row["asked"] if row["time"] is None else row["time"],
        client_ip=row["client_ip"],
        server_ip=row["server_ip"],
        server_port=row["server_port"],
        transport=row["transport"],
        qname=row["qname"] or "",
        qtype=row["qtype"] or "",
        name_exact=row["name_exact"] is not False,
        rcode=row["rcode"],
        answers=None if row["answers"] is None else tuple(map(_answer, row["answers"])),
        flags=tuple(row["flags"] or ()),
        policy_action=row["policy_action"],
        recursion=clients_told and row["vantage"] == "upstream" and row["client_ip"] is None,
    )


def _answer(row: dict[str, Any]) -> Answer:
    return Answer(row["name"] or "", row["type"] or "", row["data"] or "", row["ttl"])
