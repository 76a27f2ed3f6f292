"""QUIC: Initials sealed here (RFC 9001, RFC 9369) around hellos that OpenSSL makes must be told as they were asked for.

Key derivation, AES-128-GCM and header protection are written out again, from the specifications, so that the core is
compared with something it shares nothing with; the frames are cut, shuffled, repeated and spread over datagrams.
"""

import hashlib
import hmac
import itertools
import ssl
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

CLIENT, SERVER = "192.0.2.10", "198.51.100.7"
START = 1_795_333_872_000_000_000


class Version(NamedTuple):
    """What differs between versions of QUIC."""

    number: int
    salt: bytes
    prefix: str
    initial: int
    """Packet type of an Initial."""


V1 = Version(1, bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a"), "quic", 0)
V2 = Version(0x6B3343CF, bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9"), "quicv2", 1)
DRAFT_29 = Version(0xFF00001D, bytes.fromhex("afbfec289993d24c9e9786f19c6111e04390a899"), "quic", 0)
VERSIONS = [V1, V2, DRAFT_29]


def box() -> list[int]:
    """The S-box of AES: the inverse in GF(256), then an affine map (FIPS 197 5.1.1)."""
    powers = [1]
    for _ in range(255):
        last = powers[-1]
        powers.append(last ^ doubled(last))
    inverse = {0: 0} | {powers[n]: powers[255 - n] for n in range(255)}
    turned = [(inverse[n], [(inverse[n] << k | inverse[n] >> (8 - k)) & 255 for k in range(1, 5)]) for n in range(256)]
    return [first ^ a ^ b ^ c ^ d ^ 0x63 for first, (a, b, c, d) in turned]


def doubled(byte: int) -> int:
    return (byte << 1) ^ (0x11B if byte & 0x80 else 0)


BOX = box()


def schedule(key: bytes) -> list[bytes]:
    """The eleven round keys (FIPS 197 5.2)."""
    words = [key[at : at + 4] for at in range(0, 16, 4)]
    constant = 1
    while len(words) < 44:
        word = words[-1]
        if len(words) % 4 == 0:
            word = bytes(BOX[byte] for byte in word[1:] + word[:1])
            word = bytes([word[0] ^ constant]) + word[1:]
            constant = doubled(constant)
        words.append(xor(word, words[-4]))
    return [b"".join(words[at : at + 4]) for at in range(0, 44, 4)]


def xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=False))


def aes(keys: list[bytes], block: bytes) -> bytes:
    """One block under AES-128 (FIPS 197 5.1)."""
    state = xor(block, keys[0])
    for number, key in enumerate(keys[1:], 1):
        state = bytes(BOX[state[(n + 4 * (n % 4)) % 16]] for n in range(16))
        if number < 10:
            state = bytes(itertools.chain.from_iterable(mixed(state[at : at + 4]) for at in range(0, 16, 4)))
        state = xor(state, key)
    return state


def mixed(column: bytes) -> list[int]:
    whole = column[0] ^ column[1] ^ column[2] ^ column[3]
    return [column[n] ^ whole ^ doubled(column[n] ^ column[(n + 1) % 4]) for n in range(4)]


def ghash(subkey: bytes, data: bytes) -> bytes:
    """GHASH over whole blocks (NIST SP 800-38D 6.4)."""
    table, factor = [], int.from_bytes(subkey)
    for _ in range(128):
        table.append(factor)
        factor = (factor >> 1) ^ (0xE1 << 120 if factor & 1 else 0)
    total = 0
    for at in range(0, len(data), 16):
        total ^= int.from_bytes(data[at : at + 16])
        bits, total = total, 0
        for place in range(128):
            if bits >> (127 - place) & 1:
                total ^= table[place]
    return total.to_bytes(16)


def sealed(key: bytes, nonce: bytes, plain: bytes, beside: bytes) -> bytes:
    """AES-128-GCM: ciphertext and tag (NIST SP 800-38D 7.1)."""
    keys = schedule(key)
    counters = (nonce + number.to_bytes(4) for number in itertools.count(2))
    stream = b"".join(aes(keys, next(counters)) for _ in range(-(-len(plain) // 16)))
    secret = xor(plain, stream)
    padded = b"".join(part + bytes(-len(part) % 16) for part in (beside, secret))
    lengths = (8 * len(beside)).to_bytes(8) + (8 * len(secret)).to_bytes(8)
    tag = xor(ghash(aes(keys, bytes(16)), padded + lengths), aes(keys, nonce + (1).to_bytes(4)))
    return secret + tag


def expanded(secret: bytes, label: str, length: int) -> bytes:
    """HKDF-Expand-Label without context (RFC 8446 7.1)."""
    name = b"tls13 " + label.encode()
    info = length.to_bytes(2) + bytes([len(name)]) + name + b"\0"
    return hmac.digest(secret, info + b"\1", hashlib.sha256)[:length]


def varint(number: int) -> bytes:
    """A variable-length integer (RFC 9000 16)."""
    for size, tag in ((1, 0), (2, 1), (4, 2)):
        if number < 1 << (8 * size - 2):
            return (number | tag << (8 * size - 2)).to_bytes(size)
    raise ValueError(number)


def initial(version: Version, dcid: bytes, frames: bytes, *, number: int = 0, keyed: bytes | None = None,
            scid: bytes = b"", token: bytes = b"", width: int = 4) -> bytes:  # fmt: skip
    """A client's Initial packet under the keys of `keyed`, else of its own destination."""
    secret = hmac.digest(version.salt, dcid if keyed is None else keyed, hashlib.sha256)
    secret = expanded(secret, "client in", 32)
    key, nonce, hp = (expanded(secret, f"{version.prefix} {what}", size) for what, size in
                      (("key", 16), ("iv", 12), ("hp", 16)))  # fmt: skip
    first = 0xC0 | version.initial << 4 | (width - 1)
    ends = bytes([len(dcid)]) + dcid + bytes([len(scid)]) + scid
    rest = varint(len(token)) + token + varint(width + len(frames) + 16)
    head = bytes([first]) + version.number.to_bytes(4) + ends + rest + number.to_bytes(width)
    body = sealed(key, xor(nonce, number.to_bytes(12)), frames, head)
    mask = aes(schedule(hp), (head[-width:] + body)[4:20])
    hidden = xor(head[-width:], mask[1:])
    return bytes([head[0] ^ mask[0] & 0x0F]) + head[1:-width] + hidden + body


def crypto(offset: int, data: bytes) -> bytes:
    return b"\x06" + varint(offset) + varint(len(data)) + data


RFC_FRAME = bytes.fromhex(
    "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c0000041301"
    "1302010000c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007"
    "000504616c706e000500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f5"
    "0f1ce15d43e994ec74d748002b0003020304000d0010000e0403050306030203080408050806002d00020101001c00"
    "024001003900320408ffffffffffffffff05048000ffff07048000ffff0801100104800075300901100f088394c8f0"
    "3e51570806048000ffff"
)
"""The hello of RFC 9001 A.2 and RFC 9369 A.2."""


@pytest.mark.parametrize(
    ("version", "begins", "ends"),
    [
        (V1, "c000000001088394c8f03e5157080000449e7b9aec34d1b1", "e221af44860018ab0856972e194cd934"),
        (V2, "d76b3343cf088394c8f03e5157080000449ea0c95e82ffe6", "a18b2faa745b6fe189cf772a9f84cbfc"),
    ],
)
def test_what_seals_here_gives_the_packets_of_the_specifications(version: Version, begins: str, ends: str) -> None:
    packet = initial(version, bytes.fromhex("8394c8f03e515708"), RFC_FRAME.ljust(1162, b"\0"), number=2)
    assert (len(packet), packet[:24].hex(), packet[-16:].hex()) == (1200, begins, ends)


labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
hosts = st.lists(labels, min_size=2, max_size=4).map(lambda parts: ".".join([*parts, "example"]))


def hello_of(host: str, alpn: Sequence[str]) -> bytes:
    """A ClientHello of TLS 1.3 without its record header."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if alpn:
        context.set_alpn_protocols(list(alpn))
    said = ssl.MemoryBIO()
    side = context.wrap_bio(ssl.MemoryBIO(), said, server_hostname=host)
    with pytest.raises(ssl.SSLWantReadError):
        side.do_handshake()
    record = said.read()
    assert len(record) == 5 + int.from_bytes(record[3:5])
    return record[5:]


def frame(payload: bytes, *, back: bool = False, port: int = 443) -> bytes:
    ends, ports = (CLIENT, SERVER), (50_000, port)
    if back:
        ends, ports = ends[::-1], ports[::-1]
    macs: dict[str, Any] = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
    return bytes(Ether(**macs) / IP(src=ends[0], dst=ends[1]) / UDP(sport=ports[0], dport=ports[1]) / Raw(payload))


def told(rows_of: Any, packet: Any, frames: Sequence[bytes]) -> dict[str, Any]:
    rows = rows_of([packet(START + at, data) for at, data in enumerate(frames)])
    (flow,) = rows.flows
    assert not rows.lookups
    columns = ("app", "sni", "alpn", "tls_version", "ech", "direction_basis", "src_ip", "src_clear", "dst_clear")
    return {name: flow.get(name) for name in columns}


def asked(sni: str | None, alpn: Sequence[str] = ()) -> dict[str, Any]:
    """What a flow of QUIC tells whose hello was read."""
    found = {"app": "quic", "sni": sni, "alpn": list(alpn) or None, "tls_version": "1.3", "ech": False}
    return found | {"direction_basis": "request", "src_ip": CLIENT, "src_clear": False, "dst_clear": False}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.data(),
    version=st.sampled_from(VERSIONS),
    host=hosts,
    alpn=st.sampled_from([(), ("h3",), ("h3", "hq-interop")]),
    port=st.sampled_from([443, 53, 4433]),
)
def test_a_hello_in_any_frames_of_any_packets(
    rows_of: Any, packet: Any, data: st.DataObject, version: Version, host: str, alpn: tuple[str, ...], port: int
) -> None:
    hello = hello_of(host, alpn)
    places = data.draw(st.lists(st.integers(1, len(hello) - 1), max_size=8))
    cuts = sorted({0, len(hello), *places})
    frames = [crypto(start, hello[start:end]) for start, end in itertools.pairwise(cuts)]
    frames = [*data.draw(st.permutations(frames)), data.draw(st.sampled_from(frames))]
    dcid = data.draw(st.binary(min_size=8, max_size=20))
    packets: list[bytes] = []
    while frames:
        count = data.draw(st.integers(1, 3))
        body = data.draw(st.sampled_from([b"", b"\1", b"\2\x05\0\0\0"])) + b"".join(frames[:count]) + bytes(20)
        # Once the server has answered, its own id is the receiver's, and the keys stay.
        to = dcid if not packets else data.draw(st.sampled_from([dcid, b"server-id"]))
        number, width = len(packets), data.draw(st.integers(1, 4))
        packets.append(initial(version, to, body, keyed=dcid, number=number, width=width))
        frames = frames[count:]
    joined = data.draw(st.booleans())
    datagrams = [b"".join(packets)] if joined else packets
    assert told(rows_of, packet, [frame(one, port=port) for one in datagrams]) == asked(host, alpn)


def test_after_a_retry_the_keys_are_those_of_the_new_id(rows_of: Any, packet: Any) -> None:
    hello = hello_of("results.example", ["h3"])
    refused = b"\xf0\0\0\0\1\0\x08retried." + b"token" + bytes(16)
    frames = [
        frame(initial(V1, b"firstone", crypto(0, hello[:100]) + bytes(900))),
        frame(refused, back=True),
        frame(initial(V1, b"retried.", crypto(0, hello), token=b"token", number=1)),
    ]
    assert told(rows_of, packet, frames) == asked("results.example", ["h3"])


def test_version_negotiation_is_passed_over(rows_of: Any, packet: Any) -> None:
    unknown = b"\xc0\x1a\x2a\x3a\x4a\x08firstone\0" + bytes(1200)
    offered = b"\x80\0\0\0\0\0\x08firstone" + bytes.fromhex("6b3343cf00000001")
    hello = initial(V2, b"firstone", crypto(0, hello_of("results.example", [])))
    assert told(rows_of, packet, [frame(unknown), frame(offered, back=True), frame(hello)]) == asked("results.example")


def test_who_is_asked_does_not_become_the_one_who_asks(rows_of: Any, packet: Any) -> None:
    """The server's Initials are under other keys; a capture may have them first, or alone."""
    answer = initial(V1, b"", crypto(0, b"\2" + bytes(90)), keyed=b"unlike", scid=b"serverid")
    hello = initial(V1, b"firstone", crypto(0, hello_of("results.example", [])))
    assert told(rows_of, packet, [frame(answer, back=True), frame(hello)]) == asked("results.example")
    alone = told(rows_of, packet, [frame(answer, back=True)])
    assert (alone["app"], alone["tls_version"], alone["src_clear"]) == ("quic", None, False)


def test_a_hello_that_is_not_whole_tells_what_stands_in_it(rows_of: Any, packet: Any) -> None:
    hello = hello_of("results.example", [])
    part = told(rows_of, packet, [frame(initial(V1, b"firstone", crypto(0, hello[:-1]) + bytes(20)))])
    assert (part["app"], part["sni"], part["tls_version"]) == ("quic", "results.example", "1.3")
    rest = told(rows_of, packet, [frame(initial(V1, b"firstone", crypto(40, hello[40:]) + bytes(20)))])
    assert (rest["app"], rest["sni"], rest["tls_version"]) == ("quic", None, None)


def test_a_hello_that_comes_late_is_still_read(rows_of: Any, packet: Any) -> None:
    """A client that moved from elsewhere, and then opens anew from the same port."""
    short = [frame(b"\x40" + bytes([n]) * 50, back=bool(n % 2)) for n in range(20)]
    assert told(rows_of, packet, short)["app"] is None
    hello = frame(initial(V1, b"firstone", crypto(0, hello_of("results.example", []))))
    assert told(rows_of, packet, [*short, hello])["sni"] == "results.example"


def test_dns_over_quic_is_counted_by_its_port_and_by_its_protocol(audited: Any, packet: Any) -> None:
    frames = [
        frame(initial(V1, b"firstone", crypto(0, hello_of("resolver.example", [alpn])) + bytes(20)), port=port)
        for alpn, port in (("doq", 8853), ("h3", 853), ("h3", 443))
    ]
    assert audited([packet(START + at, data) for at, data in enumerate(frames)]).encrypted_dns_flows == 2
