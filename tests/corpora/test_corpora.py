"""Captures nobody here made: nothing crashes, every record is accounted for, and accuracy only rises.

Floors stand in tests/floors.json. What is missed against tshark's answers lies in what is not read, which Coverage
counts and which makes the run incomplete where it hides traffic. What else differs is either wrong or explained: names
and hosts here, conversations and what they sent in explained.toml.
"""

import csv
import ipaddress
import json
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flowwatch import sources
from flowwatch.audit import audit
from flowwatch.model import ReadOptions

ROOT = Path(__file__).parent.parent.parent
CORPORA = ROOT.parent / "shared" / "corpora"
EXPLAINED = {
    "dns_questions": {
        # Names whose odd bytes tshark writes otherwise than RFC 1035 5.1: a backslash, a dot or a space inside a label.
        "packetq/pcap/sample-rfc1035escape.pcap.gz": 4,
        "dnscap/src/test/sll2.pcap": 1,
        "packetgen/spec/header/mdns.pcapng": 1,
        # The zero that was put into the name of one answer, where tshark's text ends.
        "tcpreplay/test/test.rewrite_l7fuzzing": 1,
        "tcpreplay/test/test2.rewrite_l7fuzzing": 1,
        # Questions over TCP on ports on which tshark does not look for DNS: LLMNR's, and 8053.
        "suricata-verify/tests/llmnr/llmnr-tcp/input.pcap": 1,
        "suricata-verify/tests/llmnr/llmnr-tcp-reassembly/input.pcap": 1,
        "tcpdump/tests/dns_tcp_8053.pcap": 1,
        # IPv4 under the link type of IPv6, which tshark refuses.
        "tcpdump/tests/LINKTYPE_IPV6_invalid.pcap": 1,
    },
    # The hello behind a CONNECT whose answer the capture has not: tshark waits for the answer.
    "sni": {"suricata-verify/tests/bug-2512/sample_10.62.112.41_62227.pcap": 1},
    "http_hosts": {
        # Heads over several segments, or whose end the capture has not, of which tshark's answers have no host.
        **{
            f"suricata-verify/tests/detect-http-uri/DetectEngineHttpRawUriTest{one:02}/test.fpc.pcap": 1
            for one in (3, 4, *range(9, 17), *range(21, 29))
        },
        "suricata-verify/tests/http-request-line/input.pcap": 1,
        "suricata-verify/tests/uricontent/detect-uricontent-05/input.pcap": 1,
        "suricata-verify/tests/uricontent/detect-uricontent-07/input.pcap": 1,
        "gopacket/layers/testdata/cip.pcap": 1,
        "mercury/test/afl_data/corner-cases.pcap": 2,
        "mercury/test/afl_data/multi_packet_http_request.pcap": 1,
        "mercury/test/afl_data/multi_packet_http_request_ua.pcap": 1,
        "mercury/unit_tests/pcaps/multi_packet_http_request.pcap": 1,
        "tcpreplay/test/test.rewrite_efcs": 3,
        "tcpreplay/test/test2.rewrite_efcs": 3,
        # A byte of the head was sent as urgent.
        "suricata-verify/tests/tcp-urgp-01-oob/tcp-urgent1.pcap": 1,
        "suricata-verify/tests/tcp-urgp-02-drop-ips/tcp-urgent1.pcap": 1,
        "suricata-verify/tests/tcp-urgp-03-inline/tcp-urgent1.pcap": 1,
        # CONNECT without a Host line: the target is the host.
        "suricata-verify/tests/http-connect/http-connect-fragmented/input.pcap": 1,
        "suricata-verify/tests/http-connect/http-connect-tls/input.pcap": 1,
        # HTTP/2: `host` beside `:authority`, and what stands behind user and password.
        "suricata-verify/tests/http2-authority-mismatch/authority_and_host_2.pcap": 1,
        "suricata-verify/tests/http2-userinfo-authority/http2_userinfo_in_authority_1.pcap": 2,
        # An IPv6 address, told without its port as every host is.
        "suricata-verify/tests/http-ipv6/input.pcap": 1,
        "rusticata-pcap-parser/assets/wireshark_samples-test.pcapng": 1,
        "packetfu/test/sample-ipv6.pcap": 1,
        "packetfu/test/sample-ipv6.pcapng": 1,
        "mercury/unit_tests/pcaps/emix.pcap": 1,
    },
    # The common name of a certificate that has no list of names, of which alone tshark's answers tell.
    "cert_names": {
        "suricata-verify/tests/ethernet-eve/test.pcap": 1,
        "suricata-verify/tests/ja4-tls/input.pcap": 1,
        "suricata-verify/tests/tls/tls-random/input.pcap": 1,
        "suricata-verify/tests/pgsql/pgsql-upgrade-tls/input.pcap": 1,
        "suricata-verify/tests/ssl_version_negated/input.pcap": 1,
        "plaso/test_data/test.pcap": 1,
        "mercury/unit_tests/pcaps/imap2.pcap": 1,
    },
}
"""By measure and capture: how much more than tshark is rightly told."""
OTHERWISE = {
    "http_hosts": {
        # An IPv6 address, told without its port as every host is.
        "suricata-verify/tests/http-ipv6/input.pcap": 1,
        "rusticata-pcap-parser/assets/wireshark_samples-test.pcapng": 1,
        "packetfu/test/sample-ipv6.pcap": 1,
        "packetfu/test/sample-ipv6.pcapng": 1,
        "mercury/unit_tests/pcaps/emix.pcap": 1,
        # A user's name, in front of its password and the host.
        "suricata-verify/tests/http2-userinfo-authority/http2_userinfo_in_authority_1.pcap": 1,
        # A Host line of more than 255 octets: no name is that long, and `http_text` is counted.
        "suricata-verify/tests/transform-dotprefix-uaf-8537/input.pcap": 1,
    },
}
"""By measure and capture: how much of what tshark tells is rightly told otherwise, or not at all."""
REASONS = tomllib.loads(Path(__file__).with_name("explained.toml").read_text())
"""Of conversations and what they sent: what is explained on either side, with the reason."""
FLOORS = json.loads((ROOT / "tests" / "floors.json").read_text())

pytestmark = pytest.mark.skipif(not CORPORA.is_dir(), reason="the corpora are not beside this checkout")


@pytest.fixture(scope="module")
def captures() -> list[str]:
    return sorted(str(path) for path in (CORPORA / "captures").rglob("*") if path.is_file())


def test_every_record_of_every_capture_is_accounted_for(captures):
    for path in captures:
        read = sources.collect([path], ReadOptions(digest=False))
        [coverage] = read.coverage
        assert coverage.records == coverage.used + sum(coverage.skipped.values()), path
        assert (read.flows.num_rows, read.lookups.num_rows) == (coverage.flows, coverage.lookups), path
        assert coverage.incomplete or coverage.used, path


def test_every_capture_is_judged_without_a_policy(captures):
    for path in captures[::4]:
        report = audit([path], options=ReadOptions(digest=False))
        assert not report.findings, path
        assert all(verdict in ("indeterminate", "out_of_scope") or not tally.count
                   for verdict, tally in report.verdicts.items()), path  # fmt: skip


def test_accuracy_does_not_fall(tmp_path):
    out = tmp_path / "out.json"
    program = str(Path(sys.executable).with_name("flowwatch"))
    command = [sys.executable, str(CORPORA / "compare.py"), "--flowwatch", program, "--json", str(out)]
    subprocess.run(command, capture_output=True, check=False)
    found = json.loads(out.read_text())
    assert len(found["failures"]) <= FLOORS["failed_runs"]
    for measure, tally in found["tally"].items():
        missed, told = explained(measure, tally["where"])
        wanted = max(tally["expected"] - missed, 1)
        given = tally["found"] + tally["invented"] - told
        for side, value in (("recall", tally["found"] / wanted), ("precision", tally["found"] / given)):
            assert value >= FLOORS[measure][side], (measure, side, value)


def explained(measure: str, where: list[list[Any]]) -> tuple[int, int]:
    """How many of the facts that only tshark tells are explained, and of those that only we tell."""
    root = (CORPORA / "captures").resolve()
    more, less = EXPLAINED.get(measure, {}), OTHERWISE.get(measure, {})
    allowed = {name: (less.get(name, 0), more.get(name, 0)) for name in {*more, *less}}
    for one in REASONS.get(measure, ()):
        allowed |= dict.fromkeys(one["captures"], (one.get("missed", 0), one.get("told", 0)))
    sums = [0, 0]
    for differing, path, *shown in where:
        may = allowed.get(str(Path(path).resolve().relative_to(root)), (0, 0))
        for side, count in enumerate(sides(differing, *shown)):
            sums[side] += min(count, may[side])
    return sums[0], sums[1]


def sides(differing: int, missed: list[str], told: list[str]) -> tuple[int, int]:
    """How many facts differ on each side, at most; of each the first three are shown."""
    shown = 3
    return (
        len(missed) if len(missed) < shown else differing - len(told),
        len(told) if len(told) < shown else differing - len(missed),
    )


def test_certificates_bear_the_names_that_tshark_reads():
    sides: Counter[str] = Counter()
    for path, truth in truths().items():
        there = set(truth["certs"]["san_dns"])
        found = names_of(path)
        surplus = len(found - there)
        sides["expected"] += len(there)
        sides["found"] += len(there & found)
        sides["invented"] += surplus - min(surplus, EXPLAINED["cert_names"].get(path, 0))
    floor = FLOORS["cert_names"]
    assert sides["found"] / sides["expected"] >= floor["recall"]
    assert sides["found"] / (sides["found"] + sides["invented"]) >= floor["precision"]


def truths() -> dict[str, dict[str, Any]]:
    """What tshark tells of each capture in which it found certificates, by the capture's name."""
    found = {}
    for row in csv.DictReader((CORPORA / "manifest.tsv").read_text().splitlines(), delimiter="\t"):
        path = CORPORA / "truth" / f"{row['sha256']}.json"
        truth = json.loads(path.read_text()) if path.exists() else None
        if truth and truth["certs"]["serials"]:
            found[f"{row['source']}/{row['path']}"] = truth
    return found


def names_of(path: str) -> set[str]:
    """Host names that the certificates of one capture bear."""
    flows = sources.collect([str(CORPORA / "captures" / path)], ReadOptions(digest=False)).flows
    return {name for names in flows["cert_names"].to_pylist() for name in names or () if not is_address(name)}


def is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
