"""The decisions on all transmissions, kept as the decision on each cohort and made when they are asked for.

Promises: the same as judging one by one, in the same order.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar, overload

import msgspec
import numpy as np
import pyarrow as pa

from flowwatch.alike import Flags, Numbers, firsts, numbers, sums, together
from flowwatch.judge.findings import EVIDENCE_MOST, worth_telling
from flowwatch.judge.observation import unattempted
from flowwatch.judge.transmission import Locate
from flowwatch.model import (
    EARLIEST,
    LATEST,
    Decision,
    Held,
    Instant,
    Tally,
    Transmission,
    TransmissionColumns,
    Transmissions,
    Verdict,
)

Derive = Callable[[Numbers], list[Decision]]
"""The decisions on the transmissions at some places."""
Among = Callable[[TransmissionColumns, Numbers], Numbers]
"""Of the transmissions at some places those that matter."""
_PORTION = 1 << 14
DAY = 86_400 * 10**9
_T = TypeVar("_T")


class Decisions(Sequence[Decision]):
    """The decision on each transmission."""

    def __init__(
        self,
        sent: Transmissions,
        cohort: Numbers,
        alike: Sequence[Decision],
        derive: Derive,
        locate: Locate,
        alone: Flags | None = None,
    ) -> None:
        self.sent = sent
        self.columns = _as_judged(sent.columns, cohort, alike)
        """An attempt that judging does not take for one is none here."""
        self.cohort = cohort
        """By transmission."""
        self.alike = alike
        """By cohort the decision on its first."""
        self._derive = derive
        self._locate = locate
        self._alone = np.bincount(cohort, minlength=len(alike)) == 1 if alone is None else alone
        """By cohort whether its decision is on all there is of it: who is left of several is not whom it is on."""

    def replaced(self, places: Numbers, decisions: Sequence[Decision]) -> "Decisions":
        """The same but for those at the places, each a cohort of its own."""
        cohort = self.cohort.copy()
        cohort[places] = np.arange(len(places)) + len(self.alike)
        alone = np.append(self._alone, np.ones(len(places), np.bool_))
        return Decisions(self.sent, cohort, [*self.alike, *decisions], self._derive, self._locate, alone)

    def where(self, wanted: Callable[[Decision], bool]) -> Numbers:
        """The places of the decisions for which it holds; it must not ask for what differs within a cohort."""
        found = np.array([wanted(one) for one in self.alike], np.bool_)
        return np.flatnonzero(found[self.cohort]) if len(found) else np.zeros(0, np.int64)

    def like(self, places: Numbers) -> list[Decision]:
        """The decisions at the places, their conditions in the words of another of the cohort."""
        return [self._like(int(place), sent) for place, sent in zip(places, self.sent.pick(places), strict=True)]

    def _like(self, place: int, sent: Transmission) -> Decision:
        decision = self.alike[int(self.cohort[place])]
        located = decision.place
        if located is not None and decision.far_end is None and decision.asked is None:
            located = self._locate(sent.receiver_ip, sent.start)
        return msgspec.structs.replace(decision, transmission=self._seen(place, sent), place=located)

    def _seen(self, place: int, sent: Transmission) -> Transmission:
        """The transmission as it was judged."""
        return unattempted(sent) if sent.attempted and not self.columns.attempted[place] else sent

    def pick(self, places: Numbers) -> list[Decision]:
        """The decisions at the places."""
        alone = self._alone[self.cohort[places]]
        derived = iter(self._derive(places[~alone]))
        own = (self.alike[cohort] for cohort in self.cohort[places[alone]])
        return [next(own) if one else next(derived) for one in alone]

    def __len__(self) -> int:
        return len(self.cohort)

    @overload
    def __getitem__(self, place: int) -> Decision: ...
    @overload
    def __getitem__(self, place: slice) -> list[Decision]: ...
    def __getitem__(self, place: int | slice) -> Decision | list[Decision]:
        if isinstance(place, slice):
            return self.pick(np.arange(len(self))[place])
        (found,) = self.pick(np.arange(len(self))[[place]])
        return found

    def __iter__(self) -> Iterator[Decision]:
        for begin in range(0, len(self), _PORTION):
            yield from self.pick(np.arange(begin, min(begin + _PORTION, len(self))))

    def each_like(self) -> Iterator[Decision]:
        """Every decision, as `like` tells it."""
        for begin in range(0, len(self), _PORTION):
            yield from self.like(np.arange(begin, min(begin + _PORTION, len(self))))

    def tallies(self, of: Callable[[Decision], _T], wanted: Callable[[Decision], bool]) -> dict[_T, Tally]:
        """The tally of each thing that the wanted decisions are counted by; neither may differ within a cohort."""
        known: dict[_T, int] = {}
        group = np.array([known.setdefault(of(one), len(known)) if wanted(one) else -1 for one in self.alike], np.int32)
        places = self.where(wanted)
        if not len(places):
            return {}
        figures = _Figures(self.columns, places, group[self.cohort[places]], len(known))
        return {thing: figures.tally(place) for thing, place in known.items()}

    def held(self) -> list[Held]:
        """What is in scope, by cohort and receiver, as they come."""
        columns = self.columns
        judged = self.where(lambda one: one.verdict is not Verdict.OUT_OF_SCOPE)
        if not len(judged):
            return []
        cell = together([self.cohort[judged], columns.receivers(judged)], len(judged))
        first = judged[firsts(cell)]
        figures = _Figures(columns, judged, cell, len(first))
        senders = _senders(cell, columns.senders(judged), columns.addresses, len(first))
        earliest = self._earliest(judged, cell, first)
        begun = columns.start[columns.row[judged]]
        last = judged[_latest(begun, cell)]
        latest = list(zip(columns.start[columns.row[last]].tolist(), last.tolist(), strict=True))
        told = np.array([len(places) > 0 for places in earliest])
        exact = iter(self.pick(np.array([places[0] for places in earliest if len(places)], np.int64)))
        alike = iter(self.like(first[~told]))
        places = np.concatenate(earliest)
        shown = [self._seen(int(place), sent) for place, sent in zip(places, self.sent.pick(places), strict=True)]
        ends = np.cumsum([len(places) for places in earliest])
        return [
            Held(
                decision=next(exact) if told[at] else next(alike),
                tally=figures.tally(at),
                acked=figures.acked[at],
                first=figures.first[at],
                last=figures.last[at],
                senders=senders[at],
                earliest=tuple(shown[ends[at] - len(earliest[at]) : ends[at]]),
                latest=latest[at],
            )
            for at in range(len(first))
        ]

    def sent_at(self, places: Sequence[int]) -> list[Transmission]:
        """The transmissions at the places."""
        return self.sent.pick(places)

    def _earliest(self, judged: Numbers, cell: Numbers, first: Numbers) -> list[Numbers]:
        """By cell the places of its earliest, where its decision is worth telling; else none."""
        nothing = np.zeros(0, np.int64)
        told = np.array([worth_telling(self.alike[one]) for one in self.cohort[first]], np.bool_)
        found = [nothing] * len(first)
        among = np.flatnonzero(told[cell])
        start = self.columns.start[self.columns.row[judged[among]]]
        among = among[np.lexsort((among, start, cell[among]))]
        edges = np.flatnonzero(np.diff(cell[among], prepend=-1))
        for places in np.split(among, edges[1:]) if len(among) else ():
            found[cell[places[0]]] = judged[places[:EVIDENCE_MOST]]
        return found


def selected(
    decisions: Sequence[Decision],
    wanted: Callable[[Decision], bool],
    until: Instant | None = None,
    among: Among | None = None,
) -> Iterator[Decision]:
    """The decisions for which it holds and that begun before then, with the conditions of `like`.

    `wanted` must not ask for what differs within a cohort. `among` may leave out more of a great recording.
    """
    if isinstance(decisions, Decisions):
        columns, places = decisions.columns, decisions.where(wanted)
        if until is not None:
            places = places[columns.start[columns.row[places]] < until]
        places = places if among is None else among(columns, places)
        for begin in range(0, len(places), _PORTION):
            yield from decisions.like(places[begin : begin + _PORTION])
        return
    yield from (one for one in decisions if wanted(one) and (until is None or one.transmission.start < until))


def by_day(decisions: Sequence[Decision], wanted: Callable[[Decision], bool]) -> Iterator[tuple[Decision, Instant]]:
    """The wanted decisions, those alike of one day once, each with when the last of them ended: the earliest stands.

    `wanted` must not ask for what differs within a cohort; alike are those of one cohort and receiver of which
    something was acknowledged, or nothing.
    """
    if not isinstance(decisions, Decisions):
        yield from ((one, one.transmission.end) for one in decisions if wanted(one))
        return
    columns, places = decisions.columns, decisions.where(wanted)
    row = columns.row[places]
    silent = (columns.acked[places] == 0).astype(np.int32)
    day = numbers(pa.array(columns.start[row] // DAY))
    alike = together([decisions.cohort[places], columns.receivers(places), day, silent], len(places))
    first = _earliest(columns.start[row], alike)
    last = _edge(np.maximum, columns.end[row], alike, len(first))
    yield from ((one, end or 0) for one, end in zip(decisions.like(places[first]), last, strict=True))


def _earliest(start: Numbers, group: Numbers) -> Numbers:
    """The place of the earliest of each group, the first of several: groups are numbered as `together` does."""
    least = np.full(int(group.max(initial=-1)) + 1, LATEST, np.int64)
    np.minimum.at(least, group, start)
    candidates = np.flatnonzero(start == least[group])
    found = np.empty(len(least), np.int64)
    found[group[candidates[::-1]]] = candidates[::-1]  # of several written to one place the last stays
    return found


def _latest(start: Numbers, group: Numbers) -> Numbers:
    """The place of the latest of each group, the last of several."""
    return len(start) - 1 - _earliest(~start[::-1], group[::-1])


def _as_judged(columns: TransmissionColumns, cohort: Numbers, alike: Sequence[Decision]) -> TransmissionColumns:
    """The columns with the attempts that judging took for such."""
    attempted = columns.attempted & np.array([one.transmission.attempted for one in alike], np.bool_)[cohort]
    return msgspec.structs.replace(
        columns, attempted=attempted, most=np.where(columns.attempted & ~attempted, -1, columns.most)
    )


class _Figures:
    """Sums and edges by group of some transmissions."""

    def __init__(self, columns: TransmissionColumns, places: Numbers, group: Numbers, count: int) -> None:
        least, most, acked = columns.least[places], columns.most[places], columns.acked[places]
        self._count = np.bincount(group, minlength=count).tolist()
        self._attempts = np.bincount(group[columns.attempted[places]], minlength=count).tolist()
        self._least = sums(least, group, count)
        self._most = sums(np.maximum(most, 0), group, count)
        self._unbounded = (np.bincount(group[most < 0], minlength=count) > 0).tolist()
        self._unknown = np.bincount(group[least != most], minlength=count).tolist()
        counted = acked >= 0
        told = (np.bincount(group[counted], minlength=count) > 0).tolist()
        added = sums(acked[counted], group[counted], count)
        self.acked = [value if one else None for value, one in zip(added, told, strict=True)]
        self.first, self.last = _span(columns, columns.row[places], group, count)

    def tally(self, at: int) -> Tally:
        """Of one group."""
        most = None if self._unbounded[at] else self._most[at]
        return Tally(self._count[at], self._attempts[at], self._least[at], most, self._unknown[at])


def spans_of(
    columns: TransmissionColumns, group: Numbers
) -> tuple[list[int], list[Instant | None], list[Instant | None]]:
    """How many transmissions are in each group, and when the first began and the last ended."""
    count = int(group.max(initial=-1)) + 1
    return np.bincount(group, minlength=count).tolist(), *_span(columns, columns.row, group, count)


def _span(
    columns: TransmissionColumns, row: Numbers, group: Numbers, count: int
) -> tuple[list[Instant | None], list[Instant | None]]:
    """When the first of each group began and the last ended, of those that a source tells a time of."""
    if not columns.timed.all():
        timed = columns.timed[row]
        row, group = row[timed], group[timed]
    return _edge(np.minimum, columns.start[row], group, count), _edge(np.maximum, columns.end[row], group, count)


def _edge(of: np.ufunc, times: Numbers, group: Numbers, count: int) -> list[Instant | None]:
    """The earliest or latest time of each group; None of one without."""
    found = np.full(count, LATEST if of is np.minimum else EARLIEST, np.int64)
    of.at(found, group, times)
    known = np.bincount(group, minlength=count) > 0
    return [value if one else None for value, one in zip(found.tolist(), known.tolist(), strict=True)]


def _senders(cell: Numbers, sender: Numbers, addresses: Sequence[str], count: int) -> list[frozenset[str]]:
    """The distinct senders of each cell."""
    pair = firsts(together([cell, sender], len(cell)))
    found: list[set[str]] = [set() for _ in range(count)]
    for at, one in zip(cell[pair].tolist(), sender[pair].tolist(), strict=True):
        found[at].add(addresses[one])
    return list(map(frozenset, found))
