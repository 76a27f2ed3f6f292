"""The channel `alertmanager`: POST /api/v2/alerts of a Prometheus Alertmanager, as its OpenAPI describes it.

Labels say what an alert is routed and told apart by, and hold no address and no observed name; what was observed stands
in the annotations. A finding fires from when it was first seen until it is quiet, or nothing stands for it any more, or
it was not told again for twice the `repeat_interval`: counted from the sending, so that a late delivery does not arrive
as one that has ended. A finding of another severity is another alert there; the one before it ends by itself. Alerts of
the check itself are the same one when their titles are.
"""

import base64
import hashlib
import json
import time
from pathlib import Path

from flowwatch.errors import UsageError
from flowwatch.model import Alert, AlertKind, Finding, Instant, Life
from flowwatch.ops.config import Notify
from flowwatch.ops.notify import http
from flowwatch.ops.notify.secret import secret
from flowwatch.ops.notify.wording import text
from flowwatch.reports import facts, phrases, placed
from flowwatch.reports.escape import terminal
from flowwatch.reports.jsonl import rfc3339

_PATH = "/api/v2/alerts"
_ENDS = (Life.QUIET, Life.CHANGED)


class Alertmanager:
    """Posts to the Alertmanager of a `[[notify]]`."""

    def __init__(self, one: Notify, folder: Path) -> None:
        to = http.url(one.url or "")
        self._url = to._replace(path=to.path.rstrip("/").removesuffix(_PATH) + _PATH)
        self._context = http.context(self._url, folder / one.ca_file if one.ca_file else None)
        self._proof = _authorization(one, folder)
        if self._proof and self._context is None:
            raise UsageError("a secret is sent over https only", hint="write an https `url`, or no `secret_file`")
        self._seconds = one.timeout.ns / 1e9
        self._lasts = 2 * one.repeat_interval.ns

    def send(self, alert: Alert) -> None:
        """The Alertmanager answered 2xx. Raises NotDelivered."""
        told = json.dumps([posted(alert, time.time_ns(), self._lasts)], sort_keys=True).encode()
        http.post(self._url, told, {**http.headers(alert), **self._proof}, self._context, self._seconds)


def _authorization(one: Notify, folder: Path) -> dict[str, str]:
    """Basic with a user, a bearer token without one, nothing without a secret. Raises UsageError."""
    if one.secret_file is None:
        if one.user:
            raise UsageError("a `user` needs a `secret_file`", hint="name the file of the password")
        return {}
    proof = secret(folder / one.secret_file)
    if one.user is None:
        return {"Authorization": f"Bearer {proof.decode('latin-1')}"}
    return {"Authorization": f"Basic {base64.b64encode(one.user.encode() + b':' + proof).decode()}"}


def posted(alert: Alert, now: Instant, lasts: int) -> dict[str, object]:
    """The alert as a `postableAlert`; it ends `lasts` nanoseconds after now unless its finding has ended."""
    one = alert.finding
    begin = one.first_seen if one is not None and one.first_seen is not None else alert.time
    end = min(alert.time, now) if alert.life in _ENDS else now + lasts
    return {
        "labels": _labels(alert),
        "annotations": _annotations(alert),
        "startsAt": rfc3339(min(begin, end)),
        "endsAt": rfc3339(end),
    }


def _labels(alert: Alert) -> dict[str, str]:
    one = alert.finding
    labels = {
        "alertname": f"Flowwatch{alert.kind.value.capitalize()}",
        "severity": alert.severity.value,
        "verdict": one.verdict.value if one else "",
        "kind": one.kind.value if one else alert.kind.value,
        "policy": alert.policy.id if alert.policy else "",
        "source_host": alert.host,
        "finding": one.id if one else "",
    }
    if alert.kind in (AlertKind.SUMMARY, AlertKind.TRIAL):
        labels["delivery"] = alert.delivery
    if alert.kind is AlertKind.FAILURE:
        labels["about"] = hashlib.sha256(alert.title.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return {name: terminal(value) for name, value in labels.items() if value}


def _annotations(alert: Alert) -> dict[str, str]:
    notes = {"summary": phrases.bounded(alert.title), "delivery": alert.delivery, **_observed(alert.finding)}
    return {**{name: terminal(value) for name, value in notes.items() if value}, "description": text(alert)}


def _observed(one: Finding | None) -> dict[str, str]:
    if one is None:
        return {}
    return {
        "destination": phrases.receiver(one),
        "names": ", ".join(facts.names(one.names)),
        "place": placed.place(one.place) if one.place else "",
        "next": one.remedy,
    }
