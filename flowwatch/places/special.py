"""Special-purpose addresses: own table of the two IANA registries, and addresses that hold another.

Promises: the longest prefix decides, as in the registries (IPv4 and IPv6 Special-Purpose Address Space, RFC 6890; as of
2025-10-09), with multicast (RFC 5771, RFC 4291) and site-local (RFC 3879) added. Refuses the standard library's view of
it, which misses some blocks.
"""

import functools
import ipaddress
from collections.abc import Iterable
from typing import Generic, TypeVar

import msgspec

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
T = TypeVar("T")


class Block(msgspec.Struct, frozen=True):
    """One row of a registry: its name there and the RFC it comes from."""

    cidr: str
    name: str
    rfc: int

    @property
    def network(self) -> Network:
        """The block as a network."""
        return ipaddress.ip_network(self.cidr)


class Covering(Generic[T]):
    """What is known of networks, looked up by address: a scope of IPv6 is no part of it."""

    def __init__(self, known: Iterable[tuple[Network, T]]) -> None:
        narrowest_first = sorted(known, key=lambda one: -one[0].prefixlen)
        self._by_shift: dict[tuple[int, int], dict[int, T]] = {}
        for network, what in narrowest_first:
            shift = network.max_prefixlen - network.prefixlen
            same = self._by_shift.setdefault((network.version, shift), {})
            same.setdefault(int(network.network_address) >> shift, what)

    def of(self, address: Address) -> T | None:
        """What is known of the narrowest network the address lies in, or None."""
        version, value = address.version, int(address)
        for (of_version, shift), networks in self._by_shift.items():
            if of_version == version and value >> shift in networks:
                return networks[value >> shift]
        return None


class Wrapped(msgspec.Struct, frozen=True):
    """An address that stands for another: the one inside and how it is held."""

    inner: ipaddress.IPv4Address
    form: str


BLOCKS = (
    Block("0.0.0.0/8", "This network", 791),
    Block("0.0.0.0/32", "This host on this network", 1122),
    Block("10.0.0.0/8", "Private-Use", 1918),
    Block("100.64.0.0/10", "Shared Address Space", 6598),
    Block("127.0.0.0/8", "Loopback", 1122),
    Block("169.254.0.0/16", "Link Local", 3927),
    Block("172.16.0.0/12", "Private-Use", 1918),
    Block("192.0.0.0/24", "IETF Protocol Assignments", 6890),
    Block("192.0.0.0/29", "IPv4 Service Continuity Prefix", 7335),
    Block("192.0.0.8/32", "IPv4 dummy address", 7600),
    Block("192.0.0.9/32", "Port Control Protocol Anycast", 7723),
    Block("192.0.0.10/32", "Traversal Using Relays around NAT Anycast", 8155),
    Block("192.0.0.170/32", "NAT64/DNS64 Discovery", 8880),
    Block("192.0.0.171/32", "NAT64/DNS64 Discovery", 8880),
    Block("192.0.2.0/24", "Documentation (TEST-NET-1)", 5737),
    Block("192.31.196.0/24", "AS112-v4", 7535),
    Block("192.52.193.0/24", "AMT", 7450),
    Block("192.88.99.0/24", "Deprecated (6to4 Relay Anycast)", 7526),
    Block("192.88.99.2/32", "6a44-relay anycast address", 6751),
    Block("192.168.0.0/16", "Private-Use", 1918),
    Block("192.175.48.0/24", "Direct Delegation AS112 Service", 7534),
    Block("198.18.0.0/15", "Benchmarking", 2544),
    Block("198.51.100.0/24", "Documentation (TEST-NET-2)", 5737),
    Block("203.0.113.0/24", "Documentation (TEST-NET-3)", 5737),
    Block("224.0.0.0/4", "Multicast", 5771),
    Block("240.0.0.0/4", "Reserved", 1112),
    Block("255.255.255.255/32", "Limited Broadcast", 8190),
    Block("::/128", "Unspecified Address", 4291),
    Block("::1/128", "Loopback Address", 4291),
    Block("::ffff:0:0/96", "IPv4-mapped Address", 4291),
    Block("64:ff9b::/96", "IPv4-IPv6 Translat.", 6052),
    Block("64:ff9b:1::/48", "IPv4-IPv6 Translat.", 8215),
    Block("100::/64", "Discard-Only Address Block", 6666),
    Block("100:0:0:1::/64", "Dummy IPv6 Prefix", 9780),
    Block("2001::/23", "IETF Protocol Assignments", 2928),
    Block("2001::/32", "TEREDO", 4380),
    Block("2001:1::1/128", "Port Control Protocol Anycast", 7723),
    Block("2001:1::2/128", "Traversal Using Relays around NAT Anycast", 8155),
    Block("2001:1::3/128", "DNS-SD Service Registration Protocol Anycast", 9665),
    Block("2001:2::/48", "Benchmarking", 5180),
    Block("2001:3::/32", "AMT", 7450),
    Block("2001:4:112::/48", "AS112-v6", 7535),
    Block("2001:10::/28", "Deprecated (previously ORCHID)", 4843),
    Block("2001:20::/28", "ORCHIDv2", 7343),
    Block("2001:30::/28", "Drone Remote ID Protocol Entity Tags (DETs) Prefix", 9374),
    Block("2001:db8::/32", "Documentation", 3849),
    Block("2002::/16", "6to4", 3056),
    Block("2620:4f:8000::/48", "Direct Delegation AS112 Service", 7534),
    Block("3fff::/20", "Documentation", 9637),
    Block("5f00::/16", "Segment Routing (SRv6) SIDs", 9602),
    Block("fc00::/7", "Unique-Local", 4193),
    Block("fe80::/10", "Link-Local Unicast", 4291),
    Block("fec0::/10", "Deprecated (site-local)", 3879),
    Block("ff00::/8", "Multicast", 4291),
)


def special(address: Address) -> Block | None:
    """The narrowest special-purpose block the address lies in, or None."""
    return _blocks().of(address)


def unwrapped(address: Address) -> Wrapped | None:
    """The IPv4 address that an IPv4-mapped, NAT64, 6to4 or Teredo address stands for, or None.

    Teredo holds the client's address with its bits turned (RFC 4380 4); 6to4 the router's (RFC 3056 2). In the
    local-use NAT64 prefix the place of the inner address is the operator's choice (RFC 6052 2.2): read are the last 32
    bits, or, where these are zero, the /48 form.
    """
    block = special(address)
    value = int(address)
    match block.cidr if block and block.network.version == 6 else None:
        case "::ffff:0:0/96":
            return _wrapped(value, "IPv4-mapped")
        case "64:ff9b::/96":
            return _wrapped(value, "NAT64")
        case "64:ff9b:1::/48":
            return _wrapped(value if value & _LAST else (value >> 48 & 0xFFFF0000) | (value >> 40 & 0xFFFF), "NAT64")
        case "2002::/16":
            return _wrapped(value >> 80, "6to4")
        case "2001::/32":
            return _wrapped(value ^ _LAST, "Teredo")
        case _:
            return None


_LAST = 0xFFFFFFFF


def _wrapped(value: int, form: str) -> Wrapped:
    return Wrapped(ipaddress.IPv4Address(value & _LAST), form)


@functools.cache
def _blocks() -> Covering[Block]:
    return Covering((block.network, block) for block in BLOCKS)
