"""Fragments: datagrams that scapy cuts up, in any order, are the flows they would be in one piece."""

import random
import ssl
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, fragment6
from scapy.layers.l2 import GRE, Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

START, STEP = 1_795_333_872_000_000_000, 7_000_001
MINUTE = 60_000_000_000
MACS: dict[str, Any] = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
CLIENT, SERVER = "192.0.2.10", "198.51.100.7"
CLIENT6, SERVER6 = "2001:db8::10", "2001:db8:51::7"
BY_RECORD = {"first_record", "last_record", "first_offset", "start", "end"}
"""What tells where a row stands, not what it says."""


def captured(packets: Sequence[Any], packet: Any, step: int = STEP) -> list[Any]:
    return [packet(START + number * step, bytes(Ether(**MACS) / one)) for number, one in enumerate(packets)]


def parts4(whole: Any, size: int) -> list[Any]:
    return [IP(bytes(part)) for part in fragment(IP(bytes(whole)), fragsize=size)]


def parts6(whole: Any, size: int, number: int = 77) -> list[Any]:
    """Fragments of an IPv6 packet; each holds `size` bytes of what follows its first header."""
    head, rest = IPv6(bytes(whole)), bytes(whole)[40:]
    size -= size % 8
    out = []
    for at in range(0, len(rest), size):
        more = at + size < len(rest)
        middle = IPv6ExtHdrFragment(nh=head.nh, offset=at // 8, m=int(more), id=number)
        out.append(IPv6(src=head.src, dst=head.dst) / middle / Raw(rest[at : at + size]))
    return out


def parts(whole: Any, size: int) -> list[Any]:
    return parts6(whole, size) if isinstance(whole, IPv6) else parts4(whole, size)


def ip_bytes(packets: Sequence[Any]) -> int:
    return sum(len(bytes(one)) for one in packets)


def head(*, six: bool, outward: bool = True) -> Any:
    ends = (CLIENT6, SERVER6) if six else (CLIENT, SERVER)
    src, dst = ends if outward else ends[::-1]
    return IPv6(src=src, dst=dst) if six else IP(src=src, dst=dst, id=77)


def datagram(size: int, *, six: bool) -> Any:
    return head(six=six) / UDP(sport=40_000, dport=20_000) / Raw(b"\x99" * size)


def told(flow: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in flow.items() if name not in BY_RECORD}


@settings(max_examples=150, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 3000), min_size=1, max_size=4),
    size=st.integers(8, 900),
    six=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_in_any_order_fragments_are_the_flow_of_their_datagram(
    rows_of: Any, packet: Any, sizes: list[int], size: int, six: bool, seed: int
) -> None:
    cut = []
    for number, payload in enumerate(sizes):
        whole = datagram(payload, six=six)
        if six:
            cut += parts6(whole, size, number)
        else:
            whole.id = number
            cut += parts4(whole, size)
    random.Random(seed).shuffle(cut)  # noqa: S311 - no secret
    rows = rows_of(captured(cut, packet))
    (flow,) = rows.flows
    assert (flow["src_packets"], flow["src_bytes"]) == (len(cut), ip_bytes(cut))
    assert (flow["src_payload"], flow["dst_port"]) == (sum(sizes), 20_000)
    assert (flow["first_record"], flow["last_record"]) == (1, len(cut))
    assert (flow["start"], flow["end"]) == (START, START + (len(cut) - 1) * STEP)
    assert not rows.skipped


@pytest.mark.parametrize("six", [False, True])
@pytest.mark.parametrize("backward", [False, True])
def test_a_name_in_fragments_is_read(rows_of: Any, packet: Any, six: bool, backward: bool) -> None:
    question = DNS(id=7, qd=DNSQR(qname="a.example", qtype="TXT"))
    records = [DNSRR(rrname="a.example", type="TXT", rdata="x" * 200, ttl=9) for _ in range(9)]
    answer = DNS(id=7, qr=1, qd=DNSQR(qname="a.example", qtype="TXT"), an=records)
    pieces = parts(head(six=six, outward=False) / UDP(sport=53, dport=40_000) / answer, 512)
    asked = head(six=six) / UDP(sport=40_000, dport=53) / question
    rows = rows_of(captured([asked, *(reversed(pieces) if backward else pieces)], packet))
    (lookup,) = rows.lookups
    assert (lookup["rcode"], len(lookup["answers"])) == ("NOERROR", 9)
    assert lookup["answer_record"] == 1 + len(pieces)
    assert rows.flows[0]["dst_packets"] == len(pieces)


def hello(host: str) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    said = ssl.MemoryBIO()
    side = context.wrap_bio(ssl.MemoryBIO(), said, server_hostname=host)
    with pytest.raises(ssl.SSLWantReadError):
        side.do_handshake()
    return said.read()


@pytest.mark.parametrize("six", [False, True])
def test_segments_in_fragments_are_counted_and_read(rows_of: Any, packet: Any, six: bool) -> None:
    def segment(flags: str, seq: int, ack: int, payload: bytes = b"", *, outward: bool = True) -> Any:
        ports = (40_000, 443) if outward else (443, 40_000)
        tcp = TCP(sport=ports[0], dport=ports[1], flags=flags, seq=seq, ack=ack)
        return head(six=six, outward=outward) / tcp / Raw(payload)

    said = hello("www.example")
    whole = [
        segment("S", 100, 0),
        segment("SA", 900, 101, outward=False),
        segment("PAF", 101, 901, said),
        segment("A", 901, 102 + len(said), outward=False),
    ]
    pieces = parts(whole[2], 64)
    (plain,) = rows_of(captured(whole, packet)).flows
    for order in (pieces, pieces[::-1]):
        (flow,) = rows_of(captured([*whole[:2], *order, whole[3]], packet)).flows
        counted = {"src_packets": 1 + len(pieces), "src_bytes": ip_bytes([whole[0], *pieces])}
        assert told(flow) == {**told(plain), **counted}
        assert (flow["sni"], flow["src_acked"]) == ("www.example", len(said))


def test_options_before_the_payload_stand_in_the_first_fragment(rows_of: Any, packet: Any) -> None:
    options = IPv6ExtHdrDestOpt()
    whole = (
        IPv6(src=CLIENT6, dst=SERVER6) / IPv6ExtHdrFragment(id=5) / options / UDP(sport=1, dport=2) / Raw(b"x" * 900)
    )
    pieces = fragment6(whole, 400)
    assert len(pieces) > 2
    for order in (pieces, pieces[::-1]):
        (flow,) = rows_of(captured(order, packet)).flows
        assert (flow["proto"], flow["dst_port"], flow["src_payload"]) == ("udp", 2, 900)


@pytest.mark.parametrize("six", [False, True])
def test_what_came_of_a_datagram_that_never_came_whole_is_told(rows_of: Any, packet: Any, six: bool) -> None:
    pieces = parts(datagram(3000, six=six), 800)
    (flow,) = rows_of(captured([pieces[2], pieces[0]], packet)).flows
    assert (flow["src_packets"], flow["src_payload"], flow["dst_port"]) == (2, 2 * 800 - 8, 20_000)
    rows = rows_of(captured(pieces[1:], packet))
    assert (rows.flows, rows.skipped) == ([], {"fragment_without_first": len(pieces) - 1})


def test_of_a_segment_that_never_came_whole_the_front_counts(rows_of: Any, packet: Any) -> None:
    whole = IP(src=CLIENT, dst=SERVER, id=9) / TCP(sport=40_000, dport=80, seq=100, flags="PAF") / Raw(b"x" * 2000)
    pieces = parts4(whole, 800)
    (flow,) = rows_of(captured([pieces[0], pieces[2]], packet)).flows
    assert (flow["src_packets"], flow["src_payload"]) == (2, 780)
    again = IP(src=CLIENT, dst=SERVER, id=10) / whole.payload
    (flow,) = rows_of(captured([pieces[0], pieces[2], again], packet)).flows
    assert (flow["src_packets"], flow["src_payload"]) == (3, 2000)


def test_fragments_without_ports_are_their_protocols_flow(rows_of: Any, packet: Any) -> None:
    pieces = parts4(IP(src=CLIENT, dst=SERVER, id=9) / ICMP() / Raw(b"x" * 2000), 800)
    (flow,) = rows_of(captured(pieces, packet)).flows
    assert (flow["proto"], flow["src_port"], flow["src_packets"], flow["src_payload"]) == ("icmp", 8, 3, 2000)
    (flow,) = rows_of(captured(pieces[1:], packet)).flows
    assert (flow["proto"], flow["src_packets"]) == ("icmp", 2)


def test_fragments_that_come_again_find_their_flow(rows_of: Any, packet: Any) -> None:
    pieces = parts4(datagram(2000, six=False), 800)
    rows = rows_of(captured([*pieces, pieces[1], pieces[2]], packet))
    (flow,) = rows.flows
    assert (flow["src_packets"], rows.skipped) == (5, {})
    doubled = [one for piece in pieces for one in (piece, piece)]
    (flow,) = rows_of(captured(doubled, packet)).flows
    assert (flow["src_packets"], flow["dst_port"]) == (6, 20_000)


def test_a_number_used_again_after_a_minute_is_another_datagram(rows_of: Any, packet: Any) -> None:
    first, second = parts4(datagram(900, six=False), 800), parts4(datagram(1000, six=False), 800)
    rows = rows_of(captured([first[0], second[1]], packet, MINUTE + 1))
    (flow,) = rows.flows
    assert (flow["src_packets"], rows.skipped) == (1, {"fragment_without_first": 1})
    (flow,) = rows_of(captured([first[0], second[1]], packet, MINUTE)).flows
    assert flow["src_packets"] == 2


def test_the_first_to_say_a_byte_is_believed(rows_of: Any, packet: Any) -> None:
    whole = head(six=False) / UDP(sport=40_000, dport=53) / DNS(qd=DNSQR(qname="first.example"))
    pieces = parts4(whole, 24)
    other = parts4(head(six=False) / UDP(sport=40_000, dport=53) / DNS(qd=DNSQR(qname="other.example")), 24)
    rows = rows_of(captured([pieces[0], pieces[1], other[1], *pieces[2:]], packet))
    assert [lookup["qname"] for lookup in rows.lookups] == ["first.example"]


WRAPS = {
    "gre": lambda inner: GRE() / inner,
    "vxlan:9": lambda inner: UDP(sport=50_000, dport=4789) / VXLAN(vni=9, flags=8) / Ether(**MACS) / inner,
    "ipip": lambda inner: inner,
}


@pytest.mark.parametrize("word", sorted(WRAPS))
@pytest.mark.parametrize("six", [False, True])
def test_a_tunnel_in_fragments_is_opened_in_any_order(rows_of: Any, packet: Any, word: str, six: bool) -> None:
    said = DNS(qd=DNSQR(qname="www." + "long-label." * 20 + "example"))
    inner = IP(src=CLIENT, dst=SERVER) / UDP(sport=40_000, dport=53) / said
    outer = IPv6(src="2001:db8:7::1", dst="2001:db8:7::2") if six else IP(src="203.0.113.1", dst="203.0.113.2", id=5)
    pieces = parts(outer / WRAPS[word](inner), 80)
    for order in (pieces, pieces[::-1]):
        rows = rows_of(captured(order, packet))
        (flow,) = rows.flows
        assert (flow["tunnel"], flow["src_packets"], flow["src_bytes"]) == ([word], 1, len(bytes(inner)))
        assert (flow["first_record"], flow["last_record"]) == (len(pieces), len(pieces))
        assert len(rows.lookups) == 1
        assert not rows.skipped


def test_fragments_within_fragments(rows_of: Any, packet: Any) -> None:
    inner = parts4(datagram(2500, six=False), 800)
    cut = []
    for number, piece in enumerate(inner):
        cut += parts4(IP(src="203.0.113.1", dst="203.0.113.2", id=number + 1) / GRE() / piece, 200)
    random.Random(3).shuffle(cut)  # noqa: S311 - no secret
    rows = rows_of(captured(cut, packet))
    (flow,) = rows.flows
    assert (flow["src_packets"], flow["src_payload"], flow["tunnel"]) == (len(inner), 2500, ["gre"])
    assert not rows.skipped


def test_tags_around_fragments_are_kept(rows_of: Any, packet: Any) -> None:
    pieces = [Dot1Q(vlan=9) / one for one in parts4(datagram(2000, six=False), 800)]
    for order in (pieces, pieces[::-1], pieces[:2]):
        (flow,) = rows_of(captured(order, packet)).flows
        assert flow["vlan"] == [9]
