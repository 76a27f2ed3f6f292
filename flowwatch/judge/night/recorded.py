"""Whether a recording would have held what is missing from it.

Promises: only sources that hold flows, were read in full and see the sender count: sensors that see other zones show
nothing of it, and behind an address translation no single address can be told. The five minutes before the first record
of a source and after its last are no gap.
"""

from collections.abc import Iterable

from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.sensors import Vantage
from flowwatch.model import Coverage, Instant
from flowwatch.policy.match import Cidr
from flowwatch.policy.terms import Channel

QUIET = 300 * 10**9
Sender = str | Cidr
"""The id of a zone, or a network."""
_Span = tuple[Instant, Instant, Coverage]


class Recorded:
    """The times of the sources, and of those that hold flows and were read in full."""

    def __init__(self, coverage: Iterable[Coverage]) -> None:
        self._all = [(one.first, one.last, one) for one in coverage if one.first is not None and one.last is not None]
        self._whole = [span for span in self._all if _holds_flows(span[2]) and not span[2].incomplete]

    @property
    def first(self) -> Instant | None:
        """Time of the earliest record."""
        return min((first for first, _, _ in self._all), default=None)

    @property
    def last(self) -> Instant | None:
        """Time of the latest record."""
        return max((last for _, last, _ in self._all), default=None)

    def touches(self, since: Instant | None, until: Instant) -> bool:
        """Something was recorded from `since` to `until`."""
        return any(first <= until and (since is None or since <= last) for first, last, _ in self._all)

    def throughout(self, book: Rulebook, channel: Channel, since: Instant, until: Instant) -> tuple[Coverage, ...]:
        """The sources that recorded whatever the senders of the channel sent from `since` to `until`.

        None where something of one sender is missing.
        """
        senders = [one if one in book.chains else Cidr.parse(one) for one in channel.from_]
        held = [self.of_sender(book, sender, since, until) for sender in senders]
        return tuple({one.source: one for sources in held for one in sources}.values()) if all(held) else ()

    def of_sender(self, book: Rulebook, sender: Sender, since: Instant, until: Instant) -> tuple[Coverage, ...]:
        """The sources that recorded all the sender sent from `since` to `until`; none where something is missing."""
        reached, held = since, []
        for first, last, source in self._seeing(book, sender):
            if first - QUIET <= reached <= last + QUIET:
                reached = last + QUIET
                held.append(source)
        return tuple(held) if reached >= until else ()

    def gap(self, book: Rulebook, sender: Sender, since: Instant, until: Instant) -> tuple[Instant, Instant] | None:
        """The first time from `since` to `until` of which something the sender sent is missing; None where none is."""
        reached = begins = since
        for first, last, _ in self._seeing(book, sender):
            if first - QUIET > reached:
                return (begins, min(first, until)) if reached < until else None
            if reached <= last + QUIET:
                reached, begins = last + QUIET, last
        return (begins, until) if reached < until else None

    @property
    def of_flows(self) -> tuple[Instant, Instant] | None:
        """From when to when sources recorded that hold flows, read in full or not; None without any."""
        spans = [(first, last) for first, last, source in self._all if _holds_flows(source)]
        return (min(first for first, _ in spans), max(last for _, last in spans)) if spans else None

    def _seeing(self, book: Rulebook, sender: Sender) -> list[_Span]:
        """The sources that see the sender, in order of time."""
        seeing = [span for span in self._whole if _sees(book.vantages.of(span[2].source), sender, book)]
        return sorted(seeing, key=lambda span: (span[0], span[1], span[2].source))


def _holds_flows(source: Coverage) -> bool:
    return bool(source.flows or source.link_types)


def _sees(vantage: Vantage, sender: Sender, book: Rulebook) -> bool:
    if isinstance(sender, str):
        return vantage.sees(book.chain(sender))
    zones = book.chain(vantage.zone(sender.address))
    inside = vantage.sensor is not None and vantage.sensor.side == "inside"
    translated = any(zone.nat for zone in book.policy.zones if zone.id in zones)
    return vantage.sees(zones) and (inside or not translated)
