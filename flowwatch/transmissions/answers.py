"""DNS answers as spans of life: which names an address bore at a time, for whom.

Promises: an answer at `t` lives in `[t, t + min(ttl, cap) + grace]`; every live name is found, whatever was answered
later; a run of overlapping answers of one name is one span, but its evidence is the newest answer that was live. A TTL
the source does not give counts as 0, so such an answer lives for the grace only. Refuses answers that a resolver
rewrote, blocked or refused, and those without a time.
"""

import bisect
import itertools
from collections.abc import Iterable, Iterator

import msgspec

from flowwatch.model import EARLIEST, LATEST, Answer, Instant, Lookup, Ref
from flowwatch.policy.terms import DnsBinding
from flowwatch.transmissions.addresses import canonical


class Bound(msgspec.Struct, frozen=True, order=True, gc=False):
    """One answer that led from a name to an address; ordered by time."""

    since: Instant
    until: Instant
    name: str
    chain: tuple[str, ...]
    client: str
    """Canonical, empty when the source does not say."""
    resolver: str
    ref: Ref
    exact: bool


class Run:
    """Overlapping answers of one name (and chain, and whatever else tells spans apart), oldest first."""

    __slots__ = ("answers", "last")

    def __init__(self, first: Bound) -> None:
        self.answers = [first]
        self.last = first
        """The answer that lived longest."""

    @property
    def since(self) -> Instant:
        """When the first answer was given."""
        return self.answers[0].since

    @property
    def until(self) -> Instant:
        """When the last life ended."""
        return self.last.until

    def add(self, answer: Bound) -> None:
        """Lengthens the run by an answer that begins within it."""
        self.answers.append(answer)
        if answer.until >= self.last.until:
            self.last = answer

    def at(self, start: Instant, latest: Instant) -> Bound:
        """The newest answer given by `latest` that lived at `start`; one did, if the run covers `start`."""
        place = bisect.bisect_right(self.answers, latest, key=_since) - 1
        while place > 0 and self.answers[place].until < start:
            place -= 1
        return self.answers[place]


def _since(answer: Bound) -> Instant:
    return answer.since


class Timeline:
    """Runs by time; finds those live at an instant without walking those that are not."""

    __slots__ = ("_by_start", "_ended", "_ends", "_reach", "_starts")

    def __init__(self, runs: Iterable[Run]) -> None:
        self._by_start = sorted(runs, key=lambda run: (run.since, run.answers))
        self._starts = [run.since for run in self._by_start]
        self._reach = list(itertools.accumulate((run.until for run in self._by_start), max))
        self._ended = sorted((run.last for run in self._by_start), key=lambda answer: answer.until)
        self._ends = [answer.until for answer in self._ended]

    def live(self, start: Instant, latest: Instant) -> Iterator[Bound]:
        """Answers live at `start`, given by `latest` (start + skew), newest run first."""
        for place in range(bisect.bisect_right(self._starts, latest) - 1, -1, -1):
            if self._reach[place] < start:
                return
            if self._by_start[place].until >= start:
                yield self._by_start[place].at(start, latest)

    def changes(self, skew: int) -> list[Instant]:
        """The instants from which on `live` (asked up to `skew` later) or `ended` may find others."""
        answers = [answer for run in self._by_start for answer in run.answers]
        return sorted({at for one in answers for at in (one.since - skew, one.until + 1)})

    def first(self, skew: int) -> Instant:
        """The instant from which on `live` or `ended` may find any."""
        return self._starts[0] - skew

    def ended(self, start: Instant) -> Iterator[Bound]:
        """Answers whose life had ended before `start`, last ended first."""
        for place in range(bisect.bisect_left(self._ends, start) - 1, -1, -1):
            yield self._ended[place]


class Answers:
    """Every answer of a recording, by address."""

    def __init__(self, lookups: Iterable[Lookup], binding: DnsBinding) -> None:
        own: dict[tuple[str, str], list[Bound]] = {}
        every: dict[str, list[Bound]] = {}
        for lookup in lookups:
            for address, answer in _bound(lookup, binding):
                own.setdefault((address, answer.client), []).append(answer)
                every.setdefault(address, []).append(answer)
        apart = binding.client == "same_zone"
        self._skew = binding.skew.ns
        self._own = {key: _timeline(found, by_client=True) for key, found in own.items()}
        self._every = {key: _timeline(found, by_client=apart) for key, found in every.items()}

    def names(self, address: str) -> bool:
        """Some answer gives the address."""
        return address in self._every

    def changes(self, address: str, client: str | None) -> list[Instant]:
        """The instants, in order, from which on other names are live for the client, or for anybody (None).

        The first is the one from which on any are known of the address, which some answer gives. What lies beyond all
        times that a table holds is the first or last of those.
        """
        line = self._every[address] if client is None else self._own.get((address, client))
        told = {self._every[address].first(self._skew), *(line.changes(self._skew) if line else ())}
        return sorted({min(max(at, EARLIEST), LATEST) for at in told})

    def same_client(self, address: str, client: str, start: Instant) -> Iterator[Bound]:
        """Answers with the address that this client got, live at `start`."""
        line = self._own.get((address, client))
        return line.live(start, start + self._skew) if line else iter(())

    def any_client(self, address: str, start: Instant) -> Iterator[Bound]:
        """Answers with the address that anybody got, live at `start`.

        One a name and chain; one a client too where the binding looks at clients of the same zone.
        """
        line = self._every.get(address)
        return line.live(start, start + self._skew) if line else iter(())

    def ended(self, address: str, start: Instant) -> Iterator[Bound]:
        """Answers with the address whose life had ended before `start`, last ended first."""
        line = self._every.get(address)
        return line.ended(start) if line else iter(())


def _timeline(answers: list[Bound], *, by_client: bool) -> Timeline:
    runs: dict[tuple[object, ...], list[Run]] = {}
    for answer in sorted(answers):
        party = (answer.client, answer.resolver) if by_client else ()
        spans = runs.setdefault((answer.name, answer.chain, answer.exact, *party), [])
        if spans and answer.since <= spans[-1].until:
            spans[-1].add(answer)
        else:
            spans.append(Run(answer))
    return Timeline(run for spans in runs.values() for run in spans)


def _bound(lookup: Lookup, binding: DnsBinding) -> Iterator[tuple[str, Bound]]:
    """The addresses a lookup's answer gives, each with its span of life."""
    if not lookup.answers or lookup.time is None or lookup.rcode not in (None, "NOERROR"):
        return
    if lookup.withheld:
        return
    client = canonical(lookup.client_ip or "") or ""
    for address, chain, ttl in resolved(lookup.qname, lookup.answers):
        until = lookup.time + min((ttl or 0) * 10**9, binding.ttl_cap.ns) + binding.grace.ns
        resolver = lookup.server_ip or ""
        bound = Bound(lookup.time, until, lookup.qname, chain, client, resolver, lookup.ref, lookup.name_exact)
        yield address, bound


def resolved(asked: str, answers: Iterable[Answer]) -> Iterator[tuple[str, tuple[str, ...], int | None]]:
    """(address, aliases from `asked` (excluded) to its owner (included), least TTL on the way) for each address.

    Follows CNAME (RFC 1034 3.6.2) and DNAME (RFC 6672) by name, whatever the order; a loop ends where it closes. An
    address whose owner the aliases do not reach keeps that owner as the last alias. Records without an owner follow one
    another; those without a type say nothing. The TTL is None when one on the way is not given; from 2^31 on it is 0
    (RFC 2181 8).
    """
    records = list(_owned(asked, answers))
    chain, ttls = _followed(asked, records)
    on_the_way = {asked, *chain}
    for record in records:
        if record.type in ("A", "AAAA") and (address := canonical(record.data)) is not None:
            whole = chain if record.name in on_the_way else (*chain, record.name)
            yield address, whole, _least([*ttls, record.ttl])


def _owned(asked: str, answers: Iterable[Answer]) -> Iterator[Answer]:
    """The records with their owner filled in where the source leaves it out."""
    current = asked
    for record in answers:
        owner = record.name.lower().removesuffix(".") or current
        data = record.data.lower().removesuffix(".")
        if record.type == "CNAME":
            current = data
        yield Answer(owner, record.type, data, record.ttl)


_MOST_ALIASES = 64
"""A DNAME may point below itself, so following could go on for ever; no resolver follows as many."""


def _followed(asked: str, records: list[Answer]) -> tuple[tuple[str, ...], list[int | None]]:
    aliases = {record.name: record for record in records if record.type == "CNAME"}
    trees = [record for record in records if record.type == "DNAME"]
    chain: dict[str, int | None] = {}
    current = asked
    while len(chain) < _MOST_ALIASES and (step := _step(current, aliases, trees)):
        current, ttl = step
        if current == asked or current in chain:
            break
        chain[current] = ttl
    return tuple(chain), list(chain.values())


def _step(name: str, aliases: dict[str, Answer], trees: list[Answer]) -> tuple[str, int | None] | None:
    if found := aliases.get(name):
        return found.data, found.ttl
    for tree in trees:
        if name.endswith("." + tree.name):
            return name.removesuffix(tree.name) + tree.data, tree.ttl
    return None


def _least(ttls: list[int | None]) -> int | None:
    known = [0 if ttl >= 1 << 31 else ttl for ttl in ttls if ttl is not None]
    return min(known) if len(known) == len(ttls) else None
