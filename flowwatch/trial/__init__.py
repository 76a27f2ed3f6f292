"""Policy at work: inline tests and explanations, judged by the real judge."""

from flowwatch.trial.explain import Explanation, explain
from flowwatch.trial.inline import TestResult, run_tests

__all__ = ["Explanation", "TestResult", "explain", "run_tests"]
