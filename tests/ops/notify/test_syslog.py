"""Against an own strict reader of RFC 5424, and Debian's rsyslogd."""

import json
import re
import socket
import ssl
import struct
import subprocess
import threading
import time
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from flowwatch.model import Severity
from flowwatch.ops.notify import NotDelivered, body, channel
from flowwatch.ops.notify.syslog import message

PART = r"[!-~]"
HEADER = re.compile(
    rf"<(\d{{1,3}})>(1) (\S+) (-|{PART}{{1,255}}) (-|{PART}{{1,48}}) (-|{PART}{{1,128}}) (-|{PART}{{1,32}}) "
)
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")
NAME = re.compile(r'[^\x00-\x20=\]"\x7f-\uffff]{1,32}')


class Read(msgspec.Struct, frozen=True):
    priority: int
    time: str
    host: str
    app: str
    msgid: str
    elements: dict[str, dict[str, str]]
    said: str


def parse(raw: bytes) -> Read:
    """One message by the grammar of RFC 5424 section 6; AssertionError for anything else."""
    text = raw.decode("utf-8")
    head = HEADER.match(text)
    assert head, text
    priority = int(head[1])
    assert priority <= 191
    assert str(priority) == head[1]
    assert TIMESTAMP.fullmatch(head[3]), head[3]
    datetime.fromisoformat(head[3])
    elements, at = _elements(text, head.end())
    assert at == len(text) or text[at] == " "
    return Read(priority, head[3], head[4], head[5], head[7], elements, text[at + 1 :])


def _elements(text: str, at: int) -> tuple[dict[str, dict[str, str]], int]:
    if text[at] == "-":
        return {}, at + 1
    elements: dict[str, dict[str, str]] = {}
    while at < len(text) and text[at] == "[":
        found = NAME.match(text, at + 1)
        assert found
        assert found[0] not in elements
        elements[found[0]], at = _parameters(text, found.end())
    assert elements
    return elements, at


def _parameters(text: str, at: int) -> tuple[dict[str, str], int]:
    values: dict[str, str] = {}
    while text[at] == " ":
        name = NAME.match(text, at + 1)
        assert name
        assert text[name.end() : name.end() + 2] == '="'
        values[name[0]], at = _value(text, name.end() + 2)
    assert text[at] == "]"
    return values, at + 1


def _value(text: str, at: int) -> tuple[str, int]:
    value = ""
    while text[at] != '"':
        assert text[at] != "]"
        if text[at] == "\\" and text[at + 1] in '"\\]':
            at += 1
        value += text[at]
        at += 1
    return value, at + 1


def deframe(raw: bytes) -> list[bytes]:
    """The messages of an octet-counted stream (RFC 6587 section 3.4.1)."""
    messages = []
    while raw:
        count, _, rest = raw.partition(b" ")
        assert re.fullmatch(rb"[1-9]\d*", count)
        assert len(rest) >= int(count)
        messages.append(rest[: int(count)])
        raw = rest[int(count) :]
    return messages


def _received(kept: list[bytes]):
    def handle(one: socket.socket) -> None:
        raw = b""
        while part := one.recv(4_096):
            raw += part
        kept.append(raw)

    return handle


def test_a_message(alert):
    read = parse(message(alert, None, 2_048))
    assert (read.priority, read.time, read.host) == (131, "2026-11-05T00:30:00.123456Z", "sensor.county.example")
    assert (read.app, read.msgid) == ("flowwatch", "finding")
    assert read.elements == {
        "flowwatch@32473": {
            "delivery": "d-0001",
            "kind": "destination.unlisted",
            "life": "new",
            "verdict": "unapproved",
            "severity": "high",
            "finding": "0123456789ab",
            "policy": "county-results",
        }
    }
    assert read.said.startswith("high: Results were sent to an address that is not on the approved list | First told")
    assert " | delivery d-0001" in read.said


def test_one_about_no_finding(of_check):
    (values,) = parse(message(of_check, None, 2_048)).elements.values()
    assert values == {"delivery": "d-0001", "kind": "failure", "severity": "high", "policy": "county-results"}


def test_the_priority_follows_the_severity(alert):
    told = [message(msgspec.structs.replace(alert, severity=one), None, 2_048) for one in Severity]
    assert [parse(one).priority for one in told] == [134, 133, 132, 131, 130]


def test_no_host_is_a_nil_value(alert):
    assert parse(message(msgspec.structs.replace(alert, host=""), None, 2_048)).host == "-"


@pytest.mark.parametrize("most", [2_048, 8_192])
@pytest.mark.parametrize("written", [None, "jsonl"])
def test_observed_text_breaks_no_message(hostile, written, most):
    raw = message(hostile, written, most)
    read = parse(raw)
    assert len(raw) <= most
    assert all(0x20 <= byte <= 0x7E for byte in raw)
    assert list(read.elements) == ["flowwatch@32473"]
    assert set(read.elements["flowwatch@32473"]) == {
        "delivery", "kind", "life", "verdict", "severity", "finding", "policy"
    }  # fmt: skip


def test_values_are_read_back_as_they_were(alert, finding):
    told = msgspec.structs.replace(alert, delivery='q"uote\\"] [x@1 y="z"]\\')
    (values,) = parse(message(told, None, 2_048)).elements.values()
    assert values["delivery"] == told.delivery


def test_json_that_fits_is_whole(alert):
    assert parse(message(alert, "jsonl", 8_192)).said.encode() == body(alert)


def test_json_that_does_not_fit_goes_without_its_lists_and_then_in_words(alert, finding):
    many = msgspec.structs.replace(alert, finding=finding(senders=tuple(f"192.0.2.{last}" for last in range(255))))
    short = json.loads(parse(message(many, "jsonl", 2_048)).said)
    assert len(short["finding"]["senders"]) == 4
    assert "Shortened to fit" in short["lines"][-1]
    long = msgspec.structs.replace(alert, title="x" * 9_000)
    raw = message(long, "jsonl", 8_192)
    assert len(raw) <= 8_192
    assert parse(raw).said.startswith("high: xxx")


def test_over_udp(alert, notify, tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(10)
        one = channel(notify("syslog", host="127.0.0.1", port=sock.getsockname()[1]), "s", tmp_path)
        one.send(alert)
        assert sock.recv(65_536) == message(alert, None, 2_048)


@pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])
def test_over_tcp_and_tls_each_message_is_counted(alert, hostile, notify, tmp_path, listen, tls, secure):
    kept: list[bytes] = []
    receiver = listen(_received(kept), tls.server if secure else None)
    keys = {"transport": "tls", "ca_file": str(tls.ca_file)} if secure else {"transport": "tcp"}
    one = channel(notify("syslog", host="127.0.0.1", port=receiver.port, **keys), "s", tmp_path)
    one.send(alert)
    one.send(hostile)
    receiver.close()
    assert [deframe(raw) for raw in kept] == [[message(alert, None, 8_192)], [message(hostile, None, 8_192)]]
    for raw in kept:
        parse(deframe(raw)[0])


def test_a_receiver_that_cannot_be_verified_is_told_nothing(alert, notify, tmp_path, listen, tls):
    kept: list[bytes] = []
    receiver = listen(_received(kept), tls.server)
    one = channel(notify("syslog", host="127.0.0.1", port=receiver.port, transport="tls"), "s", tmp_path)
    with pytest.raises(NotDelivered, match="its certificate was not accepted") as raised:
        one.send(alert)
    assert raised.value.retry
    receiver.close()
    assert not kept


def test_a_receiver_that_is_not_there(alert, notify, tmp_path, listen):
    receiver = listen(lambda one: None)
    receiver.close()
    one = channel(notify("syslog", host="127.0.0.1", port=receiver.port, transport="tcp"), "s", tmp_path)
    with pytest.raises(NotDelivered, match="Connection refused") as raised:
        one.send(alert)
    assert raised.value.retry


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_host_that_is_no_name(alert, notify, tmp_path, transport):
    one = channel(notify("syslog", host="a..example", port=9, transport=transport), "s", tmp_path)
    with pytest.raises(NotDelivered, match="no host name"):
        one.send(alert)


def _broken_off(one: socket.socket) -> None:
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_a_receiver_that_breaks_off_was_not_told(alert, notify, tmp_path, listen):
    receiver = listen(_broken_off)
    one = channel(notify("syslog", host="127.0.0.1", port=receiver.port, transport="tcp"), "s", tmp_path)
    with pytest.raises(NotDelivered) as raised:
        one.send(alert)
    assert raised.value.retry


def test_a_receiver_that_asks_for_a_certificate_was_not_told(alert, notify, tmp_path, listen, tls):
    """In TLS 1.2; in 1.3 it says so after what was sent, and its reset may outrun what it says."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.issued.configure_cert(context)
    context.load_verify_locations(tls.ca_file)
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    receiver = listen(lambda one: None, context)
    keys = {"transport": "tls", "ca_file": str(tls.ca_file)}
    one = channel(notify("syslog", host="127.0.0.1", port=receiver.port, **keys), "s", tmp_path)
    with pytest.raises(NotDelivered) as raised:
        one.send(alert)
    assert raised.value.retry


def test_a_receiver_that_stays_open_was_told(alert, notify, tmp_path, listen, monkeypatch):
    monkeypatch.setattr("flowwatch.ops.notify.syslog._FAREWELL", 0.2)
    over = threading.Event()
    receiver = listen(lambda one: over.wait(20))
    channel(notify("syslog", host="127.0.0.1", port=receiver.port, transport="tcp"), "s", tmp_path).send(alert)
    over.set()


RSYSLOG = """
global(workDirectory="{folder}" DefaultNetstreamDriver="gtls" DefaultNetstreamDriverCAFile="{ca}"
       DefaultNetstreamDriverCertFile="{folder}/cert.pem" DefaultNetstreamDriverKeyFile="{folder}/key.pem")
module(load="imudp")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="{mode}" StreamDriver.AuthMode="anon")
template(name="told" type="list" option.jsonf="on") {{
  property(outname="pri" name="pri" format="jsonf")
  property(outname="host" name="hostname" format="jsonf")
  property(outname="app" name="app-name" format="jsonf")
  property(outname="msgid" name="msgid" format="jsonf")
  property(outname="data" name="structured-data" format="jsonf")
  property(outname="version" name="protocol-version" format="jsonf")
  property(outname="msg" name="msg" format="jsonf")
}}
ruleset(name="kept") {{ action(type="omfile" file="{folder}/told" template="told") }}
input(type="{input}" address="127.0.0.1" port="{port}" ruleset="kept")
"""


@pytest.fixture
def rsyslog(tmp_path, tls, rsyslogd):
    """Starts an rsyslogd for a transport; gives its port and the file it writes."""
    started = []

    def start(transport):
        tls.issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
        for blob in tls.issued.cert_chain_pems:
            blob.write_to_path(str(tmp_path / "cert.pem"), append=True)
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        with socket.socket(socket.AF_INET, kind) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        values = {"folder": tmp_path, "ca": tls.ca_file, "port": port, "mode": int(transport == "tls")}
        values["input"] = "imudp" if transport == "udp" else "imtcp"
        (tmp_path / "conf").write_text(RSYSLOG.format(**values))
        command = [rsyslogd, "-n", "-f", str(tmp_path / "conf"), "-i", str(tmp_path / "pid")]
        started.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return port, tmp_path / "told"

    yield start
    for one in started:
        one.terminate()
        one.wait(20)


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_rsyslog_reads_what_was_meant(alert, hostile, notify, tmp_path, tls, rsyslog, transport):
    if transport == "tls" and not any(Path("/usr/lib").glob("**/rsyslog/lmnsd_gtls.so")):
        pytest.skip("rsyslog-gnutls is not installed: its TLS was not tried")
    port, file = rsyslog(transport)
    keys = {"ca_file": str(tls.ca_file)} if transport == "tls" else {}
    one = channel(notify("syslog", host="127.0.0.1", port=port, transport=transport, **keys), "s", tmp_path)
    most = 2_048 if transport == "udp" else 8_192
    for sent in (alert, hostile):
        read = _told_by_rsyslog(one, sent, file)
        meant = parse(message(sent, None, most))
        assert (read["app"], read["msgid"], read["version"]) == ("flowwatch", "finding", "1")
        assert (read["pri"], read["host"]) == (str(meant.priority), meant.host)
        assert message(sent, None, most).decode().endswith(f"{read['data']} {read['msg'].removeprefix(' ')}")


def _told_by_rsyslog(one, sent, file):
    """Sends until the daemon, which may still be starting, has written one more line."""
    before = len(file.read_bytes().splitlines()) if file.exists() else 0
    for _ in range(200):
        try:
            one.send(sent)
        except NotDelivered:
            time.sleep(0.05)
            continue
        for _ in range(20):
            lines = file.read_bytes().splitlines() if file.exists() else []
            if len(lines) > before:
                return json.loads(lines[-1])
            time.sleep(0.05)
    raise AssertionError("rsyslogd wrote nothing")
