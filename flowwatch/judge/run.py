"""Everything judged: transmissions and lookups against a policy, gathered into findings and destinations.

Promises: pure (no input or output, inputs untouched) and order-free: permuted rules or inputs give the same judgement,
sorted by where each fact stands in its source.
"""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
import numpy as np

from flowwatch.alike import Numbers, firsts
from flowwatch.judge.bench import Bench
from flowwatch.judge.carried_in_names import with_data_in_names
from flowwatch.judge.cohorts import cohorts
from flowwatch.judge.decisions import Decisions, spans_of
from flowwatch.judge.derivation import Derivation
from flowwatch.judge.destinations import destinations_of
from flowwatch.judge.findings import findings_of, most_severe_first
from flowwatch.judge.held import record
from flowwatch.judge.migration import migrated, with_migrations
from flowwatch.judge.night import claims_answered, judge_the_night
from flowwatch.judge.past import compare
from flowwatch.judge.transmission import Locate
from flowwatch.judge.unused import Uses
from flowwatch.model import (
    ClaimAnswer,
    Coverage,
    Decision,
    Destination,
    Finding,
    Held,
    History,
    Lookup,
    LookupDecision,
    OpenedBy,
    Sighting,
    Stage,
    Tally,
    Transmission,
    Transmissions,
    Use,
    Verdict,
    held_of,
    one_by_one,
)
from flowwatch.policy.terms import PolicySet


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What a Report says of traffic: decisions, findings, destinations, tallies, uses of entries, stages."""

    decisions: Sequence[Decision]
    lookups: tuple[LookupDecision, ...]
    findings: tuple[Finding, ...]
    destinations: tuple[Destination, ...]
    verdicts: dict[Verdict, Tally]
    """Every verdict is a key."""
    out_of_scope: dict[str, Tally]
    """By reason."""
    lookup_verdicts: dict[Verdict, int]
    """Every verdict is a key."""
    uses: tuple[Use, ...]
    """How often each entry of the versions in force within the recorded time was used."""
    stages: tuple[Stage, ...]
    seen: tuple[Sighting, ...]
    """What was seen of approved servers."""
    unknown: tuple[str, ...]
    """Ids of approved servers of which the history holds nothing."""
    claims: tuple[ClaimAnswer, ...]
    """By id, then version."""


def judge(
    transmissions: Sequence[Transmission],
    lookups: Sequence[Lookup],
    policies: PolicySet | None,
    locate: Locate,
    coverage: Sequence[Coverage] = (),
    *,
    history: History | None = None,
    stamp: str = "",
) -> Judgement:
    """The judgement on everything.

    `locate` gives the place of an address at an instant, the same however often it is asked; `stamp` names the data it
    goes by. `history` is what earlier runs saw.
    """
    bench = Bench(policies, locate)
    uses = Uses()
    decisions, asked = decide(transmissions, lookups, bench, uses)
    held = held_of(decisions)
    tallies = _tallies(decisions, held)
    whole = judge_the_night(decisions, bench, coverage)
    past = compare(decisions, asked, bench.books, locate, history=history, stamp=stamp, coverage=coverage)
    claims, contradicted = claims_answered(decisions, bench, coverage, locate)
    found = (*findings_of(held, asked, coverage), *whole.findings, *past.findings, *contradicted)
    return Judgement(
        decisions=decisions,
        lookups=asked,
        findings=most_severe_first(found),
        destinations=destinations_of(held, decisions),
        verdicts={verdict: _sum(tallies, verdict) for verdict in Verdict},
        out_of_scope={reason: tally for (_, reason), tally in sorted(tallies.items()) if reason},
        lookup_verdicts={verdict: sum(one.verdict is verdict for one in asked) for verdict in Verdict},
        uses=tuple(uses.of(bench)),
        stages=whole.stages,
        seen=past.seen,
        unknown=past.unknown,
        claims=claims,
    )


def decide(
    transmissions: Sequence[Transmission], lookups: Sequence[Lookup], bench: Bench, uses: Uses | None = None
) -> tuple[Sequence[Decision], tuple[LookupDecision, ...]]:
    """The decisions alone, in order of source and record; `uses` is told what they used."""
    uses = uses or Uses()
    decisions: Sequence[Decision]
    if isinstance(transmissions, Transmissions):
        decisions = _by_cohort(transmissions, bench, uses)
    else:
        decisions = _each(transmissions, bench, uses)
    return decisions, with_data_in_names(tuple(_asked(lookups, bench, uses)), bench)


def _each(transmissions: Sequence[Transmission], bench: Bench, uses: Uses) -> tuple[Decision, ...]:
    """The decision on each transmission, in order of source and record; an answer knows what opened its flow."""
    openings = {one.flow: one for one in transmissions if one.opened_by is OpenedBy.SENDER}
    decisions = []
    for transmission in sorted(transmissions, key=_position):
        opening = openings.get(transmission.flow) if transmission.opened_by is OpenedBy.RECEIVER else None
        derivation = bench.derive(transmission, opening)
        uses.transmission(derivation)
        decisions.append(derivation.decision)
    return with_migrations(decisions, bench.severities)


def _by_cohort(sent: Transmissions, bench: Bench, uses: Uses) -> Decisions:
    """The same, of each cohort the first judged for all."""
    cohort = cohorts(sent, bench.judging)
    alike = []
    spans = spans_of(sent.columns, cohort)
    for derivation, count, first, last in zip(_derived(sent, firsts(cohort), bench), *spans, strict=True):
        uses.transmissions(derivation, count, first, last)
        alike.append(derivation.decision)
    decisions = Decisions(sent, cohort, alike, functools.partial(_derive, sent, bench), bench.locate)
    return migrated(decisions, bench.severities)


def _derive(sent: Transmissions, bench: Bench, places: Numbers) -> list[Decision]:
    return [one.decision for one in _derived(sent, places, bench)]


def _derived(sent: Transmissions, places: Numbers, bench: Bench) -> Iterator[Derivation]:
    """The derivations of the transmissions at the places, each told what opened its flow."""
    columns = sent.columns
    before = np.maximum(places - 1, 0)
    answers = ~columns.forth[places] & columns.forth[before] & (columns.row[before] == columns.row[places])
    openings = iter(sent.pick(before[answers]))
    for transmission, answer in zip(sent.pick(places), answers, strict=True):
        yield bench.derive(transmission, next(openings) if answer else None)


def _asked(lookups: Sequence[Lookup], bench: Bench, uses: Uses) -> Iterator[LookupDecision]:
    for lookup in sorted(lookups, key=lambda one: (record(one.ref), one.qname, one.qtype)):
        decision = bench.lookup(lookup)
        uses.lookup(decision)
        yield decision


def _position(transmission: Transmission) -> tuple[object, ...]:
    return (*record(transmission.ref), transmission.flow, transmission.opened_by is OpenedBy.RECEIVER)


def _tallies(decisions: Sequence[Decision], held: Iterable[Held]) -> dict[tuple[Verdict, str], Tally]:
    """The tally of each verdict, and of each reason why something is out of scope, which is not held."""
    if isinstance(decisions, Decisions):
        return _summed(held) | decisions.tallies(_group, _is_out_of_scope)
    return _summed(held) | _summed(one_by_one(filter(_is_out_of_scope, decisions)))


def _summed(held: Iterable[Held]) -> dict[tuple[Verdict, str], Tally]:
    groups: dict[tuple[Verdict, str], list[Tally]] = {}
    for one in held:
        groups.setdefault(_group(one.decision), []).append(one.tally)
    return {group: Tally.sum(those) for group, those in groups.items()}


def _is_out_of_scope(one: Decision) -> bool:
    return one.verdict is Verdict.OUT_OF_SCOPE


def _group(decision: Decision) -> tuple[Verdict, str]:
    """The verdict, and why it is out of scope: nothing where it is in scope."""
    scope = decision.reasons[0].value if decision.verdict is Verdict.OUT_OF_SCOPE else ""
    return decision.verdict, scope


def _sum(tallies: Mapping[tuple[Verdict, str], Tally], verdict: Verdict) -> Tally:
    return Tally.sum([tally for (one, _), tally in tallies.items() if one is verdict])
