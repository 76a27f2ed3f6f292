"""Destinations as a screen tells them: many conforming addresses of one server as one line.

Promises: what does not conform is told address by address; figures are sums, nothing is left out.
"""

from collections.abc import Sequence

import msgspec

from flowwatch.model import Amount, Destination, Group, Place, Verdict

APART_MOST = 3
"""Addresses of one server, reached in one way, that are told one by one."""


class Line(msgspec.Struct, frozen=True):
    """One line: a destination, or what stands for several; `place` is then theirs only where it is the same."""

    told: Destination
    addresses: int = 1


def gathered(destinations: Sequence[Destination]) -> list[Line]:
    """The lines in the order of the destinations, each where its first one stands."""
    ways: dict[object, list[int]] = {}
    for at, one in enumerate(destinations):
        together = one.worst.group is Group.CONFORMS and one.server is not None and one.via is None
        key = (one.server, one.worst, one.port, one.proto, one.opened_by, one.zone) if together else at
        ways.setdefault(key, []).append(at)
    lines: dict[int, Line] = {}
    for places in ways.values():
        if len(places) > APART_MOST:
            lines[places[0]] = Line(_sum([destinations[at] for at in places]), len(places))
        else:
            lines |= {at: Line(destinations[at]) for at in places}
    return [lines[at] for at in sorted(lines)]


def _sum(found: Sequence[Destination]) -> Destination:
    sent = Amount.total(one.sent for one in found)
    acked = [one.bytes_acked for one in found if one.bytes_acked is not None]
    names = {(name.evidence.rank, name.name): name for one in reversed(found) for name in one.names}
    return msgspec.structs.replace(
        found[0],
        address=f"{len(found):,} addresses",
        names=tuple(names[key] for key in sorted(names)),
        place=_common([one.place for one in found]),
        verdicts={verdict: sum(one.verdicts.get(verdict, 0) for one in found) for verdict in Verdict},
        reasons=tuple(dict.fromkeys(reason for one in found for reason in one.reasons)),
        transmissions=sum(one.transmissions for one in found),
        attempts=sum(one.attempts for one in found),
        bytes_sent=sent.least,
        bytes_most=sent.most,
        bytes_unknown=sum(one.bytes_unknown for one in found),
        bytes_acked=sum(acked) if acked else None,
        first=min((one.first for one in found if one.first is not None), default=None),
        last=max((one.last for one in found if one.last is not None), default=None),
        sender_zones=tuple(sorted({zone for one in found for zone in one.sender_zones})),
        labels=tuple(sorted({label for one in found for label in one.labels})),
    )


def _common(places: Sequence[Place | None]) -> Place | None:
    """The place that all of them have, whatever the address."""
    bare = [None if one is None else msgspec.structs.replace(one, address="") for one in places]
    return bare[0] if all(one == bare[0] for one in bare) else None
