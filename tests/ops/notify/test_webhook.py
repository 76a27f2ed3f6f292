import hashlib
import hmac
import json
import time

import pytest

from flowwatch.ops.notify import NotDelivered, body, channel

OK = b"HTTP/1.1 204 No Content\r\n\r\n"
BUSY = b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"
KEY = b"correct horse"


def _verified(request):
    """The body of a request that its receiver believes, by the words of the module's docstring alone."""
    stamp = request.headers["X-Flowwatch-Timestamp"]
    assert abs(int(stamp) - time.time()) < 300
    wanted = hmac.new(KEY, stamp.encode() + b"." + request.body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(request.headers["X-Flowwatch-Signature"], f"sha256={wanted}")
    assert request.headers["Content-Type"] == "application/json"
    return json.loads(request.body)


@pytest.fixture
def told(notify, tmp_path, secret_file, tls):
    def make(receiver, scheme="http"):
        url = f"{scheme}://localhost:{receiver.port}/alerts?to=soc"
        keys = {"secret_file": secret_file.name, "ca_file": str(tls.ca_file)}
        return channel(notify("webhook", url=url, **keys), "hook", tmp_path)

    return make


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_a_receiver_that_verifies_and_fails_twice_gets_the_same_delivery(told, http, alert, secure):
    receiver, requests = http(BUSY, BUSY, OK, secure=secure)
    one = told(receiver, "https" if secure else "http")
    for _ in range(2):
        with pytest.raises(NotDelivered) as raised:
            one.send(alert)
        assert raised.value.retry
        assert raised.value.after == 7
    one.send(alert)
    assert len(requests) == 3
    assert {request.headers["X-Flowwatch-Delivery"] for request in requests} == {"d-0001"}
    assert {request.line for request in requests} == {"POST /alerts?to=soc HTTP/1.1"}
    assert {request.body for request in requests} == {body(alert)}
    assert all(_verified(request)["finding"]["id"] == "0123456789ab" for request in requests)


def test_observed_text_adds_no_header(told, http, hostile):
    receiver, requests = http(OK)
    told(receiver).send(hostile)
    (request,) = requests
    assert set(request.headers) == {
        "Host", "Accept-Encoding", "Content-Length", "Content-Type", "User-Agent",
        "X-Flowwatch-Delivery", "X-Flowwatch-Timestamp", "X-Flowwatch-Signature",
    }  # fmt: skip
    assert _verified(request)["delivery"] == hostile.delivery


def test_a_changed_body_does_not_verify(told, http, alert):
    receiver, requests = http(OK)
    told(receiver).send(alert)
    wanted = hmac.new(KEY, requests[0].body + b" ", hashlib.sha256).hexdigest()
    assert requests[0].headers["X-Flowwatch-Signature"] != f"sha256={wanted}"
    assert KEY not in repr(requests[0]).encode()
