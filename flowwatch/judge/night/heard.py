"""What each channel carried: the approved transmissions, under every channel that approves them."""

from collections.abc import Iterator, Sequence

import msgspec

from flowwatch.judge.night.recorded import Recorded
from flowwatch.judge.rulebook import Rulebook
from flowwatch.model import Check, Coverage, Decision, Reason, Transmission, Verdict
from flowwatch.policy.terms import Channel


class Heard(msgspec.Struct, frozen=True, gc=False):
    """One approved transmission and its place among the decisions."""

    place: int
    decision: Decision


class Failing(msgspec.Struct, frozen=True, gc=False):
    """A condition that does not hold for the decision at that place, or could not be seen."""

    place: int
    check: Check
    shown_by: Transmission | None = None
    """Another transmission that shows it; evidence beside the decision's own."""


class Night:
    """The decisions of a recording, by the channels of each policy version."""

    def __init__(self, decisions: Sequence[Decision], books: Sequence[Rulebook], coverage: Sequence[Coverage]) -> None:
        self.books = {book.policy.policy.version: book for book in books}
        self.decisions = decisions
        self.recorded = Recorded(coverage)
        self._heard: dict[tuple[str, str], list[Heard]] = {}
        self._nearly: dict[tuple[str, str], list[Heard]] = {}
        for place, one in enumerate(decisions):
            if one.rule is None or one.rule.kind != "channel":
                continue
            approving = channels_of(one)
            for channel in approving:
                self._heard.setdefault((one.rule.policy_version, channel), []).append(Heard(place, one))
            if not approving and one.verdict is not Verdict.APPROVED:
                self._nearly.setdefault((one.rule.policy_version, one.rule.id), []).append(Heard(place, one))

    def channels(self) -> Iterator[tuple[Rulebook, Channel]]:
        """Every channel of every version, in order."""
        for book in self.books.values():
            yield from ((book, channel) for channel in book.channels)

    def on(self, book: Rulebook, channel: str) -> Sequence[Heard]:
        """What the channel approves by that version, in order of the decisions."""
        return self._heard.get((book.policy.policy.version, channel), ())

    def nearly_on(self, book: Rulebook, channel: str) -> Sequence[Heard]:
        """What is judged by the channel and differs from it, or could not be told: it may be the channel's."""
        return self._nearly.get((book.policy.policy.version, channel), ())


def channels_of(decision: Decision) -> tuple[str, ...]:
    """Ids of the channels that approve it for itself; none of an answer or of what anything else permits."""
    rule = decision.rule
    if rule is None or rule.kind != "channel" or decision.reasons[:1] != (Reason.APPROVED,):
        return ()
    return (rule.id, *decision.other_channels)
