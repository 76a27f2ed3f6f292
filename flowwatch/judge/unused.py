"""Policy entries that nothing in the recording used.

An entry is used when it fully held for something, decided something, or names the server something went to; a resolver
also when a lookup went to it or an answer came from it.
"""

from collections.abc import Iterable, Iterator

from flowwatch.judge.bench import Bench
from flowwatch.judge.derivation import Derivation
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.truth import TRUE
from flowwatch.model import Instant, LookupDecision, Rule, TransmissionColumns

_Entry = tuple[str, str, str]
"""Version, kind, id."""


class Uses:
    """Collects which entries were used, and from when to when something was judged."""

    def __init__(self) -> None:
        self._used: set[_Entry] = set()
        self._resolvers: set[str] = set()
        self._times: set[Instant] = set()

    def spanning(self, sent: TransmissionColumns) -> None:
        """Takes note of the time in which all of these were sent."""
        if sent.timed.any():
            self._times |= {int(sent.start[sent.timed].min()), int(sent.end[sent.timed].max())}

    def transmission(self, derivation: Derivation) -> None:
        """Counts what one derivation used."""
        decision = derivation.decision
        if decision.transmission.timed:
            self._times |= {decision.transmission.start, decision.transmission.end}
        self._resolvers.update(name.resolver for name in decision.transmission.names if name.resolver)
        self._rule(decision.rule)
        if derivation.policy is None or derivation.scope is not None:
            return
        version = derivation.policy.version
        parts = (derivation, *derivation.asked)
        for entry in (
            entry for one in parts for entry in (*one.tunnels, *one.prohibitions, *one.channels, *one.exceptions)
        ):
            if entry.truth is TRUE:
                self._rule(entry.rule)
                self._server(version, entry.server)
        self._server(version, decision.server)

    def lookup(self, decision: LookupDecision) -> None:
        """Counts what one lookup used."""
        lookup = decision.lookup
        if lookup.time is not None:
            self._times.add(lookup.time)
        if lookup.server_ip is not None:
            self._resolvers.add(lookup.server_ip)
        self._rule(decision.rule)
        if decision.rule is not None:
            self._server(decision.rule.policy_version, decision.server)

    def unused(self, bench: Bench) -> Iterator[Rule]:
        """The entries of the versions in force within the recorded time that were not used, by kind and id."""
        if self._times:
            for book in bench.within(min(self._times), max(self._times)):
                resolving = {name for address in self._resolvers for name in book.resolvers.all(address)}
                yield from (rule for rule in _entries(book) if not self._has(rule, resolving))

    def _has(self, rule: Rule, resolving: Iterable[str]) -> bool:
        used = (rule.policy_version, rule.kind, rule.id) in self._used
        return used or (rule.kind == "server" and rule.id in resolving)

    def _rule(self, rule: Rule | None) -> None:
        if rule is not None:
            self._used.add((rule.policy_version, rule.kind, rule.id))

    def _server(self, version: str, server: str | None) -> None:
        if server is not None:
            self._used.add((version, "server", server))


def _entries(book: Rulebook) -> Iterator[Rule]:
    kinds = {
        "server": [one.id for one in book.policy.servers],
        "channel": [one.id for one in book.channels],
        "lookup": [one.id for one in book.lookups],
        "prohibited": [one.id for one in book.prohibitions],
        "exception": [one.id for one in book.exceptions],
    }
    for kind, ids in kinds.items():
        yield from (book.rule(kind, id_) for id_ in sorted(ids))
