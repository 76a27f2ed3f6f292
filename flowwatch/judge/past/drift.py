"""Drift: an approved server in another network, country or provider region, with another key or other answers.

It is drift where nothing of what is observed now was observed before, both under one set of location data. What only
the data of an earlier sighting said otherwise is `reference.changed`. What is seen of a server within twelve hours of
its first sighting belongs to that first observation: a server may have several addresses and keys from the start.
What the policy itself declares of a server (`expect`, `tls.spki_sha256`) is no drift.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from flowwatch.judge.past.met import Met, Server, addresses
from flowwatch.judge.past.told import Change, finding, observed
from flowwatch.judge.past.traits import Said, said_of
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.transmission import Locate
from flowwatch.model import (
    Check,
    Confidence,
    Coverage,
    Finding,
    Instant,
    LookupDecision,
    Reason,
    Sighting,
    Sureness,
    Trait,
    Truth,
)
from flowwatch.policy.terms import Server as Entry

FIRST_OBSERVATION = 12 * 3600 * 10**9
"""How long after the first sighting of a server what is seen belongs to it."""
_REASONS = {
    Trait.NETWORK: Reason.DRIFT_NETWORK,
    Trait.COUNTRY: Reason.DRIFT_COUNTRY,
    Trait.REGION: Reason.DRIFT_REGION,
    Trait.KEY: Reason.DRIFT_KEY,
    Trait.ANSWER: Reason.DRIFT_ANSWERS,
}
_PLACED = (Trait.NETWORK, Trait.COUNTRY, Trait.REGION)
_ORDINARY = frozenset({Trait.REGION, Trait.KEY, Trait.ANSWER})
_Sources = Mapping[str, Coverage]


class _Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One observation of one trait."""

    said: Said
    at: str
    first: Instant
    last: Instant
    by: Met | LookupDecision | None = None
    """What of this run shows it; None: it was seen before."""


class _Differing(msgspec.Struct, frozen=True, kw_only=True):
    """An observation of this run, and the latest earlier one that it differs from."""

    now: _Shown
    before: _Shown


def drifted(
    server: Server, books: Mapping[str, Rulebook], locate: Locate, stamp: str, sources: _Sources
) -> Iterator[Finding]:
    """What differs from before, each change once, and where only the location data does."""
    anew = list(_located_anew(server, locate))
    told = [*_of_places(server, anew), *_walked(_keys(server)), *_of_answers(server)]
    undeclared = [one for one in told if not _declared(one.now.said, server.id, books)]
    for one in {(one.now.said.trait, _to(one.now)): one for one in reversed(undeclared)}.values():
        yield finding(_change(server.id, one), books, sources)
    replaced = tuple(_replaced(server, anew, stamp, {value for one in told for value in one.now.said.values}))
    if replaced:
        yield finding(_of_reference(server, replaced), books, sources)


def _of_places(server: Server, anew: Sequence[_Shown]) -> Iterator[_Differing]:
    """By trait, and by whether the operator states it."""
    shown = [*anew, *_located_now(server)]
    for trait in _PLACED:
        for stated in (False, True):
            yield from _walked([one for one in shown if (one.said.trait, one.said.stated) == (trait, stated)])


def _located_anew(server: Server, locate: Locate) -> Iterator[_Shown]:
    """Where today's data places the earlier addresses at the times they were seen."""
    seen = {(one.at, at) for one in server.before if one.trait not in (Trait.ANSWER, Trait.KEY) for at in _edges(one)}
    for address, at in sorted(seen):
        for said in said_of(locate(address, at)):
            yield _Shown(said=said, at=address, first=at, last=at)


def _edges(one: Sighting) -> tuple[Instant, Instant]:
    return one.first, one.last


def _located_now(server: Server) -> Iterator[_Shown]:
    for one in server.met:
        for said in said_of(one.place):
            yield _Shown(said=said, at=one.address, first=one.first, last=one.last, by=one)


def _keys(server: Server) -> list[_Shown]:
    before = [
        _Shown(said=Said(Trait.KEY, frozenset({one.value}), stated=False), at=one.at, first=one.first, last=one.last)
        for one in server.before
        if one.trait is Trait.KEY
    ]
    now = [
        _Shown(
            said=Said(Trait.KEY, frozenset({one.key}), stated=False),
            at=one.address,
            first=one.first,
            last=one.last,
            by=one,
        )
        for one in server.met
        if one.key is not None
    ]
    return before + now


def _of_answers(server: Server) -> Iterator[_Differing]:
    """Name by name, each address for itself."""
    by_name: dict[str, list[_Shown]] = {}
    for one in server.before:
        if one.trait is Trait.ANSWER:
            by_name.setdefault(one.at, []).append(_answer(one.value, one.at, one.first, one.last))
    for asked in server.asked:
        name, at = asked.lookup.qname, asked.lookup.time or 0
        by_name.setdefault(name, []).extend(_answer(one, name, at, at, asked) for one in addresses(asked))
    for name in sorted(by_name):
        yield from _walked(by_name[name])


def _answer(address: str, name: str, first: Instant, last: Instant, by: LookupDecision | None = None) -> _Shown:
    said = Said(Trait.ANSWER, frozenset({address}), stated=False)
    return _Shown(said=said, at=name, first=first, last=last, by=by)


def _walked(shown: Sequence[_Shown]) -> Iterator[_Differing]:
    """What this run shows, in order of time, that shares nothing with anything shown before."""
    known: dict[str, _Shown] = {}
    begun = min((one.first for one in shown), default=0)
    for one in (one for one in shown if one.by is None):
        _learn(known, one)
    for one in sorted((one for one in shown if one.by is not None), key=_order):
        if known and not one.said.values & known.keys() and one.first >= begun + FIRST_OBSERVATION:
            yield _Differing(now=one, before=max(known.values(), key=_last))
        _learn(known, one)


def _learn(known: dict[str, _Shown], one: _Shown) -> None:
    for value in one.said.values:
        before = known.get(value)
        known[value] = one if before is None else _joined(before, one)


def _joined(one: _Shown, other: _Shown) -> _Shown:
    """The later of the two; since when, where both are at one address."""
    later = max(one, other, key=_last)
    alike = one.at == other.at and one.said == other.said
    return msgspec.structs.replace(later, first=min(one.first, other.first)) if alike else later


def _order(one: _Shown) -> tuple[Instant, list[str], str]:
    return one.first, sorted(one.said.values), one.at


def _last(one: _Shown) -> tuple[Instant, Instant, list[str], str]:
    return one.last, *_order(one)


def _declared(said: Said, server: str, books: Mapping[str, Rulebook]) -> bool:
    """The policy names one of these values for the server."""
    return any(
        not said.values.isdisjoint(_expected(entry, said.trait))
        for entry in (book.servers.get(server) for book in books.values())
        if entry is not None
    )


def _expected(entry: Entry, trait: Trait) -> Iterable[str]:
    match trait:
        case Trait.NETWORK:
            return {f"AS{number}" for number in entry.expect.asns}
        case Trait.COUNTRY:
            return entry.expect.countries
        case Trait.REGION:
            cloud = entry.expect.cloud
            return {f"{cloud.provider} {region}" for region in cloud.regions} if cloud else ()
        case Trait.KEY:
            return entry.tls.spki_sha256
        case _:
            return ()


def _change(server: str, one: _Differing) -> Change:
    assert one.now.by is not None  # noqa: S101  # only what this run shows differs
    said, reason = one.now.said, _REASONS[one.now.said.trait]
    sureness, why = _sureness(one.now)
    declared = observed(one.before.said.words, one.before.at, one.before.first, one.before.last)
    seen = observed(said.words, one.now.at, one.now.first, one.now.last)
    return Change(
        server=server,
        reason=reason,
        to=_to(one.now),
        checks=(Check(f"{said.trait} as before", Truth.FALSE, declared, seen, reason),),
        shown_by=one.now.by,
        earlier=one.before.by,
        sureness=sureness,
        why=why,
        lowered=said.trait in _ORDINARY,
    )


def _to(now: _Shown) -> str:
    values = ",".join(sorted(now.said.values))
    return f"{now.at} {values}" if now.said.trait is Trait.ANSWER else values


def _sureness(now: _Shown) -> tuple[Sureness, str]:
    match now.said.trait:
        case Trait.KEY:
            return Sureness.HIGH, "both keys were in certificates that the server showed"
        case Trait.ANSWER:
            return Sureness.MEDIUM, "both answers were recorded; answers may take turns"
    if now.said.stated:
        return Sureness.HIGH, "the operator states both places"
    confidence = now.by.place.confidence if isinstance(now.by, Met) and now.by.place else None
    if confidence in (Confidence.STATED, Confidence.CORROBORATED):
        return Sureness.MEDIUM, "one set of location data places both, which may err"
    return Sureness.LOW, "one set of location data places both, on a single source or a disputed one"


def _replaced(server: Server, anew: Iterable[_Shown], stamp: str, told: set[str]) -> Iterator[Check]:
    """What the data of the earlier sightings said otherwise than today's, where that alone differs."""
    comparable: dict[tuple[Trait, bool], set[str]] = {}
    for one in anew:
        comparable.setdefault((one.said.trait, one.said.stated), set()).update(one.said.values)
    for trait in _PLACED:
        recorded = [one for one in server.before if one.trait is trait]
        others = told | {one.value for one in recorded}  # by today's data too, where it was told before
        for now in (one for one in _located_now(server) if one.said.trait is trait) if recorded else ():
            known = comparable.get((trait, now.said.stated))
            if (not known or not now.said.values.isdisjoint(known)) and now.said.values.isdisjoint(others):
                yield _check_of_reference(max(recorded, key=lambda one: (one.last, one.key)), now, stamp)
                break


def _check_of_reference(before: Sighting, now: _Shown, stamp: str) -> Check:
    words = f"{before.value} ({before.operator})" if before.operator else before.value
    declared = f"{observed(words, before.at, before.first, before.last)}, by data {before.by}"
    seen = f"{observed(now.said.words, now.at, now.first, now.last)}, by data {stamp}"
    return Check(f"{before.trait} as before", Truth.UNSEEN, declared, seen, Reason.REFERENCE_CHANGED)


def _of_reference(server: Server, checks: tuple[Check, ...]) -> Change:
    return Change(
        server=server.id,
        reason=Reason.REFERENCE_CHANGED,
        checks=checks,
        shown_by=server.met[0],
        sureness=Sureness.HIGH,
        why="both sets of location data were in use",
    )
