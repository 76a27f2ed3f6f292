"""One stored stream of PowerDNS' messages from its bytes to batches: the story of `sources.dnstap` with its own schema.

What messages say themselves stands in the frames, so no message is taken apart.
"""

from collections.abc import Sequence
from operator import attrgetter

import pyarrow as pa

from flowwatch.model.records import LOOKUPS, Refused
from flowwatch.sources.dnstap.frames import BLOCK
from flowwatch.sources.dnstap.message import Message
from flowwatch.sources.dnstap.reader import DnstapRecords, Schema
from flowwatch.sources.opened import Opened
from flowwatch.sources.powerdns.frames import Frames
from flowwatch.sources.powerdns.message import message

_TOLD = (
    ("id", pa.uint16()),
    ("response", pa.bool_()),
    *((name, LOOKUPS.field(name).type) for name in ("rcode", "qname", "qtype", "qclass", "answers")),
)


def _said(messages: Sequence[Message]) -> pa.RecordBatch:
    """What messages say themselves, a row each, as `dnstap.rows.of_wire` has it; flags are not told."""
    count = len(messages)
    columns = {name: pa.array(map(attrgetter(name), messages), kind) for name, kind in _TOLD}
    columns |= {
        "message": pa.array(range(count), pa.uint32()),
        "opcode": pa.repeat(pa.scalar(0, pa.uint8()), count),
        "flags": pa.nulls(count, pa.list_(pa.utf8())),
        "cut": pa.repeat(pa.scalar(value=False), count),
    }
    return pa.record_batch(columns)


_POWERDNS = Schema("powerdns-protobuf", Frames, message, _said)


def powerdns_records(opened: Opened, refused: Refused | None = None, *, block: int = BLOCK) -> DnstapRecords:
    """Rows of one file, read once."""
    return DnstapRecords(opened, refused, block=block, schema=_POWERDNS)
