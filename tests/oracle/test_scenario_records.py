"""A recorded network whose truth is known: every flow to the byte, every question with its answer."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

SCENARIO = Path(__file__).parents[2] / ".." / "shared" / "logs" / "scenario"
pytestmark = pytest.mark.skipif(not SCENARIO.is_dir(), reason="../shared/logs/scenario is not here")


def truth(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SCENARIO / name).read_text().splitlines()]


@pytest.fixture(scope="module")
def told(rows_in: Any) -> Any:
    return rows_in(SCENARIO / "inside.pcap")


def test_every_flow_equals_the_truth_to_the_byte(told: Any) -> None:
    wanted = [
        {
            "proto": row["proto"],
            "src": (row["src"], row["sport"] if row["proto"] in ("tcp", "udp") else None),
            "dst": (row["dst"], row["dport"] if row["proto"] in ("tcp", "udp") else None),
            "packets": (row["pkts_out"], row["pkts_in"]),
            "ip_bytes": (row["ip_bytes_out"], row["ip_bytes_in"]),
            "payload": (row["payload_bytes_out"], row["payload_bytes_in"]),
            "sni": row["sni"],
        }
        for row in truth("truth-flows-inside.jsonl")
    ]
    found = [
        {
            "proto": row["proto"],
            "src": (row["src_ip"], row.get("src_port") if row["proto"] in ("tcp", "udp") else None),
            "dst": (row["dst_ip"], row.get("dst_port") if row["proto"] in ("tcp", "udp") else None),
            "packets": (row["src_packets"], row["dst_packets"]),
            "ip_bytes": (row["src_bytes"], row["dst_bytes"]),
            "payload": (row["src_payload"], row["dst_payload"]),
            "sni": row.get("sni"),
        }
        for row in told.flows
    ]
    assert sorted(map(repr, found)) == sorted(map(repr, wanted))


def escaped(labels: list[str]) -> str:
    """The name of these labels (in hex) as records.md writes it."""
    plain = set(range(0x21, 0x7F)) - set(b".\\")
    texts = ["".join(chr(b).lower() if b in plain else f"\\{b:03d}" for b in bytes.fromhex(label)) for label in labels]
    return ".".join(text for text in texts if text) or "."


def test_123_lookups_pair_the_246_messages(told: Any) -> None:
    messages = truth("truth-dns.jsonl")
    replies = [row for row in messages if row["kind"] == "response"]
    asked = Counter((row["client"], row["client_port"], row["id"]) for row in messages if row["kind"] == "query")
    assert (len(messages), len(replies), len(asked)) == (246, 123, 123)
    wanted = [
        (
            (row["client"], row["client_port"], row["server"]),
            (escaped(row["qname_labels_hex"]), row["qtype"], row["qclass"], row["transport"]),
            row["rcode"],
            [(a["name"].rstrip("."), a["type"], a["data"].rstrip("."), a["ttl"]) for a in row["answers"]],
            [flag.lower() for flag in row["flags"].split() if flag != "QR"],
            round(row["ts"] * 1e6),
        )
        for row in replies
    ]
    found = [
        (
            (row["client_ip"], row["client_port"], row["server_ip"]),
            (row["qname"], row["qtype"], row["qclass"], row["transport"]),
            row["rcode"],
            [(a["name"], a["type"], a["data"], a["ttl"]) for a in row["answers"]],
            sorted(row["flags"], key=["aa", "rd", "ra"].index),
            row["time"] // 1000,
        )
        for row in told.lookups
    ]
    assert sorted(found, key=repr) == sorted(wanted, key=repr)
    assert all(row["latency"] == row["time"] - row["asked"] > 0 for row in told.lookups)
