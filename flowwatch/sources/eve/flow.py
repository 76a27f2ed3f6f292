"""EVE `flow`: one conversation a record, from its initiator's side, when Suricata lets go of it.

Bytes are whole frames, so `bytes_scope` is `frame`; what of them was payload or was acknowledged EVE does not say.
`timestamp` is when it was logged; the conversation's own times are `flow.start` and `flow.end`. What is still open is
not there. `netflow` tells the two directions in records of their own, and not who began.
"""

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources.columns import by_value, instants
from flowwatch.sources.eve import words
from flowwatch.sources.eve.cells import Cells, Rows

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
        "app": by_value(_app(cells), words.app),
        "state": by_value(_flags(cells), words.state),
        "action": cells.each("flow.action", _ACTIONS.get),
    }
    columns["state"] = pc.if_else(pc.equal(columns["proto"], "tcp"), columns["state"], None)
    one_way = pc.xor(*(pc.equal(pc.fill_null(column, 0), 0) for column in packets.values()))
    inside = pc.and_(pc.is_valid(cells.values("parent_id", pa.uint64())), pc.is_null(columns["tunnel"]))
    return Rows(columns=columns, start=start, end=end, one_way=one_way, notes={_INSIDE: inside})


def netflow(cells: Cells) -> Rows:
    """Records of type `netflow` as rows of FLOWS: what `src` sent; the other's counts are null."""
    start = cells.time("netflow.start")
    end = cells.time("netflow.end")
    columns = {
        **identity(cells, start, end),
        "direction_basis": cells.all("first_record"),
        "src_packets": cells.values("netflow.pkts", pa.uint64()),
        "src_bytes": cells.values("netflow.bytes", pa.uint64()),
        "bytes_scope": cells.all("frame"),
        "counter": cells.all("final"),
        "app": by_value(_app(cells), words.app),
    }
    return Rows(columns=columns, start=start, end=end)


def identity(cells: Cells, start: pa.Int64Array, end: pa.Int64Array) -> dict[str, pa.Array]:
    """The columns every record has: where it stood, when, between whom."""
    proto = cells.each("proto", words.protocol)
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
        "vlan": cells.each("vlan", _vlan, pa.list_(pa.uint16())),
        **_tunnel(cells),
        "community_id": cells.printable("community_id"),
        "host": cells.printable("host"),
    }


_PORTS = (("src_port", "icmp_type"), ("dest_port", "icmp_code"))


def _app(cells: Cells) -> pa.StringArray:
    """What the conversation began as: behind CONNECT and STARTTLS Suricata goes on to name what is inside."""
    began = cells.values("app_proto_orig")
    return pc.coalesce(pc.if_else(pc.equal(began, ""), None, began), cells.values("app_proto"))


def _flags(cells: Cells) -> pa.StringArray:
    sides = (pc.fill_null(cells.values(f"tcp.tcp_flags_{way}"), "") for way in ("ts", "tc"))
    return pc.if_else(cells.values("tcp"), pc.binary_join_element_wise(*sides, "/"), None)


def _vlan(data: str) -> list[int] | None:
    told = msgspec.json.decode(data)
    return [told] if isinstance(told, int) else told or None


def _tunnel(cells: Cells) -> dict[str, pa.Array]:
    """The outermost encapsulation, where there is one."""
    if not pc.any(cells.values("tunnel")).as_py():
        return {"tunnel": pa.nulls(len(cells), _WORDS), "tunnel_ends": pa.nulls(len(cells), _ENDS)}
    parts = (cells.values(path).to_pylist() for path in ("tunnel", *_OUTER))
    outer = [rest if there else None for there, *rest in zip(*parts, strict=True)]
    kinds = [[words.tunnel(one[0] or "", one[1])] if one else None for one in outer]
    ends = [[dict(zip(("src", "dst"), map(words.canonical, one[2:]), strict=True))] if one else None for one in outer]
    return {"tunnel": pa.array(kinds, _WORDS), "tunnel_ends": pa.array(ends, _ENDS)}


_OUTER = ("tunnel.proto", "tunnel.dest_port", "tunnel.src_ip", "tunnel.dest_ip")
