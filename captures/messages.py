"""Bytes of the messages that sample conversations carry: TLS hellos and records, HTTP/1, DNS.

Promises the same bytes for the same arguments, on every machine; what a real peer would encrypt is a fixed stream of
opaque bytes. Refuses to be a protocol stack: nothing here answers, negotiates or checks.
"""

import hashlib
import ipaddress
import struct

RECORD_LIMIT = 16_384
"""Most bytes of one TLS record (RFC 8446 5.1)."""


def opaque(seed: str, length: int) -> bytes:
    """`length` bytes that look like nothing, the same for the same seed."""
    return hashlib.shake_128(seed.encode()).digest(length)


def _prefixed(width: int, body: bytes) -> bytes:
    return len(body).to_bytes(width, "big") + body


def _extension(kind: int, body: bytes) -> bytes:
    return struct.pack("!H", kind) + _prefixed(2, body)


def _record(kind: int, version: int, body: bytes) -> bytes:
    return struct.pack("!BH", kind, version) + _prefixed(2, body)


def client_hello(
    seed: str, sni: str | None, alpn: tuple[str, ...] = ("h2",), *, ech: bool = False, newest: int = 0x0304
) -> bytes:
    """A ClientHello in one record (RFC 8446 4.1.2), with SNI, ALPN and an Encrypted ClientHello if asked."""
    extensions = b""
    if sni is not None:
        extensions += _extension(0, _prefixed(2, b"\0" + _prefixed(2, sni.encode())))
    extensions += _extension(10, _prefixed(2, struct.pack("!2H", 0x001D, 0x0017)))
    extensions += _extension(13, _prefixed(2, struct.pack("!3H", 0x0403, 0x0804, 0x0401)))
    if alpn:
        extensions += _extension(16, _prefixed(2, b"".join(_prefixed(1, one.encode()) for one in alpn)))
    extensions += _extension(43, _prefixed(1, struct.pack("!H", newest)))
    extensions += _extension(51, _prefixed(2, struct.pack("!H", 0x001D) + _prefixed(2, opaque(seed + "key", 32))))
    if ech:
        extensions += _extension(0xFE0D, _outer_ech(seed))
    body = struct.pack("!H", 0x0303) + opaque(seed + "random", 32) + _prefixed(1, opaque(seed + "session", 32))
    body += _prefixed(2, struct.pack("!3H", 0x1301, 0x1302, 0x1303)) + _prefixed(1, b"\0") + _prefixed(2, extensions)
    return _record(22, 0x0301, b"\x01" + _prefixed(3, body))


def _outer_ech(seed: str) -> bytes:
    """The `outer` form of the extension: cipher suite, config id, encapsulated key, sealed inner hello."""
    suite = struct.pack("!2H", 0x0001, 0x0001)
    return b"\0" + suite + b"\x2a" + _prefixed(2, opaque(seed + "enc", 32)) + _prefixed(2, opaque(seed + "inner", 208))


def server_hello(seed: str) -> bytes:
    """A TLS 1.3 ServerHello (RFC 8446 4.1.3) and the sealed rest of the server's first flight."""
    extensions = _extension(43, struct.pack("!H", 0x0304))
    extensions += _extension(51, struct.pack("!H", 0x001D) + _prefixed(2, opaque(seed + "share", 32)))
    body = struct.pack("!H", 0x0303) + opaque(seed + "server", 32) + _prefixed(1, opaque(seed + "session", 32))
    body += struct.pack("!HB", 0x1301, 0) + _prefixed(2, extensions)
    hello = _record(22, 0x0303, b"\x02" + _prefixed(3, body))
    return hello + _record(20, 0x0303, b"\x01") + sealed(seed + "flight", 600)


def server_flight(seed: str, certificate: bytes) -> bytes:
    """A TLS 1.2 server's first flight in one record (RFC 5246 7.3): its hello, its certificate alone, the end."""
    hello = struct.pack("!H", 0x0303) + opaque(seed + "server", 32) + _prefixed(1, b"") + struct.pack("!HB", 0xC02F, 0)
    chain = _prefixed(3, _prefixed(3, certificate))
    messages = b"\x02" + _prefixed(3, hello) + b"\x0b" + _prefixed(3, chain) + b"\x0e" + _prefixed(3, b"")
    return _record(22, 0x0303, messages)


def sealed(seed: str, length: int) -> bytes:
    """Application data records of exactly `length` bytes, their 5-byte headers included (RFC 8446 5.2)."""
    out = bytearray()
    while len(out) < length:
        room = length - len(out)
        body = min(room - 5, RECORD_LIMIT)
        if 0 < room - 5 - body < 22:  # leave enough for one more record
            body -= 22
        if body < 1:
            raise ValueError(f"{length} bytes cannot be filled with records")
        out += _record(23, 0x0303, opaque(f"{seed}{len(out)}", body))
    return bytes(out)


def http_request(method: str, host: str, path: str, body: bytes = b"", agent: str = "sample/1") -> bytes:
    """One HTTP/1.1 request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"User-Agent: {agent}"]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def http_response(body: bytes, kind: str = "application/xml") -> bytes:
    """One HTTP/1.1 answer that carries `body`."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def results_file(length: int) -> bytes:
    """A results export of exactly `length` bytes, in clear: made-up contests, made-up figures."""
    rows = [b'<?xml version="1.0"?>\n<results county="07">\n']
    size, number = len(rows[0]) + len(b"</results>\n"), 0
    while True:
        place, contest = divmod(number, 8)
        row = b'  <count precinct="%03d" contest="C-%02d" votes="%05d"/>\n' % (place, contest, number * 37 % 9973)
        if size + len(row) > length:
            break
        rows.append(row)
        size, number = size + len(row), number + 1
    return b"".join(rows) + b" " * (length - size) + b"</results>\n"


def dns_name(name: str) -> bytes:
    """A domain name on the wire, uncompressed (RFC 1035 3.1)."""
    labels = [label.encode() for label in name.split(".") if label]
    return b"".join(_prefixed(1, label) for label in labels) + b"\0"


_TYPES = {"A": 1, "CNAME": 5, "AAAA": 28}


def dns_query(number: int, name: str, kind: str = "A") -> bytes:
    """A DNS question with recursion desired (RFC 1035 4.1)."""
    return struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + dns_name(name) + struct.pack("!2H", _TYPES[kind], 1)


def dns_answer(
    number: int, name: str, kind: str, answers: tuple[tuple[str, str, str, int], ...], *, rcode: int = 0
) -> bytes:
    """The answer to `dns_query`; `answers` are (owner, type, data, ttl) in message order."""
    head = struct.pack("!6H", number, 0x8180 | rcode, 1, len(answers), 0, 0)
    question = dns_name(name) + struct.pack("!2H", _TYPES[kind], 1)
    return head + question + b"".join(_resource(*one) for one in answers)


def _resource(owner: str, kind: str, data: str, ttl: int) -> bytes:
    packed = dns_name(data) if kind == "CNAME" else ipaddress.ip_address(data).packed
    return dns_name(owner) + struct.pack("!2HI", _TYPES[kind], 1, ttl) + _prefixed(2, packed)
