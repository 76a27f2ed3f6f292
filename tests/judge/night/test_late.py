"""A policy that was approved after what it judges, as it says itself."""

import pytest

from flowwatch.judge import judge
from flowwatch.model import Coverage, Place

HEAD = """
schema = "flowwatch.policy/1"
[policy]
id = "county"
version = "1"
timezone = "America/New_York"
approved_by = [{}]
"""
DAY = 24 * 3600 * 10**9


@pytest.fixture
def told(make):
    """What is told of an upload at noon UTC of 2026-11-03, by a policy approved so."""

    def run(approved, *starts):
        rest = make.BASE[make.BASE.index("[[zone]]") :] + make.PRIMARY
        policies = make.court(HEAD.format(approved) + rest).policies
        sent = [make.sent(flow=n, start=make.NOON + at, end=make.NOON + at) for n, at in enumerate(starts or (0,), 1)]
        coverage = [Coverage(source="tap.pcap", used=1, first=min(one.start for one in sent), last=sent[-1].end)]
        found = judge(sent, (), policies, lambda at, _: Place(address=at), coverage).findings
        return [one for one in found if one.kind == "policy.seen_after_traffic"]

    return run


def test_traffic_of_the_days_before_the_approval_is_told_with_both_times(told):
    (one,) = told('{ name = "A", on = 2026-11-04 }', 0, DAY // 4, DAY)
    assert (one.severity, one.verdict, one.count) == ("low", "indeterminate", 2)
    assert one.title == "policy county 1 was approved on 2026-11-04: the policy is younger than traffic that it judges"
    assert [(check.declared, check.observed) for check in one.checks] == [
        ("approved on 2026-11-04", "2026-11-03T12:00:00Z and later")
    ]
    assert one.rule is not None
    assert (one.rule.kind, one.rule.id) == ("policy", "approved_by")
    assert len(one.evidence) == 2


def test_a_day_begins_where_the_policy_is_at_home(told):
    noon_to_five = 17 * 3600 * 10**9
    assert told('{ name = "A", on = 2026-11-04 }', noon_to_five - 10**9)
    assert told('{ name = "A", on = 2026-11-04 }', noon_to_five) == []


def test_the_first_approval_counts_and_one_without_a_day_may_be_the_first(told):
    assert told('{ name = "A", on = 2026-11-03 }') == []
    assert told('{ name = "A", on = 2026-12-01 }, { name = "B", on = 2026-10-01 }') == []
    assert told('{ name = "A", on = 2026-12-01 }, { name = "B" }') == []
    assert told("") == []
