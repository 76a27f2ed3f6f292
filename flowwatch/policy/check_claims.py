"""Check of claims: each says one thing, of what can be told by addresses, and its times are in order."""

from collections.abc import Collection, Mapping, Sequence

from flowwatch.policy.document import Document
from flowwatch.policy.files import Part
from flowwatch.policy.line import Spot
from flowwatch.policy.references import Faults, entries, known, servers_of, target, zones_of
from flowwatch.policy.terms import Claim, Excluded, Server


def claims(_document: Document, parts: Sequence[Part]) -> Faults:
    """Each claim by itself and with the zones and servers it names."""
    zones = {zone.id: zone for _, zone in zones_of(parts)}
    servers = {server.id: server for _, server in servers_of(parts)}
    for spot, claim in entries(parts, "claim", lambda part: part.tables.claim):
        yield from _claimed(claim, servers, zones, spot)
        for number, written in enumerate(claim.from_):
            yield from known("zone", written, zones, spot / "from" / number)
        if claim.between is not None:
            first, last = claim.between
            if last <= first:
                yield (spot / "between").error("the second instant is not after the first")
        if claim.between is not None and claim.before is not None:
            yield (spot / "before").error("the times are given twice", hint="write `between` or `before`")


def _claimed(claim: Claim, servers: Mapping[str, Server], zones: Collection[str], spot: Spot) -> Faults:
    """It says one thing, of what can be told by addresses."""
    said = [key for key, given in (("no", claim.no), ("only_to", claim.only_to), ("server", claim.server)) if given]
    if len(said) != 1:
        message = "a claim says one thing, and this one says " + (" and ".join(f"`{key}`" for key in said) or "none")
        yield spot.error(message, hint="write `no`, `only_to` or `server`; several things are several claims")
    if claim.no is not None:
        yield from _excluded(claim.no, spot / "no")
    if claim.only_to and not claim.from_:
        yield (spot / "only_to").error("whose sending goes only there is not said", hint='write from = ["a-zone"]')
    for number, written in enumerate(claim.only_to):
        yield from target(written, zones, servers, spot / "only_to" / number)
        yield from _by_address(written, servers, spot / "only_to" / number)
    if claim.server is not None:
        yield from known("server", claim.server, servers, spot / "server")
        yield from _by_address(claim.server, servers, spot / "server")


def _excluded(no: Excluded, spot: Spot) -> Faults:
    given = [key for key, one in (("country", no.country), ("asn", no.asn), ("cidrs", no.cidrs)) if one]
    if len(given) != 1:
        message = f"`no` holds {' and '.join(f'`{key}`' for key in given) or 'nothing'}"
        yield spot.error(message, hint="give one of `country`, `asn` and `cidrs`; several are several claims")


def _by_address(written: str, servers: Mapping[str, Server], spot: Spot) -> Faults:
    if written in servers and not servers[written].match.cidrs:
        yield spot.error(f"a claim tells servers by address, and {written!r} has no `cidrs`")
