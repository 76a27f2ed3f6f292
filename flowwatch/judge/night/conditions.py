"""The conditions of a whole night, held against each channel and what it carried.

They are conditions of a channel like its port or its times: where several channels approve a transmission, it is enough
that all conditions of one of them hold. The finding is by the nearest channel, once for each reason.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import msgspec

from flowwatch.judge.bench import Bench
from flowwatch.judge.findings import findings_of
from flowwatch.judge.night import order, volume
from flowwatch.judge.night.heard import Night, channels_of
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.severity import severity_of
from flowwatch.judge.truth import FALSE, UNSEEN, reasons_of, worst_first
from flowwatch.model import Check, Coverage, Decision, Finding, Reason, Rule, Verdict
from flowwatch.policy.terms import Channel

Failing = Iterator[tuple[int, Check]]
"""Places of decisions, each with a condition that does not hold for it or could not be seen."""

_Failed = dict[str, list[Check]]
"""By channel."""

CONDITIONS: Final[tuple[Callable[[Night, Rulebook, Channel], Failing], ...]] = (volume.failing, order.failing)
"""Each gives what fails of one channel."""


def judge_the_night(decisions: Sequence[Decision], bench: Bench, coverage: Sequence[Coverage]) -> tuple[Finding, ...]:
    """The findings that only the recording as a whole gives, most severe first."""
    night = Night(decisions, bench.books, coverage)
    return findings_of(_all_told(list(_differing(night))), (), coverage)


def _differing(night: Night) -> Iterator[Decision]:
    """The decisions for which every channel that approves them has a failing condition, as that condition has it."""
    failed: dict[int, _Failed] = {}
    for book, channel in night.channels():
        for place, check in (found for condition in CONDITIONS for found in condition(night, book, channel)):
            failed.setdefault(place, {}).setdefault(channel.id, []).append(check)
    for place in sorted(failed):
        decision = night.decisions[place]
        if failed[place].keys() >= set(channels_of(decision)):
            yield from _judged_anew(decision, failed[place], night)


def _judged_anew(decision: Decision, failed: _Failed, night: Night) -> Iterator[Decision]:
    """The decision by the nearest channel, once for each reason it fails for."""
    channel = min(failed, key=lambda one: (_count(failed[one]), one))
    checks = worst_first(failed[channel])
    truth = checks[0].truth
    verdict = Verdict.DEVIATION if truth is FALSE else Verdict.INDETERMINATE
    assert decision.rule is not None  # noqa: S101  # a channel approved it
    book = night.books[decision.rule.policy_version]
    for reason in reasons_of(checks, truth):
        yield msgspec.structs.replace(
            decision,
            verdict=verdict,
            reasons=(reason,),
            severity=severity_of(verdict, decision.labels, book.policy.severity),
            rule=book.rule("channel", channel),
            checks=tuple(sorted(checks, key=lambda one: one.reason is not reason)),
            notes=(),
            other_channels=(),
        )


def _all_told(anew: Sequence[Decision]) -> Iterator[Decision]:
    """Each with what differs in the others of its channel and reason, too: a finding shows the checks of one."""
    every: dict[tuple[Rule | None, Reason], dict[str, Check]] = {}
    for one in anew:
        for check in one.checks:
            every.setdefault((one.rule, one.reasons[0]), {}).setdefault(check.what, check)
    for one in anew:
        own = {check.what for check in one.checks}
        others = (check for what, check in every[one.rule, one.reasons[0]].items() if what not in own)
        yield msgspec.structs.replace(one, checks=(*one.checks, *others))


def _count(checks: Iterable[Check]) -> tuple[int, int]:
    truths = [check.truth for check in checks]
    return truths.count(FALSE), truths.count(UNSEEN)
