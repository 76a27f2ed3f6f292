"""Severity by verdict and label."""

import pytest

from flowwatch.judge.severity import severity_of
from flowwatch.model import Label, Severity, Verdict
from flowwatch.policy.terms import Severities

DEFAULT = Severities()


@pytest.mark.parametrize(
    ("label", "unapproved", "deviation"),
    [
        ("results", "critical", "high"),
        ("bulk", "high", "medium"),
        ("unread", "medium", "low"),
        ("none", "low", "info"),
        ("own-label", "medium", "low"),
    ],
)
def test_defaults(label, unapproved, deviation):
    labels = [Label(label)]
    assert severity_of(Verdict.UNAPPROVED, labels, DEFAULT) == unapproved
    assert severity_of(Verdict.DEVIATION, labels, DEFAULT) == deviation
    assert severity_of(Verdict.INDETERMINATE, labels, DEFAULT) == deviation
    assert severity_of(Verdict.PROHIBITED, labels, DEFAULT) == "high"
    assert severity_of(Verdict.APPROVED, labels, DEFAULT) == "info"


def test_the_worst_label_counts_and_an_attempt_is_a_step_lower():
    labels = [Label("none"), Label("results")]
    assert severity_of(Verdict.UNAPPROVED, labels, DEFAULT) is Severity.CRITICAL
    assert severity_of(Verdict.UNAPPROVED, labels, DEFAULT, attempted=True) is Severity.HIGH


def test_a_deviation_follows_the_unapproved_of_the_policy_unless_written():
    table = Severities(unapproved={"results": Severity.MEDIUM}, indeterminate={"results": Severity.CRITICAL})
    labels = [Label("results")]
    assert severity_of(Verdict.DEVIATION, labels, table) is Severity.LOW
    assert severity_of(Verdict.INDETERMINATE, labels, table) is Severity.CRITICAL
