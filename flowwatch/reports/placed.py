"""What is known of where an address is, in short plain phrases: its three facts side by side, never merged.

Observed text inside a phrase is returned as it is: the sink escapes it.
"""

from collections.abc import Iterable

from flowwatch.model import Confidence, Destination, Fact, Finding, Place
from flowwatch.reports.phrases import words


def place(one: Place | None) -> str:
    """The three facts about an address, side by side."""
    if one is None:
        return "not looked up"
    return f"located {located(one)}; registered {registered(one)}; operated {operated(one)}"


def unplaced(one: Finding | Destination) -> str:
    """Why it has no place: where a name asked of a proxy leads is seen behind the proxy only."""
    return "not looked up" if one.via is None or one.asked is None else "known to a proxy by name only"


def located(place: Place | None) -> str:
    """Countries with the confidence word and the provider's region, or why there are none."""
    if place is None:
        return "not looked up"
    if place.confidence is Confidence.NOT_APPLICABLE:
        return place.special or words(place.confidence)
    if not place.countries:
        return f"{words(place.confidence)} ({place.why})" if place.why else words(place.confidence)
    return f"{', '.join(place.countries)} ({', '.join([words(place.confidence), *_regions(place)])})"


def _regions(place: Place) -> list[str]:
    """`provider region` of every candidate that names one, each once."""
    named = (f"{one.provider or ''} {one.provider_region}".strip() for one in place.located if one.provider_region)
    return list(dict.fromkeys(named))


def registered(place: Place | None) -> str:
    """The registry's countries of assignment, or `unknown`."""
    return ", ".join(_values(place.registered)) if place and place.registered else "unknown"


def operated(place: Place | None) -> str:
    """AS numbers and organisations, or `unknown`."""
    if place is None or not (place.asn or place.organisation):
        return "unknown"
    return " ".join(part for part in (as_numbers(place), ", ".join(_values(place.organisation))) if part)


def as_numbers(place: Place) -> str:
    """`AS64500, AS64501`, or nothing."""
    return ", ".join(f"AS{value.upper().removeprefix('AS')}" for value in _values(place.asn))


def _values(facts: Iterable[Fact]) -> list[str]:
    return list(dict.fromkeys(fact.value for fact in facts))
