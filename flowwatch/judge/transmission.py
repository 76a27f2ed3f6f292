"""The story of judging one transmission by one policy version.

    policy in force -> tunnels -> scope -> prohibited -> channels -> exceptions -> deviation | unapproved

A flow to a proxy takes that way once for itself and once for each host asked of it.

Promises: pure; the inputs stay as they are.
"""

import functools
from collections.abc import Callable

import msgspec

from flowwatch.judge.answer import answers_considered, permitting
from flowwatch.judge.channel import channels_considered
from flowwatch.judge.considered import Considered
from flowwatch.judge.derivation import Derivation
from flowwatch.judge.exceptions import exceptions_considered
from flowwatch.judge.observation import Observation, observe
from flowwatch.judge.prohibitions import prohibitions_considered
from flowwatch.judge.proxies import Requests, for_itself, meant_for_another, onward, requests_of, requests_unread
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.scope import out_of_scope
from flowwatch.judge.severity import severity_of
from flowwatch.judge.tunnels import far_end, leads_astray, tunnels_considered, wrapped
from flowwatch.judge.verdict import Conclusion, Entries, conclude
from flowwatch.model import Decision, Encapsulation, Instant, Place, Reason, Rule, Severity, Transmission, Verdict

Locate = Callable[[str, Instant | None], Place]
"""The place of an address at an instant."""


def derive_in(
    transmission: Transmission,
    book: Rulebook,
    locate: Locate,
    opening: Callable[[], Derivation | None] = lambda: None,
    given: tuple[str, ...] | None = None,
    *,
    every: bool = True,
) -> Derivation:
    """The whole derivation under one version; `opening` gives that of the direction this one answers, if asked.

    `every`: with the entries that can decide nothing, since they are about other zones or servers.
    """
    seen = observe(transmission, book, given)
    tunnels = tunnels_considered(seen, book)
    scope = out_of_scope(seen, book)
    if scope is not None and not leads_astray(tunnels, seen):
        ended = Conclusion(verdict=Verdict.OUT_OF_SCOPE, reasons=(scope,))
        return Derivation(policy=book.policy.info, scope=scope, decision=_decision(seen, book, locate, ended))
    case = _Case(seen, tunnels, scope, book, locate, given, every)
    requests = requests_of(seen, book) if scope is None else None
    if requests is not None:
        return _to_proxy(requests, case)
    return max((_judged(seen, case, part) for part in permitting(opening())), key=_badness)


class _Case(msgspec.Struct, frozen=True, gc=False):
    """What the parts of one judgement share."""

    seen: Observation
    """The whole flow."""
    tunnels: tuple[Considered, ...]
    scope: Reason | None
    book: Rulebook
    locate: Locate
    given: tuple[str, ...] | None
    """Labels that stand in for the classifiers'."""
    every: bool


def _to_proxy(requests: Requests, case: _Case) -> Derivation:
    """The flow judged for itself and once for each host asked; the worst stands, a host's first among equals."""
    seen, book = case.seen, case.book
    itself = _judged(for_itself(seen, requests), case)
    if meant_for_another(itself.channels, requests, book):
        return itself
    hosts = tuple(_judged(one, case) for one in onward(seen, requests, book, case.given))
    unread = (_told(requests_unread(requests, book), seen, case),) if requests.unread else ()
    each = (*(one.decision for one in hosts), *unread, itself.decision)
    worst = max(each, key=lambda one: (one.verdict.rank, one.severity.rank))
    via = (worst.via or requests.via[0]) if worst.far_end is None else None
    return msgspec.structs.replace(itself, asked=hosts, decision=msgspec.structs.replace(worst, via=via))


def _badness(derivation: Derivation) -> int:
    return derivation.decision.verdict.rank


def _judged(seen: Observation, case: _Case, opening: Derivation | None = None) -> Derivation:
    """The derivation of the flow as looked at: whole, or of a flow to a proxy one part."""
    book, transmission = case.book, seen.transmission
    locate = functools.partial(case.locate, transmission.receiver_ip, transmission.start)
    entries = Entries(
        prohibitions=prohibitions_considered(seen, book),
        channels=tuple(channels_considered(seen, book, locate, every=case.every)),
        answers=answers_considered(opening, seen),
        exceptions=exceptions_considered(seen, book, every=case.every),
    )
    return Derivation(
        policy=book.policy.info,
        tunnels=case.tunnels,
        prohibitions=entries.prohibitions,
        channels=entries.channels,
        answers=entries.answers,
        exceptions=entries.exceptions,
        decision=_told(conclude(entries, seen, book), seen, case),
    )


def _told(found: Conclusion, seen: Observation, case: _Case) -> Decision:
    """The decision on the whole flow, whichever part of it was looked at."""
    end = far_end(case.tunnels, case.seen)
    decision = _decision(seen, case.book, case.locate, wrapped(found, case.tunnels, case.scope, case.book), end)
    if seen.asked is None or end is not None:
        return msgspec.structs.replace(decision, transmission=case.seen.transmission)
    return msgspec.structs.replace(
        decision,
        transmission=case.seen.transmission,
        receiver_zone=case.seen.receiver_zone,
        via=seen.via[0],
        asked=seen.asked.host,
    )


def without_policy(transmission: Transmission, book: Rulebook, locate: Locate, *reasons: Reason) -> Derivation:
    """In scope by the rulebook's zones, but no version judges it: indeterminate."""
    seen = observe(transmission, book)
    tunnels = tunnels_considered(seen, book)
    scope = None if leads_astray(tunnels, seen) else out_of_scope(seen, book)
    verdict = Verdict.INDETERMINATE if scope is None else Verdict.OUT_OF_SCOPE
    ends = tuple(check for one in tunnels for check in one.checks) if scope is None else ()
    conclusion = Conclusion(verdict=verdict, reasons=reasons if scope is None else (scope,), checks=ends)
    end = far_end(tunnels, seen)
    decision = _decision(seen, book, locate, conclusion, end)
    return Derivation(policy=None, scope=scope, tunnels=tunnels, decision=decision)


def _decision(
    seen: Observation, book: Rulebook, locate: Locate, found: Conclusion, end: Encapsulation | None = None
) -> Decision:
    """The conclusion as a decision, with the place of what it went to first: the receiver, or `end` of a tunnel."""
    transmission = seen.transmission
    judged = found.verdict is not Verdict.OUT_OF_SCOPE
    first = end.receiver if end is not None else None if seen.by_name else transmission.receiver_ip
    return Decision(
        transmission=transmission,
        verdict=found.verdict,
        reasons=found.reasons,
        severity=_severity(seen, book, found),
        sender_zone=seen.zone,
        receiver_zone=seen.receiver_zone if end is None else None,
        server=found.server if end is None else None,
        labels=seen.labels.shown,
        far_end=end,
        place=locate(first, transmission.start) if judged and first is not None else None,
        rule=found.rule,
        checks=found.checks,
        notes=_notes(found, transmission, book) if judged else (),
        other_channels=found.other_channels if found.verdict is Verdict.APPROVED else (),
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
