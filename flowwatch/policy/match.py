"""Matching of addresses, names, ports, spans and clock times; pure, by value, never by string comparison.

Refuses: regular expressions, stars other than a leading `*.` or `**.`, networks with host bits set.
"""

import ipaddress
import re
from typing import Self

import msgspec

from flowwatch.model import Name


class Cidr(msgspec.Struct, frozen=True, order=True):
    """A network; `covers` takes an address as text or as (version, integer)."""

    version: int
    first: int
    last: int
    prefix: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The network `text` names; ValueError with words when it names none (host bits set included)."""
        network = ipaddress.ip_network(text, strict=True)
        return cls(network.version, int(network.network_address), int(network.broadcast_address), network.prefixlen)

    def covers(self, address: str) -> bool:
        """The address (canonical text) lies within; text that is no address lies nowhere."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return parsed.version == self.version and self.first <= int(parsed) <= self.last

    def __str__(self) -> str:
        kind = ipaddress.IPv4Address if self.version == 4 else ipaddress.IPv6Address
        return f"{kind(self.first)}/{self.prefix}"


class NamePattern(msgspec.Struct, frozen=True, order=True):
    """`name` exactly; `*.suffix` exactly one label more; `**.suffix` one or more; neither covers the apex."""

    labels: tuple[str, ...]
    """The suffix, or the whole name, as A-labels."""
    wildcard: str = ""
    """`""`, `*` or `**`."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The pattern `text` writes (Unicode converted by IDNA 2008 / UTS 46); ValueError with words otherwise."""
        raise NotImplementedError

    def covers(self, name: Name) -> bool:
        """The name falls under the pattern; a malformed name falls under none."""
        if name.malformed:
            return False
        extra = len(name.labels) - len(self.labels)
        fits = extra == 0 if not self.wildcard else extra == 1 if self.wildcard == "*" else extra >= 1
        return fits and name.labels[extra:] == self.labels

    def __str__(self) -> str:
        return ".".join([self.wildcard, *self.labels] if self.wildcard else self.labels)


class PortRange(msgspec.Struct, frozen=True, order=True):
    """Ports from `first` to `last`, both included."""

    first: int
    last: int

    def __contains__(self, port: int) -> bool:
        return self.first <= port <= self.last

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


class Span(msgspec.Struct, frozen=True, order=True):
    """A length of time in nanoseconds, written as `200ms`, `5s`, `5m`, `24h`, `7d`."""

    ns: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The span `text` writes; ValueError with words otherwise."""
        found = _SPAN.fullmatch(text)
        if not found:
            raise ValueError(f"{text!r} is not a span of time; write a number and one of ms, s, m, h, d, as in '5m'")
        return cls(int(found[1]) * _UNITS[found[2]])


class Clock(msgspec.Struct, frozen=True, order=True):
    """A local time of day in minutes, written as `09:00`; `24:00` is the end of the day."""

    minutes: int


_SPAN = re.compile(r"(\d{1,9})(ms|s|m|h|d)")
_UNITS = {"ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9}
