"""Backup channels: a primary is up or down only where that was seen, else it cannot be told."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowwatch.judge import judge
from flowwatch.model import Amount, Coverage, Place, Ref

MINUTE = 60 * 10**9
POLICY = """
[[server]]
id = "primary"
match = { cidrs = ["198.51.100.20/32"] }
[[server]]
id = "second"
match = { cidrs = ["198.51.100.21/32"] }
[[server]]
id = "backup"
match = { cidrs = ["198.51.100.36/32"] }
[[channel]]
id = "up"
from = ["precincts"]
to = ["primary"]
[[channel]]
id = "up-too"
from = ["precincts"]
to = ["second"]
[[channel]]
id = "instead"
from = ["precincts"]
to = ["backup"]
only_when_down = ["up"]
"""
BOTH = POLICY.replace('["up"]', '["up", "up-too"]')
UP, UNSEEN = "stage.backup_while_primary_up", "stage.state_unseen"
TRIED = {"attempted": True, "sent": Amount.exactly(0), "acked": 0, "state": "S0", "names": ()}


@pytest.fixture
def night(make):
    """Judges what is told as (minute, receiver, changes) after noon; gives what is told of the whole."""

    def run(*told, policy=POLICY, recorded=(0, 120), **changes):
        judged = judged_of(make, told, policy, recorded, changes)
        return [one.kind.value for one in judged.findings]

    return run


def judged_of(make, told, policy=POLICY, recorded=(0, 120), changes=None):
    sent = []
    for flow, (at, last, *more) in enumerate(told, 1):
        start = make.NOON + int(at * MINUTE)
        fields = {"flow": flow, "ref": Ref("tap.pcap", flow, flow), "start": start, "end": start + 10**9, "names": ()}
        fields |= {"receiver_ip": f"198.51.100.{last}", **(more[0] if more else {})}
        sent.append(make.sent(**fields | (changes or {})))
    coverage = Coverage(
        source="tap.pcap",
        used=9,
        flows=9,
        first=make.NOON + recorded[0] * MINUTE,
        last=make.NOON + recorded[1] * MINUTE,
    )
    return judge(sent, (), make.court(policy).policies, lambda address, _at: Place(address=address), [coverage])


def tried(*minutes, last=20, **changes):
    return [(at, last, TRIED | changes) for at in minutes]


def test_down_is_three_unanswered_attempts_and_nothing_acknowledged(night):
    assert night(*tried(50, 51, 52), (55, 36)) == []
    assert night(*tried(50, 51), (55, 36)) == [UNSEEN]
    assert night(*tried(40, 51, 52), (55, 36)) == [UNSEEN]
    assert night(*tried(50, 51, 56), (55, 36)) == [UNSEEN]
    assert night((55, 36)) == [UNSEEN]


def test_up_is_acknowledged_payload_in_the_ten_minutes_before(night):
    assert night((50, 20), (55, 36)) == [UP]
    assert night((46, 20), (55, 36)) == [UP]
    assert night((44, 20), (55, 36)) == [UNSEEN]
    assert night((56, 20), (55, 36)) == [UNSEEN]
    assert night((50, 20), *tried(51, 52, 53), (55, 36)) == [UP]
    assert night((20, 20), *tried(50, 51, 52), (55, 36)) == []


def test_what_was_refused_or_perhaps_acknowledged_is_neither(night):
    assert night(*tried(50, 51, 52, state="REJ"), (55, 36)) == [UNSEEN]
    assert night((50, 20, {"acked": None}), *tried(51, 52, 53), (55, 36)) == [UNSEEN]
    assert night((50, 20, {"acked": 0}), *tried(51, 52, 53), (55, 36)) == []
    assert night((54.99, 20), (55, 36)) == [UNSEEN]


def test_the_time_before_must_have_been_recorded(night):
    assert night(*tried(50, 51, 52), (55, 36), recorded=(52, 120)) == [UNSEEN]
    assert night(*tried(50, 51, 52), (55, 36), recorded=(48, 120)) == []
    assert night(*tried(50, 51, 52), (55, 36, {"timed": False})) == [UNSEEN]
    assert night((50, 20, {"timed": False}), *tried(51, 52, 53), (55, 36)) == [UNSEEN]


def test_all_that_it_stands_in_for_must_be_down(night):
    both = [*tried(50, 51, 52), *tried(50, 51, 52, last=21)]
    assert night(*both, (55, 36), policy=BOTH) == []
    assert night(*tried(50, 51, 52), (53, 21), (55, 36), policy=BOTH) == [UP]
    assert night(*tried(50, 51, 52), (55, 36), policy=BOTH) == [UNSEEN]


def test_an_attempt_on_the_backup_is_no_use_of_it(night):
    assert night((50, 20), *tried(55, last=36)) == []


def test_the_evidence_holds_what_shows_that_the_primary_was_up(make):
    (one,) = judged_of(make, [(50, 20), (55, 36), (56, 36)]).findings
    assert (one.kind, one.verdict, one.count, one.rule and one.rule.id) == (UP, "deviation", 2, "instead")
    assert [(record.record, record.how) for record in one.evidence] == [
        (2, "transmission"),
        (3, "transmission"),
        (1, "only when up is down"),
    ]
    assert [check.observed for check in one.checks] == ["up: payload acknowledged by 2026-11-03T12:50:01Z"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    told=st.lists(
        st.tuples(
            st.integers(0, 40),
            st.sampled_from([20, 20, 36]),
            st.sampled_from([{}, {"acked": 0}, {"acked": None}, TRIED, TRIED, TRIED, TRIED | {"state": "REJ"}]),
        ),
        max_size=7,
    )
)
def test_law_the_same_as_looking_at_every_use_by_itself(make, told):
    """Instants half a minute apart, everything a second long, against a plain reading of the rule."""
    judged = judged_of(make, [(at / 2 + 60, *rest) for at, *rest in told])
    expected = {"up": 0, "unseen": 0}
    for at, last, use in told:
        if last != 36 or use.get("attempted"):
            continue
        before = [(when, more) for when, where, more in told if where == 20 and at - 20 <= when <= at]
        payload = [(when, more) for when, more in before if not more.get("attempted")]
        edge = [more for when, more in payload if when == at and more.get("acked", 1) != 0]
        unanswered = [more for _, more in before if more.get("state") == "S0"]
        over = [(when, more) for when, where, more in told if where == 20 and at - 20 <= when < at]
        if any(not more.get("attempted") and more.get("acked", 1) for _, more in over):
            expected["up"] += 1
        elif any(more.get("acked", 1) is None for _, more in payload) or edge or len(unanswered) < 3:
            expected["unseen"] += 1
    counts = {one.kind.value: one.count for one in judged.findings}
    assert counts.get(UP, 0) == expected["up"]
    assert counts.get(UNSEEN, 0) == expected["unseen"]
    assert {one.verdict.value for one in judged.decisions} <= {"approved"}


def test_one_attempt_recorded_on_both_sides_of_a_translation_is_not_two(make):
    translated = make.BASE.replace('["192.0.2.0/26"]', '["192.0.2.0/26"]\nnat = ["203.0.113.5/32"]')
    outside = {"sender_ip": "203.0.113.5"}
    two = [*tried(50, 51), *tried(50, 51, **outside), (55, 36)]
    assert [one.kind.value for one in judged_of(make, two, translated + POLICY).findings] == [UNSEEN]
    three = [*tried(50, 51, 52), *tried(50, 51, 52, **outside), (55, 36)]
    assert judged_of(make, three, translated + POLICY).findings == ()
