import time
from email.utils import formatdate

import pytest

from flowwatch.ops.notify import NotDelivered, channel, wire
from flowwatch.policy.match import Span

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def told(notify, tmp_path, tls):
    """Makes an Alertmanager channel, the plainest that posts, to a receiver."""

    def make(receiver, *, secure=False, trusted=True, **keys):
        url = f"http{'s' if secure else ''}://127.0.0.1:{receiver.port}/base"
        keys |= {"ca_file": str(tls.ca_file)} if trusted else {}
        return channel(notify("alertmanager", url=url, **keys), "one", tmp_path)

    return make


def _answer(status: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "202 Accepted", "204 No Content"])
def test_2xx_is_delivered(told, http, alert, status):
    receiver, requests = http(_answer(status))
    told(receiver).send(alert)
    assert [one.line for one in requests] == ["POST /base/api/v2/alerts HTTP/1.1"]
    assert requests[0].headers["User-Agent"] == "flowwatch/0.1.0"
    assert requests[0].headers["X-Flowwatch-Delivery"] == alert.delivery


@pytest.mark.parametrize(
    ("status", "again"),
    [(one, True) for one in (408, 425, 429, 500, 502, 503, 504, 599)]
    + [(one, False) for one in (400, 401, 403, 404, 405, 410, 413, 422, 300, 301, 302, 303, 304, 307, 308)],
)
def test_what_other_answers_mean(told, http, alert, status, again):
    receiver, requests = http(_answer(f"{status} Whatever", "Location: /elsewhere", body=b"because\x1b[2J\nof this"))
    with pytest.raises(NotDelivered, match=f"it answered {status} Whatever") as raised:
        told(receiver).send(alert)
    assert raised.value.retry is again
    assert raised.value.reason.isprintable()
    assert raised.value.reason.isascii()
    assert len(requests) == 1


def test_no_redirect_is_followed(told, http, alert):
    other, reached = http(OK)
    place = f"Location: http://127.0.0.1:{other.port}/"
    receiver, _ = http(_answer("307 Temporary Redirect", place))
    with pytest.raises(NotDelivered, match="redirects are not followed"):
        told(receiver).send(alert)
    assert not reached
    assert not other.connections


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("999999999", 21_600),
        (formatdate(0, usegmt=True), 0),
        (formatdate(4_000_000_000, usegmt=True), 21_600),
        ("-5", None),
        ("soon", None),
        ("9" * 5_000, None),
        ("Wed, 99 Foo 20263 99:99:99 GMT", None),
    ],
)
def test_what_it_asks_to_wait(told, http, alert, asked, seconds):
    receiver, _ = http(_answer("503 Busy", f"Retry-After: {asked}"))
    with pytest.raises(NotDelivered) as raised:
        told(receiver).send(alert)
    assert raised.value.after == seconds


def test_a_date_to_wait_for(told, http, alert):
    receiver, _ = http(_answer("429 Slow", f"Retry-After: {formatdate(time.time() + 1_000, usegmt=True)}"))
    with pytest.raises(NotDelivered) as raised:
        told(receiver).send(alert)
    assert raised.value.after is not None
    assert 900 < raised.value.after < 1_001


def _endless(begin: bytes, part: bytes, pause: float):
    """Answers without end."""

    def handle(one):
        one.recv(65_536)
        one.sendall(begin)
        while True:
            one.sendall(part)
            time.sleep(pause)

    return handle


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize(
    ("begin", "part"),
    [(b"", b"H"), (b"HTTP/1.1 200 OK\r\n", b"A"), (b"HTTP/1.1 503 Busy\r\nContent-Length: 100000\r\n\r\n", b"A")],
    ids=["status", "header", "body"],
)
def test_a_receiver_that_dribbles_is_left_when_the_time_is_up(told, listen, alert, tls, secure, begin, part):
    receiver = listen(_endless(begin, part, 0.02), tls.server if secure else None)
    with pytest.raises(NotDelivered) as raised:
        told(receiver, secure=secure, timeout=Span.parse("400ms")).send(alert)
    assert raised.value.retry


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize(
    ("begin", "part"),
    [
        (b"", b"A" * 9_000),
        (b"HTTP/1.1 200 OK\r\n", b"A: " + b"b" * 6_000 + b"\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 90),
    ],
    ids=["status", "header", "continue"],
)
def test_a_receiver_that_answers_without_end_is_left(told, listen, alert, tls, secure, begin, part):
    receiver = listen(_endless(begin, part, 0), tls.server if secure else None)
    with pytest.raises(NotDelivered) as raised:
        told(receiver, secure=secure, timeout=Span.parse("60s")).send(alert)
    assert raised.value.retry


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 999999 X\r\n\r\n",
        b"HTTP/1.1 2\xff0 OK\r\n\r\n",
        b"\x00" * 100,
        b"HTTP/1.1 ",
    ],
)
def test_what_is_no_answer_is_a_fault_of_the_connection(told, http, alert, answer):
    receiver, _ = http(answer)
    with pytest.raises(NotDelivered) as raised:
        told(receiver).send(alert)
    assert raised.value.retry
    assert raised.value.reason.isprintable()


def test_a_receiver_that_cannot_be_verified_is_told_nothing(told, http, alert):
    receiver, requests = http(OK, secure=True)
    with pytest.raises(NotDelivered, match="its certificate was not accepted") as raised:
        told(receiver, secure=True, trusted=False).send(alert)
    assert raised.value.retry
    assert not requests


def test_one_of_another_name_is_told_nothing(notify, tmp_path, http, alert, tls):
    receiver, requests = http(OK, secure=True)
    url = f"https://127.0.0.2:{receiver.port}/"
    one = channel(notify("alertmanager", url=url, ca_file=str(tls.ca_file)), "one", tmp_path)
    with pytest.raises(NotDelivered):
        one.send(alert)
    assert not requests


def test_no_proxy_of_the_environment_is_used(told, http, alert, monkeypatch):
    other, reached = http(OK)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{other.port}")
    receiver, requests = http(OK)
    told(receiver).send(alert)
    assert requests
    assert not reached


def test_a_budget_has_an_end():
    budget = wire.Budget(0.0)
    with pytest.raises(TimeoutError, match="`timeout`"):
        budget.left()
    with pytest.raises(OSError, match="more than 65536 bytes"):
        wire.Budget(60.0).take(65_537)
