"""Which policy versions judge a time, and what a sensor's clock error makes of the edges of their validity.

Promises: a version judges what ran at some instant of its validity by the recorded times; a clock error never brings in
another one. Where some of the time has no version, but every part of it lies within the clock error of one, it counts
as covered; what lies wholly outside is then judged by the nearest. So a greater clock error never turns what conforms
into a violation.
"""

from collections.abc import Iterable, Iterator

import msgspec

from flowwatch.judge.rulebook import Rulebook
from flowwatch.model import Instant


class InForce(msgspec.Struct, frozen=True, gc=False):
    """The versions that judge a span of time, in order of validity."""

    books: tuple[Rulebook, ...]
    covered: bool
    """A version is in force at every instant, or but for the clock error would be."""
    by_clock: bool = False
    """Only the sensor's clock error makes it so."""


class Versions:
    """The rulebooks of a policy set in order of validity, which never overlaps."""

    def __init__(self, books: Iterable[Rulebook]) -> None:
        self.books = tuple(sorted(books, key=lambda book: _span(book)[0]))

    def in_force(self, start: Instant, end: Instant, source: str) -> InForce:
        """What judges the time from start to end (both included), recorded in that source."""
        books = self.within(start, end)
        if self.covered(start, end):
            return InForce(books, covered=True)
        widened = [(book, *_widened(book, source)) for book in self.books]
        if not _covers(((from_, until) for _, from_, until in widened), start, end):
            return InForce(books, covered=False)
        reached = [book for book, from_, until in widened if from_ <= end and start < until]
        return InForce(books or tuple(_nearest(reached, start, end)), covered=True, by_clock=True)

    def within(self, start: Instant, end: Instant) -> tuple[Rulebook, ...]:
        """The versions in force at some instant from start to end."""
        return tuple(book for book in self.books if _distance(book, start, end) <= 0)

    def covered(self, start: Instant, end: Instant) -> bool:
        """Some version is in force at every instant from start to end."""
        return _covers((_span(book) for book in self.books), start, end)

    def last_begun(self, at: Instant) -> Rulebook:
        """The last version begun by then, else the first."""
        begun = [book for book in self.books if _span(book)[0] <= at]
        return begun[-1] if begun else self.books[0]

    def always(self) -> Rulebook | None:
        """The only version, if it is valid at all times."""
        only = self.books[0] if len(self.books) == 1 else None
        return only if only is not None and _span(only) == (_EARLIEST, _LATEST) else None


_EARLIEST, _LATEST = -(2**63), 2**63


def _span(book: Rulebook) -> tuple[Instant, Instant]:
    """The validity, half-open."""
    header = book.policy.policy
    from_ = _EARLIEST if header.valid_from is None else header.valid_from
    return from_, _LATEST if header.valid_until is None else header.valid_until


def _widened(book: Rulebook, source: str) -> tuple[Instant, Instant]:
    """The validity as a clock that may be off tells it."""
    error = book.vantages.of(source).clock_error
    from_, until = _span(book)
    return from_ - error, until + error


def _covers(spans: Iterable[tuple[Instant, Instant]], start: Instant, end: Instant) -> bool:
    reached = start
    for from_, until in sorted(spans):
        if from_ <= reached < until:
            reached = until
    return reached > end


def _nearest(books: Iterable[Rulebook], start: Instant, end: Instant) -> Iterator[Rulebook]:
    """The version the time is nearest to; two, where it is as near to both."""
    distances = [(_distance(book, start, end), book) for book in books]
    least = min(distance for distance, _ in distances)
    yield from (book for distance, book in distances if distance == least)


def _distance(book: Rulebook, start: Instant, end: Instant) -> int:
    """How far the time lies outside the validity; not above 0 where some of it lies inside."""
    from_, until = _span(book)
    return max(from_ - end, start - until + 1)
