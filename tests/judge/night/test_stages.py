"""The stages of a night: what ran is counted once, and no edge is known that was not recorded."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowwatch.judge import judge
from flowwatch.judge.night.ran import RAN_MOST
from flowwatch.model import Amount, Coverage, Delay, OpenedBy, Place, Ref

MINUTE = 60 * 10**9
DAY = 24 * 60
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
when = [{ days = ["mon", "tue", "wed"], start = "12:00", end = "18:00" }]
[[channel]]
id = "publish"
stage = 2
from = ["collection"]
to = ["site"]
when = [{ days = ["tue", "wed"], start = "13:00", end = "19:00" }]
"""
"""12:00 UTC of the first day, a Tuesday, is minute 0."""
ALWAYS = "\n".join(line for line in STAGES.splitlines() if not line.startswith("when"))
WHOLE = (-10, 430)


@pytest.fixture
def told(make):
    """The stages of what was collected and published at these minutes; each took a minute."""

    def run(collected=(), published=(), *, policy=STAGES, recorded=(WHOLE,), change=None, also=()):
        sent = [_sent(make, n, at, **change or {}) for n, at in enumerate(collected, 1)]
        ends = {"sender_ip": "192.0.2.70", "receiver_ip": "198.51.100.80"}
        sent += [_sent(make, n, at, **ends) for n, at in enumerate(published, 500)]
        coverage = [
            Coverage(
                source="tap.pcap",
                used=9,
                flows=9,
                first=make.NOON + int(first * MINUTE),
                last=make.NOON + int(last * MINUTE),
            )
            for first, last in recorded
        ]
        policies = make.court(policy).policies
        return judge([*sent, *also], (), policies, lambda address, _at: Place(address=address), coverage).stages

    return run


def _sent(make, flow, at, **changes):
    start = make.NOON + int(at * MINUTE)
    fields = {"flow": flow, "ref": Ref("tap.pcap", flow, flow), "start": start, "end": start + MINUTE}
    return make.sent(**fields | {"sender_ip": f"192.0.2.{flow % 60 + 1}"} | changes)


def test_a_policy_without_stages_tells_none(told):
    plain = "\n".join(line for line in STAGES.splitlines() if not line.startswith("stage"))
    assert told([10], [90], policy=plain) == ()


def test_when_it_ran_how_much_and_how_long_after_the_stage_before(told, make):
    one, other = told([10, 20], [90])
    assert (one.number, one.channels, one.flows, one.transmissions) == (1, ("collect",), 2, 2)
    assert (one.bytes_sent, one.bytes_most, one.bytes_acked) == (40_000, 40_000, 40_000)
    assert (one.first, one.last) == (make.NOON + 10 * MINUTE, make.NOON + 21 * MINUTE)
    assert [(ran.first, ran.last) for ran in one.ran] == [
        (make.NOON + at * MINUTE, make.NOON + (at + 1) * MINUTE) for at in (10, 20)
    ]
    assert one.heard == ("192.0.2.2", "192.0.2.3")
    assert (one.after, one.delay) == (None, None)
    assert (other.after, other.delay) == (1, Delay(69 * MINUTE, exact=True))


def test_an_overlap_is_negative(told):
    assert told([10, 100], [90])[1].delay == Delay(-11 * MINUTE, exact=True)


@pytest.mark.parametrize(
    "recorded",
    [
        [(-10, 300)],  # something may have been collected later
        [(70, 430)],  # published before
        [(-10, 40), (60, 430)],
    ],
)
def test_a_delay_over_what_was_not_recorded_is_only_the_most(told, recorded):
    delay = told([10], [90], recorded=recorded)[1].delay
    assert delay == Delay(79 * MINUTE, exact=False)


def test_of_nothing_no_delay_is_told(told):
    one, other = told([], [90])
    assert (one.first, one.first_known, other.delay, other.after) == (None, False, None, 1)


def test_what_had_begun_before_or_has_no_time_leaves_an_edge_unknown(told):
    always = told([10], [90], policy=ALWAYS, change={"begun_before": True})[0]
    assert (always.first_known, always.last_known) == (False, False)
    untimed = told([10], [90], policy=ALWAYS, change={"timed": False})
    assert (untimed[0].first, untimed[0].transmissions, untimed[1].delay) == (None, 1, None)


def test_what_is_perhaps_of_the_stage_leaves_an_edge_unknown(told, make):
    named = STAGES.replace('["198.51.100.20/32"] }', '["198.51.100.20/32"], names = ["ingest.results.example"] }')
    nameless = _sent(make, 90, 200, names=())
    one, other = told([10], [90], policy=named, also=[nameless])
    assert (one.transmissions, one.first_known, one.last_known, other.delay.exact) == (1, True, False, False)


def test_attempts_and_answers_are_no_part_of_it(told, make):
    attempt = _sent(make, 90, 200, attempted=True, sent=Amount.exactly(0), acked=0)
    answer = make.reply(_sent(make, 1, 10))
    assert answer.opened_by is OpenedBy.RECEIVER
    one = told([10], also=[attempt, answer])[0]
    assert (one.transmissions, one.flows, len(one.heard)) == (1, 1, 1)


def test_who_acknowledged_nothing_is_not_heard_and_who_perhaps_did_stands_apart(told):
    assert told([10], change={"acked": None})[0].perhaps == ("192.0.2.2",)
    silent = told([10], change={"acked": 0})[0]
    assert (silent.heard, silent.perhaps, silent.transmissions) == ((), (), 1)
    assert told([10], change={"acked": None})[0].bytes_acked is None


def test_every_night_has_stages_of_its_own(told):
    nights = told([10, 10 + DAY, 10 - DAY], [90, 70 + DAY], recorded=[(-DAY, 2 * DAY)])
    assert [(one.number, one.transmissions, one.delay and one.delay.ns // MINUTE) for one in nights] == [
        (1, 1, None),  # Monday: nothing is published
        (1, 1, None),
        (2, 1, 79),
        (1, 1, None),
        (2, 1, 59),
    ]
    assert len({(one.since, one.until) for one in nights}) == 3


def test_without_windows_all_is_one_night(told):
    nights = told([10, 10 + DAY], [90], policy=ALWAYS, recorded=[(-DAY, 2 * DAY)])
    assert [(one.number, one.since, one.until, one.first_known) for one in nights] == [
        (1, None, None, False),
        (2, None, None, False),
    ]


def test_what_only_a_clock_error_approves_is_counted(told):
    off = '[[sensor]]\nid = "t"\nsources = ["tap.pcap"]\nclock_error = "2m"\n'
    late = told([359.5], policy=STAGES + off)
    assert late[0].transmissions == 1
    before = told([-1.5], policy=STAGES + off, recorded=[(-2, -0.2)])
    assert [one.transmissions for one in before if one.number == 1] == [1]


def test_a_recording_of_decades_tells_the_nights_in_which_something_ran(told):
    nights = told([10, 10 + 7 * DAY], recorded=[(-20_000 * DAY, 8 * DAY)])
    assert [one.transmissions for one in nights if one.number == 1 and one.transmissions] == [1, 1]
    assert len(nights) < 12


def test_many_times_are_told_as_few(told):
    (one, *_) = told([2 * n for n in range(150)])
    assert len(one.ran) == RAN_MOST
    assert (one.ran[0].first, one.ran[-1].last) == (one.first, one.last)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    collected=st.lists(st.integers(-DAY, 2 * DAY), max_size=4),
    published=st.lists(st.integers(-DAY, 2 * DAY), max_size=4),
    cut=st.tuples(st.integers(-10, 430), st.integers(-10, 430)).map(sorted),
)
def test_law_all_is_counted_once_and_less_recorded_never_knows_more(told, collected, published, cut):
    """Everything approved is in one stage of one night; a delay known over less holds over more; else it is a bound."""
    whole = told(collected, published, recorded=[(-DAY - 20, 3 * DAY)])
    inside = [(at, 12 * 60, 18 * 60, (0, 1, 2)) for at in collected] + [
        (at, 13 * 60, 19 * 60, (1, 2)) for at in published
    ]
    approved = sum(
        (at + 720 + DAY) // DAY in days and opens <= (at + 720) % DAY and (at + 720) % DAY + 1 < closes
        for at, opens, closes, days in inside
    )
    assert sum(one.transmissions for one in whole) == approved
    first, last = cut
    kept = [[at for at in those if first <= at <= last] for those in (collected, published)]
    full = {(one.since, one.number): one for one in whole}
    for part in told(*kept, recorded=[(first, last + 1)]):
        true = full[part.since, part.number]
        assert not part.first_known or part.first == true.first
        assert not part.last_known or part.last == true.last
        if part.delay is not None and true.delay is not None:
            assert part.delay == true.delay if part.delay.exact else part.delay.ns >= true.delay.ns
