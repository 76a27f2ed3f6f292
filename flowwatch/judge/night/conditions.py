"""The conditions of a whole night, held against each channel and what it carried.

They are conditions of a channel like its port or its times: where several channels approve a transmission, it is enough
that all conditions of one of them hold. The finding is by the nearest channel, once for each reason.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from flowwatch.judge.bench import Bench
from flowwatch.judge.findings import EVIDENCE_MOST, evidence_of, finding_of, findings_of
from flowwatch.judge.night import order, standby, volume
from flowwatch.judge.night.absent import absent
from flowwatch.judge.night.fanout import repeated
from flowwatch.judge.night.heard import Failing, Night, channels_of
from flowwatch.judge.night.hidden import hidden
from flowwatch.judge.night.late import late
from flowwatch.judge.night.presence import silences, silent
from flowwatch.judge.night.stages import stages
from flowwatch.judge.night.without_lookup import without_lookup
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.severity import severity_of
from flowwatch.judge.truth import FALSE, UNSEEN, reasons_of, worst_first
from flowwatch.model import Check, Coverage, Decision, Evidence, Finding, Reason, Rule, Stage, Verdict, one_by_one
from flowwatch.policy.terms import Channel

_Failed = dict[str, list[Failing]]
"""By channel."""
_Anew = tuple[Decision, list[Failing]]
"""A decision as the night has it, with what fails for its reason."""

CONDITIONS: Final[tuple[Callable[[Night, Rulebook, Channel], Iterator[Failing]], ...]] = (
    volume.failing,
    order.failing,
    standby.failing,
)
"""Each gives what fails of one channel."""
BESIDE: Final[tuple[Callable[[Night, Sequence[Coverage]], Iterator[Finding]], ...]] = (
    repeated,
    without_lookup,
    hidden,
    late,
    absent,
)
"""Each gives findings on the whole that are of no channel."""


class Whole(msgspec.Struct, frozen=True):
    """What only the recording as a whole tells."""

    findings: tuple[Finding, ...]
    stages: tuple[Stage, ...]


def judge_the_night(decisions: Sequence[Decision], bench: Bench, coverage: Sequence[Coverage]) -> Whole:
    """The findings that only the recording as a whole gives, and the stages of its nights."""
    night = Night(decisions, bench.books, coverage)
    differing = _all_told(list(_differing(night)))
    shown = _shown(night, differing, {one.source: one for one in coverage})
    found = findings_of(one_by_one(decision for decision, _ in differing), (), coverage)
    told = (msgspec.structs.replace(one, evidence=(*one.evidence, *shown.get(one.id, ()))) for one in found)
    unheard = tuple(silences(night))
    beside = (one for looked_at in BESIDE for one in looked_at(night, coverage))
    return Whole((*told, *silent(unheard), *beside), stages(night, unheard))


def failures(night: Night) -> dict[int, _Failed]:
    """By place of the decision what fails of each channel that approves it."""
    failed: dict[int, _Failed] = {}
    for book, channel in night.channels():
        for one in (found for condition in CONDITIONS for found in condition(night, book, channel)):
            failed.setdefault(one.place, {}).setdefault(channel.id, []).append(one)
    return failed


def _differing(night: Night) -> Iterator[_Anew]:
    """The decisions for which every channel that approves them has a failing condition, as that condition has it."""
    failed = failures(night)
    places = sorted(failed)
    for place, decision in zip(places, night.heard(places), strict=True):
        yield from anew(night, decision, failed[place])


def anew(night: Night, decision: Decision, failed: _Failed) -> Iterator[_Anew]:
    """The decision as the night has it; nothing where all conditions of one channel hold."""
    if failed and failed.keys() >= set(channels_of(decision)):
        yield from _judged_anew(decision, failed, night)


def _judged_anew(decision: Decision, failed: _Failed, night: Night) -> Iterator[_Anew]:
    """The decision by the nearest channel, once for each reason it fails for."""
    channel = min(failed, key=lambda one: (_count(failed[one]), one))
    checks = worst_first(one.check for one in failed[channel])
    truth = checks[0].truth
    verdict = Verdict.DEVIATION if truth is FALSE else Verdict.INDETERMINATE
    assert decision.rule is not None  # noqa: S101  # a channel approved it
    book = night.books[decision.rule.policy_version]
    for reason in reasons_of(checks, truth):
        anew = msgspec.structs.replace(
            decision,
            verdict=verdict,
            reasons=(reason,),
            severity=severity_of(verdict, decision.labels, book.policy.severity),
            rule=book.rule("channel", channel),
            checks=tuple(sorted(checks, key=lambda one: one.reason is not reason)),
            notes=(),
            other_channels=(),
        )
        yield anew, [one for one in failed[channel] if one.check.reason is reason]


def _all_told(anew: Sequence[_Anew]) -> list[_Anew]:
    """Each with what differs in the others of its channel and reason, too: a finding shows the checks of one."""
    every: dict[tuple[Rule | None, Reason], dict[str, Check]] = {}
    for one, _ in anew:
        for check in one.checks:
            every.setdefault((one.rule, one.reasons[0]), {}).setdefault(check.what, check)
    told = []
    for one, failing in anew:
        own = {check.what for check in one.checks}
        others = (check for what, check in every[one.rule, one.reasons[0]].items() if what not in own)
        told.append((msgspec.structs.replace(one, checks=(*one.checks, *others)), failing))
    return told


def _shown(night: Night, anew: Iterable[_Anew], sources: Mapping[str, Coverage]) -> dict[str, list[Evidence]]:
    """By finding the records of other transmissions that show what differs, each once."""
    found: dict[str, dict[Evidence, None]] = {}
    for decision, failing in anew:
        told = found.setdefault(finding_of(decision) or "", {})
        for one in failing:
            if one.shown_by is not None and len(told) < EVIDENCE_MOST:
                (other,) = night.heard([one.shown_by])
                told[evidence_of(other.transmission, one.check.what, sources)] = None
    return {finding: list(told) for finding, told in found.items()}


def _count(failing: Iterable[Failing]) -> tuple[int, int]:
    truths = [one.check.truth for one in failing]
    return truths.count(FALSE), truths.count(UNSEEN)
