"""Data sent in DNS names: so many different names below one domain that asking for them counts as sending.

Promises: counted per client, registrable domain and hour, whichever 60 minutes those are; a full name counts once in
them, however often and through however many resolvers it was asked for and wherever it was recorded. Counted are the
bytes of the labels left of the registrable domain as they stood on the wire, without their lengths and dots. Linear in
the lookups once they are in order of time; the Public Suffix List (its private section too) is opened only where some
client could have reached the limit.

Refuses to count what carries nothing: names that the policy lists in full (no wildcard) and complete reverse names
(RFC 1035 3.5, RFC 3596 2.5). Names without a registrable domain belong to nobody who could gather them; a lookup whose
client or time the source does not give is of no client's hour. What is out of scope stays so.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from flowwatch.judge.bench import Bench
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.severity import severity_of
from flowwatch.model import Group, Instant, Label, LookupDecision, Name, Reason, Verdict
from flowwatch.policy.match import address_key, registrable_domain

BULK = Label("bulk")
"""What names carry is never read, only counted."""
_HOUR = 3600 * 10**9


class _Asked(msgspec.Struct, frozen=True, gc=False):
    """One counted lookup: its place among the decisions and the version that judges it."""

    time: Instant
    place: int
    name: str
    book: Rulebook

    @property
    def limit(self) -> int:
        """Bytes that may stand in the names of an hour."""
        return self.book.policy.defaults.dns_name_bytes


_Client = tuple[int, int] | str
"""The address by value, so that one host is one client however a source writes it."""
_Below = dict[tuple[_Client, str], list[_Asked]]
"""By client and domain."""


def with_data_in_names(decisions: Sequence[LookupDecision], bench: Bench) -> tuple[LookupDecision, ...]:
    """The decisions, those on names that carried data made unapproved as `bulk` sent; the others as they were."""
    changed = list(decisions)
    for (client, _), asked in _counted(decisions, bench).items():
        if not _may_reach(asked):
            continue
        for (_, domain), below in _by_domain(client, asked).items():
            for one in _beyond_the_limit(below, domain):
                changed[one.place] = _sent(changed[one.place], domain, one.book)
    return tuple(changed)


def bytes_in_names(decisions: Iterable[LookupDecision]) -> int:
    """The distinct label bytes of the names that carried data, each full name counted once."""
    carriers = {(_text(one.lookup.qname), one.carried_below) for one in decisions if one.carried_below is not None}
    return sum(_label_bytes(name, below) for name, below in carriers)


def _counted(decisions: Sequence[LookupDecision], bench: Bench) -> _Below:
    """The lookups that count, by client and the last two labels: a registrable domain has at least those."""
    books = {book.policy.policy.version: (book, _names_in_full(book)) for book in bench.books}
    found: _Below = {}
    for place, decision in enumerate(decisions):
        client, time = decision.lookup.client_ip, decision.lookup.time
        if decision.rule is None or client is None or time is None:  # no rule: no version judged it
            continue
        book, listed = books[decision.rule.policy_version]
        name = _text(decision.lookup.qname)
        if "." in name and not _carries_nothing(name, decision.lookup.name_exact, listed):
            found.setdefault((address_key(client) or client, _tail(name)), []).append(_Asked(time, place, name, book))
    return found


def below(qname: str) -> str | None:
    """What lookups that may carry data together share: the last two labels; None of a name that has but one."""
    name = _text(qname)
    return _tail(name) if "." in name else None


def _tail(name: str) -> str:
    return ".".join(name.rsplit(".", 2)[-2:])


def _text(qname: str) -> str:
    return str(Name.parse(qname))


def _names_in_full(book: Rulebook) -> frozenset[str]:
    """The names the version lists without a wildcard: asking for one of them says nothing."""
    patterns = [pattern for server in book.policy.servers for pattern in server.match.names]
    patterns += [pattern for rule in book.lookups for pattern in rule.names]
    return frozenset(str(pattern) for pattern in patterns if not pattern.wildcard)


def _carries_nothing(name: str, exact: bool, listed: frozenset[str]) -> bool:  # noqa: FBT001  # a value of the source
    return (exact and name in listed) or bool(_REVERSE.fullmatch(name))


def _may_reach(asked: Sequence[_Asked]) -> bool:
    """All the names of a group together hold more than the least limit: only then it is worth looking closer."""
    tail = _tail(asked[0].name)
    limit = min(one.limit for one in asked)
    return sum(_label_bytes(name, tail) for name in {one.name for one in asked}) > limit


def _by_domain(client: _Client, asked: Sequence[_Asked]) -> _Below:
    """The lookups below each registrable domain; the domain's own name holds no label below it."""
    domains = {name: registrable_domain(name.rpartition("..")[2]) for name in {one.name for one in asked}}
    found: _Below = {}
    for one in asked:
        domain = domains[one.name]
        if domain is not None and _label_bytes(one.name, domain):
            found.setdefault((client, domain), []).append(one)
    return found


def _beyond_the_limit(asked: Sequence[_Asked], domain: str) -> Iterator[_Asked]:
    """The lookups of every hour whose distinct names hold more than the limit in force at its end; each once."""
    asked = sorted(asked, key=lambda one: (one.time, one.place))
    often: Counter[str] = Counter()
    held = first = told = 0
    for last, one in enumerate(asked):
        while asked[first].time <= one.time - _HOUR:
            held -= _leave(asked[first].name, often, domain)
            first += 1
        held += 0 if often[one.name] else _label_bytes(one.name, domain)
        often[one.name] += 1
        if held > one.limit:
            yield from asked[max(first, told) : last + 1]
            told = last + 1


def _leave(name: str, often: Counter[str], domain: str) -> int:
    """Bytes that are gone when the earliest lookup of an hour leaves it: none while the name was asked for again."""
    often[name] -= 1
    if often[name]:
        return 0
    del often[name]
    return _label_bytes(name, domain)


def _label_bytes(name: str, below: str) -> int:
    """Bytes of the labels left of a domain as on the wire: an escaped byte (RFC 1035 5.1) is one, a dot none."""
    left = name[: len(name) - len(below)]
    left = _ESCAPED.sub("_", left) if "\\" in left else left
    return len(left) - left.count(".")


def _sent(decision: LookupDecision, domain: str, book: Rulebook) -> LookupDecision:
    """The decision on a lookup that carried data; what differed in it besides is still told."""
    others = decision.reasons if decision.verdict.group is Group.VIOLATES else ()
    return msgspec.structs.replace(
        decision,
        verdict=Verdict.UNAPPROVED,
        reasons=tuple(dict.fromkeys((Reason.DATA_IN_NAMES, *others))),
        severity=severity_of(Verdict.UNAPPROVED, (BULK,), book.policy.severity),
        server=None,
        rule=book.rule("defaults", "dns_name_bytes"),
        carried_below=domain,
    )


_ESCAPED = re.compile(r"\\[0-9]{3}", re.ASCII)
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_REVERSE = re.compile(rf"(?:{_OCTET}\.){{4}}in-addr\.arpa|(?:[0-9a-f]\.){{32}}ip6\.arpa", re.ASCII)
