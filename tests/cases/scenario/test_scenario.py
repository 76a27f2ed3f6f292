"""The recorded scenario: every step whose truth is written down gets its right verdict.

The recording is developers' test data beside the repository and is not copied into it; without it, nothing is tested.
Three steps run through a proxy and one hides data in names: policies of this version do not know either.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from flowwatch.audit import audit
from flowwatch.model import Decision, Group, Reason, Report, Verdict

HERE = Path(__file__).resolve().parent
SCENARIO = HERE.parents[2].parent / "shared" / "logs" / "scenario"
LATER = {"proxy-connect-upload", "proxy-connect-notallowed", "proxy-http-post", "dns-tunnel"}
UNLISTED = [
    "not-allowed-upload",
    "bare-ip-upload",
    "udp-syslog",
    "refused",
    "blackhole",
    "impersonation",
    "icmp-payload",
]

pytestmark = pytest.mark.skipif(not SCENARIO.is_dir(), reason="the recorded scenario is not beside the repository")


def steps() -> list[Any]:
    told = json.loads((SCENARIO / "truth.json").read_text()) if SCENARIO.is_dir() else []
    return [pytest.param(step, id=step["step"]) for step in told if step["step"] not in LATER]


@cache
def report() -> Report:
    return audit([str(SCENARIO / "inside.pcap")], HERE / "policy.toml")


def of_step(step: dict[str, Any]) -> Decision:
    """The one transmission the client sent to the step's address and port within the step's time."""
    port = step["port"] or None
    begin, end = (step["start"] - 0.1) * 1e9, (step["end"] + 0.1) * 1e9
    found = [
        one
        for one in report().decisions
        if one.transmission.receiver_ip == step["ip"]
        and one.transmission.proto == step["proto"]
        and (port is None or one.transmission.receiver_port == port)
        and begin <= one.transmission.start <= end
    ]
    assert len(found) == 1
    return found[0]


def decided(name: str) -> Decision:
    return of_step(next(param.values[0] for param in steps() if param.id == name))


@pytest.mark.parametrize("step", steps())
def test_the_step_is_judged_as_its_truth_says(step: dict[str, Any]) -> None:
    decision = of_step(step)
    assert decision.verdict.group is (Group.CONFORMS if step["allow_listed"] else Group.VIOLATES)
    assert decision.transmission.sent.least >= step["app_bytes_sent"]


@pytest.mark.parametrize("name", ["refused", "blackhole"])
def test_an_opening_that_came_to_nothing_is_an_attempt(name: str) -> None:
    assert decided(name).transmission.attempted
    assert decided(name).transmission.sent.exact == 0


@pytest.mark.parametrize("name", UNLISTED)
def test_a_receiver_on_no_list_is_unapproved(name: str) -> None:
    assert decided(name).verdict is Verdict.UNAPPROVED
    assert decided(name).reasons[0] is Reason.DESTINATION_UNLISTED


def test_another_name_at_a_listed_address_deviates() -> None:
    assert decided("shared-ip-other-name").verdict is Verdict.DEVIATION
    assert Reason.NAME_UNLISTED in decided("shared-ip-other-name").reasons


def test_what_is_downloaded_is_not_judged_as_sent() -> None:
    assert decided("download-heavy").transmission.sent.exact == 730


def test_a_name_that_mimics_a_listed_one_is_not_approved() -> None:
    mimics = [one for one in report().lookups if one.lookup.qname.startswith("api.vendor.test\\032")]
    assert mimics
    assert {one.verdict for one in mimics} == {Verdict.UNAPPROVED}


def test_nothing_is_left_undecided() -> None:
    assert report().group(Group.CANNOT_TELL).count == 0
