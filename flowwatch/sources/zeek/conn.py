"""Zeek conn.log: one flow a record, from the initiator's side.

Bytes are what Zeek calls `orig_bytes` and `resp_bytes`, transport payload by sequence numbers, so `bytes_scope` is
`payload` and `src_bytes` equals `src_payload`. Where Zeek counts more payload than IP bytes (zeek#3313: one odd
sequence number adds gigabytes) the IP bytes stand in for it, and a note says how often. Zeek writes a connection when
it ends, so order in the file is not order in time, and what is still open is not there. What was acknowledged Zeek
does not say.
"""

import re

import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources.columns import by_value, instants
from flowwatch.sources.zeek.cells import Cells
from flowwatch.sources.zeek.rows import Rows

FIELDS = (
    "ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "service", "duration",
    "orig_bytes", "resp_bytes", "conn_state", "missed_bytes", "orig_pkts", "orig_ip_bytes", "resp_pkts",
    "resp_ip_bytes", "ip_proto", "vlan", "inner_vlan", "community_id",
)  # fmt: skip
LISTS = ("tunnel_parents",)
_STATES = frozenset(("S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH"))
_NUMBERS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmp6", "132": "sctp"}
_PROTOCOLS = frozenset(_NUMBERS.values())
_APPS = {"ssl": "tls"}
_SERVICE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_TOO_MANY = "payload count above the IP byte count: the IP byte count is used"
_TUNNELLED = "flow inside a tunnel that Zeek names by its own id only"


def rows(cells: Cells) -> Rows:
    """The chunk as rows of FLOWS."""
    start = cells.time("ts")
    sent, sent_note = _payload(cells, "orig")
    received, received_note = _payload(cells, "resp")
    packets = {"src_packets": cells.count("orig_pkts"), "dst_packets": cells.count("resp_pkts")}
    columns = {
        **identity(cells, start, pc.add(start, pc.fill_null(cells.span("duration"), 0))),
        **packets,
        "proto": _protocol(cells),
        "src_bytes": sent,
        "dst_bytes": received,
        "bytes_scope": cells.all("payload"),
        "counter": cells.all("final"),
        "src_payload": sent,
        "dst_payload": received,
        "missing_bytes": cells.count("missed_bytes"),
        "vlan": _vlans(cells),
        "community_id": cells.printable("community_id"),
        "app": by_value(cells.raw("service"), _app),
    }
    columns["state"] = _state(cells, columns["proto"])
    tunnelled = pc.greater(pc.list_value_length(cells.listed("tunnel_parents")), 0)
    notes = {_TOO_MANY: pc.or_(sent_note, received_note), _TUNNELLED: tunnelled}
    return Rows(table="flows", columns=columns, time=start, one_way=_one_way(**packets), notes=notes)


def identity(cells: Cells, start: pa.Int64Array, end: pa.Int64Array) -> dict[str, pa.Array]:
    """The columns every flow of Zeek has: where it stood, when, between whom; refuses records without a side."""
    for field in ("id.orig_h", "id.resp_h"):
        cells.refuse(pc.is_null(cells.raw(field)), f"bad_field:{field}")
    return connection(cells, start, end)


def connection(cells: Cells, start: pa.Int64Array, end: pa.Int64Array) -> dict[str, pa.Array]:
    """The same of records that need not say between whom."""
    return {
        "first_record": cells.chunk.number,
        "last_record": cells.chunk.number,
        "first_offset": cells.chunk.offset,
        "start": instants(start),
        "end": instants(end),
        "src_ip": cells.address("id.orig_h"),
        "dst_ip": cells.address("id.resp_h"),
        "src_port": cells.port("id.orig_p"),
        "dst_port": cells.port("id.resp_p"),
        "conn_id": cells.printable("uid"),
        "parts": cells.all(1, pa.uint32()),
        "direction_basis": cells.all("log"),
    }


def _payload(cells: Cells, side: str) -> tuple[pa.UInt64Array, pa.BooleanArray]:
    """Payload bytes of one side, and where the IP byte count stood in for them."""
    payload, whole = cells.count(f"{side}_bytes"), cells.count(f"{side}_ip_bytes")
    too_many = pc.fill_null(pc.and_(pc.greater(payload, whole), pc.greater(whole, 0)), fill_value=False)
    return pc.if_else(too_many, whole, payload), too_many


def _protocol(cells: Cells) -> pa.StringArray:
    """The protocol's word, by `ip_proto` where Zeek has no word; a record without one is refused."""
    words = by_value(cells.raw("proto"), lambda word: word if word in _PROTOCOLS else None)
    words = pc.coalesce(words, by_value(cells.raw("ip_proto"), _numbered))
    six = pc.and_(pc.equal(words, "icmp"), pc.match_substring(cells.raw("id.orig_h"), ":"))
    words = pc.if_else(pc.fill_null(six, fill_value=False), "icmp6", words)
    cells.refuse(pc.is_null(words), "bad_field:proto")
    return words


def _numbered(number: str) -> str | None:
    if not (number.isascii() and number.isdecimal() and len(number) <= 3 and int(number) <= 255):
        return None
    return _NUMBERS.get(str(int(number)), str(int(number)))


def _state(cells: Cells, protocol: pa.StringArray) -> pa.StringArray:
    """Zeek gives every protocol a state; only TCP's has the meaning of the word."""
    known = by_value(cells.raw("conn_state"), lambda word: word if word in _STATES else None)
    return pc.if_else(pc.equal(protocol, "tcp"), known, None)


def _app(services: str) -> str | None:
    """The first service; QUIC where it carries TLS. Zeek marks with `-` what turned out not to be one."""
    found = [service for service in services.lower().split(",") if _SERVICE.fullmatch(service)]
    if not found:
        return None
    return "quic" if "quic" in found else _APPS.get(found[0], found[0])


def _vlans(cells: Cells) -> pa.ListArray:
    """Tags outer to inner; null where the record has none."""
    outer, inner = cells.port("vlan"), cells.port("inner_vlan")
    if outer.null_count == inner.null_count == len(cells):
        return cells.nulls(pa.list_(pa.uint16()))
    pairs = zip(outer.to_pylist(), inner.to_pylist(), strict=True)
    tags = ([tag for tag in pair if tag is not None] or None for pair in pairs)
    return pa.array(tags, pa.list_(pa.uint16()))


def _one_way(src_packets: pa.UInt64Array, dst_packets: pa.UInt64Array) -> pa.BooleanArray:
    return pc.xor(pc.equal(src_packets, 0), pc.equal(dst_packets, 0))
