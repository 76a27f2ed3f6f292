"""Where an address is and who runs it, from the operator's facts, the special-purpose table and databases.

Promises: the policy's facts beat the special-purpose table, which beats every database; what the facts leave open the
others still say. An address that stands for another (IPv4-mapped, NAT64, 6to4, Teredo) is looked up as itself in the
policy, then as the inner one, and this is said. The same address at a time of the same facts gives the same Place.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from flowwatch.model import Candidate, Confidence, Fact, Instant, Place, ReferenceData
from flowwatch.places.confidence import of_databases, of_statement
from flowwatch.places.facts import SOURCE, Facts, FactsAbout, plain
from flowwatch.places.mmdb import Database
from flowwatch.places.schemas import Said
from flowwatch.places.special import Address, Block, Wrapped, special, unwrapped
from flowwatch.policy.terms import PlaceFact

_Sayings = list[tuple[Database, Said]]


class Locator:
    """Looks addresses up; holds the databases until it is closed.

    `facts` are the policy's `[[place]]` tables, `databases` MMDB files; raises PlacesError for one that cannot be used.
    """

    def __init__(self, facts: Sequence[PlaceFact] = (), databases: Sequence[Path] = ()) -> None:
        self._facts = Facts(facts)
        self._cache: dict[tuple[str, int | None], Place] = {}
        with ExitStack() as opened:
            self._databases = [opened.enter_context(Database(Path(path))) for path in databases]
            self._opened = opened.pop_all()

    @property
    def reference(self) -> tuple[ReferenceData, ...]:
        """The databases in use, in the order given: name, kind, build date, SHA-256, attribution."""
        return tuple(database.reference for database in self._databases)

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
        sayings = [] if block else self._sayings(meant)
        located, confidence, why, anycast = self._located(stated, block, sayings)
        return Place(
            address=text,
            located=located,
            confidence=confidence,
            registered=_said(stated.registered, sayings, "registered"),
            asn=_said(stated.asn, sayings, "asn"),
            organisation=_said(stated.organisation, sayings, "organisation"),
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
        return [(database, said) for database, said in found if said is not None]

    def _located(
        self, stated: FactsAbout, block: Block | None, sayings: _Sayings
    ) -> tuple[tuple[Candidate, ...], Confidence, str, bool | None]:
        anycast = _anycast(stated, sayings)
        if stated.located:
            return stated.located, *of_statement(stated.located), anycast
        if block is not None:
            return (), Confidence.NOT_APPLICABLE, f"special-purpose address: {block.name}, RFC {block.rfc}", anycast
        found = [(one, database) for database, said in sayings if (one := database.candidate(said)) is not None]
        located = tuple(one for one, _ in found)
        if anycast:
            return located, Confidence.INDETERMINATE, "anycast: announced from more than one place", anycast
        if not self._databases:
            return (), Confidence.INDETERMINATE, "no location data in use", anycast
        return located, *of_databases(located, [database.identity.vendor for _, database in found]), anycast


def _anycast(stated: FactsAbout, sayings: _Sayings) -> bool | None:
    """The operator's word, else yes if a database says so, no if one does; None: unknown."""
    if stated.anycast is not None:
        return stated.anycast
    flags = [said.anycast for _, said in sayings if said.anycast is not None]
    return any(flags) if flags else None


def _said(stated: Iterable[str], sayings: _Sayings, field: str) -> tuple[Fact, ...]:
    """The operator's values, else each database's own."""
    own = tuple(Fact(value, SOURCE) for value in stated)
    return own or tuple(
        Fact(value, database.identity.name) for database, said in sayings if (value := getattr(said, field)) is not None
    )
