"""Hand-made EVE records with reserved names and addresses, as Suricata 7 and 8 write them."""

import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from flowwatch.model.records import FLOWS, LOOKUPS, Coverage
from flowwatch.sources.eve import EveLog
from flowwatch.sources.logs import LogRecords
from flowwatch.sources.opened import Opened

_ENDS = {"src_ip": "192.0.2.10", "src_port": 40001, "dest_ip": "198.51.100.7", "dest_port": 443, "proto": "TCP"}
_ASKER = {"src_ip": "192.0.2.10", "src_port": 40000, "dest_ip": "192.0.2.53", "dest_port": 53, "proto": "UDP"}
_RESOLVER = {"src_ip": "192.0.2.53", "src_port": 53, "dest_ip": "192.0.2.10", "dest_port": 40000, "proto": "UDP"}
_ANSWERS = [
    {"rrname": "results.example", "rrtype": "CNAME", "ttl": 300, "rdata": "edge.example"},
    {"rrname": "edge.example", "rrtype": "AAAA", "ttl": 60, "rdata": "2001:0db8:0000:0000:0000:0000:0000:0007"},
]
RECORDS: dict[str, dict[str, Any]] = {
    "flow": {
        "timestamp": "2026-11-22T07:53:00.000001+0000",
        "flow_id": 1001,
        "event_type": "flow",
        **_ENDS,
        "app_proto": "tls",
        "flow": {
            "pkts_toserver": 25,
            "pkts_toclient": 12,
            "bytes_toserver": 302870,
            "bytes_toclient": 4904,
            "start": "2026-11-22T07:51:12.718001+0000",
            "end": "2026-11-22T07:51:14.218001+0000",
            "state": "closed",
            "reason": "timeout",
        },
        "tcp": {"tcp_flags": "1b", "tcp_flags_ts": "1b", "tcp_flags_tc": "1b", "state": "closed"},
    },
    "query": {
        "timestamp": "2026-11-22T07:51:12.000001+0000",
        "flow_id": 1000,
        "event_type": "dns",
        **_ASKER,
        "dns": {"version": 2, "type": "query", "id": 7, "rrname": "results.example", "rrtype": "AAAA", "opcode": 0},
    },
    "answer": {
        "timestamp": "2026-11-22T07:51:12.001529+0000",
        "flow_id": 1000,
        "event_type": "dns",
        **_ASKER,
        "dns": {
            "version": 2,
            "type": "answer",
            "id": 7,
            "flags": "8180",
            "opcode": 0,
            "rcode": "NOERROR",
            "rrname": "results.example",
            "rrtype": "AAAA",
            "answers": _ANSWERS,
            "grouped": {"AAAA": ["2001:0db8:0000:0000:0000:0000:0000:0007"], "CNAME": ["edge.example"]},
        },
    },
    "request": {
        "timestamp": "2026-11-22T07:51:12.000001+0000",
        "flow_id": 1000,
        "event_type": "dns",
        **_ASKER,
        "dns": {
            "version": 3,
            "type": "request",
            "id": 7,
            "tx_id": 0,
            "flags": "120",
            "opcode": 0,
            "rcode": "NOERROR",
            "queries": [{"rrname": "results.example", "rrtype": "AAAA"}],
        },
    },
    "response": {
        "timestamp": "2026-11-22T07:51:12.001529+0000",
        "flow_id": 1000,
        "event_type": "dns",
        **_RESOLVER,
        "dns": {
            "version": 3,
            "type": "response",
            "id": 7,
            "tx_id": 1,
            "flags": "8180",
            "opcode": 0,
            "rcode": "NOERROR",
            "queries": [{"rrname": "results.example", "rrtype": "AAAA"}],
            "answers": _ANSWERS,
        },
    },
    "tls": {
        "timestamp": "2026-11-22T07:51:12.720000+0000",
        "flow_id": 1001,
        "event_type": "tls",
        **_ENDS,
        "tls": {"sni": "Results.Example", "version": "TLS 1.2", "ja4": "t12d", "client_alpns": ["h2", "http/1.1"]},
    },
    "http": {
        "timestamp": "2026-11-22T07:51:13.000000+0000",
        "flow_id": 1002,
        "event_type": "http",
        **_ENDS,
        "src_port": 40002,
        "dest_port": 80,
        "http": {
            "hostname": "results.example",
            "url": "/in?a=b",
            "http_method": "POST",
            "http_user_agent": "curl/8",
            "protocol": "HTTP/1.1",
            "status": 200,
            "length": 22,
        },
    },
    "netflow": {
        "timestamp": "2026-11-22T07:53:00.000001+0000",
        "flow_id": 1004,
        "event_type": "netflow",
        **_ENDS,
        "src_port": 40004,
        "app_proto": "tls",
        "netflow": {
            "pkts": 25,
            "bytes": 302870,
            "start": "2026-11-22T07:51:12.718001+0000",
            "end": "2026-11-22T07:51:14.218001+0000",
            "age": 2,
            "min_ttl": 64,
            "max_ttl": 64,
        },
        "tcp": {"tcp_flags": "1b", "syn": True},
    },
    "fileinfo": {
        "timestamp": "2026-11-22T07:51:12.900000+0000",
        "flow_id": 1002,
        "event_type": "fileinfo",
        **_ENDS,
        "src_port": 40002,
        "dest_port": 80,
        "http": {"hostname": "results.example", "url": "/in?a=b", "http_method": "POST", "status": 200, "length": 0},
        "app_proto": "http",
        "fileinfo": {"filename": "/in", "gaps": False, "state": "CLOSED", "stored": False, "size": 5000, "tx_id": 0},
    },
    "quic": {
        "timestamp": "2026-11-22T07:51:13.500000+0000",
        "flow_id": 1003,
        "event_type": "quic",
        **_ENDS,
        "src_port": 40003,
        "proto": "UDP",
        "quic": {"version": "1", "sni": "results.example", "extensions": [{"type": 16, "values": ["h3"]}]},
    },
    "stats": {
        "timestamp": "2026-11-22T07:54:00.000000+0000",
        "event_type": "stats",
        "stats": {"capture": {"kernel_packets": 100, "kernel_drops": 0}},
    },
    "alert": {
        "timestamp": "2026-11-22T07:51:13.600000+0000",
        "flow_id": 1002,
        "event_type": "alert",
        **_ENDS,
        "alert": {"action": "allowed", "signature_id": 1},
    },
}


def _made(kind: str, change: dict[str, Any]) -> dict[str, Any]:
    """The usual record with the change; an inner object of the record is changed and not replaced."""
    made = json.loads(json.dumps(RECORDS[kind]))
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(made.get(key), dict):
            made[key].update(value)
        else:
            made[key] = value
    return {key: value for key, value in made.items() if value is not None}


@pytest.fixture
def record() -> Callable[..., dict[str, Any]]:
    """One record of a kind, changed."""
    return lambda kind, **change: _made(kind, change)


@pytest.fixture
def lines() -> Callable[..., bytes]:
    """Records as a log, one a line."""
    return lambda *records: b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in records)


@pytest.fixture
def eve() -> Callable[..., tuple[list[dict[str, Any]], list[dict[str, Any]], Coverage]]:
    """Reads a log: rows of both tables in the order of the log, nulls left out, times as integers; and its account."""

    def read(source: str, *, block: int = 1 << 22) -> tuple[list[dict[str, Any]], list[dict[str, Any]], Coverage]:
        parts: dict[str, list[pa.RecordBatch]] = {"flows": [], "lookups": []}
        with Opened(source) as opened:
            records = LogRecords(opened, EveLog(opened.name), block=block)
            for table, batch in records:
                batch.validate(full=True)
                parts[table].append(batch)
        flows = _plain(pa.Table.from_batches(parts["flows"], FLOWS).sort_by("first_record"))
        lookups = _plain(pa.Table.from_batches(parts["lookups"], LOOKUPS).sort_by("record"))
        return flows, lookups, records.coverage

    return read


def _plain(table: pa.Table) -> list[dict[str, Any]]:
    timed = (pa.types.is_timestamp, pa.types.is_duration)
    columns = [one.cast(pa.int64()) if any(is_(one.type) for is_ in timed) else one for one in table.columns]
    rows = pa.Table.from_arrays(columns, names=table.column_names).to_pylist()
    return [{name: value for name, value in row.items() if value is not None} for row in rows]
