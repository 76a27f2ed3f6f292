"""Stages of a night: out of order only where everything before was recorded and had carried nothing."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowwatch.judge import judge
from flowwatch.model import Amount, Coverage, Place, Ref

MINUTE = 60 * 10**9
STAGES = """
[[server]]
id = "primary"
match = { cidrs = ["198.51.100.20/32"] }
[[server]]
id = "site"
match = { cidrs = ["198.51.100.80/32"] }
[[channel]]
id = "collect"
stage = 1
from = ["precincts"]
to = ["primary"]
when = [{ from = 2026-11-03T12:00:00Z, until = 2026-11-03T18:00:00Z },
        { days = ["mon"], start = "12:00", end = "18:00", note = "rehearsal" }]
[[channel]]
id = "publish"
stage = 2
from = ["collection"]
to = ["site"]
after = ["collect"]
"""
UNBOUNDED = STAGES.partition("when =")[0] + STAGES[STAGES.index('[[channel]]\nid = "publish"') :]
OUT, UNSEEN = ("stage.out_of_order", "deviation"), ("stage.order_unseen", "indeterminate")


@pytest.fixture
def night(make):
    """Judges what was collected and published at these minutes after noon; gives what is told of the whole."""

    def run(collected, published, policy=STAGES, recorded=(0, 360), sensor="", collect=None, publish=None):
        sent = [_collected(make, n, at, **collect or {}) for n, at in enumerate(collected, 1)]
        sent += [_published(make, n, at, **publish or {}) for n, at in enumerate(published, 50)]
        coverage = Coverage(
            source="tap.pcap",
            used=9,
            flows=9,
            first=make.NOON + recorded[0] * MINUTE,
            last=make.NOON + recorded[1] * MINUTE,
        )
        policies = make.court(policy + sensor).policies
        judged = judge(sent, (), policies, lambda address, _at: Place(address=address), [coverage])
        return [(one.kind.value, one.verdict.value, *([one.count] if one.count > 1 else [])) for one in judged.findings]

    return run


def _collected(make, flow, at, **changes):
    start = make.NOON + at * MINUTE
    return make.sent(
        **{"flow": flow, "ref": Ref("tap.pcap", flow, flow), "start": start, "end": start + MINUTE} | changes
    )


def _published(make, flow, at, **changes):
    ends = {"sender_ip": "192.0.2.70", "receiver_ip": "198.51.100.80", "service_port": 443}
    return _collected(make, flow, at, **ends | changes)


def test_published_after_something_was_acknowledged_is_in_order(night):
    assert night([10, 200], [11, 90]) == []


def test_published_before_anything_was_collected_is_out_of_order(night):
    assert night([30], [10]) == [OUT]
    assert night([], [10, 20]) == [(*OUT, 2)]


def test_collected_meanwhile_cannot_be_told(night):
    assert night([10], [10]) == [UNSEEN]
    assert night([10], [10.5]) == [UNSEEN]


def test_what_was_perhaps_acknowledged_cannot_be_told(night):
    assert night([5], [10], collect={"acked": None}) == [UNSEEN]
    assert night([5], [10], collect={"acked": 0}) == [OUT]
    assert night([5], [10], collect={"attempted": True, "sent": Amount.exactly(0), "acked": None}) == [OUT]


def test_over_what_was_not_recorded_cannot_be_told(night):
    assert night([], [100], recorded=(60, 360)) == [UNSEEN]
    assert night([], [100], recorded=(5, 360)) == [OUT]
    assert night([], [100], recorded=(0, 50)) == [UNSEEN]
    elsewhere = '[[sensor]]\nid = "t"\nsources = ["tap.pcap"]\nsees = ["collection"]\n'
    assert night([], [100], sensor=elsewhere) == [UNSEEN]
    here = elsewhere.replace('["collection"]', '["precincts", "collection"]')
    assert night([], [100], sensor=here) == [OUT]


def test_since_when_it_could_have_been_must_be_known(night):
    assert night([], [100], policy=UNBOUNDED) == [UNSEEN]
    assert night([10], [100], policy=UNBOUNDED) == []


def test_the_rehearsal_of_yesterday_opens_no_stage_tonight(night):
    assert night([-24 * 60 + 5], [10], recorded=(-24 * 60, 360)) == [OUT]
    assert night([-24 * 60 + 5], [-24 * 60 + 10], recorded=(-24 * 60, 360)) == []


def test_what_has_no_time_cannot_be_told(night):
    assert night([5], [10], publish={"timed": False}) == [UNSEEN]


def test_what_is_perhaps_of_the_channel_perhaps_opened_the_stage(night):
    named = STAGES.replace('["198.51.100.20/32"] }', '["198.51.100.20/32"], names = ["ingest.results.example"] }')
    assert UNSEEN in night([5], [10], policy=named, collect={"names": ()})
    assert night([5], [10], policy=named) == []


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    collected=st.lists(st.integers(-30, 30), max_size=3),
    published=st.lists(st.integers(0, 30), min_size=1, max_size=3),
    more=st.integers(-30, 30),
    cut=st.integers(0, 40),
)
def test_law_more_seen_never_makes_the_order_worse_and_less_never_better(night, collected, published, more, cut):
    """More collected heals, never breaks; with less recorded nothing is told as in order or broken that was not."""
    rank = {OUT[0]: 2, UNSEEN[0]: 1}
    whole = max((rank[one[0]] for one in night(collected, published) if one[0] in rank), default=0)
    healed = max((rank[one[0]] for one in night([*collected, more], published) if one[0] in rank), default=0)
    assert healed <= whole
    less = max((rank[one[0]] for one in night(collected, published, recorded=(cut, 360)) if one[0] in rank), default=0)
    assert (less == 0) == (whole == 0)
    assert less <= whole


def test_a_version_that_takes_over_in_the_night_forgets_nothing(make):
    def version(number, since, until):
        head = f'version = "{number}"\nvalid_from = {since}\nvalid_until = {until}'
        return make.BASE.replace('version = "1"', head) + UNBOUNDED

    split = "2026-11-03T13:00:00Z"
    court = make.court(version(1, "2026-11-03T12:00:00Z", split), version(2, split, "2026-11-04T00:00:00Z"))
    covered = Coverage(source="tap.pcap", used=9, flows=9, first=make.NOON, last=make.NOON + 360 * MINUTE)
    for collected, expected in ([10], []), ([], [OUT[0]]):
        sent = [_collected(make, 1, at) for at in collected] + [_published(make, 50, 100)]
        judged = judge(sent, (), court.policies, lambda address, _at: Place(address=address), [covered])
        assert [one.kind.value for one in judged.findings] == expected
