"""Bodies of HTTP and letters of SMTP have the digests that hashlib gives the files in them, however they travelled.

Messages are framed here by hand (RFC 9112) and packed by zlib; frames and header blocks of HTTP/2 are scapy's. Letters
are written by Python's own `email`.
Segments are cut, repeated and put out of order.
"""

import email.message
import email.policy
import gzip
import hashlib
import itertools
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.contrib import http2
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from flowwatch.model import ReadOptions

CLIENT, SERVER = "192.0.2.10", "198.51.100.7"
START = 1_795_333_872_000_000_000
BOUNDARY = b"----boundary-of-7"


class Message(NamedTuple):
    """One request or response, and the files whose digests it must give."""

    wire: bytes
    files: list[bytes]


class Exchange(NamedTuple):
    """A request and what answers it."""

    request: Message
    responses: Message


def sha(files: Sequence[bytes]) -> list[str]:
    return sorted({hashlib.sha256(file).hexdigest() for file in files if file})


def chunked(body: bytes, sizes: Sequence[int]) -> bytes:
    out, at = b"", 0
    for size in itertools.chain(sizes, [len(body)]):
        if chunk := body[at : at + size]:
            out += b"%x;x=y\r\n%s\r\n" % (len(chunk), chunk)
        at += size
    return out + b"0\r\nTrailer: x\r\n\r\n"


def form(files: Sequence[bytes]) -> bytes:
    """An upload as browsers send it (RFC 7578)."""
    head = b'\r\nContent-Disposition: form-data; name="f"; filename="f"\r\nContent-Type: text/plain\r\n\r\n'
    return b"".join(b"--" + BOUNDARY + head + file + b"\r\n" for file in files) + b"--" + BOUNDARY + b"--\r\n"


def deflated(body: bytes, *, bare: bool) -> bytes:
    packer = zlib.compressobj(wbits=-15 if bare else 15)
    return packer.compress(body) + packer.flush()


@st.composite
def bodies(draw: Any) -> tuple[list[bytes], bytes, bytes]:
    """Header lines, the body they frame, and what it is: (files, lines, wire)."""
    files = draw(st.lists(st.binary(max_size=200).filter(lambda file: BOUNDARY not in file), min_size=1, max_size=3))
    body, lines, digested = files[0], b"", [files[0]]
    if draw(st.booleans()):
        body, digested = form(files), [*files, form(files)]
        lines += b'Content-Type: multipart/form-data; boundary="' + BOUNDARY + b'"\r\n'
    coding = draw(st.sampled_from([None, None, "gzip", "deflate", "bare"]))
    if coding is not None:
        body = gzip.compress(body) if coding == "gzip" else deflated(body, bare=coding == "bare")
        digested = [*digested, body]
        lines += b"Content-Encoding: " + (b"gzip" if coding == "gzip" else b"deflate") + b"\r\n"
    if draw(st.booleans()):
        lines += b"Content-Length: %d\r\n\r\n" % len(body)
        return digested, lines, body
    wire = chunked(body, draw(st.lists(st.integers(1, 90), max_size=4)))
    return digested, lines + b"Transfer-Encoding: chunked\r\n\r\n", wire


@st.composite
def exchanges(draw: Any) -> Exchange:
    method = draw(st.sampled_from([b"GET", b"HEAD", b"PUT", b"POST"]))
    line, digested = method + b" /x HTTP/1.1\r\nHost: results.example\r\n", []
    if method in (b"PUT", b"POST"):
        digested, lines, body = draw(bodies())
        line += lines + body
    else:
        line += b"\r\n"
    status = draw(st.sampled_from([b"200 OK", b"204 No Content", b"304 Not Modified", b"404 Not Found"]))
    answer = draw(st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n"])) + b"HTTP/1.1 " + status + b"\r\n"
    files, lines, body = draw(bodies())
    answer += lines
    if method == b"HEAD" or status[:3] in (b"204", b"304"):
        files = []
    else:
        answer += body
    return Exchange(Message(line, digested), Message(answer, files))


def conversation(
    packet: Any, streams: Sequence[bytes], cuts: Sequence[Sequence[int]], order: Sequence[int]
) -> list[Any]:
    """Packets of one TCP connection, both directions cut there and the segments sent in that order of theirs."""
    ends, ports, numbers = (CLIENT, SERVER), (40_000, 8080), (1000, 5000)
    macs: dict[str, Any] = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}

    def frame(side: int, flags: str, seq: int, payload: bytes = b"") -> bytes:
        ip = IP(src=ends[side], dst=ends[1 - side])
        tcp = TCP(sport=ports[side], dport=ports[1 - side], seq=seq, ack=numbers[1 - side] + 1, flags=flags)
        return bytes(Ether(**macs) / ip / tcp / Raw(payload))

    frames = [frame(0, "S", numbers[0]), frame(1, "SA", numbers[1]), frame(0, "A", numbers[0] + 1)]
    for side, (stream, places) in enumerate(zip(streams, cuts, strict=True)):
        spans = list(itertools.pairwise(sorted({0, len(stream), *(place % (len(stream) + 1) for place in places)})))
        # Each goes a few places late at most, as networks do.
        spans = [span for _, span in sorted(enumerate(spans), key=lambda one: one[0] + order[one[0] % len(order)])]
        spans += spans[:1]
        frames += [frame(side, "PA", numbers[side] + 1 + first, stream[first:last]) for first, last in spans]
    frames += [frame(side, "FA", numbers[side] + 1 + len(streams[side])) for side in (1, 0)]
    return [packet(START + at, data) for at, data in enumerate(frames)]


def told(rows_of: Any, packets: list[Any]) -> dict[str, Any]:
    (flow,) = rows_of(packets, options=ReadOptions(digest=False, digests=True)).flows
    return {str(name): value for name, value in flow.items()}


places = st.lists(st.integers(0, 1 << 30), max_size=25)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    talk=st.lists(exchanges(), min_size=1, max_size=6),
    last=st.binary(max_size=300),
    cuts=st.tuples(places, places),
    order=st.lists(st.integers(0, 8), min_size=1, max_size=20),
)
def test_every_body_has_the_digest_of_its_file(
    rows_of: Any, packet: Any, talk: list[Exchange], last: bytes, cuts: tuple[list[int], list[int]], order: list[int]
) -> None:
    ending = Exchange(
        Message(b"GET /last HTTP/1.0\r\nHost: results.example\r\n\r\n", []),
        Message(b"HTTP/1.0 200 OK\r\n\r\n" + last, [last]),
    )
    talk = [*talk, ending]
    streams = [b"".join(one.request.wire for one in talk), b"".join(one.responses.wire for one in talk)]
    flow = told(rows_of, conversation(packet, streams, cuts, order))
    assert (flow["app"], flow["http_hosts"]) == ("http", ["results.example"])
    assert flow["src_payload_sha256"] == sha([file for one in talk for file in one.request.files])
    assert flow["dst_payload_sha256"] == sha([file for one in talk for file in one.responses.files])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    files=st.lists(st.binary(min_size=1, max_size=400), min_size=1, max_size=5),
    hosts=st.lists(st.from_regex(r"[a-z]{1,12}\.example", fullmatch=True), min_size=1, max_size=4),
    cuts=st.tuples(places, places),
    order=st.lists(st.integers(0, 8), min_size=1, max_size=20),
)
def test_streams_of_http2_are_kept_apart(
    rows_of: Any, packet: Any, files: list[bytes], hosts: list[str], cuts: tuple[list[int], list[int]], order: list[int]
) -> None:
    streams = [http2.H2_CLIENT_CONNECTION_PREFACE, b""]
    settings_frame = bytes(http2.H2Frame() / http2.H2SettingsFrame())
    tables = [http2.HPackHdrTable(), http2.HPackHdrTable()]
    parts: list[list[bytes]] = [[settings_frame], [settings_frame]]
    for at in range(len(files)):
        lines = f":method POST\n:path /{at}\n:scheme http\n:authority {hosts[at % len(hosts)]}:8080\nx-sent: {at}\n"
        for side, text in enumerate((lines, ":status 200\nserver: x\n")):
            block = tables[side].parse_txt_hdrs(text.encode(), stream_id=2 * at + 1)
            (frame,) = block.frames
            frame.flags = {"EH"}  # a body follows
            parts[side].append(bytes(frame))
    for piece in (0, 1):
        for at, file in enumerate(files):
            half = file[: len(file) // 2] if piece == 0 else file[len(file) // 2 :]
            for side, data in enumerate((half, half[::-1])):
                flags = {"ES"} if piece else set()
                frame = http2.H2Frame(stream_id=2 * at + 1, flags=flags) / http2.H2DataFrame(data=data)
                parts[side].append(bytes(frame))
    sent = [stream + b"".join(part) for stream, part in zip(streams, parts, strict=True)]
    flow = told(rows_of, conversation(packet, sent, cuts, order))
    asked = list(dict.fromkeys(hosts[at % len(hosts)] for at in range(len(files))))
    assert (flow["app"], flow["http_method"], flow["http_path"]) == ("http", "POST", "/0")
    assert (flow["http_host"], flow["http_hosts"]) == (hosts[0], asked)
    assert flow["src_payload_sha256"] == sha(files)
    back = [file[: len(file) // 2][::-1] + file[len(file) // 2 :][::-1] for file in files]
    assert flow["dst_payload_sha256"] == sha(back)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    files=st.lists(st.tuples(st.binary(max_size=300), st.sampled_from(["base64", "quoted-printable"])), max_size=3),
    words=st.text(st.sampled_from("a.\n=\xe4 "), max_size=300),
    cuts=st.tuples(places, places),
    order=st.lists(st.integers(0, 8), min_size=1, max_size=20),
)
def test_every_letter_has_its_digest_and_those_of_its_files(
    rows_of: Any, packet: Any, files: list[tuple[bytes, str]], words: str, cuts: tuple[list[int], list[int]], order: Any
) -> None:
    letter = email.message.EmailMessage(email.policy.SMTP)
    letter.set_content(words)
    for file, coding in files:
        letter.add_attachment(file, "application", "octet-stream", filename="tally.bin", cte=coding)
    sent = bytes(letter)
    stuffed = (b"\r\n" + sent).replace(b"\r\n.", b"\r\n..")
    said = b"EHLO a.example\r\nMAIL FROM:<>\r\nRCPT TO:<b@b.example>\r\nDATA" + stuffed + b".\r\nQUIT\r\n"
    flow = told(rows_of, conversation(packet, (said, b"220 mx.example ESMTP\r\n"), cuts, order))
    digests = set(flow["src_payload_sha256"])
    assert set(sha([sent, *(file for file, _ in files)])) <= digests
    assert len(digests) <= 2 + len(files)
