"""What a place says of a server: its network, country and provider region, each a set of candidates.

Promises: two sets that share a member may be the same; an empty one says nothing. The operator's own statements and
location data are told apart, since one is not compared with the other: a fact that holds from a day on only replaces
what the data said before, and is no change of the server. Where a place cannot be told (anycast, special-purpose
addresses) there is no country and no region.
"""

from collections.abc import Iterator

import msgspec

from flowwatch.model import Basis, Confidence, Place, Trait

_UNTOLD = frozenset({Confidence.INDETERMINATE, Confidence.NOT_APPLICABLE})
_STATED = "policy"
"""The source of a fact the operator states in `[[place]]`."""


class Said(msgspec.Struct, frozen=True):
    """The candidates of one trait."""

    trait: Trait
    values: frozenset[str]
    stated: bool
    """By the operator."""
    operator: str | None = None
    """Of a network: the organisations."""

    @property
    def words(self) -> str:
        """As `AS64500 (State Data Centre)`."""
        listed = ", ".join(sorted(self.values))
        return f"{listed} ({self.operator})" if self.operator else listed


def said_of(place: Place | None) -> Iterator[Said]:
    """What the place says, trait by trait; nothing where it says nothing."""
    if place is None:
        return
    if place.asn:
        numbers = frozenset(f"AS{fact.value.upper().removeprefix('AS')}" for fact in place.asn)
        stated = all(fact.source == _STATED for fact in place.asn)
        yield Said(Trait.NETWORK, numbers, stated, organisation(place))
    if place.confidence in _UNTOLD:
        return
    stated = all(one.basis is Basis.OPERATOR for one in place.located)
    regions = {f"{one.provider or ''} {one.provider_region}".strip() for one in place.located if one.provider_region}
    for trait, values in ((Trait.COUNTRY, frozenset(place.countries)), (Trait.REGION, frozenset(regions))):
        if values:
            yield Said(trait, values, stated)


def organisation(place: Place) -> str | None:
    """Who runs it, as each source says."""
    return ", ".join(dict.fromkeys(fact.value for fact in place.organisation)) or None
