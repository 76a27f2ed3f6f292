"""Questions and answers of one stream put together, in whatever order their frames come.

Both belong together by what they share: the server's identity, sort, protocol, address and port of who asked, message
id, name and type; an error without a question belongs to the only one that waits for such an answer. Of several
questions that are alike the first is answered first. Times set bounds: an answer comes within `PATIENCE` of its
question, and one whose frame stands before its question's is not older than that.

Refuses more waiting messages than `MOST_QUESTIONS` and `MOST_EARLY`: the oldest gives way, is told alone, and counted
where its partner might still have come: not in a stream that has no partners of its sort.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Hashable

import msgspec

PATIENCE = 60 * 10**9
"""Nanoseconds between a question and its answer, at most."""
MOST_QUESTIONS = 1 << 16
"""Questions that wait for their answer."""
MOST_EARLY = 1 << 10
"""Answers that wait for their question."""

Asked = tuple[str | None, str | None]
"""Name and type; of an answer that repeats no question both None."""


class One(msgspec.Struct, frozen=True, gc=False):
    """A question or an answer."""

    serial: int
    party: Hashable
    """What it shares with its partner beside the question itself."""
    sort: int
    """Between whom it passed."""
    asked: Asked
    time: int | None


class Pairs:
    """Takes questions and answers in the order of the stream; `done` are pairs and single ones, by serial."""

    def __init__(self) -> None:
        self._questions = _Waiting(MOST_QUESTIONS)
        self._early = _Waiting(MOST_EARLY)
        self.done: list[tuple[int, int]] = []
        """The question and its answer, or one of them twice."""
        self._given_up: Counter[int] = Counter()
        self._asked: set[int] = set()
        self._answered: set[int] = set()

    @property
    def given_up(self) -> int:
        """Questions and answers told alone though their partner might still have come."""
        return sum(self._given_up[sort] for sort in self._asked & self._answered)

    @property
    def waiting(self) -> list[int]:
        """The serials of what waits."""
        return [*self._questions.order, *self._early.order]

    def question(self, one: One) -> None:
        """Takes a question."""
        self._asked.add(one.sort)
        while (answer := self._early.first(one)) is not None:
            latency = _latency(one, answer)
            if latency is None or latency > PATIENCE:
                break
            self._early.pop(answer)
            if latency >= 0:
                self.done.append((one.serial, answer.serial))
                return
            self._alone(answer)
        self._wait(self._questions, one)

    def answer(self, one: One) -> bool:
        """Takes an answer; False for one that repeats no question and belongs to none."""
        self._answered.add(one.sort)
        nameless = one.asked[0] is None
        if nameless:
            only = self._questions.only(one.party)
            if only is None:
                return False
            one = msgspec.structs.replace(one, asked=only)
        while (question := self._questions.first(one)) is not None:
            latency = _latency(question, one)
            if latency is not None and latency < -PATIENCE:
                break
            self._questions.pop(question)
            if latency is None or latency <= PATIENCE:
                self.done.append((question.serial, one.serial))
                return True
            self._alone(question)
        if not nameless:
            self._wait(self._early, one)
        return not nameless

    def end(self) -> None:
        """Tells all that waits."""
        self.done += [(serial, serial) for serial in self.waiting]
        self._questions, self._early = _Waiting(MOST_QUESTIONS), _Waiting(MOST_EARLY)

    def _wait(self, waiting: "_Waiting", one: One) -> None:
        oldest = waiting.add(one)
        if oldest is not None:
            late = oldest.time is not None and one.time is not None and one.time - oldest.time >= PATIENCE
            self._given_up[oldest.sort] += not late
            self._alone(oldest)

    def _alone(self, one: One) -> None:
        self.done.append((one.serial, one.serial))


def _latency(question: One, answer: One) -> int | None:
    return None if question.time is None or answer.time is None else answer.time - question.time


class _Waiting:
    """Messages that wait for their partner, by party and question, and by age."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._parties: dict[Hashable, dict[Asked, deque[One]]] = {}
        self.order: OrderedDict[int, One] = OrderedDict()

    def add(self, one: One) -> One | None:
        """Lets one wait; gives the oldest where that is one too many."""
        self._parties.setdefault(one.party, {}).setdefault(one.asked, deque()).append(one)
        self.order[one.serial] = one
        return self.pop(next(iter(self.order.values()))) if len(self.order) > self._most else None

    def first(self, one: One) -> One | None:
        """The first that waits for such a partner."""
        found = self._parties.get(one.party, {}).get(one.asked)
        return found[0] if found else None

    def only(self, party: Hashable) -> Asked | None:
        """What the party asked, where it waits for one answer alone."""
        asked = self._parties.get(party, {})
        return next(iter(asked)) if len(asked) == 1 else None

    def pop(self, one: One) -> One:
        """Lets the first of its party and question go."""
        asked = self._parties[one.party]
        alike = asked[one.asked]
        alike.popleft()
        if not alike:
            del asked[one.asked]
        if not asked:
            del self._parties[one.party]
        del self.order[one.serial]
        return one
