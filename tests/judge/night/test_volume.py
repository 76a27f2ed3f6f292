"""Limits of a channel: never more than was certainly sent, never less than could have been."""

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowwatch.judge import judge
from flowwatch.judge.night.volume import HOUR, Loads, _hours_beyond
from flowwatch.model import Amount, Place, Ref

MINUTE = 60 * 10**9
LIMITED = """
[[server]]
id = "primary"
match = {{ cidrs = ["198.51.100.20/32"] }}
[[channel]]
id = "up"
from = ["precincts"]
to = ["primary"]
limits = {{ {} }}
"""
OTHER = '[[channel]]\nid = "{}"\nfrom = ["precincts"]\nto = ["primary"]\n'


@pytest.fixture
def night(make):
    """Judges uploads of these bytes, so many minutes after noon; gives what is told of the whole."""

    def run(*uploads, limits="bytes_out_per_hour = 1_000", more="", **changes):
        sent = [
            make.sent(
                flow=n,
                ref=Ref("tap.pcap", n, n),
                start=make.NOON + at * MINUTE,
                end=make.NOON + at * MINUTE + 10**9,
                **{"sent": Amount.exactly(size)} | changes,
            )
            for n, (at, size) in enumerate(uploads, 1)
        ]
        return told(make, sent, LIMITED.format(limits) + more)

    return run


def told(make, sent, policy):
    judged = judge(sent, (), make.court(policy).policies, lambda address, _at: Place(address=address))
    assert {one.verdict.value for one in judged.decisions} <= {"approved"}
    return [(one.kind.value, one.verdict.value, one.count) for one in judged.findings]


EXCEEDED, UNSEEN = "volume.exceeded", "volume.unseen"


def test_a_flow_may_be_as_large_as_its_limit_and_no_larger(night):
    limits = "bytes_out_per_flow = 1_000"
    assert night((0, 1_000), (1, 1_000), limits=limits) == []
    assert night((0, 1_001), (1, 1_000), limits=limits) == [(EXCEEDED, "deviation", 1)]


def test_the_hour_is_any_sixty_minutes_over_all_senders(night):
    assert night((30, 500), (89, 501)) == [(EXCEEDED, "deviation", 2)]
    assert night((30, 500), (91, 501)) == []
    assert night((0, 500), (59, 500), (90, 500), (200, 1_001)) == [(EXCEEDED, "deviation", 1)]


def test_flows_are_counted_when_they_begin_and_attempts_are_none(night):
    assert night((0, 5), (1, 5), (2, 5), limits="flows_per_hour = 3") == []
    assert night((0, 5), (1, 5), (2, 5), (3, 5), limits="flows_per_hour = 3") == [(EXCEEDED, "deviation", 4)]
    assert night((0, 0), (1, 0), (2, 0), (3, 0), limits="flows_per_hour = 3", attempted=True) == []


def test_a_limit_within_a_range_is_unseen(night):
    wide = {"sent": Amount(500, 1_500)}
    assert night((0, 0), limits="bytes_out_per_flow = 1_000", **wide) == [(UNSEEN, "indeterminate", 1)]
    assert night((0, 0), limits="bytes_out_per_flow = 1_500", **wide) == []
    assert night((0, 0), limits="bytes_out_per_flow = 499", **wide) == [(EXCEEDED, "deviation", 1)]
    assert night((0, 0), **wide) == [(UNSEEN, "indeterminate", 1)]
    assert night((0, 0), (1, 0), (2, 0), **wide) == [(EXCEEDED, "deviation", 3)]
    assert night((0, 0), sent=Amount(0, None)) == [(UNSEEN, "indeterminate", 1)]


def test_what_began_before_the_recording_may_have_sent_more(night):
    assert night((0, 10), limits="bytes_out_per_flow = 1_000", begun_before=True) == [(UNSEEN, "indeterminate", 1)]
    assert night((0, 10), begun_before=True) == []
    assert night((0, 1_001), limits="bytes_out_per_flow = 1_000", begun_before=True) == [(EXCEEDED, "deviation", 1)]


def test_what_has_no_time_may_be_of_any_hour(night):
    assert night((0, 600), (900, 600), timed=False) == [(UNSEEN, "indeterminate", 2)]
    assert night((0, 500), (900, 500), timed=False) == []


def test_a_flow_of_many_hours_sends_its_share_in_some_hour(make):
    long = make.sent(end=make.NOON + 8 * HOUR, sent=Amount.exactly(9_001))
    assert told(make, [long], LIMITED.format("bytes_out_per_hour = 1_000")) == [(EXCEEDED, "deviation", 1)]
    shorter = msgspec.structs.replace(long, sent=Amount.exactly(9_000))
    assert told(make, [shorter], LIMITED.format("bytes_out_per_hour = 1_000")) == [(UNSEEN, "indeterminate", 1)]


def test_one_channel_whose_limits_hold_is_enough_whatever_its_name(night):
    for name in ("a", "z"):
        assert night((0, 2_000), more=OTHER.format(name)) == []
    tighter = OTHER.format("a") + "limits = { bytes_out_per_hour = 10 }\n"
    assert night((0, 900), more=tighter) == []
    assert night((0, 1_100), more=tighter) == [(EXCEEDED, "deviation", 1)]


def test_the_finding_names_the_channel_what_differs_and_what_it_rests_on(make):
    policy = LIMITED.format("bytes_out_per_hour = 1_000") + 'agreement = "ICA-7"\n'
    judged = judge([make.sent()], (), make.court(policy).policies, lambda address, _at: Place(address=address))
    (one,) = judged.findings
    assert one.rule is not None
    assert (one.rule.kind, one.rule.id, one.rule.agreement) == ("channel", "up", "ICA-7")
    assert (one.severity, one.confidence, one.senders) == ("low", "high", ("192.0.2.17",))
    assert [(check.what, check.declared, check.observed) for check in one.checks] == [
        ("bytes_out_per_hour", "1,000 at the most", "20,000 or more in 60 minutes")
    ]
    assert one.evidence
    assert one.remedy
    assert one.title.endswith("more ran on the channel than its limits allow")


def test_what_differs_in_itself_is_not_counted(make):
    policy = LIMITED.format("flows_per_hour = 1") + "service = { ports = [8443] }\n"
    sent = [make.sent(flow=n, ref=Ref("tap.pcap", n, n), service_port=22) for n in (1, 2, 3)]
    judged = judge(sent, (), make.court(policy).policies, lambda address, _at: Place(address=address))
    assert [one.kind.value for one in judged.findings] == ["service.port"]


class Load(msgspec.Struct, frozen=True):
    """One of `Loads`."""

    place: int
    start: int | None
    end: int
    amount: Amount


def _beyond(loads, limit, what):
    """What `_hours_beyond` says of them."""
    mosts = [-1 if one.amount.most is None else one.amount.most for one in loads]
    columns = Loads(
        place=np.array([one.place for one in loads], np.int64),
        start=np.array([one.start or 0 for one in loads], np.int64),
        end=np.array([one.end for one in loads], np.int64),
        timed=np.array([one.start is not None for one in loads], np.bool_),
        least=np.array([one.amount.least for one in loads], np.int64),
        most=np.array(mosts, np.int64),
        outside=np.zeros(len(loads), np.bool_),
    )
    return _hours_beyond(columns, limit, what)


@st.composite
def _loads(draw):
    start = draw(st.none() | st.integers(0, 12).map(lambda slot: slot * HOUR // 4))
    end = (start or 0) + draw(st.sampled_from([0, 0, HOUR // 4, HOUR - 1, HOUR, 3 * HOUR]))
    least = draw(st.integers(0, 4))
    return Load(0, start, end, Amount(least, draw(st.sampled_from([None, least, least, least + 2]))))


LOADS = st.lists(_loads(), max_size=8).map(
    lambda loads: [msgspec.structs.replace(one, place=place) for place, one in enumerate(loads)]
)


@settings(max_examples=300, deadline=None)
@given(loads=LOADS, limit=st.integers(1, 8), data=st.data())
def test_law_more_is_said_only_where_it_is_so_however_it_ran_and_nothing_only_where_it_cannot_be(loads, limit, data):
    """Every flow sends all it may have sent at one or two instants of its time: an oracle that knows the truth."""
    found = {one.place: one.check for one in _beyond(loads, limit, "bytes_out_per_hour")}
    bytes_at = []
    for one in loads:
        size = data.draw(
            st.integers(one.amount.least, one.amount.least + 5 if one.amount.most is None else one.amount.most)
        )
        first, last = (0, 16 * HOUR) if one.start is None else (one.start, one.end)
        half = data.draw(st.integers(0, size))
        bytes_at += [(data.draw(st.integers(first, last)), half), (data.draw(st.integers(first, last)), size - half)]
    fullest = max(
        (sum(size for at, size in bytes_at if last - HOUR < at <= last) for last, _ in bytes_at),
        default=0,
    )
    if any(check.truth == "false" for check in found.values()):
        assert fullest > limit
    if not found:
        assert fullest <= limit


@settings(max_examples=200, deadline=None)
@given(loads=LOADS, limit=st.integers(1, 8))
def test_law_a_lower_limit_never_makes_it_milder_and_order_is_nothing(loads, limit):
    found = {one.place: one.check.truth for one in _beyond(loads, limit, "x")}
    lower = {one.place: one.check.truth for one in _beyond(loads, max(limit - 1, 1), "x")}
    assert found.keys() <= lower.keys()
    assert {place for place, truth in found.items() if truth == "false"} <= {
        place for place, truth in lower.items() if truth == "false"
    }
    assert list(_beyond(loads[::-1], limit, "x")) == list(_beyond(loads, limit, "x"))


def test_hours_that_no_table_holds_together_are_added_exactly():
    loads = [Load(place, place, place, Amount.exactly(2**63 - 1)) for place in range(3)]
    assert [one.check.observed for one in _beyond(loads, 2**64, "x")] == [
        f"{3 * (2**63 - 1):,} or more in 60 minutes"
    ] * 3
    assert not list(_beyond(loads, 2**65, "x"))


def _judged(make, sent, limits, swap):
    channels = [LIMITED.format(limits) if limits else LIMITED.partition("limits")[0].format(), OTHER.format("b")]
    channels[1] += "service = { ports = [8443] }\nlimits = { flows_per_hour = 2 }\n"
    policy = "".join(channels[::-1] if swap else channels)
    return judge(
        sent[::-1] if swap else sent, (), make.court(policy).policies, lambda address, _at: Place(address=address)
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    uploads=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 900), st.sampled_from([22, 8443])), max_size=6),
    limits=st.sampled_from(["bytes_out_per_hour = 1_000", "flows_per_hour = 1", "bytes_out_per_flow = 300"]),
)
def test_law_a_limit_adds_findings_and_changes_no_verdict(make, uploads, limits):
    sent = [
        make.sent(
            flow=n,
            ref=Ref("tap.pcap", n, n),
            service_port=port,
            start=make.NOON + at * HOUR // 4,
            end=make.NOON + at * HOUR // 4,
            sent=Amount.exactly(size),
        )
        for n, (at, size, port) in enumerate(uploads, 1)
    ]
    free, limited, swapped = (_judged(make, sent, *how) for how in (("", False), (limits, False), (limits, True)))
    assert [one.verdict for one in free.decisions] == [one.verdict for one in limited.decisions]
    assert {one.id for one in free.findings} <= {one.id for one in limited.findings}
    assert msgspec.json.encode(limited) == msgspec.json.encode(swapped)


def test_what_both_sides_of_a_translation_recorded_is_never_added_for_certain(make, monkeypatch):
    translated = make.BASE.replace('["192.0.2.0/26"]', '["192.0.2.0/26"]\nnat = ["203.0.113.5/32"]')
    monkeypatch.setattr(make, "BASE", translated)
    policy = translated + LIMITED.format("bytes_out_per_hour = 1_000")
    inside = make.sent(flow=1, ref=Ref("in.pcap", 1, 1), sent=Amount.exactly(600))
    outside = make.sent(flow=2, ref=Ref("out.pcap", 1, 1), sender_ip="203.0.113.5", sent=Amount.exactly(600))
    assert told(make, [inside, outside], policy) == [(UNSEEN, "indeterminate", 2)]
    larger = msgspec.structs.replace(outside, sent=Amount.exactly(1_001))
    assert (EXCEEDED, "deviation", 1) in told(make, [inside, larger], policy)
