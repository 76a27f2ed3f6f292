"""Tunnels: a conversation that scapy wraps in any encapsulations gives the row it gives bare, and says its layers."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.contrib.erspan import ERSPAN_I, ERSPAN_II, ERSPAN_III
from scapy.contrib.geneve import GENEVE
from scapy.contrib.gtp import GTP_U_Header, GTPPDUSessionContainer
from scapy.contrib.mpls import MPLS
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import GRE, GRE_PPTP, Dot1Q, Ether
from scapy.layers.l2tp import L2TP
from scapy.layers.ppp import HDLC, PPP, PPPoE
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

START, STEP = 1_795_333_872_000_000_000, 7_000_001
MACS: dict[str, Any] = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
CLIENT, SERVER = ("192.0.2.10", 40_000), ("198.51.100.7", 20_000)
CLIENT6, SERVER6 = ("2001:db8::10", 40_000), ("2001:db8:51::7", 20_000)
_ANY_PORT = random.Random(7)  # noqa: S311 - no secret


def frame(packet: Any) -> Any:
    return Ether(**MACS) / packet


def tagged(packet: Any) -> Any:
    return Ether(**MACS) / Dot1Q(vlan=9) / packet


def entropy() -> int:
    return _ANY_PORT.randrange(49_152, 65_536)


@dataclass(frozen=True)
class Wrap:
    """An encapsulation: its word, what stands between the outer IP header and the packet, and whether it mirrors."""

    word: str
    of: Callable[[Any, bool], Any]
    """From the packet, and whether it runs outward."""
    mirrors: bool = False


def udp(port: int, layer: Any) -> Any:
    return UDP(sport=entropy(), dport=port) / layer


WRAPS = {
    "gre": Wrap("gre", lambda p, _: GRE() / p),
    "gre options": Wrap("gre", lambda p, _: GRE(chksum_present=1, key_present=1, key=7, seqnum_present=1) / p),
    "nvgre": Wrap("gre", lambda p, out: GRE(proto=0x6558, key_present=1, key=5000 << 8 | out) / frame(p)),
    "pptp": Wrap("gre", lambda p, out: GRE_PPTP(call_id=1 + out, seqnum_present=1) / HDLC() / PPP() / p),
    "erspan 1": Wrap("erspan", lambda p, _: GRE(proto=0x88BE) / ERSPAN_I() / frame(p), mirrors=True),
    "erspan 2": Wrap(
        "erspan:9",
        lambda p, _: GRE(proto=0x88BE, seqnum_present=1) / ERSPAN_II(session_id=9) / frame(p),
        mirrors=True,
    ),
    "erspan 3": Wrap(
        "erspan:9",
        lambda p, _: GRE(proto=0x22EB, seqnum_present=1) / ERSPAN_III(ver=2, session_id=9) / tagged(p),
        mirrors=True,
    ),
    "ipip": Wrap("ipip", lambda p, _: p),
    "vxlan": Wrap("vxlan:100", lambda p, _: udp(4789, VXLAN(vni=100, flags=8) / tagged(p))),
    "vxlan of Linux": Wrap("vxlan:100", lambda p, _: udp(8472, VXLAN(vni=100, flags=8) / frame(p))),
    "geneve": Wrap("geneve:7", lambda p, _: udp(6081, GENEVE(vni=7, proto=0x6558, options=[]) / frame(p))),
    "gtpu": Wrap("gtpu", lambda p, out: udp(2152, GTP_U_Header(teid=1 + out) / p)),
    "gtpu session": Wrap(
        "gtpu", lambda p, out: udp(2152, GTP_U_Header(teid=1 + out) / GTPPDUSessionContainer(type=0, QFI=9) / p)
    ),
    "l2tp": Wrap(
        "l2tp", lambda p, out: udp(1701, L2TP(hdr="length", tunnel_id=1 + out, session_id=3) / HDLC() / PPP() / p)
    ),
}


def outer(number: int, outward: bool) -> Any:
    """The outer header of a layer; every third layer runs over IPv6."""
    ends = (f"203.0.113.{number}", f"203.0.113.{100 + number}")
    src, dst = ends if outward else ends[::-1]
    if number % 3 == 2:
        return IPv6(src=f"2001:db8:0:{src.rpartition('.')[2]}::1", dst=f"2001:db8:0:{dst.rpartition('.')[2]}::1")
    return IP(src=src, dst=dst)


def ends(number: int) -> dict[str, str]:
    header = outer(number, outward=True)
    return {"src": header.src, "dst": header.dst}


def wrapped(packet: Any, names: Sequence[str], outward: bool) -> Any:
    """The packet in these encapsulations, named outer to inner; mirrored frames always run one way."""
    for number in reversed(range(len(names))):
        wrap = WRAPS[names[number]]
        packet = outer(number + 1, outward or wrap.mirrors) / wrap.of(packet, outward)
    return packet


def conversation(sizes: Sequence[tuple[bool, int]], *, six: bool) -> list[tuple[bool, Any]]:
    pair = (CLIENT6, SERVER6) if six else (CLIENT, SERVER)
    header: Any = IPv6 if six else IP
    packets = []
    for outward, size in sizes:
        src, dst = pair if outward else pair[::-1]
        body = UDP(sport=src[1], dport=dst[1]) / Raw(b"\x99" * size)
        packets.append((outward, header(src=src[0], dst=dst[0]) / body))
    return packets


def captured(packets: Sequence[Any], packet: Any) -> list[Any]:
    return [packet(START + number * STEP, bytes(one)) for number, one in enumerate(packets)]


def bare(flow: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in flow.items() if name not in ("tunnel", "tunnel_ends")}


@settings(max_examples=200, deadline=None)
@given(
    names=st.lists(st.sampled_from(sorted(WRAPS)), min_size=1, max_size=4),
    sizes=st.lists(st.tuples(st.booleans(), st.integers(0, 200)), min_size=1, max_size=5),
    six=st.booleans(),
)
def test_a_wrapped_conversation_is_the_bare_one_and_its_layers(
    rows_of: Any, packet: Any, names: list[str], sizes: list[tuple[bool, int]], six: bool
) -> None:
    sizes[0] = (True, sizes[0][1])
    packets = conversation(sizes, six=six)
    (plain,) = rows_of(captured([frame(one) for _, one in packets], packet)).flows
    rows = rows_of(captured([frame(wrapped(one, names, outward)) for outward, one in packets], packet))
    (flow,) = rows.flows
    assert bare(flow) == bare(plain)
    assert flow["tunnel"] == [WRAPS[name].word for name in names]
    assert flow["tunnel_ends"] == [ends(number + 1) for number in range(len(names))]
    assert not rows.skipped


def test_the_initiators_side_stands_first_though_the_answer_was_recorded_first(rows_of: Any, packet: Any) -> None:
    answer = IP(src="198.51.100.7", dst="192.0.2.10") / TCP(sport=443, dport=40_000, flags="SA", seq=5, ack=2)
    for name in ("gre", "vxlan", "erspan 2"):
        (flow,) = rows_of(captured([frame(wrapped(answer, [name], outward=False))], packet)).flows
        assert (flow["src_ip"], flow["direction_basis"]) == ("192.0.2.10", "handshake")
        assert flow["tunnel_ends"] == [ends(1)], name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (GRE(key_present=1, key=1), GRE(key_present=1, key=2)),
        (
            UDP(dport=4789) / VXLAN(vni=1, flags=8) / Ether(**MACS),
            UDP(dport=4789) / VXLAN(vni=2, flags=8) / Ether(**MACS),
        ),
        (
            GRE(proto=0x6558, key_present=1, key=0x100) / Ether(**MACS),
            GRE(proto=0x6558, key_present=1, key=0x200) / Ether(**MACS),
        ),
    ],
)
def test_the_same_addresses_in_two_tunnels_are_two_flows(rows_of: Any, packet: Any, one: Any, other: Any) -> None:
    [(_, inner)] = conversation([(True, 10)], six=False)
    head = IP(src="203.0.113.1", dst="203.0.113.2")
    flows = rows_of(captured([frame(head / layer / inner) for layer in (one, other, one)], packet)).flows
    assert [flow["src_packets"] for flow in flows] == [2, 1]


def test_a_network_that_differs_by_direction_is_one_tunnel(rows_of: Any, packet: Any) -> None:
    packets = conversation([(True, 10), (False, 20)], six=False)
    wrapping = [outer(1, out) / udp(6081, GENEVE(vni=7 + out, proto=0x800)) / one for out, one in packets]
    (flow,) = rows_of(captured([frame(one) for one in wrapping], packet)).flows
    assert (flow["tunnel"], flow["src_payload"], flow["dst_payload"]) == (["geneve:8"], 10, 20)


def test_between_other_ends_it_is_another_flow(rows_of: Any, packet: Any) -> None:
    [(_, inner)] = conversation([(True, 10)], six=False)
    heads = [IP(src="203.0.113.1", dst=f"203.0.113.{last}") for last in (2, 3, 2)]
    flows = rows_of(captured([*(frame(head / GRE() / inner) for head in heads), frame(inner)], packet)).flows
    assert [flow["src_packets"] for flow in flows] == [2, 1, 1]
    assert [len(flow["tunnel"]) for flow in flows] == [1, 1, 0]


def test_deeper_than_the_limit_the_innermost_packet_reached_is_the_flow(rows_of: Any, packet: Any) -> None:
    [(_, inner)] = conversation([(True, 10)], six=False)
    (flow,) = rows_of(captured([frame(wrapped(inner, ["gre"] * 6, outward=True))], packet)).flows
    assert (flow["proto"], flow["tunnel"], flow["dst_ip"]) == ("47", ["gre"] * 4, ends(5)["dst"])


def test_the_depth_limit_is_counted(tmp_path: Any, packet: Any) -> None:
    from flowwatch import sources  # noqa: PLC0415 - one account, not rows

    [(_, inner)] = conversation([(True, 10)], six=False)
    path = tmp_path / "deep.pcap"
    deep = bytes(frame(wrapped(inner, ["ipip"] * 5, outward=True)))
    head = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")
    path.write_bytes(head + b"".join(n.to_bytes(4, "little") for n in (1, 0, len(deep), len(deep))) + deep)
    (coverage,) = sources.collect([str(path)]).coverage
    assert (coverage.limits, coverage.incomplete) == ({"tunnel_depth": 1}, True)


def test_sessions_and_labels_before_the_packet(rows_of: Any, packet: Any) -> None:
    [(_, inner)] = conversation([(True, 10)], six=False)
    (plain,) = rows_of(captured([frame(inner)], packet)).flows
    (flow,) = rows_of(captured([frame(PPPoE(sessionid=7) / PPP() / inner)], packet)).flows
    assert bare(flow) == bare(plain)
    assert (flow["tunnel"], flow["tunnel_ends"]) == (["pppoe"], [{"src": None, "dst": None}])
    (flow,) = rows_of(captured([PPP() / inner], packet), 9).flows
    assert flow == plain
    (flow,) = rows_of(captured([HDLC() / PPP() / inner], packet), 50).flows
    assert flow == plain
    for labels in (MPLS(label=16, s=1), MPLS(label=16, s=0) / MPLS(label=17, s=1)):
        (flow,) = rows_of(captured([Ether(**MACS, type=0x8847) / labels / inner], packet)).flows
        assert flow == plain
    other = PPPoE(sessionid=8) / PPP() / wrapped(inner, ["gre"], outward=True)
    (flow,) = rows_of(captured([frame(other)], packet)).flows
    assert flow["tunnel"] == ["pppoe", "gre"]


def test_tags_within_a_tunnel_are_not_those_of_the_frame(rows_of: Any, packet: Any) -> None:
    [(_, inner)] = conversation([(True, 10)], six=False)
    (flow,) = rows_of(captured([tagged(wrapped(inner, ["vxlan"], outward=True))], packet)).flows
    assert flow["vlan"] == [9]
    (flow,) = rows_of(captured([frame(wrapped(inner, ["vxlan"], outward=True))], packet)).flows
    assert flow["vlan"] == []


def test_teredo(rows_of: Any, packet: Any) -> None:
    six = IPv6(src="2001:0:cb00:7101::1", dst="2001:db8::7") / UDP(sport=40_000, dport=53) / Raw(b"\x99" * 9)
    head = IP(src="192.0.2.10", dst="203.0.113.1") / UDP(sport=50_000, dport=3544)
    for before in (b"", bytes(8), bytes.fromhex("00010000") + bytes(9) + bytes(8)):
        (flow,) = rows_of(captured([frame(head / Raw(before + bytes(six)))], packet)).flows
        assert (flow["src_ip"], flow["dst_port"], flow["src_bytes"]) == (six.src, 53, 57)
        assert (flow["tunnel"], flow["tunnel_ends"]) == (["teredo"], [{"src": "192.0.2.10", "dst": "203.0.113.1"}])


def test_a_tunnelled_datagram_in_pieces_is_counted_once(rows_of: Any, packet: Any) -> None:
    [(_, inner)] = conversation([(True, 2000)], six=False)
    (plain,) = rows_of(captured([frame(inner)], packet)).flows
    for name in ("gre", "vxlan", "gtpu", "l2tp", "ipip"):
        whole = wrapped(inner, [name], outward=True)
        parts = [frame(IP(bytes(part))) for part in fragment(IP(bytes(whole)), fragsize=800)]
        rows = rows_of(captured(parts, packet))
        (flow,) = rows.flows
        counted = ("src_packets", "src_bytes", "src_payload", "dst_ip", "dst_port")
        assert [flow[column] for column in counted] == [plain[column] for column in counted], name
        assert (flow["tunnel"], rows.skipped) == ([WRAPS[name].word], {})


def test_pieces_within_a_tunnel_belong_to_their_datagram(rows_of: Any, packet: Any) -> None:
    [(_, inner)] = conversation([(True, 2000)], six=False)
    pieces = [IP(bytes(part)) for part in fragment(inner, fragsize=800)]
    (plain,) = rows_of(captured([frame(piece) for piece in pieces], packet)).flows
    wrapping = [frame(wrapped(piece, ["vxlan"], outward=True)) for piece in pieces]
    (flow,) = rows_of(captured(wrapping, packet)).flows
    assert bare(flow) == bare(plain)


@pytest.mark.parametrize("name", sorted(WRAPS.keys() - {"ipip"}))
def test_what_carries_no_packet_stays_the_outer_conversation(rows_of: Any, packet: Any, name: str) -> None:
    layer = WRAPS[name].of(Raw(b"\x99" * 60), True)
    (flow,) = rows_of(captured([frame(outer(1, outward=True) / layer)], packet)).flows
    assert (flow["tunnel"], flow["src_ip"], flow["dst_ip"]) == ([], *ends(1).values())
    assert flow["proto"] == ("udp" if layer.haslayer(UDP) else "47")


def test_opaque_tunnels_are_named(rows_of: Any, packet: Any) -> None:
    head = IP(src="192.0.2.10", dst="203.0.113.1")
    handshake = head / UDP(sport=40_000, dport=9999) / Raw(b"\1\0\0\0" + b"\x99" * 144)
    packets = [head / Raw(b"\x99" * 80), handshake, head / ICMP() / Raw(b"\x99" * 80)]
    packets[0].proto = 50
    flows = rows_of(captured([frame(one) for one in packets], packet)).flows
    assert [flow.get("app") for flow in flows] == ["esp", "wireguard", None]
    assert [flow.get("src_clear") for flow in flows] == [False, False, None]
