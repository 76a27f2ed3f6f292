import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.model import Alert, AlertKind, Life, Severity, Verdict
from flowwatch.ops import outbox
from flowwatch.ops.notify import NotDelivered
from flowwatch.ops.outbox import Again, GivenUp, Seen, Told, after, calmed, due, trial, undelivered

HOUR = 3_600 * 10**9
NOW = 1_793_838_600_000_000_000
FAULT = NotDelivered("connection refused")
TIMES = st.integers(0, 2 * NOW)


def _dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - waits are no secret


@given(st.integers(1, 99), TIMES, TIMES, st.none() | st.floats(0, 1e9), st.integers())
def test_a_fault_is_tried_again_within_bounds_or_given_up(tries, since, now, asked, seed):
    found = after(tries, since, now, NotDelivered("busy", after=asked), _dice(seed))
    if isinstance(found, GivenUp):
        assert tries >= outbox.FEWEST_TRIES
        assert now - since >= outbox.LONGEST
        return
    least = min(int((asked or 0) * 10**9), outbox.LONGEST_WAIT)
    assert least <= found.at - now <= max(least, min(outbox.FIRST_WAIT * 2 ** (tries - 1), outbox.LONGEST_WAIT))


def test_waits_are_spread_over_all_of_the_time_there_is():
    chance = _dice(6)
    waits = [after(1, NOW, NOW, FAULT, chance).at - NOW for _ in range(1_000)]  # type: ignore[union-attr]
    assert min(waits) < outbox.FIRST_WAIT / 20
    assert max(waits) > outbox.FIRST_WAIT * 19 / 20
    late = [after(50, NOW, NOW, FAULT, chance).at - NOW for _ in range(1_000)]  # type: ignore[union-attr]
    assert max(late) > outbox.LONGEST_WAIT * 19 / 20


@given(st.integers())
def test_every_delivery_comes_to_an_end(seed):
    chance, tries, now = _dice(seed), 1, NOW
    while isinstance(found := after(tries, NOW, now, FAULT, chance), Again):
        tries, now = tries + 1, found.at
    assert outbox.FEWEST_TRIES <= tries <= outbox.MOST_TRIES
    assert now - NOW <= outbox.LONGEST + outbox.LONGEST_WAIT
    assert "connection refused" in found.why


def test_a_receiver_that_refused_is_not_asked_again():
    found = after(1, NOW, NOW, NotDelivered("it answered 400", retry=False), _dice(0))
    assert found == GivenUp("the receiver refused it: it answered 400")


def test_one_that_was_given_up_is_told_once():
    told = undelivered(_new(1, Severity.CRITICAL), "mail", "it answered 550", delivery="x-1", now=NOW)
    assert told is not None
    assert (told.kind, told.severity, told.delivery) == (AlertKind.FAILURE, Severity.CRITICAL, "x-1")
    assert told.title == "An alert could not be delivered by the channel mail"
    assert any("finding number 1" in line for line in told.lines)
    assert undelivered(told, "hook", "it answered 400", delivery="x-2", now=NOW) is None


SEEN = st.builds(Seen, st.sampled_from(Severity), st.sampled_from(Verdict), st.booleans())
INTERVALS = st.integers(0, 48 * HOUR)


@given(SEEN, st.none() | st.builds(Told, SEEN, TIMES), st.sampled_from(Severity), INTERVALS, TIMES)
def test_what_is_due(seen, last, least, interval, now):
    found = due(seen, last, least, interval, now)
    if seen.quiet:
        assert found in (Life.QUIET, None)
    elif seen.severity.rank < least.rank:
        assert found is None
    elif last is None:
        assert found is Life.NEW
    elif seen.severity.rank > last.seen.severity.rank or seen.verdict.rank > last.seen.verdict.rank:
        assert found is Life.RAISED
    elif last.seen.quiet or now - last.at >= interval:
        assert found is Life.REPEATED


HIGH = Seen(Severity.HIGH, Verdict.UNAPPROVED)
QUIET = Seen(Severity.HIGH, Verdict.UNAPPROVED, quiet=True)


@pytest.mark.parametrize(
    ("seen", "last", "now", "found"),
    [
        (HIGH, None, NOW, Life.NEW),
        (HIGH, Told(HIGH, NOW), NOW + HOUR, None),
        (HIGH, Told(HIGH, NOW), NOW + 24 * HOUR, Life.REPEATED),
        (HIGH, Told(HIGH, NOW), NOW - HOUR, Life.REPEATED),
        (HIGH, Told(QUIET, NOW), NOW + HOUR, Life.REPEATED),
        (QUIET, Told(HIGH, NOW), NOW + HOUR, Life.QUIET),
        (QUIET, Told(QUIET, NOW), NOW + 99 * HOUR, None),
        (QUIET, None, NOW, None),
    ],
)
def test_the_life_of_a_finding(seen, last, now, found):
    assert due(seen, last, Severity.MEDIUM, 24 * HOUR, now) is found


def _new(number: int, severity: Severity = Severity.HIGH, life: Life = Life.NEW) -> Alert:
    return Alert(
        delivery=f"d-{number}",
        kind=AlertKind.FINDING,
        time=NOW + number,
        severity=severity,
        title=f"finding number {number}",
        life=life,
        host="sensor.county.example",
        version="0.1.0",
    )


ALERTS = st.lists(st.builds(_new, st.integers(0, 10**6), st.sampled_from(Severity), st.sampled_from(Life)), max_size=40)


@given(ALERTS, st.integers(1, 20))
def test_a_storm_is_told_as_one_and_nothing_else_is_touched(alerts, most):
    told = calmed(alerts, most, "s-1")
    new = [one for one in alerts if one.life is Life.NEW]
    others = [one for one in alerts if one.life is not Life.NEW]
    if len(new) <= most:
        assert list(told) == alerts
        return
    assert [one for one in told if one.kind is not AlertKind.SUMMARY] == others
    (summary,) = (one for one in told if one.kind is AlertKind.SUMMARY)
    assert summary.severity is max((one.severity for one in new), key=lambda one: one.rank)
    assert summary.delivery == "s-1"
    assert summary.title.startswith(f"{len(new)} new findings")


def test_the_summary_counts_by_severity_and_names_the_worst_ten():
    lows = [_new(number, Severity.LOW) for number in range(50)]
    told = calmed([*lows, _new(99, Severity.CRITICAL)], 50, "s-1")
    assert told[0].lines == (
        "Findings by severity: 51: 1 critical, 50 low",
        "critical: finding number 99",
        *(f"low: finding number {number}" for number in range(9)),
        "... and 41 more",
        "All of them are kept in the state.",
    )


def test_a_trial_says_what_it_is():
    told = trial(delivery="t-1", now=NOW, host="sensor.county.example", version="0.1.0")
    assert (told.kind, told.finding, told.life) == (AlertKind.TRIAL, None, None)
    assert "trial" in told.title
