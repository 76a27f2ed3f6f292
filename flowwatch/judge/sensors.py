"""Where a source was recorded: its sensor, and how the zones look from there.

A source belongs to the sensor one of whose globs fits its path as given: `*` and `?` stay within a folder, `**` crosses
folders. A relative glob fits a relative path from its beginning, whether that starts
with `./` or not, and the end of a path that is absolute or starts with `..`. Where several sensors fit, the one whose
fitting glob says most before its first wildcard stands, then the first by id.

Promises: a source of no sensor is its own: it sees every zone, strips nothing, has an exact clock, and the translated
addresses of a zone are that zone there. Only a sensor declared `inside` does not know them.
"""

import re
from collections.abc import Iterable, Iterator

import msgspec

from flowwatch.model import Encapsulation, Transmission
from flowwatch.policy.match import Cidr, Networks
from flowwatch.policy.terms import Policy, Sensor, Zone


class Vantage(msgspec.Struct, frozen=True, kw_only=True):
    """What judging asks of the sensor of one source."""

    sensor: Sensor | None
    zones: Networks[str]
    """Zone ids by address, as the addresses look from there."""

    def zone(self, address: str) -> str | None:
        """Id of the zone with the longest prefix over the address, or None."""
        return self.zones.lookup(address)

    def sees(self, zones: Iterable[str]) -> bool:
        """One of the zones (a zone and those it lies within) can be seen there."""
        return self.sensor is None or not self.sensor.sees or any(zone in self.sensor.sees for zone in zones)

    def layers(self, transmission: Transmission) -> tuple[Encapsulation, ...]:
        """What the transmission was wrapped in before the sensor wrapped it, outer to inner.

        The sensor's own layers are the outermost ones, each as often as `strip` names it: the same encapsulation
        further in is the traffic's.
        """
        layers, own = transmission.tunnel, list(self.sensor.strip) if self.sensor is not None else []
        while layers and (kind := layers[0].kind.partition(":")[0]) in own:
            own.remove(kind)
            layers = layers[1:]
        return layers

    def sender_zone(self, transmission: Transmission) -> str | None:
        """The zone of its sender or, where that is in none, of the innermost outer sender that is in one."""
        own = self.zone(transmission.sender_ip)
        if own is not None or not transmission.tunnel:
            return own
        outer = (layer.sender for layer in reversed(self.layers(transmission)) if layer.sender is not None)
        return next((zone for zone in map(self.zone, outer) if zone is not None), None)

    @property
    def clock_error(self) -> int:
        """How far its clock may be off, in nanoseconds."""
        return 0 if self.sensor is None else self.sensor.clock_error.ns


class Vantages:
    """The vantage of every source, under one policy version."""

    def __init__(self, policy: Policy) -> None:
        self._globs = [(_glob(text), _literal(text), one) for one in _by_id(policy.sensors) for text in one.sources]
        self._inside = Networks(_own(policy.zones))
        translated = [*_own(policy.zones), *_translated(policy.zones)]
        self._elsewhere = Networks(translated) if any(zone.nat for zone in policy.zones) else self._inside
        self._seen: dict[str, Vantage] = {}

    def of(self, source: str) -> Vantage:
        """The vantage of the source of that path."""
        found = self._seen.get(source)
        if found is None:
            found = self._seen[source] = self._found(source)
        return found

    def _found(self, source: str) -> Vantage:
        sensor = self._sensor(source)
        inside = sensor is not None and sensor.side == "inside"
        return Vantage(sensor=sensor, zones=self._inside if inside else self._elsewhere)

    def _sensor(self, source: str) -> Sensor | None:
        spellings = tuple(_spellings(source))
        fitting = [
            (literal, sensor)
            for pattern, literal, sensor in self._globs
            if any(pattern.fullmatch(spelling) for spelling in spellings)
        ]
        return max(fitting, key=lambda one: one[0])[1] if fitting else None


def _by_id(sensors: Iterable[Sensor]) -> list[Sensor]:
    return sorted(sensors, key=lambda one: one.id)


def _own(zones: Iterable[Zone]) -> Iterator[tuple[Cidr, str]]:
    for zone in sorted(zones, key=lambda one: one.id):
        yield from ((cidr, zone.id) for cidr in zone.cidrs)


def _translated(zones: Iterable[Zone]) -> Iterator[tuple[Cidr, str]]:
    for zone in sorted(zones, key=lambda one: one.id):
        yield from ((cidr, zone.id) for cidr in zone.nat)


def _spellings(source: str) -> Iterator[str]:
    """The path; of one that is absolute or leads upwards first, every end of it as well."""
    path = _plain(source)
    yield path
    if path.startswith(("/", "../")):
        steps = path.removeprefix("/").split("/")
        yield from ("/".join(steps[place:]) for place in range(len(steps)))


_PART = re.compile(r"/\*\*/|\*\*/|\*\*|\*|\?|[^*?/]+|/")
_MEANINGS = {"/**/": "/(?:.*/)?", "**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def _glob(text: str) -> re.Pattern[str]:
    parts = _PART.findall(_plain(text))
    return re.compile("".join(_MEANINGS.get(part, re.escape(part)) for part in parts), re.DOTALL)


def _plain(text: str) -> str:
    """The path or glob without empty and `.` steps."""
    steps = [step for step in text.split("/") if step not in ("", ".")]
    return ("/" if text.startswith("/") else "") + "/".join(steps)


def _literal(text: str) -> int:
    """How many characters stand before the first wildcard; all of them where there is none."""
    return len(re.split(r"[*?]", _plain(text), maxsplit=1)[0])
