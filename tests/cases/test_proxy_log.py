"""A proxy's own log, alone: what it was asked for is judged, though the log does not name the proxy."""

import pytest

from flowwatch.audit import audit
from flowwatch.policy import load
from flowwatch.reports import phrases
from tests.sources.maps.test_squid import NATIVE

POLICY = """
schema = "flowwatch.policy/1"
[policy]
id = "small"
version = "1"
[[zone]]
id = "clients"
cidrs = ["192.0.2.16/28"]
[[server]]
id = "squid"
role = "proxy"
match = { cidrs = ["192.0.2.5/32"] }
[[server]]
id = "vendor"
match = { names = ["api.vendor.example"] }
[[channel]]
id = "to-squid"
from = ["clients"]
to = ["squid"]
service = { proto = "tcp", ports = [3128] }
[[channel]]
id = "uploads"
from = ["clients"]
to = ["vendor"]
service = { proto = "tcp", ports = [443] }
via = ["squid"]
"""
SECOND_PROXY = """
[[server]]
id = "other"
role = "proxy"
match = { cidrs = ["192.0.2.6/32"] }
"""
LOG = (*NATIVE, NATIVE[0].replace("api.vendor.example", "stranger.example").replace("TCP_TUNNEL/200", "TCP_DENIED/403"))


@pytest.fixture
def judged(tmp_path):
    """The report on the log under a policy, or under none."""
    log = tmp_path / "access.log"
    log.write_text("\n".join(LOG) + "\n")

    def judge(policy):
        path = tmp_path / "policy.toml"
        path.write_text(policy)
        return audit([log], load(path) if policy else None)

    return judge


def test_the_proxy_is_the_only_one_that_the_policy_names(judged):
    report = judged(POLICY)
    requests = [one for one in report.decisions if one.transmission.responder_is_receiver]
    told = [(one.asked, one.verdict.value, one.transmission.attempted) for one in requests]
    assert sorted(told) == [
        ("api.vendor.example", "approved", False),
        ("in.vendor.example", "unapproved", False),
        ("stranger.example", "unapproved", True),
    ]
    assert {(one.transmission.receiver_ip, one.transmission.receiver_port) for one in requests} == {("192.0.2.5", 3128)}
    assert not report.coverage[0].incomplete
    assert any("3 x request to a proxy nobody saw" in note for note in report.coverage[0].notes)


def test_the_port_is_told_only_where_the_policy_names_one(judged):
    report = judged(POLICY.replace("[3128]", "[3128, 8080]"))
    assert {one.transmission.receiver_port for one in report.decisions if one.transmission.responder_is_receiver} == {
        None
    }
    assert "approved" not in {one.verdict.value for one in report.decisions}


@pytest.mark.parametrize("policy", ["", POLICY + SECOND_PROXY])
def test_where_nobody_tells_the_proxy_the_log_is_incomplete_and_nothing_is_guessed(judged, policy):
    report = judged(policy)
    assert not report.decisions
    assert report.coverage[0].incomplete


def test_of_whom_requests_were_left_out_no_silence_is_told(judged):
    """What was asked of a proxy that nobody names may be what was expected."""
    read = judged(POLICY + SECOND_PROXY).coverage[0]
    since, by = (f"{phrases.utc(at)}" for at in (read.first, read.last + 10**9))
    expected = (
        f'via = ["squid"]\nwhen = [{{ from = {since}, until = 2100-01-01T00:00:00Z }}]\nexpected = {{ by = {by} }}\n'
    )
    silent = judged((POLICY.replace('via = ["squid"]\n', expected)) + SECOND_PROXY)
    assert [one.kind.value for one in silent.findings] == ["presence.unseen"]
