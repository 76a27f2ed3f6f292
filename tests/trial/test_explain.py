"""The derivation of one verdict, in the order in which it decides."""

import datetime as dt
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowwatch import audit
from flowwatch.judge import judge
from flowwatch.model import OF_THE_WHOLE, Amount, Coverage, Place, Reason, Ref, Transmission
from flowwatch.policy import load, parse
from flowwatch.policy.inline import Given
from flowwatch.policy.terms import PolicySet
from flowwatch.trial import explain, explain_recorded

POLICY = """
schema = "flowwatch.policy/1"
[policy]
id = "county"
version = "7"
[[zone]]
id = "precincts"
cidrs = ["192.0.2.0/25"]
[[server]]
id = "primary"
match = { cidrs = ["198.51.100.20/32"] }
[[channel]]
id = "up"
from = ["precincts"]
to = ["primary"]
service = { ports = [8443] }
[[prohibited]]
id = "no-clear"
when = { cleartext = true }
"""
NIGHT = int(dt.datetime(2026, 11, 4, 1, tzinfo=dt.UTC).timestamp()) * 10**9


@pytest.fixture
def policies():
    return PolicySet((parse(POLICY),))


def test_everything_that_was_looked_at(policies):
    told = explain(policies, Given(time=NIGHT, src="192.0.2.9", dst="198.51.100.20", port=22)).derivation
    assert told is not None
    assert told.policy is not None
    assert told.policy.version == "7"
    assert told.scope is None
    assert [(one.rule.id, one.truth.value) for one in told.prohibitions] == [("no-clear", "false")]
    (channel,) = told.channels
    assert [(check.what, check.truth.value) for check in channel.checks] == [
        ("address", "true"),
        ("opened_by", "true"),
        ("port", "false"),
        ("labels", "true"),
        ("time", "true"),
    ]
    assert told.decision.verdict == "deviation"


def test_out_of_scope_says_why(policies):
    told = explain(policies, Given(time=NIGHT, src="203.0.113.9", dst="198.51.100.20")).derivation
    assert told is not None
    assert told.scope == "scope.sender_outside"


def test_a_lookup(policies):
    told = explain(policies, Given(time=NIGHT, src="192.0.2.9", dst="198.51.100.20", lookup="x.test"))
    assert told.derivation is None
    assert told.lookup is not None
    assert told.lookup.verdict == "unapproved"


def test_a_recorded_transmission_is_explained_as_it_was_judged(policies):
    given = Given(time=NIGHT, src="192.0.2.9", dst="198.51.100.20", port=8443)
    first = explain(policies, given).derivation
    assert first is not None
    again = explain(policies, first.decision.transmission).derivation
    assert again == first


CAPTURES = Path(__file__).parents[2] / "captures"
OF_CHANNELS = OF_THE_WHOLE - {Reason.NOT_HEARD, Reason.PRESENCE_UNSEEN}
"""Reasons of the whole that transmissions have a part in."""


def nowhere(address, _at=None):
    return Place(address=address)


def agree(policies, traced, coverage):
    """Every explanation says what the judge says of that transmission, and of the whole."""
    judged = judge(traced.sent, (), policies, nowhere, coverage)
    told = explain_recorded(policies, traced, [one.flow for one in traced.sent], nowhere)
    assert [one.derivation and one.derivation.decision for one in told] == list(judged.decisions)
    parts = Counter(reason for one in told for decision in one.whole.decisions for reason in decision.reasons)
    of_channel = (one for one in judged.findings if one.rule is not None and one.rule.kind == "channel")
    found = [one for one in of_channel if one.kind in OF_CHANNELS]
    assert parts == Counter(finding.kind for finding in found for _ in range(finding.count))
    for one in told:
        differing = {check.reason for channel in one.whole.channels for check in channel.checks if check.reason}
        assert {reason for decision in one.whole.decisions for reason in decision.reasons} <= differing


@pytest.mark.parametrize(
    "case",
    [
        "published-before-collected",
        "primary-and-backup",
        "more-than-declared",
        "silent-county",
        "right-name-wrong-address",
    ],
)
def test_law_explanation_and_judge_agree_on_every_recorded_transmission(case):
    policies = load(CAPTURES / case / "policy.toml")
    collected = audit.read([CAPTURES / case / "input.pcap"], [policies])
    agree(policies, audit.trace(collected, policies), collected.coverage)


WHOLE = (
    POLICY.replace("service = { ports = [8443] }", "limits = { bytes_out_per_hour = 900, flows_per_hour = 2 }")
    + """
[[server]]
id = "backup"
match = { cidrs = ["198.51.100.36/32"] }
[[channel]]
id = "spare"
from = ["precincts"]
to = ["backup"]
only_when_down = ["up"]
[[channel]]
id = "late"
from = ["precincts"]
to = ["backup"]
service = { ports = [443] }
after = ["up"]
expected = { by = "06:00" }
when = [{ days = ["tue", "wed"], start = "20:00", end = "06:00" }]
"""
)
MINUTE = 60 * 10**9


@st.composite
def recordings(draw):
    sent = []
    for flow in range(draw(st.integers(1, 6))):
        start = NIGHT + draw(st.integers(0, 90)) * MINUTE
        attempted = draw(st.booleans())
        given = Given(
            time=start,
            src=f"192.0.2.{draw(st.integers(1, 3))}",
            dst=draw(st.sampled_from(["198.51.100.20", "198.51.100.36", "203.0.113.7"])),
            proto=draw(st.sampled_from(["tcp", "udp"])),
            port=draw(st.sampled_from([443, 8443])),
            tls_version=draw(st.sampled_from([None, "1.3"])),
        )
        derivation = explain(PolicySet((parse(WHOLE),)), given).derivation
        assert derivation is not None
        changes = {
            "flow": flow,
            "ref": Ref("tap.pcap", flow + 1, flow + 1),
            "attempted": attempted,
            "sent": Amount.exactly(0 if attempted else draw(st.integers(1, 800))),
            "acked": draw(st.sampled_from([None, 0, 5])),
            "state": "S0" if attempted else "SF",
        }
        fields = {name: getattr(derivation.decision.transmission, name) for name in Transmission.__struct_fields__}
        sent.append(Transmission(**fields | changes))
    return sent


@settings(max_examples=60, deadline=None)
@given(sent=recordings())
def test_law_explanation_and_judge_agree_whatever_ran(sent):
    coverage = (Coverage(source="tap.pcap", used=9, flows=9, first=NIGHT - MINUTE, last=NIGHT + 500 * MINUTE),)
    agree(PolicySet((parse(WHOLE),)), audit.Traced(sent, (), coverage), coverage)


def test_what_only_a_whole_recording_tells_is_said_of_one_that_stands_alone():
    whole = PolicySet((parse(WHOLE),))
    told = explain(whole, Given(time=NIGHT, src="192.0.2.9", dst="198.51.100.20", port=8443)).whole
    (channel,) = told.channels
    assert (channel.rule.id, channel.truth.value) == ("up", "unseen")
    assert [(check.what, check.declared) for check in channel.checks] == [
        ("bytes_out_per_hour", "900 at the most"),
        ("flows_per_hour", "2 at the most"),
    ]
    two = explain(whole, Given(time=NIGHT, src="192.0.2.9", dst="198.51.100.36", port=443)).whole.channels
    assert [(one.rule.id, [check.what for check in one.checks]) for one in two] == [
        ("late", ["after up", "acknowledged flows"]),
        ("spare", ["only when up is down"]),
    ]
    assert explain(whole, Given(time=NIGHT, src="192.0.2.9", dst="203.0.113.9")).whole.channels == ()
