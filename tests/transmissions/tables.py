"""Rows of FLOWS and LOOKUPS by hand: what a capture of one ordinary upload and its lookup would give."""

from typing import Any

import pyarrow as pa

from flowwatch.model import FLOWS, LOOKUPS

SECOND = 10**9


def flow(**given: Any) -> dict[str, Any]:
    """A finished TCP connection from 192.0.2.17 to 198.51.100.20:8443 with 500 bytes out and 100 back."""
    usual = {
        "source": "a.pcap",
        "first_record": 1,
        "last_record": 9,
        "first_offset": 24,
        "start": 1000 * SECOND,
        "end": 1001 * SECOND,
        "proto": "tcp",
        "src_ip": "192.0.2.17",
        "dst_ip": "198.51.100.20",
        "src_port": 40000,
        "dst_port": 8443,
        "direction_basis": "handshake",
        "src_packets": 5,
        "dst_packets": 4,
        "src_bytes": 700,
        "dst_bytes": 260,
        "bytes_scope": "ip",
        "counter": "final",
        "src_payload": 500,
        "dst_payload": 100,
        "src_acked": 500,
        "dst_acked": 100,
        "state": "SF",
        "sampled": 1,
    }
    return usual | given


def attempt(**given: Any) -> dict[str, Any]:
    """An opening that nobody answered."""
    empty = {"src_payload": 0, "dst_payload": 0, "src_acked": None, "dst_acked": None, "dst_packets": 0}
    return flow(**({"state": "S0", "src_packets": 1} | empty | given))


def lookup(*records: tuple[str, str, str, int | None], **given: Any) -> dict[str, Any]:
    """An answered question of 192.0.2.17 for ingest.example; `records` are (owner, type, data, ttl)."""
    usual = {
        "source": "a.pcap",
        "record": 1,
        "offset": 24,
        "time": 990 * SECOND,
        "client_ip": "192.0.2.17",
        "server_ip": "192.0.2.53",
        "server_port": 53,
        "transport": "udp",
        "qname": "ingest.example",
        "qtype": "A",
        "qclass": "IN",
        "name_exact": True,
        "rcode": "NOERROR",
        "answers": [dict(zip(("name", "type", "data", "ttl"), record, strict=True)) for record in records],
        "flags": ["rd", "ra"],
    }
    return usual | given


def flows(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=FLOWS)


def lookups(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=LOOKUPS)
