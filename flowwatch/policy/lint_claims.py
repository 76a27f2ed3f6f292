"""Lint of claims: times in which no claim of this version is answered, and channels that lead where nothing goes.

Promises: warnings only; a channel is held against a claim by what the policy itself says, never by location data.
"""

from collections.abc import Iterator
from typing import Final

from flowwatch.model import Instant
from flowwatch.policy.terms import Channel, Claim, Policy, Server
from flowwatch.policy.told import Check, Told, Warnings


def _times(policy: Policy, _now: Instant) -> Warnings:
    begins, ends = policy.policy.valid_from, policy.policy.valid_until
    for number, claim in enumerate(policy.claims):
        first, last = claim.between or (None, claim.before)
        early = first is not None and begins is not None and first < begins
        late = last is not None and ends is not None and last > ends
        if (last is not None and begins is not None and last <= begins) or (
            first is not None and ends is not None and first >= ends
        ):
            words = "its time lies outside the validity of the policy, so it cannot be told"
            yield Told("claim.never", ("claim", number), claim.id, words)
        elif claim.between is not None and (early or late):
            words = "some of its time lies outside the validity of the policy, where it cannot be told"
            yield Told("claim.outside", ("claim", number, "between"), claim.id, words)


def _against_channels(policy: Policy, _now: Instant) -> Warnings:
    servers = {server.id: server for server in policy.servers}
    outer = {zone.id: zone.within for zone in policy.zones}
    for number, claim in enumerate(policy.claims):
        for channel in policy.channels:
            words = _against(claim, channel, servers) if _of_its_zones(claim, channel, outer) else None
            if words is not None:
                yield Told("claim.against_channel", ("claim", number), claim.id, f"channel {channel.id!r} {words}")


def _of_its_zones(claim: Claim, channel: Channel, outer: dict[str, str | None]) -> bool:
    """The channel leads from a zone the claim speaks of, and may carry what it speaks of."""
    zones = {zone for one in channel.from_ for zone in _chain(one, outer)}
    labels = not claim.labels or not set(claim.labels).isdisjoint(channel.carries)
    return labels and (not claim.from_ or not zones.isdisjoint(claim.from_))


def _chain(zone: str, outer: dict[str, str | None]) -> Iterator[str]:
    seen: set[str] = set()
    step: str | None = zone
    while step is not None and step not in seen:
        seen.add(step)
        yield step
        step = outer.get(step)


def _against(claim: Claim, channel: Channel, servers: dict[str, Server]) -> str | None:
    """How the channel allows what the claim rules out, in words."""
    for to in channel.to:
        if claim.only_to and to not in claim.only_to:
            return f"leads to {to!r} as well"
        if claim.no is not None and to in servers and _expected_there(claim, servers[to]):
            return f"leads to server {to!r}, which is declared to be there"
    return None


def _expected_there(claim: Claim, server: Server) -> bool:
    no = claim.no
    return no is not None and (
        no.country in server.expect.countries
        or no.asn in server.expect.asns
        or any(one.overlaps(other) for one in no.cidrs for other in server.match.cidrs)
    )


CHECKS: Final[tuple[Check, ...]] = (_times, _against_channels)
"""In the order they are told."""
