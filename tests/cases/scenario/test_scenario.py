"""The recorded scenario: every step whose truth is written down gets its right verdict.

From the capture and from either of Suricata's logs alone: what each of those cannot say stands in test_scenario_eve.py.
"""

from collections.abc import Callable
from typing import Any

import pytest

from flowwatch.model import Decision, Group, Reason, Report, Verdict

Decided = Callable[[str, str], Decision]
UNLISTED = [
    "not-allowed-upload",
    "bare-ip-upload",
    "udp-syslog",
    "refused",
    "blackhole",
    "impersonation",
    "icmp-payload",
]
ASKED = {
    "proxy-connect-upload": "api.vendor.test",
    "proxy-connect-notallowed": "telemetry.evil.test",
    "proxy-http-post": "collector.vendor.test",
}
"""Steps that ran through the proxy, with the host that was asked of it."""


def test_the_step_is_judged_as_its_truth_says(recording: str, step: str, decided: Decided, truth: Any) -> None:
    decision = decided(recording, step)
    assert decision.verdict.group is (Group.CONFORMS if truth(step)["allow_listed"] else Group.VIOLATES)
    most = decision.transmission.sent.most
    assert most is not None
    assert most >= truth(step)["app_bytes_sent"]


def test_in_a_capture_the_amount_is_exact(step: str, decided: Decided, truth: Any) -> None:
    exact = decided("inside.pcap", step).transmission.sent.exact
    assert exact is not None
    assert exact >= truth(step)["app_bytes_sent"]


@pytest.mark.parametrize("name", ["refused", "blackhole"])
def test_an_opening_that_came_to_nothing_is_an_attempt(recording: str, name: str, decided: Decided) -> None:
    transmission = decided(recording, name).transmission
    assert transmission.attempted
    assert transmission.sent.exact == 0


@pytest.mark.parametrize("name", UNLISTED)
def test_a_receiver_on_no_list_is_unapproved(recording: str, name: str, decided: Decided) -> None:
    decision = decided(recording, name)
    assert decision.verdict is Verdict.UNAPPROVED
    assert decision.reasons[0] is Reason.DESTINATION_UNLISTED


def test_another_name_at_a_listed_address_deviates(recording: str, decided: Decided) -> None:
    decision = decided(recording, "shared-ip-other-name")
    assert decision.verdict is Verdict.DEVIATION
    assert Reason.NAME_UNLISTED in decision.reasons


def test_what_is_downloaded_is_not_judged_as_sent(decided: Decided) -> None:
    assert decided("inside.pcap", "download-heavy").transmission.sent.exact == 730


@pytest.mark.parametrize(("name", "host"), ASKED.items())
def test_through_the_proxy_the_host_asked_is_judged(recording: str, name: str, host: str, decided: Decided) -> None:
    decision = decided(recording, name)
    assert (decision.via, decision.asked) == ("proxy", host)
    assert (Reason.PROXY_ADDRESS in decision.notes) is (decision.verdict is Verdict.APPROVED)


@pytest.mark.parametrize(
    "source", ["inside.pcap", "suricata-7.0.10-eve.json", "suricata-8.0.7-eve.json", "bind-query.log"]
)
def test_data_in_dns_names_is_unapproved_sending(source: str, report: Callable[[str], Report]) -> None:
    tunnel = [one for one in report(source).lookups if one.lookup.qname.endswith(".t.evil.test")]
    assert len(tunnel) == (25 if source == "bind-query.log" else 75)
    assert {(one.verdict, one.reasons[0], one.carried_below) for one in tunnel} == {
        (Verdict.UNAPPROVED, Reason.DATA_IN_NAMES, "evil.test")
    }


@pytest.mark.parametrize(
    "source", ["inside.pcap", "suricata-7.0.10-eve.json", "suricata-8.0.7-eve.json", "bind-query.log"]
)
def test_a_name_that_mimics_a_listed_one_is_not_approved(source: str, report: Callable[[str], Report]) -> None:
    mimics = [one for one in report(source).lookups if one.lookup.qname.startswith("api.vendor.test\\032")]
    assert mimics
    assert {one.verdict for one in mimics} == {Verdict.UNAPPROVED}


def test_nothing_is_left_undecided(recording: str, report: Callable[[str], Report]) -> None:
    assert report(recording).group(Group.CANNOT_TELL).count == 0
