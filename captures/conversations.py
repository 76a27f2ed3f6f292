"""Sample conversations as packets: what a `make.py` tells, this writes down as a capture.

Promises the same file, byte for byte, for the same calls: times, ports, sequence numbers and contents are all given or
derived from what is given. A conversation is complete (handshake, segments of at most 1,460 bytes, acknowledgements,
close) unless the caller asks for one that is not. Refuses every address outside the documentation blocks.
"""

import datetime as dt
import hashlib
import ipaddress
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from messages import client_hello, dns_answer, dns_query, sealed, server_hello
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import GRE, Ether
from scapy.packet import Packet, Raw

MSS = 1_460
_STEP = 200
"""Microseconds between packets of one side."""
_TRIP = 9_000
"""Microseconds from one side to the other and back."""
_BLOCKS = [ipaddress.ip_network(one) for one in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")]


def instant(text: str) -> int:
    """Microseconds since 1970 of an RFC 3339 time with its offset."""
    since = dt.datetime.fromisoformat(text) - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return since // dt.timedelta(microseconds=1)


def seconds(count: float) -> int:
    """Microseconds of a span given in seconds."""
    return round(count * 1_000_000)


class Recording:
    """Packets in order of time, written as one pcap file (Ethernet, microseconds)."""

    def __init__(self, keep: Callable[[str, str], bool] | None = None) -> None:
        """`keep(sender, receiver)` says which packets the sensor records; all of them when not given."""
        self._packets: list[tuple[int, bytes]] = []
        self._keep = keep
        self._next_port = 40_000

    def port(self) -> int:
        """A client port not used before in this recording."""
        self._next_port += 1
        return self._next_port

    def add(self, at: int, sender: str, receiver: str, segment: Packet) -> None:
        """Record one packet at `at` (microseconds), if the sensor keeps it."""
        for address in (sender, receiver):
            if not any(ipaddress.ip_address(address) in block for block in _BLOCKS):
                raise ValueError(f"{address} is not a documentation address")
        if self._keep is None or self._keep(sender, receiver):
            frame = Ether(src=_mac(sender), dst=_mac(receiver)) / _ip(sender, receiver) / segment
            self._packets.append((at, bytes(frame)))

    def write(self, path: Path) -> None:
        """Write the packets in order of time; packets of one instant keep the order they were told in."""
        with path.open("wb") as out:
            out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1))
            for at, frame in sorted(self._packets, key=lambda one: one[0]):
                out.write(struct.pack("<4I", at // 1_000_000, at % 1_000_000, len(frame), len(frame)) + frame)


def _mac(address: str) -> str:
    digest = hashlib.sha256(address.encode()).digest()
    return "02:" + ":".join(f"{byte:02x}" for byte in digest[:5])


def _ip(sender: str, receiver: str) -> Packet:
    if ":" in sender:
        return IPv6(src=sender, dst=receiver, hlim=60)
    return IP(src=sender, dst=receiver, ttl=60, id=1, flags="DF")


class Tunnel:
    """A recording seen through a tunnel: every packet told to it is wrapped in GRE (RFC 2784) or IP (RFC 2003).

    `near` is the outer address on the side of the clients, `far` the one at the other end.
    """

    def __init__(self, recording: Recording, near: str, far: str, clients: str, *, gre: bool = True) -> None:
        """`clients` is how the addresses on the near side begin."""
        self._recording = recording
        self._ends = (near, far)
        self._clients = clients
        self._gre = gre

    def port(self) -> int:
        """A client port not used before in the recording."""
        return self._recording.port()

    def add(self, at: int, sender: str, receiver: str, segment: Packet) -> None:
        """Record one wrapped packet at `at` (microseconds)."""
        inner = _ip(sender, receiver) / segment
        near, far = self._ends if sender.startswith(self._clients) else self._ends[::-1]
        self._recording.add(at, near, far, GRE() / inner if self._gre else inner)


class Tcp:
    """One TCP conversation (RFC 9293): tell what each side sends, in order; `now` is the time of the next packet."""

    def __init__(
        self,
        recording: Recording | Tunnel,
        client: str,
        server: str,
        port: int,
        at: int,
        client_port: int | None = None,
    ) -> None:
        self._recording = recording
        self._ends = (client, server)
        self._ports = (client_port or recording.port(), port)
        seed = f"{client} {server} {self._ports}"
        isn = hashlib.sha256(seed.encode()).digest()
        self._sequence = [int.from_bytes(isn[:4], "big") >> 1, int.from_bytes(isn[4:8], "big") >> 1]
        self.seed = seed
        self.now = at

    def open(self) -> "Tcp":
        """The three-way handshake."""
        self.ask()
        self.now += _TRIP
        self._put(1, "SA", syn=True)
        self._sequence[1] += 1
        self.now += _STEP
        self._put(0, "A")
        return self

    def ask(self) -> "Tcp":
        """A SYN alone."""
        self._put(0, "S", syn=True)
        self._sequence[0] += 1
        return self

    def ask_again(self, after: float) -> "Tcp":
        """The same SYN once more, `after` seconds later."""
        self._sequence[0] -= 1
        self.now += seconds(after)
        return self.ask()

    def refuse(self) -> None:
        """The server answers the SYN with a reset."""
        self.now += _TRIP
        self._put(1, "RA")

    def client(self, data: bytes) -> "Tcp":
        """The client sends `data`; the server acknowledges every second segment and the last."""
        return self._send(0, data)

    def server(self, data: bytes) -> "Tcp":
        """The server sends `data`; the client acknowledges every second segment and the last."""
        return self._send(1, data)

    def close(self) -> None:
        """FIN from the client, FIN from the server, the last acknowledgement."""
        self._put(0, "FA")
        self._sequence[0] += 1
        self.now += _TRIP
        self._put(1, "FA")
        self._sequence[1] += 1
        self.now += _STEP
        self._put(0, "A")

    def _send(self, side: int, data: bytes) -> "Tcp":
        pieces = [data[start : start + MSS] for start in range(0, len(data), MSS)]
        for number, piece in enumerate(pieces, 1):
            self._put(side, "PA" if number == len(pieces) else "A", piece)
            self._sequence[side] += len(piece)
            self.now += _STEP
            if number % 2 == 0 or number == len(pieces):
                self._put(1 - side, "A")
                self.now += _STEP
        self.now += _TRIP
        return self

    def _put(self, side: int, flags: str, data: bytes = b"", *, syn: bool = False) -> None:
        other = 1 - side
        segment = TCP(
            sport=self._ports[side],
            dport=self._ports[other],
            seq=self._sequence[side],
            ack=self._sequence[other] if "A" in flags else 0,
            flags=flags,
            window=64_240,
            options=[("MSS", MSS)] if syn else [],
        )
        packet = segment / Raw(data) if data else segment
        self._recording.add(self.now, self._ends[side], self._ends[other], packet)


class Hello(NamedTuple):
    """What a TLS client says of itself before anything is sealed."""

    sni: str | None
    alpn: tuple[str, ...] = ("h2",)
    ech: bool = False


def tls(
    recording: Recording | Tunnel,
    client: str,
    server: str,
    *,
    at: int,
    hello: Hello,
    sent: int,
    received: int = 1_000,
    port: int = 443,
) -> int:
    """A whole TLS 1.3 conversation; returns the time after it.

    The client sends exactly `sent` payload bytes, its hello included, the server `received` (at least its own hello).
    """
    talk = Tcp(recording, client, server, port, at).open()
    opening = client_hello(talk.seed, hello.sni, hello.alpn, ech=hello.ech)
    answer = server_hello(talk.seed)
    talk.client(opening).server(answer)
    talk.client(sealed(talk.seed + "up", sent - len(opening)))
    if received > len(answer):
        talk.server(sealed(talk.seed + "down", received - len(answer)))
    talk.close()
    return talk.now


def clear(
    recording: Recording, client: str, server: str, *, at: int, request: bytes, response: bytes, port: int = 80
) -> int:
    """A whole conversation of one request and one response in clear; returns the time after it."""
    talk = Tcp(recording, client, server, port, at).open().client(request).server(response)
    talk.close()
    return talk.now


def lookup(
    recording: Recording,
    client: str,
    resolver: str,
    name: str,
    *answers: tuple[str, str, str, int],
    at: int,
    kind: str = "A",
    rcode: int = 0,
) -> int:
    """One DNS question over UDP and its answer; returns the time after it."""
    port = recording.port()
    number = int.from_bytes(hashlib.sha256(f"{client} {name} {port}".encode()).digest()[:2], "big")
    question = UDP(sport=port, dport=53) / Raw(dns_query(number, name, kind))
    answer = UDP(sport=53, dport=port) / Raw(dns_answer(number, name, kind, answers, rcode=rcode))
    recording.add(at, client, resolver, question)
    recording.add(at + _TRIP, resolver, client, answer)
    return at + 2 * _TRIP
