"""What the recordings say of the policy's claims: no contrary observation, does not hold, or cannot tell.

Promises: a claim is never shown to be true. *No contrary observation* is said only where every zone it speaks of was
recorded throughout its time by sources that were read in full and hold both directions, and of everything they sent in
that time it is certain that the claim does not rule it out. One transmission that it certainly rules out is enough for
*does not hold*, which is a finding. All else is *cannot tell*, with what is missing. Attempts carried nothing: they are
counted and decide nothing. Refuses to tell whether flow records were sampled: no source says so here.

A claim speaks of what was sent while its version is in force; where versions that follow one another make the same
claim, each answers for its part. Without `between` it is answered for the time that sources of traffic recorded.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from flowwatch.judge.bench import Bench
from flowwatch.judge.decisions import selected
from flowwatch.judge.findings import EVIDENCE_MOST, evidence_of, id_of, merged_labels, merged_names, service_of
from flowwatch.judge.night.contrary import Contrary, Missing, Told, receivers
from flowwatch.judge.night.heard import Sides
from flowwatch.judge.night.recorded import Recorded
from flowwatch.judge.remedies import remedy_of
from flowwatch.judge.rulebook import Rulebook, listed
from flowwatch.judge.transmission import Locate
from flowwatch.judge.truth import FALSE, TRUE, UNSEEN
from flowwatch.model import (
    Amount,
    Check,
    ClaimAnswer,
    ClaimOutcome,
    Coverage,
    Decision,
    Endpoint,
    Evidence,
    Finding,
    Instant,
    Reason,
    Sureness,
    Transmission,
    Verdict,
)
from flowwatch.policy.terms import Claim
from flowwatch.policy.windows import written

_DETAILS_MOST = 4
_HELD = 1_000
_ALWAYS = (-(2**63), 2**63)
_Span = tuple[Instant, Instant]
"""Half-open."""


class _Asked(msgspec.Struct, frozen=True):
    """One claim of one version, and the time it is answered for."""

    book: Rulebook
    claim: Claim
    span: _Span | None
    """None: no time, and `missing` says why."""
    missing: tuple[str, ...] = ()
    """What is missing of the time, beside what was not recorded."""

    @property
    def zones(self) -> tuple[str, ...]:
        """Ids of the zones whose sending it is about."""
        return tuple(sorted(self.claim.from_ or self.book.chains))


class _Lacking(msgspec.Struct):
    """How many transmissions something is missing of, and their details, each once."""

    count: int = 0
    details: set[str] = msgspec.field(default_factory=set)


class _Found(msgspec.Struct):
    """What was sent that bears on one claim."""

    transmissions: int = 0
    attempts: int = 0
    contrary: list[Decision] = msgspec.field(default_factory=list)
    undetermined: int = 0
    first_undetermined: list[Transmission] = msgspec.field(default_factory=list)
    """The earliest among them, and perhaps others."""
    missing: dict[str, _Lacking] = msgspec.field(default_factory=dict)
    """By what is missing."""

    def lack(self, sent: Transmission, missing: Iterable[Missing]) -> None:
        """Of this one it cannot be told, for what is missing."""
        self.undetermined += 1
        self.first_undetermined.append(sent)
        if len(self.first_undetermined) > _HELD:
            self.first_undetermined = _earliest(self.first_undetermined)
        for one in dict.fromkeys(missing):
            lacking = self.missing.setdefault(one.what, _Lacking())
            lacking.count += 1
            if one.detail:
                lacking.details.add(one.detail)


def claims_answered(
    decisions: Sequence[Decision], bench: Bench, coverage: Sequence[Coverage], locate: Locate
) -> tuple[tuple[ClaimAnswer, ...], tuple[Finding, ...]]:
    """The answer to every claim, by id, then version, and the findings of those that do not hold."""
    recorded = Recorded(coverage)
    asked = list(_asked(bench.books, recorded.of_flows, coverage))
    found = _observed(decisions, asked, locate) if asked else []
    answers, findings = [], []
    for one, seen in zip(asked, found, strict=True):
        finding = _finding(one, seen, coverage, locate) if seen.contrary else None
        answers.append(_answer(one, seen, recorded, coverage, finding))
        findings += [finding] if finding is not None else []
    return tuple(answers), tuple(findings)


def _asked(books: Sequence[Rulebook], recorded: _Span | None, coverage: Iterable[Coverage]) -> Iterator[_Asked]:
    """The claims of the versions that are in force at some time of them; of a claim of which none is, of the last."""
    unread = not_read_in_full(coverage)
    for claim in sorted({one.id for book in books for one in book.policy.claims}):
        making = [(book, one) for book in books for one in book.policy.claims if one.id == claim]
        asked = [_in_force(book, one, recorded, unread, [other for other, _ in making]) for book, one in making]
        yield from [one for one in asked if one.span is not None] or asked[-1:]


def _in_force(
    book: Rulebook, claim: Claim, recorded: _Span | None, unread: Sequence[str], making: Sequence[Rulebook]
) -> _Asked:
    """The claim for its time while its version is in force."""
    missing: tuple[str, ...]
    if claim.between is not None:
        span: _Span = (claim.between[0], claim.between[1])
        missing = () if _covered(span, making) else (_outside(making),)
    elif recorded is None:
        return _Asked(book, claim, None)
    else:
        span, missing = (recorded[0], recorded[1] + 1), tuple(unread)
        if claim.before is not None:
            span = (span[0], min(span[1], claim.before))
            if span[0] >= span[1]:
                return _Asked(book, claim, None, (f"nothing was recorded before {written(claim.before)}",))
    valid = _validity(book)
    clipped = max(span[0], valid[0]), min(span[1], valid[1])
    if clipped[0] >= clipped[1]:
        return _Asked(book, claim, None, (_outside(making),))
    return _Asked(book, claim, clipped, missing)


def _validity(book: Rulebook) -> _Span:
    header = book.policy.policy
    return (
        _ALWAYS[0] if header.valid_from is None else header.valid_from,
        _ALWAYS[1] if header.valid_until is None else header.valid_until,
    )


def _covered(span: _Span, making: Iterable[Rulebook]) -> bool:
    reached = span[0]
    for first, last in sorted(map(_validity, making)):
        if first <= reached < last:
            reached = last
    return reached >= span[1]


def _outside(making: Sequence[Rulebook]) -> str:
    """That the versions which make the claim are not in force throughout its time."""
    words = []
    for first, last in map(_validity, making):
        begins = "" if first == _ALWAYS[0] else f" from {written(first)}"
        words.append(begins + ("" if last == _ALWAYS[1] else f" until {written(last)}"))
    return f"the policy that makes the claim is in force{' and'.join(words)} only"


def not_read_in_full(coverage: Iterable[Coverage]) -> list[str]:
    """That sources were not read in full, in words; empty when all were."""
    short = [one.source for one in coverage if one.incomplete]
    return [f"not read in full: {_some(short)}"] if short else []


def _observed(decisions: Sequence[Decision], asked: Sequence[_Asked], locate: Locate) -> list[_Found]:
    """What bears on each claim, in one pass."""
    watching = [_Watch(one, locate) for one in asked if one.span is not None]
    for decision in selected(decisions, _judged) if watching else ():
        for one in watching:
            one.take(decision)
    found = iter(watching)
    return [_Found() if one.span is None else next(found).found for one in asked]


def _judged(decision: Decision) -> bool:
    return decision.verdict is not Verdict.OUT_OF_SCOPE


class _Watch:
    """One claim, shown one decision after another."""

    def __init__(self, asked: _Asked, locate: Locate) -> None:
        self.found = _Found()
        self._book, self._zones = asked.book, set(asked.zones)
        self._first, self._last = asked.span or _ALWAYS
        self._around = {outer for zone in self._zones for outer in asked.book.chain(zone)} - self._zones
        self._sides = Sides(asked.book)
        self._contrary = Contrary(asked.claim, asked.book, locate)

    def take(self, decision: Decision) -> None:
        """Count the decision if it is of the claim's zones and time and bears its labels."""
        sent = decision.transmission
        vantage = self._book.vantages.of(sent.ref.source)
        when = self._when(sent, vantage.clock_error)
        chain = self._book.chain(vantage.sender_zone(sent)) if when.truth is not FALSE else ()
        if not chain:
            return
        about = when & self._sent_by(sent, chain)
        if about.truth is FALSE:
            return
        self._count(decision, about, self._contrary.carried(sent, chain))

    def _count(self, decision: Decision, about: Told, carried: Told) -> None:
        found = self.found
        if decision.transmission.attempted:
            found.attempts += self._contrary.went(decision).truth is not FALSE
            return
        if carried.truth is FALSE:
            return
        found.transmissions += 1
        told = about & carried & self._contrary.went(decision)
        if told.truth is TRUE:
            found.contrary.append(decision)
        elif told.truth is UNSEEN:
            found.lack(decision.transmission, told.missing)

    def _when(self, sent: Transmission, error: int) -> Told:
        """It ran within the time; unseen where it ran across an edge: when its payload was sent is not known."""
        if not sent.timed:
            return _UNTIMED
        if sent.end + error < self._first or self._last <= sent.start - error:
            return _NO
        within = self._first <= sent.start - error and sent.end + error < self._last
        return _YES if within else _EDGE

    def _sent_by(self, sent: Transmission, chain: Sequence[str]) -> Told:
        """Its sender is in one of the zones; a translated address of a zone around them may stand for one inside."""
        if not self._zones.isdisjoint(chain):
            return _YES
        return _TRANSLATED if chain[0] in self._around and self._sides.outside(sent.sender_ip) else _NO


_YES, _NO = Told(TRUE), Told(FALSE)
_UNTIMED = Told(UNSEEN, (Missing("without a time"),))
_EDGE = Told(UNSEEN, (Missing("across an edge of the time"),))
_TRANSLATED = Told(UNSEEN, (Missing("from a translated address that zones share"),))


def _answer(
    asked: _Asked, found: _Found, recorded: Recorded, coverage: Sequence[Coverage], finding: Finding | None
) -> ClaimAnswer:
    missing: tuple[str, ...] = ()
    if finding is None:
        untold = (*_not_recorded(asked, recorded, coverage), *asked.missing, *_untold(found))
        missing = tuple(dict.fromkeys(untold))
    outcome = ClaimOutcome.DOES_NOT_HOLD if finding is not None else ClaimOutcome.CANNOT_TELL
    span = asked.span or (asked.claim.between or (None, None))
    return ClaimAnswer(
        rule=asked.book.rule("claim", asked.claim.id),
        says=_says(asked),
        outcome=outcome if finding is not None or missing else ClaimOutcome.NO_CONTRARY_OBSERVATION,
        zones=asked.zones,
        start=span[0],
        end=span[1],
        time_declared=asked.claim.between is not None,
        transmissions=found.transmissions,
        contrary=len(found.contrary),
        undetermined=found.undetermined,
        attempts=found.attempts,
        missing=missing,
        evidence=_evidence(
            asked.book, [one.transmission for one in found.contrary] or found.first_undetermined, coverage
        ),
        finding=finding.id if finding is not None else None,
    )


def _not_recorded(asked: _Asked, recorded: Recorded, coverage: Sequence[Coverage]) -> Iterator[str]:
    """What of the time was not recorded of which zones."""
    if recorded.of_flows is None:
        only = any(one.lookups for one in coverage)
        yield "only lookups were recorded, which do not show what was sent" if only else "nothing was recorded"
    elif asked.span is not None:
        gaps: dict[_Span, list[str]] = {}
        one_way = [one.source for one in coverage if 0 < one.flows == one.one_way_flows]
        both = Recorded(one for one in coverage if one.source not in one_way) if one_way else recorded
        for zone in asked.zones:
            gap = both.gap(asked.book, zone, *asked.span)
            if gap is not None:
                gaps.setdefault(gap, []).append(zone)
        for first, last in sorted(gaps):
            zones = gaps[first, last]
            who = f"zone{'s' if len(zones) > 1 else ''} {_some(zones)}"
            yield f"{who} not recorded in full from {written(first)} to {written(last)}"
        if gaps:
            yield from not_read_in_full(coverage)
            yield from [f"perhaps only one direction recorded: {_some(one_way)}"] if one_way else []
        if not asked.zones:
            yield "no zone is declared"


def _untold(found: _Found) -> Iterator[str]:
    """What is missing of transmissions, each kind once."""
    for what, lacking in sorted(found.missing.items()):
        count = f"{lacking.count:,} transmission{'s' if lacking.count > 1 else ''}"
        details = f": {_some(sorted(lacking.details))}" if lacking.details else ""
        yield f"{count} {what}{details}"


def _some(names: Sequence[str]) -> str:
    more = len(names) - _DETAILS_MOST
    return "; ".join(names[:_DETAILS_MOST]) + (f"; and {more:,} more" if more > 0 else "")


def _says(asked: _Asked) -> str:
    """The claim in words, without its time."""
    claim = asked.claim
    bears = f" that bears {' or '.join(claim.labels)}" if claim.labels else ""
    zones = f"zone{'s' if len(claim.from_) > 1 else ''} {listed(claim.from_)}" if claim.from_ else "any zone"
    if claim.only_to:
        targets = " or ".join(one.replace(":", " ") for one in claim.only_to)
        return f"whatever{bears} leaves {zones} goes first to {targets}"
    if claim.server is not None:
        return f"nothing{bears} goes from {zones} to server {claim.server}, or from it"
    no = claim.no
    assert no is not None  # noqa: S101  # a claim says one of three things
    where = no.country or (f"AS{no.asn}" if no.asn is not None else listed(no.cidrs))
    return f"nothing{bears} goes from {zones} to {where}"


def _evidence(book: Rulebook, sent: Iterable[Transmission], coverage: Iterable[Coverage]) -> tuple[Evidence, ...]:
    """The records of the earliest."""
    sources = {one.source: one for one in coverage}
    return tuple(evidence_of(one, f"sent to {_to(one, book)}", sources) for one in _earliest(sent))


def _earliest(sent: Iterable[Transmission]) -> list[Transmission]:
    return heapq.nsmallest(EVIDENCE_MOST, sent, key=_position)


def _to(sent: Transmission, book: Rulebook) -> str:
    """Where it went, with the tunnel ends on the way."""
    *ends, receiver = receivers(sent, book.vantages.of(sent.ref.source))
    return f"{receiver} through {listed(ends)}" if ends else receiver


def _position(sent: Transmission) -> tuple[object, ...]:
    return sent.start, sent.ref.source, sent.ref.first_record, sent.flow, sent.opened_by


def _finding(asked: _Asked, found: _Found, coverage: Iterable[Coverage], locate: Locate) -> Finding:
    """One finding over everything the claim rules out."""
    claim, group = asked.claim, found.contrary
    all_sent = sorted((one.transmission for one in group), key=_position)
    total = Amount.total(one.sent for one in all_sent)
    acked = [one.acked for one in all_sent if one.acked is not None]
    zone = asked.zones[0] if len(asked.zones) == 1 else None
    ends = {(one.receiver_ip, one.receiver_port, one.tunnel) for one in all_sent}
    services = {service_of(one) for one in all_sent}
    rule, reason = asked.book.rule("claim", claim.id), Reason.CLAIM_CONTRADICTED
    alone = all_sent[0] if len(ends) == 1 and not all_sent[0].tunnel else None
    sureness, why = _confidence(claim)
    return Finding(
        id=id_of(rule, reason, zone, ""),
        kind=reason,
        verdict=Verdict.DEVIATION,
        severity=claim.severity,
        confidence=sureness,
        confidence_why=why,
        title=f"claim {claim.id} does not hold: {reason.sentence}",
        first_seen=min((one.start for one in all_sent if one.timed), default=None),
        last_seen=max((one.end for one in all_sent if one.timed), default=None),
        count=len(group),
        attempts=0,
        bytes_sent=total.least,
        bytes_most=total.most,
        bytes_unknown=sum(one.sent.exact is None for one in all_sent),
        bytes_acked=sum(acked) if acked else None,
        sender_zone=zone,
        senders=tuple(sorted({one.sender_ip for one in all_sent})),
        receiver=_endpoint(alone, group[0].receiver_zone) if alone else None,
        service=services.pop() if len(services) == 1 else None,
        server=claim.server,
        names=merged_names(name for one in all_sent for name in one.names) if alone else (),
        place=locate(alone.receiver_ip, alone.start) if alone else None,
        labels=merged_labels(group),
        rule=rule,
        checks=(Check("claim", FALSE, _says(asked), _went(all_sent, asked.book), reason),),
        remedy=remedy_of(reason),
        evidence=_evidence(asked.book, all_sent, coverage),
    )


def _endpoint(sent: Transmission, zone: str | None) -> Endpoint:
    return Endpoint(zone=zone, address=sent.receiver_ip, port=sent.receiver_port)


def _went(all_sent: Iterable[Transmission], book: Rulebook) -> str:
    return f"sent to {_some(sorted({_to(one, book) for one in all_sent}))}"


def _confidence(claim: Claim) -> tuple[Sureness, str]:
    if claim.no is not None and claim.no.country is not None:
        return Sureness.MEDIUM, "every candidate place is in the country; a place is a statement about an address"
    if claim.no is not None and claim.no.asn is not None:
        return Sureness.MEDIUM, "every source names the network; routes change"
    return Sureness.HIGH, "the addresses were recorded"
