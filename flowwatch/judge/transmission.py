"""The story of judging one transmission by one policy version.

    policy in force -> scope -> prohibited -> channels -> exceptions -> deviation | unapproved

Promises: pure; the inputs stay as they are.
"""

from collections.abc import Callable

from flowwatch.judge.answer import answers_considered
from flowwatch.judge.channel import channels_considered
from flowwatch.judge.derivation import Derivation
from flowwatch.judge.exceptions import exceptions_considered
from flowwatch.judge.observation import Observation, observe
from flowwatch.judge.prohibitions import prohibitions_considered
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.scope import out_of_scope
from flowwatch.judge.severity import severity_of
from flowwatch.judge.verdict import Conclusion, Entries, conclude
from flowwatch.model import Decision, Instant, Place, Reason, Rule, Severity, Transmission, Verdict

Locate = Callable[[str, Instant | None], Place]
"""The place of an address at an instant."""


def derive_in(
    transmission: Transmission,
    book: Rulebook,
    locate: Locate,
    opening: Derivation | None = None,
    given: tuple[str, ...] | None = None,
) -> Derivation:
    """The whole derivation under one version; `opening` is that of the direction this one answers."""
    seen = observe(transmission, book, given)
    scope = out_of_scope(seen, book)
    if scope is not None:
        ended = Conclusion(verdict=Verdict.OUT_OF_SCOPE, reasons=(scope,))
        return Derivation(policy=book.policy.info, scope=scope, decision=_decision(seen, book, locate, ended))
    entries = Entries(
        prohibitions=prohibitions_considered(seen, book),
        channels=tuple(channels_considered(seen, book, lambda: locate(transmission.receiver_ip, transmission.start))),
        answers=answers_considered(opening, seen),
        exceptions=exceptions_considered(seen, book),
    )
    return Derivation(
        policy=book.policy.info,
        prohibitions=entries.prohibitions,
        channels=entries.channels,
        answers=entries.answers,
        exceptions=entries.exceptions,
        decision=_decision(seen, book, locate, conclude(entries, seen, book)),
    )


def without_policy(transmission: Transmission, book: Rulebook, locate: Locate, *reasons: Reason) -> Derivation:
    """In scope by the rulebook's zones, but no version judges it: indeterminate."""
    seen = observe(transmission, book)
    scope = out_of_scope(seen, book)
    verdict = Verdict.INDETERMINATE if scope is None else Verdict.OUT_OF_SCOPE
    conclusion = Conclusion(verdict=verdict, reasons=reasons if scope is None else (scope,))
    return Derivation(policy=None, scope=scope, decision=_decision(seen, book, locate, conclusion))


def _decision(seen: Observation, book: Rulebook, locate: Locate, found: Conclusion) -> Decision:
    transmission = seen.transmission
    judged = found.verdict is not Verdict.OUT_OF_SCOPE
    return Decision(
        transmission=transmission,
        verdict=found.verdict,
        reasons=found.reasons,
        severity=_severity(seen, book, found),
        sender_zone=seen.zone,
        receiver_zone=seen.receiver_zone,
        server=found.server,
        labels=seen.labels.shown,
        place=locate(transmission.receiver_ip, transmission.start) if judged else None,
        rule=found.rule,
        checks=found.checks,
        notes=_notes(found, transmission, book) if judged else (),
    )


def _notes(found: Conclusion, transmission: Transmission, book: Rulebook) -> tuple[Reason, ...]:
    """What is told beside the reasons.

    A flow that had begun before the recording had perhaps begun before the policy: what was recorded is judged.
    """
    begun = transmission.begun_before and book.policy.policy.valid_from is not None
    notes = (*found.notes, Reason.BEGUN_BEFORE) if begun else found.notes
    return tuple(note for note in dict.fromkeys(notes) if note not in found.reasons)


def _severity(seen: Observation, book: Rulebook, found: Conclusion) -> Severity:
    if Reason.NONE_GIVEN in found.reasons:
        return Severity.INFO
    return severity_of(
        found.verdict,
        seen.labels.shown,
        book.policy.severity,
        attempted=seen.transmission.attempted,
        own=_own(found.verdict, found.rule, book),
    )


def _own(verdict: Verdict, rule: Rule | None, book: Rulebook) -> Severity | None:
    """What a prohibition says of its own severity."""
    if verdict is not Verdict.PROHIBITED or rule is None:
        return None
    return next((one.severity for one in book.prohibitions if one.id == rule.id), None)
