"""A small scenario by hand in several formats: the same laws as over the lab's, wherever the suite runs.

192.0.2.17 uploads to api.vendor.example and, at the same address, to other.cdn.example; for three minutes to
slow.vendor.example, in records cut each minute; and to 203.0.113.67, for which it had asked by a name that mimics an
approved one.
"""

import json
from pathlib import Path

import pytest

from flowwatch.audit import audit
from flowwatch.model import Amount, Report
from tests.cases.told import asked, judged, verdict

POLICY = """
schema = "flowwatch.policy/1"
[policy]
id = "small"
version = "1"
title = "Uploads of one client network"
owner = "Operator <ops@vendor.example>"
approved_by = [{ name = "Operator", on = 2026-11-01, ref = "S-1" }]
valid_from = 2026-11-01T00:00:00Z
valid_until = 2026-12-31T00:00:00Z
timezone = "UTC"
[[zone]]
id = "clients"
cidrs = ["192.0.2.16/28"]
[[server]]
id = "vendor"
role = "collection_primary"
owner = "Vendor"
match = { cidrs = ["198.51.100.7/32", "198.51.100.8/32"], names = ["api.vendor.example", "slow.vendor.example"] }
[[server]]
id = "resolver"
role = "resolver"
owner = "Operator"
match = { cidrs = ["192.0.2.53/32"] }
dedicated = true
[[classifier]]
id = "large"
label = "bulk"
confidence = "low"
any = [{ bytes_out_min = 2_900 }]
[[channel]]
id = "uploads"
from = ["clients"]
to = ["vendor"]
opened_by = "sender"
service = { proto = "tcp", ports = [443] }
"""
START = 1795333872
MIMIC = "api.vendor.example\\032is\\032203.0.113.67\\032.evil.example"
STEPS = {
    "approved": ("api.vendor.example", "198.51.100.7", 40001, 0, 1, 500),
    "other name": ("other.cdn.example", "198.51.100.7", 40002, 2, 1, 500),
    "long": ("slow.vendor.example", "198.51.100.8", 40003, 10, 180, 3000),
    "mimic": (MIMIC, "203.0.113.67", 40004, 4, 1, 500),
}
"""By step the name, address and client's port, when it began and how long it took, and the payload sent."""
PACKETS = 10


def _zeek_conn(uid, step, **given):
    _, address, port, at, lasting, payload = step
    counts = {"orig_bytes": payload, "resp_bytes": 9, "orig_pkts": PACKETS, "resp_pkts": 4}
    counts |= {"orig_ip_bytes": payload + 40 * PACKETS, "resp_ip_bytes": 169, "conn_state": "SF", "duration": lasting}
    ends = {"id.orig_h": "192.0.2.17", "id.orig_p": port, "id.resp_h": address, "id.resp_p": 443, "proto": "tcp"}
    return {"ts": START + at, "uid": uid, **ends, **counts, **given}


def _zeek_dns(uid, step):
    name, address, port, at, _, _ = step
    ends = {"id.orig_h": "192.0.2.17", "id.orig_p": port, "id.resp_h": "192.0.2.53", "id.resp_p": 53, "proto": "udp"}
    asked_for = {
        "query": name.replace("\\032", " "),
        "qclass": 1,
        "qclass_name": "C_INTERNET",
        "qtype": 1,
        "qtype_name": "A",
    }
    answer = {"rcode": 0, "rcode_name": "NOERROR", "answers": [address], "TTLs": [60.0], "rejected": False}
    flags = {"AA": False, "TC": False, "RD": True, "RA": True, "Z": 0, "trans_id": port}
    return {"ts": START + at - 0.5, "uid": uid, **ends, **asked_for, **answer, **flags}


def _eve(number, step):
    name, address, port, at, lasting, payload = step
    ends = {"src_ip": "192.0.2.17", "src_port": port, "dest_ip": address, "dest_port": 443, "proto": "TCP"}
    told = {"timestamp": _iso(at + lasting), "flow_id": number + 1, **ends}
    counts = {
        "pkts_toserver": PACKETS,
        "pkts_toclient": 4,
        "bytes_toserver": payload + 54 * PACKETS,
        "bytes_toclient": 225,
    }
    flow = counts | {"start": _iso(at), "end": _iso(at + lasting), "state": "closed", "reason": "timeout"}
    tcp = {"tcp_flags": "1b", "tcp_flags_ts": "1b", "tcp_flags_tc": "1b", "syn": True, "fin": True, "ack": True}
    yield told | {"event_type": "flow", "app_proto": "tls", "flow": flow, "tcp": tcp}
    if address != "203.0.113.67":
        yield told | {"timestamp": _iso(at), "event_type": "tls", "tls": {"sni": name, "version": "TLS 1.3"}}


def _nfdump(step):
    """One record a minute each way."""
    _, address, port, at, lasting, payload = step
    cuts = max(1, lasting // 60)
    for cut in range(cuts):
        first, last = (_iso(at + one * (lasting / cuts))[:23] for one in (cut, cut + 1))
        counted = {"in_packets": PACKETS // cuts, "in_bytes": payload // cuts + 40 * (PACKETS // cuts)}
        times = {"type": "FLOW", "first": first, "last": last, "received": last, "proto": 6}
        ours, theirs = {"src4_addr": "192.0.2.17", "src_port": port}, {"dst4_addr": address, "dst_port": 443}
        yield times | ours | theirs | counted
        back = {"src4_addr": address, "src_port": 443, "dst4_addr": "192.0.2.17", "dst_port": port}
        yield times | back | {"in_packets": 4, "in_bytes": 169}


def _iso(at):
    minutes, seconds = divmod(at + 12, 60)
    return f"2026-11-22T07:{51 + int(minutes):02}:{seconds:09.6f}+0000"


def _lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def _bind(number, step):
    name, _, port, at, _, _ = step
    moment = _iso(at)[:23] + "Z"
    asked_for = f"client @0x7f00{number} 192.0.2.17#{port} ({name}): query: {name} IN A +E(0)K (192.0.2.53)"
    return f"{moment} queries: info: {asked_for}\n"


FILES = {
    "conn.log": _lines(_zeek_conn(f"C{number}", step) for number, step in enumerate(STEPS.values())),
    "dns.log": _lines(_zeek_dns(f"D{number}", step) for number, step in enumerate(STEPS.values())),
    "eve.json": _lines(row for number, step in enumerate(STEPS.values()) for row in _eve(number, step)),
    "netflow.json": _lines(row for step in STEPS.values() for row in _nfdump(step)),
    "query.log": "".join(_bind(number, step) for number, step in enumerate(STEPS.values())),
}
APPROVED, UNLISTED = "approved channel.approved", "unapproved destination.unlisted"
OTHER_NAME, TOO_LARGE = "deviation name.unlisted", "deviation label.not_carried"
UNNAMED, AMBIGUOUS = "indeterminate name.unobserved", "indeterminate name.ambiguous"
PERHAPS_TOO_LARGE = "indeterminate condition.unseen"


def _told(approved: str, other_name: str, long: str, mimic: str) -> dict[str, str]:
    return dict(zip(STEPS, (approved, other_name, long, mimic), strict=True))


TOLD = {
    ("conn.log",): _told(UNNAMED, UNNAMED, TOO_LARGE, UNLISTED),
    ("eve.json",): _told(APPROVED, OTHER_NAME, PERHAPS_TOO_LARGE, UNLISTED),
    ("netflow.json",): _told(UNNAMED, UNNAMED, UNNAMED, UNLISTED),
    ("query.log",): dict.fromkeys(STEPS, "0 transmissions"),
    ("dns.log",): dict.fromkeys(STEPS, "0 transmissions"),
    ("netflow.json", "query.log"): _told(UNNAMED, UNNAMED, UNNAMED, UNLISTED),
    ("netflow.json", "dns.log"): _told(AMBIGUOUS, AMBIGUOUS, PERHAPS_TOO_LARGE, UNLISTED),
    ("netflow.json", "eve.json"): _told(APPROVED, OTHER_NAME, PERHAPS_TOO_LARGE, UNLISTED),
    ("conn.log", "eve.json"): _told(APPROVED, OTHER_NAME, TOO_LARGE, UNLISTED),
    tuple(FILES): _told(APPROVED, OTHER_NAME, TOO_LARGE, UNLISTED),
}
"""By files that are read together what is told of each step: never more than they can know."""


@pytest.fixture
def told(tmp_path: Path):
    def read(*names: str) -> Report:
        for name in names:
            (tmp_path / name).write_text(FILES[name])
        (tmp_path / "policy.toml").write_text(POLICY)
        report = audit([tmp_path / name for name in names], tmp_path / "policy.toml")
        assert [(one.error, one.rejected) for one in report.coverage] == [(None, 0)] * len(names)
        return report

    return read


def _steps():
    for name, (_, address, port, at, lasting, _) in STEPS.items():
        ends = {"ip": address, "port": 443, "proto": "tcp", "client_port": port}
        yield name, ends | {"start": START + at, "end": START + at + lasting}


def verdicts(report):
    return {name: verdict(judged(report, step)) for name, step in _steps()}


def amounts(report):
    return {name: judged(report, step)[0].transmission.sent for name, step in _steps()}


@pytest.mark.parametrize("names", TOLD, ids="+".join)
def test_each_format_says_what_it_can_and_together_they_say_more(names, told):
    report = told(*names)
    assert verdicts(report) == TOLD[names]
    assert asked(report, ".evil.example") == ({"unapproved"} if {"dns.log", "query.log"} & {*names} else set())


@pytest.mark.parametrize("names", [names for names in TOLD if "conn.log" in names], ids="+".join)
def test_where_payload_is_counted_it_is_the_amount(names, told):
    assert amounts(told(*names)) == {name: Amount.exactly(step[-1]) for name, step in STEPS.items()}


def test_where_it_is_not_the_amount_is_a_range_and_never_a_sum(told):
    headers = {("netflow.json",): 0, ("eve.json",): 14, ("netflow.json", "eve.json"): 14}
    for names, more in headers.items():
        most = {name: Amount(0, step[-1] + more * PACKETS) for name, step in STEPS.items()}
        assert amounts(told(*names)) == most


def test_every_source_s_records_are_evidence(told):
    report = told(*FILES)
    for name, step in _steps():
        (decision,) = judged(report, step)
        scopes = [one.scope for one in decision.transmission.accounts]
        assert scopes == ["payload", "ip", "frame"], name
    (finding,) = (one for one in report.findings if one.receiver and one.receiver.address == "203.0.113.67")
    assert {Path(one.source).name for one in finding.evidence if one.how == "transmission"} == {
        "conn.log",
        "eve.json",
        "netflow.json",
    }


def test_the_order_of_sources_changes_no_verdict(told):
    assert verdicts(told(*reversed(FILES))) == TOLD[tuple(FILES)]
