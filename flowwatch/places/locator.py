"""Where an address is and who runs it, from the operator's facts, the special-purpose table, databases and own data.

Promises: the policy's facts beat the special-purpose table, which beats every database; what the facts leave open the
others still say. Of a location the strongest basis decides: the operator, the provider's published region, then
databases and the embedded table together; which one did is in the Place's `why`, and so is what kept it from more.
An address that stands for another (IPv4-mapped, NAT64, 6to4, Teredo) is looked up as itself in the policy, then as the
inner one, and this is said. The same address at a time of the same facts gives the same Place.
"""

import hashlib
import ipaddress
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from flowwatch.model import Candidate, Confidence, Fact, Instant, Place, ReferenceData
from flowwatch.places import installed
from flowwatch.places.anycast import known_anycast
from flowwatch.places.confidence import of_databases, of_region, of_statement
from flowwatch.places.embedded import NOTHING, SHIPPED, VENDOR, Embedded, Told
from flowwatch.places.facts import SOURCE, Facts, FactsAbout, plain
from flowwatch.places.mmdb import Database
from flowwatch.places.schemas import Said
from flowwatch.places.special import Address, Block, Wrapped, special, unwrapped

if TYPE_CHECKING:  # start-up time: the policy room reads files that no look-up needs
    from flowwatch.policy.terms import PlaceFact


class _Sayings(msgspec.Struct, frozen=True):
    """What all data but the operator's facts says of one address."""

    databases: Sequence[tuple[Database, Said]] = ()
    told: Told = NOTHING
    anycast: str | None = None
    """Whose anycast service it is known to be."""


class Locator:
    """Looks addresses up; holds the databases until it is closed.

    `facts` are the policy's `[[place]]` tables, `databases` MMDB files and folders of location data, `embedded` the
    table flowwatch ships (None: none), in whose place that of such a folder comes; raises PlacesError for one that
    cannot be used.
    """

    def __init__(
        self,
        facts: "Sequence[PlaceFact]" = (),
        databases: Sequence[Path] = (),
        *,
        embedded: Embedded | None = SHIPPED,
    ) -> None:
        self._stated_facts = tuple(facts)
        self._facts = Facts(facts)
        named = [Path(one) for one in databases]
        self._embedded = installed.table(named) or embedded
        self._cache: dict[tuple[str, int | None], Place] = {}
        with ExitStack() as opened:
            self._databases = [opened.enter_context(Database(path)) for path in installed.databases(named)]
            self._opened = opened.pop_all()

    @property
    def reference(self) -> tuple[ReferenceData, ...]:
        """The data in use: databases in the order given, then the embedded sources; date, SHA-256, attribution."""
        own = self._embedded.reference if self._embedded else ()
        return (*(database.reference for database in self._databases), *own)

    @property
    def stamp(self) -> str:
        """Date of the newest data and a digest of all, the policy's facts among them: alike, places are alike."""
        told = [(one.name, one.kind, one.version, one.date, one.sha256) for one in self.reference]
        facts = sorted(repr(msgspec.structs.astuple(fact)) for fact in self._stated_facts)
        digest = hashlib.sha256(repr((sorted(map(repr, told)), facts)).encode()).hexdigest()[:16]
        return f"{max((one.date for one in self.reference if one.date), default='undated')}/{digest}"

    def locate(self, address: str, at: Instant | None) -> Place:
        """The Place of an address at that time (None: whenever); text that is no address is indeterminate.

        Raises PlacesError when a database turns out to be damaged.
        """
        key = (address, self._facts.span(at))
        if key not in self._cache:
            self._cache[key] = self._place(address, at)
        return self._cache[key]

    def close(self) -> None:
        """Closes the databases."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _place(self, text: str, at: Instant | None) -> Place:
        try:
            address = plain(ipaddress.ip_address(text))
        except ValueError:
            return Place(address=text, why="not an IP address")
        wrapped = unwrapped(address)
        meant = wrapped.inner if wrapped else address
        stated = self._stated(address, wrapped, at)
        block = special(meant)
        sayings = _Sayings() if block else self._sayings(meant)
        anycast = _anycast(stated, sayings)
        located, confidence, why = self._located(stated, block, sayings, anycast=anycast)
        return Place(
            address=text,
            located=located,
            confidence=confidence,
            registered=self._said(stated.registered, sayings, "registered", "registration"),
            asn=self._said(stated.asn, sayings, "asn", "network"),
            organisation=self._said(stated.organisation, sayings, "organisation", "network"),
            anycast=anycast,
            special=block.name if block else None,
            inner=str(meant) if wrapped else None,
            why=f"{wrapped.form} address of {meant}: {why}" if wrapped else why,
        )

    def _stated(self, address: Address, wrapped: Wrapped | None, at: Instant | None) -> FactsAbout:
        """The policy's facts of the address as it stands, else of the inner one."""
        stated = self._facts.about(address, at)
        return self._facts.about(wrapped.inner, at) if wrapped and not stated else stated

    def _sayings(self, address: Address) -> _Sayings:
        found = ((database, database.said(address)) for database in self._databases)
        told = self._embedded.told(address) if self._embedded else NOTHING
        said = [(database, one) for database, one in found if one is not None]
        return _Sayings(said, told, known_anycast(address, told.region))

    def _located(
        self, stated: FactsAbout, block: Block | None, sayings: _Sayings, *, anycast: bool | None
    ) -> tuple[tuple[Candidate, ...], Confidence, str]:
        if stated.located:
            return stated.located, *of_statement(stated.located)
        if block is not None:
            return (), Confidence.NOT_APPLICABLE, f"special-purpose address: {block.name}, RFC {block.rfc}"
        region = sayings.told.region
        published = self._embedded.published(region) if self._embedded and region else None
        found = self._candidates(sayings)
        if anycast:
            located = (published,) if published else tuple(one for one, _ in found)
            known = f" ({sayings.anycast})" if sayings.anycast else ""
            return located, Confidence.INDETERMINATE, f"anycast{known}: announced from more than one place"
        if published and region:
            return of_region(published, region, found)
        if not self._databases and not self._embedded:
            return (), Confidence.INDETERMINATE, "no location data in use"
        return tuple(one for one, _ in found), *of_databases(found)

    def _candidates(self, sayings: _Sayings) -> list[tuple[Candidate, str]]:
        """Where databases and the embedded table say it is, with the vendor of each.

        The embedded one counts beside them unless a database of the same vendor, which is newer, says where.
        """
        found = [
            (one, database.identity.vendor)
            for database, said in sayings.databases
            if (one := database.candidate(said)) is not None
        ]
        if self._embedded and sayings.told.country and VENDOR not in {vendor for _, vendor in found}:
            found.append((self._embedded.located(sayings.told.country), VENDOR))
        return found

    def _said(self, stated: Iterable[str], sayings: _Sayings, field: str, kind: str) -> tuple[Fact, ...]:
        """The operator's values, else each database's own and the embedded one."""
        own = tuple(Fact(value, SOURCE) for value in stated)
        if own:
            return own
        facts = [
            Fact(value, database.identity.name)
            for database, said in sayings.databases
            if (value := getattr(said, field)) is not None
        ]
        if self._embedded and (told := getattr(sayings.told, field)) is not None:
            facts.append(Fact(told, self._embedded.name(kind)))
        return tuple(facts)


def _anycast(stated: FactsAbout, sayings: _Sayings) -> bool | None:
    """The operator's word, else yes if a database or the own list says so, no if a database does; None: unknown."""
    if stated.anycast is not None:
        return stated.anycast
    flags = [said.anycast for _, said in sayings.databases if said.anycast is not None]
    return True if sayings.anycast else any(flags) if flags else None
