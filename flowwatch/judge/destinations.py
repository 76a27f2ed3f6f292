"""Every receiver of transmissions from declared zones, and how they were judged."""

from collections.abc import Iterable

from flowwatch.judge.findings import merged_labels, merged_names
from flowwatch.judge.held import Together
from flowwatch.model import Decision, Destination, Held, OpenedBy, Verdict

_Key = tuple[str, int, str, OpenedBy, str, str]


def destinations_of(decisions: Iterable[Held]) -> tuple[Destination, ...]:
    """One row a receiver address, service port, protocol, opener and host asked; worst first, then by bytes sent.

    What is asked of a proxy has one row a host on which the verdict stands; what went into a tunnel to a place not
    listed is told at the tunnel's far end. What is out of scope has no destination.
    """
    groups: dict[_Key, list[Held]] = {}
    for one in decisions:
        if one.decision.verdict is not Verdict.OUT_OF_SCOPE:
            groups.setdefault(_key(one.decision), []).append(one)
    rows = ((key, _destination(group)) for key, group in groups.items())
    ordered = sorted(rows, key=lambda row: (-row[1].worst.rank, -row[1].sent.weight, row[0]))
    return tuple(row for _, row in ordered)


def _key(decision: Decision) -> _Key:
    address, port, proto = decision.destination
    opened_by = decision.transmission.opened_by
    return address, -1 if port is None else port, proto, opened_by, decision.via or "", decision.asked or ""


def _destination(group: list[Held]) -> Destination:
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
        names=() if worst.far_end else merged_names(one.transmission for one in decisions),
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
