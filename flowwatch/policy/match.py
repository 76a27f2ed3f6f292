"""Matching of addresses, names, ports, spans and clock times; pure, by value, never by string comparison.

Refuses: regular expressions, stars other than a leading `*.` or `**.`, a wildcard directly under a public suffix,
networks with host bits set. Every refusal is a ValueError whose words say what to write instead.
"""

import functools
import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import Generic, Self, TypeVar

import msgspec

from flowwatch.model import Name

V = TypeVar("V")


@functools.lru_cache(maxsize=65_536)
def address_key(text: str) -> tuple[int, int] | None:
    """(version, integer) of an address, an IPv4-mapped one (RFC 4291 2.5.5.2) as its inner IPv4; None when none."""
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return None
    inner = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (4, int(inner)) if inner is not None else (parsed.version, int(parsed))


def is_nat64(text: str) -> bool:
    """The address stands for an IPv4 one behind a translator (64:ff9b::/96, RFC 6052)."""
    key = address_key(text)
    return key is not None and inside_nat64(key) is not None


class Cidr(msgspec.Struct, frozen=True, order=True):
    """A network; an address alone is a network of one."""

    version: int
    first: int
    last: int
    prefix: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The network `text` names, an IPv4-mapped one as its IPv4; ValueError with words otherwise."""
        network = _network(text)
        if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
            inner = network.network_address.ipv4_mapped
            if inner is not None:
                network = ipaddress.IPv4Network((inner, network.prefixlen - 96))
        return cls(network.version, int(network.network_address), int(network.broadcast_address), network.prefixlen)

    def covers(self, address: str) -> bool:
        """The address lies within; an IPv4-mapped one counts as its IPv4, a NAT64 one as itself and as its IPv4.

        Text that is no address lies nowhere.
        """
        key = address_key(address)
        if key is None:
            return False
        if self.version == 4:
            key = inside_nat64(key) or key
        return key[0] == self.version and self.first <= key[1] <= self.last

    @property
    def address(self) -> str:
        """Its first address."""
        return str(ipaddress.IPv4Address(self.first) if self.version == 4 else ipaddress.IPv6Address(self.first))

    def holds(self, other: "Cidr") -> bool:
        """The other network lies wholly within."""
        return self.version == other.version and self.first <= other.first and other.last <= self.last

    def overlaps(self, other: "Cidr") -> bool:
        """Some address lies within both."""
        return self.version == other.version and self.first <= other.last and other.first <= self.last

    def __str__(self) -> str:
        kind = ipaddress.IPv4Address if self.version == 4 else ipaddress.IPv6Address
        return f"{kind(self.first)}/{self.prefix}"


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """The network as the standard library reads it, host bits refused with the network that was perhaps meant."""
    address, slash, length = text.partition("/")
    if not _ADDRESS.fullmatch(address) or (slash and not _PREFIX.fullmatch(length)):
        raise ValueError(f"{text!r} is not a network; write an address and a prefix length, as in 192.0.2.0/24")
    try:
        loose = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is not a network: {_network_fault(address, length)}") from None
    if loose.network_address != ipaddress.ip_address(address):
        raise ValueError(f"{text!r} has host bits set; write {loose} for the network or {address} for one address")
    return loose


def _network_fault(address: str, length: str) -> str:
    try:
        most = ipaddress.ip_address(address).max_prefixlen
    except ValueError:
        return f"{address!r} is not an address"
    return f"the prefix length is 0 to {most}, not {length}"


def inside_nat64(key: tuple[int, int]) -> tuple[int, int] | None:
    """The IPv4 address that a NAT64 one stands for; None for any other."""
    version, number = key
    return (4, number & 0xFFFF_FFFF) if version == 6 and number >> 32 == _NAT64 else None


_NAT64 = 0x0064_FF9B << 64
"""The first 96 bits of 64:ff9b::/96 (RFC 6052 2.1)."""
_ADDRESS = re.compile(r"[0-9a-fA-F:.]+", re.ASCII)
_PREFIX = re.compile(r"[0-9]{1,3}", re.ASCII)


class Networks(Generic[V]):
    """Values by network; `lookup` finds the longest prefix that covers an address.

    A NAT64 address is covered as itself and as its IPv4, as `Cidr.covers` has it.
    """

    def __init__(self, pairs: Iterable[tuple[Cidr, V]]) -> None:
        self._by_prefix: dict[tuple[int, int], dict[int, list[V]]] = {}
        for cidr, value in pairs:
            self._by_prefix.setdefault((cidr.version, -cidr.prefix), {}).setdefault(cidr.first, []).append(value)
        self._order = sorted(self._by_prefix)
        self._seen: dict[str, tuple[V, ...]] = {}

    def lookup(self, address: str) -> V | None:
        """The value of the longest covering prefix (the first given among equal networks), or None."""
        found = self.all(address)
        return found[0] if found else None

    def all(self, address: str) -> tuple[V, ...]:
        """The values of every covering network, longest prefix first, equal networks as given; memoised."""
        found = self._seen.get(address)
        if found is None:
            found = tuple(self._walk(address))
            if len(self._seen) >= _MEMO:
                self._seen.clear()
            self._seen[address] = found
        return found

    def _walk(self, address: str) -> Iterator[V]:
        key = address_key(address)
        if key is None:
            return
        found, inner = list(self._covering(*key)), inside_nat64(key)
        if inner is not None:
            found = sorted([*found, *self._covering(*inner)], key=lambda one: -one[0])
        yield from (value for _, value in found)

    def _covering(self, version: int, number: int) -> Iterator[tuple[int, V]]:
        """The values with the lengths of their prefixes, those of IPv4 counted as within 64:ff9b::/96."""
        bits = 32 if version == 4 else 128
        for kind, negative in self._order:
            if kind == version:
                host = bits + negative
                for value in self._by_prefix[kind, negative].get(number >> host << host, ()):
                    yield 128 - host, value


_MEMO = 262_144
"""Addresses remembered before the memory starts anew: hostile input must not fill it."""


class NamePattern(msgspec.Struct, frozen=True, order=True):
    """`name` exactly; `*.suffix` exactly one label more; `**.suffix` one or more; neither covers the apex."""

    labels: tuple[str, ...]
    """The suffix, or the whole name, as A-labels."""
    wildcard: str = ""
    """`""`, `*` or `**`."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The pattern `text` writes (Unicode converted by IDNA 2008 / UTS 46); ValueError with words otherwise."""
        wildcard, suffix = _split_wildcard(text)
        labels = _labels(suffix, text)
        if labels[-1].isdigit():
            raise ValueError(f"{text!r} is an address, not a name; addresses belong in `cidrs`")
        if wildcard:
            _refuse_public_suffix(labels, text)
        return cls(labels, wildcard)

    def covers(self, name: Name) -> bool:
        """The name falls under the pattern; a malformed name falls under none."""
        if name.malformed:
            return False
        extra = len(name.labels) - len(self.labels)
        fits = extra == 0 if not self.wildcard else extra == 1 if self.wildcard == "*" else extra >= 1
        return fits and name.labels[extra:] == self.labels

    def holds(self, other: "NamePattern") -> bool:
        """Every name the other pattern covers, this one covers too."""
        extra = len(other.labels) - len(self.labels)
        if extra < 0 or other.labels[extra:] != self.labels:
            return False
        if not other.wildcard:
            return extra == 0 if not self.wildcard else extra == 1 if self.wildcard == "*" else extra >= 1
        return self.wildcard == "**" or (self.wildcard == other.wildcard and extra == 0)

    def overlaps(self, other: "NamePattern") -> bool:
        """Some name falls under both patterns."""
        short, long = sorted((self, other), key=lambda one: len(one.labels))
        extra = len(long.labels) - len(short.labels)
        if long.labels[extra:] != short.labels:
            return False
        least = extra + bool(long.wildcard)
        most = least if long.wildcard != "**" else None
        if short.wildcard == "**":
            return most is None or most >= 1
        return least <= bool(short.wildcard) and (most is None or most >= bool(short.wildcard))

    def __str__(self) -> str:
        return ".".join([self.wildcard, *self.labels] if self.wildcard else self.labels)


def _split_wildcard(text: str) -> tuple[str, str]:
    """(`""`, `*` or `**`; the rest), every other star refused."""
    head, dot, rest = text.partition(".")
    wildcard, suffix = (head, rest) if dot and head in ("*", "**") else ("", text)
    if "*" in suffix:
        raise ValueError(f"{text!r}: a star stands only at the front, as `*.` (one label) or `**.` (one or more)")
    return wildcard, suffix


def _labels(suffix: str, text: str) -> tuple[str, ...]:
    """The A-labels of a name written in ASCII or Unicode."""
    if "/" in suffix:
        host = suffix.rpartition("://")[2].partition("/")[0].partition(":")[0]
        raise ValueError(f"{text[:80]!r} is not a host name; write the host alone, as {host[:80]!r}")
    if not suffix.isascii():
        suffix = _mapped(suffix, text)
    labels = tuple(_label(label, text) for label in suffix.lower().removesuffix(".").split("."))
    if len(".".join(labels)) > 253:
        raise ValueError(f"{text[:40]!r}... is longer than a name may be (253 characters)")
    return labels


def _mapped(suffix: str, text: str) -> str:
    import idna  # noqa: PLC0415 - start-up time

    try:
        return idna.uts46_remap(suffix, std3_rules=False, transitional=False)
    except (idna.IDNAError, UnicodeError) as fault:
        raise ValueError(f"{text!r} is not a host name: {fault}") from None


def _label(label: str, text: str) -> str:
    """One A-label; RFC 1123 2.1 with `_` allowed (RFC 8552)."""
    if not label:
        raise ValueError(f"{text!r} is not a host name: it has an empty label")
    if not label.isascii():
        return _a_label(label, text)
    if len(label) > 63:
        raise ValueError(f"{text[:40]!r}... is not a host name: a label has at most 63 characters")
    if not _LABEL.fullmatch(label):
        raise ValueError(f"{text!r} is not a host name: a label holds only letters, digits, `-` inside, and `_`")
    return label


def _a_label(label: str, text: str) -> str:
    import idna  # noqa: PLC0415 - start-up time

    try:
        return idna.alabel(label).decode("ascii")
    except (idna.IDNAError, UnicodeError) as fault:
        raise ValueError(f"{text!r} is not a host name under IDNA 2008: {fault}") from None


def _refuse_public_suffix(labels: tuple[str, ...], text: str) -> None:
    suffix = ".".join(labels)
    if _public_suffixes().publicsuffix(suffix) == suffix:
        raise ValueError(f"{text!r} covers everybody under the public suffix {suffix!r}; name at least one label more")


def registrable_domain(name: str) -> str | None:
    """The part of a name that somebody registered: one label below a public suffix of the Public Suffix List.

    Its private section counts too: `a.b.github.io` is below `b.github.io`. None for a suffix itself, a single label and
    a name with an empty label.
    """
    found: str | None = _public_suffixes().privatesuffix(name)
    return found


@functools.cache
def _public_suffixes():  # type: ignore[no-untyped-def] # noqa: ANN202 - the library ships no types
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 - start-up time

    return PublicSuffixList()


_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?", re.ASCII)


class PortRange(msgspec.Struct, frozen=True, order=True):
    """Ports from `first` to `last`, both included."""

    first: int
    last: int

    @classmethod
    def parse(cls, written: int | str) -> Self:
        """The ports that `8443`, `"8443"` or `"50000-50100"` write; ValueError with words otherwise."""
        found = _PORTS.fullmatch(str(written))
        if not found:
            raise ValueError(f'{written!r} is not a port; write 8443 or a range "50000-50100"')
        first, last = int(found[1]), int(found[2] or found[1])
        if last > 65_535:
            raise ValueError(f"{last} is not a port; ports are 0 to 65535")
        if last < first:
            raise ValueError(f'the range {written!r} is empty; write "{last}-{first}"')
        return cls(first, last)

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

    def __str__(self) -> str:
        fitting = [unit for unit, size in _UNITS.items() if self.ns % size == 0]
        return f"{self.ns // _UNITS[fitting[-1]]}{fitting[-1]}" if self.ns and fitting else f"{self.ns // 10**6}ms"


class Clock(msgspec.Struct, frozen=True, order=True):
    """A local time of day in minutes, written as `09:00`; `24:00` is the end of the day."""

    minutes: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The time of day `text` writes, `00:00` to `24:00`; ValueError with words otherwise."""
        found = _CLOCK.fullmatch(text)
        minutes = int(found[1]) * 60 + int(found[2]) if found else DAY + 1
        if not found or int(found[2]) > 59 or minutes > DAY:
            raise ValueError(
                f"{text!r} is not a time of day; write hours and minutes in two digits each, '00:00' to '24:00'"
            )
        return cls(minutes)

    def __str__(self) -> str:
        return f"{self.minutes // 60:02}:{self.minutes % 60:02}"


DAY = 24 * 60
"""Minutes of a day on the clock."""

_SPAN = re.compile(r"(\d{1,9})(ms|s|m|h|d)", re.ASCII)
_CLOCK = re.compile(r"(\d{2}):(\d{2})", re.ASCII)
_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?", re.ASCII)
_UNITS = {"ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9}
