"""The story of judging one lookup by one policy version.

A lookup shows that a name was asked for, never that something was sent: lookups are counted apart. That many names
together carry data is told by `carried_in_names`, over all lookups.

Promises: the name of a server this zone may use, or one in `[[lookup]]`, is approved; a malformed or lossy name never
is. A client that the source does not give is judged as every zone: what they differ in cannot be told.
"""

from collections.abc import Iterable

import msgspec

from flowwatch.judge.channel import leads_from
from flowwatch.judge.rulebook import Matcher, Rulebook, covered
from flowwatch.judge.scope import lookup_out_of_scope
from flowwatch.model import Lookup, LookupDecision, Name, Reason, Rule, Severity, Verdict


def judge_lookup(lookup: Lookup, book: Rulebook) -> LookupDecision:
    """The verdict on one lookup by the version in force."""
    zone = client_zone(lookup, book)
    scope = _scope(lookup, zone)
    if scope is not None:
        return _decided(lookup, zone, Verdict.OUT_OF_SCOPE, (scope,), Severity.INFO)
    zones = sorted(book.chains) if lookup.client_ip is None else [zone]
    found = [_of_zone(lookup, one, zone, book) for one in zones]
    if len({one.verdict for one in found}) == 1:
        return found[0]
    return _decided(lookup, zone, Verdict.INDETERMINATE, (Reason.UNSEEN,), Severity.INFO)


def lookup_without_policy(lookup: Lookup, book: Rulebook, reason: Reason) -> LookupDecision:
    """In scope by the rulebook's zones, but no version judges it: indeterminate."""
    zone = client_zone(lookup, book)
    scope = _scope(lookup, zone)
    verdict = Verdict.INDETERMINATE if scope is None else Verdict.OUT_OF_SCOPE
    return _decided(lookup, zone, verdict, (scope or reason,), Severity.INFO)


def client_zone(lookup: Lookup, book: Rulebook) -> str | None:
    """The zone of who asked, as the sensor sees it; None where it is in none or not given."""
    return None if lookup.client_ip is None else book.zone(lookup.client_ip, lookup.ref.source)


def _scope(lookup: Lookup, zone: str | None) -> Reason | None:
    if lookup.recursion:
        return Reason.RECURSION
    local = lookup_out_of_scope(lookup.client_ip, lookup.server_ip, lookup.transport)
    outside = lookup.client_ip is not None and zone is None
    return local or (Reason.SENDER_OUTSIDE if outside else None)


def _of_zone(lookup: Lookup, as_zone: str | None, zone: str | None, book: Rulebook) -> LookupDecision:
    """The verdict as for a client in `as_zone`."""
    usable = usable_servers(as_zone, lookup.client_ip, book)
    servers = [name for name in book.listed_names(lookup.qname) if name in usable]
    rule = None if servers else _lookup_rule(lookup.qname, as_zone, book)
    if not servers and rule is None:
        return _unapproved(lookup, zone, book)
    entry = rule or book.rule("server", servers[0])
    if not lookup.name_exact:
        reasons: tuple[Reason, ...] = (Reason.LOSSY_NAME,)
        return _decided(lookup, zone, Verdict.INDETERMINATE, reasons, Severity.INFO, rule=entry)
    differs, notes = _answer(lookup, [book.matchers[name] for name in servers], book)
    verdict = Verdict.DEVIATION if differs else Verdict.APPROVED
    severity = Severity.MEDIUM if differs else Severity.INFO
    decided = _decided(lookup, zone, verdict, differs or (Reason.LOOKUP_APPROVED,), severity, rule=entry)
    return msgspec.structs.replace(decided, server=servers[0] if servers else None, notes=notes)


def usable_servers(zone: str | None, client: str | None, book: Rulebook) -> frozenset[str]:
    """Ids of the servers that a channel from the zone (or one it lies within) or the client's address leads to."""
    chain = book.chain(zone)
    channels = [channel for channel in book.channels_of(chain) if leads_from(channel, chain, client)]
    return frozenset(to for channel in channels for to in channel.to if to in book.servers)


def _lookup_rule(qname: str, zone: str | None, book: Rulebook) -> Rule | None:
    for rule in book.lookups:
        here = not rule.from_ or any(one in rule.from_ for one in book.chain(zone))
        if here and covered(rule.names, qname):
            return book.rule("lookup", rule.id)
    return None


def _unapproved(lookup: Lookup, zone: str | None, book: Rulebook) -> LookupDecision:
    severity = Severity.LOW.lowered() if _blocked(lookup) or lookup.rcode == "NXDOMAIN" else Severity.LOW
    malformed = (Reason.NAME_MALFORMED,) if Name.parse(lookup.qname).malformed else ()
    notes = malformed if lookup.name_exact else (*malformed, Reason.LOSSY_NAME)
    rule = book.rule("defaults", "unlisted")
    decided = _decided(lookup, zone, Verdict.UNAPPROVED, (Reason.LOOKUP_UNAPPROVED,), severity, rule=rule)
    return msgspec.structs.replace(decided, notes=notes)


def _blocked(lookup: Lookup) -> bool:
    """A resolver or DNS firewall withheld or rewrote the answer: the name was not contacted."""
    return lookup.withheld or lookup.rcode == "REFUSED"


def _answer(lookup: Lookup, servers: list[Matcher], book: Rulebook) -> tuple[tuple[Reason, ...], tuple[Reason, ...]]:
    """What of the answer to a server's name is not listed: reasons that decide, and notes."""
    if not servers or not lookup.answers:
        return (), ()
    addresses = [one for one in lookup.answers if one.type in ("A", "AAAA")]
    aliases = [one.data for one in lookup.answers if one.type == "CNAME"]
    aliases += [one.name for one in addresses if one.name and Name.parse(one.name) != Name.parse(lookup.qname)]
    astray = any(not _own_address(one.data, servers) for one in addresses)
    reasons: tuple[Reason, ...] = (Reason.ANSWER_UNLISTED,) if astray else ()
    inspect = book.policy.defaults.dns_binding.cname == "inspect_all"
    if not inspect or all(any(server.alias(alias) for server in servers) for alias in aliases):
        return reasons, ()
    if any(server.names_only for server in servers) or astray:
        return (*reasons, Reason.ALIAS_UNLISTED), ()
    return reasons, (Reason.ALIAS_UNLISTED,)


def _own_address(address: str, servers: Iterable[Matcher]) -> bool:
    return any(server.names_only or server.address(address) for server in servers)


def _decided(
    lookup: Lookup,
    zone: str | None,
    verdict: Verdict,
    reasons: tuple[Reason, ...],
    severity: Severity,
    *,
    rule: Rule | None = None,
) -> LookupDecision:
    return LookupDecision(
        lookup=lookup, verdict=verdict, reasons=reasons, severity=severity, sender_zone=zone, rule=rule
    )
