"""The outbox in the state: what is to be told to whom, put there with what it tells, taken out once it has arrived.

Promises: at least once: an alert is put in within the transaction that made it, and leaves only after its channel took
it; its delivery id stays the same however often it is tried. Each delivery by a channel is a transaction of its own, so
that an end at any instant tells one alert twice at the most; a file takes all that waits at once.
"""

import random
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

import flowwatch
from flowwatch.model import Alert, AlertKind, Finding, Instant, Life, PolicyInfo, Severity, Verdict
from flowwatch.ops import outbox
from flowwatch.ops.config import Config
from flowwatch.ops.life import Known
from flowwatch.ops.notify import Channel, NotDelivered
from flowwatch.ops.notify.file import File
from flowwatch.ops.state import State
from flowwatch.policy.match import Span

_AT_ONCE = 100
_DAY = Span.parse("24h").ns
_HEARTBEAT = "The scheduled check runs"


class Receiver(msgspec.Struct, frozen=True):
    """Who is told what: an output of the check or a channel of `notify`."""

    id: str
    min_severity: Severity
    repeat_interval: Span
    heartbeat: bool = False
    news: bool = True
    """It is told of failures and heartbeats of the check too."""


def receivers(config: Config) -> tuple[Receiver, ...]:
    """Everybody who is told."""
    outputs = [Receiver(id_, one.min_severity, Span(_DAY), news=False) for id_, one in config.outputs]
    channels = [Receiver(id_, one.min_severity, one.repeat_interval, one.heartbeat) for id_, one in config.channels]
    return (*outputs, *channels)


def host() -> str:
    """The name of this machine."""
    return socket.gethostname()


def alert_of(finding: Finding, life: Life, now: Instant, delivery: str, policy: PolicyInfo | None = None) -> Alert:
    """What is told of a finding."""
    return Alert(
        delivery=delivery,
        kind=AlertKind.FINDING,
        time=now,
        severity=finding.severity,
        title=finding.title,
        life=life,
        finding=finding,
        policy=policy,
        host=host(),
        version=flowwatch.__version__,
    )


class Waiting(NamedTuple):
    """A delivery that is due."""

    id: int
    channel: str
    alert: Alert
    created: Instant
    tries: int


class Outbox:
    """The deliveries of a state, changed within the caller's transaction."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._db = state.db

    def delivery(self) -> str:
        """A delivery id that was never given out before."""
        own = self._state.get("state_id")
        if own is None:
            own = f"{random.SystemRandom().getrandbits(48):012x}"
            self._state.put("state_id", own)
        number = int(self._state.get("deliveries") or 0) + 1
        self._state.put("deliveries", number)
        return f"{own}-{number:08d}"

    def put(self, channel: str, alert: Alert) -> None:
        """Puts an alert in for a channel."""
        body = msgspec.json.encode(alert).decode()
        self._db.execute(
            "INSERT INTO outbox (delivery, channel, alert, created, due, tries, state) VALUES (?, ?, ?, ?, ?, 0, ?)",
            (alert.delivery, channel, body, alert.time, alert.time, "waiting"),
        )

    def due(self, channels: Sequence[str], now: Instant | None) -> list[Waiting]:
        """What is due for these channels by now (None: whatever waits), in the order it was put in, some at once."""
        rows = self._db.execute(
            "SELECT id, channel, alert, created, tries FROM outbox WHERE state = 'waiting' AND due <= ?"
            " AND channel IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT ?",
            ((1 << 63) - 1 if now is None else now, msgspec.json.encode(list(channels)).decode(), _AT_ONCE),
        )
        return [Waiting(id_, channel, _alert(body), *rest) for id_, channel, body, *rest in rows.fetchall()]

    def delivered(self, one: Waiting) -> None:
        """It has arrived."""
        self._db.execute(
            "UPDATE outbox SET state = 'delivered', tries = tries + 1, fault = NULL WHERE id = ?", (one.id,)
        )

    def failed(self, one: Waiting, what: outbox.Again | outbox.GivenUp, fault: str) -> None:
        """It has not: it is tried again, or given up and kept."""
        state, due = ("waiting", what.at) if isinstance(what, outbox.Again) else ("given_up", 0)
        self._db.execute(
            "UPDATE outbox SET state = ?, due = ?, tries = tries + 1, fault = ? WHERE id = ?",
            (state, due, fault[:1000], one.id),
        )

    def counts(self) -> dict[tuple[str, str], int]:
        """How many deliveries are `waiting`, `delivered` or `given_up`, by channel and state."""
        rows = self._db.execute("SELECT channel, state, count(*) FROM outbox GROUP BY channel, state")
        return {(channel, state): count for channel, state, count in rows}

    def news(self, kind: AlertKind, severity: Severity, title: str, lines: Sequence[str], now: Instant) -> Alert:
        """An alert that tells of the check itself."""
        return Alert(
            delivery=self.delivery(),
            kind=kind,
            time=now,
            severity=severity,
            title=title,
            lines=tuple(lines),
            host=host(),
            version=flowwatch.__version__,
        )

    def tell_findings(self, config: Config, known: Sequence[Known], policy: PolicyInfo | None, now: Instant) -> None:
        """Puts in what each receiver is to be told of the findings after a check."""
        for receiver in receivers(config):
            alerts = [
                alert_of(one.finding, life, now, self.delivery(), policy)
                for one in known
                if (life := self._life(receiver, one, now)) is not None
            ]
            for alert in outbox.calmed(alerts, config.storm, self.delivery()) if alerts else ():
                self.put(receiver.id, alert)

    def _life(self, receiver: Receiver, known: Known, now: Instant) -> Life | None:
        """As what the receiver is told the finding now, which is remembered; None: not now."""
        finding, gone = known.finding, known.life in (Life.QUIET, Life.CHANGED)
        seen = outbox.Seen(finding.severity, finding.verdict, quiet=gone)
        last = self._told(receiver.id, finding.id)
        life = outbox.due(seen, last, receiver.min_severity, receiver.repeat_interval.ns, now)
        if life is None:
            return None
        self._db.execute(
            "INSERT OR REPLACE INTO told VALUES (?, ?, ?, ?, ?, ?)",
            (receiver.id, finding.id, now, finding.severity, finding.verdict, int(gone)),
        )
        return Life.CHANGED if known.life is Life.CHANGED else life

    def _told(self, receiver: str, finding: str) -> outbox.Told | None:
        row = self._db.execute(
            "SELECT at, severity, verdict, quiet FROM told WHERE channel = ? AND finding = ?", (receiver, finding)
        ).fetchone()
        if row is None:
            return None
        at, severity, verdict, quiet = row
        return outbox.Told(outbox.Seen(Severity(severity), Verdict(verdict), quiet=bool(quiet)), at)

    def tell_failure(self, config: Config, title: str, words: str, now: Instant) -> None:
        """Puts in that the check could not do its work; the same failure once in a repeat interval."""
        for receiver in receivers(config):
            key = f"failure:{receiver.id}"
            last = msgspec.json.decode(self._state.get(key) or '["", 0]', type=tuple[str, int])
            again = last[0] != words or not 0 <= now - last[1] < receiver.repeat_interval.ns
            if receiver.news and again:
                self._state.put(key, msgspec.json.encode((words, now)).decode())
                self.put(receiver.id, self.news(AlertKind.FAILURE, Severity.HIGH, title, (words,), now))

    def tell_heartbeat(self, config: Config, lines: Sequence[str], now: Instant) -> None:
        """Puts in, once a day, that the check runs, for those who want to know."""
        for receiver in receivers(config):
            key = f"heartbeat:{receiver.id}"
            if receiver.heartbeat and not 0 <= now - int(self._state.get(key) or 0) < _DAY:
                self._state.put(key, now)
                self.put(receiver.id, self.news(AlertKind.HEARTBEAT, Severity.INFO, _HEARTBEAT, lines, now))

    def tell_undelivered(self, one: Waiting, why: str, channels: Iterable[str], now: Instant) -> None:
        """Puts in for the other channels that one gave an alert up."""
        for channel in channels:
            told = outbox.undelivered(one.alert, one.channel, why, delivery=self.delivery(), now=now)
            if channel != one.channel and told is not None:
                self.put(channel, told)


def deliver(
    state: State,
    box: Outbox,
    channels: Mapping[str, Channel],
    clock: Callable[[], Instant],
    chance: random.Random,
    *,
    all_waiting: bool = False,
) -> Iterator[tuple[Waiting, str | None]]:
    """Delivers what is due; each with None where it arrived, else with what went wrong.

    A channel that failed is not tried again in this round: what waits behind keeps its order.
    """
    down: set[str] = set()
    while some := box.due(sorted(channels.keys() - down), None if all_waiting else clock()):
        for one in some:
            if one.channel in down:
                continue
            fault = _delivered(state, box, one, channels, clock(), chance)
            if fault is not None and fault.retry:
                down.add(one.channel)
            yield one, None if fault is None else fault.reason


def append(state: State, box: Outbox, output: str, file: File, clock: Callable[[], Instant]) -> str | None:
    """Appends all that waits for an output to its file; what went wrong, or None. It is tried again by every check."""
    while some := box.due([output], None):
        try:
            file.send_all(one.alert for one in some)
        except NotDelivered as fault:
            with state.transaction():
                for one in some:
                    box.failed(one, outbox.Again(clock()), fault.reason)
            return fault.reason
        with state.transaction():
            for one in some:
                box.delivered(one)
    return None


def _delivered(
    state: State, box: Outbox, one: Waiting, channels: Mapping[str, Channel], now: Instant, chance: random.Random
) -> NotDelivered | None:
    """Tries one delivery and keeps what came of it."""
    try:
        channels[one.channel].send(one.alert)
    except NotDelivered as fault:
        what = outbox.after(one.tries + 1, one.created, now, fault, chance)
        with state.transaction():
            box.failed(one, what, fault.reason)
            if isinstance(what, outbox.GivenUp):
                box.tell_undelivered(one, what.why, channels, now)
        return fault
    with state.transaction():
        box.delivered(one)
    return None


def _alert(body: str) -> Alert:
    return msgspec.json.decode(body, type=Alert)
