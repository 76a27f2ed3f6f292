"""Policy versions: the one in force judges; across two the worse verdict stands; without one nothing can be told."""

import pytest

FIRST = "valid_until = 2026-11-03T12:00:00Z\n"
SECOND = "valid_from = 2026-11-03T12:00:00Z\nvalid_until = 2026-11-03T13:00:00Z\n"


def _version(make, validity, rest):
    return make.BASE.replace('version = "1"', f'version = "{len(validity)}"\n{validity}') + rest


@pytest.fixture
def court(make):
    return make.court(_version(make, FIRST, make.PRIMARY), _version(make, SECOND, ""))


def test_each_transmission_is_judged_by_the_version_in_force(make, court):
    assert court.told(make.sent(start=make.NOON - 2, end=make.NOON - 1))[0] == "approved"
    assert court.told(make.sent())[0] == "unapproved"


def test_across_two_versions_the_worse_verdict_stands(make, court):
    assert court.told(make.sent(start=make.NOON - 1, end=make.NOON))[0] == "unapproved"
    swapped = make.court(_version(make, FIRST, ""), _version(make, SECOND, make.PRIMARY))
    assert swapped.told(make.sent(start=make.NOON - 1, end=make.NOON))[0] == "unapproved"
    same = make.court(_version(make, FIRST, make.PRIMARY), _version(make, SECOND, make.PRIMARY))
    assert same.told(make.sent(start=make.NOON - 1, end=make.NOON))[0] == "approved"


def test_no_version_in_force_is_indeterminate(make, court):
    late = make.NOON + make.HOUR
    assert court.told(make.sent(start=late, end=late)) == ("indeterminate", "policy.none_in_force")
    assert court.told(make.sent(start=late, end=late, sender_ip="203.0.113.9"))[0] == "out_of_scope"


def test_running_beyond_the_last_version(make):
    court = make.court(_version(make, SECOND, make.PRIMARY))
    told = court.told(make.sent(end=make.NOON + make.HOUR))
    assert told == ("indeterminate", "policy.none_in_force", "time.ends_outside")


def test_a_gap_between_versions_is_indeterminate(make):
    later = SECOND.replace("12:00", "12:30")
    court = make.court(_version(make, FIRST, make.PRIMARY), _version(make, later, make.PRIMARY))
    told = court.told(make.sent(start=make.NOON - 1, end=make.NOON + make.HOUR - 1))
    assert told[:2] == ("indeterminate", "policy.none_in_force")


def test_no_policy_at_all(make):
    bench = make.court().bench
    decision = bench.derive(make.sent(sender_ip="10.1.2.3")).decision
    assert (decision.verdict, decision.reasons, decision.severity) == ("indeterminate", ("policy.none_given",), "info")
    assert decision.sender_zone == "local"
    assert bench.derive(make.sent()).decision.reasons == ("policy.none_given",)
    assert bench.derive(make.sent(receiver_ip="10.1.2.3")).decision.reasons == ("scope.sender_outside",)
    assert bench.lookup(make.asked("a.example", client_ip="10.1.2.3")).reasons == ("policy.none_given",)


def test_a_lookup_without_a_time_is_judged_only_by_a_policy_that_is_always_valid(make, court):
    timeless = make.asked("ingest.results.example", time=None)
    assert court.asked(timeless).verdict == "indeterminate"
    assert make.court(make.PRIMARY).asked(timeless).verdict == "approved"


def test_begun_before_the_recording_is_noted_where_the_policy_has_a_beginning(make):
    begun = make.sent(begun_before=True)
    dated, always = make.court(_version(make, SECOND, make.PRIMARY)), make.court(make.PRIMARY)
    assert (dated.told(begun)[0], dated.notes(begun)) == ("approved", ("time.begun_before_recording",))
    assert always.notes(begun) == ()
