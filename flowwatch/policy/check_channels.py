"""Check of channels: where each leads and through what, when it is open, what it comes after or stands in for."""

from collections.abc import Mapping, Sequence
from typing import Final

from flowwatch.policy.document import Document
from flowwatch.policy.files import Part
from flowwatch.policy.line import Spot
from flowwatch.policy.match import DAY, Clock
from flowwatch.policy.references import Faults, entries, in_order, known, servers_of, target, zone_or_network, zones_of
from flowwatch.policy.terms import ANY, Channel, Limits, Role, Server, Service, Window
from flowwatch.policy.windows import reads_within


def channels(_document: Document, parts: Sequence[Part]) -> Faults:
    """Each channel by itself and with the zones and servers it names."""
    zones = {zone.id: zone for _, zone in zones_of(parts)}
    servers = {server.id: server for _, server in servers_of(parts)}
    for spot, channel in entries(parts, "channel", lambda part: part.tables.channel):
        for number, written in enumerate(channel.from_):
            yield from zone_or_network(written, zones, spot / "from" / number)
        for number, written in enumerate(channel.to):
            yield from target(written, zones, servers, spot / "to" / number)
        yield from _to_anybody(channel, spot)
        yield from _via(channel, servers, spot)
        if channel.service.related:
            yield from _with_related(channel, spot / "service")
        for number, window in enumerate(channel.when):
            yield from _window(window, spot / "when" / number)
        yield from _presence(channel, spot / "expected")
        if channel.limits == Limits():
            yield (spot / "limits").error(
                "no limit is given", hint=f"known here: {', '.join(Limits.__struct_fields__)}"
            )


def _to_anybody(channel: Channel, spot: Spot) -> Faults:
    """What leads to whomever says what and how much, and carries nothing but what is public."""
    if ANY not in channel.to:
        return
    if len(channel.to) > 1:
        yield (spot / "to").error(f"{ANY!r} stands alone: it leads to every receiver")
    if channel.service == Service():
        yield spot.error(f"to {ANY!r} it needs a `service`", hint='as service = { proto = "udp", ports = [123] }')
    if channel.limits is None:
        yield spot.error(f"to {ANY!r} it needs `limits`", hint="as limits = { bytes_out_per_flow = 1_000 }")
    for number, written in enumerate(channel.carries):
        if written != PUBLIC:
            hint = f"declare the [[server]] that {written!r} may go to"
            yield (spot / "carries" / number).error(f"to {ANY!r} it carries nothing but {PUBLIC!r}", hint=hint)
    if channel.via:
        yield (spot / "via").error(f"through a proxy a channel leads to servers, not to {ANY!r}")


def _with_related(channel: Channel, spot: Spot) -> Faults:
    """Which connections are those that announce others is told by their ports, and they are TCP (RFC 959)."""
    if not channel.service.ports:
        yield spot.error("related to what is not said", hint="give the `ports` of the control connections, as [21]")
    if channel.service.proto not in (None, "tcp"):
        yield (spot / "proto").error("data connections are announced over TCP", hint='write proto = "tcp"')


def _presence(channel: Channel, spot: Spot) -> Faults:
    """A list of senders and that each of them is expected go together."""
    expected = channel.expected
    if expected is None:
        return
    if expected.per == "sender" and expected.senders is None:
        yield spot.error(
            "who the senders are is not said", hint='write senders = "lists/sites.txt", one address a line'
        )
    elif expected.per == "channel" and expected.senders is not None:
        yield (spot / "senders").error("the senders are not told apart", hint='write per = "sender"')
    if isinstance(expected.by, Clock) and all(reads_within(window, expected.by) is None for window in channel.when):
        message = f"no daily window of the channel is open at {str(expected.by)!r} or closes then"
        yield (spot / "by").error(message, hint="write an instant, or `when` with `days` that holds that time")


def orders(_document: Document, parts: Sequence[Part]) -> Faults:
    """What a channel comes after or stands in for is known and never itself."""
    channels = {channel.id: channel for _, channel in entries(parts, "channel", lambda part: part.tables.channel)}
    for spot, channel in entries(parts, "channel", lambda part: part.tables.channel):
        for number, written in enumerate(channel.after):
            yield from known("channel", written, channels, spot / "after" / number)
        if channel.id in _earlier(channel, channels):
            yield (spot / "after").error(f"the channel {channel.id!r} would come after itself")
        for number, written in enumerate(channel.only_when_down):
            yield from known("channel", written, channels, spot / "only_when_down" / number)
            if written == channel.id:
                yield (spot / "only_when_down" / number).error(f"the channel {written!r} would stand in for itself")


def _earlier(channel: Channel, channels: Mapping[str, Channel]) -> set[str]:
    """Ids of all that must come before it."""
    found: set[str] = set()
    open_ = list(channel.after)
    while open_:
        one = open_.pop()
        if one in channels and one not in found:
            found.add(one)
            open_ += channels[one].after
    return found


def _via(channel: Channel, servers: Mapping[str, Server], spot: Spot) -> Faults:
    """It runs through proxies, and a proxy is asked for servers."""
    proxies = {server.id for server in servers.values() if server.role is Role.PROXY}
    for number, written in enumerate(channel.via):
        if written in servers and written not in proxies:
            role = servers[written].role.value
            message = f"the server {written!r} is of role {role!r}"
            yield (spot / "via" / number).error(message, hint="a channel runs `via` servers of role 'proxy'")
        else:
            yield from known("proxy", written, proxies, spot / "via" / number)
    for number, written in enumerate(channel.to if channel.via else ()):
        if written.startswith("zone:"):
            hint = "declare a [[server]] with `names` and write its id"
            yield (spot / "to" / number).error("through a proxy a channel leads to servers, not to a zone", hint=hint)
        elif written in channel.via:
            hint = "the way to the proxy itself is a channel of its own, without `via`"
            yield (spot / "to" / number).error(f"the channel leads through {written!r}, so not to it", hint=hint)


def _window(window: Window, spot: Spot) -> Faults:
    yield from in_order(spot, "from", window.from_, "until", window.until)
    if not window.days and (window.start or window.end):
        yield spot.error("`start` and `end` are times of `days`, which are missing", hint='as days = ["mon", "tue"]')
    elif not window.days and window.from_ is None and window.until is None:
        yield spot.error("the window has no times", hint="write `from` and `until`, or `days` with `start` and `end`")
    if window.start and window.start.minutes == DAY:
        yield (spot / "start").error("'24:00' is the end of a day; a window starts at '00:00' of the next")


PUBLIC: Final = "public"
"""The one label that may go to whomever."""
