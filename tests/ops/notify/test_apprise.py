import json
import time

import pytest

from flowwatch.ops.notify import NotDelivered, channel
from flowwatch.policy.match import Span

pytest.importorskip("apprise", reason="the extra apprise is not installed: no service was told")

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
SLOW = Span.parse("60s")


def test_a_service_is_told(notify, tmp_path, http, alert, hostile):
    receiver, requests = http(OK)
    one = channel(notify("apprise", url=f"json://127.0.0.1:{receiver.port}/alerts", timeout=SLOW), "one", tmp_path)
    one.send(alert)
    one.send(hostile)
    told = [json.loads(request.body) for request in requests]
    assert told[0]["title"].startswith("flowwatch: high: Results were sent")
    assert "delivery    d-0001" in told[0]["message"]
    assert told[0]["type"] == "failure"
    for letter in "@<>`*":
        assert letter not in told[1]["title"] + told[1]["message"]


def test_the_secret_stands_where_the_url_says(notify, tmp_path, http, alert, secret_file):
    receiver, requests = http(OK)
    url = f"json://soc:{{secret}}@127.0.0.1:{receiver.port}/"
    channel(notify("apprise", url=url, secret_file=secret_file.name, timeout=SLOW), "one", tmp_path).send(alert)
    assert requests[0].headers["Authorization"] == "Basic c29jOmNvcnJlY3QgaG9yc2U="


@pytest.mark.parametrize("url", ["json://127.0.0.1:{port}/", "nothing://127.0.0.1/"])
def test_a_failure_may_be_tried_again(notify, tmp_path, http, alert, url):
    receiver, _ = http(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n")
    one = channel(notify("apprise", url=url.format(port=receiver.port), timeout=SLOW), "one", tmp_path)
    with pytest.raises(NotDelivered, match="could not tell the service") as raised:
        one.send(alert)
    assert raised.value.retry


def test_a_service_that_dribbles_is_left_when_the_time_is_up(notify, tmp_path, listen, alert):
    def dribble(one):
        one.recv(65_536)
        one.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            one.sendall(b"a")
            time.sleep(0.02)

    receiver = listen(dribble)
    url = f"json://127.0.0.1:{receiver.port}/"
    one = channel(notify("apprise", url=url, timeout=Span.parse("3s")), "one", tmp_path)
    with pytest.raises(NotDelivered, match="longer than `timeout`") as raised:
        one.send(alert)
    assert raised.value.retry
