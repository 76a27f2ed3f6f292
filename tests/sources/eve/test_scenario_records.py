"""A recorded network whose truth is known: Suricata's two logs of it, every flow to the frame byte, every question."""

import json
from collections import Counter

import pytest

from flowwatch.sources import text

LOGS = ("suricata-7.0.10-eve.json", "suricata-8.0.7-eve.json")
PORTED = ("tcp", "udp")


@pytest.fixture(params=LOGS)
def told(request, shared_logs, eve):
    return eve(str(shared_logs / "scenario" / request.param))


@pytest.fixture
def truth(shared_logs):
    return lambda name: [json.loads(line) for line in (shared_logs / "scenario" / name).read_text().splitlines()]


def test_every_flow_of_a_client_equals_the_truth_to_the_frame_byte(told, truth):
    wanted = Counter(
        (
            (row["proto"], row["src"], row["sport"] if row["proto"] in PORTED else None),
            (row["dst"], row["dport"] if row["proto"] in PORTED else None),
            (row["pkts_out"], row["pkts_in"], row["frame_bytes_out"], row["frame_bytes_in"]),
            tuple(round(row[time] * 1e6) for time in ("start", "end")),
        )
        for row in truth("truth-flows-inside.jsonl")
    )
    found = Counter(
        (
            (row["proto"], row["src_ip"], row["src_port"] if row["proto"] in PORTED else None),
            (row["dst_ip"], row["dst_port"] if row["proto"] in PORTED else None),
            tuple(row[name] for name in ("src_packets", "dst_packets", "src_bytes", "dst_bytes")),
            tuple(row[time] // 1000 for time in ("start", "end")),
        )
        for row in told[0]
        if row["bytes_scope"] == "frame"
    )
    # Two neighbours that solicit each other are two flows to Suricata and one address pair to the truth.
    neighbours = [one for one in found | wanted if one[0][1].startswith("fe80:") and one[1][0].startswith("fe80:")]
    for one in neighbours:
        del found[one], wanted[one]
    assert found == wanted
    assert (len(neighbours), found.total()) == (3, 141)


def test_names_of_handshakes_and_requests_are_those_of_the_truth(told, truth):
    wanted = {(row["sport"], row["sni"]) for row in truth("truth-flows-inside.jsonl") if row["sni"]}
    assert {(row["src_port"], row["sni"]) for row in told[0] if "sni" in row} == wanted
    requests = [row for row in told[0] if "http_host" in row and row["bytes_scope"] == "unknown"]
    asked = [(row["http_method"], row["http_host"], row["http_path"]) for row in requests]
    assert sorted(asked) == [
        ("CONNECT", "api.vendor.test", "api.vendor.test:443"),
        ("CONNECT", "telemetry.evil.test", "telemetry.evil.test:443"),
        ("POST", "collector.vendor.test", "/in"),
        ("POST", "collector.vendor.test", "/p?q=a%20b"),
    ]


def test_the_bodies_of_requests_are_what_was_posted(told):
    bodies = [(row["http_path"], row["src_ip"], row["src_bytes"]) for row in told[0] if row["bytes_scope"] == "body"]
    assert sorted(bodies) == [("/in", "10.20.0.10", 5000), ("/p?q=a%20b", "10.20.0.10", 5000)]
    assert "2 x file that is not known to be a request's body" in told[2].notes


def test_every_lookup_equals_the_truth_but_for_the_class_that_eve_leaves_out(told, truth):
    messages = truth("truth-dns.jsonl")
    wanted = [
        (
            (row["client"], row["client_port"], row["server"]),
            ".".join(text.label(bytes.fromhex(label)) for label in row["qname_labels_hex"] if label),
            (row["qtype"], row["transport"], row["rcode"]),
            [(one["name"].rstrip("."), one["type"], one["data"].rstrip("."), one["ttl"]) for one in row["answers"]],
            [flag.lower() for flag in row["flags"].split() if flag != "QR"],
            round(row["ts"] * 1e6),
        )
        for row in messages
        if row["kind"] == "response"
    ]
    found = [
        (
            (row["client_ip"], row["client_port"], row["server_ip"]),
            row["qname"],
            (row["qtype"], row["transport"], row["rcode"]),
            [(one["name"], one["type"], one["data"], one["ttl"]) for one in row["answers"]],
            row["flags"],
            row["time"] // 1000,
        )
        for row in told[1]
    ]
    assert len(found) == 123
    assert sorted(found, key=repr) == sorted(wanted, key=repr)
    assert all(row["latency"] == row["time"] - row["asked"] > 0 and row["name_exact"] for row in told[1])


def test_the_account_is_whole(told):
    coverage = told[2]
    assert (coverage.records, coverage.events, coverage.noise, coverage.rejected) == (408, 405, 3, 0)
    assert (coverage.flows, coverage.lookups, coverage.one_way_flows) == (159, 123, 2)
    assert not coverage.incomplete
