"""Messages of frames as columns, and pairs of them as columns of LOOKUPS.

What was asked for is read by the core, as a capture's is. An answer that stands alone still has the time of its
question where the server says it. `0.0.0.0` and `::`, by which a resolver says that it did not look, are null.
"""

import ipaddress
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources import text
from flowwatch.sources.columns import by_value, instants
from flowwatch.sources.dnstap.message import Message

_FIELDS = (
    ("record", "number", pa.uint64()),
    ("offset", "offset", pa.uint64()),
    ("client_ip", "client", pa.binary()),
    ("client_port", "client_port", pa.uint16()),
    ("server_ip", "server", pa.binary()),
    ("server_port", "server_port", pa.uint16()),
    ("transport", "transport", pa.utf8()),
    ("vantage", "vantage", pa.utf8()),
    ("asked", "asked", pa.int64()),
    ("answered", "answered", pa.int64()),
    ("policy_action", "policy", pa.utf8()),
)
"""Columns by the fields of a message they are made of."""
_OF_THE_LAST = ("rcode", "answers", "flags")
_OF_EITHER = (
    "client_ip", "client_port", "server_ip", "server_port", "transport", "vantage", "qname", "qtype", "qclass",
    "policy_action",
)  # fmt: skip


class Said(NamedTuple):
    """What a message says of itself."""

    serial: int
    id: int | None
    """None: it is no DNS message."""
    response: bool
    opcode: int
    cut: bool
    qname: str | None
    qtype: str | None


def told(messages: Sequence[Message], said: pa.RecordBatch, serial: int) -> pa.Table:
    """A row a question: what frames say of the messages, and what these say themselves; numbered from `serial`."""
    made = {name: _column(messages, field, kind) for name, field, kind in _FIELDS}
    serials = pa.array(range(serial, serial + said.num_rows), pa.uint64())
    frames = pa.table(made).take(said["message"])
    return pa.table([serials, *frames.columns, *said.columns], ["serial", *frames.column_names, *said.schema.names])


def of_wire(messages: Sequence[Message]) -> pa.RecordBatch:
    """What messages say themselves, a row a question: the place of the message in `message`, and fields of `Said`."""
    from flowwatch._native import split_messages  # noqa: PLC0415, TID251 - start-up time; the border

    return pa.record_batch(split_messages(pa.array(map(attrgetter("wire"), messages), pa.binary())))


def said(table: pa.Table) -> Iterator[tuple[int, Said]]:
    """Each row's message, from 0, and what it says."""
    values = (table[name].to_pylist() for name in Said._fields)
    return zip(table["message"].to_pylist(), map(Said, *values), strict=True)


def lookups(table: pa.Table, first: pa.Array, last: pa.Array) -> dict[str, pa.Array]:
    """The pairs as columns of LOOKUPS: a question at `first` and its answer at `last`; alike where one stands alone."""
    paired = pc.not_equal(first, last)
    question, answer = _taken(table.drop_columns(list(_OF_THE_LAST)), first), _taken(table, last)
    answered = answer["response"]
    asked = pc.coalesce(pc.if_else(pc.invert(question["response"]), question["asked"], None), answer["asked"])
    time = pc.if_else(answered, answer["answered"], asked)
    made = {name: pc.coalesce(answer[name], question[name]) for name in _OF_EITHER}
    return made | {
        "record": question["record"],
        "offset": question["offset"],
        "time": instants(time),
        "name_exact": pa.repeat(pa.scalar(value=True), len(first)),
        "asked": instants(pc.if_else(answered, asked, None)),
        "answer_record": pc.if_else(paired, answer["record"], None),
        "answer_offset": pc.if_else(paired, answer["offset"], None),
        "latency": pc.if_else(answered, pc.subtract(time, asked), None).cast(pa.duration("ns")),
        **{name: answer[name] for name in _OF_THE_LAST},
        "time_basis": pc.if_else(pc.is_null(time), "none", "explicit"),
    }


def _column(messages: Sequence[Message], field: str, kind: pa.DataType) -> pa.Array:
    values = pa.array(map(attrgetter(field), messages), kind)
    return by_value(values, _address) if kind == pa.binary() else values


def _taken(table: pa.Table, places: pa.Array) -> dict[str, pa.Array]:
    taken = table.take(places)
    return {name: taken[name].combine_chunks() for name in taken.column_names}


def _address(packed: bytes) -> str | None:
    found = ipaddress.ip_address(packed)
    return None if found.is_unspecified else text.address(str(found))
