"""What one table of a policy cannot know of another: ids that resolve, times in order, rules that say something.

Promises: only reads; of the first fault each check finds, the one told is the first in file order. Each check is a
generator of PolicyErrors over the parts of a policy, listed in `CHECKS`; nothing is paid for a fault not asked for.
"""

import zoneinfo
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol, TypeVar

from flowwatch.model import OF_THE_WHOLE, Reason
from flowwatch.policy.check_channels import channels, orders
from flowwatch.policy.check_claims import claims
from flowwatch.policy.decode import meant
from flowwatch.policy.document import Document
from flowwatch.policy.files import Part
from flowwatch.policy.inline import Given
from flowwatch.policy.line import Spot
from flowwatch.policy.match import Cidr
from flowwatch.policy.references import Faults, entries, in_order, known, servers_of, zones_of
from flowwatch.policy.terms import ANY, Role, ServerMatch, Service, Zone


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


Named = TypeVar("Named", bound=_HasId)


def check(document: Document, parts: Sequence[Part]) -> None:
    """Raises the first fault of the policy in file order; returns when there is none."""
    firsts = [next(one(document, parts), None) for one in CHECKS]
    faults = [fault for fault in firsts if fault is not None]
    if faults:
        order = {part.spot.file: number for number, part in enumerate(parts)}
        raise min(faults, key=lambda fault: (order.get(fault.file, 0), fault.line or 0))


def _header(document: Document, parts: Sequence[Part]) -> Faults:
    spot, header = parts[0].spot / "policy", document.policy
    yield from in_order(spot, "valid_from", header.valid_from, "valid_until", header.valid_until)
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
    yield from _twice("server", servers_of(parts))
    yield from _twice("classifier", entries(parts, "classifier", lambda part: part.tables.classifier))
    yield from _twice("channel", entries(parts, "channel", lambda part: part.tables.channel))
    yield from _twice("lookup", entries(parts, "lookup", lambda part: [one for one in part.tables.lookup if one.id]))
    yield from _twice("prohibited", entries(parts, "prohibited", lambda part: part.tables.prohibited))
    yield from _twice("exception", entries(parts, "exception", lambda part: part.tables.exception))
    yield from _twice("claim", entries(parts, "claim", lambda part: part.tables.claim))
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
            yield from known("zone", written, zones, spot / "sees" / number)


def _zones(_document: Document, parts: Sequence[Part]) -> Faults:
    zones = zones_of(parts)
    outer = {zone.id: zone.within for _, zone in zones}
    owner: dict[Cidr, str] = {}
    for spot, zone in zones:
        if zone.within is not None:
            yield from known("zone", zone.within, outer, spot / "within")
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
    for spot, server in servers_of(parts):
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
                yield from known("zone", term.from_zone, zones, spot / "any" / number / "from_zone")


def _unrelated(service: Service | None, spot: Spot) -> Faults:
    """Only a channel has control connections."""
    if service is not None and service.related:
        yield (spot / "related").error("only a channel has related connections")


def _lookups(_document: Document, parts: Sequence[Part]) -> Faults:
    zones = {zone.id: zone for _, zone in zones_of(parts)}
    for spot, rule in entries(parts, "lookup", lambda part: part.tables.lookup):
        for number, written in enumerate(rule.from_):
            yield from known("zone", written, zones, spot / "from" / number)


def _prohibitions(_document: Document, parts: Sequence[Part]) -> Faults:
    zones = {zone.id: zone for _, zone in zones_of(parts)}
    for spot, rule in entries(parts, "prohibited", lambda part: part.tables.prohibited):
        if rule.when == type(rule.when)():
            yield (spot / "when").error("no condition is given, so everything would be prohibited")
        if rule.when.zone is not None:
            yield from known("zone", rule.when.zone, zones, spot / "when" / "zone")
        yield from _recognises(rule.when.to, spot / "when" / "to")
        yield from _unrelated(rule.when.service, spot / "when" / "service")


def _exceptions(_document: Document, parts: Sequence[Part]) -> Faults:
    zones = {zone.id: zone for _, zone in zones_of(parts)}
    prohibited = {rule.id for part in parts for rule in part.tables.prohibited}
    for spot, one in entries(parts, "exception", lambda part: part.tables.exception):
        if one.applies == type(one.applies)():
            yield (spot / "applies").error("no condition is given, so everything would be excepted")
        if one.applies.zone is not None:
            yield from known("zone", one.applies.zone, zones, spot / "applies" / "zone")
        yield from _recognises(one.applies.to, spot / "applies" / "to")
        yield from _unrelated(one.applies.service, spot / "applies" / "service")
        for number, written in enumerate(one.lifts):
            yield from known("prohibition", written, prohibited, spot / "lifts" / number)
        yield from in_order(spot, "from", one.from_, "until", one.until)


def _places(_document: Document, parts: Sequence[Part]) -> Faults:
    for spot, fact in entries(parts, "place", lambda part: part.tables.place):
        yield from in_order(spot, "from", fact.from_, "until", fact.until)


def _tests(_document: Document, parts: Sequence[Part]) -> Faults:
    for spot, test in entries(parts, "test", lambda part: part.tables.test):
        for number, written in enumerate(test.expect.reasons):
            place = spot / "expect" / "reasons" / number
            yield from known("reason", written, [one.value for one in Reason], place)
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


RESERVED_LABELS: Final = frozenset({"none", "unread"})
"""What content is called that no classifier labelled."""

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
    channels,
    orders,
    _lookups,
    _prohibitions,
    _exceptions,
    _places,
    claims,
    _tests,
)
