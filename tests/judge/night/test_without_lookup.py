"""Nobody asked for it: said only where all lookups were recorded, and of what is on no list."""

import pytest

from flowwatch.judge import judge
from flowwatch.model import NameClass, OpenedBy, Place

STRANGER = "203.0.113.80"
DAY = 24 * 3600 * 10**9


@pytest.fixture
def told(make):
    """What is told of one upload to a stranger whose sender's lookups were recorded since two days."""

    def run(policy=make.PRIMARY, **changes):
        fields = {"receiver_ip": STRANGER, "service_port": 443, "names": ()}
        fields |= {"lookups_recorded_since": make.NOON - 2 * DAY} | changes
        found = judge([make.sent(**fields)], (), make.court(policy).policies, lambda at, _: Place(address=at)).findings
        return [one for one in found if one.kind == "dns.no_lookup_before_connection"]

    return run


def test_an_address_nobody_asked_for_is_told_low_beside_its_own_finding(told):
    (one,) = told()
    assert (one.verdict, one.severity, one.confidence, one.count) == ("unapproved", "low", "low", 1)
    assert one.title == (
        "zone precincts sent to 203.0.113.80 (tcp/443): "
        "the sender's lookups were recorded, and no answer before it gave that address"
    )
    assert [(check.what, check.observed) for check in one.checks] == [("answer", "none")]
    assert one.evidence
    assert one.remedy
    assert one.receiver is not None
    assert told(attempted=True)[0].severity == "info"


def test_the_name_it_used_is_no_lookup(told, make):
    assert told(names=make.used("files.partner.example"))


@pytest.mark.parametrize("kind", [NameClass.ANSWER_SAME_CLIENT, NameClass.ANSWER_OTHER_CLIENT, NameClass.ANSWER_STALE])
def test_any_answer_that_gave_the_address_explains_it(told, make, kind):
    assert told(names=make.answer("files.partner.example", evidence=kind)) == []


def test_where_lookups_were_not_recorded_throughout_nothing_is_said(told, make):
    assert told(lookups_recorded_since=None) == []
    assert told(lookups_recorded_since=make.NOON - DAY + 1) == []
    assert told(lookups_recorded_since=make.NOON - DAY)
    assert told(names_cut=True) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"receiver_ip": "198.51.100.20", "service_port": 22},
        {"receiver_ip": "192.0.2.70"},
        {"service_port": 53, "proto": "udp"},
        {"service_port": 853},
        {"service_port": 123, "proto": "udp"},
        {"proto": "icmp", "service_port": None},
        {"opened_by": OpenedBy.RECEIVER, "sender_port": 443, "receiver_port": 50_000},
    ],
    ids=["listed", "zone", "dns", "dot", "ntp", "icmp", "answer"],
)
def test_what_is_listed_reached_by_address_as_a_rule_or_an_answer_is_left_out(told, changes):
    assert told(**changes) == []


def test_without_a_policy_nothing_is_said(make):
    sent = make.sent(receiver_ip=STRANGER, names=(), lookups_recorded_since=make.NOON - 2 * DAY)
    assert judge([sent], (), None, lambda at, _: Place(address=at)).findings == ()
