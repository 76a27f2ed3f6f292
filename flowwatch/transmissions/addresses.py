"""Addresses as values to compare: one text a host, however it was written."""

import functools
import ipaddress

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@functools.lru_cache(maxsize=1 << 16)
def canonical(text: str) -> str | None:
    """The canonical text of an address; None for other text (a host name, say).

    IPv4-mapped (RFC 4291 2.5.5.2) and NAT64 (RFC 6052, 64:ff9b::/96) addresses become their IPv4 address.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        if address in _NAT64:
            return str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return str(address)


def one_text(text: str) -> str:
    """The canonical text of an address; other text as it is."""
    return canonical(text) or text
