"""Rows of LOOKUPS as structs.

Promises: one Lookup a row, none left out, in the order of the table; null answers stay None.
"""

from typing import Any

import pyarrow as pa

from flowwatch.model import Answer, Lookup, Ref
from flowwatch.transmissions.rows import columns

_COLUMNS = (
    *("source", "record", "offset", "answer_record", "time", "asked", "client_ip", "server_ip", "server_port"),
    *("transport", "qname", "qtype", "name_exact", "rcode", "answers", "flags", "policy_action"),
)


def questions(lookups: pa.Table) -> tuple[Lookup, ...]:
    """One Lookup a row of LOOKUPS, in the same order; its time is the answer's, else the question's."""
    return tuple(_lookup(*row) for row in columns(lookups, _COLUMNS))


def _lookup(  # noqa: PLR0913 - one parameter a column, in the order of _COLUMNS
    source: str,
    record: int,
    offset: int | None,
    answer_record: int | None,
    time: int | None,
    asked: int | None,
    client_ip: str | None,
    server_ip: str | None,
    server_port: int | None,
    transport: str | None,
    qname: str | None,
    qtype: str | None,
    name_exact: bool | None,  # noqa: FBT001 - a column
    rcode: str | None,
    answers: list[dict[str, Any]] | None,
    flags: list[str] | None,
    policy_action: str | None,
) -> Lookup:
    first, last = sorted((record, record if answer_record is None else answer_record))
    return Lookup(
        ref=Ref(source, first, last, offset if first == record else None),
        time=asked if time is None else time,
        client_ip=client_ip,
        server_ip=server_ip,
        server_port=server_port,
        transport=transport,
        qname=qname or "",
        qtype=qtype or "",
        name_exact=name_exact is not False,
        rcode=rcode,
        answers=None if answers is None else tuple(map(_answer, answers)),
        flags=tuple(flags or ()),
        policy_action=policy_action,
    )


def _answer(row: dict[str, Any]) -> Answer:
    return Answer(row["name"] or "", row["type"] or "", row["data"] or "", row["ttl"])
