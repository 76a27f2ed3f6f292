"""A small writer of MMDB files (MaxMind DB File Format 2.0), for tests only.

Writes what a dictionary of networks to records says: a binary search tree of 24, 28 or 32-bit records, the data
section with each distinct record once, the metadata.
"""

import ipaddress
import struct
from typing import Any

_SEPARATOR = bytes(16)
_MARKER = b"\xab\xcd\xefMaxMind.com"


def mmdb(
    networks: dict[str, Any],
    database_type: str = "Test",
    *,
    build_epoch: int = 1_790_000_000,
    size: int = 28,
    **meta: Any,
) -> bytes:
    """The bytes of a database; more-specific networks win; `size`: bits of a tree record; `meta` replaces metadata."""
    version = meta.get("ip_version", 6)
    tree = _Tree(version)
    for text in sorted(networks, key=lambda text: ipaddress.ip_network(text).prefixlen):
        tree.insert(ipaddress.ip_network(text), networks[text])
    data, offsets = bytearray(), {}
    for key, record in tree.records.items():
        offsets[key] = len(data)
        data += encoded(record)
    metadata = {
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": build_epoch,
        "database_type": database_type,
        "description": {"en": database_type},
        "ip_version": version,
        "languages": ["en"],
        "node_count": len(tree.nodes),
        "record_size": size,
    }
    return tree.written(offsets, size) + _SEPARATOR + bytes(data) + _MARKER + encoded(metadata | meta)


class _Tree:
    def __init__(self, version: int) -> None:
        self.bits = 128 if version == 6 else 32
        self.nodes: list[list[int | str | None]] = [[None, None]]
        self.records: dict[str, Any] = {}

    def insert(self, network: ipaddress.IPv4Network | ipaddress.IPv6Network, record: Any) -> None:
        """An IPv4 network lies under ::/96 of an IPv6 tree. An int is a node, a str a record, None nothing."""
        key = repr(record)
        self.records.setdefault(key, record)
        depth = network.prefixlen + (96 if self.bits == 128 and network.version == 4 else 0)
        value, node = int(network.network_address), 0
        for place in range(depth - 1):
            bit = value >> (self.bits - 1 - place) & 1
            below = self.nodes[node][bit]
            if not isinstance(below, int):
                self.nodes.append([below, below])
                below = self.nodes[node][bit] = len(self.nodes) - 1
            node = below
        self.nodes[node][value >> (self.bits - depth) & 1] = key

    def written(self, offsets: dict[str, int], size: int) -> bytes:
        return b"".join(
            _node(self._pointer(left, offsets), self._pointer(right, offsets), size) for left, right in self.nodes
        )

    def _pointer(self, half: int | str | None, offsets: dict[str, int]) -> int:
        if half is None:
            return len(self.nodes)
        return half if isinstance(half, int) else len(self.nodes) + 16 + offsets[half]


def _node(left: int, right: int, size: int) -> bytes:
    if size == 28:
        middle = (left >> 24 & 0xF) << 4 | right >> 24 & 0xF
        return (left & 0xFFFFFF).to_bytes(3, "big") + bytes([middle]) + (right & 0xFFFFFF).to_bytes(3, "big")
    return left.to_bytes(size // 8, "big") + right.to_bytes(size // 8, "big")


def encoded(value: Any) -> bytes:
    """One field of the data section: control byte, more length, payload."""
    match value:
        case bool():
            return _control(14, int(value))
        case str():
            return _control(2, len(value.encode())) + value.encode()
        case float():
            return _control(3, 8) + struct.pack(">d", value)
        case int():
            payload = value.to_bytes((value.bit_length() + 7) // 8, "big")
            return _control(6 if value < 1 << 32 else 9, len(payload)) + payload
        case dict():
            return _control(7, len(value)) + b"".join(encoded(key) + encoded(one) for key, one in value.items())
        case list():
            return _control(11, len(value)) + b"".join(map(encoded, value))
        case _:
            raise TypeError(type(value))


def _control(kind: int, length: int) -> bytes:
    more = b""
    if length >= 285:
        length, more = 30, (length - 285).to_bytes(2, "big")
    elif length >= 29:
        length, more = 29, bytes([length - 29])
    first = length if kind > 7 else kind << 5 | length
    return bytes([first]) + (bytes([kind - 7]) if kind > 7 else b"") + more
