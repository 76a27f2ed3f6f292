"""Against what its OpenAPI (`api/v2/openapi.yaml`: postableAlerts) asks for, and Debian's own."""

import json
import re
import socket
import subprocess
import time
import urllib.request
from datetime import datetime
from typing import Any

import jsonschema
import msgspec
import pytest

from flowwatch.model import AlertKind, Life
from flowwatch.ops.notify import NotDelivered, channel
from flowwatch.ops.notify.alertmanager import posted

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
LABELS = {
    "type": "object",
    "propertyNames": {"pattern": r"^[a-zA-Z_][a-zA-Z0-9_]*$"},
    "additionalProperties": {"type": "string", "minLength": 1},
}
SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["labels"],
        "properties": {
            "labels": {**LABELS, "required": ["alertname"]},
            "annotations": LABELS,
            "startsAt": {"type": "string"},
            "endsAt": {"type": "string"},
            "generatorURL": {"type": "string"},
        },
        "additionalProperties": False,
    },
}
HOUR = 3_600 * 10**9


def _instant(written: str) -> datetime:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", written)
    return datetime.fromisoformat(f"{written[:26]}+00:00")


def _valid(told: dict[str, Any]) -> dict[str, Any]:
    jsonschema.validate([told], SCHEMA)
    assert _instant(told["startsAt"]) <= _instant(told["endsAt"])
    return told


def test_a_finding_fires(alert):
    told = _valid(posted(alert, alert.time + HOUR, 48 * HOUR))
    assert told["labels"] == {
        "alertname": "FlowwatchFinding",
        "severity": "high",
        "verdict": "unapproved",
        "kind": "destination.unlisted",
        "policy": "county-results",
        "source_host": "sensor.county.example",
        "finding": "0123456789ab",
    }
    assert told["annotations"]["destination"] == "203.0.113.99 tcp/8443"
    assert told["annotations"]["delivery"] == "d-0001"
    assert told["startsAt"] == "2026-11-04T23:30:00.123456789Z"
    assert told["endsAt"] == "2026-11-07T01:30:00.123456789Z"


def test_one_that_is_delivered_late_fires_all_the_same(alert):
    now = alert.time + 1_000 * HOUR
    assert _instant(_valid(posted(alert, now, 48 * HOUR))["endsAt"]).timestamp() > now / 1e9


@pytest.mark.parametrize("life", [Life.QUIET, Life.CHANGED])
@pytest.mark.parametrize("later", [-HOUR, 0, HOUR])
def test_a_finding_of_which_nothing_stands_ends_whatever_the_clock_says(alert, later, life):
    now = alert.time + later
    told = _valid(posted(msgspec.structs.replace(alert, life=life), now, 48 * HOUR))
    assert _instant(told["endsAt"]).timestamp() <= now / 1e9
    assert told["labels"] == posted(alert, now, 48 * HOUR)["labels"]


def test_no_time_known(alert, finding):
    bare = finding(first_seen=None, last_seen=None)
    told = _valid(posted(msgspec.structs.replace(alert, finding=bare, life=Life.QUIET), alert.time - HOUR, HOUR))
    assert told["startsAt"] == told["endsAt"]


@pytest.mark.parametrize("kind", [kind for kind in AlertKind if kind is not AlertKind.FINDING])
def test_one_about_no_finding(of_check, kind):
    told = _valid(posted(msgspec.structs.replace(of_check, kind=kind), of_check.time, HOUR))
    assert told["labels"]["alertname"] == f"Flowwatch{kind.capitalize()}"
    assert "finding" not in told["labels"]


def test_other_failures_are_other_alerts(of_check):
    other = msgspec.structs.replace(of_check, title="The state could not be written")
    again = msgspec.structs.replace(of_check, delivery="d-0002", time=of_check.time + HOUR)
    first, second, third = (posted(one, one.time, HOUR)["labels"] for one in (of_check, other, again))
    assert first != second
    assert first == third


def test_labels_hold_no_address_and_nothing_observed(alert, hostile):
    for one in (alert, hostile):
        labels = _valid(posted(one, one.time, HOUR))["labels"]
        assert set(labels) == {"alertname", "severity", "verdict", "kind", "policy", "source_host", "finding"}
        assert all(" " <= letter <= "~" for value in labels.values() for letter in value)
    assert "203.0.113.99" not in json.dumps(posted(alert, alert.time, HOUR)["labels"])


@pytest.mark.parametrize("base", ["", "/", "/prefix", "/prefix/", "/api/v2/alerts"])
def test_the_endpoint(notify, tmp_path, http, alert, base):
    receiver, requests = http(OK)
    channel(notify("alertmanager", url=f"http://127.0.0.1:{receiver.port}{base}"), "one", tmp_path).send(alert)
    prefix = "/prefix" if "prefix" in base else ""
    assert requests[0].line == f"POST {prefix}/api/v2/alerts HTTP/1.1"
    assert requests[0].headers["Content-Type"] == "application/json"
    (told,) = json.loads(requests[0].body)
    _valid(told)


@pytest.mark.parametrize(
    ("user", "wanted"),
    [(None, "Bearer correct horse"), ("soc", "Basic c29jOmNvcnJlY3QgaG9yc2U=")],
    ids=["token", "user"],
)
def test_who_sends_it(notify, tmp_path, http, alert, tls, secret_file, user, wanted):
    receiver, requests = http(OK, secure=True)
    keys = {"user": user, "secret_file": secret_file.name, "ca_file": str(tls.ca_file)}
    channel(notify("alertmanager", url=f"https://localhost:{receiver.port}", **keys), "one", tmp_path).send(alert)
    assert requests[0].headers["Authorization"] == wanted


@pytest.fixture
def running(tmp_path, alertmanager):
    """The URL of an Alertmanager on loopback that tells nobody."""
    (tmp_path / "am.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    places = [f"--config.file={tmp_path}/am.yml", f"--storage.path={tmp_path}/data"]
    command = [alertmanager, *places, f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as one:
        yield f"http://127.0.0.1:{port}"
        one.terminate()


def test_an_alertmanager_takes_it_and_ends_it(notify, tmp_path, running, alert, hostile):
    one = channel(notify("alertmanager", url=running), "one", tmp_path)
    _send(one, alert)
    assert _firing(running) == {"0123456789ab"}
    _send(one, msgspec.structs.replace(alert, life=Life.QUIET, time=time.time_ns()))
    assert _firing(running) == set()
    _send(one, hostile)
    assert _firing(running) == {"0123456789ab"}


def _send(one, alert):
    """Sends, again while it is still starting."""
    for _ in range(200):
        try:
            return one.send(alert)
        except NotDelivered:
            time.sleep(0.05)
    raise AssertionError("the Alertmanager did not answer")


def _firing(url):
    with urllib.request.urlopen(f"{url}/api/v2/alerts", timeout=10) as answer:  # noqa: S310 - loopback
        return {one["labels"]["finding"] for one in json.load(answer)}
