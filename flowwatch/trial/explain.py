"""The whole derivation of one verdict, as values: the caller puts it into words."""

import msgspec

from flowwatch.judge import Bench, Derivation, with_data_in_names
from flowwatch.model import Instant, LookupDecision, Transmission
from flowwatch.places import Locator
from flowwatch.policy.inline import Given
from flowwatch.policy.terms import Policy, PolicySet
from flowwatch.trial.given import Supposed, lookup, supposed
from flowwatch.trial.inline import Locate


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """How the verdict on a transmission (or a lookup) comes about.

    In order: policy in force, scope, prohibitions, channels from the sender with their conditions, what permits the
    flow it answers, exceptions, verdict.
    """

    derivation: Derivation | None
    """None for a lookup."""
    lookup: LookupDecision | None = None


def explain(
    policies: PolicySet,
    observation: Given | Transmission,
    *,
    opening: Transmission | None = None,
    locate: Locate | None = None,
) -> Explanation:
    """The explanation of a supposed or a recorded observation.

    `opening` is the other direction of the flow where that opened it; `locate` gives places, None: the policy's own
    `[[place]]` facts and no database.
    """
    if locate is not None:
        return _explained(Bench(policies, locate), policies, observation, opening)
    with Locator(policies.place_facts) as locator:
        return _explained(Bench(policies, locator.locate), policies, observation, opening)


def _explained(
    bench: Bench, policies: PolicySet, observation: Given | Transmission, opening: Transmission | None
) -> Explanation:
    if isinstance(observation, Transmission):
        return Explanation(derivation=bench.derive(observation, opening))
    if observation.lookup is not None:
        return Explanation(derivation=None, lookup=with_data_in_names((bench.lookup(lookup(observation)),), bench)[0])
    case: Supposed = supposed(observation, _version(policies, observation.time))
    return Explanation(derivation=bench.derive(case.transmission, case.opening, observation.labels))


def _version(policies: PolicySet, at: Instant) -> Policy:
    """The version in force, else the newest: only its resolvers are needed."""
    return policies.in_force(at) or policies.versions[-1]
