"""`learn(paths, zones)`: what known-good recordings (a rehearsal) would need of a policy, as a draft with its evidence.

Promises: the recordings are read once; what is learned is judged by the real judge until nothing more can be learned,
and the evidence of each entry is what that judge at last rests on it; nothing is prohibited or excepted; what is not
learned is counted. Refuses to say that any of it is right: every entry awaits review.
"""

import ipaddress
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import pyarrow.compute as pc

from flowwatch import audit, judge
from flowwatch.errors import UsageError
from flowwatch.model import (
    Coverage,
    Decision,
    Group,
    Instant,
    Lookup,
    LookupDecision,
    PolicyInfo,
    ReadOptions,
    Reason,
    Ref,
    Tally,
    Transmission,
    Verdict,
)
from flowwatch.places import Locator
from flowwatch.policy.match import Cidr
from flowwatch.policy.terms import Channel, Header, LookupRule, Policy, PolicySet, Role, Server, Zone
from flowwatch.sources import Collected
from flowwatch.trial.learnable import plain, refusal
from flowwatch.trial.lesson import Lesson

_MOST_ROUNDS = 12
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
"""RFC 1918, RFC 6598, RFC 4193: the zones where none are named."""
_DATA_IN_NAMES = "lookups that count as data sent in names"
_NOT_PLAIN = "lookups of names that are no plain host names"
_NOT_ALLOWED = "lookups that the policy begun with does not allow"
_NO_NAME = "names of receivers that are no plain host names"
_TOO_MANY = "to servers that cannot be told, or are too many to list"


class Observed(msgspec.Struct, frozen=True):
    """What an entry rests on: transmissions with their bytes, or lookups; when, and the first record."""

    tally: Tally
    lookups: int
    first: Instant | None
    last: Instant | None
    record: Ref | None
    receivers: tuple[str, ...] = ()
    """The addresses it was sent to, in order."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """The entries learned, each with what it rests on, and what was left out."""

    zones: tuple[Zone, ...]
    servers: tuple[Server, ...]
    channels: tuple[Channel, ...]
    lookups: tuple[LookupRule, ...]
    seen: dict[tuple[str, str], Observed]
    """By kind (`zone server channel lookup`) and id."""
    asked: dict[tuple[str, str], int]
    """By id of the lookup rule and name, how often it was asked for."""
    left: dict[str, int]
    """What was not learned, in words, with how many of it there are."""
    tried: dict[Group, int]
    """How many transmissions fall into each group of verdicts when the draft judges what it was learned from."""
    coverage: tuple[Coverage, ...]


class _Judged(NamedTuple):
    sent: Sequence[Decision]
    asked: tuple[LookupDecision, ...]
    book: judge.Rulebook


def learn(
    paths: Sequence[str | Path],
    zones: Sequence[Zone] = (),
    *,
    base: Policy | None = None,
    databases: Sequence[Path] = (),
    options: ReadOptions = ReadOptions(),
    progress: audit.Progress | None = None,
) -> Draft:
    """The draft of what `paths` (as of `audit`) hold beyond what `base` approves already.

    `zones` are one's own networks beside those of `base`; without any, the private networks seen. `databases` as of
    `audit`. Raises UsageError where there is no network of one's own.
    """
    begun = base or Policy(info=_NOBODY, policy=Header(id="learned", version="draft"))
    collected = audit.read(paths, [PolicySet((begun,))], options, progress)
    zones = tuple(zones) or (() if begun.zones else _private(collected))
    if not zones and not begun.zones:
        raise UsageError("no private address was seen", hint=_own_networks(collected))
    lesson = Lesson(msgspec.structs.replace(begun, zones=begun.zones + zones))
    traced = audit.trace(collected, PolicySet((lesson.policy,)))
    with Locator(begun.places, databases) as locator:
        judged = _taught(lesson, traced, locator)
    seen = _evidence(lesson, judged)
    return Draft(
        zones=zones,
        servers=lesson.servers,
        channels=lesson.channels,
        lookups=lesson.lookups,
        seen=seen,
        asked=Counter(
            (one.rule.id, str(plain(one.lookup.qname)))
            for one in judged.asked
            if one.rule is not None and one.rule.kind == "lookup"
        ),
        left=_left(judged, lesson),
        tried={group: sum(one.verdict.group is group for one in judged.sent) for group in Group},
        coverage=traced.coverage,
    )


_NOBODY = PolicyInfo(id="learned", version="draft", title="", sha256="draft", files=())


def _taught(lesson: Lesson, traced: audit.Traced, locator: Locator) -> _Judged:
    """Teach the lesson what the recordings hold; returns how it judges them in the end.

    What conforms once conforms to the end, since an entry more never makes a violation: only the rest is judged again.
    """
    judged = _judged(lesson, traced.sent, traced.asked, locator)
    lesson.resolvers(judged.asked)
    aliases = _aliases(judged.asked)
    rest = traced.sent
    for _ in range(_MOST_ROUNDS):
        judged = _judged(lesson, rest, (), locator)
        if not lesson.ways(judged.sent, judged.book, aliases):
            break
        unsettled = {one.transmission.flow for one in judged.sent if one.verdict.group in _OPEN}
        rest = [one for one in rest if one.flow in unsettled]
    whole, learned = _judged(lesson, traced.sent, traced.asked, locator), lesson.channels
    lesson.keep(one.rule.id for one in _approved(whole.sent) if one.rule is not None)
    _ask(lesson, whole.asked)
    if lesson.channels != learned:
        whole = _judged(lesson, traced.sent, traced.asked, locator)
    lesson.names(whole.asked)
    return _Judged(whole.sent, _judged(lesson, (), traced.asked, locator).asked, whole.book)


_OPEN = frozenset({Group.VIOLATES, Group.CANNOT_TELL})


def _judged(lesson: Lesson, sent: Sequence[Transmission], asked: Sequence[Lookup], locator: Locator) -> _Judged:
    bench = judge.Bench(PolicySet((lesson.policy,)), locator.locate)
    return _Judged(*judge.decide(sent, asked, bench), bench.books[0])


def _approved(decisions: Iterable[Decision]) -> list[Decision]:
    """Those that a channel approves for themselves, not as an answer to another."""
    return [one for one in decisions if one.reasons[:1] == (Reason.APPROVED,)]


def _ask(lesson: Lesson, asked: Sequence[LookupDecision]) -> None:
    """Learn how resolvers are asked of which only the lookups were recorded."""
    led_to = {server for channel in lesson.channels for server in channel.to}
    for server in lesson.servers:
        if server.role is Role.RESOLVER and server.id not in led_to:
            for one in asked:
                if one.sender_zone is not None and _is(server, one.lookup.server_ip):
                    lesson.ask(one.sender_zone, server, one.lookup)


def _is(server: Server, address: str | None) -> bool:
    return address is not None and any(cidr.covers(address) for cidr in server.match.cidrs)


def _aliases(asked: Iterable[LookupDecision]) -> dict[str, set[str]]:
    """By name where its CNAMEs led, as every answer tells it."""
    found: dict[str, set[str]] = defaultdict(set)
    for one in (decision.lookup for decision in asked):
        for answer in one.answers or ():
            led = {answer.name} | ({answer.data} if answer.type == "CNAME" else set())
            found[one.qname] |= {alias for alias in led if alias}
    return found


def _private(collected: Collected) -> tuple[Zone, ...]:
    """A zone each for the private networks that an address of the recordings is of."""
    columns = (collected.flows["src_ip"], collected.flows["dst_ip"], collected.lookups["client_ip"])
    addresses = {address for column in columns for address in pc.unique(column).to_pylist() if address}
    networks = [cidr for cidr in map(Cidr.parse, PRIVATE) if any(map(cidr.covers, addresses))]
    return tuple(Zone(id=f"private-{number}", cidrs=(cidr,)) for number, cidr in enumerate(networks, 1))


def _own_networks(collected: Collected) -> str:
    """How to name them, with the network that opened most of what was recorded."""
    hint = "name your own networks with --zone ID=CIDR"
    seen = Counter(
        ipaddress.ip_network(f"{address}/{24 if ':' not in address else 64}", strict=False)
        for column in (collected.flows["src_ip"], collected.lookups["client_ip"])
        for address in column.to_pylist()
        if address
    )
    return f"{hint}; {seen.most_common(1)[0][0]} opened the most of what was recorded" if seen else hint


def _evidence(lesson: Lesson, judged: _Judged) -> dict[tuple[str, str], Observed]:
    """By kind and id what each entry rests on."""
    sent: dict[tuple[str, str], list[Transmission]] = defaultdict(list)
    for one in judged.sent:
        if one.sender_zone is not None:
            sent["zone", one.sender_zone].append(one.transmission)
    tunnels = [one for one in lesson.servers if one.role is Role.TUNNEL]
    for one in judged.sent if tunnels else ():
        for server in tunnels:
            if any(_is(server, layer.receiver) for layer in one.transmission.tunnel):
                sent["server", server.id].append(one.transmission)
    for one in _approved(judged.sent):
        if one.rule is not None:
            sent["channel", one.rule.id].append(one.transmission)
        if one.server is not None:
            sent["server", one.server].append(one.transmission)
    found = {key: _of_transmissions(those) for key, those in sent.items()}
    return found | {key: _of_lookups(those) for key, those in _asking(lesson, judged).items() if key not in found}


def _asking(lesson: Lesson, judged: _Judged) -> dict[tuple[str, str], list[LookupDecision]]:
    """The lookups that entries rest on which no transmission shows."""
    asked: dict[tuple[str, str], list[LookupDecision]] = defaultdict(list)
    resolvers = [one for one in lesson.servers if one.role is Role.RESOLVER]
    for one in judged.asked:
        if one.rule is not None and one.rule.kind == "lookup":
            asked["lookup", one.rule.id].append(one)
        for server in resolvers:
            if one.sender_zone is not None and _is(server, one.lookup.server_ip):
                asked["server", server.id].append(one)
                for channel in lesson.channels:
                    if server.id in channel.to and one.sender_zone in channel.from_:
                        asked["channel", channel.id].append(one)
    return asked


def _of_transmissions(sent: Sequence[Transmission]) -> Observed:
    first = min((one.start for one in sent if one.timed), default=None)
    last = max((one.end for one in sent if one.timed), default=None)
    receivers = tuple(sorted({one.receiver_ip for one in sent}))
    return Observed(Tally.of(sent), 0, first, last, min(one.ref for one in sent), receivers)


def _of_lookups(asked: Sequence[LookupDecision]) -> Observed:
    times = [one.lookup.time for one in asked if one.lookup.time is not None]
    refs = [one.lookup.ref for one in asked]
    return Observed(Tally(), len(asked), min(times, default=None), max(times, default=None), min(refs))


def _left(judged: _Judged, lesson: Lesson) -> dict[str, int]:
    """What still does not conform, by why it was not learned."""
    left: Counter[str] = Counter()
    unnamed: set[str] = set()
    for one in judged.sent:
        if one.verdict.group in _OPEN:
            left[f"transmissions: {refusal(one, lesson.own) or _TOO_MANY}"] += 1
        if one.verdict is not Verdict.OUT_OF_SCOPE:
            unnamed |= {name.name for name in one.transmission.names if plain(name.name.removeprefix("*.")) is None}
    for asked in judged.asked:
        if asked.verdict.group in _OPEN:
            left[_why_not_asked(asked)] += 1
    left[_NO_NAME] += len(unnamed)
    return {words: count for words, count in sorted(left.items()) if count}


def _why_not_asked(one: LookupDecision) -> str:
    if Reason.DATA_IN_NAMES in one.reasons:
        return _DATA_IN_NAMES
    return _NOT_PLAIN if plain(one.lookup.qname) is None or not one.lookup.name_exact else _NOT_ALLOWED
