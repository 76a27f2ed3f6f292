"""EVE `flow`: one conversation a record, from its initiator's side, when Suricata lets go of it.

Bytes are whole frames, so `bytes_scope` is `frame`; what of them was payload or was acknowledged EVE does not say.
`timestamp` is when it was logged; the conversation's own times are `flow.start` and `flow.end`. What is still open is
not there.
"""

import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources.columns import by_value, instants
from flowwatch.sources.eve import words
from flowwatch.sources.eve.cells import Cells, Rows
from flowwatch.sources.eve.events import Event

_ACTIONS = {"accept": "allow", "pass": "allow", "drop": "deny", "reject": "reset"}
_WORDS = pa.list_(pa.utf8())
_ENDS = pa.list_(pa.struct([("src", pa.utf8()), ("dst", pa.utf8())]))
_INSIDE = "flow inside a tunnel that Suricata names by its own id only"


def rows(cells: Cells) -> Rows:
    """The records as rows of FLOWS."""
    start = cells.time("flow.start")
    end = cells.time("flow.end")
    sides = (("src", "toserver"), ("dst", "toclient"))
    packets = {f"{side}_packets": cells.values(f"flow.pkts_{way}", pa.uint64()) for side, way in sides}
    columns = {
        **identity(cells, start, end),
        **packets,
        **{f"{side}_bytes": cells.values(f"flow.bytes_{way}", pa.uint64()) for side, way in sides},
        "bytes_scope": cells.all("frame"),
        "counter": cells.all("final"),
        "app": by_value(cells.each(_app), words.app),
        "state": by_value(cells.each(_flags), words.state),
        "action": by_value(cells.values("flow.action"), _ACTIONS.get),
    }
    columns["state"] = pc.if_else(pc.equal(columns["proto"], "tcp"), columns["state"], None)
    one_way = pc.xor(*(pc.equal(pc.fill_null(column, 0), 0) for column in packets.values()))
    inside = pc.and_(pc.is_valid(cells.values("parent_id", pa.uint64())), pc.is_null(columns["tunnel"]))
    return Rows(columns=columns, start=start, end=end, one_way=one_way, notes={_INSIDE: inside})


def identity(cells: Cells, start: pa.Int64Array, end: pa.Int64Array) -> dict[str, pa.Array]:
    """The columns every record has: where it stood, when, between whom."""
    proto = by_value(cells.values("proto"), words.protocol)
    cells.refuse(pc.is_null(proto), "bad_field:proto")
    ports = [pc.coalesce(*(cells.values(field, pa.uint16()) for field in pair)) for pair in _PORTS]
    return {
        "first_record": cells.number,
        "last_record": cells.number,
        "first_offset": cells.offset,
        "start": instants(start),
        "end": instants(end),
        "proto": proto,
        "src_ip": cells.address("src_ip"),
        "dst_ip": cells.address("dest_ip"),
        "src_port": ports[0],
        "dst_port": ports[1],
        "conn_id": cells.values("flow_id", pa.uint64()).cast(pa.utf8()),
        "parts": cells.all(1, pa.uint32()),
        "direction_basis": cells.all("log"),
        "vlan": cells.each(_vlan, pa.list_(pa.uint16())),
        "tunnel": cells.each(_tunnel, _WORDS),
        "tunnel_ends": cells.each(_tunnel_ends, _ENDS),
        "community_id": cells.printable("community_id"),
        "host": cells.printable("host"),
    }


_PORTS = (("src_port", "icmp_type"), ("dest_port", "icmp_code"))


def _app(event: Event) -> str | None:
    """What the conversation began as: behind CONNECT and STARTTLS Suricata goes on to name what is inside."""
    return event.app_proto_orig or event.app_proto


def _flags(event: Event) -> str | None:
    return f"{event.tcp.tcp_flags_ts or ''}/{event.tcp.tcp_flags_tc or ''}" if event.tcp else None


def _vlan(event: Event) -> list[int] | None:
    return [event.vlan] if isinstance(event.vlan, int) else event.vlan or None


def _tunnel(event: Event) -> list[str] | None:
    outer = event.tunnel
    return [words.tunnel(outer.proto or "", outer.dest_port)] if outer else None


def _tunnel_ends(event: Event) -> list[dict[str, str | None]] | None:
    outer = event.tunnel
    return [{"src": words.canonical(outer.src_ip), "dst": words.canonical(outer.dest_ip)}] if outer else None
