"""PowerDNS' messages made by hand, field by field."""

import struct
from collections.abc import Iterable

from tests.sources.dnstap.streams import AT, field

CLIENT, SERVER = b"\xc0\0\2\x0a", b"\xc0\0\2\x35"
QUERY, RESPONSE, OUTGOING, INCOMING = range(1, 5)
WWW = ((b"www.results.example.", 5, b"edge.example."), (b"edge.example.", 1, b"\xc6\x33\x64\x07"))


def question_of(name: bytes = b"www.results.example.", qtype: int = 1, qclass: int = 1) -> bytes:
    return field(12, field(1, name) + field(2, qtype) + field(3, qclass))


def record_of(name: bytes, kind: int, data: bytes, ttl: int = 60) -> bytes:
    return field(2, field(1, name) + field(2, kind) + field(3, 1) + field(4, ttl) + field(5, data))


def response_of(
    records: Iterable[tuple[bytes, int, bytes]] = WWW, rcode: int = 0, asked: float | None = None, other: bytes = b""
) -> bytes:
    said = b"".join(record_of(*one) for one in records) + field(1, rcode)
    if asked is not None:
        said += field(5, AT + int(asked)) + field(6, round(asked % 1 * 10**6))
    return field(13, said + other)


def message_of(
    kind: int,
    body: bytes | None = None,
    *,
    at: float = 0,
    uuid: bytes = b"0123456789abcdef",
    client: bytes = CLIENT,
    port: int = 40000,
    number: int = 7,
    protocol: int = 1,
    other: bytes = b"",
) -> bytes:
    """One message without its length; `at` is seconds after AT."""
    if body is None:
        body = question_of() + (response_of() if kind in (RESPONSE, INCOMING) else b"")
    said = field(1, kind) + field(2, uuid) + field(3, b"ns1") + field(4, 2 if len(client) == 16 else 1)
    said += field(5, protocol) + field(6, client) + field(7, SERVER) + field(8, 54) + field(11, number)
    said += field(9, AT + int(at)) + field(10, round(at % 1 * 10**6)) + field(20, port) + field(21, 53)
    return said + body + other


def stream_of(messages: Iterable[bytes]) -> bytes:
    return b"".join(struct.pack(">H", len(one)) + one for one in messages)


def lab() -> bytes:
    """A stream of every sort: a pair, one of IPv6 alone, upstream, an answer alone, a nameless one, junk."""
    v6, v6_client = question_of(b"v6.example.", 28), bytes.fromhex("20010db8" + "00" * 11 + "0a")
    return stream_of([
        message_of(QUERY),
        message_of(OUTGOING, uuid=b"u" * 16, at=0.001, port=50000),
        message_of(INCOMING, uuid=b"u" * 16, at=0.002, port=50000),
        message_of(RESPONSE, at=0.003),
        message_of(QUERY, v6, client=v6_client, uuid=b"f" * 16, number=8),
        message_of(RESPONSE, question_of(b"no.example.") + response_of((), 3, asked=1.5), at=2, uuid=b"n" * 16),
        message_of(QUERY, b"", uuid=b"x" * 16),
        b"\xff\xff",
        b"",
    ])  # fmt: skip
