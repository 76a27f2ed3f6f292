"""Policy at work: inline tests, explanations, two policies compared, one learned; all judged by the real judge."""

from flowwatch.trial.difference import Change, Difference, Side, difference
from flowwatch.trial.draft import added, whole
from flowwatch.trial.explain import Explanation, explain, explain_recorded
from flowwatch.trial.inline import TestResult, run_tests
from flowwatch.trial.learn import Draft, learn

__all__ = [
    "Change",
    "Difference",
    "Draft",
    "Explanation",
    "Side",
    "TestResult",
    "added",
    "difference",
    "explain",
    "explain_recorded",
    "learn",
    "run_tests",
    "whole",
]
