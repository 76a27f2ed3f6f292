"""Whether a recording would have held what is missing from it.

Promises: only sources that hold flows, were read in full and see the zone count; sensors that see other zones show
nothing of it. The five minutes before the first record of a source and after its last are no gap.
"""

from collections.abc import Iterable, Iterator, Sequence

from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.sensors import Vantage
from flowwatch.model import Coverage, Instant
from flowwatch.policy.match import Cidr
from flowwatch.policy.terms import Channel

QUIET = 300 * 10**9


class Recorded:
    """The times of the sources that hold flows and were read in full."""

    def __init__(self, coverage: Iterable[Coverage]) -> None:
        self._spans = [
            (one.source, one.first, one.last)
            for one in coverage
            if (one.flows or one.link_types) and not one.incomplete and one.first is not None and one.last is not None
        ]

    def throughout(self, book: Rulebook, channel: Channel, since: Instant, until: Instant) -> bool:
        """Whatever the senders of the channel sent from `since` to `until` was recorded."""
        senders = [_zone(written, book) for written in channel.from_]
        return all(self._covers(book, sender, since, until) for sender in senders)

    def _covers(self, book: Rulebook, sender: Sequence[str] | Cidr, since: Instant, until: Instant) -> bool:
        reached, held = since, False
        for first, last in sorted(self._seeing(book, sender)):
            if first - QUIET <= reached <= last + QUIET:
                reached, held = last + QUIET, True
        return held and reached >= until

    def _seeing(self, book: Rulebook, sender: Sequence[str] | Cidr) -> Iterator[tuple[Instant, Instant]]:
        for source, first, last in self._spans:
            vantage = book.vantages.of(source)
            if vantage.sees(_zones(sender, vantage, book)):
                yield first, last


def _zone(written: str, book: Rulebook) -> Sequence[str] | Cidr:
    return book.chain(written) if written in book.chains else Cidr.parse(written)


def _zones(sender: Sequence[str] | Cidr, vantage: Vantage, book: Rulebook) -> Sequence[str]:
    return book.chain(vantage.zone(sender.address)) if isinstance(sender, Cidr) else sender
