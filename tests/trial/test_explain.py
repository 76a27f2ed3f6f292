"""The derivation of one verdict, in the order in which it decides."""

import datetime as dt

import pytest

from flowwatch.policy import parse
from flowwatch.policy.inline import Given
from flowwatch.policy.terms import PolicySet
from flowwatch.trial import explain

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
