"""Links: a conversation that scapy frames for any link type gives the row it gives on Ethernet."""

import struct
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.contrib.macsec import MACsec, MACsecSCI  # type: ignore[attr-defined]  # scapy exports nothing by name
from scapy.contrib.mpls import MPLS
from scapy.contrib.nsh import NSH
from scapy.layers.dot11 import Dot11, Dot11FCS, Dot11QoS, RadioTap
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import LLC, SNAP, CookedLinux, CookedLinuxV2, Dot1AD, Dot1AH, Dot1Q, Ether, Loopback
from scapy.layers.ppp import HDLC, PPP, PPPoE
from scapy.packet import Raw

START, STEP = 1_795_333_872_000_000_000, 7_000_001
MACS: dict[str, Any] = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
CLIENT, SERVER = ("192.0.2.10", 40_000), ("198.51.100.7", 20_000)
CLIENT6, SERVER6 = ("2001:db8::10", 40_000), ("2001:db8:51::7", 20_000)
STATION: dict[str, Any] = {"addr1": "02:00:00:00:00:01", "addr2": "02:00:00:00:00:02", "addr3": "02:00:00:00:00:03"}

Framed = Callable[[Any], bytes]


def kind(packet: Any) -> int:
    """EtherType of an IP packet."""
    return 0x86DD if isinstance(packet, IPv6) else 0x0800


def ethernet(packet: Any) -> bytes:
    return bytes(Ether(**MACS) / packet)


def air(packet: Any, header: Any) -> bytes:
    return bytes(header / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(code=kind(packet)) / packet)


def data(**fields: Any) -> Any:
    return Dot11(type=2, subtype=0, **{**STATION, "FCfield": 1, **fields})


def quality(**fields: Any) -> Any:
    return Dot11(type=2, subtype=8, **{**STATION, "FCfield": 1, **fields}) / Dot11QoS()


def aggregate(packet: Any) -> bytes:
    """An aggregate whose only part is the packet; its checksum follows."""
    body = bytes(LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(code=kind(packet)) / packet)
    part = bytes(12) + struct.pack("!H", len(body)) + body
    return (
        bytes(Dot11(type=2, subtype=8, FCfield=1, **STATION))
        + b"\x80\0"
        + part.ljust(-len(part) % 4 + len(part), b"\0")
        + bytes(4)
    )


def radiotap(frame: bytes, *, padded: bool = False) -> bytes:
    return bytes(RadioTap(present="Flags", Flags="pad" if padded else "")) + frame


def ppi(link: int, frame: bytes) -> bytes:
    return struct.pack("<BBHI", 0, 0, 8, link) + frame


def pktap(link: int, frame: bytes) -> bytes:
    return struct.pack("<III", 108, 1, link).ljust(108, b"\0") + frame


def nflog(packet: Any) -> bytes:
    family = 10 if isinstance(packet, IPv6) else 2
    fields = [(1, b"\x08\0\x01\0"), (10, b"prefix\0"), (9, bytes(packet))]
    out = struct.pack("!BBH", family, 0, 20)
    for number, value in fields:
        field = struct.pack("<HH", 4 + len(value), number) + value
        out += field.ljust(-len(field) % 4 + len(field), b"\0")
    return out


LINKS: dict[str, tuple[int, Framed]] = {
    "loopback": (0, lambda p: bytes(Loopback(type=24 if isinstance(p, IPv6) else 2) / p)),
    "llc": (
        1,
        lambda p: bytes(Ether(**MACS, type=len(p) + 8) / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(code=kind(p)) / p),
    ),
    "macsec": (
        1,
        lambda p: (
            bytes(Ether(**MACS) / MACsec(SC=1, E=0, C=0, SCI=MACsecSCI(port_identifier=1), PN=1, type=kind(p)) / p)
            + bytes(16)
        ),
    ),
    "802.1ah": (1, lambda p: bytes(Ether(**MACS) / Dot1AD(vlan=9) / Dot1AH(isid=7) / Ether(**MACS) / p)),
    "nsh": (
        1,
        lambda p: bytes(Ether(**MACS, type=0x894F) / NSH(mdtype=2, nextproto=2 if isinstance(p, IPv6) else 1) / p),
    ),
    "nsh frame": (1, lambda p: bytes(Ether(**MACS, type=0x894F) / NSH(mdtype=2, nextproto=3) / Ether(**MACS) / p)),
    "pseudo-wire": (1, lambda p: bytes(Ether(**MACS, type=0x8847) / MPLS(s=1)) + bytes(4) + ethernet(p)),
    "ppp": (9, lambda p: bytes(PPP(proto=0x57 if isinstance(p, IPv6) else 0x21) / p)),
    "raw": (101, bytes),
    "cisco hdlc": (104, lambda p: struct.pack("!BBH", 0x0F, 0, kind(p)) + bytes(p)),
    "802.11": (105, lambda p: air(p, data())),
    "802.11 from the station": (105, lambda p: air(p, data(FCfield=2))),
    "802.11 bridge": (105, lambda p: air(p, data(FCfield=3, addr4="02:00:00:00:00:04"))),
    "802.11 quality": (105, lambda p: air(p, quality())),
    "802.11 aggregate": (105, aggregate),
    "frame relay": (107, lambda p: b"\x18\x41\x03" + (b"\x8e" if isinstance(p, IPv6) else b"\xcc") + bytes(p)),
    "frame relay of Cisco": (107, lambda p: b"\x18\x41" + struct.pack("!H", kind(p)) + bytes(p)),
    "cooked": (113, lambda p: bytes(CookedLinux(proto=kind(p)) / p)),
    "prism": (119, lambda p: struct.pack("<II", 0x44, 144).ljust(144, b"\0") + air(p, data())),
    "radiotap": (127, lambda p: radiotap(air(p, data()))),
    "radiotap with checksum": (127, lambda p: radiotap(air(p, Dot11FCS(type=2, FCfield=1, **STATION)))),
    "radiotap padded": (127, lambda p: radiotap(bytes(quality()) + b"\0\0" + air(p, Raw(b"")), padded=True)),
    "ppi": (192, lambda p: ppi(105, air(p, data()))),
    "ppi of ethernet": (192, lambda p: ppi(1, ethernet(p))),
    "nflog": (239, nflog),
    "pktap": (258, lambda p: pktap(1, ethernet(p))),
    "pktap of raw": (258, lambda p: pktap(12, bytes(p))),
    "cooked 2": (276, lambda p: bytes(CookedLinuxV2(proto=kind(p)) / p)),
}


def conversation(sizes: Sequence[tuple[bool, int]], *, six: bool) -> list[Any]:
    pair = (CLIENT6, SERVER6) if six else (CLIENT, SERVER)
    header: Any = IPv6 if six else IP
    packets = []
    position = {True: 1, False: 1}
    for outward, size in sizes:
        src, dst = pair if outward else pair[::-1]
        tcp = TCP(sport=src[1], dport=dst[1], flags="A", seq=position[outward], ack=position[not outward])
        packets.append(header(src=src[0], dst=dst[0]) / tcp / Raw(b"\x99" * size))
        position[outward] += size
    return packets


def captured(frames: Sequence[bytes], packet: Any) -> list[Any]:
    return [packet(START + number * STEP, one) for number, one in enumerate(frames)]


def said(flow: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in flow.items() if name not in ("first_offset", "vlan")}


@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.tuples(st.booleans(), st.integers(0, 900)), min_size=1, max_size=5), six=st.booleans())
@pytest.mark.parametrize("name", sorted(LINKS))
def test_the_link_makes_no_difference(
    rows_of: Any, packet: Any, name: str, sizes: list[tuple[bool, int]], six: bool
) -> None:
    packets = conversation(sizes, six=six)
    (plain,) = rows_of(captured([ethernet(one) for one in packets], packet)).flows
    link, framed = LINKS[name]
    rows = rows_of(captured([framed(one) for one in packets], packet), link)
    (flow,) = rows.flows
    assert said(flow) == said(plain)
    assert not rows.skipped


def test_two_packets_in_one_frame_are_two(rows_of: Any, packet: Any) -> None:
    packets = conversation([(True, 10), (True, 21)], six=False)
    one, two = (aggregate(part)[26:-4] for part in packets)
    frame = aggregate(packets[0])[:26] + one + two + bytes(4)
    rows = rows_of(captured([frame], packet), 105)
    (flow,) = rows.flows
    assert (flow["src_packets"], flow["src_payload"], flow["src_bytes"]) == (2, 31, sum(map(len, packets)))
    assert not rows.skipped


@pytest.mark.parametrize(
    ("link", "frame", "reason"),
    [
        (105, bytes(Dot11(type=0, subtype=8, **STATION)) + bytes(40), "no_ip"),
        (105, bytes(Dot11(type=2, subtype=4, **STATION)), "no_ip"),
        (105, bytes(data(FCfield=0x41)) + bytes(40), "protected"),
        (105, bytes(data(SC=1)) + bytes(40), "link_fragment"),
        (1, bytes(Ether(**MACS) / MACsec(SC=0, E=1, C=1, PN=1)) + bytes(60), "protected"),
        (9, b"\x00\xfd" + bytes(40), "protected"),
        (9, bytes(PPP(proto=0xC021)) + bytes(40), "no_ip"),
        (189, bytes(64), "usb"),
        (147, bytes(64), "unsupported_link_type:147"),
        (
            1,
            bytes(Ether(**MACS) / Dot1Q(vlan=1) / PPPoE(sessionid=7) / HDLC() / PPP(proto=0x80FD)) + bytes(40),
            "no_ip",
        ),
    ],
)
def test_what_carries_no_packet_has_its_reason(rows_of: Any, packet: Any, link: int, frame: bytes, reason: str) -> None:
    rows = rows_of(captured([frame], packet), link)
    assert (rows.flows, rows.skipped) == ([], {reason: 1})


def test_names_of_link_types(tmp_path: Any) -> None:
    from flowwatch import sources  # noqa: PLC0415 - one account, not rows

    path = tmp_path / "empty.pcap"
    named = {1: "ethernet", 113: "linux_sll", 127: "ieee802_11_radiotap", 239: "nflog", 147: "LINKTYPE_147"}
    for number, name in named.items():
        path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, number))
        (coverage,) = sources.collect([str(path)]).coverage
        assert coverage.link_types == (name,)
