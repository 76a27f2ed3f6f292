"""How old data is, in nanoseconds and by body."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.model import ReferenceData
from flowwatch.places.age import age, ages

DAY = 86_400 * 10**9


def body(kind="location", date=None) -> ReferenceData:
    return ReferenceData(name="x", kind=kind, date=date)


@given(st.dates(dt.date(1970, 1, 1), dt.date(2200, 1, 1)), st.integers(-DAY, 10_000 * DAY))
def test_an_age_is_what_passed_since_the_day_began(day, passed):
    start = int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp()) * 10**9
    assert age(body(date=day.isoformat()), start + passed) == passed


@pytest.mark.parametrize("date", [None, "", "soon", "2026-13-01"])
def test_what_tells_no_day_has_no_age(date):
    assert age(body(date=date), 0) is None


def test_bodies_are_numbered_within_their_kind():
    told = ages([body(date="1970-01-01"), body("network"), body(date="1970-01-02")], DAY)
    assert told == {"location-1": DAY, "network-1": None, "location-2": 0}
