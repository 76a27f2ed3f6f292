"""The inline tests of a policy, run by the real judge with the policy's own facts about places."""

from collections.abc import Callable

import msgspec

from flowwatch.judge import Bench, with_data_in_names
from flowwatch.model import Decision, Instant, LookupDecision, Place, PolicyInfo
from flowwatch.places import Locator
from flowwatch.policy.inline import Expected, Test
from flowwatch.policy.terms import Policy, PolicySet
from flowwatch.trial.given import lookup, supposed

Locate = Callable[[str, Instant | None], Place]


class TestResult(msgspec.Struct, frozen=True, kw_only=True):
    """One inline test: what was expected, what came out and which rule decided."""

    __test__ = False
    name: str
    policy: PolicyInfo
    """The version the test is written in; the version in force at its time judges it."""
    passed: bool
    expected: Expected
    got: Expected
    """Verdict, every reason and note, id of the deciding rule, every label."""
    decision: Decision | LookupDecision


def run_tests(policies: PolicySet, locate: Locate | None = None) -> tuple[TestResult, ...]:
    """The result of every `[[test]]`, in order of versions and tests.

    `locate` gives places; None: the policy's own `[[place]]` facts and no database.
    """
    if locate is not None:
        return _run(policies, locate)
    with Locator(policies.place_facts) as locator:
        return _run(policies, locator.locate)


def _run(policies: PolicySet, locate: Locate) -> tuple[TestResult, ...]:
    bench = Bench(policies, locate)
    return tuple(_result(test, version, bench) for version in policies.versions for test in version.tests)


def _result(test: Test, version: Policy, bench: Bench) -> TestResult:
    decision = _decided(test, version, bench)
    reasons = tuple(reason.value for reason in (*decision.reasons, *decision.notes))
    rule = None if decision.rule is None else decision.rule.id
    labels = tuple(label.name for label in decision.labels) if isinstance(decision, Decision) else ()
    got = Expected(verdict=decision.verdict, reasons=reasons, rule=rule, labels=labels)
    return TestResult(
        name=test.name,
        policy=version.info,
        passed=_fits(test.expect, got),
        expected=test.expect,
        got=got,
        decision=decision,
    )


def _decided(test: Test, version: Policy, bench: Bench) -> Decision | LookupDecision:
    if test.given.lookup is not None:
        return with_data_in_names((bench.lookup(lookup(test.given)),), bench)[0]
    case = supposed(test.given, version)
    return bench.derive(case.transmission, case.opening, test.given.labels).decision


def _fits(expected: Expected, got: Expected) -> bool:
    """Verdict and rule are equal where expected, and every reason and label expected is among those given."""
    among = set(expected.reasons) <= set(got.reasons) and set(expected.labels) <= set(got.labels)
    return among and expected.verdict in (None, got.verdict) and expected.rule in (None, got.rule)
