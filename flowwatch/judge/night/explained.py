"""What channels say of the whole, held against single transmissions: the way to a finding that no single one shows.

Promises: agrees with `judge_the_night`: a transmission has a part in the findings told here and in no others.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from flowwatch.judge.bench import Bench
from flowwatch.judge.considered import Considered
from flowwatch.judge.night import order, presence, standby, volume
from flowwatch.judge.night.conditions import anew, failures
from flowwatch.judge.night.heard import Failing, Night, channels_of
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.truth import TRUE, UNSEEN
from flowwatch.model import Check, Coverage, Decision
from flowwatch.policy.terms import Channel

_Declared = Callable[[Rulebook, Channel], Iterator[tuple[str, str]]]
DECLARED: Final[tuple[_Declared, ...]] = (volume.declared, order.declared, standby.declared)
"""Each gives what a channel says, in the order of `CONDITIONS`."""


class OfTheWhole(msgspec.Struct, frozen=True):
    """What the channels that approve a transmission say of the whole."""

    channels: tuple[Considered, ...]
    """Those that say something, with each condition."""
    decisions: tuple[Decision, ...] = ()
    """The decision as the night has it, one for each reason; none where all conditions of one channel hold."""


def unasked(decision: Decision, bench: Bench) -> OfTheWhole:
    """Of a transmission that stands alone: every condition unseen."""
    return OfTheWhole(tuple(_considered(decision, bench.books, _not_asked)))


def of_one(
    decisions: Sequence[Decision], bench: Bench, coverage: Sequence[Coverage], places: Iterable[int]
) -> dict[int, OfTheWhole]:
    """By place among the decisions of a recording, for these places."""
    night = Night(decisions, bench.books, coverage)
    failed, silences = failures(night), tuple(presence.silences(night))

    def told(place: int) -> OfTheWhole:
        its = failed.get(place, {})

        def checks(book: Rulebook, channel: Channel) -> Iterator[Check]:
            yield from _checks(book, channel, its)
            yield from presence.explained(night, silences, book, channel)

        considered = _considered(decisions[place], bench.books, checks)
        return OfTheWhole(tuple(considered), tuple(one for one, _ in anew(night, decisions[place], its)))

    return {place: told(place) for place in places}


def _considered(
    decision: Decision, books: Iterable[Rulebook], checks: Callable[[Rulebook, Channel], Iterable[Check]]
) -> Iterator[Considered]:
    """The approving channels that say something of the whole, with their conditions."""
    approving = channels_of(decision)
    for book in books:
        for channel in book.channels:
            deciding = decision.rule is not None and decision.rule.policy_version == book.policy.policy.version
            if deciding and channel.id in approving and channel.of_the_whole:
                yield Considered.of(book.rule("channel", channel.id), tuple(checks(book, channel)))


def _not_asked(book: Rulebook, channel: Channel) -> Iterator[Check]:
    for declared in (*DECLARED, presence.declared):
        for what, value in declared(book, channel):
            yield Check(what, UNSEEN, value, "only a whole recording tells it")


def _checks(book: Rulebook, channel: Channel, failed: Mapping[str, Sequence[Failing]]) -> Iterator[Check]:
    """Every condition: as it fails, else that it holds."""
    failing = {one.check.what: one.check for one in failed.get(channel.id, ())}
    for declared in DECLARED:
        for what, value in declared(book, channel):
            yield failing.get(what) or Check(what, TRUE, value, "nothing against it")
