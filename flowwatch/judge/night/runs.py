"""What ran, as columns: the few facts of transmissions that the conditions of a whole night add up.

Promises: the same columns of decisions that are columns and of decisions one by one.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Self

import msgspec
import numpy as np

from flowwatch.alike import Flags, Numbers, among
from flowwatch.judge.decisions import Decisions
from flowwatch.model import MOST_COUNTED, Amount, Decision

_UNANSWERED = frozenset({"S0", "SH", "RSTOS0"})
"""Words of a connection whose opening nothing answered."""


class Runs(msgspec.Struct, frozen=True, kw_only=True):
    """Transmissions in the order of the decisions, one an element of every column."""

    place: Numbers
    """Among the decisions."""
    flow: Numbers
    start: Numbers
    end: Numbers
    timed: Flags
    begun_before: Flags
    attempted: Flags
    unanswered: Flags
    """An attempt that nothing answered, not even with a refusal."""
    least: Numbers
    most: Numbers
    """-1: no upper bound known."""
    acked: Numbers
    """-1: not recorded."""
    sender: Numbers
    """Its number among the addresses."""
    addresses: Sequence[str]

    def __len__(self) -> int:
        return len(self.place)

    def those(self, chosen: Flags | Numbers) -> Self:
        """The same of some of them."""
        parts = {name: getattr(self, name)[chosen] for name in self.__struct_fields__ if name != "addresses"}
        return msgspec.structs.replace(self, **parts)

    @property
    def carrying(self) -> Self:
        """Those that are no attempts."""
        return self.those(~self.attempted)

    def told(self, of: Callable[[str], bool]) -> Flags:
        """What is told of the sender of each, asked once a sender."""
        found = np.zeros(len(self.addresses), np.bool_)
        senders = np.unique(self.sender)
        found[senders] = [of(self.addresses[one]) for one in senders]
        return found[self.sender]

    def amount(self, at: int) -> Amount:
        """How much one of them sent."""
        return Amount(int(self.least[at]), None if self.most[at] < 0 else int(self.most[at]))


class Recording:
    """The decisions of a recording, to be asked for what ran."""

    def __init__(self, decisions: Sequence[Decision]) -> None:
        self._decisions = decisions

    def grouped(self, wanted: Callable[[Decision], bool]) -> tuple[Numbers, Numbers, list[Decision]]:
        """The places of the wanted decisions, to which group each belongs, and a decision of each group.

        `wanted` and whatever is asked of a group must not differ within a cohort.
        """
        if isinstance(self._decisions, Decisions):
            places = self._decisions.where(wanted)
            groups, group = np.unique(self._decisions.cohort[places], return_inverse=True)
            return places, group, [self._decisions.alike[one] for one in groups]
        found = [(place, one) for place, one in enumerate(self._decisions) if wanted(one)]
        places = np.array([place for place, _ in found], np.int64)
        return places, np.arange(len(found)), [one for _, one in found]

    def like(self, places: Sequence[int]) -> list[Decision]:
        """The decisions at the places, with the conditions of `Decisions.like`."""
        if isinstance(self._decisions, Decisions):
            return self._decisions.like(np.array(places, np.int64))
        return [self._decisions[place] for place in places]

    def runs(self, places: Numbers) -> Runs:
        """What ran there."""
        if not isinstance(self._decisions, Decisions):
            return _one_by_one([self._decisions[place] for place in places], places)
        columns = self._decisions.columns
        row, attempted = columns.row[places], columns.attempted[places]
        return Runs(
            place=places,
            flow=row,
            start=columns.start[row],
            end=columns.end[row],
            timed=columns.timed[row],
            begun_before=columns.begun_before[row],
            attempted=attempted,
            unanswered=attempted & self._without_answer[row],
            least=columns.least[places],
            most=columns.most[places],
            acked=columns.acked[places],
            sender=columns.senders(places),
            addresses=columns.addresses,
        )

    @functools.cached_property
    def _without_answer(self) -> Flags:
        """By flow."""
        assert isinstance(self._decisions, Decisions)  # noqa: S101  # asked before
        return among(self._decisions.columns.flows["state"], _UNANSWERED)


def _one_by_one(decisions: Sequence[Decision], places: Numbers) -> Runs:
    sent = [one.transmission for one in decisions]
    known: dict[str, int] = {}
    sender = [known.setdefault(one.sender_ip, len(known)) for one in sent]
    most = [-1 if one.sent.most is None else min(one.sent.most, MOST_COUNTED) for one in sent]
    acked = [-1 if one.acked is None else min(one.acked, MOST_COUNTED) for one in sent]
    return Runs(
        place=places,
        flow=_numbers([one.flow for one in sent]),
        start=_numbers([one.start for one in sent]),
        end=_numbers([one.end for one in sent]),
        timed=_flags([one.timed for one in sent]),
        begun_before=_flags([one.begun_before for one in sent]),
        attempted=_flags([one.attempted for one in sent]),
        unanswered=_flags([one.attempted and one.state in _UNANSWERED for one in sent]),
        least=_numbers([min(one.sent.least, MOST_COUNTED) for one in sent]),
        most=_numbers(most),
        acked=_numbers(acked),
        sender=_numbers(sender),
        addresses=list(known),
    )


def _numbers(values: list[int]) -> Numbers:
    return np.array(values, np.int64)


def _flags(values: list[bool]) -> Flags:
    return np.array(values, np.bool_)
