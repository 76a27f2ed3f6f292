"""A policy that judges what ran before it was known: told once, with both times, and of no fresh state."""

import json

import pytest

from tests.ops.test_check import HOUR, MINUTE, NOON, POLICY, Place

KIND = "policy.seen_after_traffic"


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def told(place):
    found = (json.loads(body) for (body,) in place.ask("SELECT body FROM findings"))
    return [one for one in found if one["kind"] == KIND]


def checked(place, at):
    place.now = at
    return place.check()


def later(place):
    """Another version of the file that changes nothing else."""
    (place.folder / "policy.toml").write_text(POLICY + "# reviewed\n")


def test_a_fresh_state_knows_nothing_of_before(place):
    place.flow(NOON - 6 * HOUR)
    place.answer(NOON)
    checked(place, NOON + HOUR)
    assert told(place) == []


def test_what_waited_since_before_the_last_check_is_told_once_with_both_times(place):
    place.answer(NOON)
    checked(place, NOON)
    place.flow(NOON - HOUR)
    later(place)
    place.answer(NOON + HOUR)
    outcome = checked(place, NOON + HOUR)
    (one,) = told(place)
    assert (one["severity"], one["verdict"]) == ("info", "indeterminate")
    assert "was seen first at 2026-09-21T15:13:20Z and judged what began at 2026-09-21T13:13:20Z" in one["title"]
    assert outcome.exit(place.loaded.config) == 3, "no name was seen; the policy's age fails nothing"
    place.flow(NOON + HOUR, port=4001)
    place.answer(NOON + 2 * HOUR)
    checked(place, NOON + 2 * HOUR)
    assert len(told(place)) == 1


def test_what_began_after_the_last_check_is_the_usual_way_of_a_new_version(place):
    place.answer(NOON)
    checked(place, NOON)
    place.flow(NOON + MINUTE)
    later(place)
    place.answer(NOON + HOUR)
    checked(place, NOON + HOUR)
    assert told(place) == []


def test_the_same_policy_goes_on_judging_whatever_comes_late(place):
    place.answer(NOON)
    checked(place, NOON)
    place.flow(NOON - HOUR)
    place.answer(NOON + HOUR)
    checked(place, NOON + HOUR)
    assert told(place) == []
