"""Where everything is judged: the policy versions in order, the one in force chosen, the worse verdict kept.

Promises: a transmission is judged by every version in force from its first to its last payload; the worst verdict
stands, and a time without one counts as indeterminate. Zones of the nearest version say what is in scope then. What
lies outside a validity by no more than its sensor's clock error is judged by that version, with a note.
"""

import functools

import msgspec

from flowwatch.judge.answer import opening_of
from flowwatch.judge.derivation import Derivation
from flowwatch.judge.lookup import judge_lookup, lookup_without_policy
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.transmission import Locate, derive_in, without_policy
from flowwatch.judge.versions import Versions
from flowwatch.model import Instant, Lookup, LookupDecision, Reason, Transmission, Verdict
from flowwatch.policy.terms import PolicySet, Severities

_CLOCK = (Reason.CLOCK,)


class Bench:
    """The rulebooks of a policy set and the place of each address.

    `every`: derivations are to show the entries that can decide nothing, too.
    """

    def __init__(self, policies: PolicySet | None, locate: Locate, *, every: bool = False) -> None:
        self._versions = Versions(Rulebook.of(version) for version in (policies.versions if policies else ()))
        self._stand_in = Rulebook.without_policy()
        self.locate = locate
        self._every = every

    def derive(
        self, transmission: Transmission, opening: Transmission | None = None, given: tuple[str, ...] | None = None
    ) -> Derivation:
        """The derivation that stands; `opening` is the other direction of its flow where that opened it."""
        if self.books and not transmission.timed:
            return self._untimed(transmission, opening, given)
        judging = self._versions.in_force(transmission.start, transmission.end, transmission.ref.source)
        found = [self._by(book, transmission, opening, given) for book in judging.books]
        if not judging.covered:
            found.append(self._unjudged(transmission))
        worst = max(found, key=lambda one: one.decision.verdict.rank)
        return worst.noting(_CLOCK) if judging.by_clock else worst

    def _untimed(
        self, transmission: Transmission, opening: Transmission | None, given: tuple[str, ...] | None
    ) -> Derivation:
        """What the source tells no time of is judged only by a policy that is always valid."""
        always = self._versions.always()
        if always is None:
            return without_policy(transmission, self.books[0], self.locate, Reason.UNSEEN)
        return self._by(always, transmission, opening, given)

    def lookup(self, lookup: Lookup) -> LookupDecision:
        """The decision on one lookup; one without a time is judged only by a policy that is always valid."""
        if not self.books:
            return lookup_without_policy(lookup, self._stand_in, Reason.NONE_GIVEN)
        if lookup.time is None:
            always = self._versions.always()
            unseen = lookup_without_policy(lookup, self.books[0], Reason.UNSEEN)
            return unseen if always is None else judge_lookup(lookup, always)
        judging = self._versions.in_force(lookup.time, lookup.time, lookup.ref.source)
        if not judging.covered:
            return lookup_without_policy(lookup, self._versions.last_begun(lookup.time), Reason.NONE_IN_FORCE)
        worst = max((judge_lookup(lookup, book) for book in judging.books), key=lambda one: one.verdict.rank)
        noted = worst.verdict is not Verdict.OUT_OF_SCOPE and judging.by_clock
        return msgspec.structs.replace(worst, notes=worst.notes + _CLOCK) if noted else worst

    @property
    def books(self) -> tuple[Rulebook, ...]:
        """The versions in order of validity."""
        return self._versions.books

    @property
    def judging(self) -> tuple[Rulebook, ...]:
        """The versions, or what stands in where no policy is given."""
        return self.books or (self._stand_in,)

    @property
    def severities(self) -> dict[str, Severities]:
        """The tables of severities, by version."""
        return {book.policy.policy.version: book.policy.severity for book in self.books}

    def within(self, start: Instant, end: Instant) -> tuple[Rulebook, ...]:
        """The versions in force at some instant from start to end, in order."""
        return self._versions.within(start, end)

    def _by(
        self,
        book: Rulebook,
        transmission: Transmission,
        opening: Transmission | None,
        given: tuple[str, ...] | None,
    ) -> Derivation:
        opened = functools.partial(self._opening, book, transmission, opening)
        return derive_in(transmission, book, self.locate, opened, given, every=self._every)

    def _opening(self, book: Rulebook, answer: Transmission, opening: Transmission | None) -> Derivation | None:
        """The derivation of the direction that opened the flow, where `answer` is the answering one."""
        opened = opening or opening_of(answer)
        if opened is None or book.vantages.of(opened.ref.source).sender_zone(opened) is None:
            return None
        return derive_in(opened, book, self.locate, every=self._every)

    def _unjudged(self, transmission: Transmission) -> Derivation:
        """Judged by no version for some of its time."""
        if not self.books:
            return without_policy(transmission, self._stand_in, self.locate, Reason.NONE_GIVEN)
        begun = self._versions.covered(transmission.start, transmission.start)
        ends_outside = (Reason.ENDS_OUTSIDE,) if begun else ()
        nearest = self._versions.last_begun(transmission.start)
        return without_policy(transmission, nearest, self.locate, Reason.NONE_IN_FORCE, *ends_outside)
