"""Flows: scapy makes small conversations, a reference over sets of positions counts them, the core must agree."""

import base64
import hashlib
import ipaddress
import itertools
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop
from scapy.layers.l2 import CookedLinux, CookedLinuxV2, Dot1Q, Ether
from scapy.packet import Raw

START = 1_795_333_872_000_000_000
STEP = 7_000_001
ETHERNET, RAW_IP, SLL, SLL2 = 1, 101, 113, 276
MACS: dict[str, Any] = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}


def padded(frame: bytes) -> bytes:
    """An Ethernet frame is at least 60 bytes: the filling is no payload."""
    return frame.ljust(60, b"\0")


Link = tuple[int, list[int], Callable[[Any], bytes]]
LINKS: dict[str, Link] = {
    "ethernet": (ETHERNET, [], lambda packet: bytes(Ether(**MACS) / packet)),
    "padded": (ETHERNET, [], lambda packet: padded(bytes(Ether(**MACS) / packet))),
    "vlan": (ETHERNET, [12], lambda packet: bytes(Ether(**MACS) / Dot1Q(vlan=12) / packet)),
    "qinq": (
        ETHERNET,
        [7, 9],
        lambda packet: bytes(Ether(**MACS, type=0x88A8) / Dot1Q(vlan=7) / Dot1Q(vlan=9) / packet),
    ),
    "sll": (SLL, [], lambda packet: bytes(CookedLinux() / packet)),
    "sll2": (SLL2, [], lambda packet: bytes(CookedLinuxV2() / packet)),
    "raw": (RAW_IP, [], bytes),
}
NETWORKS: dict[str, tuple[str, str, Callable[[str, str], Any]]] = {
    "ipv4": ("192.0.2.10", "198.51.100.7", lambda src, dst: IP(src=src, dst=dst)),
    "options": ("192.0.2.10", "198.51.100.7", lambda src, dst: IP(src=src, dst=dst, options=[IPOption_NOP()] * 4)),
    "ipv6": ("2001:db8::10", "2001:db8:51::7", lambda src, dst: IPv6(src=src, dst=dst)),
    "extended": (
        "2001:db8::10",
        "2001:db8:51::7",
        lambda src, dst: IPv6(src=src, dst=dst) / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt(),
    ),
}


def community_id(proto: int, ends: Sequence[tuple[str, int]]) -> str:
    """The specification's formula over (address, port) pairs."""
    packed = sorted((ipaddress.ip_address(address).packed, port) for address, port in ends)
    ports = b"".join(struct.pack("!H", port) for _, port in packed)
    hashed = hashlib.sha1(b"\0\0" + packed[0][0] + packed[1][0] + bytes([proto, 0]) + ports, usedforsecurity=False)
    return "1:" + base64.b64encode(hashed.digest()).decode()


@dataclass
class Side:
    """What the reference knows of one direction; positions count from the first payload byte."""

    packets: int = 0
    ip_bytes: int = 0
    seen: set[int] = field(default_factory=set)
    acked: int = 0

    @property
    def missing(self) -> int:
        return len(set(range(self.acked)) - self.seen)

    @property
    def payload(self) -> int:
        """What was seen, and what must have been sent since it was acknowledged."""
        return len(self.seen) + self.missing


@dataclass(frozen=True)
class Segment:
    """One captured TCP segment: from the client or not, position of its payload, and what it acknowledges."""

    outward: bool
    flags: str
    position: int
    length: int
    acknowledges: int


def lengths(packet: Any) -> int:
    """The length the IP header states, header included."""
    built = bytes(packet)
    return len(built)


@st.composite
def transfers(draw: st.DrawFn, outward: bool) -> list[Segment]:
    """One direction's data: pieces lost, sent twice, overlapping, in any order, with acknowledgements between them."""
    sizes = draw(st.lists(st.integers(2, 60), max_size=6))
    edges = [0, *itertools.accumulate(sizes)]
    pieces = [(start, end) for start, end in itertools.pairwise(edges) if draw(st.integers(0, 5)) > 0]
    if len(edges) > 2:
        again = st.tuples(st.integers(0, edges[-1] - 2), st.integers(2, 80))
        pieces += [(at, min(at + size, edges[-1])) for at, size in draw(st.lists(again, max_size=2))]
    segments = [Segment(outward, "PA", start, end - start, 0) for start, end in draw(st.permutations(pieces))]
    for edge in draw(st.lists(st.sampled_from(edges), max_size=3)):
        segments.insert(draw(st.integers(0, len(segments))), Segment(not outward, "A", -1, 0, edge))
    return segments


@st.composite
def sessions(draw: st.DrawFn) -> list[Segment]:
    """A conversation whose opening was recorded; acknowledgements never go back."""
    there, back = draw(transfers(outward=True)), draw(transfers(outward=False))
    order = draw(st.permutations([True] * len(there) + [False] * len(back)))
    queues = {True: iter(there), False: iter(back)}
    return [next(queues[which]) for which in order]


def with_acknowledgements(session: Sequence[Segment]) -> list[Segment]:
    """Each segment acknowledges as much as its sender did before, so that numbers only rise."""
    highest = {True: 0, False: 0}
    done = []
    for one in session:
        highest[one.outward] = max(highest[one.outward], one.acknowledges)
        done.append(Segment(one.outward, one.flags, one.position, one.length, highest[one.outward]))
    return done


def tcp_of(one: Segment, numbers: dict[bool, int], ports: tuple[int, int], sent: dict[bool, int]) -> Any:
    """The segment with its sequence numbers modulo 2^32; a bare acknowledgement stands at the end of what was sent."""
    position = sent[one.outward] if one.position < 0 else one.position
    seq = (numbers[one.outward] + 1 + position) % 2**32
    ack = (numbers[not one.outward] + 1 + one.acknowledges) % 2**32
    pair = ports if one.outward else ports[::-1]
    return TCP(sport=pair[0], dport=pair[1], flags=one.flags, seq=seq, ack=ack) / Raw(b"\x99" * one.length)


def opening(numbers: dict[bool, int], ports: tuple[int, int]) -> list[tuple[bool, Any]]:
    first, second = numbers[True], numbers[False]
    after = [(first + 1) % 2**32, (second + 1) % 2**32]
    return [
        (True, TCP(sport=ports[0], dport=ports[1], flags="S", seq=first)),
        (False, TCP(sport=ports[1], dport=ports[0], flags="SA", seq=second, ack=after[0])),
        (True, TCP(sport=ports[0], dport=ports[1], flags="A", seq=after[0], ack=after[1])),
    ]


def row(
    sides: dict[bool, Side], proto: str, ends: Sequence[tuple[str, int]], count: int, vlan: list[int]
) -> dict[str, Any]:
    """The columns every conversation decides."""
    out, back = sides[True], sides[False]
    return {
        "first_record": 1,
        "last_record": count,
        "start": START,
        "end": START + (count - 1) * STEP,
        "proto": proto,
        "src_ip": ends[0][0],
        "dst_ip": ends[1][0],
        "src_port": ends[0][1],
        "dst_port": ends[1][1],
        "src_packets": out.packets,
        "dst_packets": back.packets,
        "src_bytes": out.ip_bytes,
        "dst_bytes": back.ip_bytes,
        "bytes_scope": "ip",
        "src_payload": out.payload,
        "dst_payload": back.payload,
        "vlan": vlan or None,
        "community_id": community_id({"tcp": 6, "udp": 17}[proto], ends),
    }


def told(flow: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """The same columns of what the core told; no tags may be an empty list or null."""
    return {name: (flow.get(name) or None) if name == "vlan" else flow.get(name) for name in wanted}


def captured(packets: Sequence[Any], wrap: Callable[[Any], bytes], packet: Any) -> list[Any]:
    return [packet(START + number * STEP, wrap(one)) for number, one in enumerate(packets)]


isns = st.one_of(st.integers(0, 2**32 - 1), st.integers(2**32 - 200, 2**32 - 1))


@settings(max_examples=150, deadline=None)
@given(
    session=sessions(),
    link=st.sampled_from(sorted(LINKS)),
    network=st.sampled_from(sorted(NETWORKS)),
    numbers=st.tuples(isns, isns),
)
def test_tcp(
    rows_of: Any, packet: Any, session: list[Segment], link: str, network: str, numbers: tuple[int, int]
) -> None:
    client, server, header = NETWORKS[network]
    first = {True: numbers[0], False: numbers[1]}
    ports = (40000, 20000)
    sides = {True: Side(), False: Side()}
    segments = opening(first, ports)
    for one in with_acknowledgements(session):
        sent = {way: max(side.seen, default=-1) + 1 for way, side in sides.items()}
        segments.append((one.outward, tcp_of(one, first, ports, sent)))
        if one.length:
            sides[one.outward].seen.update(range(one.position, one.position + one.length))
        sides[not one.outward].acked = max(sides[not one.outward].acked, one.acknowledges)
    packets = []
    for outward, tcp in segments:
        built = header(client, server) / tcp if outward else header(server, client) / tcp
        packets.append(built)
        sides[outward].packets += 1
        sides[outward].ip_bytes += lengths(built)
    link_type, vlan, wrap = LINKS[link]
    rows = rows_of(captured(packets, wrap, packet), link_type)
    wanted = row(sides, "tcp", [(client, ports[0]), (server, ports[1])], len(packets), vlan)
    wanted |= {
        "direction_basis": "handshake",
        "src_acked": sides[True].acked,
        "dst_acked": sides[False].acked,
        "missing_bytes": sides[True].missing + sides[False].missing,
        "state": "S1",
        "first_offset": rows.offsets[0],
    }
    (flow,) = rows.flows
    assert told(flow, wanted) == wanted


@settings(max_examples=60, deadline=None)
@given(
    datagrams=st.lists(st.tuples(st.booleans(), st.integers(0, 400)), min_size=1, max_size=8),
    link=st.sampled_from(sorted(LINKS)),
    network=st.sampled_from(sorted(NETWORKS)),
)
def test_udp(rows_of: Any, packet: Any, datagrams: list[tuple[bool, int]], link: str, network: str) -> None:
    client, server, header = NETWORKS[network]
    datagrams[0] = (True, datagrams[0][1])
    ports = (40000, 20000)
    sides = {True: Side(), False: Side()}
    payload = {True: 0, False: 0}
    packets = []
    for outward, size in datagrams:
        (src, sport), (dst, dport) = [(client, ports[0]), (server, ports[1])][:: 1 if outward else -1]
        built = header(src, dst) / UDP(sport=sport, dport=dport) / Raw(b"\x99" * size)
        packets.append(built)
        sides[outward].packets += 1
        sides[outward].ip_bytes += lengths(built)
        payload[outward] += size
    link_type, vlan, wrap = LINKS[link]
    (flow,) = rows_of(captured(packets, wrap, packet), link_type).flows
    wanted = row(sides, "udp", [(client, ports[0]), (server, ports[1])], len(packets), vlan)
    wanted |= {"src_payload": payload[True], "dst_payload": payload[False], "state": None, "src_acked": None}
    assert told(flow, wanted) == wanted


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 300), min_size=1, max_size=5),
    link=st.sampled_from(sorted(LINKS)),
    network=st.sampled_from(sorted(NETWORKS)),
)
def test_echoes_are_one_flow(rows_of: Any, packet: Any, sizes: list[int], link: str, network: str) -> None:
    client, server, header = NETWORKS[network]
    old = ":" not in client
    kinds = (8, 0) if old else (128, 129)
    sides = {True: Side(), False: Side()}
    packets = []
    for number, size in enumerate(sizes):
        for outward, (src, dst) in (True, (client, server)), (False, (server, client)):
            echo: Any = (
                ICMP(type=kinds[0 if outward else 1], id=9, seq=number)
                if old
                else (ICMPv6EchoRequest(id=9, seq=number) if outward else ICMPv6EchoReply(id=9, seq=number))
            )
            packets.append(header(src, dst) / echo / Raw(b"\x99" * size))
            sides[outward].packets += 1
            sides[outward].ip_bytes += lengths(packets[-1])
    link_type, vlan, wrap = LINKS[link]
    (flow,) = rows_of(captured(packets, wrap, packet), link_type).flows
    wanted = {
        "proto": "icmp" if old else "icmp6",
        "src_ip": client,
        "src_port": kinds[0],
        "dst_port": 0,
        "src_packets": len(sizes),
        "dst_packets": len(sizes),
        "src_bytes": sides[True].ip_bytes,
        "dst_bytes": sides[False].ip_bytes,
        "src_payload": sum(sizes),
        "dst_payload": sum(sizes),
        "vlan": vlan or None,
        "community_id": community_id(1 if old else 58, [(client, kinds[0]), (server, kinds[1])]),
    }
    assert told(flow, wanted) == wanted


def test_an_error_first_does_not_pass_off_what_follows_as_errors(rows_of: Any, packet: Any) -> None:
    quoted = IP(src="203.0.113.66", dst="192.0.2.10") / UDP(sport=1, dport=2)
    out = IP(src="192.0.2.10", dst="203.0.113.66")
    packets = [out / ICMP(type=3, code=3) / quoted, out / ICMP(type=8) / Raw(b"\x99" * 1000)]
    error, echo = rows_of(captured(packets, LINKS["ethernet"][2], packet)).flows
    assert (error["src_port"], error["src_packets"]) == (3, 1)
    assert (echo["src_port"], echo["src_payload"]) == (8, 1000)
