"""Record data of every common type: what dnspython reads as sound, the core writes as dnspython does."""

import re
import struct
from typing import Any

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

IN = dns.rdataclass.IN
NAME = b"\x07results\x07example\x00"
PLAIN = re.compile(rb"[a-z0-9_-]*")
"""Labels that everybody writes alike."""
STYLE: Any = dns.rdata.RdataStyle(omit_final_dot=True, base64_chunk_size=0, hex_chunk_size=0)
"""As records.md has names, and bytes in one piece."""
SAMPLES = {
    "A": "192.0.2.1",
    "NS": "ns.example.",
    "SOA": "ns.example. admin.example. 1 2 3 4 5",
    "PTR": "host.example.",
    "HINFO": '"cpu" "os"',
    "MX": "10 mx.example.",
    "TXT": '"a\\"b" "\\255" ""',
    "RP": "admin.example. .",
    "AFSDB": "1 afs.example.",
    "X25": '"311061700956"',
    "ISDN": '"150862028003217" "004"',
    "RT": "2 relay.example.",
    "NSAP-PTR": "host.example.",
    "KEY": "512 3 8 AwEAAQ==",
    "PX": "10 a.example. b.example.",
    "AAAA": "2001:db8::1",
    "LOC": "52 22 23.001 N 4 53 32.999 W -2.05m 30m 20m 10m",
    "SRV": "1 2 443 srv.example.",
    "NAPTR": '1 2 "u" "E2U+sip" "!^.*$!sip:a@example!" a.example.',
    "KX": "1 kx.example.",
    "CERT": "PKIX 8 RSASHA256 AwEAAQ==",
    "DNAME": "other.example.",
    "APL": "1:192.0.2.0/24 !2:2001:db8::/32",
    "DS": "7 8 2 " + "ab" * 32,
    "SSHFP": "1 1 " + "ab" * 20,
    "IPSECKEY": "10 3 2 gateway.example. AwEAAQ==",
    "RRSIG": "A 8 2 60 20261103010203 19991231235959 7 example. AwEAAQ==",
    "NSEC": "b.example. A AAAA RRSIG CAA TYPE65280",
    "DNSKEY": "256 3 8 AwEAAQ==",
    "DHCID": "AwEAAQ==",
    "NSEC3": "1 0 1 ab 2t7b4g4vsa5smi47k61mv5bv1a22bojr A RRSIG",
    "NSEC3PARAM": "1 0 10 -",
    "TLSA": "3 1 1 " + "ab" * 32,
    "SMIMEA": "3 1 1 " + "ab" * 32,
    "HIP": "2 200100107b1a74df365639cc39f1d578 AwEAAQ== rvs.example. b.example.",
    "NINFO": '"a" "b"',
    "CDS": "0 0 0 00",
    "CDNSKEY": "0 3 0 AA==",
    "OPENPGPKEY": "AwEAAQ==",
    "CSYNC": "1 3 A NS AAAA",
    "ZONEMD": "1 1 1 " + "ab" * 48,
    "SVCB": "0 svc.example.",
    "HTTPS": '1 . mandatory=alpn alpn="h2,h3" port=8443 ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1 key666="x"',
    "SPF": '"v=spf1 -all"',
    "NID": "10 0014:4fff:ff20:ee64",
    "L32": "10 192.0.2.1",
    "L64": "10 2001:0db8:1140:1000",
    "LP": "10 l64.example.",
    "EUI48": "00-00-5e-00-53-2a",
    "EUI64": "00-00-5e-ef-10-00-00-2a",
    "TKEY": "gss-tsig. 1 2 3 0 AwEAAQ== AwEA",
    "URI": '1 2 "https://results.example/"',
    "CAA": '0 issue "ca.example"',
    "AVC": '"a"',
    "AMTRELAY": "10 1 3 relay.example.",
    "RESINFO": '"qnamemin"',
    "WALLET": '"a" "b"',
    "DLV": "7 8 2 " + "ab" * 32,
}

Wire = tuple[int, bytes]


def number(kind: str) -> int:
    return int(dns.rdatatype.from_text(kind))


def word(kind: int) -> str:
    return dns.rdatatype.to_text(dns.rdatatype.RdataType.make(kind))


def wires() -> list[Wire]:
    return [(number(kind), dns.rdata.from_text(IN, kind, text).to_wire() or b"") for kind, text in SAMPLES.items()]


@st.composite
def changed(draw: st.DrawFn) -> list[Wire]:
    """Every sample with a byte changed, or bytes left out or put behind it."""
    return [(kind, draw(damaged(data))) for kind, data in wires()]


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    at = draw(st.integers(0, len(data)))
    match draw(st.integers(0, 9)):
        case 0:
            return data[:at]
        case 1:
            return data + draw(st.binary(min_size=1, max_size=3))
        case _:
            return data[:at] + bytes([draw(st.integers(0, 255))] * (at < len(data))) + data[at + 1 :]


def reply(records: list[Wire]) -> bytes:
    """An answer with these records, no name compressed."""
    head = struct.pack(">HHHHHH", 7, 0x8180, 1, len(records), 0, 0) + NAME + struct.pack(">HH", 255, 1)
    answers = (NAME + struct.pack(">HHIH", kind, 1, 60, len(data)) + data for kind, data in records)
    return head + b"".join(answers)


def theirs(kind: int, data: bytes) -> str | None:
    """What dnspython writes; None where it refuses, or where a name has letters that records.md writes otherwise."""
    try:
        rdata: Any = dns.rdata.from_wire(IN, dns.rdatatype.RdataType.make(kind), data, 0, len(data))
        text = str(rdata.to_styled_text(STYLE)).rstrip()
    except (dns.exception.DNSException, ValueError, OverflowError):
        return None
    values = [
        getattr(rdata, field, None)
        for field in {slot for kind in type(rdata).__mro__ for slot in getattr(kind, "__slots__", ())}
    ]
    names = [name for value in values for name in (value if isinstance(value, tuple) else [value])]
    labels = [label for name in names if isinstance(name, dns.name.Name) for label in name.labels]
    return text if text and all(PLAIN.fullmatch(label) for label in labels) else None


def told(rows_of: Any, packet: Any, records: list[Wire]) -> list[str]:
    frame = bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="198.51.100.53", dst="192.0.2.10")
                  / UDP(sport=53, dport=40000) / Raw(reply(records)))  # fmt: skip
    [row] = rows_of([packet(1_795_333_872_000_000_000, frame)]).lookups
    assert [answer["type"] for answer in row["answers"]] == [word(kind) for kind, _ in records]
    return [answer["data"] for answer in row["answers"]]


@pytest.mark.parametrize("kind", SAMPLES)
def test_each_type(rows_of: Any, packet: Any, kind: str) -> None:
    [record] = [wire for wire in wires() if wire[0] == number(kind)]
    text = theirs(*record)
    assert text is not None
    assert not text.startswith("\\#")
    assert told(rows_of, packet, [record]) == [text]


@settings(max_examples=80, deadline=None)
@given(records=changed())
def test_what_is_sound_is_written_alike(rows_of: Any, packet: Any, records: list[Wire]) -> None:
    for (kind, data), ours in zip(records, told(rows_of, packet, records), strict=True):
        text = theirs(kind, data)
        if text is not None:
            assert ours == text, (word(kind), data.hex())
        assert ours.isprintable()
        assert ours.isascii()
