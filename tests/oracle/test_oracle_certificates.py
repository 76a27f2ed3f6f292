"""Certificates made with scapy, in a server's flight of any records and segments: told as they were made.

The expected text of a name is written here after RFC 4514; its digests are those of `hashlib`.
"""

import datetime as dt
import hashlib
import ipaddress
import itertools
import struct
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.asn1.asn1 import ASN1_IA5_STRING, ASN1_INTEGER, ASN1_OID, ASN1_STRING, ASN1_UTC_TIME, ASN1_UTF8_STRING
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.layers.x509 import (
    X509_RDN,
    X509_AttributeTypeAndValue,
    X509_Cert,
    X509_DNSName,
    X509_Extension,
    X509_ExtSubjectAltName,
    X509_GeneralName,
    X509_IPAddress,
    X509_TBSCertificate,
    X509_Validity,
)
from scapy.packet import Raw

START = 1_795_333_872_000_000_000
CLIENT, SERVER = ("192.0.2.10", 40000), ("198.51.100.20", 8443)
WORDS = {"2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.10": "O", "2.5.4.11": "OU", "1.2.3.4": "1.2.3.4"}

names = st.lists(st.tuples(st.sampled_from(sorted(WORDS)), st.text(max_size=12)), max_size=4)
labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
hosts = st.tuples(st.sampled_from(["", "*."]), labels).map(lambda two: f"{two[0]}{two[1]}.example")
addresses = st.one_of(st.ip_addresses(v=4, network="192.0.2.0/24"), st.ip_addresses(v=6, network="2001:db8::/32"))
times = st.integers(631_152_000, 2_524_607_999)  # the years a UTCTime reaches, from 1990 on


def rdns(parts: Sequence[tuple[str, str]]) -> list[X509_RDN]:
    typed = [
        X509_AttributeTypeAndValue(type=ASN1_OID(oid), value=ASN1_UTF8_STRING(text.encode())) for oid, text in parts
    ]
    return [X509_RDN(rdn=[one]) for one in typed]


def alternatives(listed: Sequence[str | ipaddress.IPv4Address | ipaddress.IPv6Address]) -> X509_Extension:
    general = [
        X509_DNSName(dNSName=ASN1_IA5_STRING(one.encode()))
        if isinstance(one, str)
        else X509_IPAddress(iPAddress=ASN1_STRING(one.packed))
        for one in listed
    ]
    value = X509_ExtSubjectAltName(subjectAltName=[X509_GeneralName(generalName=one) for one in general])
    return X509_Extension(extnID=ASN1_OID("2.5.29.17"), extnValue=value)


def certificate(subject: Any, issuer: Any, span: Any, listed: Any) -> tuple[bytes, bytes]:
    """A certificate and its SubjectPublicKeyInfo."""
    begin, end = (ASN1_UTC_TIME(f"{dt.datetime.fromtimestamp(one, dt.UTC):%y%m%d%H%M%SZ}") for one in span)
    told = X509_TBSCertificate(
        version=2,
        serialNumber=ASN1_INTEGER(5),
        subject=rdns(subject),
        issuer=rdns(issuer),
        validity=X509_Validity(not_before=begin, not_after=end),
        extensions=[alternatives(listed)] if listed else [],
    )
    return bytes(X509_Cert(tbsCertificate=told)), bytes(told.subjectPublicKeyInfo)


def counted(width: int, body: bytes) -> bytes:
    return len(body).to_bytes(width, "big") + body


def flight(leaf: bytes, size: int) -> bytes:
    hello = b"\x03\x03" + bytes(32) + b"\0" + b"\xc0\x2f\0"
    chain = counted(3, counted(3, leaf) + counted(3, b"another"))
    messages = b"\x02" + counted(3, hello) + b"\x0b" + counted(3, chain) + b"\x0e\0\0\0"
    parts = (messages[at : at + size] for at in range(0, len(messages), size))
    return b"".join(b"\x16\x03\x03" + counted(2, part) for part in parts)


def conversation(flight: bytes, cuts: Sequence[int]) -> list[tuple[int, bytes]]:
    places = sorted({0, len(flight), *(cut % len(flight) for cut in cuts)})
    return [(start, flight[start:end]) for start, end in itertools.pairwise(places)]


def frame(ends: tuple[tuple[str, int], tuple[str, int]], **fields: Any) -> Any:
    (src, sport), (dst, dport) = ends
    ether = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    return ether / IP(src=src, dst=dst) / TCP(sport=sport, dport=dport, **fields)


def text(parts: Sequence[tuple[str, str]]) -> str | None:
    """RFC 4514, but that what is not printable ASCII is `\\xNN`."""
    return ",".join(f"{WORDS[oid]}={value(told)}" for oid, told in reversed(parts)) or None


def value(told: str) -> str:
    out = []
    for at, byte in enumerate(data := told.encode()):
        edge = at in (0, len(data) - 1)
        if chr(byte) in '"+,;<>\\' or (chr(byte) == " " and edge) or (chr(byte) == "#" and at == 0):
            out.append("\\" + chr(byte))
        else:
            out.append(chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}")
    return "".join(out)


@settings(max_examples=80, deadline=None)
@given(
    data=st.data(),
    subject=names,
    issuer=names,
    span=st.tuples(times, times),
    listed=st.lists(st.one_of(hosts, addresses), max_size=5, unique_by=str),
    size=st.sampled_from([1, 50, 900, 16_000]),
)
def test_a_certificate_is_told_as_it_was_made(
    rows_of: Any, packet: Any, data: st.DataObject, subject: Any, issuer: Any, span: Any, listed: Any, size: int
) -> None:
    leaf, key = certificate(subject, issuer, span, listed)
    parts = conversation(flight(leaf, size), data.draw(st.lists(st.integers(0, 9000), max_size=5)))
    frames = [frame((CLIENT, SERVER), flags="S", seq=99), frame((SERVER, CLIENT), flags="SA", seq=7, ack=100)]
    frames += [
        frame((SERVER, CLIENT), flags="PA", seq=8 + at, ack=100) / Raw(part)
        for at, part in data.draw(st.permutations(parts))
    ]
    (row,) = rows_of([packet(START + at, bytes(one)) for at, one in enumerate(frames)]).flows
    assert row["cert_sha256"] == hashlib.sha256(leaf).hexdigest()
    assert row["cert_spki_sha256"] == hashlib.sha256(key).hexdigest()
    assert (row.get("cert_subject"), row.get("cert_issuer")) == (text(subject), text(issuer))
    assert (row["cert_not_before"], row["cert_not_after"]) == tuple(one * 10**9 for one in span)
    if listed:
        assert row["cert_names"] == [str(one) for one in listed]
    assert (row["app"], row["tls_version"], row["dst_port"]) == ("tls", "1.2", SERVER[1])


def ja4(versions: list[int], name: str | None, alpn: list[bytes], ciphers: list[int], algorithms: list[int]) -> str:
    """The fingerprint of `hello`, after FoxIO's JA4.md."""
    grease = {0x1010 * one + 0x0A0A for one in range(16)}
    sound, kinds = [one for one in ciphers if one not in grease], [43, 13]
    kinds += ([0] if name is not None else []) + ([16] if alpn else [])
    newest = {0x304: "13", 0x303: "12", 0x302: "11"}[max(one for one in versions if one not in grease)]
    first = alpn[0] if alpn else b""
    plain = first and all(chr(end).isalnum() and end < 128 for end in (first[0], first[-1]))
    ends = f"{chr(first[0])}{chr(first[-1])}" if plain else f"{first.hex()[0]}{first.hex()[-1]}" if first else "00"
    listed = ",".join(f"{one:04x}" for one in sorted(sound))
    rest = "_".join(filter(None, ["000d,002b", ",".join(f"{one:04x}" for one in algorithms if one not in grease)]))
    digest = [hashlib.sha256(one.encode()).hexdigest()[:12] if one else "0" * 12 for one in (listed, rest)]
    target = "i" if name is None else "d"
    return f"t{newest}{target}{min(len(sound), 99):02}{len(kinds):02}{ends}_{digest[0]}_{digest[1]}"


def hello(versions: list[int], name: str | None, alpn: list[bytes], ciphers: list[int], algorithms: list[int]) -> bytes:
    def extension(kind: int, body: bytes) -> bytes:
        return struct.pack("!H", kind) + counted(2, body)

    def numbers(listed: list[int]) -> bytes:
        return struct.pack(f"!{len(listed)}H", *listed)

    extensions = extension(0x2A2A, b"") + extension(43, counted(1, numbers(versions)))
    if name is not None:
        extensions += extension(0, counted(2, b"\0" + counted(2, name.encode())))
    if alpn:
        extensions += extension(16, counted(2, b"".join(counted(1, one) for one in alpn)))
    extensions += extension(13, counted(2, numbers(algorithms)))
    body = b"\x03\x03" + bytes(32) + b"\0" + counted(2, numbers(ciphers)) + b"\x01\0" + counted(2, extensions)
    return b"\x16\x03\x01" + counted(2, b"\x01" + counted(3, body))


numbers16 = st.one_of(st.integers(0, 0xFFFF), st.sampled_from([0x0A0A, 0xFAFA, 0x1301]))


@settings(max_examples=80, deadline=None)
@given(
    versions=st.lists(st.sampled_from([0x304, 0x303, 0x302, 0x5A5A]), min_size=1).filter(lambda v: set(v) != {0x5A5A}),
    name=st.one_of(st.none(), hosts),
    alpn=st.lists(st.binary(min_size=1, max_size=9).filter(lambda one: len(one) != 2 or one[0] & 15 != 10), max_size=3),
    ciphers=st.lists(numbers16, max_size=120),
    algorithms=st.lists(numbers16, max_size=20),
)
def test_the_fingerprint_of_a_client(
    rows_of: Any, packet: Any, versions: Any, name: Any, alpn: Any, ciphers: Any, algorithms: Any
) -> None:
    said = hello(versions, name, alpn, ciphers, algorithms)
    frames = [frame((CLIENT, SERVER), flags="S", seq=99), frame((CLIENT, SERVER), flags="PA", seq=100) / Raw(said)]
    (row,) = rows_of([packet(START + at, bytes(one)) for at, one in enumerate(frames)]).flows
    assert row["ja4"] == ja4(versions, name, alpn, ciphers, algorithms)
