"""How often each policy entry was used, and which nothing in the recordings used.

An entry is used when it fully held for something, decided something, or names the server something went to; a resolver
also when a lookup went to it or an answer came from it, a zone when something was sent or asked from it, or from a zone
within it, or sent to it. Use is counted in transmissions and lookups. Classifiers are not counted: of two that give one
label only one is told.
"""

from collections import defaultdict
from collections.abc import Iterator

from flowwatch.judge.bench import Bench
from flowwatch.judge.derivation import Derivation
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.truth import TRUE
from flowwatch.model import Instant, LookupDecision, NameClass, Use

_Entry = tuple[str, str, str]
"""Version, kind, id."""


class _Count:
    """How often something was used, and when last."""

    __slots__ = ("count", "last")

    def __init__(self) -> None:
        self.count = 0
        self.last: Instant | None = None

    def add(self, count: int, last: Instant | None) -> None:
        """Counts further uses; `last` is None where the source tells no time."""
        self.count += count
        if last is not None and (self.last is None or last > self.last):
            self.last = last


class Uses:
    """Collects how often entries were used, and from when to when something was judged."""

    def __init__(self) -> None:
        self._entries: defaultdict[_Entry, _Count] = defaultdict(_Count)
        self._resolvers: defaultdict[str, _Count] = defaultdict(_Count)
        """By address."""
        self._first: Instant | None = None
        self._last: Instant | None = None

    def transmission(self, derivation: Derivation) -> None:
        """Counts what one derivation used."""
        sent = derivation.decision.transmission
        self.transmissions(derivation, 1, *((sent.start, sent.end) if sent.timed else (None, None)))

    def transmissions(self, derivation: Derivation, count: int, first: Instant | None, last: Instant | None) -> None:
        """Counts what so many like this one used, of which the first began and the last ended then."""
        if first is not None and last is not None:
            self._recorded(first, last)
        self._add(_used_by(derivation), last, count)
        own = (one for one in derivation.decision.transmission.names if one.evidence is NameClass.ANSWER_SAME_CLIENT)
        for address in {name.resolver for name in own if name.resolver}:
            self._resolvers[address].add(count, last)

    def lookup(self, decision: LookupDecision) -> None:
        """Counts what one lookup used."""
        lookup, rule = decision.lookup, decision.rule
        if lookup.time is not None:
            self._recorded(lookup.time, lookup.time)
        if lookup.server_ip is not None:
            self._resolvers[lookup.server_ip].add(1, lookup.time)
        if rule is not None:
            server = _entry(rule.policy_version, "server", decision.server)
            zone = _entry(rule.policy_version, "zone", decision.sender_zone)
            self._add({(rule.policy_version, rule.kind, rule.id)} | server | zone, lookup.time)

    def of(self, bench: Bench) -> Iterator[Use]:
        """Every entry of the versions in force within the recorded time, by kind and id, with its uses."""
        if self._first is not None and self._last is not None:
            for book in bench.within(self._first, self._last):
                totals = self._totals(book)
                for kind, id_ in book.policy.entries:
                    total = totals[kind, id_]
                    yield Use(book.rule(kind, id_), total.count, total.last)

    def _totals(self, book: Rulebook) -> defaultdict[tuple[str, str], _Count]:
        """By kind and id the uses of one version's entries, those of inner zones and of resolvers' answers too."""
        totals: defaultdict[tuple[str, str], _Count] = defaultdict(_Count)
        for (version, kind, id_), one in self._entries.items():
            if version == book.policy.policy.version:
                for used in book.chains.get(id_, (id_,)) if kind == "zone" else (id_,):
                    totals[kind, used].add(one.count, one.last)
        for address, one in self._resolvers.items():
            for id_ in book.resolvers.all(address):
                totals["server", id_].add(one.count, one.last)
        return totals

    def _recorded(self, first: Instant, last: Instant) -> None:
        self._first = first if self._first is None else min(self._first, first)
        self._last = last if self._last is None else max(self._last, last)

    def _add(self, entries: set[_Entry], last: Instant | None, count: int = 1) -> None:
        for entry in entries:
            self._entries[entry].add(count, last)


def _used_by(derivation: Derivation) -> set[_Entry]:
    """The entries that one derivation used, each once; equal derivations use the same."""
    decision, found = derivation.decision, set()
    if decision.rule is not None:
        found.add((decision.rule.policy_version, decision.rule.kind, decision.rule.id))
    if derivation.policy is None or derivation.scope is not None:
        return found
    version = derivation.policy.version
    for one in (derivation, *derivation.asked):
        for entry in (*one.tunnels, *one.prohibitions, *one.channels, *one.exceptions):
            if entry.truth is TRUE:
                if entry.rule is not None:
                    found.add((entry.rule.policy_version, entry.rule.kind, entry.rule.id))
                found |= _entry(version, "server", entry.server)
    found |= _entry(version, "server", decision.server)
    return found | _entry(version, "zone", decision.sender_zone) | _entry(version, "zone", decision.receiver_zone)


def _entry(version: str, kind: str, id_: str | None) -> set[_Entry]:
    return set() if id_ is None else {(version, kind, id_)}
