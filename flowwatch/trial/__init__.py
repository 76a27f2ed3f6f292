"""Policy at work: inline tests, explanations, two policies compared; all judged by the real judge."""

from flowwatch.trial.difference import Change, Difference, Side, difference
from flowwatch.trial.explain import Explanation, explain
from flowwatch.trial.inline import TestResult, run_tests

__all__ = ["Change", "Difference", "Explanation", "Side", "TestResult", "difference", "explain", "run_tests"]
