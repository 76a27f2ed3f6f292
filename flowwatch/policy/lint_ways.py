"""Lint of the ways that traffic takes: servers and zones that no channel leads to, proxies, sensors.

Promises: warnings only, about what is written; which recordings there will be is not known here.
"""

from collections.abc import Mapping
from typing import Final

from flowwatch.model import Instant
from flowwatch.policy.line import Path as Inside
from flowwatch.policy.match import Clock
from flowwatch.policy.terms import ANY, Channel, Header, Policy, Role, Zone
from flowwatch.policy.told import Check, Told, Warnings
from flowwatch.policy.windows import deadlines

_MONTH = 31 * 86_400 * 10**9


def _unused_servers(policy: Policy, _now: Instant) -> Warnings:
    used = {target for channel in policy.channels for target in channel.to}
    used |= {server for claim in policy.claims for server in (claim.server, *claim.only_to) if server is not None}
    for number, server in enumerate(policy.servers):
        if server.id not in used and server.role is not Role.TUNNEL:
            yield Told("server.unused", ("server", number), server.id, "no channel leads to it")


def _unused_zones(policy: Policy, _now: Instant) -> Warnings:
    used = {one for channel in policy.channels for one in (*channel.from_, *channel.to)}
    used |= {one for claim in policy.claims for one in (*claim.from_, *claim.only_to)}
    outer = {zone.id: zone.within for zone in policy.zones}
    for number, zone in enumerate(policy.zones):
        step: str | None = zone.id
        while step is not None and step not in used and f"zone:{step}" not in used:
            step = outer[step]
        if step is None and zone.id not in outer.values():
            yield Told("zone.unused", ("zone", number), zone.id, "no channel leads from it or to it")


def _from_nowhere(policy: Policy, _now: Instant) -> Warnings:
    """Channels that start from a network in no zone: what is sent from there is out of scope."""
    own = [cidr for zone in policy.zones for cidr in (*zone.cidrs, *zone.nat)]
    for number, channel in enumerate(policy.channels):
        for cidr in channel.from_cidrs:
            if not any(cidr.overlaps(one) for one in own):
                words = f"{cidr} lies in no zone, so nothing sent from there is judged"
                yield Told("channel.never", ("channel", number, "from"), channel.id, words)


def _proxies(policy: Policy, _now: Instant) -> Warnings:
    """Proxies that nothing may be asked of, and channels through a proxy that cannot tell their server there."""
    through = {proxy for channel in policy.channels for proxy in channel.via}
    for number, server in enumerate(policy.servers):
        if server.role is Role.PROXY and server.id not in through:
            words = "no channel runs `via` it, so nothing that is asked of it is approved"
            yield Told("proxy.without_via", ("server", number), server.id, words)
    nameless = {server.id for server in policy.servers if not server.match.names}
    for number, channel in enumerate(policy.channels):
        for place, target in enumerate(channel.to if channel.via else ()):
            if target in nameless:
                words = f"a proxy is asked for names, and server {target!r} has no `names`"
                yield Told("channel.via_without_names", ("channel", number, "to", place), channel.id, words)


def _sensors(policy: Policy, _now: Instant) -> Warnings:
    """Two sensors for the same sources: only one of them can stand."""
    owner: dict[str, str] = {}
    for number, sensor in enumerate(policy.sensors):
        for place, written in enumerate(sensor.sources):
            if owner.setdefault(written, sensor.id) != sensor.id:
                words = f"sensor {owner[written]!r} has the sources {written!r} too"
                yield Told("sensor.overlap", ("sensor", number, "sources", place), sensor.id, words)


def _limits(policy: Policy, _now: Instant) -> Warnings:
    """Of two limits the one that can never be met."""
    for number, channel in enumerate(policy.channels):
        limits = channel.limits
        if limits is None or limits.bytes_out_per_flow is None or limits.bytes_out_per_hour is None:
            continue
        if limits.bytes_out_per_flow > limits.bytes_out_per_hour:
            words = "`bytes_out_per_flow` is more than `bytes_out_per_hour` lets run"
            yield Told("channel.limit_idle", ("channel", number, "limits", "bytes_out_per_flow"), channel.id, words)


def _anybody(policy: Policy, _now: Instant) -> Warnings:
    """What may go to whomever without an end."""
    for number, channel in enumerate(policy.channels):
        if ANY in channel.to and channel.limits is not None and channel.limits.bytes_out_per_flow is None:
            words = "whoever the receiver is, a flow of any size is the channel's; give it `bytes_out_per_flow`"
            yield Told("channel.any_unbounded", ("channel", number, "limits"), channel.id, words)


def _stages(policy: Policy, _now: Instant) -> Warnings:
    """Orders that contradict the stages or can never be shown to be broken."""
    channels = {channel.id: channel for channel in policy.channels}
    for number, channel in enumerate(policy.channels):
        for place, written in enumerate(channel.after):
            before, path = channels[written], ("channel", number, "after", place)
            if channel.stage is not None and before.stage is not None and before.stage >= channel.stage:
                words = f"channel {written!r} is of stage {before.stage}, which does not come before {channel.stage}"
                yield Told("channel.stage_order", path, channel.id, words)
            if policy.policy.valid_from is None and not before.when:
                words = f"since when channel {written!r} may carry data is not said, so a break cannot be shown"
                yield Told("channel.after_unbounded", path, channel.id, f"{words}; give it `when`")


def _standing_in(policy: Policy, _now: Instant) -> Warnings:
    """Backups that lead to the very server they stand in for."""
    channels = {channel.id: channel for channel in policy.channels}
    for number, channel in enumerate(policy.channels):
        for place, written in enumerate(channel.only_when_down):
            shared = sorted(set(channel.to) & set(channels[written].to))
            if shared:
                words = f"it leads to {shared[0]!r}, as does channel {written!r} that it stands in for"
                yield Told(
                    "channel.stands_in_for_itself", ("channel", number, "only_when_down", place), channel.id, words
                )


def _expectations(policy: Policy, _now: Instant) -> Warnings:
    """What can never be heard: senders that the channel does not start from, a time outside the validity."""
    zones = {zone.id: zone for zone in policy.zones}
    header = policy.policy
    for number, channel in enumerate(policy.channels):
        expected = channel.expected
        if expected is None:
            continue
        path: Inside = ("channel", number, "expected")
        inner = [zone for zone in policy.zones if _starts_in(zone, channel, zones)]
        starts = [*channel.from_cidrs, *(cidr for zone in inner for cidr in zone.cidrs)]
        outside = [one for one in expected.listed if not any(cidr.holds(one) for cidr in starts)]
        if outside:
            words = f"{outside[0]} of the list {expected.senders!r} lies in nothing that it is `from`"
            yield Told("expected.outside", (*path, "senders"), channel.id, words)
        if expected.senders is not None and not expected.listed:
            yield Told("list.empty", (*path, "senders"), channel.id, f"the list {expected.senders!r} has no sender")
        if _never_due(expected.by, channel, header):
            words = "the time lies outside the validity of the policy, so nothing is expected by then"
            yield Told("expected.never", (*path, "by"), channel.id, words)


def _never_due(by: Instant | Clock, channel: Channel, header: Header) -> bool:
    """The time, or every one of those a clock reads while a daily window is open, is outside the validity."""
    begin, end = header.valid_from, header.valid_until
    if not isinstance(by, Clock):
        return (begin is not None and by <= begin) or (end is not None and by > end)
    if begin is None or end is None or end - begin > _MONTH:
        return False
    due = deadlines(channel.when, by, begin, end, header.timezone)
    return not any(begin < one <= end for _, one in due)


def _starts_in(zone: Zone, channel: Channel, zones: Mapping[str, Zone]) -> bool:
    """The channel starts in the zone, or in one it lies within."""
    step: Zone | None = zone
    while step is not None and step.id not in channel.from_:
        step = None if step.within is None else zones[step.within]
    return step is not None


CHECKS: Final[tuple[Check, ...]] = (
    _unused_servers,
    _unused_zones,
    _from_nowhere,
    _proxies,
    _sensors,
    _limits,
    _anybody,
    _stages,
    _standing_in,
    _expectations,
)
"""In the order they are told."""
