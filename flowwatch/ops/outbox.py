"""What is told, and when it is tried again: the policy of delivery, pure functions over small values.

Promises: nothing that is due is left out: what is not told by itself is told in a summary, what could not be delivered
is told elsewhere, and both are kept. A clock that jumps makes an alert come too early, never not at all.
Refuses: to store or send; that is the state's and `flowwatch.ops.notify`'s.

Source of the waits: M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): full jitter.
"""

import random
from collections.abc import Sequence

import msgspec

from flowwatch.model import Alert, AlertKind, Instant, Life, Severity, Verdict
from flowwatch.ops.notify.delivery import NotDelivered
from flowwatch.reports import phrases

SECOND = 10**9
FIRST_WAIT = 30 * SECOND
"""The most to wait after the first try; it doubles with each."""
LONGEST_WAIT = 6 * 3600 * SECOND
MOST_TRIES = 100
LONGEST = 7 * 86_400 * SECOND
"""No alert is tried for longer than this since it was put in."""
FEWEST_TRIES = 10
"""So often it is tried whatever the clock says."""
TITLES_TOLD = 10


class Again(msgspec.Struct, frozen=True):
    """Try it again, no earlier than `at`."""

    at: Instant


class GivenUp(msgspec.Struct, frozen=True):
    """It is not tried again by itself; it is kept, and told elsewhere (`undelivered`)."""

    why: str


def after(tries: int, since: Instant, now: Instant, fault: NotDelivered, chance: random.Random) -> Again | GivenUp:
    """What follows a failed try: `tries` counts it in (1 after the first), `since` is when the alert was put in.

    The wait is at most FIRST_WAIT doubled with each try, and LONGEST_WAIT; the receiver may ask for a longer one within
    LONGEST_WAIT.
    """
    if not fault.retry:
        return GivenUp(f"the receiver refused it: {fault.reason}")
    if tries >= MOST_TRIES:
        return GivenUp(f"{phrases.plural(tries, 'try', 'tries')} failed, the last: {fault.reason}")
    if tries >= FEWEST_TRIES and now - since >= LONGEST:
        return GivenUp(f"it failed for {LONGEST // (86_400 * SECOND)} days, the last time: {fault.reason}")
    ceiling = min(LONGEST_WAIT, FIRST_WAIT << min(tries - 1, 20))
    asked = min(int((fault.after or 0.0) * SECOND), LONGEST_WAIT)
    return Again(now + max(chance.randint(0, ceiling), asked))


def undelivered(alert: Alert, channel: str, why: str, *, delivery: str, now: Instant) -> Alert | None:
    """The alert that tells the other channels of one given up on `channel`.

    None for news of the check itself, so that channels that all fail do not tell of each other without end; the metrics
    count those.
    """
    if alert.kind in (AlertKind.FAILURE, AlertKind.HEARTBEAT, AlertKind.TRIAL):
        return None
    return Alert(
        delivery=delivery,
        kind=AlertKind.FAILURE,
        time=now,
        severity=max(alert.severity, Severity.MEDIUM, key=lambda one: one.rank),
        title=f"An alert could not be delivered by the channel {channel}",
        lines=(f"The channel was given up: {why}", f"What it should have told: {alert.title}", _kept(alert)),
        policy=alert.policy,
        host=alert.host,
        version=alert.version,
    )


def _kept(alert: Alert) -> str:
    about = f" of finding {alert.finding.id}" if alert.finding else ""
    return f"The delivery {alert.delivery}{about} is kept in the state."


class Seen(msgspec.Struct, frozen=True):
    """A finding as it stands after a check."""

    severity: Severity
    verdict: Verdict
    quiet: bool = False
    """Nothing more of it was seen, or nothing stands for it any more."""


class Told(msgspec.Struct, frozen=True):
    """A finding as a channel told it last."""

    seen: Seen
    at: Instant


def due(seen: Seen, last: Told | None, least: Severity, interval: int, now: Instant) -> Life | None:
    """As what a channel tells the finding now; None: not now.

    `least` is the channel's `min_severity`, `interval` its `repeat_interval` in nanoseconds. A finding that was told as
    quiet and is seen again is told at once. One told and now below `least` is told only when it is quiet.
    """
    if seen.quiet:
        return Life.QUIET if last is not None and not last.seen.quiet else None
    if seen.severity.rank < least.rank:
        return None
    if last is None:
        return Life.NEW
    if seen.severity.rank > last.seen.severity.rank or seen.verdict.rank > last.seen.verdict.rank:
        return Life.RAISED
    return Life.REPEATED if last.seen.quiet or _passed(last.at, interval, now) else None


def _passed(at: Instant, interval: int, now: Instant) -> bool:
    """A time yet to come is one of a clock that was set back."""
    return not 0 <= now - at < interval


def calmed(alerts: Sequence[Alert], most: int, delivery: str) -> tuple[Alert, ...]:
    """The alerts of one check as a channel tells them: more than `most` new findings are told as one summary.

    The summary stands where the first of them stood and bears the id `delivery`; all other alerts stay as they are.
    """
    new = [one for one in alerts if one.life is Life.NEW]
    if len(new) <= most:
        return tuple(alerts)
    first = alerts.index(new[0])
    rest = [one for one in alerts[first:] if one.life is not Life.NEW]
    return (*alerts[:first], _summary(new, delivery), *rest)


def _summary(new: Sequence[Alert], delivery: str) -> Alert:
    ranked = sorted(new, key=lambda one: -one.severity.rank)
    counts = phrases.by_severity(new)
    titles = [f"{one.severity}: {phrases.bounded(one.title)}" for one in ranked[:TITLES_TOLD]]
    more = len(new) - len(titles)
    return Alert(
        delivery=delivery,
        kind=AlertKind.SUMMARY,
        time=max(one.time for one in new),
        severity=ranked[0].severity,
        title=f"{phrases.plural(len(new), 'new finding')} in one check, told as one",
        lines=(
            f"Findings by severity: {counts}",
            *titles,
            *([f"... and {phrases.number(more)} more"] if more else []),
            "All of them are kept in the state.",
        ),
        policy=ranked[0].policy,
        host=ranked[0].host,
        version=ranked[0].version,
    )


def trial(*, delivery: str, now: Instant, host: str, version: str) -> Alert:
    """What `flowwatch notify --test` sends, to see that it arrives."""
    return Alert(
        delivery=delivery,
        kind=AlertKind.TRIAL,
        time=now,
        severity=Severity.INFO,
        title="This is a trial: alerts of flowwatch arrive here",
        lines=("Nothing was observed. It was sent by hand with `flowwatch notify --test`.",),
        host=host,
        version=version,
    )
