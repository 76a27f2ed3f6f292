"""What is not judged, each with its reason: local chatter, traffic within a zone, senders outside every zone.

Promises: a sender in a zone is judged unless a reason here says otherwise; without a policy everything that does not
come in to a private address from outside is listed, also what private addresses send each other. Address configuration
counts as such only between its own ports and while it stays on private, link-local, zone, multicast or broadcast
addresses.
"""

from flowwatch.judge.destination import goes_by_listed_name
from flowwatch.judge.observation import Observation
from flowwatch.judge.rulebook import PRIVATE, Rulebook
from flowwatch.model import Reason, Transmission
from flowwatch.policy.match import Cidr, Networks, address_key, is_nat64

SPECIAL = {
    Cidr.parse("224.0.0.0/4"): Reason.MULTICAST,
    Cidr.parse("ff00::/8"): Reason.MULTICAST,
    Cidr.parse("169.254.0.0/16"): Reason.LINK_LOCAL,
    Cidr.parse("fe80::/10"): Reason.LINK_LOCAL,
    Cidr.parse("255.255.255.255/32"): Reason.BROADCAST,
}
_KINDS = Networks(SPECIAL.items())
"""RFC 5771, RFC 4291, RFC 3927, RFC 919."""
_PRIVATE = Networks((Cidr.parse(text), True) for text in PRIVATE)
_ICMP_ERRORS = {"icmp": frozenset({3, 4, 5, 11, 12}), "icmp6": frozenset({1, 2, 3, 4})}
"""RFC 792 and RFC 4443: messages that report on another packet."""
_DHCP = (frozenset({67, 68}), frozenset({546, 547}))
"""RFC 2131 and RFC 8415."""


def out_of_scope(seen: Observation, book: Rulebook) -> Reason | None:
    """Why the transmission is not judged, or None when it is."""
    transmission = seen.transmission
    kind = _kind(transmission, book)
    if _dhcp(transmission, kind, seen.receiver_zone):
        return Reason.DHCP
    if transmission.icmp_type in _ICMP_ERRORS.get(transmission.proto, ()):
        return Reason.ICMP_ERROR
    if kind is not None:
        return kind
    if _special(transmission.sender_ip) is Reason.LINK_LOCAL:
        return Reason.LINK_LOCAL
    if seen.zone is None:
        listed_all_the_same = not book.given and seen.receiver_zone is None
        return None if listed_all_the_same else Reason.SENDER_OUTSIDE
    within = book.given and seen.zone == seen.receiver_zone
    return Reason.WITHIN_ZONE if within and not _to_listed_server(seen, book) else None


def lookup_out_of_scope(client: str | None, server: str | None, transport: str | None) -> Reason | None:
    """Why a lookup is not judged whatever the zone: multicast DNS and LLMNR, link-local clients."""
    if transport in ("mdns", "llmnr"):
        return Reason.MULTICAST
    kinds = [_special(address) for address in (server, client) if address is not None]
    return next((kind for kind in kinds if kind is not None), None)


def _special(address: str) -> Reason | None:
    """What the address is by itself; a translator leads to hosts, never to such (RFC 6052 3.1)."""
    found = _KINDS.lookup(address)
    return None if found is None or is_nat64(address) else found


def _kind(transmission: Transmission, book: Rulebook) -> Reason | None:
    """The kind of the receiver's address; a connection is with a host, never a broadcast (RFC 1122 4.2.3.10)."""
    found = _special(transmission.receiver_ip)
    if found is not None or transmission.proto in ("tcp", "sctp"):
        return found
    return Reason.BROADCAST if address_key(transmission.receiver_ip) in book.broadcasts else None


def _dhcp(transmission: Transmission, kind: Reason | None, receiver_zone: str | None) -> bool:
    ports = {transmission.sender_port, transmission.receiver_port} - {None}
    own_ports = transmission.proto == "udp" and bool(ports) and any(ports <= pair for pair in _DHCP)
    near = kind is not None or receiver_zone is not None or _PRIVATE.lookup(transmission.receiver_ip) is not None
    return own_ports and near


def _to_listed_server(seen: Observation, book: Rulebook) -> bool:
    """The receiver is a listed server by its address or, where a server has none, by its name."""
    if book.listed_addresses(seen.transmission.receiver_ip):
        return True
    return any(matcher.names_only and goes_by_listed_name(matcher, seen) for matcher in book.matchers.values())
