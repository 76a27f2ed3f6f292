"""What stays hidden is told beside verdicts that stand, and leaves nothing undecided."""

import msgspec
import pytest

from flowwatch.cli.exits import of_report
from flowwatch.judge import judge
from flowwatch.model import Coverage, Place, PolicyInfo, Report, Severity

POLICY = """
[[server]]
id = "primary"
match = {{ cidrs = ["198.51.100.20/32"] }}
dedicated = true
[[channel]]
id = "up"
from = ["precincts"]
to = ["primary"]
[[channel]]
id = "names"
from = ["precincts"]
to = ["dns"]
{}
"""
DNS_ONLY = "service = { ports = [53] }"
RESOLVER, STRANGER = "198.51.100.53", "203.0.113.80"


def _counted(sent):
    """The source's coverage with what hides in it counted, as `transmissions.with_names` does."""
    counts = (
        sum(one.encrypted_dns for one in sent),
        sum(bool(one.ech) for one in sent),
        sum(one.opaque for one in sent),
    )
    fields = dict(zip(("encrypted_dns_flows", "ech_flows", "opaque_tunnels"), counts, strict=True))
    return (Coverage(source="tap.pcap", used=1, **fields),)


@pytest.fixture
def told(make):
    """(kind, severity, receiver) of what is told of transmissions with these changes each."""

    def run(*changes, service=DNS_ONLY):
        sent = [make.sent(flow=n, **({"names": ()} | one)) for n, one in enumerate(changes, 1)]
        coverage = _counted(sent)
        judged = judge(sent, (), make.court(POLICY.format(service)).policies, lambda at, _: Place(address=at), coverage)
        found = [one for one in judged.findings if one.kind.startswith("visibility.")]
        assert all(one.verdict == "indeterminate" and one.evidence and one.remedy and one.checks for one in found)
        return sorted((one.kind.value, one.severity.value, one.receiver and one.receiver.address) for one in found)

    return run


def test_tunnels_that_cannot_be_read_are_info_where_approved_else_low(told):
    for app in ("wireguard", "openvpn", "esp", "ipcomp"):
        assert told({"app": app}) == [("visibility.opaque_tunnel", "info", "198.51.100.20")]
        assert told({"app": app, "receiver_ip": STRANGER}) == [("visibility.opaque_tunnel", "low", STRANGER)]
    assert told({"app": None, "proto": "50", "service_port": None}) == [
        ("visibility.opaque_tunnel", "info", "198.51.100.20")
    ]
    assert told({"app": "tls"}) == []


def test_a_hidden_name_is_told_of_each_destination(told):
    hello = {"ech": True}
    assert told(hello, hello, hello | {"receiver_ip": STRANGER}) == [
        ("visibility.ech", "info", "198.51.100.20"),
        ("visibility.ech", "low", STRANGER),
    ]


def test_lookups_are_told_encrypted_by_port_protocol_or_path(told):
    kind = "visibility.encrypted_dns"
    for sign in ({"service_port": 853}, {"alpn": ("dot",)}, {"alpn": ("doq",)}, {"http_path": "/dns-query?dns=AAAB"}):
        assert told({"receiver_ip": STRANGER} | sign) == [(kind, "low", STRANGER)], sign
    assert told({"receiver_ip": STRANGER, "service_port": 853, "attempted": True}) == []
    assert told({"receiver_ip": STRANGER, "http_path": "/dns-queryable"}) == []


def test_web_at_a_listed_resolver_is_lookups_where_the_policy_allows_it(told):
    web = {"receiver_ip": RESOLVER, "service_port": 443}
    assert told(web, service="") == [("visibility.encrypted_dns", "info", RESOLVER)]
    assert told(web) == []
    assert told({"receiver_ip": RESOLVER, "service_port": 53, "app": "dns"}, service="") == []


def test_nothing_is_left_undecided_by_it(make, rich_report):
    sent = [make.sent(names=(), ech=True)]
    coverage = _counted(sent)
    judged = judge(sent, (), make.court(POLICY.format("")).policies, lambda at, _: Place(address=at), coverage)
    assert [one.kind.value for one in judged.findings] == ["visibility.ech"]
    report = rich_report(judged, coverage)
    assert of_report(report, Severity.MEDIUM, 0) == 0
    assert of_report(report, Severity.INFO, 0) == 1


@pytest.fixture
def rich_report(make):
    """A report of a judgement by a policy."""

    def run(judged, coverage):
        info = PolicyInfo(id="county", version="1", title="", sha256="ab", files=())
        fields = {name: getattr(judged, name) for name in judged.__struct_fields__}
        return Report(version="0", policies=(info,), coverage=coverage, reference=(), **fields)

    return run


def test_the_order_of_what_was_sent_changes_nothing(make):
    sent = [make.sent(flow=n, names=(), ech=n % 2 == 0, app="openvpn" if n % 3 else "tls") for n in range(1, 7)]
    coverage = _counted(sent)
    policies = make.court(POLICY.format("")).policies
    one, other = (judge(each, (), policies, lambda at, _: Place(address=at), coverage) for each in (sent, sent[::-1]))
    assert msgspec.json.encode(one) == msgspec.json.encode(other)
