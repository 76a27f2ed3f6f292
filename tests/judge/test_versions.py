"""Which versions judge, and what a sensor's clock error makes of the edges of their validity."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowwatch.model import Group, Ref

MS = 10**6
SECOND = 1000 * MS
CLOCK = "time.within_clock_error"
TAP = '[[sensor]]\nid = "tap"\nsources = ["tap.pcap"]\nclock_error = "200ms"\n'
WHEN = [
    "{ from = 2026-11-03T12:00:00Z, until = 2026-11-03T12:01:00Z }",
    '{ days = ["tue"], start = "12:00", end = "12:01" }',
]


def version(number, from_=None, until=None, rest=""):
    validity = f"valid_from = {from_}\n" if from_ else ""
    validity += f"valid_until = {until}\n" if until else ""
    return f"""
schema = "flowwatch.policy/1"
[policy]
id = "county"
version = "{number}"
{validity}
[[zone]]
id = "precincts"
cidrs = ["192.0.2.0/26"]
[[server]]
id = "primary"
match = {{ cidrs = ["198.51.100.20/32"] }}
{rest}{TAP}"""


CHANNEL = '[[channel]]\nid = "up"\nfrom = ["precincts"]\nto = ["primary"]\n'
LOOKUP = '[[lookup]]\nnames = ["x.test.example"]\n'


@pytest.mark.parametrize(
    ("start", "end", "told"),
    [
        (-200 * MS, -100 * MS, ("approved", CLOCK)),
        (-200 * MS, 0, ("approved", CLOCK)),
        (-201 * MS, 0, ("indeterminate",)),
        (3599 * SECOND, 3600 * SECOND + 199 * MS, ("approved", CLOCK)),
        (3600 * SECOND + 10 * MS, 3600 * SECOND + 10 * MS, ("approved", CLOCK)),
        (3599 * SECOND, 3601 * SECOND, ("indeterminate",)),
        (0, SECOND, ("approved",)),
    ],
)
def test_a_clock_error_widens_the_validity_of_a_policy(make, start, end, told):
    court = make.court(version(1, "2026-11-03T12:00:00Z", "2026-11-03T13:00:00Z", CHANNEL + LOOKUP))
    sent = make.sent(start=make.NOON + start, end=make.NOON + end)
    assert (court.told(sent)[0], *court.notes(sent)) == told
    if start == end or told == ("approved",):
        asked = court.asked(make.asked("x.test.example", ref=Ref("tap.pcap", 1, 1), time=make.NOON + start))
        assert (asked.verdict, *asked.notes) == told


def test_a_clock_error_brings_in_no_other_version(make):
    first = version(1, None, "2026-11-03T12:00:00Z", CHANNEL)
    second = version(2, "2026-11-03T12:00:00Z", None)
    sent = make.sent(start=make.NOON - 100 * MS, end=make.NOON - 50 * MS)
    court = make.court(first, second)
    assert (court.told(sent)[0], court.notes(sent)) == ("approved", ())


@pytest.mark.parametrize(("at", "by"), [(20 * MS, "1"), (80 * MS, "2"), (49 * MS, "1"), (51 * MS, "2")])
def test_between_two_versions_the_nearer_judges(make, at, by):
    first = version(1, None, "2026-11-03T12:00:00Z", CHANNEL)
    second = version(2, "2026-11-03T12:00:00.100Z", None)
    sent = make.sent(names=(), start=make.NOON + at, end=make.NOON + at)
    derivation = make.court(first, second).derive(sent)
    assert derivation.policy.version == by
    assert CLOCK in derivation.decision.notes


def test_between_two_versions_equally_near_the_worse_verdict_stands(make):
    first = version(1, None, "2026-11-03T12:00:00Z", CHANNEL)
    second = version(2, "2026-11-03T12:00:00.100Z", None)
    middle = make.sent(names=(), start=make.NOON + 50 * MS - 1, end=make.NOON + 50 * MS)
    assert make.court(first, second).told(middle)[0] == "unapproved"


def test_what_is_out_of_scope_has_no_note(make):
    court = make.court(version(1, "2026-11-03T12:00:00Z", None, CHANNEL))
    sent = make.sent(sender_ip="203.0.113.9", start=make.NOON - 1, end=make.NOON)
    assert (court.told(sent)[0], court.notes(sent)) == ("out_of_scope", ())


LAWS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ERRORS = st.integers(0, 4000)


@LAWS
@given(
    start=st.integers(-3000, 3000),
    lasts=st.integers(0, 4000),
    narrow=ERRORS,
    more=ERRORS,
    begun_before=st.booleans(),
    daily=st.booleans(),
)
def test_a_greater_clock_error_never_takes_an_approval_away(make, start, lasts, narrow, more, begun_before, daily):
    rest = f"{CHANNEL}when = [{WHEN[daily]}]\n"
    versions = [(None, "2026-11-03T11:59:59Z"), ("2026-11-03T12:00:00Z", "2026-11-03T12:00:02Z")]
    sent = make.sent(
        start=make.NOON + start * MS,
        end=make.NOON + (start + lasts) * MS,
        begun_before=begun_before,
    )
    verdicts = []
    for error in (narrow, narrow + more):
        clock = f'"{error}ms"'
        texts = [version(n, *span, rest).replace('"200ms"', clock) for n, span in enumerate(versions)]
        verdicts.append(make.court(*texts).derive(sent).decision.verdict)
    if verdicts[0].group is Group.CONFORMS:
        assert verdicts[1] is verdicts[0]


def test_what_has_no_time_is_judged_by_a_policy_that_is_always_valid_only(make):
    untimed = make.sent(timed=False, start=0, end=0)
    for since, until in (("2026-01-01T00:00:00Z", None), (None, "2027-01-01T00:00:00Z")):
        court = make.court(version(1, since, until, CHANNEL))
        assert court.told(untimed) == ("indeterminate", "condition.unseen")
    assert make.court(version(1, rest=CHANNEL)).told(untimed)[0] == "approved"
