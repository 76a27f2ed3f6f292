"""What the suites of Suricata and Zeek expect of their captures, and Community IDs as their specification has them.

Floors stand in tests/floors.json under `peers`: how much of what they name is found. What they do not name is no fault.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from flowwatch import sources
from flowwatch.model import ReadOptions

ROOT = Path(__file__).parent.parent.parent
CORPORA = ROOT.parent / "shared" / "corpora"
FLOORS = json.loads((ROOT / "tests" / "floors.json").read_text())["peers"]
BASELINE = {
    "icmp.pcap": {"1:X0snYXpgwiv9TZtqg64sgzUn6Dk=", "1:YHxtAirCG//0OzkcVAukqKQN9xM="},
    "ipv6.pcap": {"1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="},
    "rsvp.pcap": {"1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="},
    "sctp.pcap": {"1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="},
    "tcp.pcap": {"1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
    "udp.pcap": {"1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
    "icmp6.pcap": {
        "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=",
        "1:zavyT/cezQr1fmImYCwYnMXbgck=",
        "1:2ObVBgIn28oZvibYZhZMBgh7WdQ=",
        "1:hLZd0XGWojozrvxqE0dWB1iM6R0=",
        "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg=",
        "1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0=",
        "1:pkvHqCL88/tg1k4cPigmZXUtL00=",
    },
}
"""The specification's baseline (baseline/baseline_deflt.json, seed 0) for its own captures."""
ONE_FLOW = {"1:dGHyGvjMfljg6Bppwm3bg0LO8TY=", "1:zavyT/cezQr1fmImYCwYnMXbgck="}
"""The same two hosts, each asking for the other: of ICMP one flow an address pair, so either."""

OTHERWISE = {
    # Opcode 15, which is no lookup: counted in Coverage.
    ("dns", "suricata-verify/tests/dns/dns-invalid-opcode/input.pcap"),
    ("dns", "suricata-verify/tests/dns/v2/dns-invalid-opcode/input.pcap"),
    # A hello without signature algorithms: JA4.md ends its list of extensions without an underscore, Suricata with one.
    ("ja4", "suricata-verify/tests/bug-5713-01/TLSv1-Extracted-MaliciousC2.pcap"),
}
"""Where what they expect is not what FLOWS and LOOKUPS are."""

pytestmark = pytest.mark.skipif(not CORPORA.is_dir(), reason="the corpora are not beside this checkout")

Facts = dict[str, set[str]]


def bare(values: Any) -> set[str]:
    """Names as everybody writes them; hosts without their port."""
    names = {str(value).lower().rstrip(".") for value in values if value}
    return {name.split(":")[0] if name.count(":") == 1 else name for name in names}


def expected() -> dict[str, Facts]:
    """By capture, what any test of it names."""
    facts: dict[str, Facts] = defaultdict(lambda: defaultdict(set))
    for line in (CORPORA / "peers.jsonl").read_text().splitlines():
        told = json.loads(line)
        if told["peer"] not in ("suricata", "zeek"):
            continue
        mine = facts[told["capture"]]
        mine["dns"] |= bare(one["name"] for one in told.get("dns", ()))
        mine["sni"] |= bare((*told.get("tls_sni", ()), *told.get("quic_sni", ())))
        mine["http_hosts"] |= bare(told.get("http_hosts", ()))
        for match in (fact["match"] for fact in told.get("facts", ())):
            mine["ja4"] |= {match[key] for key in ("tls.ja4", "quic.ja4") if key in match}
    return {capture: mine for capture, mine in facts.items() if any(mine.values())}


def ours(capture: str) -> Facts:
    """The same facts as the core tells them."""
    read = sources.collect([str(CORPORA / "captures" / capture)], ReadOptions(digest=False))
    column = {name: read.flows[name].to_pylist() for name in ("sni", "http_host", "http_hosts", "community_id", "ja4")}
    hosts = (host for one in column["http_hosts"] for host in one or ())
    return {
        "dns": bare(read.lookups["qname"].to_pylist()),
        "sni": bare(column["sni"]),
        "http_hosts": bare((*hosts, *column["http_host"])),
        "community_id": set(column["community_id"]),
        "ja4": set(column["ja4"]) - {None},
    }


@pytest.fixture(scope="module")
def compared() -> list[tuple[str, Facts, Facts]]:
    return [(capture, wanted, ours(capture)) for capture, wanted in sorted(expected().items())]


@pytest.mark.parametrize("measure", ["dns", "sni", "http_hosts", "ja4"])
def test_what_peers_expect_is_found(compared, measure):
    wanted = sum(len(theirs[measure]) for _, theirs, _ in compared)
    missed = list(missing(compared, measure))
    assert wanted > 0
    assert (wanted - len(missed)) / wanted >= FLOORS[measure], missed


def missing(compared: list[tuple[str, Facts, Facts]], measure: str) -> Iterator[tuple[str, str]]:
    for capture, theirs, mine in compared:
        if (measure, capture) not in OTHERWISE:
            yield from ((capture, fact) for fact in sorted(theirs[measure] - mine[measure]))


@pytest.mark.parametrize("name", BASELINE)
def test_community_ids_are_those_of_the_specification(name):
    path = f"community-id-spec/pcaps/{name}"
    assert ours(path)["community_id"] | ONE_FLOW & BASELINE[name] == BASELINE[name]


def test_certificates_are_those_that_suricata_expects():
    rows: dict[str, list[dict[str, str]]] = {}
    for path, wanted in certificates():
        if path not in rows:
            rows[path] = list(as_suricata(path))
        assert any(wanted.items() <= row.items() for row in rows[path]), (path, wanted)
    assert rows


def certificates() -> Iterator[tuple[str, dict[str, str]]]:
    """Capture and columns of each certificate that a test of Suricata's names."""
    for line in (CORPORA / "peers.jsonl").read_text().splitlines():
        told = json.loads(line)
        for fact in told.get("facts", ()):
            named = {key: value for key, value in fact["match"].items() if key in CERTIFICATE}
            if fact["match"].get("event_type") == "tls" and fact["count"] and named:
                yield told["capture"], named


CERTIFICATE = ("tls.subject", "tls.issuerdn", "tls.notbefore", "tls.notafter")


def as_suricata(capture: str) -> Iterator[dict[str, str]]:
    """Certificates in Suricata's words: names from the first part to the last, nothing escaped; times in seconds."""
    flows = sources.collect([str(CORPORA / "captures" / capture)], ReadOptions(digest=False)).flows
    subjects, issuers = flows["cert_subject"].to_pylist(), flows["cert_issuer"].to_pylist()
    spans = [flows[name].cast(pa.timestamp("s", "UTC")).to_pylist() for name in ("cert_not_before", "cert_not_after")]
    for subject, issuer, *span in zip(subjects, issuers, *spans, strict=True):
        texts = [text and first_to_last(text) for text in (subject, issuer)]
        times = [when and f"{when:%Y-%m-%dT%H:%M:%S}" for when in span]
        yield {key: value for key, value in zip(CERTIFICATE, texts + times, strict=True) if value}


def first_to_last(name: str) -> str:
    parts = re.split(r"(?<!\\)[,+]", name)
    return ", ".join(re.sub(r"\\(.)", r"\1", part) for part in reversed(parts))
