"""Windows of time against an oracle that reads the local clock minute by minute."""

import datetime as dt
import zoneinfo

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flowwatch.model import Reason, Truth
from flowwatch.policy import windows as windows_
from flowwatch.policy.forms import Day
from flowwatch.policy.match import Clock
from flowwatch.policy.terms import Window
from flowwatch.policy.windows import Outcome, deadlines, inside, opened, opening, within, words

MINUTE = 60 * 10**9
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ZONES = ("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago", "UTC")
CHANGES = {  # a minute near which the clocks of the zone change
    "America/New_York": ("2026-03-08T06:30", "2026-11-01T05:30"),
    "Europe/Berlin": ("2026-03-29T00:30", "2026-10-25T00:30"),
    "Australia/Lord_Howe": ("2026-04-04T14:30", "2026-10-03T15:00"),  # by half an hour
    "Asia/Kathmandu": ("2026-03-08T06:30",),
    "America/Santiago": ("2026-04-05T02:30", "2026-09-06T03:30"),  # at midnight
    "UTC": ("2026-03-08T06:30",),
}


def ns(text):
    """Nanoseconds of an ISO time, UTC unless it has an offset."""
    moment = dt.datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return int(moment.timestamp()) * 10**9


def wall(instant, zone):
    return dt.datetime.fromtimestamp(instant // 10**9, zone).replace(tzinfo=None)


def oracle_minutes(window, around, zone_name):
    """The minutes within three days of `around` that lie in the window, found by reading the clock of each."""
    zone = zoneinfo.ZoneInfo(zone_name)
    minutes = range(around - 72 * 60 * MINUTE, around + 72 * 60 * MINUTE, MINUTE)
    read = [(instant, wall(instant, zone)) for instant in minutes]
    held: set[int] = set()
    for day in {clock.date() for _, clock in read}:
        if DAYS[day.weekday()] not in window.days:
            continue
        first = (window.start or Clock(0)).minutes
        last = (window.end or Clock(1440)).minutes
        midnight = dt.datetime.combine(day, dt.time())
        begins = midnight + dt.timedelta(minutes=first)
        ends = midnight + dt.timedelta(minutes=last if last > first else last + 1440)
        opened = [instant for instant, clock in read if clock >= begins]
        before = [instant for instant, clock in read if clock < ends]
        if opened and before:
            held.update(range(opened[0], before[-1] + MINUTE, MINUTE))
    return held & set(minutes)


@st.composite
def daily(draw):
    """A zone, a window of days, and a transmission near a change of its clock."""
    zone = draw(st.sampled_from(ZONES))
    change = ns(draw(st.sampled_from(CHANGES[zone])))
    near = st.sampled_from([0, 30, 60, 90, 120, 150, 180, 210, 240])  # where clocks change
    clocks = st.none() | near.map(Clock) | st.integers(0, 1439).map(lambda minutes: Clock(minutes // 15 * 15))
    end = draw(clocks | st.just(Clock(1440)))
    days = tuple(draw(st.sets(st.sampled_from(DAYS), min_size=1)))
    start = change + draw(st.integers(-180, 180) | st.integers(-24 * 60, 24 * 60)) * MINUTE
    length = draw(st.sampled_from([0, 1, 7, 30, 90, 600])) * MINUTE
    return zone, change, Window(days=days, start=draw(clocks), end=end), start, start + length


class TestDays:
    @settings(max_examples=60, deadline=None)
    @given(daily())
    def test_agrees_with_reading_the_clock_of_every_minute(self, case):
        zone, change, window, start, end = case
        held = oracle_minutes(window, change, zone)
        throughout = all(instant in held for instant in range(start, end + 1, MINUTE))
        expected = Outcome.INSIDE if throughout else Outcome.ENDS_OUTSIDE if start in held else Outcome.OUTSIDE
        assert inside([window], start, end, zone) is expected

    @pytest.mark.parametrize(
        ("day", "hours"), [("2026-03-08", 23), ("2026-11-01", 25), ("2026-11-02", 24)], ids=["short", "long", "plain"]
    )
    def test_a_whole_day_is_as_long_as_its_clock_makes_it(self, day, hours):
        zone = zoneinfo.ZoneInfo("America/New_York")
        opens, closes = opening(Window(days=DAYS), dt.date.fromisoformat(day), zone)
        assert closes - opens == hours * 60 * MINUTE

    def test_a_skipped_hour_is_nobodys(self):
        zone = zoneinfo.ZoneInfo("America/New_York")
        window = Window(days=("sun",), start=Clock.parse("02:00"), end=Clock.parse("03:00"))
        opens, closes = opening(window, dt.date(2026, 3, 8), zone)
        assert opens == closes == ns("2026-03-08T07:00")

    def test_a_repeated_hour_lies_within_as_a_whole(self):
        window = Window(days=("sun",), start=Clock.parse("01:00"), end=Clock.parse("02:00"))
        zone = zoneinfo.ZoneInfo("America/New_York")
        assert opening(window, dt.date(2026, 11, 1), zone) == (ns("2026-11-01T05:00"), ns("2026-11-01T07:00"))

    def test_what_closes_as_the_clock_goes_back_to_its_end_is_closed(self):
        window = Window(days=("sat",), start=Clock.parse("22:00"), end=Clock.parse("01:00"))
        zone = zoneinfo.ZoneInfo("America/New_York")
        assert opening(window, dt.date(2026, 10, 31), zone) == (ns("2026-11-01T02:00"), ns("2026-11-01T05:00"))

    def test_days_name_the_day_a_night_starts_on(self):
        night = Window(days=("fri",), start=Clock.parse("22:00"), end=Clock.parse("06:00"))
        early_saturday, early_friday = ns("2026-11-07T01:00"), ns("2026-11-06T01:00")
        assert inside([night], early_saturday, early_saturday, "UTC") is Outcome.INSIDE
        assert inside([night], early_friday, early_friday, "UTC") is Outcome.OUTSIDE

    def test_days_that_touch_are_one(self):
        week = Window(days=DAYS)
        assert inside([week], ns("2026-10-20T12:00"), ns("2026-11-20T12:00"), "Europe/Berlin") is Outcome.INSIDE


class TestInstants:
    opens, closes = ns("2026-11-03T20:00"), ns("2026-11-04T06:00")
    window = Window(from_=opens, until=closes)

    @given(st.integers(-5, 605), st.integers(0, 610))
    @example(0, 599)
    @example(0, 600)
    @example(599, 1)
    def test_half_open(self, first, length):
        start, end = self.opens + first * MINUTE, self.opens + (first + length) * MINUTE
        began, ended = 0 <= first < 600, first + length < 600
        expected = Outcome.INSIDE if began and ended else Outcome.ENDS_OUTSIDE if began else Outcome.OUTSIDE
        assert inside([self.window], start, end, "UTC") is expected

    def test_the_last_nanosecond_is_inside_and_the_next_is_not(self):
        last = self.closes - 1
        assert inside([self.window], last, last, "UTC") is Outcome.INSIDE
        assert inside([self.window], last, last + 1, "UTC") is Outcome.ENDS_OUTSIDE

    def test_instants_and_days_must_both_hold(self):
        both = Window(from_=ns("2026-11-03T20:00"), until=ns("2026-11-10T00:00"), days=("thu",))
        assert inside([both], ns("2026-11-05T10:00"), ns("2026-11-05T11:00"), "UTC") is Outcome.INSIDE
        assert inside([both], ns("2026-11-04T10:00"), ns("2026-11-04T11:00"), "UTC") is Outcome.OUTSIDE
        assert inside([both], ns("2026-11-12T10:00"), ns("2026-11-12T11:00"), "UTC") is Outcome.OUTSIDE

    def test_one_window_must_hold_throughout(self):
        later = Window(from_=self.closes, until=self.closes + 600 * MINUTE)
        across = (self.closes - MINUTE, self.closes + MINUTE)
        assert inside([self.window, later], *across, "UTC") is Outcome.ENDS_OUTSIDE

    def test_no_window_does_not_restrict(self):
        assert inside([], 0, 10**18, "UTC", begun_before=True) is Outcome.INSIDE


class TestBegunBefore:
    window = TestInstants.window

    @given(daily())
    @settings(max_examples=60, deadline=None)
    def test_never_true_where_a_window_opens_and_false_stays_false(self, case):
        zone, _, window, start, end = case
        seen = inside([window], start, end, zone)
        unseen = inside([window], start, end, zone, begun_before=True)
        assert unseen is (Outcome.UNSEEN if seen is Outcome.INSIDE else Outcome.OUTSIDE)

    def test_a_window_without_a_lower_edge_needs_none(self):
        window = Window(until=ns("2026-11-04T06:00"))
        assert (
            inside([window], ns("2026-11-04T05:00"), ns("2026-11-04T05:01"), "UTC", begun_before=True) is Outcome.INSIDE
        )


@given(st.lists(daily().map(lambda case: case[2]), min_size=1, max_size=4), daily(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_order_of_windows_does_not_matter_and_one_more_never_takes_away(windows, case, begun_before):
    zone, _, one, start, end = case
    alone = inside(windows, start, end, zone, begun_before=begun_before)
    assert inside(windows[::-1], start, end, zone, begun_before=begun_before) is alone
    if alone is Outcome.INSIDE:
        assert inside([*windows, one], start, end, zone, begun_before=begun_before) is Outcome.INSIDE


@settings(max_examples=60, deadline=None)
@given(daily(), st.integers(0, 400), st.integers(0, 3) | st.just(1500))
def test_windows_of_every_day_that_touch_hold_every_instant(case, days, error):
    zone, _, window, start, end = case
    window = msgspec.structs.replace(window, days=DAYS, end=window.start)
    at = start + days * 1440 * MINUTE
    held = oracle_minutes(window, at, zone)
    assert at in held
    assert inside([window], start, end + days * 1440 * MINUTE, zone, clock_error=error * MINUTE) is Outcome.INSIDE


def test_a_flow_of_centuries_is_not_followed_day_by_day(monkeypatch):
    monkeypatch.setattr(windows_, "opening", None)
    week = Window(days=DAYS)
    assert inside([week], -(2**63), 2**63 - 1, "America/New_York") is Outcome.INSIDE


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 10**15))
def test_any_instant_of_the_tables_has_an_outcome(start, length):
    window = Window(days=("mon", "tue"), start=Clock(60))
    assert inside([window], start, min(start + length, 2**63 - 1), "America/New_York") in Outcome


def test_outcomes_speak_the_judges_words():
    assert {one: (one.truth, one.reason) for one in Outcome} == {
        Outcome.INSIDE: (Truth.TRUE, None),
        Outcome.ENDS_OUTSIDE: (Truth.FALSE, Reason.ENDS_OUTSIDE),
        Outcome.OUTSIDE: (Truth.FALSE, Reason.OUTSIDE_WINDOW),
        Outcome.UNSEEN: (Truth.UNSEEN, Reason.BEGUN_BEFORE),
        Outcome.UNTIMED: (Truth.UNSEEN, Reason.UNSEEN),
    }


def test_words_say_every_window():
    both = [Window(from_=ns("2026-11-03T20:00-05:00"), until=ns("2026-11-04T06:00-05:00")), Window(days=("mon", "tue"))]
    assert words(both, "America/New_York") == (
        "from 2026-11-04T01:00:00Z until 2026-11-04T11:00:00Z or mon tue 00:00-24:00 (America/New_York)"
    )
    assert words([], "UTC") == "any time"


@pytest.mark.parametrize("daily", [False, True])
@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [(5, 0, "INSIDE"), (6, 0, "OUTSIDE"), (0, 4, "INSIDE"), (0, 5, "ENDS_OUTSIDE"), (5, 4, "INSIDE")],
)
def test_a_clock_error_opens_every_window_earlier_and_closes_it_later(daily, before, after, outcome):
    opens = int(dt.datetime(2026, 11, 3, 12, tzinfo=dt.UTC).timestamp()) * 10**9
    closes = opens + 3600 * 10**9
    window = Window(days=("tue",), start=Clock(720), end=Clock(780)) if daily else Window(from_=opens, until=closes)
    found = inside([window], opens - before, closes + after, "UTC", clock_error=5)
    assert found.name == outcome
    assert inside([window], opens - 1, closes, "UTC") is Outcome.OUTSIDE


_DAILY = st.builds(
    Window,
    days=st.lists(st.sampled_from(DAYS), min_size=1, max_size=7, unique=True).map(tuple),
    start=st.none() | st.sampled_from(["00:00", "01:30", "09:00", "20:00"]).map(Clock.parse),
    end=st.none() | st.sampled_from(["02:30", "09:00", "17:00", "24:00"]).map(Clock.parse),
    from_=st.none() | st.just(ns("2026-10-30T00:00")),
    until=st.none() | st.just(ns("2026-11-05T12:00")),
)
_ONCE = st.builds(
    Window,
    from_=st.none() | st.sampled_from(["2026-11-01T05:00", "2026-11-03T20:00"]).map(ns),
    until=st.none() | st.sampled_from(["2026-11-03T20:00", "2026-11-04T06:00"]).map(ns),
)


@settings(max_examples=60, deadline=None)
@given(
    windows=st.lists(_DAILY | _ONCE, min_size=1, max_size=3),
    at=st.integers(-90, 90).map(lambda hours: ns("2026-11-02T00:17") + hours * 60 * MINUTE),
    zone=st.sampled_from(ZONES),
)
def test_law_windows_held_without_a_break_since_they_opened(windows, at, zone):
    def held(instant):
        return any(inside([one], instant, instant, zone) is Outcome.INSIDE for one in windows)

    since = opened(windows, at, zone)
    if since is None:
        assert held(at - 3650 * 1440 * MINUTE) or all(
            held(at - hours * 60 * MINUTE) for hours in range(24 * 8 + 1) if held(at)
        )
        return
    assert since <= at
    lasting = [since + hours * 60 * MINUTE for hours in range((at - since) // (60 * MINUTE) + 1)]
    if held(since):
        assert not held(since - 1) or at - since > 300 * 1440 * MINUTE
        closed = [instant for instant in lasting if not held(instant)]
        assert not closed or not any(held(instant) for instant in lasting if instant > closed[0])
    else:
        assert since == at
        assert not any(held(at - hours * 60 * MINUTE) for hours in range(24 * 7))


@pytest.mark.parametrize(
    ("windows", "since"),
    [
        ([], None),
        ([Window(until=ns("2026-11-04T06:00"))], None),
        ([Window(from_=ns("2026-11-03T20:00"))], "2026-11-03T20:00"),
        ([Window(from_=ns("2026-11-05T20:00"))], "2026-11-04T01:00"),
        ([Window(days=("mon", "tue"), start=Clock.parse("09:00"), end=Clock.parse("17:00"))], "2026-11-03T09:00"),
        ([Window(days=("mon", "tue"))], "2026-11-02T00:00"),
        ([Window(days=("tue",), start=Clock.parse("20:00")), Window(days=("wed",))], "2026-11-03T20:00"),
    ],
)
def test_the_opening_of_the_night(windows, since):
    assert opened(windows, ns("2026-11-04T01:00"), "UTC") == (None if since is None else ns(since))


@settings(max_examples=60, deadline=None)
@given(
    window=_DAILY,
    clock=st.integers(0, 47).map(lambda halves: Clock(halves * 30)),
    near=st.sampled_from(["2026-06-10T12:00", "2026-11-01T05:30", "2026-10-25T00:30"]),
    zone=st.sampled_from(["America/New_York", "Europe/Berlin", "Asia/Kathmandu", "UTC"]),
)
def test_law_a_time_of_day_is_due_where_the_clock_reads_it_while_the_window_is_open(window, clock, near, zone):
    since, until = ns(near) - 2 * 1440 * MINUTE, ns(near) + 2 * 1440 * MINUTE
    local = zoneinfo.ZoneInfo(zone)
    reads = [
        at
        for at in range(since, until + 1, MINUTE)
        if (wall(at, local).hour * 60 + wall(at, local).minute) == clock.minutes % 1440
        and inside([window], at - 1, at - 1, zone) is Outcome.INSIDE
    ]
    again = {at for at in reads if at + 60 * MINUTE in reads}
    to_it = {at for at in again if wall(at + 59 * MINUTE, local).minute == 59 and clock.minutes % 60 == 0}
    twice = {at + 60 * MINUTE if at in to_it else at for at in again}  # the clock goes back to it, or beyond it
    found = deadlines([window], clock, since, until, zone)
    assert [by for _, by in found if since <= by <= until] == [at for at in reads if at not in twice]
    for opens, by in found:
        assert opens < by
        assert inside([window], opens, by - 1, zone) is Outcome.INSIDE


@settings(max_examples=60, deadline=None)
@given(windows=st.lists(_DAILY | _ONCE, max_size=3), hours=st.tuples(st.integers(-90, 90), st.integers(0, 50)))
def test_law_the_windows_within_a_time_are_those_that_hold_some_of_it(windows, hours):
    since = ns("2026-11-02T00:00") + hours[0] * 60 * MINUTE
    until = since + hours[1] * 60 * MINUTE
    found = list(within(windows, since, until, "America/New_York"))
    for at in range(since, until + 1, 30 * MINUTE):
        held = any(inside([one], at, at, "America/New_York") is Outcome.INSIDE for one in windows)
        assert held == any(
            (opens is None or opens <= at) and (closes is None or at < closes) for opens, closes in found
        )
