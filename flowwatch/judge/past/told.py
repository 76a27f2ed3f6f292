"""A finding on what changed of a server: the earlier observation beside the present one, each with its time."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from flowwatch.judge.findings import evidence_of, id_of, lookup_evidence
from flowwatch.judge.past.met import Met
from flowwatch.judge.remedies import remedy_of
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.severity import severity_of
from flowwatch.model import (
    Check,
    Coverage,
    Endpoint,
    Evidence,
    Finding,
    Instant,
    Label,
    LookupDecision,
    Reason,
    Severity,
    Sureness,
    Verdict,
)
from flowwatch.policy.windows import written

_NONE = (Label("none"),)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a finding on one server tells."""

    server: str
    reason: Reason
    to: str = ""
    """What it changed to: another change is another finding."""
    checks: tuple[Check, ...]
    shown_by: Met | LookupDecision
    earlier: Met | LookupDecision | None = None
    """What shows the earlier observation, where this run holds it."""
    sureness: Sureness
    why: str
    lowered: bool = False
    """It is ordinary enough to be told one step lower."""


def observed(words: str, at: str, first: Instant, last: Instant | None = None) -> str:
    """As `AS64500 at 198.51.100.20, seen 2026-10-20T18:00:00Z to 2026-10-20T23:00:00Z`."""
    until = "" if last is None or written(last) == written(first) else f" to {written(last)}"
    return f"{words} at {at}, seen {written(first)}{until}"


def finding(change: Change, books: Mapping[str, Rulebook], sources: Mapping[str, Coverage]) -> Finding:
    """The finding; by the version of the policy that judged what shows it."""
    shown = change.shown_by
    decision = shown.decision if isinstance(shown, Met) else shown
    book = books[decision.rule.policy_version] if decision.rule else next(iter(books.values()))
    rule = book.rule("server", change.server)
    told = change.reason is Reason.REFERENCE_CHANGED
    verdict = Verdict.INDETERMINATE if told else Verdict.DEVIATION
    at = f"server:{change.server}" + (f"={change.to}" if change.to else "")
    return Finding(
        id=id_of(rule, change.reason, None, at),
        kind=change.reason,
        verdict=verdict,
        severity=Severity.INFO if told else _severity(change, book),
        confidence=change.sureness,
        confidence_why=change.why,
        title=f"server {change.server}{_at(shown)}: {change.reason.sentence}",
        first_seen=_first(shown),
        last_seen=_last(shown),
        count=1,
        sender_zone=decision.sender_zone,
        senders=_senders(shown),
        receiver=Endpoint(zone=None, address=shown.address) if isinstance(shown, Met) else None,
        server=change.server,
        asked=None if isinstance(shown, Met) else shown.lookup.qname,
        names=shown.decision.transmission.names if isinstance(shown, Met) else (),
        place=shown.place if isinstance(shown, Met) else None,
        rule=rule,
        checks=change.checks,
        remedy=remedy_of(change.reason),
        evidence=tuple(_evidence(change, sources)),
    )


def _severity(change: Change, book: Rulebook) -> Severity:
    """As a deviation of what was sent there; a lookup sent nothing."""
    shown = change.shown_by
    labels: Sequence[Label] = tuple(shown.labels.values()) if isinstance(shown, Met) else _NONE
    found = severity_of(Verdict.DEVIATION, labels, book.policy.severity)
    return found.lowered() if change.lowered else found


def _at(shown: Met | LookupDecision) -> str:
    return f" at {shown.address}" if isinstance(shown, Met) else ""


def _first(shown: Met | LookupDecision) -> Instant | None:
    return shown.first if isinstance(shown, Met) else shown.lookup.time


def _last(shown: Met | LookupDecision) -> Instant | None:
    return shown.last if isinstance(shown, Met) else shown.lookup.time


def _senders(shown: Met | LookupDecision) -> tuple[str, ...]:
    sender = shown.decision.transmission.sender_ip if isinstance(shown, Met) else shown.lookup.client_ip
    return (sender,) if sender else ()


def _evidence(change: Change, sources: Mapping[str, Coverage]) -> Iterable[Evidence]:
    """The record that shows it, and that of the earlier observation where this run holds it."""
    yield _record(change.shown_by, "seen now", sources)
    if change.earlier is not None:
        yield _record(change.earlier, "seen before", sources)


def _record(shown: Met | LookupDecision, how: str, sources: Mapping[str, Coverage]) -> Evidence:
    if isinstance(shown, Met):
        return evidence_of(shown.decision.transmission, how, sources)
    return msgspec.structs.replace(lookup_evidence(shown.lookup, sources), how=how)
