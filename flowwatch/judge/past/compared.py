"""One run compared with the past: what it saw, what differs, and of which servers there is nothing to compare with."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from flowwatch.judge.past.dormancy import returned
from flowwatch.judge.past.drift import drifted
from flowwatch.judge.past.met import Met, Server, addresses, met
from flowwatch.judge.past.traits import said_of
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.transmission import Locate
from flowwatch.model import Coverage, Decision, Finding, History, LookupDecision, Name, Sighting, Trait
from flowwatch.policy.terms import Server as Entry


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """What this run adds to the past, and how it differs from it."""

    seen: tuple[Sighting, ...]
    """What this run saw, in the shape of a history."""
    findings: tuple[Finding, ...]
    unknown: tuple[str, ...]
    """Ids of the servers met of which nothing was seen before: nothing can be said of a change."""


def compare(
    decisions: Sequence[Decision],
    lookups: Iterable[LookupDecision],
    books: Sequence[Rulebook],
    locate: Locate,
    *,
    history: History | None = None,
    stamp: str = "",
    coverage: Iterable[Coverage] = (),
) -> Past:
    """The run against its history, and its later days against its earlier ones.

    `stamp` names the location data behind `locate`; `books` are the policy's versions, none where there is no policy.
    """
    if not books:
        return Past(seen=(), findings=(), unknown=())
    versions = {book.policy.policy.version: book for book in books}
    before = _by_server(history.sightings if history else ())
    sources = {one.source: one for one in coverage}
    servers: dict[str, Server] = {}
    for one in met(decisions):
        servers.setdefault(one.server, Server(one.server, before.get(one.server, ()))).met.append(one)
    for asked in sorted((one for one in lookups if _compared(one, books)), key=_position):
        id_ = asked.server or ""
        servers.setdefault(id_, Server(id_, before.get(id_, ()))).asked.append(asked)
    ordered = [servers[id_] for id_ in sorted(servers)]
    return Past(
        seen=History.of(sighting for one in ordered for sighting in _sightings(one, stamp)).sightings,
        findings=tuple(
            found
            for one in ordered
            for found in (*drifted(one, versions, locate, stamp, sources), *returned(one, versions, locate, sources))
        ),
        unknown=tuple(one.id for one in ordered if one.met and not _known(one)),
    )


def _known(server: Server) -> bool:
    """It was used before, not only asked for."""
    return any(one.trait is Trait.ADDRESS for one in server.before)


def _by_server(sightings: Iterable[Sighting]) -> dict[str, tuple[Sighting, ...]]:
    found: dict[str, list[Sighting]] = {}
    for one in sightings:
        found.setdefault(one.server, []).append(one)
    return {id_: tuple(each) for id_, each in found.items()}


def _compared(one: LookupDecision, books: Iterable[Rulebook]) -> bool:
    """A name listed in full of a server with addresses of its own was answered, at a known time, and by no filter.

    Others take turns by design (where those lead is compared by network and country), or are without number.
    """
    lookup = one.lookup
    if one.server is None or lookup.time is None or not lookup.answers or not lookup.name_exact or lookup.withheld:
        return False
    entries = (book.servers.get(one.server) for book in books)
    return any(_lists(entry, lookup.qname) for entry in entries if entry is not None)


def _lists(entry: Entry, name: str) -> bool:
    if not entry.dedicated and not entry.match.cidrs:
        return False
    return any(not pattern.wildcard and pattern.covers(Name.parse(name)) for pattern in entry.match.names)


def _position(one: LookupDecision) -> tuple[object, ...]:
    return one.lookup.time, one.lookup.ref.source, one.lookup.ref.first_record, one.lookup.qname


def _sightings(server: Server, stamp: str) -> Iterator[Sighting]:
    for one in server.met:
        yield from _of_met(one, stamp)
    for asked in server.asked:
        at = asked.lookup.time or 0
        for address in addresses(asked):
            yield Sighting(
                server=server.id, trait=Trait.ANSWER, value=address, at=asked.lookup.qname, first=at, last=at
            )


def _of_met(one: Met, stamp: str) -> Iterator[Sighting]:
    alone = Sighting(
        server=one.server, trait=Trait.ADDRESS, value=one.address, at=one.address, first=one.first, last=one.last
    )
    yield alone
    if one.key is not None:
        yield msgspec.structs.replace(alone, trait=Trait.KEY, value=one.key)
    for said in said_of(one.place):
        for value in said.values:
            yield msgspec.structs.replace(alone, trait=said.trait, value=value, by=stamp, operator=said.operator)
