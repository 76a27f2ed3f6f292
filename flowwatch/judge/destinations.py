"""Every receiver of transmissions from declared zones, and how they were judged."""

from collections import Counter
from collections.abc import Iterable

from flowwatch.judge.findings import merged_labels, merged_names
from flowwatch.model import Amount, Decision, Destination, OpenedBy, Verdict

_Key = tuple[str, int, str, OpenedBy, str, str]


def destinations_of(decisions: Iterable[Decision]) -> tuple[Destination, ...]:
    """One row a receiver address, service port, protocol, opener and host asked; worst first, then by bytes sent.

    What is asked of a proxy has one row a host on which the verdict stands; what went into a tunnel to a place not
    listed is told at the tunnel's far end. What is out of scope has no destination.
    """
    groups: dict[_Key, list[Decision]] = {}
    for decision in decisions:
        if decision.verdict is not Verdict.OUT_OF_SCOPE:
            groups.setdefault(_key(decision), []).append(decision)
    rows = ((key, _destination(group)) for key, group in groups.items())
    ordered = sorted(rows, key=lambda row: (-row[1].worst.rank, -row[1].sent.weight, row[0]))
    return tuple(row for _, row in ordered)


def _key(decision: Decision) -> _Key:
    address, port, proto = decision.destination
    opened_by = decision.transmission.opened_by
    return address, -1 if port is None else port, proto, opened_by, decision.via or "", decision.asked or ""


def _destination(group: list[Decision]) -> Destination:
    """The row of one receiver; place and server are those of its worst decision."""
    worst = max(group, key=lambda one: one.verdict.rank)
    all_sent = [one.transmission for one in group]
    acked = [one.acked for one in all_sent if one.acked is not None]
    total = Amount.total(one.sent for one in all_sent)
    ranked = sorted(group, key=lambda one: -one.verdict.rank)
    address, port, proto = worst.destination
    return Destination(
        address=address,
        port=port,
        proto=proto,
        opened_by=all_sent[0].opened_by,
        via=worst.via,
        asked=worst.asked,
        zone=worst.receiver_zone,
        server=next((one.server for one in ranked if one.server), None),
        names=() if worst.far_end else merged_names(all_sent),
        place=worst.place,
        verdicts=dict(sorted(Counter(one.verdict for one in group).items(), key=lambda item: -item[0].rank)),
        worst=worst.verdict,
        reasons=tuple(dict.fromkeys(reason for one in ranked for reason in one.reasons)),
        transmissions=len(group),
        attempts=sum(one.attempted for one in all_sent),
        bytes_sent=total.least,
        bytes_most=total.most,
        bytes_unknown=sum(one.sent.exact is None for one in all_sent),
        bytes_acked=sum(acked) if acked else None,
        first=min((one.start for one in all_sent if one.timed), default=None),
        last=max((one.end for one in all_sent if one.timed), default=None),
        sender_zones=tuple(sorted({one.sender_zone for one in group if one.sender_zone})),
        senders=len({one.sender_ip for one in all_sent}),
        labels=tuple(label.name for label in merged_labels(group)),
    )
