"""Where everything is judged: the policy versions in order, the one in force chosen, the worse verdict kept.

Promises: a transmission is judged by every version in force from its first to its last payload; the worst verdict
stands, and a time without one counts as indeterminate. Zones of the nearest version say what is in scope then.
"""

from flowwatch.judge.answer import unrecorded_opening
from flowwatch.judge.derivation import Derivation
from flowwatch.judge.lookup import judge_lookup, lookup_without_policy
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.transmission import Locate, derive_in, without_policy
from flowwatch.model import Instant, Lookup, LookupDecision, OpenedBy, Reason, Transmission
from flowwatch.policy.terms import PolicySet


class Bench:
    """The rulebooks of a policy set and the place of each address."""

    def __init__(self, policies: PolicySet | None, locate: Locate) -> None:
        versions = sorted(policies.versions if policies else (), key=lambda one: _from(one.policy.valid_from))
        self.books = tuple(Rulebook.of(version) for version in versions)
        self._stand_in = Rulebook.without_policy()
        self._locate = locate

    def derive(
        self, transmission: Transmission, opening: Transmission | None = None, given: tuple[str, ...] | None = None
    ) -> Derivation:
        """The derivation that stands; `opening` is the other direction of its flow where that opened it."""
        versions = self.within(transmission.start, transmission.end)
        found = [self._by(book, transmission, opening, given) for book in versions]
        if not self._covered(transmission.start, transmission.end):
            found.append(self._unjudged(transmission))
        return max(found, key=lambda one: one.decision.verdict.rank)

    def lookup(self, lookup: Lookup) -> LookupDecision:
        """The decision on one lookup; one without a time is judged only by a policy that is always valid."""
        if not self.books:
            return lookup_without_policy(lookup, self._stand_in, Reason.NONE_GIVEN)
        book = self._judging(lookup.time)
        if book is not None:
            return judge_lookup(lookup, book)
        reason = Reason.UNSEEN if lookup.time is None else Reason.NONE_IN_FORCE
        return lookup_without_policy(lookup, self._nearest(_from(lookup.time)), reason)

    def _judging(self, at: Instant | None) -> Rulebook | None:
        """The version in force at that instant; for an unknown one, the only version if it is always valid."""
        if at is not None:
            return next((book for book in self.books if _holds(book, at, at)), None)
        only = self.books[0] if len(self.books) == 1 else None
        return only if only is not None and _span(only) == (_from(None), _until(None)) else None

    def within(self, start: Instant, end: Instant) -> tuple[Rulebook, ...]:
        """The versions in force at some instant from start to end, in order."""
        return tuple(book for book in self.books if _holds(book, start, end))

    def _by(
        self,
        book: Rulebook,
        transmission: Transmission,
        opening: Transmission | None,
        given: tuple[str, ...] | None,
    ) -> Derivation:
        answers = self._opening(book, transmission, opening)
        return derive_in(transmission, book, self._locate, answers, given)

    def _opening(self, book: Rulebook, answer: Transmission, opening: Transmission | None) -> Derivation | None:
        """The derivation of the direction that opened the flow, where `answer` is the answering one."""
        if answer.opened_by is not OpenedBy.RECEIVER or book.zone(answer.receiver_ip) is None:
            return None
        return derive_in(opening or unrecorded_opening(answer), book, self._locate)

    def _unjudged(self, transmission: Transmission) -> Derivation:
        """Judged by no version for some of its time."""
        if not self.books:
            return without_policy(transmission, self._stand_in, self._locate, Reason.NONE_GIVEN)
        ends_outside = (Reason.ENDS_OUTSIDE,) if self._covered(transmission.start, transmission.start) else ()
        nearest = self._nearest(transmission.start)
        return without_policy(transmission, nearest, self._locate, Reason.NONE_IN_FORCE, *ends_outside)

    def _nearest(self, at: Instant) -> Rulebook:
        """The last version begun by then, else the first."""
        begun = [book for book in self.books if _span(book)[0] <= at]
        return begun[-1] if begun else self.books[0]

    def _covered(self, start: Instant, end: Instant) -> bool:
        """Some version is in force at every instant from start to end."""
        reached = start
        for book in self.books:
            from_, until = _span(book)
            if from_ <= reached < until:
                reached = until
        return reached > end


def _from(at: Instant | None) -> Instant:
    return -(2**63) if at is None else at


def _until(at: Instant | None) -> Instant:
    return 2**63 if at is None else at


def _span(book: Rulebook) -> tuple[Instant, Instant]:
    header = book.policy.policy
    return _from(header.valid_from), _until(header.valid_until)


def _holds(book: Rulebook, start: Instant, end: Instant) -> bool:
    """The version is in force at some instant from start to end."""
    from_, until = _span(book)
    return from_ <= end and start < until
