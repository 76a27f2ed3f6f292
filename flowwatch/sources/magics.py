"""The first bytes that tell a capture, whatever follows them."""

_PCAP = ("a1b2c3d4", "a1b23c4d", "a1b2cd34", "1c0001ab", "1c0001ac")
PCAP = tuple(order for magic in map(bytes.fromhex, _PCAP) for order in (magic, magic[::-1]))
"""pcap: microseconds, nanoseconds, modified, two of Ixia; each in both byte orders."""
SECTION = bytes.fromhex("0a0d0d0a")
"""A pcapng section, before its length."""
ORDERS = (bytes.fromhex("1a2b3c4d"), bytes.fromhex("4d3c2b1a"))
"""What follows the length."""
SNOOP = b"snoop\0\0\0"


def is_capture(head: bytes) -> bool:
    """These bytes tell a capture by themselves, so that no more need be waited for."""
    return head.startswith((*PCAP, SNOOP)) or (head.startswith(SECTION) and head[8:12] in ORDERS)
