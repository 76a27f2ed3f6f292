"""What ran in one stage of one night, added up: nothing of the transmissions is kept but their flows.

Promises: order-free; times that overlap are one time.
"""

import itertools

import msgspec
import numpy as np

from flowwatch.alike import Numbers, sums
from flowwatch.judge.night.runs import Runs
from flowwatch.model import Instant, Ran

RAN_MOST = 60
"""Times that are told one by one: beyond, the nearest are told as one."""


class Sum(msgspec.Struct):
    """Everything a stage tells of its transmissions."""

    transmissions: int = 0
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
    _flows: list[Numbers] = msgspec.field(default_factory=list)
    _times: list[tuple[Instant, Instant]] = msgspec.field(default_factory=list)

    @property
    def flows(self) -> int:
        """How many there were, each once."""
        return len(np.unique(np.concatenate(self._flows))) if self._flows else 0

    def add(self, runs: Runs) -> None:
        """Count transmissions of the stage."""
        self.transmissions += len(runs)
        self._flows.append(runs.flow)
        self.least += _sum(runs.least)
        self.most += _sum(np.maximum(runs.most, 0))
        self.unbounded |= bool((runs.most < 0).any())
        self.unknown += int((runs.least != runs.most).sum())
        unseen, taken = runs.acked < 0, runs.acked > 0
        self.acked = None if self.acked is None or unseen.any() else self.acked + _sum(runs.acked)
        self.heard |= _senders(runs.those(taken))
        self.unsure |= _senders(runs.those(unseen))
        self.untimed |= not runs.timed.all()
        timed = runs.those(runs.timed)
        self.begun_before |= bool(timed.begun_before.any())
        self._times += _spans(timed)

    def doubt(self, runs: Runs) -> None:
        """What may be of the stage or not."""
        self.untimed |= not runs.timed.all()
        timed = runs.those(runs.timed)
        if len(timed):
            first, last = int(timed.start.min()), int(timed.end.max())
            before = self.doubtful or (first, last)
            self.doubtful = min(before[0], first), max(before[1], last)

    def ran(self) -> tuple[Ran, ...]:
        """The times in which something ran, in order."""
        times = self._times = _joined(self._times)
        gaps = sorted(range(1, len(times)), key=lambda place: times[place - 1][1] - times[place][0])
        edges = [0, *sorted(gaps[: RAN_MOST - 1]), len(times)] if times else []
        return tuple(Ran(times[one][0], times[other - 1][1]) for one, other in itertools.pairwise(edges))


def _sum(values: Numbers) -> int:
    return sums(values, np.zeros_like(values), 1)[0]


def _senders(runs: Runs) -> set[str]:
    return {runs.addresses[one] for one in np.unique(runs.sender)}


def _spans(runs: Runs) -> list[tuple[Instant, Instant]]:
    """As `_joined`."""
    order = np.argsort(runs.start, kind="stable")
    start, latest = runs.start[order], np.maximum.accumulate(runs.end[order])
    edges = np.flatnonzero(np.append(True, start[1:] > latest[:-1])) if len(order) else order
    return list(zip(start[edges].tolist(), latest[np.append(edges, len(order))[1:] - 1].tolist(), strict=True))


def _joined(times: list[tuple[Instant, Instant]]) -> list[tuple[Instant, Instant]]:
    """The times in order, those that overlap as one."""
    found: list[tuple[Instant, Instant]] = []
    for first, last in sorted(times):
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found
