"""What was seen of each approved server before: the memory that drift and dormancy are told by.

Promises: flat rows that merge by the earliest first and the latest last, so that neither order nor repetition matters.
Where an address was located is kept with the reference data that said so: another set of data is no other place.
"""

import enum
from collections.abc import Iterable
from typing import Self

import msgspec

from flowwatch.model.time import Instant


class Trait(enum.StrEnum):
    """What of a server was seen."""

    ADDRESS = "address"
    NETWORK = "network"
    COUNTRY = "country"
    REGION = "region"
    KEY = "key"
    ANSWER = "answer"


class Sighting(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One thing that was seen of a listed server, when first and when last."""

    server: str
    """Id of the server in the policy."""
    trait: Trait
    value: str
    """An address, `AS64500`, a country (ISO 3166-1 alpha-2), provider and region, or a key's SHA-256 (SPKI)."""
    at: str
    """The address that showed it; of an answer the name that was asked for."""
    by: str = ""
    """The location data that said so, by date and digest; empty for what was seen itself."""
    operator: str | None = None
    """Of a network: the organisation, as last seen."""
    first: Instant
    last: Instant

    @property
    def key(self) -> tuple[str, Trait, str, str, str]:
        """Rows alike in this are one."""
        return self.server, self.trait, self.value, self.at, self.by

    def plus(self, other: "Sighting") -> "Sighting":
        """Both as one."""
        later = max(self, other, key=lambda one: (one.last, one.operator or ""))
        first = min(self.first, other.first)
        return msgspec.structs.replace(later, first=first)


class History(msgspec.Struct, frozen=True):
    """Sightings, one for each key, in order of it."""

    sightings: tuple[Sighting, ...] = ()

    @classmethod
    def of(cls, sightings: Iterable[Sighting]) -> Self:
        """The history that these make together."""
        found: dict[tuple[str, Trait, str, str, str], Sighting] = {}
        for one in sightings:
            known = found.get(one.key)
            found[one.key] = one if known is None else known.plus(one)
        return cls(tuple(found[key] for key in sorted(found)))

    def plus(self, others: Iterable[Sighting]) -> "History":
        """Both together."""
        return History.of((*self.sightings, *others))
