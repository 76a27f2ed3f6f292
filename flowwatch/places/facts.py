"""The operator's own facts about addresses, the policy's `[[place]]` tables.

Promises: of the facts in force at a time, the longest prefix that says something decides, for each kind of fact apart
(location, registration, AS, organisation, anycast); facts of one prefix that differ are all kept. A fact holds in
`[from, until)`. Without a time every fact counts, whenever it holds.
"""

import bisect
import ipaddress
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from flowwatch.model import Basis, Candidate, Instant
from flowwatch.places.special import Address

if TYPE_CHECKING:  # start-up time: the policy room reads files that no look-up needs
    from flowwatch.policy.terms import PlaceFact

SOURCE = "policy"
_Value = TypeVar("_Value")


class Facts:
    """Every fact of the operator."""

    def __init__(self, facts: "Iterable[PlaceFact]") -> None:
        self._facts = tuple(sorted(facts, key=lambda fact: -fact.cidr.prefix))
        edges = {edge for fact in self._facts for edge in (fact.from_, fact.until) if edge is not None}
        self._edges = sorted(edges)

    def span(self, at: Instant | None) -> int | None:
        """The number of the span of time in which the same facts hold; None without a time."""
        return None if at is None else bisect.bisect_right(self._edges, at)

    def about(self, address: Address, at: Instant | None) -> "FactsAbout":
        """What is said of the address at that time; IPv6 addresses without their scope."""
        version, value = address.version, int(address)
        covering = [fact for fact in self._facts if _covers(fact, version, value) and _in_force(fact, at)]
        return FactsAbout(covering)


class FactsAbout:
    """The facts that cover one address at one time, longest prefix first."""

    def __init__(self, covering: "Sequence[PlaceFact]") -> None:
        self._covering = covering

    def __bool__(self) -> bool:
        return bool(self._covering)

    @property
    def located(self) -> tuple[Candidate, ...]:
        """Where the operator says it is."""
        return self._longest(_candidate)

    @property
    def registered(self) -> tuple[str, ...]:
        """The country of assignment the operator states."""
        return self._longest(lambda fact: fact.registered)

    @property
    def asn(self) -> tuple[str, ...]:
        """The AS number the operator states, as decimal text."""
        return self._longest(lambda fact: None if fact.asn is None else str(fact.asn))

    @property
    def organisation(self) -> tuple[str, ...]:
        """Who the operator says runs it."""
        return self._longest(lambda fact: fact.organisation)

    @property
    def anycast(self) -> bool | None:
        """Whether the operator says it is anycast; several that differ: it is."""
        said = self._longest(lambda fact: fact.anycast)
        return any(said) if said else None

    def _longest(self, value: "Callable[[PlaceFact], _Value | None]") -> tuple[_Value, ...]:
        """Distinct values at the longest prefix that has one."""
        found = [(fact.cidr.prefix, one) for fact in self._covering if (one := value(fact)) is not None]
        return tuple(dict.fromkeys(one for prefix, one in found if prefix == found[0][0]))


def _covers(fact: "PlaceFact", version: int, value: int) -> bool:
    return fact.cidr.version == version and fact.cidr.first <= value <= fact.cidr.last


def _in_force(fact: "PlaceFact", at: Instant | None) -> bool:
    if at is None:
        return True
    return (fact.from_ is None or fact.from_ <= at) and (fact.until is None or at < fact.until)


def _candidate(fact: "PlaceFact") -> Candidate | None:
    if not any((fact.country, fact.region, fact.city, fact.site, fact.provider_region)):
        return None
    precision = "site" if fact.site else "city" if fact.city else "region" if fact.region else "country"
    return Candidate(
        country=fact.country,
        region=fact.region,
        city=fact.city,
        site=fact.site,
        provider=fact.provider,
        provider_region=fact.provider_region,
        precision=precision,
        basis=Basis.OPERATOR,
        source=SOURCE,
    )


def plain(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> Address:
    """The address without an IPv6 scope, which is no part of where it is."""
    return ipaddress.IPv6Address(int(address)) if address.version == 6 else address
