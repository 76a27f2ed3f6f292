"""What the entries of a policy refer to by id: zones, servers, networks, and the error where there is none.

Promises: only reads, over all files of the policy; an error names the ids that are near, or all where they are few.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TypeVar

from flowwatch.errors import PolicyError
from flowwatch.model import Instant
from flowwatch.policy.decode import meant
from flowwatch.policy.files import Part
from flowwatch.policy.line import Spot
from flowwatch.policy.match import Cidr, address_key
from flowwatch.policy.terms import ANY, Server, Zone

Faults = Iterator[PolicyError]
E = TypeVar("E")


def entries(parts: Sequence[Part], key: str, kind: Callable[[Part], Sequence[E]]) -> Iterator[tuple[Spot, E]]:
    """Every entry of one kind with its spot, in order of the files."""
    for part in parts:
        for number, entry in enumerate(kind(part)):
            yield part.spot / key / number, entry


def zones_of(parts: Sequence[Part]) -> list[tuple[Spot, Zone]]:
    """Every zone with its spot."""
    return list(entries(parts, "zone", lambda part: part.tables.zone))


def servers_of(parts: Sequence[Part]) -> list[tuple[Spot, Server]]:
    """Every server with its spot."""
    return list(entries(parts, "server", lambda part: part.tables.server))


def is_network(written: str) -> bool:
    """The text of a `from` is meant as a network, not as a zone's id."""
    return "/" in written or address_key(written) is not None


def known(kind: str, written: str, ids: Collection[str], spot: Spot) -> Faults:
    """What is written is one of the ids."""
    if written not in ids:
        listed = f"declared: {', '.join(sorted(ids))}" if 0 < len(ids) <= 8 else None
        yield spot.error(f"no {kind} is called {written!r}", hint=meant(written, ids) or listed)


def zone_or_network(written: str, zones: Collection[str], spot: Spot) -> Faults:
    """What a `from` holds: the id of a zone, or a network."""
    if written in zones or not is_network(written):
        yield from known("zone", written, zones, spot)
        return
    try:
        Cidr.parse(written)
    except ValueError as fault:
        yield spot.error(str(fault))


def target(written: str, zones: Collection[str], servers: Collection[str], spot: Spot) -> Faults:
    """What a `to` holds: a server, `zone:` and a zone, or anybody."""
    if written == ANY:
        return
    if written.startswith("zone:"):
        yield from known("zone", written.removeprefix("zone:"), zones, spot)
    elif written not in servers and written in zones:
        yield spot.error(f"no server is called {written!r}", hint=f'for the zone write "zone:{written}"')
    elif written not in servers and is_network(written):
        yield spot.error("a channel leads to servers, not to addresses", hint="declare a [[server]] and write its id")
    else:
        yield from known("server", written, servers, spot)


def in_order(spot: Spot, first: str, begin: Instant | None, last: str, end: Instant | None) -> Faults:
    """Of two instants that are both given, the second is later."""
    if begin is not None and end is not None and end <= begin:
        yield (spot / last).error(f"`{last}` is not after `{first}`")
