"""The channel `webhook`: the alert as JSON to a URL, signed so that the receiver knows who sent it and when.

    X-Flowwatch-Delivery   the delivery id; the same however often it is sent
    X-Flowwatch-Timestamp  seconds since 1970 when this try was made
    X-Flowwatch-Signature  sha256=HEX, the HMAC-SHA256 (RFC 2104) by the secret over: timestamp, a full stop, the body

The receiver compares in constant time and refuses a timestamp too far from its own clock.
"""

import hashlib
import hmac
import time
from pathlib import Path

from flowwatch.model import Alert
from flowwatch.ops.config import Notify
from flowwatch.ops.notify import http
from flowwatch.ops.notify.secret import secret
from flowwatch.ops.notify.wording import body


class Webhook:
    """Posts to the URL of a `[[notify]]`."""

    def __init__(self, one: Notify, folder: Path) -> None:
        self._url = http.url(one.url or "")
        self._key = secret(folder / (one.secret_file or ""))
        self._context = http.context(self._url, folder / one.ca_file if one.ca_file else None)
        self._seconds = one.timeout.ns / 1e9

    def send(self, alert: Alert) -> None:
        """The receiver answered 2xx. Raises NotDelivered."""
        told, now = body(alert), str(int(time.time()))
        http.post(self._url, told, self._signed(alert, told, now), self._context, self._seconds)

    def _signed(self, alert: Alert, told: bytes, now: str) -> dict[str, str]:
        digest = hmac.new(self._key, f"{now}.".encode() + told, hashlib.sha256).hexdigest()
        return {
            **http.headers(alert),
            "X-Flowwatch-Timestamp": now,
            "X-Flowwatch-Signature": f"sha256={digest}",
        }
