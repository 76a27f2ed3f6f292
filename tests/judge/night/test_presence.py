"""Silence: told only where all of the time was recorded where the sender is seen."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowwatch.judge import judge
from flowwatch.model import Amount, Coverage, Place, Ref
from flowwatch.policy import parse
from flowwatch.policy.match import Cidr
from flowwatch.policy.terms import PolicySet

MINUTE = 60 * 10**9
POLICY = """
[[server]]
id = "primary"
match = {{ cidrs = ["198.51.100.20/32"] }}
[[channel]]
id = "up"
from = ["precincts"]
to = ["primary"]
carries = ["results"]
when = [{{ from = 2026-11-03T12:00:00Z, until = 2026-11-03T18:00:00Z }},
        {{ days = ["mon"], start = "12:00", end = "18:00", note = "rehearsal" }}]
expected = {{ {} }}
"""
BY = "by = 2026-11-03T14:00:00Z"
EACH = f'per = "sender", senders = "sites.txt", {BY}'
SILENT, UNSEEN = "presence.silent", "presence.unseen"


@pytest.fixture
def night(make):
    """Judges uploads as (minute after noon, last of the sender's address, changes); gives the findings."""

    def run(*uploads, expected=BY, sites=(), recorded=(0, 360), more=""):
        sent = []
        for flow, (at, last, *changes) in enumerate(uploads, 1):
            start = make.NOON + at * MINUTE
            fields = {"flow": flow, "ref": Ref("tap.pcap", flow, flow), "start": start, "end": start + 10**9}
            sent.append(make.sent(**fields | {"sender_ip": f"192.0.2.{last}"} | (changes[0] if changes else {})))
        coverage = [
            Coverage(
                source="tap.pcap",
                used=9,
                flows=9,
                records=9,
                first=make.NOON + first * MINUTE,
                last=make.NOON + last * MINUTE,
            )
            for first, last in ([recorded] if recorded else [])
        ]
        policies = _with_sites(make.BASE + POLICY.format("min_flows = 2, " + BY) + more, expected, sites)
        return judge(sent, (), policies, lambda address, _at: Place(address=address), coverage).findings

    return run


def _with_sites(text, expected, sites):
    """The policy with a list of senders, which a text alone cannot name."""
    policy = parse(text)
    (channel,) = (one for one in policy.channels if one.id == "up")
    each = "sender" if "sender" in expected else "channel"
    listed = tuple(map(Cidr.parse, sites))
    least = 1 if "min_flows" not in expected else 2
    assert channel.expected is not None
    presence = msgspec.structs.replace(channel.expected, per=each, listed=listed, min_flows=least)
    channel = msgspec.structs.replace(channel, expected=presence)
    return PolicySet((msgspec.structs.replace(policy, channels=(channel,)),))


def told(findings):
    return [(one.kind.value, one.verdict.value, *one.senders) for one in findings]


TWO = "min_flows = 2, " + BY
ATTEMPT = {"attempted": True, "sent": Amount.exactly(0), "acked": 0, "state": "S0"}


def test_what_was_acknowledged_in_time_is_heard(night):
    assert told(night((10, 17))) == []
    assert told(night((10, 17), (20, 18), expected=TWO)) == []
    assert told(night((10, 17), expected=TWO)) == [(SILENT, "deviation")]
    assert told(night()) == [(SILENT, "deviation")]


def test_what_came_late_was_called_or_refused_is_not_heard(night):
    assert told(night((121, 17))) == [(SILENT, "deviation")]
    assert told(night((10, 17, ATTEMPT))) == [(SILENT, "deviation")]
    assert told(night((10, 17, {"acked": 0}))) == [(SILENT, "deviation")]


def test_what_was_perhaps_heard_cannot_be_told(night):
    assert told(night((10, 17, {"acked": None}))) == [(UNSEEN, "indeterminate")]
    assert (UNSEEN, "indeterminate") in told(night((10, 17, {"timed": False})))


def test_silence_that_was_not_recorded_cannot_be_told(night):
    assert told(night(recorded=(0, 100))) == [(UNSEEN, "indeterminate")]
    assert told(night(recorded=(30, 360))) == [(UNSEEN, "indeterminate")]
    assert told(night((40, 17), recorded=(30, 360))) == []
    elsewhere = '[[sensor]]\nid = "t"\nsources = ["tap.pcap"]\nsees = ["office"]\n'
    assert told(night(more=elsewhere)) == [(UNSEEN, "indeterminate")]


def test_of_a_time_that_the_recording_does_not_touch_nothing_is_said(night):
    assert told(night(recorded=(-24 * 60, -20 * 60))) == []
    assert told(night(recorded=(200, 360))) == []
    assert told(night(recorded=None)) == []


def test_the_rehearsal_of_yesterday_is_not_heard_tonight(night):
    assert told(night((-24 * 60 + 10, 17), recorded=(-24 * 60, 360))) == [(SILENT, "deviation")]


def test_each_sender_of_the_list_is_heard_for_itself(night):
    sites = ("192.0.2.17", "192.0.2.18", "192.0.2.32/29")
    assert told(night((1, 17), (2, 18), (3, 35), expected=EACH, sites=sites)) == []
    assert told(night((1, 17), (2, 17), (3, 50), expected=EACH, sites=sites)) == [
        (SILENT, "deviation", "192.0.2.18", "192.0.2.32/29")
    ]
    mixed = night((1, 17), (2, 18, {"acked": None}), expected=EACH, sites=sites)
    assert sorted(told(mixed)) == [
        (SILENT, "deviation", "192.0.2.32/29"),
        (UNSEEN, "indeterminate", "192.0.2.18"),
    ]


def test_behind_an_address_translation_no_single_sender_is_silent(night, make, monkeypatch):
    sites = ("192.0.2.17",)
    monkeypatch.setattr(
        make, "BASE", make.BASE.replace('["192.0.2.0/26"]', '["192.0.2.0/26"]\nnat = ["203.0.113.5/32"]')
    )
    assert told(night(expected=EACH, sites=sites)) == [(UNSEEN, "indeterminate", "192.0.2.17")]
    inside = '[[sensor]]\nid = "t"\nsources = ["tap.pcap"]\nside = "inside"\n'
    assert told(night(expected=EACH, sites=sites, more=inside)) == [(SILENT, "deviation", "192.0.2.17")]


def test_the_finding_tells_who_by_when_and_what_recorded_it(night):
    (one,) = night(expected=EACH, sites=("192.0.2.17", "192.0.2.18"))
    assert (one.severity, one.confidence, one.sender_zone, one.server) == ("high", "medium", "precincts", "primary")
    assert one.title == (
        "2 of 2 senders listed for channel up: what was expected on the channel by that time was not heard"
    )
    assert [(check.declared, check.observed) for check in one.checks] == [
        ("1 or more of each sender listed, since 2026-11-03T12:00:00Z, by 2026-11-03T14:00:00Z", "fewer of 2")
    ]
    assert [(record.source, record.record, record.last_record) for record in one.evidence] == [("tap.pcap", 1, 9)]
    again = night((1, 17), expected=EACH, sites=("192.0.2.17", "192.0.2.18"))
    assert again[0].id == one.id


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    uploads=st.lists(
        st.tuples(
            st.integers(-20, 140),
            st.sampled_from([17, 18, 19]),
            st.sampled_from([{}, {}, {"acked": None}, {"acked": 0}, ATTEMPT]),
        ),
        max_size=6,
    ),
    more=st.tuples(st.integers(0, 119), st.sampled_from([17, 18, 19])),
    recorded=st.sampled_from([(0, 360), (0, 60), (60, 360)]),
)
def test_law_more_heard_silences_nobody_and_every_sender_is_told_once(night, uploads, more, recorded):
    sites = ("192.0.2.17", "192.0.2.18", "192.0.2.19")

    def silent(*uploads, recorded=recorded):
        found = [
            one
            for one in night(*uploads, expected=EACH, sites=sites, recorded=recorded)
            if one.kind in (SILENT, UNSEEN)
        ]
        by_sender = {sender: one.kind.value for one in found for sender in one.senders}
        assert len(by_sender) == sum(len(one.senders) for one in found)
        return by_sender

    before, after = silent(*uploads), silent(*uploads, more)
    assert after == {sender: kind for sender, kind in before.items() if sender != f"192.0.2.{more[1]}"}
    whole = silent(*uploads, recorded=(0, 360))
    assert whole.keys() == before.keys()
    assert all(whole[sender] == kind or kind == UNSEEN for sender, kind in before.items())


def test_one_flow_recorded_on_both_sides_of_a_translation_is_not_two(night, make, monkeypatch):
    monkeypatch.setattr(
        make, "BASE", make.BASE.replace('["192.0.2.0/26"]', '["192.0.2.0/26"]\nnat = ["203.0.113.5/32"]')
    )
    outside = {"sender_ip": "203.0.113.5"}
    assert told(night((10, 17), (10, 17, outside), expected=TWO)) == [(UNSEEN, "indeterminate")]
    assert told(night((10, 17), (10, 17, outside), (20, 18), expected=TWO)) == []


CLOCK = 'by = "14:00"'
NIGHTLY = """
[[server]]
id = "primary"
match = { cidrs = ["198.51.100.20/32"] }
[[channel]]
id = "up"
from = ["precincts"]
to = ["primary"]
when = [{ days = ["mon", "tue", "wed"], start = "12:00", end = "18:00" },
        { days = ["thu"], start = "15:00", end = "18:00" }]
expected = { by = "14:00" }
"""
DAY = 24 * 60


@pytest.fixture
def nights(make):
    """Judges uploads at these minutes after noon of a Tuesday, by what is expected every day at two; the findings."""

    def run(*uploads, recorded=(-10, 400), sites=(), policy=NIGHTLY):
        sent = [
            make.sent(
                flow=flow,
                ref=Ref("tap.pcap", flow, flow),
                start=make.NOON + at * MINUTE,
                end=make.NOON + at * MINUTE + 10**9,
                sender_ip=f"192.0.2.{last}",
            )
            for flow, (at, last) in enumerate(uploads, 1)
        ]
        first, last = (make.NOON + at * MINUTE for at in recorded)
        coverage = Coverage(source="tap.pcap", used=9, flows=9, records=9, first=first, last=last)
        policies = _with_sites(make.BASE + policy, EACH if sites else BY, sites)
        return judge(sent, (), policies, lambda address, _at: Place(address=address), [coverage]).findings

    return run


def test_a_time_of_day_is_expected_on_every_day_that_was_recorded(nights):
    week = (-DAY - 60, 3 * DAY)
    assert told(nights((-DAY + 10, 17), (10, 17), (DAY + 10, 17), recorded=week)) == []
    (one,) = nights((10, 17), (DAY + 130, 17), recorded=week)
    assert (one.kind, one.count, one.title.partition(":")[0]) == (SILENT, 2, "channel up, 2 times")
    assert [check.declared for check in one.checks] == [
        f"1 or more, since 2026-11-0{day}T12:00:00Z, by 2026-11-0{day}T14:00:00Z" for day in (2, 4)
    ]
    assert one.last_seen - one.first_seen == 2 * DAY * MINUTE


def test_the_days_of_a_sender_are_told_one_by_one(nights):
    uploads = [(10, 17), (20, 18), (DAY + 10, 18)]
    (one,) = nights(*uploads, recorded=(-10, DAY + 400), sites=("192.0.2.17", "192.0.2.18"))
    assert (one.kind, one.senders, one.count) == (SILENT, ("192.0.2.17",), 1)
    (one,) = nights(uploads[1], recorded=(-10, DAY + 400), sites=("192.0.2.17", "192.0.2.18"))
    assert (one.senders, one.count) == (("192.0.2.17", "192.0.2.18"), 3)
    assert [check.observed for check in one.checks] == [
        "fewer of 1 (192.0.2.17)",
        "fewer of 2 (192.0.2.17, 192.0.2.18)",
    ]


def test_a_day_that_was_half_recorded_cannot_be_told(nights):
    found = nights((10, 17), recorded=(-10, DAY + 60))
    assert told(found) == [(UNSEEN, "indeterminate")]


def test_one_night_by_clock_or_by_instant_is_the_same(night, nights):
    for uploads in ([], [(10, 17)], [(130, 17)]):
        by_clock = nights(*uploads)
        assert told(by_clock) == told(night(*uploads, recorded=(-10, 400)))
        assert [one.id for one in by_clock] == [one.id for one in night(*uploads, recorded=(-10, 400))]


def test_days_beyond_those_looked_at_are_said(nights):
    found = nights((10, 17), recorded=(-20_000 * DAY, 400))
    unseen = [one for one in found if one.kind == UNSEEN]
    assert any("only the last 400 days are looked at" in check.observed for one in unseen for check in one.checks)
    assert all(len(one.checks) <= 21 for one in found)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(uploads=st.lists(st.tuples(st.integers(-DAY, 2 * DAY), st.sampled_from([17, 18])), max_size=6))
def test_law_every_day_is_silent_as_it_would_be_alone(nights, uploads):
    """What is told of three recorded days is what three recordings of one day tell."""
    sites = ("192.0.2.17", "192.0.2.18")

    def silent(first, last):
        found = nights(*uploads, recorded=(first, last), sites=sites)
        return [one for one in found if one.kind in (SILENT, UNSEEN)]

    together = silent(-DAY - 60, 2 * DAY + 300)
    alone = [one for day in (-1, 0, 1) for one in silent(day * DAY - 60, day * DAY + 300)]
    assert sum(one.count for one in together) == sum(one.count for one in alone)
    assert {sender for one in together for sender in one.senders} == {sender for one in alone for sender in one.senders}
