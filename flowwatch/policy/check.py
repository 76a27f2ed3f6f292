"""What one table of a policy cannot know of another: ids that resolve, times in order, rules that say something.

Promises: only reads; of the first fault each check finds, the one told is the first in file order. Each check is a
generator of PolicyErrors over the parts of a policy, listed in `CHECKS`; nothing is paid for a fault not asked for.
"""

import zoneinfo
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol, TypeVar

from flowwatch.errors import PolicyError
from flowwatch.model import OF_THE_WHOLE, Instant, Reason
from flowwatch.policy.decode import meant
from flowwatch.policy.document import Document
from flowwatch.policy.files import Part
from flowwatch.policy.inline import Given
from flowwatch.policy.line import Spot
from flowwatch.policy.match import DAY, Cidr, Clock, address_key
from flowwatch.policy.terms import (
    ANY,
    Channel,
    Claim,
    Excluded,
    Limits,
    Role,
    Server,
    ServerMatch,
    Service,
    Window,
    Zone,
)
from flowwatch.policy.windows import reads_within

Faults = Iterator[PolicyError]


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


E = TypeVar("E")
Named = TypeVar("Named", bound=_HasId)


def check(document: Document, parts: Sequence[Part]) -> None:
    """Raises the first fault of the policy in file order; returns when there is none."""
    firsts = [next(one(document, parts), None) for one in CHECKS]
    faults = [fault for fault in firsts if fault is not None]
    if faults:
        order = {part.spot.file: number for number, part in enumerate(parts)}
        raise min(faults, key=lambda fault: (order.get(fault.file, 0), fault.line or 0))


def entries(parts: Sequence[Part], key: str, kind: Callable[[Part], Sequence[E]]) -> Iterator[tuple[Spot, E]]:
    """Every entry of one kind with its spot, in order of the files."""
    for part in parts:
        for number, entry in enumerate(kind(part)):
            yield part.spot / key / number, entry


def zones_of(parts: Sequence[Part]) -> list[tuple[Spot, Zone]]:
    """Every zone with its spot."""
    return list(entries(parts, "zone", lambda part: part.tables.zone))


def _servers_of(parts: Sequence[Part]) -> list[tuple[Spot, Server]]:
    return list(entries(parts, "server", lambda part: part.tables.server))


def _claims_of(parts: Sequence[Part]) -> list[tuple[Spot, Claim]]:
    return list(entries(parts, "claim", lambda part: part.tables.claim))


def is_network(written: str) -> bool:
    """The text of a `from` is meant as a network, not as a zone's id."""
    return "/" in written or address_key(written) is not None


def _header(document: Document, parts: Sequence[Part]) -> Faults:
    spot, header = parts[0].spot / "policy", document.policy
    yield from _in_order(spot, "valid_from", header.valid_from, "valid_until", header.valid_until)
    try:
        zoneinfo.ZoneInfo(header.timezone)
    except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):
        hint = (
            meant(header.timezone, zoneinfo.available_timezones(), closeness=0.8)
            or "write it as in 'Europe/Berlin' or 'UTC'"
        )
        yield (spot / "timezone").error(f"{header.timezone!r} is no time zone of the IANA database", hint=hint)


def _once(_document: Document, parts: Sequence[Part]) -> Faults:
    """Tables of which there is one stand in one file."""
    for key, given in (("defaults", _has_defaults), ("severity", _has_severity)):
        holders = [part for part in parts if given(part)]
        for part in holders[1:]:
            yield (part.spot / key).error(f"[{key}] stands in {holders[0].spot.file} already")


def _has_defaults(part: Part) -> bool:
    return part.tables.defaults is not None


def _has_severity(part: Part) -> bool:
    return part.tables.severity is not None


def _unique(_document: Document, parts: Sequence[Part]) -> Faults:
    yield from _twice("sensor", entries(parts, "sensor", lambda part: part.tables.sensor))
    yield from _twice("zone", zones_of(parts))
    yield from _twice("server", _servers_of(parts))
    yield from _twice("classifier", entries(parts, "classifier", lambda part: part.tables.classifier))
    yield from _twice("channel", entries(parts, "channel", lambda part: part.tables.channel))
    yield from _twice("lookup", entries(parts, "lookup", lambda part: [one for one in part.tables.lookup if one.id]))
    yield from _twice("prohibited", entries(parts, "prohibited", lambda part: part.tables.prohibited))
    yield from _twice("exception", entries(parts, "exception", lambda part: part.tables.exception))
    yield from _twice("claim", _claims_of(parts))
    names: dict[str, Spot] = {}
    for spot, test in entries(parts, "test", lambda part: part.tables.test):
        if test.name in names:
            yield (spot / "name").error(f"the test {test.name!r} stands here twice")
        names[test.name] = spot


def _twice(kind: str, found: Iterable[tuple[Spot, Named]]) -> Faults:
    first: dict[str, Spot] = {}
    for spot, entry in found:
        written = entry.id
        if written in first:
            at = (first[written] / "id").error("")
            yield (spot / "id").error(f"the {kind} {written!r} is declared already, in {at.file}:{at.line}")
        first.setdefault(written, spot)


def _sensors(_document: Document, parts: Sequence[Part]) -> Faults:
    zones = {zone.id: zone for _, zone in zones_of(parts)}
    for spot, sensor in entries(parts, "sensor", lambda part: part.tables.sensor):
        for number, written in enumerate(sensor.sees):
            yield from _known("zone", written, zones, spot / "sees" / number)


def _zones(_document: Document, parts: Sequence[Part]) -> Faults:
    zones = zones_of(parts)
    outer = {zone.id: zone.within for _, zone in zones}
    owner: dict[Cidr, str] = {}
    for spot, zone in zones:
        if zone.within is not None:
            yield from _known("zone", zone.within, outer, spot / "within")
        if zone.id in outward(zone.id, outer):
            yield (spot / "within").error(f"the zone {zone.id!r} would lie within itself")
        for number, cidr in enumerate(zone.cidrs):
            if owner.setdefault(cidr, zone.id) != zone.id:
                at = spot / "cidrs" / number
                yield at.error(f"{cidr} belongs to the zone {owner[cidr]!r} already", hint="a network has one zone")
        yield from _translated(spot, zone, {other.id: other for _, other in zones})


def _translated(spot: Spot, zone: Zone, zones: Mapping[str, Zone]) -> Faults:
    """What a zone looks like from outside is no other zone's, but may be a part of one that it lies within."""
    around = set(outward(zone.id, {one.id: one.within for one in zones.values()}))
    others = [(one.id, cidr) for one in zones.values() if one.id != zone.id for cidr in (*one.cidrs, *one.nat)]
    for number, nat in enumerate(zone.nat):
        for name, cidr in others:
            if cidr.overlaps(nat) and not (name in around and cidr.prefix < nat.prefix):
                message = f"{nat} lies over {cidr} of the zone {name!r}"
                hint = "give an address that zones share to a zone that they lie `within`"
                yield (spot / "nat" / number).error(message, hint=hint)


def outward(zone: str, outer: Mapping[str, str | None]) -> Iterator[str]:
    """The zones it lies within, innermost first, until one comes again."""
    seen: set[str] = set()
    step = outer[zone]
    while step is not None and step in outer and step not in seen:
        yield step
        seen.add(step)
        step = outer[step]


def _servers(_document: Document, parts: Sequence[Part]) -> Faults:
    for spot, server in _servers_of(parts):
        if server.id == ANY:
            yield (spot / "id").error(f"{ANY!r} is what a channel to whomever is written with; choose another")
        yield from _recognises(server.match, spot / "match")
        if server.role in _KNOWN_BY_ADDRESS and not server.match.cidrs:
            yield (spot / "match").error(
                f"a server of role {server.role.value!r} is known by its address: give `cidrs`"
            )


def _recognises(match: ServerMatch | None, spot: Spot) -> Faults:
    if match is not None and not match.cidrs and not match.names:
        yield spot.error("neither `cidrs` nor `names` is given, so nothing is recognised by it")


def _classifiers(_document: Document, parts: Sequence[Part]) -> Faults:
    zones = {zone.id: zone for _, zone in zones_of(parts)}
    for spot, classifier in entries(parts, "classifier", lambda part: part.tables.classifier):
        if classifier.label in RESERVED_LABELS:
            yield (spot / "label").error(
                f"{classifier.label!r} is what content without a label is called; choose another"
            )
        for number, term in enumerate(classifier.any_):
            if term == type(term)():
                yield (spot / "any" / number).error("the alternative has no condition")
            if term.from_zone is not None:
                yield from _known("zone", term.from_zone, zones, spot / "any" / number / "from_zone")


def _channels(_document: Document, parts: Sequence[Part]) -> Faults:
    zones = {zone.id: zone for _, zone in zones_of(parts)}
    servers = {server.id: server for _, server in _servers_of(parts)}
    for spot, channel in entries(parts, "channel", lambda part: part.tables.channel):
        for number, written in enumerate(channel.from_):
            yield from _zone_or_network(written, zones, spot / "from" / number)
        for number, written in enumerate(channel.to):
            yield from _target(written, zones, servers, spot / "to" / number)
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


def _unrelated(service: Service | None, spot: Spot) -> Faults:
    """Only a channel has control connections."""
    if service is not None and service.related:
        yield (spot / "related").error("only a channel has related connections")


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


def _orders(_document: Document, parts: Sequence[Part]) -> Faults:
    """What a channel comes after or stands in for is known and never itself."""
    channels = {channel.id: channel for _, channel in entries(parts, "channel", lambda part: part.tables.channel)}
    for spot, channel in entries(parts, "channel", lambda part: part.tables.channel):
        for number, written in enumerate(channel.after):
            yield from _known("channel", written, channels, spot / "after" / number)
        if channel.id in _earlier(channel, channels):
            yield (spot / "after").error(f"the channel {channel.id!r} would come after itself")
        for number, written in enumerate(channel.only_when_down):
            yield from _known("channel", written, channels, spot / "only_when_down" / number)
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
            yield from _known("proxy", written, proxies, spot / "via" / number)
    for number, written in enumerate(channel.to if channel.via else ()):
        if written.startswith("zone:"):
            hint = "declare a [[server]] with `names` and write its id"
            yield (spot / "to" / number).error("through a proxy a channel leads to servers, not to a zone", hint=hint)
        elif written in channel.via:
            hint = "the way to the proxy itself is a channel of its own, without `via`"
            yield (spot / "to" / number).error(f"the channel leads through {written!r}, so not to it", hint=hint)


def _zone_or_network(written: str, zones: Collection[str], spot: Spot) -> Faults:
    if written in zones or not is_network(written):
        yield from _known("zone", written, zones, spot)
        return
    try:
        Cidr.parse(written)
    except ValueError as fault:
        yield spot.error(str(fault))


def _target(written: str, zones: Collection[str], servers: Collection[str], spot: Spot) -> Faults:
    if written == ANY:
        return
    if written.startswith("zone:"):
        yield from _known("zone", written.removeprefix("zone:"), zones, spot)
    elif written not in servers and written in zones:
        yield spot.error(f"no server is called {written!r}", hint=f'for the zone write "zone:{written}"')
    elif written not in servers and is_network(written):
        yield spot.error("a channel leads to servers, not to addresses", hint="declare a [[server]] and write its id")
    else:
        yield from _known("server", written, servers, spot)


def _window(window: Window, spot: Spot) -> Faults:
    yield from _in_order(spot, "from", window.from_, "until", window.until)
    if not window.days and (window.start or window.end):
        yield spot.error("`start` and `end` are times of `days`, which are missing", hint='as days = ["mon", "tue"]')
    elif not window.days and window.from_ is None and window.until is None:
        yield spot.error("the window has no times", hint="write `from` and `until`, or `days` with `start` and `end`")
    if window.start and window.start.minutes == DAY:
        yield (spot / "start").error("'24:00' is the end of a day; a window starts at '00:00' of the next")


def _lookups(_document: Document, parts: Sequence[Part]) -> Faults:
    zones = {zone.id: zone for _, zone in zones_of(parts)}
    for spot, rule in entries(parts, "lookup", lambda part: part.tables.lookup):
        for number, written in enumerate(rule.from_):
            yield from _known("zone", written, zones, spot / "from" / number)


def _prohibitions(_document: Document, parts: Sequence[Part]) -> Faults:
    zones = {zone.id: zone for _, zone in zones_of(parts)}
    for spot, rule in entries(parts, "prohibited", lambda part: part.tables.prohibited):
        if rule.when == type(rule.when)():
            yield (spot / "when").error("no condition is given, so everything would be prohibited")
        if rule.when.zone is not None:
            yield from _known("zone", rule.when.zone, zones, spot / "when" / "zone")
        yield from _recognises(rule.when.to, spot / "when" / "to")
        yield from _unrelated(rule.when.service, spot / "when" / "service")


def _exceptions(_document: Document, parts: Sequence[Part]) -> Faults:
    zones = {zone.id: zone for _, zone in zones_of(parts)}
    prohibited = {rule.id for part in parts for rule in part.tables.prohibited}
    for spot, one in entries(parts, "exception", lambda part: part.tables.exception):
        if one.applies == type(one.applies)():
            yield (spot / "applies").error("no condition is given, so everything would be excepted")
        if one.applies.zone is not None:
            yield from _known("zone", one.applies.zone, zones, spot / "applies" / "zone")
        yield from _recognises(one.applies.to, spot / "applies" / "to")
        yield from _unrelated(one.applies.service, spot / "applies" / "service")
        for number, written in enumerate(one.lifts):
            yield from _known("prohibition", written, prohibited, spot / "lifts" / number)
        yield from _in_order(spot, "from", one.from_, "until", one.until)


def _places(_document: Document, parts: Sequence[Part]) -> Faults:
    for spot, fact in entries(parts, "place", lambda part: part.tables.place):
        yield from _in_order(spot, "from", fact.from_, "until", fact.until)


def _claims(_document: Document, parts: Sequence[Part]) -> Faults:
    zones = {zone.id: zone for _, zone in zones_of(parts)}
    servers = {server.id: server for _, server in _servers_of(parts)}
    for spot, claim in _claims_of(parts):
        yield from _claimed(claim, servers, zones, spot)
        for number, written in enumerate(claim.from_):
            yield from _known("zone", written, zones, spot / "from" / number)
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
        yield from _target(written, zones, servers, spot / "only_to" / number)
        yield from _by_address(written, servers, spot / "only_to" / number)
    if claim.server is not None:
        yield from _known("server", claim.server, servers, spot / "server")
        yield from _by_address(claim.server, servers, spot / "server")


def _excluded(no: Excluded, spot: Spot) -> Faults:
    given = [key for key, one in (("country", no.country), ("asn", no.asn), ("cidrs", no.cidrs)) if one]
    if len(given) != 1:
        message = f"`no` holds {' and '.join(f'`{key}`' for key in given) or 'nothing'}"
        yield spot.error(message, hint="give one of `country`, `asn` and `cidrs`; several are several claims")


def _by_address(written: str, servers: Mapping[str, Server], spot: Spot) -> Faults:
    if written in servers and not servers[written].match.cidrs:
        yield spot.error(f"a claim tells servers by address, and {written!r} has no `cidrs`")


def _tests(_document: Document, parts: Sequence[Part]) -> Faults:
    for spot, test in entries(parts, "test", lambda part: part.tables.test):
        for number, written in enumerate(test.expect.reasons):
            place = spot / "expect" / "reasons" / number
            yield from _known("reason", written, [one.value for one in Reason], place)
            if written in OF_THE_WHOLE:
                message = f"{written!r} is told of a whole recording only, and a test is of one transmission"
                yield place.error(
                    message, hint="`flowwatch scan` tells it, `policy explain --flow N` how it came about"
                )
        if test.expect == type(test.expect)():
            yield (spot / "expect").error("nothing is expected", hint='write a `verdict`, as verdict = "approved"')
        if test.expect.labels and test.given.lookup is not None:
            yield (spot / "expect" / "labels").error("a lookup bears no labels")
        yield from _given(test.given, spot / "given")


def _given(given: Given, spot: Spot) -> Faults:
    if given.until is not None and given.until < given.time:
        yield (spot / "until").error("`until` is before `time`")
    if given.contains and given.clear is False:
        yield (spot / "contains").error("what it contains was read in clear, and `clear` is false")
    if given.contains and given.attempted:
        yield (spot / "contains").error("an attempt has no payload that could contain anything")


def _known(kind: str, written: str, known: Collection[str], spot: Spot) -> Faults:
    if written not in known:
        listed = f"declared: {', '.join(sorted(known))}" if 0 < len(known) <= 8 else None
        yield spot.error(f"no {kind} is called {written!r}", hint=meant(written, known) or listed)


def _in_order(spot: Spot, first: str, begin: Instant | None, last: str, end: Instant | None) -> Faults:
    if begin is not None and end is not None and end <= begin:
        yield (spot / last).error(f"`{last}` is not after `{first}`")


RESERVED_LABELS: Final = frozenset({"none", "unread"})
"""What content is called that no classifier labelled."""

PUBLIC: Final = "public"
"""The one label that may go to whomever."""

_KNOWN_BY_ADDRESS: Final = frozenset({Role.PROXY, Role.TUNNEL})
"""What runs through them is told by their address alone."""

CHECKS: Final[tuple[Callable[[Document, Sequence[Part]], Faults], ...]] = (
    _header,
    _once,
    _unique,
    _sensors,
    _zones,
    _servers,
    _classifiers,
    _channels,
    _orders,
    _lookups,
    _prohibitions,
    _exceptions,
    _places,
    _claims,
    _tests,
)
