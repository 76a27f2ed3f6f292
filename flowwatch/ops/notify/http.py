"""POST over HTTP/1.1 for the channels that use it, and what an answer means for the delivery.

Promises: 2xx is delivered; 408, 425, 429, 5xx and a fault of the connection may be tried again, after `Retry-After`
where that is given (RFC 9110 section 10.2.3), but no later than in six hours; every other answer is final. Redirects
are not followed: they would carry the alert, and what proves who sent it, to a place the operator did not name. No
proxy of the environment is used.
"""

import email.utils
import http.client
import re
import ssl
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from flowwatch.errors import UsageError
from flowwatch.model import Alert
from flowwatch.ops.notify import wire
from flowwatch.ops.notify.delivery import NotDelivered
from flowwatch.reports.escape import terminal

LONGEST_WAIT = 6 * 3600.0
"""Seconds; a receiver that asks for more is asked again after this."""
_AGAIN = frozenset({408, 425, 429})
_QUOTED_ANSWER = 200
_VISIBLE = re.compile(r"[!-~]+", re.ASCII)


def url(written: str) -> SplitResult:
    """The parts of an http or https URL. Raises UsageError."""
    hint = "write it as https://host/path, with what is not ASCII percent-encoded"
    try:
        parts = urlsplit(written)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and not parts.fragment
    except ValueError:
        raise UsageError("the `url` is no URL", hint=hint) from None
    if not usable or not _VISIBLE.fullmatch(written):
        raise UsageError("the `url` is no http or https URL that can be used", hint=hint)
    if parts.username is not None or parts.password is not None:
        raise UsageError("the `url` holds a user or password", hint="write them as `user` and `secret_file`")
    return parts


def context(to: SplitResult, ca_file: Path | None) -> ssl.SSLContext | None:
    """What verifies the receiver; None for http. Raises UsageError where it cannot be had."""
    return wire.tls(ca_file) if to.scheme == "https" else None


def headers(alert: Alert) -> dict[str, str]:
    """What every request says of itself; the delivery id is the same however often it is sent."""
    return {
        "Content-Type": "application/json",
        "User-Agent": terminal(f"flowwatch/{alert.version}"),
        "X-Flowwatch-Delivery": terminal(alert.delivery),
    }


def post(
    to: SplitResult, body: bytes, headers: Mapping[str, str], context: ssl.SSLContext | None, seconds: float
) -> None:
    """The receiver took the body, which is JSON. Raises NotDelivered. `context` for https."""
    try:
        with closing(_connection(to, context, wire.Budget(seconds))) as connection:
            target = (to.path or "/") + (f"?{to.query}" if to.query else "")
            connection.request("POST", target, body, dict(headers))
            with connection.getresponse() as answer:
                _require_taken(answer)
    except (OSError, http.client.HTTPException) as error:
        raise NotDelivered(f"{to.hostname} could not be told: {wire.told(error)}") from error


def _connection(to: SplitResult, context: ssl.SSLContext | None, budget: wire.Budget) -> http.client.HTTPConnection:
    """A connection that stands: the class only writes and reads, it does not connect by itself."""
    host = to.hostname or ""
    if context is None:
        plain = http.client.HTTPConnection(host, to.port or http.client.HTTP_PORT)
        plain.sock = wire.connected(host, plain.port, budget)
        return plain
    secure = http.client.HTTPSConnection(host, to.port or http.client.HTTPS_PORT, context=context)
    secure.sock = wire.secured(wire.connected(host, secure.port, budget), host, context, budget)
    return secure


def _require_taken(answer: http.client.HTTPResponse) -> None:
    if 200 <= answer.status < 300:
        return
    said = f"it answered {answer.status} {answer.reason}"
    if 300 <= answer.status < 400:
        raise NotDelivered(f"{said}; redirects are not followed, write the address that takes alerts", retry=False)
    again = answer.status in _AGAIN or answer.status >= 500
    wait = _retry_after(answer.headers.get("Retry-After")) if again else None
    raise NotDelivered(f"{said}{_words(answer)}", retry=again, after=wait)


def _words(answer: http.client.HTTPResponse) -> str:
    """The beginning of what the receiver says about it."""
    try:
        said = answer.read(_QUOTED_ANSWER).decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException, ValueError):
        return ""
    return f": {said}" if said else ""


def _retry_after(value: str | None) -> float | None:
    """Seconds to wait, bounded; None where the header is not there or says nothing."""
    text = (value or "").strip()
    if re.fullmatch(r"\d{1,9}", text, re.ASCII):
        return min(float(text), LONGEST_WAIT)
    try:
        when = email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(when - time.time(), 0.0), LONGEST_WAIT)
