"""A draft as TOML: every entry under a comment with its evidence and the mark `# REVIEW`.

Promises: no text seen in traffic is written as a value unless it is a plain host name, an address, a number or a known
word (anything else raises here, though `lesson` lets none through); in comments it is printable ASCII on one line.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from flowwatch.model import Group
from flowwatch.policy.document import SCHEMA
from flowwatch.policy.terms import Channel, LookupRule, Role, Server, Zone
from flowwatch.reports import phrases
from flowwatch.reports.escape import terminal
from flowwatch.trial.learn import Draft, Observed

_HARMLESS = re.compile(r"[A-Za-z0-9._:/-]{1,300}", re.ASCII)
_SECOND = 10**9
_MOST_TOLD = 8


def whole(draft: Draft) -> str:
    """The draft as a policy of its own."""
    head = [
        *_preface(draft),
        "",
        f'schema = "{SCHEMA}"',
        "",
        "# REVIEW: an id, a version, a title and an owner of yours",
    ]
    head += ["[policy]", 'id = "learned"', 'version = "draft"', 'title = "Learned from recordings, not reviewed"']
    return _joined([head, *_entries(draft)])


def added(draft: Draft, base: str) -> str:
    """The text of the policy one began with, and below it what was learned."""
    return _joined([[base.rstrip("\n")], list(_preface(draft)), *_entries(draft)])


def _joined(blocks: Iterable[Sequence[str]]) -> str:
    return "\n\n".join("\n".join(lines) for lines in blocks) + "\n"


def _preface(draft: Draft) -> Iterator[str]:
    yield "# A draft, learned from recordings: nobody has approved it. What was seen of an entry stands above it, after"
    yield "# the mark REVIEW: put the entry right or take it out, then remove its mark. `flowwatch policy check` says"
    yield "# how many are left."
    first = min((one.first for one in draft.coverage if one.first is not None), default=None)
    last = max((one.last for one in draft.coverage if one.last is not None), default=None)
    yield _comment(f"Recorded by {phrases.recorded_by(draft.coverage)}, {phrases.between(first, last)}.")
    for one in draft.coverage:
        if one.incomplete:
            yield _comment(f"Not read in full: {phrases.short(one.source, 200)}: {'; '.join(one.shortfalls)}")
    told = {group: phrases.number(count) for group, count in draft.tried.items()}
    yield _comment(
        f"Judged by this draft, {told[Group.CONFORMS]} transmissions of these recordings conform, "
        f"{told[Group.VIOLATES]} violate, {told[Group.CANNOT_TELL]} could not be told; "
        f"{told[Group.OUT_OF_SCOPE]} out of scope."
    )
    for words, count in draft.left.items():
        yield _comment(f"Left out: {phrases.number(count)} {words}")


def _entries(draft: Draft) -> Iterator[list[str]]:
    for zone in draft.zones:
        yield [_mark(draft.seen.get(("zone", zone.id))), *_zone(zone)]
    for server in draft.servers:
        observed = draft.seen.get(("server", server.id))
        yield [_mark(observed), *_server(server, observed)]
    for channel in draft.channels:
        observed = draft.seen.get(("channel", channel.id))
        yield [_mark(observed), *_channel(channel, observed)]
    for rule in draft.lookups:
        yield [_mark(draft.seen.get(("lookup", rule.id))), *_lookup(rule, draft)]


def _mark(observed: Observed | None) -> str:
    """The comment with what the entry rests on."""
    if observed is None:
        return "# REVIEW: nothing was seen of it"
    if observed.lookups:
        much = phrases.plural(observed.lookups, "lookup")
    else:
        much = f"{phrases.plural(observed.tally.count, 'transmission')}, {phrases.sent(observed.tally.sent)} sent"
    ref = observed.record
    record = "" if ref is None else f"; first in {phrases.short(ref.source, 200)} record {ref.first_record}"
    return _comment(f"REVIEW: {much}, {phrases.between(observed.first, observed.last)}{record}")


def _comment(text: str) -> str:
    """The text as a comment of one line; what is not printable ASCII is escaped."""
    return f"# {terminal(text)}"


def _zone(zone: Zone) -> Iterator[str]:
    yield "[[zone]]                                  # what is sent within a zone is not judged: name the sites apart"
    yield f"id = {_text(zone.id)}"
    yield f"cidrs = {_texts(zone.cidrs)}"


def _server(server: Server, observed: Observed | None) -> Iterator[str]:
    yield "[[server]]"
    yield f"id = {_text(server.id)}"
    if server.role is not Role.OTHER:
        yield f"role = {_text(server.role)}"
    match = server.match
    keys = {"cidrs": match.cidrs, "names": match.names, "aliases": match.aliases}
    yield f"match = {{ {', '.join(f'{key} = {_texts(values)}' for key, values in keys.items() if values)} }}"
    seen = () if observed is None or match.cidrs else observed.receivers
    if seen:
        more = f" and {len(seen) - _MOST_TOLD} more" if len(seen) > _MOST_TOLD else ""
        yield _comment(f"seen at {', '.join(seen[:_MOST_TOLD])}{more}; `cidrs` beside `names` would allow those alone")
    if server.dedicated:
        yield "dedicated = true"


def _channel(channel: Channel, observed: Observed | None) -> Iterator[str]:
    yield "[[channel]]"
    yield f"id = {_text(channel.id)}"
    yield f"from = {_texts(channel.from_)}"
    yield f"to = {_texts(channel.to)}"
    if channel.opened_by != "sender":
        yield f"opened_by = {_text(channel.opened_by)}"
    ports = [str(one.first) if one.first == one.last else _text(one) for one in channel.service.ports]
    service = f"proto = {_text(channel.service.proto)}" + (f", ports = [{', '.join(ports)}]" if ports else "")
    yield f"service = {{ {service} }}"
    if channel.carries:
        yield f"carries = {_texts(channel.carries)}"
    if observed is not None and observed.first is not None and observed.last is not None:
        yield f"# when = [{{ from = {phrases.utc(observed.first)}, until = {phrases.utc(observed.last + _SECOND)} }}]"


def _lookup(rule: LookupRule, draft: Draft) -> Iterator[str]:
    yield "[[lookup]]"
    yield f"id = {_text(rule.id)}"
    yield "names = ["
    for name in rule.names:
        yield f"  {_text(name)},  # {phrases.plural(draft.asked[rule.id, str(name)], 'lookup')}"
    yield "]"
    if rule.from_:
        yield f"from = {_texts(rule.from_)}"


def _texts(values: Iterable[object]) -> str:
    return f"[{', '.join(map(_text, values))}]"


def _text(value: object) -> str:
    """The value as a TOML string; ValueError where it holds what no id, name, network or word of ours does."""
    text = str(value)
    if not _HARMLESS.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is no value of a draft")
    return json.dumps(text)
