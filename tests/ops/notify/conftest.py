"""Alerts to send, and receivers on loopback to send them to."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme

from flowwatch.model import (
    Alert,
    AlertKind,
    Check,
    Endpoint,
    Evidence,
    Finding,
    Life,
    NameClass,
    PolicyInfo,
    Reason,
    Ref,
    Rule,
    SeenName,
    Severity,
    Sureness,
    Truth,
    Verdict,
)
from flowwatch.ops.config import Notify

T0 = 1_793_838_600_123_456_789  # 2026-11-05T00:30:00.123456789Z
HOSTILE = (
    "a\r\nBcc: everyone@carrier.example\r\n\r\nb.example",
    "a\x1b]0;title\x07\x1b[2Jb.example",
    "a\u202egpj.example\u200b",
    'q"uote\\"] [x@1 y="z"]\\',
    "=?utf-8?q?=0D=0ABcc=3A_x=40carrier.example?=",
    "\n.\r\nQUIT\r\n",
    "<!channel> @everyone [link](http://carrier.example)",
    "\x85\u2028\u2029next line",
    "\x00\x7f\udce9",
)


def _finding(**change: Any) -> Finding:
    base = Finding(
        id="0123456789ab",
        kind=Reason.DESTINATION_UNLISTED,
        verdict=Verdict.UNAPPROVED,
        severity=Severity.HIGH,
        confidence=Sureness.HIGH,
        confidence_why="the receiver's address was read from every packet",
        title="Results were sent to an address that is not on the approved list",
        first_seen=T0 - 3_600 * 10**9,
        last_seen=T0,
        count=3,
        attempts=1,
        bytes_sent=1_234_567,
        bytes_most=1_234_567,
        bytes_unknown=0,
        bytes_acked=None,
        sender_zone="precincts",
        senders=("192.0.2.17",),
        receiver=Endpoint(zone=None, address="203.0.113.99", port=8443),
        service="tcp/8443",
        names=(_named("carrier.example"),),
        rule=Rule("defaults", "defaults", "county-results", "2026.11.1"),
        checks=(Check("address", Truth.FALSE, "198.51.100.20/32", "203.0.113.99", Reason.DESTINATION_UNLISTED),),
        remedy="Ask who runs this address.",
        evidence=(
            Evidence(
                source="night.pcap", sha256="ab" * 32, record=37, last_record=45, offset=4096, time=T0, how="sent"
            ),
        ),
    )
    return msgspec.structs.replace(base, **change)


def _named(name: str) -> SeenName:
    return SeenName(name=name, evidence=NameClass.SNI, ref=Ref("night.pcap", 17, 17, 4_096))


def _alert(one: Finding | None, **change: Any) -> Alert:
    base = Alert(
        delivery="d-0001",
        kind=AlertKind.FINDING,
        time=T0,
        severity=Severity.HIGH,
        title=one.title if one else "The check could not do its work",
        lines=("Seen by the check of this hour.",),
        life=Life.NEW if one else None,
        finding=one,
        policy=PolicyInfo(
            id="county-results", version="2026.11.1", title="Results", sha256="ef" * 32, files=("p.toml",)
        ),
        host="sensor.county.example",
        version="0.1.0",
    )
    return msgspec.structs.replace(base, **change)


def _hostile(text: str) -> Alert:
    """An alert with this text wherever something observed or named by others may stand."""
    one = _finding(
        title=f"Sent to {text}",
        names=(_named(text),),
        senders=(text,),
        remedy=text,
        checks=(Check("name", Truth.FALSE, "a.example", text, Reason.NAME_UNLISTED),),
        evidence=(Evidence(source=text, sha256=None, record=1, last_record=1, offset=None, time=None, how=text),),
        asked=text,
        via="squid",
    )
    policy = PolicyInfo(id=text, version=text, title=text, sha256="ef" * 32, files=(text,))
    return _alert(one, lines=(text, text), delivery=f"d{text}", policy=policy, host=text)


@pytest.fixture
def alert() -> Alert:
    return _alert(_finding())


@pytest.fixture
def of_check() -> Alert:
    """One that is about no finding."""
    return _alert(None, kind=AlertKind.FAILURE)


@pytest.fixture(params=range(len(HOSTILE)))
def hostile(request) -> Alert:
    return _hostile(HOSTILE[request.param])


@pytest.fixture
def finding() -> Callable[..., Finding]:
    """Makes a finding with changes."""
    return _finding


@pytest.fixture
def notify() -> Callable[..., Notify]:
    """Makes a `[[notify]]` as the configuration's reader would."""

    def make(type: str, **keys: Any) -> Notify:  # noqa: A002 - the key
        return Notify(type=type, **keys)  # type: ignore[arg-type]

    return make


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.touch(0o600)
    path.write_bytes(b"correct horse\nnot this\n")
    return path


class Tls:
    """An authority, the file of its certificate, and a server's context by it."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.ca_file = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        self.issued = authority.issue_cert("localhost", "127.0.0.1")
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.issued.configure_cert(self.server)


@pytest.fixture(scope="session")
def tls(tmp_path_factory) -> Tls:
    return Tls(tmp_path_factory.mktemp("tls"))


Handler = Callable[[socket.socket], None]


class Listener:
    """A TCP listener on loopback that gives each connection to `handler`, one after the other."""

    def __init__(self, handler: Handler, context: ssl.SSLContext | None) -> None:
        self._handler = handler
        self._context = context
        self._sock = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._sock.getsockname()[1]
        self.connections = 0
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                taken, _ = self._sock.accept()
            except OSError:
                return
            self.connections += 1
            with suppress(OSError), closing(self._wrapped(taken)) as one:
                one.settimeout(20)
                self._handler(one)

    def _wrapped(self, taken: socket.socket) -> socket.socket:
        if self._context is None:
            return taken
        try:
            return self._context.wrap_socket(taken, server_side=True)
        except OSError:
            taken.close()
            raise

    def close(self) -> None:
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture
def listen() -> Iterator[Callable[..., Listener]]:
    """Starts a listener with a handler of connections; all end with the test."""
    started: list[Listener] = []

    def start(handler: Handler, context: ssl.SSLContext | None = None) -> Listener:
        started.append(Listener(handler, context))
        return started[-1]

    yield start
    for one in started:
        one.close()


class Request(msgspec.Struct, frozen=True):
    """What an HTTP receiver was sent."""

    line: str
    headers: dict[str, str]
    body: bytes


@pytest.fixture
def http(listen, tls) -> Callable[..., tuple[Listener, list[Request]]]:
    """Starts an HTTP receiver that gives these answers in turn, the last for ever, and keeps what it was sent."""

    def start(*answers: bytes, secure: bool = False) -> tuple[Listener, list[Request]]:
        requests: list[Request] = []

        def handle(one: socket.socket) -> None:
            requests.append(_request(one))
            one.sendall(answers[min(len(requests), len(answers)) - 1])

        return listen(handle, tls.server if secure else None), requests

    return start


def _request(one: socket.socket) -> Request:
    with one.makefile("rb") as read:
        head = []
        while (line := read.readline()) not in (b"\r\n", b""):
            head.append(line.decode("ascii").removesuffix("\r\n"))
        headers = dict(field.split(": ", 1) for field in head[1:])
        assert len(headers) == len(head) - 1
        return Request(head[0], headers, read.read(int(headers["Content-Length"])))
