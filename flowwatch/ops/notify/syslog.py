"""The channel `syslog`: RFC 5424, one message an alert, over UDP (RFC 5426), TCP (RFC 6587, counted) or TLS (RFC 5425).

Promises: a message is one frame and, bytes of control escaped, one line; what filters need is structured data
(`flowwatch@32473`, the enterprise number of examples, RFC 5612), the alert in words or in the `format` named is the
message. Its length is bounded by what RFC 5424 and RFC 5425 ask of receivers: 2,048 octets over UDP, else 8,192. What
does not fit is first told without its lists, then in words, and says so. Over TCP and TLS the connection is closed in
both directions, so that a receiver that refuses or is gone shows; none ever says that it kept a message.
"""

import socket
import ssl
from pathlib import Path

import msgspec

from flowwatch.model import Alert, Instant, Severity
from flowwatch.ops.config import AlertForm, Notify
from flowwatch.ops.notify import formats, wire, wording
from flowwatch.ops.notify.delivery import NotDelivered
from flowwatch.reports.escape import terminal
from flowwatch.reports.jsonl import rfc3339
from flowwatch.reports.phrases import short

_FACILITY = 16  # local0
_SEVERITY = {
    Severity.CRITICAL: 2,
    Severity.HIGH: 3,
    Severity.MEDIUM: 4,
    Severity.LOW: 5,
    Severity.INFO: 6,
}
_PORTS = {"udp": 514, "tcp": 514, "tls": 6514}
_MOST = {"udp": 2_048, "tcp": 8_192, "tls": 8_192}
_LONGEST_VALUE = 128
_LONGEST_HOST = 255
_FAREWELL = 2.0
"""Seconds to wait for the receiver to close."""
_SHORTENED = "Shortened to fit a syslog message: names, place, conditions and records are in the state."


class Syslog:
    """Sends to the receiver of a `[[notify]]`."""

    def __init__(self, one: Notify, folder: Path) -> None:
        self._host = one.host or ""
        self._transport = one.transport
        self._port = one.port or _PORTS[one.transport]
        self._format = one.format
        self._context = wire.tls(folder / one.ca_file if one.ca_file else None) if one.transport == "tls" else None
        self._seconds = one.timeout.ns / 1e9

    def send(self, alert: Alert) -> None:
        """The message is sent; over TCP and TLS the receiver broke nothing off. Raises NotDelivered."""
        told = message(alert, self._format, _MOST[self._transport])
        try:
            if self._transport == "udp":
                self._datagram(told)
            else:
                self._framed(told)
        except OSError as error:
            raise NotDelivered(f"{self._host} could not be told: {wire.told(error)}") from error

    def _datagram(self, told: bytes) -> None:
        family, kind, proto, _, address = wire.addresses(self._host, self._port, socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, proto) as sock:
            sock.settimeout(self._seconds)
            sock.sendto(told, address)

    def _framed(self, told: bytes) -> None:
        budget = wire.Budget(self._seconds)
        sock = wire.connected(self._host, self._port, budget)
        if self._context is not None:
            sock = wire.secured(sock, self._host, self._context, budget)
        with sock:
            sock.sendall(b"%d %b" % (len(told), told))
            wire.grant(sock, wire.Budget(min(budget.left(), _FAREWELL)))
            _close(sock)


def _close(sock: socket.socket) -> None:
    """Says that no more comes and waits a while for the receiver to close too: what it had against it shows here.

    Raises OSError where the connection was broken off; one that is only left open, or ended without a word (as TLS 1.3
    may where a certificate of ours was asked for), cannot be told from one well read.
    """
    try:
        if isinstance(sock, ssl.SSLSocket):
            sock.settimeout(_FAREWELL)
            sock.unwrap()
            return
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(4_096):
            pass
    except (TimeoutError, ssl.SSLEOFError):
        return


def message(alert: Alert, format: AlertForm | None, most: int) -> bytes:  # noqa: A002 - the key of the configuration
    """One RFC 5424 message of at most `most` octets, without a frame."""
    head = f"{_header(alert)} {_structured(alert)} ".encode("ascii")
    room = most - len(head)
    if format not in (None, "text"):
        for one in (alert, _shortened(alert)):
            told = formats.told(one, format).rstrip(b"\n")
            if len(told) <= room:
                return head + told
    return head + short(wording.line(alert), room).encode("ascii")


def _header(alert: Alert) -> str:
    priority = _FACILITY * 8 + _SEVERITY[alert.severity]
    host = short(terminal(alert.host), _LONGEST_HOST).replace(" ", "_") or "-"
    return f"<{priority}>1 {_timestamp(alert.time)} {host} flowwatch - {alert.kind.value}"


def _timestamp(instant: Instant) -> str:
    """With microseconds, the most that RFC 5424 allows."""
    return f"{rfc3339(instant)[:26]}Z"


def _structured(alert: Alert) -> str:
    one = alert.finding
    values = {
        "delivery": alert.delivery,
        "kind": one.kind.value if one else alert.kind.value,
        "life": alert.life.value if alert.life else "",
        "verdict": one.verdict.value if one else "",
        "severity": alert.severity.value,
        "finding": one.id if one else "",
        "policy": alert.policy.id if alert.policy else "",
    }
    told = "".join(f' {name}="{_value(value)}"' for name, value in values.items() if value)
    return f"[flowwatch@32473{told}]"


def _value(text: str) -> str:
    r"""The value of a parameter: `"`, `\` and `]` escaped (RFC 5424 section 6.3.3)."""
    shown = short(terminal(text), _LONGEST_VALUE)
    return shown.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _shortened(alert: Alert) -> Alert:
    """The alert without its lists, which says so."""
    one = alert.finding
    if one is not None:
        bare = {"names": (), "place": None, "checks": (), "notes": (), "evidence": (), "senders": one.senders[:4]}
        one = msgspec.structs.replace(one, **bare)
    return msgspec.structs.replace(alert, finding=one, lines=(*alert.lines[:4], _SHORTENED))
