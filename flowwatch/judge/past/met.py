"""The listed servers that data went to, gathered by what they showed: one pass over the decisions.

Promises: only what is the listed server by its address or a bound name, and was not refused altogether: attempts,
unacknowledged payload and what went through a proxy show nothing of it. Gathered by day, so that pauses stay visible.
"""

from collections.abc import Sequence

import msgspec

from flowwatch.judge.decisions import DAY, by_day
from flowwatch.judge.findings import at_server
from flowwatch.model import Decision, Instant, Label, LookupDecision, OpenedBy, Place, Sighting, Verdict

_ADDRESSES = frozenset({"A", "AAAA"})
_SHOWING = frozenset({Verdict.APPROVED, Verdict.EXCEPTED, Verdict.DEVIATION, Verdict.INDETERMINATE})


class Met(msgspec.Struct, gc=False):
    """A server at one address on one day, in one place and with one key."""

    server: str
    address: str
    key: str | None
    """SHA-256 of its certificate's key (SPKI); None where none was shown."""
    place: Place | None
    first: Instant
    last: Instant
    decision: Decision
    """The first."""
    labels: dict[str, Label]


class Server(msgspec.Struct, gc=False):
    """One listed server: what was seen of it before, and what is now, each in order of time."""

    id: str
    before: tuple[Sighting, ...]
    met: list[Met] = []
    asked: list[LookupDecision] = []
    """Answered lookups of its names, as far as they are compared."""


def met(decisions: Sequence[Decision]) -> list[Met]:
    """The servers met, in order of time."""
    found: dict[tuple[str, str, str | None, int, int], Met] = {}
    for one, last in by_day(decisions, _may_show):
        if one.server is None or one.transmission.acked == 0:
            continue
        sent = one.transmission
        key = sent.cert_spki_sha256 if sent.opened_by is OpenedBy.SENDER else None
        alike = (one.server, sent.receiver_ip, key, sent.start // DAY, id(one.place))  # alive as long as `found`
        known = found.get(alike)
        if known is None:
            found[alike] = _first(one, key, last)
        else:
            _add(known, one, last)
    return sorted(found.values(), key=lambda one: _position(one.decision))


def _first(one: Decision, key: str | None, last: Instant) -> Met:
    sent = one.transmission
    return Met(
        server=one.server or "",
        address=sent.receiver_ip,
        key=key,
        place=one.place,
        first=sent.start,
        last=last,
        decision=one,
        labels={label.name: label for label in one.labels},
    )


def _add(known: Met, one: Decision, last: Instant) -> None:
    sent = one.transmission
    known.last = max(known.last, last)
    for label in one.labels:
        if label.name not in known.labels:
            known.labels[label.name] = label
    if sent.start <= known.first and _position(one) < _position(known.decision):
        known.first, known.decision = sent.start, one


def _may_show(one: Decision) -> bool:
    """The receiver is the server, and took what was sent, unless nothing of it was acknowledged."""
    taken = one.server is not None and one.transmission.timed and not one.transmission.attempted
    return taken and one.via is None and one.far_end is None and one.verdict in _SHOWING and at_server(one)


def _position(one: Decision) -> tuple[object, ...]:
    ref = one.transmission.ref
    return one.transmission.start, ref.source, ref.first_record, one.transmission.flow


def addresses(asked: LookupDecision) -> list[str]:
    """The addresses a name was answered with."""
    return sorted({one.data for one in asked.lookup.answers or () if one.type in _ADDRESSES})
