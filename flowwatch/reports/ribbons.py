"""Who sent to whom as ribbons: sender zones on the left, destinations on the right, as wide as what was sent.

Promises: a ribbon's verdict group is that of every transmission in it; widths grow with the square root of the bytes;
destinations beyond `TOLD` and zones beyond `ZONES_TOLD` are added up by verdict group and said, never dropped.
Out of scope is left out. Lengths are pixels; across, the drawing is 100 wide and stretches with the page.
"""

import math
from collections.abc import Iterable, Sequence

import msgspec

from flowwatch.model import Amount, Decision, Group, Held, Verdict, held_of
from flowwatch.reports import phrases

TOLD = 15
"""Destinations with a line of their own."""
ZONES_TOLD = 6
PITCH = 46.0
"""From one destination to the next; the style sheet sets the same height."""

_WIDEST = 34.0
_THINNEST = 1.6
_LABEL = 24.0
"""Room above a zone's ribbons for its name."""
_GAP = 10.0
_WORST = (Group.VIOLATES, Group.CANNOT_TELL, Group.CONFORMS)
_IS_IT = (Verdict.APPROVED, Verdict.EXCEPTED, Verdict.DEVIATION)


class End(msgspec.Struct, kw_only=True):
    """A destination, or several added up."""

    title: str
    """Server id, name or address."""
    observed: bool
    """The title was written by a stranger or read from a packet."""
    addresses: dict[str, None] = msgspec.field(default_factory=dict)
    countries: dict[str, None] = msgspec.field(default_factory=dict)
    via: str | None = None
    zone: str | None = None
    groups: dict[Group, None] = msgspec.field(default_factory=dict)
    transmissions: int = 0
    attempts: int = 0
    sent: Amount = Amount(0, 0)
    merged: int = 1
    """How many destinations it stands for."""

    @property
    def rank(self) -> int:
        """0 where the worst is that it violates."""
        return min((_WORST.index(one) for one in self.groups), default=len(_WORST))

    @property
    def marks(self) -> list[Group]:
        """Its verdict groups, worst first, as its ribbons run."""
        return [one for one in _WORST if one in self.groups]

    @property
    def amount(self) -> str:
        """Bytes sent, or that there were attempts only."""
        if self.attempts == self.transmissions:
            return phrases.plural(self.attempts, "attempt")
        return phrases.sent(self.sent)

    @property
    def where(self) -> str:
        """Proxy, country, zone and address: what matters most first, for there is little room."""
        through = f"through proxy {self.via}" if self.via else ""
        known = list(self.addresses)
        more = f" and {phrases.number(len(known) - 1)} more" if len(known) > 1 else ""
        address = "" if self.via or self.merged > 1 or known == [self.title] else known[0] + more
        zone = f"zone {self.zone}" if self.zone else ""
        return ", ".join(part for part in (through, self._country(), zone, address) if part)

    def _country(self) -> str:
        if self.merged > 1:
            return ""
        if not self.countries:
            return "known by name only" if self.via else "not located"
        told = [phrases.short(one, 12) for one in list(self.countries)[:4]]
        more = f" and {len(self.countries) - 4} more" if len(self.countries) > 4 else ""
        return " or ".join(told) + more


class Ribbon(msgspec.Struct, kw_only=True):
    """What one zone sent to one destination with one verdict group."""

    zone: int
    end: int
    group: Group
    transmissions: int = 0
    attempts: int = 0
    sent: Amount = Amount(0, 0)
    width: float = 0
    path: str = ""

    @property
    def tried(self) -> bool:
        """Nothing but attempts, which carried nothing."""
        return self.attempts == self.transmissions


class Zone(msgspec.Struct, kw_only=True):
    """A sender zone, or several added up, with where its ribbons begin."""

    name: str
    sent: Amount = Amount(0, 0)
    top: float = 0
    height: float = 0


class Diagram(msgspec.Struct, frozen=True, kw_only=True):
    """Zones, destinations and ribbons, laid out; empty without any."""

    zones: tuple[Zone, ...]
    ends: tuple[End, ...]
    ribbons: tuple[Ribbon, ...]
    height: float


def drawn(decisions: Iterable[Decision]) -> Diagram:
    """The diagram of every transmission that was judged."""
    judged = held_of(decisions)
    found = _ends(judged)
    order = _order(found)
    lines = {key: at for at, keys in enumerate(order.values()) for key in keys}
    ends = tuple(_together([found[key] for key in keys], name) for name, keys in order.items())
    zones, numbers = _zones(judged)
    ribbons = _ribbons(judged, lines, numbers)
    _widen(ribbons, len(ends))
    height = _stack(zones, ribbons, len(ends) * PITCH)
    _draw(zones, ribbons, len(ends))
    return Diagram(zones=tuple(zones), ends=ends, ribbons=tuple(ribbons), height=height)


_Key = tuple[str, ...]


def _key(one: Decision) -> _Key:
    if one.via and one.asked:
        return "via", one.via, one.asked
    if one.server and one.verdict in _IS_IT:
        return "server", one.server
    return "address", one.destination[0]


def _ends(judged: Iterable[Held]) -> dict[_Key, End]:
    found: dict[_Key, End] = {}
    for held in judged:
        one, tally = held.decision, held.tally
        key = _key(one)
        end = found.get(key) or found.setdefault(key, _end(key, one))
        if end.observed and key[0] == "address" and end.title == key[1]:
            end.title = _name(one) or end.title
        end.addresses[one.destination[0]] = None
        if one.place:
            end.countries |= dict.fromkeys(one.place.countries)
        end.groups[one.verdict.group] = None
        end.transmissions += tally.count
        end.attempts += tally.attempts
        end.sent = Amount.total((end.sent, tally.sent))
    return found


def _end(key: _Key, one: Decision) -> End:
    via = one.via if key[0] == "via" else None
    title = phrases.quoted(key[-1]) if via else key[-1]
    return End(title=title, observed=key[0] != "server", via=via, zone=one.receiver_zone)


def _name(one: Decision) -> str:
    """The name the flow used, else the strongest; a tunnel's far end has none."""
    if one.far_end is not None:
        return ""
    names = sorted(one.transmission.names, key=lambda seen: (not seen.used, seen.evidence.rank))
    return phrases.quoted(names[0].name) if names else ""


def _order(ends: dict[_Key, End]) -> dict[str, list[_Key]]:
    """Lines from top to bottom, each with what it stands for: the worst first, then by bytes; the rest by group."""
    ranked = sorted(ends, key=lambda key: (ends[key].rank, -ends[key].sent.weight, key))
    lines = {"\0".join(key): [key] for key in ranked[:TOLD]}
    for key in ranked[TOLD:]:
        lines.setdefault(_WORST[ends[key].rank].value, []).append(key)
    return lines


def _together(ends: Sequence[End], name: str) -> End:
    """One destination as it is; several as their sum."""
    if len(ends) == 1:
        return ends[0]
    told = phrases.in_group(len(ends), Group(name)).replace(" ", " more that ", 1)
    total = End(title=told, observed=False, merged=len(ends))
    for one in ends:
        total.groups |= one.groups
        total.transmissions += one.transmissions
        total.attempts += one.attempts
        total.sent = Amount.total((total.sent, one.sent))
    return total


def _zones(judged: Iterable[Held]) -> tuple[list[Zone], dict[str | None, int]]:
    """The zones by bytes, the last ones added up; and which of them each zone's name is."""
    found: dict[str | None, Zone] = {}
    for one in judged:
        name = one.decision.sender_zone
        zone = found.setdefault(name, Zone(name=name or "no zone"))
        zone.sent = Amount.total((zone.sent, one.tally.sent))
    ranked = sorted(found, key=lambda name: (-found[name].sent.weight, name or ""))
    zones = [found[name] for name in ranked[:ZONES_TOLD]]
    rest = [found[name] for name in ranked[ZONES_TOLD:]]
    if rest:
        total = Amount.total(zone.sent for zone in rest)
        zones.append(Zone(name=f"{phrases.plural(len(rest), 'more zone')}", sent=total))
    return zones, {name: min(at, ZONES_TOLD) for at, name in enumerate(ranked)}


def _ribbons(judged: Iterable[Held], lines: dict[_Key, int], zones: dict[str | None, int]) -> list[Ribbon]:
    found: dict[tuple[int, int, Group], Ribbon] = {}
    for held in judged:
        one, tally = held.decision, held.tally
        key = lines[_key(one)], zones[one.sender_zone], one.verdict.group
        ribbon = found.setdefault(key, Ribbon(end=key[0], zone=key[1], group=key[2]))
        ribbon.transmissions += tally.count
        ribbon.attempts += tally.attempts
        ribbon.sent = Amount.total((ribbon.sent, tally.sent))
    return sorted(found.values(), key=lambda one: (one.end, one.zone, _WORST.index(one.group)))


def _widen(ribbons: Sequence[Ribbon], ends: int) -> None:
    """A destination's width by the root of its bytes, each ribbon its part of that."""
    sums = [sum(one.sent.weight for one in ribbons if one.end == end) for end in range(ends)]
    most = max(sums, default=0)
    for one in ribbons:
        whole = _WIDEST * math.sqrt(sums[one.end] / most) if most else 0
        one.width = round(max(whole * one.sent.weight / max(sums[one.end], 1), _THINNEST), 2)


def _stack(zones: Sequence[Zone], ribbons: Sequence[Ribbon], right: float) -> float:
    """Zones get their height and place, spread beside the destinations; returns the height of it all."""
    for at, zone in enumerate(zones):
        zone.height = round(sum(one.width for one in ribbons if one.zone == at), 2)
    gap = max((right - sum(_LABEL + zone.height for zone in zones)) / (len(zones) + 1), _GAP)
    top = gap
    for zone in zones:
        zone.top = round(top + _LABEL, 2)
        top = zone.top + zone.height + gap
    return round(max(right, top), 1) if zones else 0.0


def _draw(zones: Sequence[Zone], ribbons: Sequence[Ribbon], ends: int) -> None:
    """Every ribbon from its zone to its destination, where ribbons stand side by side."""
    widths = [sum(one.width for one in ribbons if one.end == end) for end in range(ends)]
    lefts = [zone.top for zone in zones]
    rights = [(end + 0.5) * PITCH - width / 2 for end, width in enumerate(widths)]
    for one in ribbons:
        draw = _line if one.tried else _area
        one.path = draw(lefts[one.zone], rights[one.end], one.width)
        lefts[one.zone] += one.width
        rights[one.end] += one.width


def _area(begin: float, finish: float, width: float) -> str:
    b, f, b2, f2 = (f"{y:.1f}" for y in (begin, finish, begin + width, finish + width))
    return f"M0,{b}C50,{b} 50,{f} 100,{f}L100,{f2}C50,{f2} 50,{b2} 0,{b2}Z"


def _line(begin: float, finish: float, width: float) -> str:
    b, f = f"{begin + width / 2:.1f}", f"{finish + width / 2:.1f}"
    return f"M0,{b}C50,{b} 50,{f} 100,{f}"
