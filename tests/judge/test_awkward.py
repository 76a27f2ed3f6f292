"""The awkward flows: each made as packets, audited end to end under a small policy, and told as the language says.

One test a flow, called by it; `told` gives sender, receiver, verdict and reasons of what is judged, by time.
"""

import importlib
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw
from scapy.utils import wrpcap

from flowwatch.audit import audit
from flowwatch.model import Decision, Report
from tests.oracle.test_oracle_quic import V1, crypto, initial

SAMPLES = Path(__file__).parents[2] / "captures"


def _sample(name: str) -> ModuleType:
    """How the sample captures write packets."""
    sys.path.insert(0, str(SAMPLES))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(SAMPLES))


messages, conversations = _sample("messages"), _sample("conversations")
seconds = conversations.seconds
Hello, Tcp = conversations.Hello, conversations.Tcp

SITE, OTHER_SITE, CENTRE, OFFICE = "192.0.2.17", "192.0.2.18", "192.0.2.140", "192.0.2.200"
PRIMARY, FTP, RESOLVER, PROXY = "198.51.100.20", "198.51.100.21", "198.51.100.53", "198.51.100.31"
STRANGER, CDN = "203.0.113.77", "203.0.113.200"
NAME = "ingest.results.example"
AT = conversations.instant("2026-11-03T22:00:00-05:00")

HEAD = """
schema = "flowwatch.policy/1"
[policy]
id = "awkward"
version = "1"
[[zone]]
id = "sites"
cidrs = ["192.0.2.0/25", "2001:db8:100::/48"]
[[zone]]
id = "centre"
cidrs = ["192.0.2.128/26"]
[[zone]]
id = "office"
cidrs = ["192.0.2.192/26"]
[[server]]
id = "dns"
role = "resolver"
match = { cidrs = ["198.51.100.53/32", "2001:db8:200::53/128"] }
[[channel]]
id = "dns"
from = ["sites"]
to = ["dns"]
service = { ports = [53] }
"""
UP = """
[[server]]
id = "primary"
match = { cidrs = ["198.51.100.20/32"], names = ["ingest.results.example"] }
[[channel]]
id = "up"
from = ["sites"]
to = ["primary"]
service = { proto = "tcp", ports = [443] }
"""
BY_NAME = """
[[server]]
id = "primary"
match = { names = ["ingest.results.example"] }
[[channel]]
id = "up"
from = ["sites"]
to = ["primary"]
service = { proto = "tcp", ports = [443] }
"""
FILES = """
[[server]]
id = "files"
match = { cidrs = ["198.51.100.21/32"] }
[[channel]]
id = "files"
from = ["sites"]
to = ["files"]
service = { proto = "tcp", ports = [21], related = true }
"""
Told = tuple[str, ...]


@pytest.fixture
def night() -> Any:
    return conversations.Recording()


@pytest.fixture
def report(tmp_path: Path, night: Any) -> Callable[..., Report]:
    """The audit of the recording, or of frames, under the policy's tables."""

    def audited(policy: str | list[str], frames: Sequence[Packet] = ()) -> Report:
        texts = [policy] if isinstance(policy, str) else policy
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        for number, text in enumerate(texts):
            (folder / f"{number}.toml").write_text(text if "schema =" in text else HEAD + text)
        recording = tmp_path / "tap.pcap"
        if frames:
            wrpcap(str(recording), list(frames))
        else:
            night.write(recording)
        found = audit([recording], folder)
        assert [one.error for one in found.coverage] == [None]
        return found

    return audited


class Teller:
    """Tells what was judged in order of time, and keeps the decisions; DNS on port 53 is told where asked for."""

    def __init__(self, report: Callable[..., Report]) -> None:
        self._report = report
        self.judged: list[Decision] = []

    def __call__(self, policy: str | list[str], frames: Sequence[Packet] = (), *, dns: bool = False) -> list[Told]:
        found = sorted(self._report(policy, frames).decisions, key=lambda one: one.transmission.start)
        in_scope = [one for one in found if one.verdict != "out_of_scope"]
        self.judged = [one for one in in_scope if dns or one.transmission.service_port != 53]
        return list(map(_said, self.judged))


@pytest.fixture
def told(report: Callable[..., Report]) -> Teller:
    return Teller(report)


def _said(one: Decision) -> Told:
    sent = one.transmission
    return (sent.sender_ip, sent.receiver_ip, str(one.verdict), *map(str, one.reasons))


def frame(at: int, sender: str, receiver: str, segment: Packet) -> Packet:
    made = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src=sender, dst=receiver) / segment
    made.time = at / 1_000_000
    return made


def tcp(ports: dict[str, Any], flags: str, number: int, acks: int = 0, data: bytes = b"") -> Packet:
    segment = TCP(**ports, flags=flags, seq=number, ack=acks)
    return segment / Raw(data) if data else segment


def ftp(night: Any, client: str, server: str, *, passive: bool, at: int = AT, back: bool = False) -> None:
    """A control connection that announces one data connection, over which 9,000 bytes run: up, or `back`."""
    control = Tcp(night, client, server, 21, at).open()
    control.server(b"220 ready\r\n").client(b"USER up\r\nPASS x\r\n").server(b"331 who\r\n230 in\r\n")
    comma = (server if passive else client).replace(".", ",")
    if passive:
        control.client(b"PASV\r\n").server(f"227 Entering Passive Mode ({comma},195,90)\r\n".encode())
        data = Tcp(night, client, server, 50_010, control.now)
    else:
        control.client(f"PORT {comma},195,90\r\n".encode()).server(b"200 well\r\n")
        data = Tcp(night, server, client, 50_010, control.now, client_port=20)
    control.client(b"RETR night.csv\r\n" if back else b"STOR night.csv\r\n").server(b"150 here\r\n")
    data.open()
    content = messages.opaque("night", 9_000)
    (data.server if passive == back else data.client)(content)
    data.close()
    control.server(b"226 done\r\n").client(b"QUIT\r\n").server(b"221 bye\r\n")
    control.close()


def test_pull(night, told):
    """What a stranger fetches from a zone's server is sent to that stranger; a zone's download is its request alone."""
    request = messages.http_request("GET", "export.county.example", "/night.xml")
    answer = messages.http_response(messages.results_file(24_000))
    mirror, page = PRIMARY, "198.51.100.99"
    conversations.clear(night, mirror, CENTRE, at=AT, request=request, response=answer)
    conversations.clear(night, STRANGER, CENTRE, at=AT + seconds(60), request=request, response=answer)
    conversations.clear(night, SITE, page, at=AT + seconds(120), request=request, response=answer)
    policy = UP + PULL
    assert told(policy) == [
        (CENTRE, mirror, "approved", "channel.approved"),
        (CENTRE, STRANGER, "unapproved", "destination.unlisted"),
        (SITE, page, "unapproved", "destination.unlisted"),
    ]
    sent = [one.transmission.sent.exact for one in told.judged]
    assert sent == [len(answer), len(answer), len(request)]


PULL = """
[[server]]
id = "mirror"
match = { cidrs = ["198.51.100.20/32"] }
[[channel]]
id = "mirror"
from = ["centre"]
to = ["mirror"]
opened_by = "receiver"
service = { proto = "tcp", ports = [80] }
"""


def test_ftp_active_data(night, told):
    """The server opens the connection over which the site sends: who sent counts, and the control connection's port."""
    ftp(night, SITE, FTP, passive=False)
    control = (SITE, FTP, "approved", "channel.approved")
    assert told(FILES) == [control, control]
    assert told(FILES.replace(", related = true", "")) == [
        control,
        (SITE, FTP, "deviation", "channel.opened_by", "service.port"),
    ]


def test_ftp_passive(night, told):
    """The site opens it to a port that the server announced, which no channel lists."""
    ftp(night, SITE, FTP, passive=True)
    control = (SITE, FTP, "approved", "channel.approved")
    assert told(FILES) == [control, control]
    assert told(FILES.replace(", related = true", "")) == [control, (SITE, FTP, "deviation", "service.port")]


def test_response_recorded_before_its_request(told):
    """A recorder that swaps packets does not swap who opened a connection."""
    hello = messages.client_hello("x", NAME)
    up, down = {"sport": 40_001, "dport": 443}, {"sport": 443, "dport": 40_001}
    swapped = [
        frame(AT + 1, PRIMARY, SITE, tcp(down, "SA", 500, 101)),
        frame(AT + 2, SITE, PRIMARY, tcp(up, "S", 100)),
        frame(AT + 3, PRIMARY, SITE, tcp(down, "PA", 501, 101 + len(hello), messages.server_hello("x"))),
        frame(AT + 4, SITE, PRIMARY, tcp(up, "PA", 101, 501, hello)),
    ]
    assert told(UP, swapped) == [(SITE, PRIMARY, "approved", "channel.approved")]


def test_allowed_name_through_a_proxy(night, told):
    """Each host asked of the proxy is judged by its name, and where the proxy went on to was not seen."""
    for at, name in ((AT, NAME), (AT + seconds(60), "drop.test")):
        talk = Tcp(night, SITE, PROXY, 3128, at).open()
        talk.client(f"CONNECT {name}:443 HTTP/1.1\r\nHost: {name}:443\r\n\r\n".encode())
        talk.server(b"HTTP/1.1 200 Connection established\r\n\r\n").client(messages.client_hello(talk.seed, name))
        talk.server(messages.server_hello(talk.seed)).client(messages.sealed(talk.seed, 6_000)).close()
    assert told(BY_NAME.rstrip() + '\nvia = ["proxy"]\n' + TO_PROXY) == [
        (SITE, PROXY, "approved", "channel.approved"),
        (SITE, PROXY, "unapproved", "destination.unlisted"),
    ]
    assert [one.asked for one in told.judged] == [NAME, "drop.test"]
    assert "proxy.address_unobserved" in told.judged[0].notes
    assert told(BY_NAME + TO_PROXY)[0] == (SITE, PROXY, "deviation", "channel.via")


TO_PROXY = """
[[server]]
id = "proxy"
role = "proxy"
match = { cidrs = ["198.51.100.31/32"] }
[[channel]]
id = "to-proxy"
from = ["sites"]
to = ["proxy"]
service = { proto = "tcp", ports = [3128] }
"""


def test_translated_sender(night, told):
    """Outside the address translation a zone sends from the addresses it has there."""
    outside = "203.0.113.5"
    conversations.tls(night, outside, PRIMARY, at=AT, hello=Hello(NAME), sent=9_000)
    conversations.tls(night, outside, STRANGER, at=AT + seconds(60), hello=Hello("x.test"), sent=9_000)
    policy = HEAD.replace('id = "sites"\n', 'id = "sites"\nnat = ["203.0.113.5/32"]\n') + UP
    assert told(policy) == [
        (outside, PRIMARY, "approved", "channel.approved"),
        (outside, STRANGER, "unapproved", "destination.unlisted"),
    ]
    assert {one.sender_zone for one in told.judged} == {"sites"}
    assert told(policy + '[[sensor]]\nid = "tap"\nsources = ["tap.pcap"]\nside = "inside"\n') == []
    assert told(UP) == []


def test_shared_cdn_address(night, told):
    """One address serves many: only the very name, bound to it, is the server's; no name seen cannot be told."""
    at = conversations.lookup(night, SITE, RESOLVER, NAME, (NAME, "A", CDN, 300), at=AT)
    at = conversations.tls(night, SITE, CDN, at=at, hello=Hello(NAME), sent=9_000)
    at = conversations.tls(night, SITE, CDN, at=at, hello=Hello("shop.test"), sent=9_000)
    at = conversations.lookup(night, SITE, RESOLVER, "shop.test", ("shop.test", "A", CDN, 300), at=at)
    at = conversations.tls(night, SITE, CDN, at=at, hello=Hello(None), sent=9_000)
    conversations.tls(night, OTHER_SITE, CDN, at=at, hello=Hello(NAME), sent=9_000)
    assert told(BY_NAME) == [
        (SITE, CDN, "approved", "channel.approved"),
        (SITE, CDN, "unapproved", "destination.unlisted"),
        (SITE, CDN, "indeterminate", "name.ambiguous"),
        (OTHER_SITE, CDN, "indeterminate", "dns.binding_unobserved"),
    ]


def test_privacy_addresses(night, told):
    """A host's temporary IPv6 addresses are all its zone's; who asked for a name is another address than who sends."""
    stable, temporary, there = "2001:db8:100::1:17", "2001:db8:100::9d2f:c1", "2001:db8:200::20"
    at = conversations.lookup(night, stable, "2001:db8:200::53", NAME, (NAME, "AAAA", there, 300), at=AT, kind="AAAA")
    at = conversations.tls(night, stable, there, at=at, hello=Hello(NAME), sent=9_000)
    conversations.tls(night, temporary, there, at=at, hello=Hello(NAME), sent=9_000)
    own = (stable, there, "approved", "channel.approved")
    assert told(BY_NAME) == [own, (temporary, there, "indeterminate", "dns.binding_unobserved")]
    shared = '[defaults.dns_binding]\nclient = "same_zone"\n'
    assert told(BY_NAME + shared) == [own, (temporary, there, "approved", "channel.approved")]


def test_mdns(report):
    """What is asked of everybody on the link leaves no zone: told as out of scope, never as sent somewhere."""
    question = messages.dns_query(0, "printer.local")
    found = report(UP, [frame(AT, SITE, "224.0.0.251", UDP(sport=5353, dport=5353) / Raw(question))])
    assert [(str(one.verdict), *one.reasons) for one in found.decisions] == [("out_of_scope", "scope.multicast")]
    assert [(str(one.verdict), *one.reasons) for one in found.lookups] == [("out_of_scope", "scope.multicast")]


def test_recursion_from_the_zones_own_resolver(night, told):
    """A zone's resolver asks servers anywhere: that is sent like all else; a channel to `any` says how much may be."""
    resolver, root = "192.0.2.53", "203.0.113.4"
    at = conversations.lookup(night, SITE, resolver, NAME, (NAME, "A", PRIMARY, 300), at=AT)
    conversations.lookup(night, resolver, root, NAME, (NAME, "A", PRIMARY, 300), at=at)
    assert told(UP, dns=True) == [(resolver, root, "unapproved", "destination.unlisted")]
    recursion = POOL.replace('from = ["sites"]', 'from = ["192.0.2.53/32"]').replace("[123]", "[53]")
    assert told(UP + recursion, dns=True) == [(resolver, root, "approved", "channel.approved")]


def test_ntp(night, told):
    """Clients and servers both use port 123; whom a pool gives is not known before, so it may be `any` in small."""
    listed, pool = "198.51.100.123", "203.0.113.123"
    for at, server in ((AT, listed), (AT + seconds(10), pool)):
        night.add(at, SITE, server, UDP(sport=123, dport=123) / Raw(b"\x23" + bytes(47)))
        night.add(at + 9_000, server, SITE, UDP(sport=123, dport=123) / Raw(b"\x24" + bytes(47)))
    night.add(AT + seconds(20), OTHER_SITE, pool, UDP(sport=123, dport=123) / Raw(b"\x23" + bytes(1_200)))
    own = (SITE, listed, "approved", "channel.approved")
    assert told(TIME) == [
        own,
        (SITE, pool, "unapproved", "destination.unlisted"),
        (OTHER_SITE, pool, "unapproved", "destination.unlisted"),
    ]
    assert told(TIME + POOL) == [
        own,
        (SITE, pool, "approved", "channel.approved"),
        (OTHER_SITE, pool, "unapproved", "destination.unlisted"),
    ]


TIME = """
[[server]]
id = "time"
match = { cidrs = ["198.51.100.123/32"] }
[[channel]]
id = "time"
from = ["sites"]
to = ["time"]
opened_by = "either"
service = { proto = "udp", ports = [123] }
"""
POOL = """
[[channel]]
id = "pool"
from = ["sites"]
to = ["any"]
opened_by = "either"
service = { proto = "udp", ports = [123] }
limits = { bytes_out_per_flow = 1_000 }
"""


def test_zone_to_zone(night, told):
    """What one's own networks send each other is judged like any other; what stays within one is not."""
    for at, (sender, receiver, port) in enumerate(
        [(SITE, CENTRE, 443), (SITE, CENTRE, 8443), (SITE, OFFICE, 443), (CENTRE, SITE, 443), (SITE, OTHER_SITE, 443)]
    ):
        conversations.tls(night, sender, receiver, at=AT + seconds(at), hello=Hello(None), sent=9_000, port=port)
    channel = """
[[channel]]
id = "hand-in"
from = ["sites"]
to = ["zone:centre"]
service = { ports = [443] }
"""
    told(channel)
    assert [_said(one) for one in told.judged if one.transmission.opened_by == "sender"] == [
        (SITE, CENTRE, "approved", "channel.approved"),
        (SITE, CENTRE, "deviation", "service.port"),
        (SITE, OFFICE, "unapproved", "channel.none_to_zone"),
        (CENTRE, SITE, "unapproved", "channel.none_to_zone"),
    ]
    approved, *_ = (one for one in told.judged if one.transmission.opened_by == "receiver")
    assert _said(approved) == (CENTRE, SITE, "approved", "channel.answer")


def test_validity_boundary(night, told):
    """A transmission belongs to every version in force while it ran; where none was, nothing can be said."""
    talk = Tcp(night, SITE, PRIMARY, 443, AT - seconds(5)).open().client(messages.client_hello("x", NAME))
    talk.now = AT + seconds(5)
    talk.client(messages.sealed("x", 6_000)).close()
    until = HEAD.replace('version = "1"\n', 'version = "1"\nvalid_until = 2026-11-03T22:00:00-05:00\n')
    since = HEAD.replace('version = "1"\n', 'version = "2"\nvalid_from = 2026-11-03T22:00:00-05:00\n')
    assert told(until + UP) == [(SITE, PRIMARY, "indeterminate", "policy.none_in_force", "time.ends_outside")]
    assert told([until + UP, since + UP]) == [(SITE, PRIMARY, "approved", "channel.approved")]
    assert told([until + UP, since]) == [(SITE, PRIMARY, "unapproved", "destination.unlisted")]
    assert told([until, since + UP]) == [(SITE, PRIMARY, "unapproved", "destination.unlisted")]


def test_begun_before_the_recording(night, told):
    """What began unseen may have begun before its window; where no time is asked for, what was seen is enough."""
    talk = Tcp(night, SITE, PRIMARY, 443, AT)
    talk.client(messages.sealed("x", 6_000)).server(messages.sealed("y", 100)).close()
    dedicated = UP.replace('id = "primary"', 'id = "primary"\ndedicated = true')
    window = "when = [{ from = 2026-11-03T21:00:00-05:00, until = 2026-11-03T23:00:00-05:00 }]\n"
    assert told(dedicated) == [(SITE, PRIMARY, "approved", "channel.approved")]
    assert told(dedicated + window) == [(SITE, PRIMARY, "indeterminate", "time.begun_before_recording")]


def test_upload_to_a_dead_server(told):
    """An opening without an answer is an attempt of its initiator; what was sent and not acknowledged is told so."""
    hello, more = messages.client_hello("x", NAME), messages.sealed("x", 1_000)
    up, down = {"sport": 40_001, "dport": 443}, {"sport": 443, "dport": 40_001}
    dies = [
        frame(AT, SITE, PRIMARY, tcp(up, "S", 100)),
        frame(AT + 1, PRIMARY, SITE, tcp(down, "SA", 500, 101)),
        frame(AT + 2, SITE, PRIMARY, tcp(up, "PA", 101, 501, hello)),
        frame(AT + 3, PRIMARY, SITE, tcp(down, "A", 501, 101 + len(hello))),
        frame(AT + 4, SITE, PRIMARY, tcp(up, "PA", 101 + len(hello), 501, more)),
    ]
    dead = [frame(AT + seconds(n), SITE, STRANGER, tcp(up, "S", 7)) for n in (60, 61, 63)]
    assert told(UP, dies + dead) == [
        (SITE, PRIMARY, "approved", "channel.approved"),
        (SITE, STRANGER, "unapproved", "destination.unlisted"),
    ]
    upload, attempt = told.judged
    assert (upload.transmission.sent.exact, upload.transmission.acked) == (len(hello) + 1_000, len(hello))
    assert (attempt.transmission.attempted, attempt.transmission.sent.exact, attempt.severity) == (True, 0, "info")


def test_unanswered_udp(night, told):
    """A datagram is sent, answered or not."""
    night.add(AT, SITE, STRANGER, UDP(sport=40_001, dport=4_000) / Raw(messages.opaque("x", 1_200)))
    assert told(UP) == [(SITE, STRANGER, "unapproved", "destination.unlisted")]
    (sent,) = (one.transmission for one in told.judged)
    assert (sent.attempted, sent.sent.exact) == (False, 1_200)


def test_port_reuse(told):
    """Two connections of the same ports, one after the other, are two, each with its own name."""
    frames = []
    for start, name, number in ((AT, NAME, 100), (AT + seconds(2), "shop.test", 900_000)):
        hello = messages.client_hello(name, name)
        up, down = {"sport": 40_001, "dport": 443}, {"sport": 443, "dport": 40_001}
        frames += [
            frame(start, SITE, PRIMARY, tcp(up, "S", number)),
            frame(start + 1, PRIMARY, SITE, tcp(down, "SA", number + 500, number + 1)),
            frame(start + 2, SITE, PRIMARY, tcp(up, "PA", number + 1, number + 501, hello)),
            frame(start + 3, PRIMARY, SITE, tcp(down, "A", number + 501, number + 1 + len(hello))),
        ]
    assert told(UP, frames) == [
        (SITE, PRIMARY, "approved", "channel.approved"),
        (SITE, PRIMARY, "deviation", "name.unlisted"),
    ]


def test_icmp_payload(night, told, report):
    """What an echo request carries is sent; error messages report on other packets and are not."""
    for number in range(8):
        night.add(AT + number, SITE, STRANGER, ICMP(id=7, seq=number) / Raw(messages.opaque(str(number), 1_000)))
    night.add(AT + seconds(1), SITE, STRANGER, ICMP(type=3, code=3) / Raw(bytes(28)))
    assert told(UP) == [(SITE, STRANGER, "unapproved", "destination.unlisted")]
    (sent,) = told.judged
    assert (sent.transmission.sent.exact, [label.name for label in sent.labels]) == (8_000, ["unread"])
    assert {str(reason) for one in report(UP).decisions for reason in one.reasons} == {
        "destination.unlisted",
        "scope.icmp_error",
    }


def test_quic_migration(night, told):
    """QUIC may go on elsewhere without a new Initial: soon after an approved one that cannot be told."""
    hello = initial(V1, bytes(range(8)), crypto(0, messages.client_hello("x", NAME)[5:]).ljust(1_162, b"\0"))
    night.add(AT, SITE, PRIMARY, UDP(sport=40_001, dport=443) / Raw(hello))
    for after, there in ((10, STRANGER), (60, "203.0.113.78")):
        short = b"\x40" + messages.opaque(there, 1_100)
        night.add(AT + seconds(after), SITE, there, UDP(sport=40_002, dport=443) / Raw(short))
    assert told(UP.replace('"tcp"', '"udp"')) == [
        (SITE, PRIMARY, "approved", "channel.approved"),
        (SITE, STRANGER, "indeterminate", "quic.migration_possible", "destination.unlisted"),
        (SITE, "203.0.113.78", "unapproved", "destination.unlisted"),
    ]


def test_gre_to_a_stranger_around_an_approved_inner_address(night, told):
    """Every packet of a tunnel goes to its far end first."""
    for at, far in ((AT, STRANGER), (AT + seconds(60), "198.51.100.90")):
        tunnel = conversations.Tunnel(night, "192.0.2.1", far, "192.0.2.")
        conversations.tls(tunnel, SITE, PRIMARY, at=at, hello=Hello(NAME), sent=9_000)
    gateway = '[[server]]\nid = "gate"\nrole = "tunnel"\nmatch = { cidrs = ["198.51.100.90/32"] }\n'
    assert told(UP + gateway) == [
        (SITE, PRIMARY, "unapproved", "tunnel.endpoint_unlisted"),
        (SITE, PRIMARY, "approved", "channel.approved"),
    ]
    assert told.judged[0].destination == (STRANGER, None, "gre")
