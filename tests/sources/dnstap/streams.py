"""Frames made by hand: Protocol Buffers written field by field, DNS messages by dnspython."""

import struct
from collections.abc import Iterable

import dns.message
import dns.rcode
import dns.rrset

AT = 1_795_400_000
"""Seconds since 1970 of the first message."""
CLIENT, SERVER, UPSTREAM = b"\xc0\0\2\x0a", b"\xc0\0\2\x35", b"\xc6\x33\x64\x35"
RQ, RR, CQ, CR, FQ, FR = range(3, 9)
_TIMES = {"asked": (8, 9), "answered": (12, 13)}
ANSWERS = (("www.results.example.", "CNAME", "edge.example."), ("edge.example.", "A", "198.51.100.7"))


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def fixed(number: int, value: int) -> bytes:
    return varint(number << 3 | 5) + struct.pack("<I", value)


def data(frame: bytes) -> bytes:
    return struct.pack(">I", len(frame)) + frame


def control(kind: int, content: bytes = b"") -> bytes:
    body = struct.pack(">I", kind) + (struct.pack(">II", 1, len(content)) + content if content else b"")
    return struct.pack(">II", 0, len(body)) + body


START, STOP = control(2, b"protobuf:dnstap.Dnstap"), control(3)


def query_of(name: str = "www.results.example", qtype: str = "A", number: int = 7) -> dns.message.Message:
    return dns.message.make_query(name, qtype, id=number)


def reply_to(
    query: dns.message.Message, answers: Iterable[tuple[str, str, str]] = ANSWERS, rcode: int = 0
) -> dns.message.Message:
    reply = dns.message.make_response(query, recursion_available=True)
    reply.answer = [dns.rrset.from_text(name, 60, "IN", kind, told) for name, kind, told in answers]
    reply.set_rcode(dns.rcode.Rcode(rcode))
    return reply


def frame_of(
    kind: int,
    wire: bytes | dns.message.Message | None,
    *,
    at: float = 0,
    port: int = 40000,
    client: bytes | None = CLIENT,
    server: bytes | None = SERVER,
    protocol: int = 1,
    identity: bytes = b"ns1",
    other: bytes = b"",
    asked: float | None = None,
) -> bytes:
    """One frame without its length; `at` and `asked` are seconds after AT."""
    times = {"asked": asked} if kind % 2 == 0 else {}
    times["asked" if kind % 2 else "answered"] = at
    family = 2 if client and len(client) == 16 else 1
    said = field(1, kind) + field(2, family) + field(3, protocol) + field(6, port) + field(7, 53)
    said += (field(4, client) if client else b"") + (field(5, server) if server else b"")
    for name, after in times.items():
        if after is not None:
            nanoseconds = round((AT + after) * 1000) * 1_000_000
            said += field(_TIMES[name][0], nanoseconds // 10**9) + fixed(_TIMES[name][1], nanoseconds % 10**9)
    if wire is not None:
        said += field(10 if kind % 2 else 14, wire if isinstance(wire, bytes) else wire.to_wire())
    return field(1, identity) + field(2, b"server 1.0") + field(14, said + other) + field(15, 1)


def stream_of(frames: Iterable[bytes], start: bytes = START, stop: bytes = STOP) -> bytes:
    return start + b"".join(map(data, frames)) + stop


def lab() -> bytes:
    """A stream of every sort: pairs, one in reverse, upstream, singles, noise, an update, junk."""
    first, second, third = query_of(), query_of("v6.example", "AAAA", 8), query_of("late.example", number=9)
    up = query_of("www.results.example", number=900)
    update = bytes.fromhex("000a2800000100000000000004") + b"zone\x07example\0\0\x06\0\x01"
    return stream_of([
        frame_of(CQ, first),
        frame_of(RQ, up, client=bytes(4), server=UPSTREAM, port=50000, at=0.001),
        frame_of(CR, reply_to(third), at=3.5, port=40002),
        frame_of(RR, reply_to(up), client=bytes(4), server=UPSTREAM, port=50000, at=0.002),
        frame_of(CR, reply_to(first), at=0.003),
        frame_of(CQ, third, at=3, port=40002),
        frame_of(CQ, second, at=1, protocol=2, client=bytes.fromhex("20010db8" + "00" * 11 + "0a")),
        frame_of(1, first),
        frame_of(CR, reply_to(query_of("alone.example"), (), 3), at=5, asked=4.5, port=40003),
        frame_of(CQ, update, at=6),
        frame_of(CQ, b"junk", at=6),
        b"\xff\xff",
        field(15, 2),
    ])  # fmt: skip
