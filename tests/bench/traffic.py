"""A capture of mixed DNS, TLS and HTTP conversations, made quickly and the same every time.

    python tests/bench/traffic.py write OUT.pcap PACKETS
    python tests/bench/traffic.py crowd OUT.pcap CONVERSATIONS

Conversations are made once as packet templates; each copy gets its own addresses, ports and times, so that the flow
table grows with the capture. Reserved names and addresses only. Checksums are zero: nothing here verifies them.
"""

import itertools
import random
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

_START = 1_793_750_400
_SERVERS = [bytes((198, 51, 100, n)) for n in range(1, 200)]
_RESOLVER = bytes((192, 0, 2, 53))
_SNAPLEN = 262_144
_SYN, _SYN_ACK, _ACK, _PSH, _FIN = 0x02, 0x12, 0x10, 0x18, 0x11


def write(path: Path, packets: int, seed: int = 1) -> int:
    """Write at least `packets` packets as a microsecond pcap; return how many."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    count, clock = 0, 0
    with path.open("wb", buffering=1 << 20) as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, _SNAPLEN, 1))
        while count < packets:
            for frame in _conversation(dice):
                clock += 37
                head = struct.pack("<IIII", _START + clock // 1_000_000, clock % 1_000_000, len(frame), len(frame))
                out.write(head + frame)
                count += 1
    return count


def crowd(path: Path, conversations: int) -> None:
    """Write so many UDP conversations that are all open at once: a packet each way of every one within a minute."""
    with path.open("wb", buffering=1 << 20) as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, _SNAPLEN, 1))
        for turn, number in itertools.product((0, 1), range(conversations)):
            client, server = struct.pack("!I", 0x0A000000 + number // 50_000), _SERVERS[number % len(_SERVERS)]
            there, back = (
                (client, server, 10_000 + number % 50_000, 4000),
                (server, client, 4000, 10_000 + number % 50_000),
            )
            frame = _udp(*(back if turn else there), bytes(32))
            clock = (turn * conversations + number) * 20
            out.write(struct.pack("<IIII", _START + clock // 1_000_000, clock % 1_000_000, len(frame), len(frame)))
            out.write(frame)


def _conversation(dice: random.Random) -> Iterator[bytes]:
    client = bytes((10, dice.randrange(256), dice.randrange(256), dice.randrange(1, 255)))
    port = dice.randrange(1024, 65_000)
    kind = dice.random()
    name = f"host{dice.randrange(5000)}.example.org"
    if kind < 0.4:
        yield from _dns(client, port, name, dice)
    elif kind < 0.8:
        yield from _tcp(client, port, 443, _client_hello(name), [b"\x17\x03\x03\x05\xa0" + bytes(1440)] * 20, dice)
    else:
        request = f"GET /results HTTP/1.1\r\nHost: {name}\r\nUser-Agent: bench\r\n\r\n".encode()
        yield from _tcp(client, port, 80, request, [bytes(1440)] * 12, dice)


def _dns(client: bytes, port: int, name: str, dice: random.Random) -> Iterator[bytes]:
    ident = struct.pack("!H", dice.randrange(65_536))
    question = b"".join(bytes((len(x),)) + x.encode() for x in name.split(".")) + b"\0\0\1\0\1"
    answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + dice.choice(_SERVERS)
    yield _udp(client, _RESOLVER, port, 53, ident + b"\1\0\0\1\0\0\0\0\0\0" + question)
    yield _udp(_RESOLVER, client, 53, port, ident + b"\x81\x80\0\1\0\1\0\0\0\0" + question + answer)


def _tcp(
    client: bytes, port: int, service: int, first: bytes, replies: list[bytes], dice: random.Random
) -> Iterator[bytes]:
    server = dice.choice(_SERVERS)
    sent, got = dice.randrange(1 << 32), dice.randrange(1 << 32)

    def out(flags: int, data: bytes = b"") -> bytes:
        return _segment(client, server, port, service, (sent, got, flags), data)

    def back(flags: int, data: bytes = b"") -> bytes:
        return _segment(server, client, service, port, (got, sent, flags), data)

    yield out(_SYN)
    sent = (sent + 1) % (1 << 32)
    yield back(_SYN_ACK)
    got = (got + 1) % (1 << 32)
    yield out(_ACK)
    yield out(_PSH, first)
    sent = (sent + len(first)) % (1 << 32)
    for number, data in enumerate(replies):
        yield back(_PSH, data)
        got = (got + len(data)) % (1 << 32)
        if number % 2:
            yield out(_ACK)
    yield out(_FIN)
    sent = (sent + 1) % (1 << 32)
    yield back(_FIN)
    got = (got + 1) % (1 << 32)
    yield out(_ACK)


def _ip(src: bytes, dst: bytes, proto: int, body: bytes) -> bytes:
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 0, 0x4000, 64, proto, 0, src, dst)
    return b"\x02\0\0\0\0\1\x02\0\0\0\0\2\x08\0" + head + body


def _udp(src: bytes, dst: bytes, sport: int, dport: int, data: bytes) -> bytes:
    return _ip(src, dst, 17, struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data)


def _segment(src: bytes, dst: bytes, sport: int, dport: int, state: tuple[int, int, int], data: bytes) -> bytes:
    seq, ack, flags = state
    acked = ack if flags & _ACK else 0
    return _ip(src, dst, 6, struct.pack("!HHIIBBHHH", sport, dport, seq, acked, 0x50, flags, 65_535, 0, 0) + data)


def _client_hello(name: str) -> bytes:
    host = name.encode()
    sni = struct.pack("!HHHBH", 0, len(host) + 5, len(host) + 3, 0, len(host)) + host
    alpn = struct.pack("!HHH", 16, 5, 3) + b"\x02h2"
    versions = struct.pack("!HHB", 43, 3, 2) + b"\x03\x04"
    extensions = sni + alpn + versions
    body = b"\x03\x03" + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0" + struct.pack("!H", len(extensions)) + extensions
    message = b"\1" + len(body).to_bytes(3) + body
    return b"\x16\3\1" + struct.pack("!H", len(message)) + message


if __name__ == "__main__":
    make = crowd if sys.argv[1] == "crowd" else write
    make(Path(sys.argv[2]), int(sys.argv[3]))
