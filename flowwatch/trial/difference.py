"""Two policies over the same recordings: what changes verdict, and why.

Promises: the recordings are read once and judged twice; `difference(P, P)` is empty and `difference(A, B)` mirrors
`difference(B, A)`; what becomes a violation comes first. A verdict alone is compared: another channel that approves the
same changes nothing. Refuses nothing: what one policy cannot place (requests whose proxy it does not name) has no side.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import msgspec

from flowwatch import audit, judge
from flowwatch.model import (
    Coverage,
    Decision,
    Group,
    Instant,
    LookupDecision,
    OpenedBy,
    PolicyInfo,
    ReadOptions,
    Reason,
    Ref,
    Rule,
    Tally,
    Verdict,
)
from flowwatch.places import Locator
from flowwatch.policy.markers import with_markers
from flowwatch.policy.terms import PolicySet
from flowwatch.sources import Collected

D = TypeVar("D", Decision, LookupDecision)

_NAMES_MOST = 5


class Side(msgspec.Struct, frozen=True):
    """What one policy says: the verdict, the entry it rests on and the reasons, the deciding one first."""

    verdict: Verdict
    rule: Rule | None
    reasons: tuple[Reason, ...]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Transmissions to one destination, or lookups of one name, on which both policies differ in the same way."""

    address: str | None
    """Of the receiver; None for lookups."""
    port: int | None = None
    proto: str | None = None
    opened_by: OpenedBy | None = None
    asked: tuple[str, ...] = ()
    """The name looked up; or the hosts asked of a proxy on which the verdicts stand."""
    before: Side | None
    """None: the old policy does not know the proxy that was asked, so there is nothing it judges."""
    after: Side | None
    zones: tuple[str, ...] = ()
    """Of the senders, by either policy."""
    names: tuple[str, ...] = ()
    """Of the receiver, strongest first, at most five; observed text."""
    tally: Tally
    """Transmissions, or lookups (which have no bytes)."""
    first: Instant | None
    last: Instant | None
    record: Ref
    """Of the first of them."""

    @property
    def groups(self) -> tuple[Group, Group]:
        """From which group of verdicts to which."""
        return _group(self.before), _group(self.after)


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Every change of verdict between two policies, the gravest first."""

    old: tuple[PolicyInfo, ...]
    new: tuple[PolicyInfo, ...]
    changes: tuple[Change, ...]
    coverage: tuple[Coverage, ...]
    compared: Tally
    """All transmissions that at least one of the two judges."""
    lookups: int
    """All lookups that at least one of the two judges."""


def difference(
    old: PolicySet,
    new: PolicySet,
    paths: Sequence[str | Path],
    *,
    databases: Sequence[Path] = (),
    options: ReadOptions = ReadOptions(),
    progress: audit.Progress | None = None,
) -> Difference:
    """What changes verdict from the old policy to the new one over what `paths` hold.

    `paths` and `databases` are those of `audit`.
    """
    old, new = _alike_marked(old, new)
    collected = audit.read(paths, (old, new), options, progress)
    before, after = (_judged(collected, one, databases) for one in (old, new))
    sent = list(_paired(before.sent, after.sent, _sending))
    asked = list(_paired(before.asked, after.asked, _asking))
    changes = [_sent_change(group) for group in _grouped(sent, _going)]
    changes += [_asked_change(group) for group in _grouped(asked, lambda pair: (pair.either.lookup.qname, pair.sides))]
    return Difference(
        old=tuple(one.info for one in old.versions),
        new=tuple(one.info for one in new.versions),
        changes=tuple(sorted(changes, key=_order)),
        coverage=tuple(
            max(pair, key=lambda one: one.incomplete) for pair in zip(before.coverage, after.coverage, strict=True)
        ),
        compared=Tally.of([pair.either.transmission for pair in sent if pair.judged]),
        lookups=sum(pair.judged for pair in asked),
    )


def _alike_marked(old: PolicySet, new: PolicySet) -> tuple[PolicySet, PolicySet]:
    """Both with one id for one pattern, so that one reading serves them."""
    versions = with_markers([*old.versions, *new.versions])
    return PolicySet(versions[: len(old.versions)]), PolicySet(versions[len(old.versions) :])


class _Judged(NamedTuple):
    sent: Sequence[Decision]
    asked: Sequence[LookupDecision]
    coverage: tuple[Coverage, ...]


def _judged(collected: Collected, policies: PolicySet, databases: Sequence[Path]) -> _Judged:
    traced = audit.trace(collected, policies)
    with Locator(policies.place_facts, databases) as locator:
        sent, asked = judge.decide(traced.sent, traced.asked, judge.Bench(policies, locator.locate))
    return _Judged(sent, asked, traced.coverage)


class _Pair(NamedTuple, Generic[D]):
    """Both decisions on one thing; at most one is missing."""

    before: D | None
    after: D | None

    @property
    def either(self) -> D:
        """The decision there is."""
        return self.before or self.after  # type: ignore[return-value]  # at most one is missing

    @property
    def sides(self) -> tuple[Side | None, Side | None]:
        """What each policy says."""
        return _side(self.before), _side(self.after)

    @property
    def judged(self) -> bool:
        """One of the two policies judges it."""
        return any(one is not None and one.verdict is not Verdict.OUT_OF_SCOPE for one in self)

    @property
    def changes(self) -> bool:
        """The verdicts differ."""
        before, after = self.sides
        return (before and before.verdict) != (after and after.verdict)


def _side(decision: Decision | LookupDecision | None) -> Side | None:
    return None if decision is None else Side(decision.verdict, decision.rule, decision.reasons)


def _paired(before: Iterable[D], after: Iterable[D], key: Callable[[D], Hashable]) -> Iterator[_Pair[D]]:
    """What both policies judged alike first, then what only one could place; alike keys in their order."""
    olds: dict[Hashable, list[D]] = defaultdict(list)
    news: dict[Hashable, list[D]] = defaultdict(list)
    for side, decisions in ((olds, before), (news, after)):
        for one in decisions:
            side[key(one)].append(one)
    for found in olds | news:
        yield from (_Pair(*both) for both in itertools.zip_longest(olds.get(found, ()), news.get(found, ())))


def _sending(decision: Decision) -> Hashable:
    """What tells one transmission from the others of a recording, whatever the policy."""
    sent = decision.transmission
    return sent.ref, sent.opened_by, sent.proto, sent.sender_ip, sent.sender_port, sent.receiver_port


def _asking(decision: LookupDecision) -> Hashable:
    asked = decision.lookup
    return asked.ref, asked.client_ip, asked.qname, asked.qtype


def _grouped(pairs: Iterable[_Pair[D]], key: Callable[[_Pair[D]], Hashable]) -> Iterable[list[_Pair[D]]]:
    """The pairs that change verdict, those alike together."""
    groups: dict[Hashable, list[_Pair[D]]] = defaultdict(list)
    for pair in pairs:
        if pair.changes:
            groups[key(pair)].append(pair)
    return groups.values()


def _hosts(pair: _Pair[Decision]) -> tuple[str, ...]:
    return tuple(sorted({one.asked for one in pair if one is not None and one.asked is not None}))


def _going(pair: _Pair[Decision]) -> Hashable:
    sent = pair.either.transmission
    return sent.receiver_ip, sent.service_port, sent.proto, sent.opened_by, _hosts(pair), pair.sides


def _sent_change(group: list[_Pair[Decision]]) -> Change:
    sent = sorted((pair.either.transmission for pair in group), key=lambda one: _at(one.ref))
    one = sent[0]
    before, after = group[0].sides
    names = judge.merged_names(name for one in sent for name in one.names)
    return Change(
        address=one.receiver_ip,
        port=one.service_port,
        proto=one.proto,
        opened_by=one.opened_by,
        asked=_hosts(group[0]),
        before=before,
        after=after,
        zones=_zones(group),
        names=tuple(dict.fromkeys(name.name for name in names))[:_NAMES_MOST],
        tally=Tally.of(sent),
        first=min((each.start for each in sent if each.timed), default=None),
        last=max((each.end for each in sent if each.timed), default=None),
        record=one.ref,
    )


def _asked_change(group: list[_Pair[LookupDecision]]) -> Change:
    asked = sorted((pair.either.lookup for pair in group), key=lambda one: _at(one.ref))
    times = [one.time for one in asked if one.time is not None]
    before, after = group[0].sides
    return Change(
        address=None,
        asked=(asked[0].qname,),
        before=before,
        after=after,
        zones=_zones(group),
        tally=Tally(count=len(asked)),
        first=min(times, default=None),
        last=max(times, default=None),
        record=asked[0].ref,
    )


def _zones(group: Iterable[_Pair[D]]) -> tuple[str, ...]:
    return tuple(sorted({one.sender_zone for pair in group for one in pair if one is not None and one.sender_zone}))


def _group(side: Side | None) -> Group:
    return Group.CANNOT_TELL if side is None else side.verdict.group


_AFTER = (Group.VIOLATES, Group.CANNOT_TELL, Group.OUT_OF_SCOPE, Group.CONFORMS)
_BEFORE = (Group.CONFORMS, Group.OUT_OF_SCOPE, Group.CANNOT_TELL, Group.VIOLATES)
"""Gravest first: what comes to violate, above all where it conformed; what is no longer told; what comes to conform."""


def _order(change: Change) -> tuple[object, ...]:
    before, after = change.groups
    where = (change.address or "", change.port or 0, change.proto or "", change.opened_by or "", change.asked)
    lookup = change.address is None
    return _AFTER.index(after), _BEFORE.index(before), lookup, -change.tally.sent.weight, where, _at(change.record)


def _at(ref: Ref) -> tuple[str, int, int]:
    return ref.source, ref.first_record, ref.last_record
