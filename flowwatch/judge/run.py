"""Everything judged: transmissions and lookups against a policy, gathered into findings and destinations.

Promises: pure (no input or output, inputs untouched) and order-free: permuted rules or inputs give the same judgement,
sorted by where each fact stands in its source.
"""

from collections.abc import Iterator, Sequence

import msgspec

from flowwatch.judge.bench import Bench
from flowwatch.judge.carried_in_names import with_data_in_names
from flowwatch.judge.destinations import destinations_of
from flowwatch.judge.findings import findings_of, most_severe_first
from flowwatch.judge.migration import with_migrations
from flowwatch.judge.night import claims_answered, judge_the_night
from flowwatch.judge.transmission import Locate
from flowwatch.judge.unused import Uses
from flowwatch.model import (
    ClaimAnswer,
    Coverage,
    Decision,
    Destination,
    Finding,
    Lookup,
    LookupDecision,
    OpenedBy,
    Ref,
    Rule,
    Tally,
    Transmission,
    Verdict,
)
from flowwatch.policy.terms import PolicySet


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What a Report says of traffic: decisions, findings, destinations, tallies, unused entries."""

    decisions: tuple[Decision, ...]
    lookups: tuple[LookupDecision, ...]
    findings: tuple[Finding, ...]
    destinations: tuple[Destination, ...]
    verdicts: dict[Verdict, Tally]
    """Every verdict is a key."""
    lookup_verdicts: dict[Verdict, int]
    """Every verdict is a key."""
    unused: tuple[Rule, ...]
    """Entries of the versions that judged something which nothing used."""
    claims: tuple[ClaimAnswer, ...]
    """By id, then version."""


def judge(
    transmissions: Sequence[Transmission],
    lookups: Sequence[Lookup],
    policies: PolicySet | None,
    locate: Locate,
    coverage: Sequence[Coverage] = (),
) -> Judgement:
    """The judgement on everything.

    `locate` gives the place of an address at an instant, the same however often it is asked.
    """
    bench = Bench(policies, locate)
    uses = Uses()
    decisions, asked = decide(transmissions, lookups, bench, uses)
    claims, contradicted = claims_answered(decisions, bench, coverage, locate)
    return Judgement(
        decisions=decisions,
        lookups=asked,
        findings=most_severe_first(
            (*findings_of(decisions, asked, coverage), *judge_the_night(decisions, bench, coverage), *contradicted)
        ),
        destinations=destinations_of(decisions),
        verdicts=_tallies(decisions),
        lookup_verdicts={verdict: sum(one.verdict is verdict for one in asked) for verdict in Verdict},
        unused=tuple(uses.unused(bench)),
        claims=claims,
    )


def decide(
    transmissions: Sequence[Transmission], lookups: Sequence[Lookup], bench: Bench, uses: Uses | None = None
) -> tuple[tuple[Decision, ...], tuple[LookupDecision, ...]]:
    """The decisions alone, in order of source and record; `uses` is told what they used."""
    uses = uses or Uses()
    severities = {book.policy.policy.version: book.policy.severity for book in bench.books}
    decisions = with_migrations(_decisions(transmissions, bench, uses), severities)
    return decisions, with_data_in_names(tuple(_asked(lookups, bench, uses)), bench)


def _decisions(transmissions: Sequence[Transmission], bench: Bench, uses: Uses) -> Iterator[Decision]:
    """The decision on each transmission, in order of source and record; an answer knows what opened its flow."""
    openings = {one.flow: one for one in transmissions if one.opened_by is OpenedBy.SENDER}
    for transmission in sorted(transmissions, key=_position):
        opening = openings.get(transmission.flow) if transmission.opened_by is OpenedBy.RECEIVER else None
        derivation = bench.derive(transmission, opening)
        uses.transmission(derivation)
        yield derivation.decision


def _asked(lookups: Sequence[Lookup], bench: Bench, uses: Uses) -> Iterator[LookupDecision]:
    for lookup in sorted(lookups, key=lambda one: (_ref(one.ref), one.qname, one.qtype)):
        decision = bench.lookup(lookup)
        uses.lookup(decision)
        yield decision


def _position(transmission: Transmission) -> tuple[object, ...]:
    return (*_ref(transmission.ref), transmission.start, transmission.opened_by is OpenedBy.RECEIVER, transmission.flow)


def _ref(ref: Ref) -> tuple[str, int, int]:
    return ref.source, ref.first_record, ref.last_record


def _tallies(decisions: Sequence[Decision]) -> dict[Verdict, Tally]:
    tallies = {}
    for verdict in Verdict:
        those = [one.transmission for one in decisions if one.verdict is verdict]
        tallies[verdict] = Tally.of(those)
    return tallies
