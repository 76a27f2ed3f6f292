"""Every receiver of transmissions from declared zones, and how they were judged."""

from collections.abc import Iterable, Sequence

from flowwatch.judge.findings import merged_labels, merged_names
from flowwatch.judge.held import Together
from flowwatch.model import (
    Decision,
    Destination,
    Held,
    NameClass,
    OpenedBy,
    SeenName,
    Transmission,
    Verdict,
    sent_at,
)

_Key = tuple[str, int, str, OpenedBy, str, str]


def destinations_of(held: Iterable[Held], decisions: Sequence[Decision]) -> tuple[Destination, ...]:
    """One row a receiver address, service port, protocol, opener and host asked; worst first, then by bytes sent.

    What is asked of a proxy has one row a host on which the verdict stands; what went into a tunnel to a place not
    listed is told at the tunnel's far end. What is out of scope has no destination.
    """
    groups: dict[_Key, list[Held]] = {}
    for one in held:
        if one.decision.verdict is not Verdict.OUT_OF_SCOPE:
            groups.setdefault(_key(one.decision), []).append(one)
    places = [max(one.latest for one in group)[1] for group in groups.values()]
    latest = sent_at(decisions, places)
    rows = ((key, _destination(group, sent)) for (key, group), sent in zip(groups.items(), latest, strict=True))
    ordered = sorted(rows, key=lambda row: (-row[1].worst.rank, -row[1].sent.weight, row[0]))
    return tuple(row for _, row in ordered)


def _key(decision: Decision) -> _Key:
    address, port, proto = decision.destination
    opened_by = decision.transmission.opened_by
    return address, -1 if port is None else port, proto, opened_by, decision.via or "", decision.asked or ""


def _destination(group: list[Held], latest: Transmission) -> Destination:
    """The row of one receiver; place and server are those of its worst decision."""
    decisions = [one.decision for one in group]
    ranked = sorted(decisions, key=lambda one: -one.verdict.rank)
    worst, together = ranked[0], Together.of(group)
    address, port, proto = worst.destination
    counts: dict[Verdict, int] = {}
    for one in group:
        counts[one.decision.verdict] = counts.get(one.decision.verdict, 0) + one.tally.count
    return Destination(
        address=address,
        port=port,
        proto=proto,
        opened_by=worst.transmission.opened_by,
        via=worst.via,
        asked=worst.asked,
        zone=worst.receiver_zone,
        server=next((one.server for one in ranked if one.server), None),
        names=() if worst.far_end else _names(decisions, latest),
        place=worst.place,
        verdicts=dict(sorted(counts.items(), key=lambda item: -item[0].rank)),
        worst=worst.verdict,
        reasons=tuple(dict.fromkeys(reason for one in ranked for reason in one.reasons)),
        transmissions=together.tally.count,
        attempts=together.tally.attempts,
        bytes_sent=together.tally.bytes,
        bytes_most=together.tally.bytes_most,
        bytes_unknown=together.tally.bytes_unknown,
        bytes_acked=together.acked,
        first=together.first,
        last=together.last,
        sender_zones=tuple(sorted({one.sender_zone for one in decisions if one.sender_zone})),
        senders=len(together.senders),
        labels=tuple(label.name for label in merged_labels(decisions)),
    )


def _names(decisions: Iterable[Decision], latest: Transmission) -> tuple[SeenName, ...]:
    """The names that any of them used or had bound, and what circumstances told of the address by the latest."""
    told = (name for one in decisions for name in one.transmission.names if name.evidence not in _CIRCUMSTANTIAL)
    return merged_names([*told, *latest.names])


_CIRCUMSTANTIAL = frozenset({NameClass.ANSWER_OTHER_CLIENT, NameClass.ANSWER_STALE})
