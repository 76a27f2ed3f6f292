"""What ran in one stage of one night, added up transmission by transmission: nothing of them is kept.

Promises: order-free but for flows, whose transmissions come one after the other; times that overlap are one time.
"""

import itertools

import msgspec

from flowwatch.model import Amount, Instant, Ran, Transmission

RAN_MOST = 60
"""Times that are told one by one: beyond, the nearest are told as one."""
_JOINED_EACH = 1 << 16


class Sum(msgspec.Struct):
    """Everything a stage tells of its transmissions."""

    transmissions: int = 0
    flows: int = 0
    least: int = 0
    most: int = 0
    unbounded: bool = False
    """Of one of them no most is known, so `most` is none of all."""
    unknown: int = 0
    """How many are known only as a range."""
    acked: int | None = 0
    heard: set[str] = msgspec.field(default_factory=set)
    unsure: set[str] = msgspec.field(default_factory=set)
    """Senders of a transmission whose acknowledgements were not seen."""
    untimed: bool = False
    """Something that is of the stage, or may be, has no time."""
    begun_before: bool = False
    doubtful: tuple[Instant, Instant] | None = None
    """First and last of what may be of the stage."""
    _flow: int | None = None
    _times: list[tuple[Instant, Instant]] = msgspec.field(default_factory=list)

    def add(self, one: Transmission) -> None:
        """Count a transmission of the stage."""
        self.transmissions += 1
        if one.flow != self._flow:
            self.flows, self._flow = self.flows + 1, one.flow
        self._add_bytes(one.sent)
        if one.acked is None:
            self.acked = None
            self.unsure.add(one.sender_ip)
        elif one.acked:
            self.acked = None if self.acked is None else self.acked + one.acked
            self.heard.add(one.sender_ip)
        if one.timed:
            if one.begun_before:
                self.begun_before = True
            self._times.append((one.start, one.end))
            if len(self._times) >= 2 * _JOINED_EACH:
                self._times = _joined(self._times)
        else:
            self.untimed = True

    def _add_bytes(self, amount: Amount) -> None:
        self.least += amount.least
        if amount.most is None:
            self.unbounded = True
        else:
            self.most += amount.most
        self.unknown += amount.least != amount.most

    def doubt(self, one: Transmission) -> None:
        """What may be of the stage or not."""
        if not one.timed:
            self.untimed = True
        elif self.doubtful is None:
            self.doubtful = one.start, one.end
        else:
            self.doubtful = min(self.doubtful[0], one.start), max(self.doubtful[1], one.end)

    def ran(self) -> tuple[Ran, ...]:
        """The times in which something ran, in order."""
        times = self._times = _joined(self._times)
        gaps = sorted(range(1, len(times)), key=lambda place: times[place - 1][1] - times[place][0])
        edges = [0, *sorted(gaps[: RAN_MOST - 1]), len(times)] if times else []
        return tuple(Ran(times[one][0], times[other - 1][1]) for one, other in itertools.pairwise(edges))


def _joined(times: list[tuple[Instant, Instant]]) -> list[tuple[Instant, Instant]]:
    """The times in order, those that overlap as one."""
    found: list[tuple[Instant, Instant]] = []
    for first, last in sorted(times):
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found
