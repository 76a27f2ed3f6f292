"""The lab scenario: what each format alone can say of its 17 steps, and that all together say the truth.

A format is one entry of `FORMATS`: its files, what is told of each step, and when it was recorded.
"""

import json
from pathlib import Path

import msgspec
import pytest

from flowwatch.audit import audit
from flowwatch.model import Amount, Decision, Reason, Report, Verdict
from tests.cases.told import asked, judged, verdict

POLICY = Path(__file__).with_name("policy.toml")
APPROVED, UNLISTED = "approved channel.approved", "unapproved destination.unlisted"
OTHER_NAME = "deviation name.unlisted"
UNNAMED = "indeterminate name.unobserved"
UNREAD = "indeterminate proxy.requests_unread"
NOTHING = "0 transmissions"
SKEW = 5
"""Seconds by which the clocks of two sources may differ."""

TRUTH = {
    "allowed-upload": APPROVED,
    "not-allowed-upload": UNLISTED,
    "bare-ip-upload": UNLISTED,
    "http-upload": APPROVED,
    "ipv6-upload": APPROVED,
    "udp-syslog": UNLISTED,
    "shared-ip-other-name": OTHER_NAME,
    "download-heavy": APPROVED,
    "proxy-connect-upload": APPROVED,
    "proxy-connect-notallowed": UNLISTED,
    "proxy-http-post": APPROVED,
    "refused": UNLISTED,
    "blackhole": UNLISTED,
    "impersonation": UNLISTED,
    "icmp-payload": UNLISTED,
    "long-lived": APPROVED,
}
"""By step what is to be told; `dns-tunnel` is told by its lookups."""
WITHOUT_NAMES = TRUTH | {
    **dict.fromkeys(["allowed-upload", "http-upload", "ipv6-upload", "download-heavy", "long-lived"], UNNAMED),
    "shared-ip-other-name": UNNAMED,
    **dict.fromkeys(["proxy-connect-upload", "proxy-connect-notallowed", "proxy-http-post"], UNREAD),
}
"""Flows whose names were not recorded: an address that is not listed is enough to refuse, none to approve."""
ASKED_ONLY = dict.fromkeys(TRUTH, NOTHING)
"""A query log proves that a name was asked, never that anything was sent."""


LOGGED = WITHOUT_NAMES | dict.fromkeys(["proxy-connect-upload", "proxy-connect-notallowed", "proxy-http-post"], NOTHING)
"""A firewall's rules on what it forwards: what is for its own host, as the proxy is here, they do not log."""
LOGGED_BY_ULOGD = LOGGED | {"ipv6-upload": NOTHING, "blackhole": NOTHING}
"""The same of a rule for IPv4 alone, behind the one that drops."""
TRACKED = WITHOUT_NAMES | {"blackhole": NOTHING}
"""What a firewall drops is never tracked."""
LISTED = TRACKED | dict.fromkeys(["refused", "udp-syslog", "icmp-payload"], NOTHING)
"""Conversations that are over are no longer in the list."""


ASKED_OF_PROXY = ASKED_ONLY | {step: TRUTH[step] for step in TRUTH if step.startswith("proxy-")}
"""The proxy is the only one that the policy names; its log has the hosts asked."""


class Format(msgspec.Struct, frozen=True):
    """A format of the scenario, alone."""

    files: tuple[str, ...]
    told: dict[str, str]
    lookups: bool = True
    """It holds the client's lookups."""
    shift: float = 0
    """Seconds by which it was recorded later than the rest (a replay)."""
    timed: bool = True
    """It has times; without them nothing joins it with another source."""
    counts: bool = True
    """What it counts of a conversation is all of it."""


FORMATS = {
    "pcap": Format(("scenario/inside.pcap",), TRUTH),
    "suricata 7": Format(("scenario/suricata-7.0.10-eve.json",), TRUTH),
    "suricata 8": Format(("scenario/suricata-8.0.7-eve.json",), TRUTH),
    "bind query log": Format(("scenario/bind-query.log",), ASKED_ONLY),
    "unbound log": Format(("scenario/unbound.log",), ASKED_ONLY),
    "dnsmasq log": Format(("scenario/dnsmasq.log",), ASKED_ONLY),
    # conversations that ended before the log did: of these steps the refused one alone
    "ulogd flows": Format(("scenario/ulogd-flow.jsonl",), ASKED_ONLY | {"refused": UNLISTED}, lookups=False),
    "ulogd flows in text": Format(("scenario/ulogd-flow.log",), ASKED_ONLY | {"refused": UNLISTED}, lookups=False),
    "ulogd packets": Format(("scenario/ulogd-pkt.jsonl",), LOGGED_BY_ULOGD, lookups=False, counts=False),
    "ulogd packets in text": Format(("scenario/ulogd-pkt.log",), LOGGED_BY_ULOGD, lookups=False, counts=False),
    "netfilter log": Format(("scenario/dmesg-iso.log",), LOGGED, lookups=False, counts=False),
    # its clock drifts by half a second and tells whole ones
    "netfilter log, dmesg -T": Format(("scenario/dmesg-T.log",), LOGGED, lookups=False, shift=-1, counts=False),
    "netfilter log without times": Format(("scenario/dmesg.log",), LOGGED, lookups=False, timed=False, counts=False),
    "connection tracking": Format(("scenario/conntrack-events.log",), TRACKED, lookups=False),
    "connections of a moment": Format(("scenario/conntrack-list.log",), LISTED, lookups=False, timed=False),
    "connections of a moment from /proc": Format(
        ("scenario/proc-nf_conntrack.log",), LISTED, lookups=False, timed=False
    ),
    "squid native": Format(("scenario/squid-access-native.log",), ASKED_OF_PROXY, lookups=False),
    "squid common": Format(("scenario/squid-access-common.log",), ASKED_OF_PROXY, lookups=False),
    "squid combined": Format(("scenario/squid-access-combined.log",), ASKED_OF_PROXY, lookups=False),
    "squid with the bytes sent": Format(("scenario/squid-access-flow.log",), ASKED_OF_PROXY, lookups=False),
    "nfdump lines": Format(("nfdump/sample-nfdump-1.7.5.ndjson",), WITHOUT_NAMES, lookups=False, shift=294.75),
    "nfdump json": Format(("nfdump/sample-nfdump-1.7.5.json",), WITHOUT_NAMES, lookups=False, shift=294.75),
}


@pytest.fixture(scope="module")
def logs() -> Path:
    """The folder of sample logs."""
    return Path(__file__).parents[4] / "shared" / "logs"


@pytest.fixture(scope="module")
def steps(logs):
    """The steps by name, each with the port its client used and the bytes in every scope."""
    flows = [json.loads(line) for line in (logs / "scenario/truth-flows-inside.jsonl").read_text().splitlines()]
    found = {}
    for step in json.loads((logs / "scenario/truth.json").read_text()):
        port = int(step["result"].partition("lp=")[2] or 0) or None
        counted = [one for one in flows if one["dst"] == step["ip"] and one["dport"] == step["port"]]
        counted = [one for one in counted if one["sport"] == port or port is None]
        octets = {scope: counted[0][f"{scope}_bytes_out"] for scope in ("payload", "ip", "frame")} if counted else {}
        client = "2001:db8:20::10" if ":" in step["ip"] else "10.20.0.10"
        found[step["step"]] = step | {"client_ip": client, "client_port": port, "octets": octets}
    return found


def _judged(report: Report, step: dict[str, object], one: Format) -> list[Decision]:
    """What is judged of a step; what has no time stands at 1970, and says so (`timed`)."""
    return judged(report, step, one.shift if one.timed else -float(str(step["start"])))


def _read(logs: Path, *names: str) -> Report:
    report = audit([logs / name for name in names], POLICY)
    assert [one.error for one in report.coverage] == [None] * len(names)
    return report


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_alone_says_what_it_can_and_no_more(name, logs, steps):
    one = FORMATS[name]
    report = _read(logs, *one.files)
    assert {step: verdict(_judged(report, steps[step], one)) for step in TRUTH} == one.told
    assert asked(report, ".evil.test") == ({"unapproved"} if one.lookups else set())
    tunnel = {finding.asked for finding in report.findings if finding.kind is Reason.DATA_IN_NAMES}
    assert tunnel == ({"evil.test"} if one.lookups else set())


@pytest.mark.parametrize("name", FORMATS)
def test_what_a_format_counts_holds_what_was_sent(name, logs, steps):
    one = FORMATS[name]
    report = _read(logs, *one.files)
    lossy = {"allowed-upload", "long-lived", "download-heavy"} if one.shift > SKEW else set()
    for step in TRUTH.keys() - lossy:
        for decision in _judged(report, steps[step], one):
            sent, payload = decision.transmission.sent, steps[step]["octets"]["payload"]
            assert sent.least <= payload, step
            assert sent.most is None or payload <= sent.most, step


@pytest.fixture(scope="module")
def together(logs):
    names = [name for one in FORMATS.values() if abs(one.shift) < SKEW and one.timed for name in one.files]
    return _read(logs, *names)


def test_all_together_tell_the_truth_and_count_each_step_once(together, steps):
    assert {step: verdict(judged(together, steps[step])) for step in TRUTH} == TRUTH
    for step, told in steps.items():
        if step in TRUTH:
            assert told["allow_listed"] == (TRUTH[step] == APPROVED), step


def test_all_together_agree_in_bytes_each_in_its_scope(together, steps):
    partly = {Path(name).name for one in FORMATS.values() if not one.counts for name in one.files}
    for step in TRUTH:
        (decision,) = judged(together, steps[step])
        octets = steps[step]["octets"]
        assert decision.transmission.sent == Amount.exactly(octets["payload"]), step
        accounts = decision.transmission.accounts
        assert len({one.ref.source for one in accounts}) >= 3, step
        whole = [one for one in accounts if one.counted is not None and Path(one.ref.source).name not in partly]
        counted = [one for one in whole if one.scope != "body"]
        assert [one.counted for one in counted] == [octets[one.scope or ""] for one in counted], step
        assert all(one.counted <= octets["payload"] for one in whole if one.scope == "body"), step


def test_all_together_no_name_that_mimics_an_approved_one_is_approved(together):
    mimics = [one for one in together.lookups if one.lookup.qname.startswith("api.vendor.test\\032")]
    assert mimics
    assert {one.verdict for one in mimics} == {Verdict.UNAPPROVED}
    assert {one.verdict for one in together.decisions if one.transmission.receiver_ip == "203.0.113.67"} == {
        Verdict.UNAPPROVED
    }
