"""What an alert says: in words for people, as JSON for programs.

Promises: neutral words; printable ASCII and line ends only, observed text escaped by `reports.escape`; what was
observed, against which rule, with what doubt, the records behind it, what to look at next, and the delivery id.
"""

from collections.abc import Iterable

from flowwatch.model import Alert, AlertKind, Life
from flowwatch.reports import facts, jsonl, phrases
from flowwatch.reports.escape import terminal

LONGEST_SUBJECT = 200
_MOST_LINES = 200
_LIVES = {
    Life.NEW: "First told now.",
    Life.REPEATED: "It was told before and goes on.",
    Life.RAISED: "It was told before; its severity or its verdict is graver now.",
    Life.CHANGED: "It was told before; later evidence gave another verdict, nothing stands for it now. Both are kept.",
    Life.QUIET: "Nothing more of it was seen in the last checks; what was sent stays sent.",
}


def body(alert: Alert) -> bytes:
    """The alert as one JSON object (`flowwatch.alert/1`): no blanks, ASCII, times as RFC 3339."""
    return jsonl.alert(alert).removesuffix(b"\n")


def subject(alert: Alert) -> str:
    """One line of at most `LONGEST_SUBJECT` characters."""
    return phrases.short(f"[flowwatch] {alert.severity}: {terminal(phrases.bounded(alert.title))}", LONGEST_SUBJECT)


def text(alert: Alert) -> str:
    """The alert in words, several lines; facts are set in by four blanks."""
    told = [f"{alert.severity}: {alert.title}", *_said(alert)]
    listed = [f"    {key:<10}  {value}" for key, value in _facts(alert)]
    limits = [phrases.LIMITS_OF_SIGHT] if alert.finding else []
    return "\n\n".join("\n".join(map(terminal, block)) for block in (told, listed, limits) if block) + "\n"


def line(alert: Alert) -> str:
    """The alert in words on one line."""
    listed = (f"{key} {value}".strip() for key, value in _facts(alert))
    return terminal(" | ".join([f"{alert.severity}: {alert.title}", *_said(alert), *listed]))


def _said(alert: Alert) -> Iterable[str]:
    if alert.life is not None:
        yield _LIVES[alert.life]
    yield from map(phrases.bounded, alert.lines[:_MOST_LINES])
    if len(alert.lines) > _MOST_LINES:
        yield f"... and {phrases.plural(len(alert.lines) - _MOST_LINES, 'more line')}"


def _facts(alert: Alert) -> list[tuple[str, str]]:
    one = alert.finding
    told = [("verdict", phrases.words(one.verdict)), *facts.finding(one, {})] if one else []
    return [
        *told,
        *([("policy", phrases.policy(alert.policy))] if alert.policy else []),
        *([] if alert.kind is AlertKind.FINDING else [("about", alert.kind.value)]),
        ("told", f"{phrases.utc(alert.time)} by flowwatch {alert.version}{f' on {alert.host}' if alert.host else ''}"),
        ("delivery", alert.delivery),
    ]
