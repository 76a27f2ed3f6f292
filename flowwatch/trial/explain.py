"""The whole derivation of one verdict, as values: the caller puts it into words."""

from collections.abc import Sequence

import msgspec

from flowwatch import judge
from flowwatch.audit import Traced
from flowwatch.judge import Bench, Derivation, OfTheWhole, with_data_in_names
from flowwatch.model import Decision, Instant, LookupDecision, OpenedBy, Transmission
from flowwatch.places import Locator
from flowwatch.policy.inline import Given
from flowwatch.policy.terms import Policy, PolicySet
from flowwatch.trial.given import Supposed, lookup, supposed
from flowwatch.trial.inline import Locate


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """How the verdict on a transmission (or a lookup) comes about.

    In order: policy in force, scope, prohibitions, channels from the sender with their conditions, what permits the
    flow it answers, exceptions, verdict; then what its channels say of the whole.
    """

    derivation: Derivation | None
    """None for a lookup."""
    lookup: LookupDecision | None = None
    whole: OfTheWhole = OfTheWhole(())
    """Of a transmission that stands alone its conditions are unseen."""


def explain(
    policies: PolicySet,
    observation: Given | Transmission,
    *,
    opening: Transmission | None = None,
    locate: Locate | None = None,
) -> Explanation:
    """The explanation of a supposed observation, or of a recorded one by itself.

    `opening` is the other direction of the flow where that opened it; `locate` gives places, None: the policy's own
    `[[place]]` facts and no database.
    """
    if locate is not None:
        return _explained(Bench(policies, locate, every=True), policies, observation, opening)
    with Locator(policies.place_facts) as locator:
        return _explained(Bench(policies, locator.locate, every=True), policies, observation, opening)


def explain_recorded(
    policies: PolicySet, traced: Traced, flows: Sequence[int], locate: Locate
) -> tuple[Explanation, ...]:
    """The explanations of every transmission of these flows, as the judge of the whole recording has them.

    `flows` are numbers of flows as in `traced.sent`, told in the order of their records.
    """
    bench = Bench(policies, locate)
    decisions, _ = judge.decide(traced.sent, (), bench)
    openings = {one.flow: one for one in traced.sent if one.opened_by is OpenedBy.SENDER}
    places = [place for place, one in enumerate(decisions) if one.transmission.flow in flows]
    shown = Bench(policies, locate, every=True)
    whole = judge.of_one(decisions, bench, traced.coverage, places)
    return tuple(
        Explanation(derivation=_derived(shown, decisions[place], openings), whole=whole[place]) for place in places
    )


def _derived(bench: Bench, decision: Decision, openings: dict[int, Transmission]) -> Derivation:
    """The derivation, with the decision that stands once all flows are known."""
    sent = decision.transmission
    opening = openings.get(sent.flow) if sent.opened_by is OpenedBy.RECEIVER else None
    return msgspec.structs.replace(bench.derive(sent, opening), decision=decision)


def _explained(
    bench: Bench, policies: PolicySet, observation: Given | Transmission, opening: Transmission | None
) -> Explanation:
    if isinstance(observation, Transmission):
        return _alone(bench, bench.derive(observation, opening))
    if observation.lookup is not None:
        return Explanation(derivation=None, lookup=with_data_in_names((bench.lookup(lookup(observation)),), bench)[0])
    case: Supposed = supposed(observation, _version(policies, observation.time))
    return _alone(bench, bench.derive(case.transmission, case.opening, observation.labels))


def _alone(bench: Bench, derivation: Derivation) -> Explanation:
    return Explanation(derivation=derivation, whole=judge.unasked(derivation.decision, bench))


def _version(policies: PolicySet, at: Instant) -> Policy:
    """The version in force, else the newest: only its resolvers are needed."""
    return policies.in_force(at) or policies.versions[-1]
