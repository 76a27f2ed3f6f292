"""What each channel carried: the approved transmissions, under every channel that approves them."""

import functools
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet

import msgspec
import numpy as np

from flowwatch.alike import Numbers, by_value
from flowwatch.judge.decisions import Among, selected
from flowwatch.judge.night.recorded import Recorded
from flowwatch.judge.night.runs import Recording, Runs
from flowwatch.judge.rulebook import Rulebook
from flowwatch.model import Check, Coverage, Decision, Instant, Reason, Verdict
from flowwatch.policy.match import Networks
from flowwatch.policy.terms import Channel
from flowwatch.policy.windows import opened

_PORTION = 1 << 12


class Failing(msgspec.Struct, frozen=True, gc=False):
    """A condition that does not hold for the decision at that place, or could not be seen."""

    place: int
    check: Check
    shown_by: int | None = None
    """The place of another one that shows it; its transmission is evidence beside the decision's own."""


class Night:
    """The decisions of a recording, by the channels of each policy version."""

    def __init__(self, decisions: Sequence[Decision], books: Sequence[Rulebook], coverage: Sequence[Coverage]) -> None:
        self.books = {book.policy.policy.version: book for book in books}
        self._decisions = decisions
        self.recorded = Recorded(coverage)
        self._recording = Recording(decisions)
        self._on: dict[tuple[str, str], list[Numbers]] = {}
        """By version and channel the places of what it approves, in parts; of `_carried` and `_nearly` by channel."""
        self._carried: dict[str, list[Numbers]] = {}
        self._nearly: dict[str, list[Numbers]] = {}
        asked = {name for _, channel in self.channels() for name in _asked_for(channel)}
        if asked:
            places, group, alike = self._recording.grouped(lambda one: _is_told(one, asked))
            for number, its in by_value(group):
                self._take(places[its], alike[number], asked)

    def _take(self, places: Numbers, one: Decision, asked: AbstractSet[str]) -> None:
        rule = one.rule
        assert rule is not None  # noqa: S101  # it is told by one
        approving = channels_of(one)
        for channel in (channel for channel in approving if channel in asked):
            self._on.setdefault((rule.policy_version, channel), []).append(places)
            self._carried.setdefault(channel, []).append(places)
        if not approving and one.verdict is not Verdict.APPROVED:
            self._nearly.setdefault(rule.id, []).append(places)

    def heard(self, places: Sequence[int]) -> Iterator[Decision]:
        """The decisions at the places, with the conditions of `Decisions.like`."""
        for begin in range(0, len(places), _PORTION):
            yield from self._recording.like(places[begin : begin + _PORTION])

    @functools.cached_property
    def unlisted(self) -> tuple[Decision, ...]:
        """What went to places that are not approved for its sender."""
        return tuple(self.where(unlisted))

    def where(
        self, wanted: Callable[[Decision], bool], until: Instant | None = None, among: Among | None = None
    ) -> list[Decision]:
        """As `selected`."""
        return list(selected(self._decisions, wanted, until, among))

    def channels(self) -> Iterator[tuple[Rulebook, Channel]]:
        """Every channel of every version, in order."""
        for book in self.books.values():
            yield from ((book, channel) for channel in book.channels)

    def on(self, book: Rulebook, channel: Channel) -> Runs:
        """What the channel approves by that version, in order of the decisions."""
        return self._runs(self._on.get((book.policy.policy.version, channel.id)))

    def carried(self, channel: Channel) -> Runs:
        """What the channel of that id approves, by whichever version."""
        return self._runs(self._carried.get(channel.id))

    def nearly(self, channel: Channel) -> Runs:
        """What is judged by it and differs from it, or could not be told: it may be the channel's."""
        return self._runs(self._nearly.get(channel.id))

    def _runs(self, parts: Sequence[Numbers] | None) -> Runs:
        return self._recording.runs(np.sort(np.concatenate(parts)) if parts else np.zeros(0, np.int64))

    def since(self, book: Rulebook, channel: Channel, at: Instant) -> Instant | None:
        """Since when it may have carried what counts at that time: its windows opened last, else it became valid.

        None where nothing bounds it.
        """
        valid = self.valid_since(channel)
        since = opened(channel.when, at, book.policy.policy.timezone)
        return valid if since is None else since if valid is None else max(since, valid)

    def valid_since(self, channel: Channel) -> Instant | None:
        """Since when a version has the channel of that id; None where nothing bounds it."""
        begins = [one.policy.policy.valid_from for one in self.books.values() if _has(one, channel)]
        return None if None in begins else min((one for one in begins if one is not None), default=None)


class Sides:
    """Which transmissions were recorded outside an address translation, by their sender.

    The same upload recorded inside as well is another transmission, so what both sides count is not added.
    """

    def __init__(self, book: Rulebook) -> None:
        self._translated = Networks((cidr, zone.id) for zone in book.policy.zones for cidr in zone.nat)

    def outside(self, sender: str) -> bool:
        """The sender's address is a translated one."""
        return self._translated.lookup(sender) is not None


def _is_told(one: Decision, asked: AbstractSet[str]) -> bool:
    """It is by a channel that was asked for."""
    if one.rule is None or one.rule.kind != "channel":
        return False
    return not asked.isdisjoint((one.rule.id, *one.other_channels))


def unlisted(one: Decision) -> bool:
    """It went to a place that is not approved for its sender, rather than to an approved one in another way."""
    return one.verdict is Verdict.UNAPPROVED or (one.verdict is Verdict.PROHIBITED and one.server is None)


def _asked_for(channel: Channel) -> Iterator[str]:
    """Ids of the channels of which it must be known what they carried, to judge this one and to tell of its stage."""
    if channel.of_the_whole or channel.stage is not None:
        yield from (channel.id, *channel.after, *channel.only_when_down)


def _has(book: Rulebook, channel: Channel) -> bool:
    return any(one.id == channel.id for one in book.channels)


def channels_of(decision: Decision) -> tuple[str, ...]:
    """Ids of the channels that approve it for itself; none of an answer or of what anything else permits."""
    rule = decision.rule
    if rule is None or rule.kind != "channel" or decision.reasons[:1] != (Reason.APPROVED,):
        return ()
    return (rule.id, *decision.other_channels)
