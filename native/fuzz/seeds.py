"""Makes the seeds of the fuzz targets anew: `python native/fuzz/seeds.py`. Each file is laid out as its law reads it.

Addresses and names are reserved ones; frames come from scapy, messages from dnspython, the rest is written here.
"""

import bz2
import gzip
import lzma
import shutil
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import dns.edns
import dns.flags
import dns.message
import dns.rrset
import pyarrow as pa
from scapy.contrib.geneve import GENEVE
from scapy.contrib.gtp import GTP_U_Header
from scapy.contrib.mpls import MPLS
from scapy.layers.dot11 import Dot11, Dot11QoS, RadioTap
from scapy.layers.inet import GRE, ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    fragment6,
)
from scapy.layers.ipsec import ESP
from scapy.layers.l2 import ARP, LLC, SNAP, CookedLinux, CookedLinuxV2, Dot1AD, Dot1Q, Ether
from scapy.layers.l2tp import L2TP
from scapy.layers.ppp import PPP, PPPoE
from scapy.layers.sctp import SCTP, SCTPChunkData
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw
from scapy.utils import rdpcap

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
LINKS = [
    1, 0, 9, 10, 12, 14, 50, 51, 101, 104, 105, 107, 108, 113, 117, 119, 127, 129, 139, 141, 147, 149, 163, 189, 192, 224,
    228, 229, 239, 258, 276, 7,
]  # fmt: skip
"""As in src/packet.rs."""
MOST_OF_OUR_OWN = 6000
"""Bytes taken of one of our own captures."""
CLIENT, SERVER = "192.0.2.10", "198.51.100.20"
CLIENT6, SERVER6 = "2001:db8::10", "2001:db8:51::20"
NAME = "results.example"

Seeds = dict[str, bytes]


def pieces(*parts: bytes) -> bytes:
    """Parts as `bytes::pieces` reads them."""
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


# Files


def record(order: str, data: bytes, *more: int) -> bytes:
    """A record of pcap."""
    return (
        struct.pack(f"{order}IIII", 1_795_333_872, 7, len(data), len(data))
        + struct.pack(f"{order}{len(more)}I", *more)
        + data
    )


def pcap(order: str, magic: int, frames: Sequence[bytes], *more: int, link: int = 1) -> bytes:
    """A file of pcap; `more` is what the record headers of the modified format have besides."""
    head = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    return head + b"".join(record(order, frame, *more) for frame in frames)


def padded(data: bytes) -> bytes:
    """Filled up to four bytes."""
    return data + b"\0" * (-len(data) % 4)


def block(order: str, kind: int, body: bytes) -> bytes:
    """A block of pcapng."""
    length = len(padded(body)) + 12
    return struct.pack(f"{order}II", kind, length) + padded(body) + struct.pack(f"{order}I", length)


def option(order: str, code: int, value: bytes) -> bytes:
    """An option of a block."""
    return struct.pack(f"{order}HH", code, len(value)) + padded(value)


def section(order: str, frame: bytes) -> bytes:
    """A section with two interfaces and every block there is."""
    blocks = [
        (0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1) + option(order, 4, b"any")),
        (1, struct.pack(f"{order}HHI", 1, 0, 96) + option(order, 9, b"\x09") + option(order, 0, b"")),
        (
            1,
            struct.pack(f"{order}HHI", 101, 0, 0)
            + option(order, 9, b"\x8a")
            + option(order, 14, struct.pack(f"{order}q", -5)),
        ),
        (
            6,
            struct.pack(f"{order}IIIII", 0, 7, 8, len(frame), 90)
            + padded(frame)
            + option(order, 4, struct.pack(f"{order}Q", 3)),
        ),
        (6, struct.pack(f"{order}IIIII", 1, 7, 9, len(frame) - 14, len(frame) - 14) + padded(frame[14:])),
        (6, struct.pack(f"{order}IIIII", 9, 7, 9, 0, 0)),
        (3, struct.pack(f"{order}I", len(frame)) + frame),
        (2, struct.pack(f"{order}HHIIII", 0, 2, 7, 8, len(frame), len(frame)) + padded(frame)),
        (4, struct.pack(f"{order}HH", 1, 20) + bytes([192, 0, 2, 1]) + padded(b"results.example\0") + bytes(4)),
        (5, struct.pack(f"{order}III", 0, 7, 8) + option(order, 5, struct.pack(f"{order}Q", 12))),
        (10, struct.pack(f"{order}II", 0x544C534B, 4) + b"keys"),
        (0xBAD, struct.pack(f"{order}I", 32473) + b"custom"),
        (0x77, b"a block of no known type"),
    ]
    return b"".join(block(order, kind, body) for kind, body in blocks)


def snoop(frame: bytes) -> bytes:
    """A file of snoop (RFC 1761)."""
    body = padded(frame)
    return (
        b"snoop\0\0\0"
        + struct.pack(">II", 2, 4)
        + struct.pack(">IIIIII", len(frame), len(frame), 24 + len(body), 0, 7, 8)
        + body
    )


def erf(frame: bytes) -> bytes:
    """Two records of ERF, the second with an extension header."""
    plain = struct.pack("<Q", 7 << 32) + struct.pack(">BBHHH", 2, 4, 18 + len(frame), 0, len(frame)) + b"\0\0" + frame
    more = (
        struct.pack("<Q", 8 << 32)
        + struct.pack(">BBHHH", 0x82, 4, 26 + len(frame), 0, len(frame))
        + bytes(8)
        + b"\0\0"
        + frame
    )
    return plain + more


def containers() -> Seeds:
    """Files, behind the size of the blocks they are read in."""
    frames = [bytes(Ether() / IP(src=CLIENT, dst=SERVER) / UDP(sport=5000, dport=6000) / Raw(b"tally")), b"", b"short"]
    plain = pcap("<", 0xA1B2C3D4, frames)
    mixed = section("<", frames[0]) + section(">", frames[0])
    files = {
        "pcap-little": plain,
        "pcap-big-nano": pcap(">", 0xA1B23C4D, frames),
        "pcap-modified": pcap("<", 0xA1B2CD34, frames, 1, 0),
        "pcap-cut": plain[:-3],
        "pcap-length": plain + b"\0" * 8 + b"\xff" * 8 + b"more",
        "pcapng": mixed,
        "pcapng-cut": mixed[:-9],
        "pcapng-lengths-differ": mixed[:-4] + bytes(4),
        "snoop": snoop(frames[0]),
        "erf": erf(frames[0]),
        "gzip": gzip.compress(plain, mtime=0) + gzip.compress(frames[0], mtime=0),
        "gzip-cut": gzip.compress(mixed, mtime=0)[:-11],
        "bzip2": bz2.compress(plain),
        "xz": lzma.compress(plain),
        "zstd": bytes(pa.compress(plain, "zstd", asbytes=True)),
        "lz4": bytes(pa.compress(plain, "lz4", asbytes=True)),
    }
    return {name: bytes([number * 7]) + file for number, (name, file) in enumerate(files.items())}


# Frames


def framed(link: int, frames: Iterable[bytes], *, cut: bool = False) -> bytes:
    """Frames as src/packet.rs reads them, 25 ms one after the other."""
    top = 0x8000 if cut else 0
    parts = (struct.pack(">HB", len(frame) | top, 5) + frame for frame in frames)
    return bytes([LINKS.index(link)]) + b"".join(parts)


def talk() -> list[Any]:
    """A DNS lookup and a conversation of TCP with an upload, from the first SYN to the last FIN."""
    query = dns.message.make_query(NAME, "A", use_edns=0)
    query.id = 7
    reply = dns.message.make_response(query)
    reply.answer.append(dns.rrset.from_text(f"{NAME}.", 60, "IN", "A", SERVER))
    there, back = IP(src=CLIENT, dst=SERVER), IP(src=SERVER, dst=CLIENT)
    request = b"POST /tally HTTP/1.1\r\nHost: results.example\r\nContent-Length: 5\r\n\r\ntally"
    after = 101 + len(request)
    return [
        there / UDP(sport=40000, dport=53) / Raw(query.to_wire()),
        back / UDP(sport=53, dport=40000) / Raw(reply.to_wire()),
        there / TCP(sport=40001, dport=80, flags="S", seq=100),
        back / TCP(sport=80, dport=40001, flags="SA", seq=900, ack=101),
        there / TCP(sport=40001, dport=80, flags="PA", seq=101, ack=901) / Raw(request),
        back / TCP(sport=80, dport=40001, flags="PA", seq=901, ack=after) / Raw(b"HTTP/1.1 204 OK\r\n\r\n"),
        there / TCP(sport=40001, dport=80, flags="FA", seq=after, ack=920),
        back / TCP(sport=80, dport=40001, flags="FA", seq=920, ack=after + 1),
    ]


def inner() -> list[Any]:
    """What travels in tunnels: the beginning of a talk."""
    return talk()[:3]


def tunnels() -> Iterator[tuple[str, list[Any]]]:
    """Each encapsulation around the same packets, as IP packets."""
    there = IP(src="203.0.113.1", dst="203.0.113.2")
    there6 = IPv6(src="2001:db8:1::1", dst="2001:db8:1::2")
    ether = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    yield "ipip", [there / packet for packet in inner()]
    yield "ip-in-6", [there6 / packet for packet in inner()]
    yield "gre", [there / GRE(key_present=1, seqnum_present=1) / packet for packet in inner()]
    yield "gre-ethernet", [there / GRE(proto=0x6558) / ether / packet for packet in inner()]
    yield (
        "erspan",
        [
            there / GRE(proto=0x88BE, seqnum_present=1) / Raw(b"\x10\x01\0\x01\0\0\0\0" + bytes(ether / p))
            for p in inner()
        ],
    )
    yield "vxlan", [there / UDP(sport=9, dport=4789) / VXLAN(vni=7) / ether / packet for packet in inner()]
    yield (
        "geneve",
        [there / UDP(sport=9, dport=6081) / GENEVE(vni=7, proto=0x6558) / ether / packet for packet in inner()],
    )
    yield "gtpu", [there / UDP(sport=2152, dport=2152) / GTP_U_Header(teid=7) / packet for packet in inner()]
    yield (
        "l2tp",
        [there / UDP(sport=1701, dport=1701) / L2TP(tunnel_id=1, session_id=2) / PPP() / packet for packet in inner()],
    )
    yield "teredo", [there / UDP(sport=9, dport=3544) / IPv6(src=CLIENT6, dst=SERVER6) / UDP() / Raw(b"tally")]
    yield "mpls-in-gre", [there / GRE(proto=0x8847) / MPLS(label=7, s=1) / packet for packet in inner()]
    yield (
        "esp",
        [
            there / ESP(spi=7, seq=1, data=bytes(64)),
            there / UDP(sport=4500, dport=4500) / ESP(spi=7, seq=2, data=bytes(64)),
        ],
    )
    yield "wireguard", [there / UDP(sport=51820, dport=51820) / Raw(b"\x01\0\0\0" + bytes(144))]
    yield "five-deep", [there / there / there / there / there / there / packet for packet in inner()]


def networks() -> Iterator[tuple[str, list[Any]]]:
    """Packets of both versions: extension headers, options, fragments in and out of order, other transports, errors."""
    there, there6 = IP(src=CLIENT, dst=SERVER, id=9), IPv6(src=CLIENT6, dst=SERVER6)
    datagram = UDP(sport=5000, dport=53) / Raw(bytes(200))
    parts = fragment(there / datagram, fragsize=80)
    yield "talk", talk()
    yield "fragments", [*parts, *reversed(parts), parts[0], parts[-1]]
    yield (
        "fragments6",
        fragment6(there6 / IPv6ExtHdrFragment(id=7) / UDP(sport=5000, dport=53) / Raw(bytes(2000)), 1280),
    )
    yield (
        "extended",
        [there6 / IPv6ExtHdrHopByHop() / IPv6ExtHdrRouting() / IPv6ExtHdrDestOpt() / TCP(sport=5, dport=80, flags="S")],
    )
    yield (
        "others",
        [
            there / ICMP(type=8) / Raw(b"tally"),
            there / ICMP(type=3, code=3) / talk()[0],
            there6 / ICMPv6EchoRequest(data=b"tally"),
            there / SCTP(sport=5, dport=6) / SCTPChunkData(data=b"tally"),
            IP(src=CLIENT, dst=SERVER, proto=47) / Raw(b"\0"),
            IP(src=CLIENT, dst=SERVER, len=0) / TCP(sport=5, dport=80, flags="PA") / Raw(b"tally"),
            IP(src=CLIENT, dst=SERVER, ihl=15) / Raw(bytes(60)),
        ],
    )


def ethernets() -> Iterator[tuple[str, list[Any]]]:
    """Frames of Ethernet: tags, labels, sessions, and what has no IP."""
    ether = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    yield "vlan", [ether / Dot1AD(vlan=7) / Dot1Q(vlan=9) / packet for packet in talk()]
    yield "mpls", [ether / MPLS(label=7, s=0) / MPLS(label=8, s=1) / packet for packet in inner()]
    yield "pppoe", [ether / PPPoE(sessionid=7) / PPP() / packet for packet in inner()]
    yield (
        "no-ip",
        [ether / ARP(), Ether(type=0x88CC) / Raw(b"\x02\x07"), ether / LLC() / Raw(b"bpdu"), Raw(b"\x02" * 13)],
    )
    yield (
        "snap",
        [Ether(type=60) / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(code=0x0800) / packet for packet in inner()],
    )


def air() -> list[bytes]:
    """Data frames of 802.11, with and without quality of service."""
    snap = LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0, code=0x0800)
    plain = [bytes(Dot11(type=2, FCfield=1) / snap / packet) for packet in inner()]
    quality = [bytes(Dot11(type=2, subtype=8, FCfield=2) / Dot11QoS() / snap / packet) for packet in inner()]
    return [*plain, *quality, bytes(Dot11(type=0, subtype=8))]


def links() -> Iterator[tuple[str, int, list[bytes]]]:
    """The same packets under each link layer."""
    packets = [bytes(packet) for packet in inner()]
    yield "null", 0, [b"\x02\0\0\0" + packet for packet in packets]
    yield "loop", 108, [b"\0\0\0\x02" + packet for packet in packets]
    yield "ppp", 9, [b"\xff\x03\0\x21" + packet for packet in packets]
    yield "ppp-hdlc", 50, [b"\xff\x03\0\x21" + packet for packet in packets]
    yield "chdlc", 104, [b"\x0f\0\x08\0" + packet for packet in packets]
    yield "frelay", 107, [b"\x18\x41\x03\xcc" + packet for packet in packets]
    yield "raw", 101, packets
    yield "ipv4", 228, packets
    yield "ipv6", 229, [bytes(IPv6(src=CLIENT6, dst=SERVER6) / UDP() / Raw(b"tally"))]
    yield "sll", 113, [bytes(CookedLinux() / packet) for packet in inner()]
    yield "sll2", 276, [bytes(CookedLinuxV2() / packet) for packet in inner()]
    yield "air", 105, air()
    yield "radiotap", 127, [bytes(RadioTap()) + frame for frame in air()]
    yield "prism", 119, [struct.pack("<II16s", 0x44, 144, b"wlan0") + bytes(120) + frame for frame in air()]
    yield "ppi", 192, [struct.pack("<BBHI", 0, 0, 8, 105) + frame for frame in air()]
    yield "pflog", 117, [b"\x3d\x02\0\0" + b"em0".ljust(57, b"\0") + b"\0\0\0" + packet for packet in packets]
    yield "nflog", 239, [b"\x02\0\0\0" + struct.pack("<HH", 4 + len(p), 9) + p for p in packets]
    yield "pktap", 258, [struct.pack("<III", 108, 1, 101) + bytes(96) + packet for packet in packets]
    yield "arcnet", 129, [b"\x01\x02\0\0\xd4\0\0\0" + packet for packet in packets]
    yield "usb", 189, [bytes(48)]


def packets() -> Seeds:
    """Frames behind their link type; and the beginnings of our own captures."""
    seeds = {f"link-{name}": framed(link, frames) for name, link, frames in links()}
    seeds |= {f"ip-{name}": framed(101, map(bytes, some)) for name, some in (*networks(), *tunnels())}
    seeds |= {f"ethernet-{name}": framed(1, map(bytes, some)) for name, some in ethernets()}
    seeds["cut"] = framed(101, [bytes(packet)[:60] for packet in talk()], cut=True)
    for path in sorted((ROOT / "captures").glob("*/input.pcap")):
        frames, total = [], 0
        for frame in map(bytes, rdpcap(str(path))):
            total += len(frame)
            if total > MOST_OF_OUR_OWN:
                break
            frames.append(frame)
        seeds[f"our-{path.parent.name}"] = framed(1, frames)
    return seeds


# Messages of the DNS

RECORDS = {
    "A": SERVER, "AAAA": SERVER6, "CNAME": "edge.example.", "NS": "ns.example.", "PTR": "host.example.", "MX": "10 mx.example.",
    "SOA": "ns.example. admin.example. 1 2 3 4 5", "TXT": '"a\\"b" "\\255"', "SRV": "1 2 443 srv.example.", "CAA": '0 issue "ca.example"',
    "HTTPS": '1 . mandatory=alpn alpn="h2,h3" port=8443 ipv4hint=192.0.2.1 ipv6hint=2001:db8::1 ech=AAj+DQAEAQIDBA== key666="x"',
    "SVCB": "0 svc.example.", "NAPTR": '1 2 "u" "E2U+sip" "!^.*$!sip:a@example!" .', "DS": "7 8 2 " + "ab" * 32,
    "DNSKEY": "256 3 8 AwEAAQ==", "RRSIG": "A 8 2 60 20261103000000 20261101000000 7 example. AwEAAQ==",
    "NSEC": "b.example. A AAAA RRSIG", "NSEC3": "1 0 1 AB 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR A RRSIG", "NSEC3PARAM": "1 0 1 AB",
    "TLSA": "3 1 1 " + "ab" * 32, "SSHFP": "1 1 " + "ab" * 20, "LOC": "52 22 23.000 N 4 53 32.000 E -2.00m 1m 10000m 10m",
    "HINFO": '"cpu" "os"', "RP": "admin.example. txt.example.", "URI": '1 2 "https://results.example/"', "DNAME": "other.example.",
    "CERT": "1 7 8 AwEAAQ==", "OPENPGPKEY": "AwEAAQ==", "APL": "1:192.0.2.0/24 !2:2001:db8::/32", "CSYNC": "1 3 A NS AAAA",
    "HIP": "2 200100107B1A74DF365639CC39F1D578 AwEAAQ== rvs.example.", "ZONEMD": "1 1 1 " + "ab" * 48, "DHCID": "AwEAAQ==",
}  # fmt: skip


def reply_to(query: dns.message.Message, *texts: tuple[str, str]) -> dns.message.Message:
    """The answer with these records."""
    reply = dns.message.make_response(query)
    for kind, text in texts:
        reply.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", kind, text))
    return reply


def question(name: str, kind: str, number: int = 7) -> dns.message.Message:
    """A query with EDNS."""
    query = dns.message.make_query(
        name, kind, use_edns=0, payload=1232, options=[dns.edns.GenericOption(10, b"cookie78")]
    )
    query.id = number
    return query


def lookups() -> Seeds:
    """Messages behind what is asked of them: one, a framed stream of several, an exchange."""
    query = question(NAME, "HTTPS")
    everything = list(RECORDS.items())
    several = reply_to(query, *everything[:6])
    several.set_rcode(dns.rcode.BADVERS)
    seeds = {"one-question": b"\0" + query.to_wire(), "one-several": b"\0" + several.to_wire()}
    for start in range(0, len(everything), 4):
        part = everything[start : start + 4]
        seeds["one-" + "-".join(kind.lower() for kind, _ in part)] = b"\0" + reply_to(query, *part).to_wire()
    wires = [question(NAME, "A", number).to_wire() for number in (1, 2)]
    answers = [
        reply_to(question(NAME, "A", number), ("CNAME", "edge.example."), ("A", SERVER)).to_wire() for number in (2, 1)
    ]
    framed_wires = [b"".join(len(wire).to_bytes(2, "big") + wire for wire in side) for side in (wires, answers)]
    seeds["stream"] = b"\1" + pieces(*framed_wires)
    multicast = dns.message.make_response(query)
    multicast.flags |= dns.flags.AA
    multicast.question = []
    multicast.answer.append(dns.rrset.from_text("_http._tcp.local.", 60, "IN", "PTR", "a\\032b._http._tcp.local."))
    asked = bytes([2, *wires[0]])
    seeds["exchange"] = b"\2" + pieces(
        asked, asked, bytes([10, *answers[1]]), bytes([2, *answers[1]]), bytes([0, *multicast.to_wire()])
    )
    seeds["exchange-mdns"] = b"\2" + pieces(
        bytes([0, *question("_http._tcp.local", "PTR", 0).to_wire()]), bytes([8, *multicast.to_wire()])
    )
    seeds["exchange-llmnr"] = b"\2" + pieces(bytes([1, *wires[0]]), bytes([1, *answers[1]]), bytes([255, *wires[1]]))
    return seeds


# TLS, QUIC, HTTP, certificates


def counted(width: int, body: bytes) -> bytes:
    """Bytes behind their length."""
    return len(body).to_bytes(width, "big") + body


def hello(*, name: str = NAME, padding: int = 0, ech: bool = False) -> bytes:
    """A ClientHello with GREASE, as a message."""
    lists = {
        0x0A0A: b"",
        0: counted(2, b"\0" + counted(2, name.encode())),
        10: counted(2, b"\x0a\x0a\x11\xec\x00\x1d"),
        13: counted(2, b"\x04\x03\x08\x04"),
        16: counted(2, counted(1, b"h2") + counted(1, b"http/1.1")),
        43: counted(1, b"\x0a\x0a\x03\x04\x03\x03"),
        51: counted(2, b"\x11\xec" + counted(2, bytes(padding)) + b"\x00\x1d" + counted(2, bytes(32))),
    }
    if ech:
        lists[0xFE0D] = b"\0" + bytes(40)
    extensions = b"".join(struct.pack(">H", kind) + counted(2, body) for kind, body in lists.items())
    body = (
        b"\x03\x03"
        + bytes(32)
        + counted(1, bytes(32))
        + counted(2, b"\x0a\x0a\x13\x01\xc0\x2f")
        + b"\x01\0"
        + counted(2, extensions)
    )
    return b"\x01" + counted(3, body)


def answer(version: bytes = b"\x03\x03") -> bytes:
    """A ServerHello of TLS 1.2 that chose a protocol, as a message."""
    extensions = b"\x00\x10" + counted(2, counted(2, counted(1, b"h2")))
    return b"\x02" + counted(3, version + bytes(32) + counted(1, b"") + b"\xc0\x2f\0" + counted(2, extensions))


def records(message: bytes, size: int = 16384) -> bytes:
    """A message in records."""
    return b"".join(b"\x16\x03\x01" + counted(2, message[at : at + size]) for at in range(0, len(message), size))


def hellos() -> Seeds:
    """Hellos behind what is asked of them: a front, a bare message, turns of a conversation."""
    old = b"\x80\x2e\x01\x03\x01\0\x15\0\0\0\x10" + b"\0\0\x2f" * 7 + bytes(16)
    connect = b"CONNECT results.example:443 HTTP/1.1\r\n\r\n"
    return {
        "front": b"\0" + records(hello()),
        "front-records": b"\0" + records(hello(padding=300), 100),
        "front-ech": b"\0" + records(hello(ech=True)),
        "front-old": b"\0" + old,
        "front-server": b"\0" + records(answer()),
        "bare": b"\1" + hello(padding=64),
        "turns": b"\2" + pieces(records(hello(padding=1184)), records(answer(), 30)),
        "turns-proxy": b"\5" + pieces(connect, b"HTTP/1.1 200 OK\r\n\r\n", records(hello()), records(answer())),
        "turns-smtp": b"\2"
        + pieces(b"", b"220 mx.example\r\n", b"EHLO a.example\r\nSTARTTLS\r\n", b"220 go\r\n", records(hello())),
        "turns-smtp-clear": b"\2"
        + pieces(b"", b"220 mx\r\n", b"HELO a\r\n", b"250 hi\r\n", b"DATA\r\ntally\r\n.\r\n", b"354 go\r\n250 ok\r\n"),
        "turns-imap": b"\2" + pieces(b"", b"* OK IMAP4rev1\r\n", b"a STARTTLS\r\n", b"a OK go\r\n", records(hello())),
        "turns-pop3": b"\2" + pieces(b"", b"+OK POP3\r\n", b"STLS\r\n", b"+OK go\r\n", records(hello())),
        "turns-ftp": b"\2"
        + pieces(b"", b"220 ftp\r\n", b"AUTH TLS\r\n", b"234 go\r\n", records(hello()), records(answer())),
        "turns-ftp-clear": b"\2"
        + pieces(b"", b"220 ftp\r\n", b"USER a\r\nPASV\r\n", b"227 at (198,51,100,20,200,1)\r\n", b"STOR tally\r\n"),
        "turns-postgres": b"\2" + pieces(struct.pack(">II", 8, 80877103), b"S", records(hello()), records(answer())),
        "turns-mysql": b"\2"
        + pieces(
            b"",
            b"\x4a\0\0\0\x0a8.0.1\0" + bytes(13) + b"\0\xff\xff" + bytes(49),
            b"\x20\0\0\1\x85\xae\xff\0" + bytes(28),
            b"",
            records(hello()),
        ),
        "turns-xmpp": b"\2"
        + pieces(
            b"<?xml version='1.0'?><stream:stream to='a.example' xmlns='jabber:client'>",
            b"<stream:stream><stream:features><starttls/></stream:features>",
            b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
            b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
            records(hello()),
        ),
        "turns-ssh": b"\2" + pieces(b"SSH-2.0-any\r\n", b"SSH-2.0-any\r\n"),
    }


def initials() -> Seeds:
    """Datagrams, frames, and a hello to be cut."""
    there = ROOT / "native" / "src" / "recognise" / "quic"
    one, two = (bytes.fromhex((there / f"rfc{n}_client_initial.hex").read_text()) for n in (9001, 9369))
    whole = hello(padding=600)
    crypto = b"\x06\0" + struct.pack(">H", len(whole) | 0x4000) + whole
    halves = [b"\x06" + struct.pack(">HH", at | 0x4000, 400 | 0x4000) + whole[at : at + 400] for at in (400, 0)]
    return {
        "rfc9001": b"\0" + pieces(one),
        "rfc9369": b"\0" + pieces(two, one),
        "coalesced": b"\0" + pieces(b"\xe0\0\0\0\1\x08\x83\x94\xc8\xf0\x3e\x51\x57\x08\0\x04abcd" + one + b"\x40short"),
        "retry": b"\0" + pieces(b"\xf0\0\0\0\1\0\x04aaaatoken" + bytes(16), one),
        "google": b"\0"
        + pieces(
            b"\x09" + bytes(8) + b"Q043\1" + bytes(12) + b"\xa0\x01\0\0CHLO\x01\0\0\0SNI\0\x0f\0\0\0" + NAME.encode()
        ),
        "frames": b"\1" + pieces(b"\1\0" + crypto),
        "frames-ack": b"\1"
        + pieces(b"\x02\x05\0\x01\0\x01\x02\x03\x05\0\0\0\x01\x01\x01" + halves[0], halves[1] + b"\x1c\0\0\0"),
        "hello": bytes([2 + 3 * 20]) + whole,
        "hello-small": bytes([2]) + hello(),
    }


REQUEST = (
    b"PUT /tally?x=1 HTTP/1.1\r\nHost: results.example:8080\r\nUser-Agent: any/1.0\r\nContent-Length: 5\r\n\r\ntally"
)
CHUNKED = (
    b"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\ntally\r\n0\r\nTrailer: x\r\n\r\n"
)
AGREED = b"HTTP/1.1 200 Connection established\r\n\r\n"


def requests() -> Seeds:
    """Requests behind what is asked of them: a front, or turns of a conversation."""
    connect = b"CONNECT b.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n"
    refused = b"HTTP/1.1 407 Authenticate\r\nContent-Length: 4\r\n\r\nnope"
    prior = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\x10\x01\x05\0\0\0\x01\x82\x86\x84\x41\x0b" + b"a.example:1"
    socks = [b"\x05\x01\0", b"\x05\0", b"\x05\x01\0\x03\x0fresults.example\x01\xbb", b"\x05\0\0\x01" + bytes(6)]
    return {
        "front": b"\0" + REQUEST + CHUNKED + b"GET http://c.example/ HTTP/1.0\r\n\r\n",
        "front-folded": b"\6" + b"GET / HTTP/1.1\nHost:\n folded.example\nX: \xff\n\n",
        "front-connect": b"\6" + connect,
        "front-answer": b"\0" + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "front-prior": b"\0" + prior,
        "front-socks": b"\0" + b"".join(socks[::2]),
        "turns": b"\1" + pieces(REQUEST, b"HTTP/1.1 204 No\r\n\r\n", CHUNKED, b"HTTP/1.1 204 No\r\n\r\n"),
        "turns-proxy": b"\7" + pieces(connect, refused, connect, AGREED, records(hello()), records(answer())),
        "turns-socks": b"\7" + pieces(*socks, REQUEST, b"HTTP/1.1 204 No\r\n\r\n"),
        "turns-prior": b"\1" + pieces(prior, b"\0\0\0\x04\0\0\0\0\0"),
        "turns-upgrade": b"\1"
        + pieces(
            b"GET / HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\n\r\n",
            b"HTTP/1.1 101 Go\r\n\r\n",
            b"\x81\x02hi",
        ),
        "turns-ssh": b"\1" + pieces(b"SSH-2.0-any\r\n", b"SSH-2.0-any\r\n"),
        "turns-ftp": b"\1" + pieces(b"", b"220 ftp.example\r\n", b"USER a\r\n", b"331 more\r\n"),
    }


def der(tag: int, *parts: bytes) -> bytes:
    """A value of ASN.1 (X.690)."""
    body = b"".join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def oid(text: str) -> bytes:
    """An object identifier."""
    first, second, *rest = map(int, text.split("."))
    body = bytearray([40 * first + second])
    for number in rest:
        groups = [number >> shift & 0x7F for shift in range(28, -1, -7)]
        while len(groups) > 1 and not groups[0]:
            groups.pop(0)
        body += bytes([0x80 | group for group in groups[:-1]] + groups[-1:])
    return der(6, bytes(body))


def distinguished(*pairs: tuple[str, int, str]) -> bytes:
    """A name: identifiers, string types, texts."""
    encodings = {12: "utf-8", 19: "ascii", 30: "utf-16-be"}
    return der(
        0x30, *(der(0x31, der(0x30, oid(kind), der(tag, text.encode(encodings[tag])))) for kind, tag, text in pairs)
    )


def certificate(names: Sequence[bytes], until: bytes = der(23, b"271103000000Z")) -> bytes:
    """A certificate that nobody signed."""
    algorithm = der(0x30, oid("1.2.840.10045.4.3.2"))
    subject = distinguished(("2.5.4.10", 12, "Tällies, Inc."), ("2.5.4.3", 19, NAME))
    issuer = distinguished(("2.5.4.6", 19, "XX"), ("2.5.4.3", 30, "any CA"))
    key = der(0x30, der(0x30, oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")), der(3, b"\0\4" + bytes(64)))
    alternatives = der(0x30, oid("2.5.29.17"), der(4, der(0x30, *names)))
    body = der(
        0x30, der(0xA0, der(2, b"\2")), der(2, b"\7"), algorithm, issuer, der(0x30, der(23, b"261103000000Z"), until), subject, key,
        der(0xA3, der(0x30, alternatives)),
    )  # fmt: skip
    return der(0x30, body, algorithm, der(3, b"\0" + bytes(70)))


def certificates() -> Seeds:
    """Certificates behind the size of the records they come in."""
    host, mail = der(0x82, NAME.encode()), der(0x81, b"a@example")
    address, wild = der(0x87, bytes([192, 0, 2, 1])), der(0x82, b"*.results.example")
    plain = certificate([host, wild, address, mail])
    return {
        "plain": b"\xff" + plain,
        "small-records": b"\0" + plain,
        "no-names": b"\xff" + certificate([]),
        "general-time": b"\xff" + certificate([host], der(24, b"20501103000000Z")),
        "odd-names": b"\xff"
        + certificate([der(0x82, b"a\0b.example"), der(0x82, b"\xff"), der(0x87, bytes(16)), der(0x87, b"\1")]),
        "cut": b"\x07" + plain[:-20],
    }


TARGETS = {
    "container": containers, "packet": packets, "dns": lookups, "tls": hellos, "quic": initials, "http": requests,
    "x509": certificates,
}  # fmt: skip


def main() -> None:
    """Writes every seed."""
    folder = HERE / "seeds"
    shutil.rmtree(folder, ignore_errors=True)
    for target, make in TARGETS.items():
        (folder / target).mkdir(parents=True)
        for name, seed in make().items():
            (folder / target / name).write_bytes(seed)


if __name__ == "__main__":
    main()
