"""Lint of what covers more than its author may mean, or nothing: networks, names, markers, country codes.

Promises: warnings only; a marker is compared with a few texts that every protocol of its kind writes and with the names
the policy lists, never with recordings.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from flowwatch.model import Instant
from flowwatch.policy import countries
from flowwatch.policy.line import Path as Inside
from flowwatch.policy.match import Cidr, NamePattern
from flowwatch.policy.terms import Policy, ServerMatch
from flowwatch.policy.told import Check, Told, Warnings

_WIDE_PREFIX = 7
_WIDE_LABELS = 2
_ORDINARY = tuple(
    text.encode()
    for text in (
        "GET / HTTP/1.1\r\nHost: www.\r\nUser-Agent: Mozilla/5.0 (",
        "Accept: text/html,application/xhtml+xml,application/xml\r\nAccept-Encoding: gzip, deflate, br\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: ",
        "Content-Type: application/json\r\nContent-Type: application/xml\r\nContent-Type: application/octet-stream\r\n",
        'Connection: keep-alive\r\nContent-Disposition: form-data; name="file"; filename="',
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n',
        "<!DOCTYPE html>\n<html><head><meta charset=",
        'xmlns="http://www.w3.org/2001/XMLSchema-instance',
        "EHLO MAIL FROM:< RCPT TO:< From: To: Subject: MIME-Version: 1.0\r\n",
    )
)
"""What nearly every conversation of a protocol, or document of a format, holds (RFC 9110, RFC 5321, XML 1.0)."""


def _wide(policy: Policy, _now: Instant) -> Warnings:
    for path, name, cidrs, names in _reaches(policy):
        for cidr in cidrs:
            if cidr.prefix <= _WIDE_PREFIX:
                yield Told("cidr.wide", path, name, f"{cidr} covers a large part of all addresses")
        for pattern in names:
            if pattern.wildcard == "**" and len(pattern.labels) <= _WIDE_LABELS:
                yield Told("name.wide", path, name, f"{pattern} covers every name at any depth of a whole domain")


def _reaches(policy: Policy) -> Iterator[tuple[Inside, str, Sequence[Cidr], Sequence[NamePattern]]]:
    """(path, id, networks, names) of every entry that lets something through."""
    for number, zone in enumerate(policy.zones):
        yield ("zone", number, "cidrs"), zone.id, zone.cidrs, ()
    for number, server in enumerate(policy.servers):
        match = server.match
        yield ("server", number, "match"), server.id, match.cidrs, (*match.names, *match.aliases)
    for number, channel in enumerate(policy.channels):
        yield ("channel", number, "from"), channel.id, channel.from_cidrs, ()
    for number, rule in enumerate(policy.lookups):
        yield ("lookup", number, "names"), rule.id, (), rule.names
    for number, one in enumerate(policy.exceptions):
        to = one.applies.to or ServerMatch()
        yield ("exception", number, "applies", "to"), one.id, to.cidrs, to.names


def _markers(policy: Policy, _now: Instant) -> Warnings:
    names = [".".join(one.labels).encode() for server in policy.servers for one in server.match.names]
    for number, classifier in enumerate(policy.classifiers):
        for place, term in enumerate(classifier.any_):
            key = "payload_hex" if term.payload_contains is None else "payload_contains"
            for marker in term.markers:
                why = _met_everywhere(marker.pattern, names)
                if why is not None:
                    yield Told("marker.wide", ("classifier", number, "any", place, key), classifier.id, why)


def _met_everywhere(pattern: bytes, names: Sequence[bytes]) -> str | None:
    """Why payload holds the bytes that bears no such label, in words; None where nothing speaks for it."""
    if any(pattern in text for text in _ORDINARY):
        return "ordinary requests, answers or documents hold what it looks for"
    if any(pattern in name for name in names):
        return "it looks for a part of a server's name, which every request to that server holds"
    return "it looks for one byte repeated, which is mostly padding" if len(set(pattern)) == 1 else None


def _countries(policy: Policy, _now: Instant) -> Warnings:
    """Codes that no location data holds, so that what is expected there can never be shown."""
    for path, name, code in _codes(policy):
        if not countries.assigned(code):
            hint = countries.meant(code)
            words = f"{code!r} is no country code of ISO 3166-1" + (f" ({hint})" if hint else "")
            yield Told("country.unassigned", path, name, words)


def _codes(policy: Policy) -> Iterator[tuple[Inside, str, str]]:
    """(path, id, code) wherever a country is named."""
    for number, server in enumerate(policy.servers):
        for place, code in enumerate(server.expect.countries):
            yield ("server", number, "expect", "countries", place), server.id, code
    for number, zone in enumerate(policy.zones):
        if zone.location is not None and zone.location.country is not None:
            yield ("zone", number, "location", "country"), zone.id, zone.location.country
    for number, fact in enumerate(policy.places):
        given = {"country": fact.country, "registered": fact.registered}
        yield from ((("place", number, key), str(fact.cidr), code) for key, code in given.items() if code is not None)


CHECKS: Final[tuple[Check, ...]] = (_wide, _markers, _countries)
"""In the order they are told."""
