"""What the formats of other programs take of an alert: checked addresses, bounded text, numbers that fit.

Promises: a text is printable ASCII (`escape.terminal`) of at most TEXT_MOST characters, its middle left out as `...`; a
number fits 64 bits with sign, the most there is standing for more; an address is one, or None. Nothing raises.
Refuses: to choose where facts disagree: of two countries or two networks neither is *the* one.
"""

import ipaddress
from collections.abc import Iterable
from typing import Any

from flowwatch.model import Alert, AlertKind, Finding, Instant, Life, Place
from flowwatch.reports import escape, jsonl, phrases

TEXT_MOST = 1_020
"""A DNS name of 255 bytes, each escaped as four, takes 1,016; ECS does not index beyond 1,024, CEF takes 1,023."""
LIST_MOST = 20
"""Items of any list; how many are left out is told."""
_LONG_MOST = 2**63 - 1

_SAID = {
    AlertKind.FINDING: "a finding",
    AlertKind.SUMMARY: "many new findings, told as one",
    AlertKind.FAILURE: "the check could not do its work",
    AlertKind.HEARTBEAT: "the check runs",
    AlertKind.TRIAL: "sent by hand, to see that it arrives",
}


def code(alert: Alert) -> str:
    """A stable dotted code of what is told: the reason of a finding, else `alert.` and the kind."""
    return alert.finding.kind.value if alert.finding else f"alert.{alert.kind}"


def sentence(alert: Alert) -> str:
    """One fixed sentence for each code; nothing observed is in it."""
    return alert.finding.kind.sentence if alert.finding else _SAID[alert.kind]


def calls(alert: Alert) -> bool:
    """Somebody should look: not so of a heartbeat, a trial, or a finding that has become quiet."""
    return alert.kind not in (AlertKind.HEARTBEAT, AlertKind.TRIAL) and alert.life is not Life.QUIET


def text(told: str, most: int = TEXT_MOST) -> str:
    """Printable ASCII of at most so many characters."""
    return phrases.short(escape.terminal(phrases.short(told, most)), most)


def number(count: int) -> int:
    """The count, or the most that 64 bits with sign hold."""
    return min(count, _LONG_MOST)


def milliseconds(instant: Instant) -> int:
    """Since 1970."""
    return instant // 1_000_000


def ip(told: str | None) -> str | None:
    """The address in its canonical form; None where it is none, or has a scope."""
    try:
        return None if told is None or "%" in told else str(ipaddress.ip_address(told))
    except ValueError:
        return None


def transport(finding: Finding) -> str | None:
    """`tcp`, or the kind of a tunnel."""
    return finding.service.partition("/")[0] if finding.service else None


def receiver(finding: Finding) -> str | None:
    """The receiver's address as it was told."""
    return finding.receiver.address if finding.receiver else None


def port(finding: Finding) -> int | None:
    """The receiver's port."""
    told = finding.receiver.port if finding.receiver else None
    return told if told is not None and 0 <= told <= 65_535 else None


def names(finding: Finding) -> tuple[str, ...]:
    """The distinct names of the receiver, strongest evidence first."""
    ranked = sorted(finding.names, key=lambda one: one.evidence.rank)
    return tuple(dict.fromkeys(one.name for one in ranked))


def host(finding: Finding) -> str | None:
    """The name that the flow used, else the first that belongs to the address; None: all that is known is weaker."""
    used = [one.name for one in finding.names if one.used]
    bound = [one.name for one in sorted(finding.names, key=lambda one: one.evidence.rank) if one.binds]
    return next(iter(used + bound), None)


def country(place: Place) -> str | None:
    """The country, where all candidates name the same."""
    return _only(place.countries)


def as_number(place: Place) -> int | None:
    """The AS number, where all sources name the same."""
    told = _only(fact.value.upper().removeprefix("AS") for fact in place.asn)
    held = told is not None and told.isascii() and told.isdigit() and len(told) <= 10
    return int(told) if told is not None and held else None


def organisation(place: Place) -> str | None:
    """Who operates the address, where all sources name the same."""
    return _only(fact.value for fact in place.organisation)


def printable(value: Any) -> Any:  # noqa: ANN401  # builtins in, builtins out
    """Builtins with every text bounded and printable and every number within its bounds; keys are ours."""
    if isinstance(value, dict):
        return {key: printable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [printable(inner) for inner in value]
    if isinstance(value, str):
        return text(value)
    return value if isinstance(value, bool) or not isinstance(value, int) else number(value)


def bounded(value: Any) -> Any:  # noqa: ANN401  # builtins in, builtins out
    """Builtins with lists cut after LIST_MOST; beside a list that was cut stands `<its key>_left_out`, a count."""
    if isinstance(value, list | tuple):
        return [bounded(inner) for inner in value[:LIST_MOST]]
    if not isinstance(value, dict):
        return value
    return {key: bounded(inner) for key, inner in value.items()} | {
        f"{key}_left_out": len(inner) - LIST_MOST
        for key, inner in value.items()
        if isinstance(inner, list | tuple) and len(inner) > LIST_MOST
    }


def known(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts without those that cannot be said, and without what is empty."""
    return {key: fact for key, fact in facts.items() if fact is not None and fact not in ("", [], {})}


def line(event: dict[str, Any]) -> bytes:
    """The event as one line of JSON in printable ASCII, decoded or not."""
    return jsonl.line(printable(event))


def _only(values: Iterable[str]) -> str | None:
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else None
