"""Decisions worth telling, gathered into findings: the same finding keeps its id tomorrow.

Promises: an id depends on policy, entry, reason, zone, server (else asked name, else address) and service, never on the
day, a path or the sender's address. What ran in a tunnel to an unlisted end is one finding by that end, whatever ran
inside. Titles may hold observed names as they are: every writer escapes.
"""

import hashlib
from collections.abc import Iterable, Mapping

import msgspec

from flowwatch.judge.carried_in_names import BULK, bytes_in_names
from flowwatch.judge.held import Together, position, record
from flowwatch.judge.remedies import remedy_of
from flowwatch.model import (
    Check,
    Coverage,
    Decision,
    Endpoint,
    Evidence,
    Finding,
    Group,
    Held,
    Instant,
    Label,
    Lookup,
    LookupDecision,
    Reason,
    Ref,
    Rule,
    SeenName,
    Sureness,
    Transmission,
    Truth,
    Verdict,
)

EVIDENCE_MOST = 20
"""Records listed with a finding, earliest first; its `count` has them all."""
_NAMES_MOST = 20
_SURENESS = list(Sureness)
"""Least sure first."""
_TOLD = frozenset({Group.VIOLATES, Group.CANNOT_TELL})


class _Key(msgspec.Struct, frozen=True):
    """What makes two decisions one finding."""

    policy: str
    entry: str
    reason: str
    zone: str
    where: str
    service: str

    @property
    def id(self) -> str:
        """A stable digest."""
        parts = msgspec.structs.astuple(self)
        return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def findings_of(
    decisions: Iterable[Held], lookups: Iterable[LookupDecision], coverage: Iterable[Coverage]
) -> tuple[Finding, ...]:
    """The findings, most severe first, then by bytes sent, then id."""
    sources = {one.source: one for one in coverage}
    sent: dict[_Key, list[Held]] = {}
    for one in decisions:
        if worth_telling(one.decision):
            sent.setdefault(_key(one.decision), []).append(one)
    asked: dict[_Key, list[LookupDecision]] = {}
    for lookup in lookups:
        if worth_telling(lookup):
            asked.setdefault(_lookup_key(lookup), []).append(lookup)
    found = [_finding(key, group, sources) for key, group in sent.items()]
    found += [_lookup_finding(key, group, sources) for key, group in asked.items()]
    return most_severe_first(found)


def most_severe_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings in the order they are told in."""
    return tuple(sorted(findings, key=lambda one: (-one.severity.rank, -one.sent.weight, one.id)))


def finding_of(decision: Decision | LookupDecision) -> str | None:
    """The id of the finding that tells the decision; None where it is not worth telling."""
    if not worth_telling(decision):
        return None
    return (_key(decision) if isinstance(decision, Decision) else _lookup_key(decision)).id


def id_of(rule: Rule | None, reason: Reason, zone: str | None, where: str) -> str:
    """The id of a finding that no transmission made: by its rule, reason, sender zone and where it would have gone."""
    return _keyed(rule, (reason,), zone, where, "").id


def service_of(transmission: Transmission) -> str:
    """As `tcp/443`; without port where there is none."""
    port = transmission.service_port
    return transmission.proto if port is None else f"{transmission.proto}/{port}"


def worth_telling(decision: Decision | LookupDecision) -> bool:
    """Without a policy nothing differs from anything: all is listed as destinations, nothing is a finding."""
    return decision.verdict.group in _TOLD and Reason.NONE_GIVEN not in decision.reasons


def _key(decision: Decision) -> _Key:
    return _keyed(decision.rule, decision.reasons, decision.sender_zone, where_of(decision), _service(decision))


def _service(decision: Decision) -> str:
    """As `tcp/443`; `gre` of a tunnel that leads to a place not listed."""
    return service_of(decision.transmission) if decision.far_end is None else decision.far_end.kind


def where_of(decision: Decision) -> str:
    """Which destination it is: an unlisted tunnel's end, a listed server, a host asked of a proxy, else the address."""
    if decision.far_end is not None:
        return f"tunnel:{decision.far_end.receiver}"
    if at_server(decision):
        return f"server:{decision.server}"
    return f"asked:{decision.asked}" if decision.asked else f"address:{decision.transmission.receiver_ip}"


def at_server(decision: Decision) -> bool:
    """The receiver is the listed server, rather than an address that only goes by its name."""
    shown = [check.truth for check in decision.checks if check.what in ("address", "binding")]
    return decision.server is not None and all(truth is Truth.TRUE for truth in shown)


def _lookup_key(decision: LookupDecision) -> _Key:
    where = f"server:{decision.server}" if decision.server else f"name:{_asked(decision)}"
    return _keyed(decision.rule, decision.reasons, decision.sender_zone, where, "lookup")


def _keyed(rule: Rule | None, reasons: tuple[Reason, ...], zone: str | None, where: str, service: str) -> _Key:
    policy, entry = (rule.policy_id, f"{rule.kind}:{rule.id}") if rule else ("", "")
    return _Key(policy, entry, reasons[0].value, zone or "", where, service)


def _finding(key: _Key, group: list[Held], sources: Mapping[str, Coverage]) -> Finding:
    """One finding over the transmissions of a key; the worst (then earliest) one shows the details."""
    group = sorted(group, key=lambda one: position(one.decision.transmission))
    decisions = [one.decision for one in group]
    worst = max(decisions, key=lambda one: (one.verdict.rank, one.severity.rank))
    earliest = sorted((sent for one in group for sent in one.earliest), key=position)
    together = Together.of(group)
    tally = together.tally
    sureness, why = _confidence(worst)
    openers = {one.transmission.opened_by for one in decisions}
    return Finding(
        id=key.id,
        kind=worst.reasons[0],
        verdict=worst.verdict,
        severity=max((one.severity for one in decisions), key=lambda severity: severity.rank),
        confidence=sureness,
        confidence_why=why,
        title=_title(worst, attempts_only=tally.attempts == tally.count),
        first_seen=together.first,
        last_seen=together.last,
        count=tally.count,
        attempts=tally.attempts,
        bytes_sent=tally.bytes,
        bytes_most=tally.bytes_most,
        bytes_unknown=tally.bytes_unknown,
        bytes_acked=together.acked,
        sender_zone=worst.sender_zone,
        senders=tuple(sorted(together.senders)),
        receiver=_endpoint(worst),
        service=_service(worst),
        opened_by=openers.pop() if len(openers) == 1 else None,
        server=worst.server,
        asked=worst.asked,
        via=worst.via,
        names=() if worst.far_end else merged_names(name for one in earliest for name in one.names),
        place=worst.place,
        labels=merged_labels(decisions),
        rule=worst.rule,
        checks=worst.checks,
        notes=tuple(dict.fromkeys(note for one in decisions for note in one.notes)),
        remedy=remedy_of(worst.reasons[0]),
        evidence=_evidence(earliest, sources),
    )


def _endpoint(worst: Decision) -> Endpoint:
    """Where it went first: the receiver, or the far end of a tunnel."""
    address, _, _ = worst.destination
    port = worst.transmission.receiver_port if worst.far_end is None else None
    return Endpoint(zone=worst.receiver_zone, address=address, port=port)


def _lookup_finding(key: _Key, group: list[LookupDecision], sources: Mapping[str, Coverage]) -> Finding:
    """One finding over the lookups of a key."""
    group = sorted(group, key=lambda one: record(one.lookup.ref))
    worst = max(group, key=lambda one: (one.verdict.rank, one.severity.rank))
    times = [one.lookup.time for one in group if one.lookup.time is not None]
    exact = worst.lookup.name_exact
    return Finding(
        id=key.id,
        kind=worst.reasons[0],
        verdict=worst.verdict,
        severity=max((one.severity for one in group), key=lambda severity: severity.rank),
        confidence=Sureness.HIGH if exact else Sureness.LOW,
        confidence_why="the question was recorded" if exact else "the source writes the name lossily",
        title=_lookup_title(worst),
        first_seen=min(times, default=None),
        last_seen=max(times, default=None),
        count=len(group),
        attempts=0,
        bytes_sent=bytes_in_names(group),
        bytes_most=bytes_in_names(group),
        bytes_unknown=0,
        bytes_acked=None,
        sender_zone=worst.sender_zone,
        senders=tuple(sorted({one.lookup.client_ip for one in group if one.lookup.client_ip})),
        receiver=None,
        service=None,
        server=worst.server,
        asked=_asked(worst),
        labels=() if worst.carried_below is None else (BULK,),
        rule=worst.rule,
        checks=_answer_checks(worst),
        notes=tuple(dict.fromkeys(note for one in group for note in one.notes)),
        remedy=remedy_of(worst.reasons[0]),
        evidence=tuple(lookup_evidence(one.lookup, sources) for one in group[:EVIDENCE_MOST]),
    )


def _asked(decision: LookupDecision) -> str:
    """The name asked for, or the domain whose names carried data."""
    return decision.carried_below or decision.lookup.qname


def _lookup_title(worst: LookupDecision) -> str:
    what = worst.lookup.qname if worst.carried_below is None else f"names below {worst.carried_below}"
    return f"{_from(worst.sender_zone)} asked for {what}: {worst.reasons[0].sentence}"


def merged_names(names: Iterable[SeenName]) -> tuple[SeenName, ...]:
    """The distinct names with their first evidence of each class, strongest first, at most twenty."""
    found: dict[tuple[int, str], SeenName] = {}
    for name in names:
        found.setdefault((name.evidence.rank, name.name), name)
    return tuple(found[key] for key in sorted(found)[:_NAMES_MOST])


def merged_labels(decisions: Iterable[Decision]) -> tuple[Label, ...]:
    """The distinct labels, each with the surest classifier that gave it."""
    found: dict[str, Label] = {}
    for label in (label for decision in decisions for label in decision.labels):
        known = found.get(label.name)
        if known is None or _SURENESS.index(label.sureness) > _SURENESS.index(known.sureness):
            found[label.name] = label
    return tuple(found[name] for name in sorted(found))


def _confidence(worst: Decision) -> tuple[Sureness, str]:
    """How sure the finding is, and why."""
    transmission = worst.transmission
    if worst.verdict is Verdict.INDETERMINATE:
        return Sureness.LOW, "a condition could not be seen"
    if any(check.truth is Truth.UNSEEN for check in worst.checks):
        return Sureness.MEDIUM, "one condition differs, another could not be seen"
    if transmission.direction_basis in ("port", "first_record", "peer_record"):
        return Sureness.MEDIUM, "which side opened the flow was inferred"
    if transmission.sent.exact is None:
        return Sureness.MEDIUM, "the size is known only as a range"
    return Sureness.HIGH, "every condition that decides was recorded"


def _title(worst: Decision, *, attempts_only: bool) -> str:
    transmission = worst.transmission
    service = service_of(transmission)
    end = worst.far_end
    if worst.asked is not None and end is None:
        through = f"asked proxy {worst.via} ({service}) for {worst.asked}"
        return f"{_from(worst.sender_zone)} {through}: {worst.reasons[0].sentence}"
    verb = "tried to reach" if attempts_only else "sent to" if transmission.responder_is_receiver else "answered"
    through = "" if end is None else f" through {end.kind} to {end.receiver}"
    return f"{_from(worst.sender_zone)} {verb} {_receiver(worst)} ({service}){through}: {worst.reasons[0].sentence}"


def _receiver(worst: Decision) -> str:
    address = worst.transmission.receiver_ip
    used = next((name.name for name in worst.transmission.names if name.used), None)
    known = worst.server if at_server(worst) else used
    return f"{known} at {address}" if known else address


def _from(zone: str | None) -> str:
    return f"zone {zone}" if zone is not None else "a sender"


def _evidence(transmissions: list[Transmission], sources: Mapping[str, Coverage]) -> tuple[Evidence, ...]:
    """The records of the first transmissions, those of other sources with them, and of what named their receiver."""
    shown = transmissions[:EVIDENCE_MOST]
    found = [_record(one.ref, _time(one), _how(one), sources, one.community_id) for one in shown]
    also = {account.ref: one for one in shown for account in one.accounts if account.ref != one.ref}
    others = sorted(also.items(), key=lambda item: record(item[0]))[:EVIDENCE_MOST]
    found += [_record(ref, _time(one), _how(one), sources, one.community_id) for ref, one in others]
    own = {one.ref for one in shown} | also.keys()
    naming = {name.ref: name for one in shown for name in one.names if name.ref is not None and name.ref not in own}
    for ref in sorted(naming, key=record)[: EVIDENCE_MOST // 2]:
        name = naming[ref]
        found.append(_record(ref, name.live_from, f"{name.evidence}: {name.name}", sources))
    return tuple(found)


def evidence_of(one: Transmission, how: str, sources: Mapping[str, Coverage]) -> Evidence:
    """Where one transmission stands that bears on a finding about others."""
    return _record(one.ref, _time(one), how, sources, one.community_id)


def _time(transmission: Transmission) -> Instant | None:
    return transmission.start if transmission.timed else None


def _how(transmission: Transmission) -> str:
    return "attempt" if transmission.attempted else "transmission" if transmission.responder_is_receiver else "answer"


def lookup_evidence(lookup: Lookup, sources: Mapping[str, Coverage]) -> Evidence:
    """Where a question stands that was asked."""
    return _record(lookup.ref, lookup.time, "lookup", sources)


def _record(
    ref: Ref, time: Instant | None, how: str, sources: Mapping[str, Coverage], community_id: str | None = None
) -> Evidence:
    held = sources.get(ref.source)
    return Evidence(
        source=ref.source,
        sha256=held.sha256 if held else None,
        record=ref.first_record,
        last_record=ref.last_record,
        offset=ref.offset,
        time=time,
        how=how,
        format=held.format if held else None,
        community_id=community_id,
    )


def _answer_checks(worst: LookupDecision) -> tuple[Check, ...]:
    """What the answer held, where the answer decided."""
    answers = worst.lookup.answers
    if worst.verdict is not Verdict.DEVIATION or not answers:
        return ()
    observed = ", ".join(f"{one.type} {one.data}" for one in answers[:EVIDENCE_MOST])
    declared = f"the addresses and names of {worst.server}"
    return (Check("answer", Truth.FALSE, declared, observed, worst.reasons[0]),)
