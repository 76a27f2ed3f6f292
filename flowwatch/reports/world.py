"""Destinations by country, and what of that can be drawn on a world map.

Promises: every destination is told once at least: at each country it may be in (a disputed one at all of them, marked
as such), or with what has no place on a map and why. The worst verdict group of a country marks it.
Refuses: to choose between candidates, or to put on the map what no source located; registered and operated are no
places.

The shapes (`templates/world.json`) are Natural Earth's, public domain, with its de-facto borders, in the Equal Earth
projection; codes without a shape have a point there.
"""

import json
import math
import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from typing import Any

import msgspec

from flowwatch.model import Amount, Confidence, Destination, Group, Verdict
from flowwatch.reports import placed

_SMALL = 4.0
"""Shapes below this many square pixels are drawn as a dot."""
_LEAST, _MOST = 6.5, 17.0
"""Radii of the circles of no bytes and of the most bytes."""

_LABEL_WIDTH = 18.0
_USER_ASSIGNED = re.compile("AA|Q[M-Z]|X[A-Z]|ZZ")
"""ISO 3166-1, clause 8.1.3: never given to a country."""

Shape = tuple[str, float, float, float, str]
"""Name, centre, area in square pixels, path."""
Point = tuple[str, float, float]
"""Name and centre of a code that has no shape."""


class World(msgspec.Struct, frozen=True):
    """The shapes of the map, in pixels."""

    source: str
    licence: str
    w: int
    h: int
    sphere: str
    countries: dict[str, Shape]
    points: dict[str, Point]


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """The destinations of one country, or of one reason to be on no map."""

    code: str
    """Country code; empty for what could be put in none."""
    name: str
    group: Group
    """Of the worst verdict there."""
    groups: dict[Group, int]
    """Destinations by the group of their worst verdict."""
    destinations: int
    disputed: int
    """Of them those that other countries are named for too."""
    sent: Amount
    """Sent to them."""
    radius: float
    at: tuple[float, float] | None = None
    """Centre on the map; None without one."""
    shape: str = ""
    """Path on the map; empty for a dot."""
    label: float | None = None
    """Where the code is written, to the right of the centre or (below 0) to its left; None where there is no room."""


class Map(msgspec.Struct, frozen=True, kw_only=True):
    """What the map shows and what it cannot."""

    w: int
    h: int
    sphere: str
    land: str
    """Every country without a mark in one path."""
    dots: tuple[tuple[float, float], ...]
    """States too small for a shape."""
    placed: tuple[Mark, ...]
    """Largest circle first, so that none hides another."""
    unplaced: tuple[Mark, ...]
    """Codes without a shape, then what is in no country; worst first."""

    @property
    def listed(self) -> list[Mark]:
        """Every country that is named, worst first, then by bytes."""
        return sorted((*self.placed, *(one for one in self.unplaced if one.code)), key=_worst_first)


def drawn(destinations: Iterable[Destination]) -> Map:
    """The map of the destinations."""
    kept = list(destinations)
    held: dict[tuple[str, str], list[Destination]] = {}
    for one in kept:
        for key in _keys(one):
            held.setdefault(key, []).append(one)
    most = max((Amount.total(one.sent for one in there).weight for there in held.values()), default=0)
    marks = [_mark(*key, there, most) for key, there in held.items()]
    marked = {one.code for one in marks}
    world = _world()
    return Map(
        w=world.w,
        h=world.h,
        sphere=world.sphere,
        land="".join(one[4] for code, one in world.countries.items() if one[3] >= _SMALL and code not in marked),
        dots=tuple((x, y) for _, x, y, area, _ in world.countries.values() if area < _SMALL),
        placed=_labelled(sorted((one for one in marks if one.at), key=lambda one: (-one.radius, one.code))),
        unplaced=tuple(sorted((one for one in marks if not one.at), key=lambda one: (not one.code, _worst_first(one)))),
    )


def _keys(one: Destination) -> list[tuple[str, str]]:
    """The countries it may be in, or why there are none."""
    place = one.place
    if place is not None and place.countries:
        return [(code, "") for code in place.countries]
    if one.zone is not None and not one.asked:
        return [("", "in a zone of the policy")]
    if place is None:
        return [("", placed.unplaced(one))]
    special = place.confidence is Confidence.NOT_APPLICABLE
    return [("", "special-purpose addresses" if special else "could not be located")]


def _mark(code: str, why: str, there: list[Destination], most: int) -> Mark:
    groups = [one.worst.group for one in there]
    name, at, shape = _place(code) if code else (why, None, "")
    sent = Amount.total(one.sent for one in there)
    worst: Verdict = max((one.worst for one in there), key=lambda verdict: verdict.rank)
    return Mark(
        code=code,
        name=name,
        group=worst.group,
        groups={group: groups.count(group) for group in Group if group in groups},
        destinations=len(there),
        disputed=sum(bool(one.place and len(one.place.countries) > 1) for one in there),
        sent=sent,
        radius=round(_LEAST + (_MOST - _LEAST) * (math.sqrt(sent.weight / most) if most else 0), 1),
        at=at,
        shape=shape,
    )


def _place(code: str) -> tuple[str, tuple[float, float] | None, str]:
    """Name, centre and shape of a country code; no centre where the map has no such code."""
    world = _world()
    if code in world.points:
        name, x, y = world.points[code]
        return name, (x, y), ""
    if code not in world.countries:
        return "user-assigned code" if _USER_ASSIGNED.fullmatch(code) else "a code the map does not know", None, ""
    name, x, y, area, path = world.countries[code]
    return name, (x, y), path if area >= _SMALL else ""


def _labelled(marks: Sequence[Mark]) -> tuple[Mark, ...]:
    """The marks with their codes beside them wherever one covers no circle and no other code."""
    taken = [_square(one) for one in marks]
    made: list[Mark] = []
    for one in marks:
        for label in (one.radius + 3, -one.radius - 3):
            box = _label_box(one, label)
            if not any(_meet(box, other) for other in taken):
                taken.append(box)
                made.append(msgspec.structs.replace(one, label=round(label, 1)))
                break
        else:
            made.append(one)
    return tuple(made)


_Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def _square(one: Mark) -> _Box:
    x, y = one.at or (0, 0)
    return x - one.radius, y - one.radius, x + one.radius, y + one.radius


def _label_box(one: Mark, label: float) -> _Box:
    x, y = one.at or (0, 0)
    near, far = x + label, x + label + math.copysign(_LABEL_WIDTH, label)
    return min(near, far), y - 7, max(near, far), y + 7


def _meet(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _worst_first(one: Mark) -> tuple[int, int, str, str]:
    return list(_WORST).index(one.group), -one.sent.weight, one.code, one.name


_WORST = (Group.VIOLATES, Group.CANNOT_TELL, Group.CONFORMS, Group.OUT_OF_SCOPE)


@cache
def _world() -> World:
    text = resources.files("flowwatch.reports").joinpath("templates", "world.json").read_text("utf-8")
    plain: dict[str, Any] = json.loads(text)
    return msgspec.convert(plain, World)
