"""Against aiosmtpd, and servers that do not behave."""

import email
import email.policy
import socket
import time
from email.utils import parsedate_to_datetime

import msgspec
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from flowwatch.ops.notify import NotDelivered, channel, text
from flowwatch.policy.match import Span


class Sink:
    """Keeps what it is sent; refuses receivers whose name begins with a digit, with that class of answer."""

    def __init__(self):
        self.kept = []
        self.logins = []

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if address[0] in "45":
            return f"{address[0]}50 not here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.kept.append((server.transport.get_extra_info("sslcontext"), envelope.rcpt_tos, envelope.content))
        return "250 OK"


@pytest.fixture
def sink(tls):
    """Starts a mail server that secures as told."""
    started = []

    def start(security="starttls", **keys):
        sink = Sink()
        keys |= {"tls_context": tls.server, "require_starttls": True} if security == "starttls" else {}
        keys |= {"ssl_context": tls.server, "auth_require_tls": False} if security == "tls" else {}
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        started.append(Controller(sink, hostname="127.0.0.1", port=port, **keys))
        started[-1].start()
        return sink, port

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def told(notify, tmp_path, tls):
    def make(port, **keys):
        keys = {"to": "soc@county.example", "sender": "flowwatch@county.example", "ca_file": str(tls.ca_file)} | keys
        return channel(notify("smtp", host="127.0.0.1", port=port, **keys), "mail", tmp_path)

    return make


def _read(raw: bytes):
    return email.message_from_bytes(raw, policy=email.policy.default)


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
def test_a_mail_arrives(sink, told, alert, security):
    kept, port = sink(security)
    told(port, security=security).send(alert)
    ((secured, to, raw),) = kept.kept
    read = _read(raw)
    assert (secured is not None) is (security != "none")
    assert to == ["soc@county.example"]
    assert read["Subject"] == "[flowwatch] high: Results were sent to an address that is not on the approved list"
    assert (read["From"], read["To"]) == ("flowwatch@county.example", "soc@county.example")
    assert read["Message-ID"] == "<d-0001@county.example>"
    assert parsedate_to_datetime(read["Date"]).timestamp() == alert.time // 10**9
    assert read.get_content_type() == "text/plain"
    assert read.get_content().replace("\r\n", "\n") == text(alert)


def test_the_same_delivery_is_the_same_mail(sink, told, alert):
    kept, port = sink()
    one = told(port)
    one.send(alert)
    one.send(alert)
    (_, _, first), (_, _, second) = kept.kept
    assert first == second
    one.send(msgspec.structs.replace(alert, delivery="d-0002"))
    assert _read(kept.kept[2][2])["Message-ID"] == "<d-0002@county.example>"


def test_several_receivers(sink, told, alert):
    kept, port = sink()
    told(port, to="soc@county.example, audit@state.example").send(alert)
    ((_, to, raw),) = kept.kept
    assert to == ["soc@county.example", "audit@state.example"]
    assert _read(raw)["To"] == "soc@county.example, audit@state.example"


def test_observed_text_adds_no_header_no_mail_and_no_line(sink, told, alert, hostile):
    kept, port = sink()
    one = told(port)
    one.send(alert)
    one.send(hostile)
    (_, _, plain), (_, to, raw) = kept.kept
    read = _read(raw)
    assert to == ["soc@county.example"]
    assert set(read.keys()) == set(_read(plain).keys())
    assert read["Subject"].startswith("[flowwatch] high: Sent to ")
    assert read["Subject"].isascii()
    assert read["Subject"].isprintable()
    assert b"=?" not in raw
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert read.get_content().replace("\r\n", "\n") == text(hostile)


def test_nothing_goes_over_a_way_that_is_not_secured(sink, told, alert):
    kept, port = sink("none")
    with pytest.raises(NotDelivered, match="offers no STARTTLS") as raised:
        told(port).send(alert)
    assert raised.value.retry
    assert not kept.kept


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_that_cannot_be_verified_gets_no_mail(sink, told, alert, security):
    kept, port = sink(security)
    with pytest.raises(NotDelivered, match="its certificate was not accepted") as raised:
        told(port, security=security, ca_file=None).send(alert)
    assert raised.value.retry
    assert not kept.kept


@pytest.mark.parametrize("right", [True, False])
def test_a_login(sink, told, alert, secret_file, right):
    def check(server, session, envelope, mechanism, data):
        wanted = (b"flow", b"correct horse" if right else b"other")
        return AuthResult(success=(data.login, data.password) == wanted, handled=False)

    kept, port = sink(authenticator=check, auth_required=True)
    one = told(port, user="flow", secret_file=str(secret_file))
    if right:
        one.send(alert)
        assert len(kept.kept) == 1
        return
    with pytest.raises(NotDelivered, match="the mail server answered 535") as raised:
        one.send(alert)
    assert not raised.value.retry
    assert "correct horse" not in raised.value.reason


@pytest.mark.parametrize(
    ("to", "again", "mails"),
    [
        ("5a@x.example", False, 0),
        ("4a@x.example", True, 0),
        ("5a@x.example,b@x.example", False, 1),
        ("4a@x.example,5a@x.example,b@x.example", True, 1),
    ],
)
def test_refused_receivers_are_told_even_when_others_were_not(sink, told, alert, to, again, mails):
    kept, port = sink()
    with pytest.raises(NotDelivered, match="addresses refused") as raised:
        told(port, to=to).send(alert)
    assert raised.value.retry is again
    assert "a@x.example" in raised.value.reason
    assert len(kept.kept) == mails


def _says(*answers: bytes):
    """A server that says this, whatever it is asked, and then ends."""

    def handle(one):
        for answer in answers:
            one.sendall(answer)
            one.recv(65_536)

    return handle


@pytest.mark.parametrize(
    ("answers", "again"),
    [
        ((b"220 hi\r\n", b"250 hi\r\n", b"451 busy\r\n"), True),
        ((b"220 hi\r\n", b"250 hi\r\n", b"550 no\r\n"), False),
        ((b"421 busy\r\n",), True),
        ((b"554 no\r\n",), False),
        ((b"nonsense\x1b[2J\r\n",), True),
        ((b"\r\n",), True),
        ((b"",), True),
        ((b"220 hi\r\n", b""), True),
    ],
)
def test_what_other_answers_mean(listen, told, alert, answers, again):
    receiver = listen(_says(*answers))
    with pytest.raises(NotDelivered) as raised:
        told(receiver.port, security="none", timeout=Span.parse("500ms")).send(alert)
    assert raised.value.retry is again
    assert raised.value.reason.isprintable()
    assert raised.value.reason.isascii()


def test_a_server_that_goes_silent_after_it_took_the_mail_has_taken_it(listen, told, alert):
    def handle(one):
        for answer in (b"220 hi\r\n", b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            one.sendall(answer)
            one.recv(1_000)
        held = b""
        while b"\r\n.\r\n" not in held:
            held = held[-4:] + one.recv(65_536)
        one.sendall(b"250 taken\r\n")

    told(listen(handle).port, security="none", timeout=Span.parse("5s")).send(alert)


@pytest.mark.parametrize(("part", "pause", "timeout"), [(b"250-a\r\n", 0.02, "400ms"), (b"250-a\r\n" * 999, 0, "60s")])
def test_a_server_that_answers_without_end_is_left(listen, told, alert, part, pause, timeout):
    def handle(one):
        one.sendall(b"220 hi\r\n")
        while True:
            one.sendall(part)
            time.sleep(pause)

    with pytest.raises(NotDelivered) as raised:
        told(listen(handle).port, security="none", timeout=Span.parse(timeout)).send(alert)
    assert raised.value.retry


def test_a_handshake_takes_no_more_than_was_left(listen, told, alert):
    def handle(one):
        one.sendall(b"220 hi\r\n")
        one.recv(1_000)
        one.sendall(b"250-hi\r\n250 STARTTLS\r\n")
        one.recv(1_000)
        time.sleep(0.3)
        one.sendall(b"220 go\r\n")
        while one.recv(1_000):
            pass

    with pytest.raises(NotDelivered, match="timed out"):
        told(listen(handle).port, timeout=Span.parse("400ms")).send(alert)


def test_what_a_stranger_puts_in_before_starttls_is_not_taken_for_an_answer(listen, told, alert, tls):
    """CVE-2011-0411: answers that came in clear behind that of STARTTLS."""

    def handle(one):
        one.sendall(b"220 hi\r\n")
        one.recv(1_000)
        one.sendall(b"250-hi\r\n250 STARTTLS\r\n")
        one.recv(1_000)
        one.sendall(b"220 go\r\n250 injected\r\n250 injected\r\n250 injected\r\n354 go\r\n250 taken\r\n")
        with tls.server.wrap_socket(one, server_side=True) as secured:
            secured.recv(1_000)

    with pytest.raises(NotDelivered):
        told(listen(handle).port, timeout=Span.parse("2s")).send(alert)
