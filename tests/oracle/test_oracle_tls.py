"""TLS: hellos that OpenSSL makes, cut into segments, must be told as they were asked for."""

import itertools
import ssl
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

CLIENT, SERVER = "2001:db8::10", "2001:db8:51::7"
START = 1_795_333_872_000_000_000
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

host_labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
hosts = st.lists(host_labels, min_size=2, max_size=5).map(lambda labels: ".".join([*labels, "example"]))
protocols = st.lists(st.sampled_from(["h2", "http/1.1", "dot", "postgresql"]), unique=True, max_size=3)


def client(host: str, alpn: Sequence[str], newest: str) -> tuple[ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]:
    """A client that offers up to this version, with what it reads and writes; certificates do not matter."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:aNULL:@SECLEVEL=0")
    context.maximum_version = VERSIONS[newest]
    if alpn:
        context.set_alpn_protocols(list(alpn))
    heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
    return context.wrap_bio(heard, said, server_hostname=host), heard, said


def server(alpn: Sequence[str]) -> tuple[ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]:
    """A TLS 1.2 server without a certificate (anonymous key exchange)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("aNULL:@SECLEVEL=0")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    if alpn:
        context.set_alpn_protocols(list(alpn))
    heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
    return context.wrap_bio(heard, said, server_side=True), heard, said


def advance(side: ssl.SSLObject) -> None:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return


def hello_of(host: str, alpn: Sequence[str], newest: str) -> bytes:
    side, _, said = client(host, alpn, newest)
    advance(side)
    return said.read()


def handshake(host: str, alpn: Sequence[str]) -> tuple[bytes, bytes]:
    """Both sides' bytes of one whole TLS 1.2 handshake."""
    asker, asker_heard, asker_said = client(host, alpn, "1.2")
    answerer, answerer_heard, answerer_said = server(alpn[-1:])
    there, back = b"", b""
    for _ in range(4):
        advance(asker)
        new = asker_said.read()
        there += new
        answerer_heard.write(new)
        advance(answerer)
        new = answerer_said.read()
        back += new
        asker_heard.write(new)
    assert asker.version() == "TLSv1.2"
    return there, back


def pieces(stream: bytes, cuts: Sequence[int]) -> list[tuple[int, bytes]]:
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [(start, stream[start:end]) for start, end in itertools.pairwise(places)]


def frame(ends: tuple[str, str], ports: tuple[int, int], **fields: Any) -> Any:
    macs: dict[str, Any] = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
    tcp = TCP(sport=ports[0], dport=ports[1], **fields)
    return Ether(**macs) / IPv6(src=ends[0], dst=ends[1]) / tcp


def conversation(there: Sequence[tuple[int, bytes]], back: Sequence[tuple[int, bytes]], port: int) -> list[bytes]:
    ends, ports = (CLIENT, SERVER), (40000, port)
    frames = [frame(ends, ports, flags="S", seq=99), frame(ends[::-1], ports[::-1], flags="SA", seq=7, ack=100)]
    frames += [frame(ends, ports, flags="PA", seq=100 + at, ack=8) / Raw(part) for at, part in there]
    frames += [frame(ends[::-1], ports[::-1], flags="PA", seq=8 + at, ack=100) / Raw(part) for at, part in back]
    return [bytes(one) for one in frames]


def told(rows_of: Any, packet: Any, frames: Sequence[bytes]) -> dict[str, Any]:
    rows = rows_of([packet(START + at, data) for at, data in enumerate(frames)])
    (flow,) = rows.flows
    return {name: flow.get(name) for name in ("app", "sni", "alpn", "tls_version", "ech", "direction_basis")}


@settings(max_examples=60, deadline=None)
@given(data=st.data(), host=hosts, alpn=protocols, newest=st.sampled_from(["1.2", "1.3"]))
def test_a_hello_in_any_segments_in_any_order(
    rows_of: Any, packet: Any, data: st.DataObject, host: str, alpn: list[str], newest: str
) -> None:
    hello = hello_of(host, alpn, newest)
    cut = pieces(hello, data.draw(st.lists(st.integers(0, 3000), max_size=6)))
    parts = data.draw(st.permutations(cut)) + data.draw(st.lists(st.sampled_from(cut), max_size=2))
    port = data.draw(st.sampled_from([443, 50051]))
    assert told(rows_of, packet, conversation(parts, [], port)) == {
        "app": "tls",
        "sni": host,
        "alpn": alpn or None,
        "tls_version": newest,
        "ech": False,
        "direction_basis": "handshake",
    }


@settings(max_examples=30, deadline=None)
@given(data=st.data(), host=hosts, alpn=protocols)
def test_the_server_has_the_last_word(
    rows_of: Any, packet: Any, data: st.DataObject, host: str, alpn: list[str]
) -> None:
    there, back = handshake(host, alpn)
    cuts = st.lists(st.integers(0, 3000), max_size=4)
    frames = conversation(pieces(there, data.draw(cuts)), pieces(back, data.draw(cuts)), 443)
    row = told(rows_of, packet, frames)
    assert (row["sni"], row["tls_version"], row["alpn"]) == (host, "1.2", alpn[-1:] or None)


@settings(max_examples=40, deadline=None)
@given(host=hosts, kept=st.integers(1, 700))
def test_a_hello_cut_short_never_gives_a_wrong_name(rows_of: Any, packet: Any, host: str, kept: int) -> None:
    hello = hello_of(host, ["h2"], "1.3")
    row = told(rows_of, packet, conversation([(0, hello[:kept])], [], 443))
    assert row["sni"] in {None, host}
    assert row["alpn"] in (None, ["h2"])


def test_dns_over_tls_is_counted_by_its_port_and_by_its_protocol(audited: Any, packet: Any) -> None:
    frames = []
    for alpn, port in (["dot"], 8853), ([], 853), (["h2"], 443):
        frames += conversation([(0, hello_of("resolver.example", alpn, "1.3"))], [], port)
    assert audited([packet(START + at, data) for at, data in enumerate(frames)]).encrypted_dns_flows == 2
