"""Decisions worth telling, gathered into findings: the same finding keeps its id tomorrow.

Promises: an id depends on policy, entry, reason, zone, server (else asked name, else address) and service, never on the
day, a path or the sender's address. What ran in a tunnel to an unlisted end is one finding by that end, whatever ran
inside. Titles may hold observed names as they are: every writer escapes.
"""

import hashlib
from collections.abc import Iterable, Mapping

import msgspec

from flowwatch.judge.carried_in_names import BULK, bytes_in_names
from flowwatch.judge.remedies import remedy_of
from flowwatch.model import (
    Amount,
    Check,
    Coverage,
    Decision,
    Endpoint,
    Evidence,
    Finding,
    Group,
    Instant,
    Label,
    Lookup,
    LookupDecision,
    OpenedBy,
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
    decisions: Iterable[Decision], lookups: Iterable[LookupDecision], coverage: Iterable[Coverage]
) -> tuple[Finding, ...]:
    """The findings, most severe first, then by bytes sent, then id."""
    sources = {one.source: one for one in coverage}
    sent: dict[_Key, list[Decision]] = {}
    for decision in decisions:
        if _worth_telling(decision.verdict, decision.reasons):
            sent.setdefault(_key(decision), []).append(decision)
    asked: dict[_Key, list[LookupDecision]] = {}
    for lookup in lookups:
        if _worth_telling(lookup.verdict, lookup.reasons):
            asked.setdefault(_lookup_key(lookup), []).append(lookup)
    found = [_finding(key, group, sources) for key, group in sent.items()]
    found += [_lookup_finding(key, group, sources) for key, group in asked.items()]
    return most_severe_first(found)


def most_severe_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings in the order they are told in."""
    return tuple(sorted(findings, key=lambda one: (-one.severity.rank, -one.sent.weight, one.id)))


def finding_of(decision: Decision | LookupDecision) -> str | None:
    """The id of the finding that tells the decision; None where it is not worth telling."""
    if not _worth_telling(decision.verdict, decision.reasons):
        return None
    return (_key(decision) if isinstance(decision, Decision) else _lookup_key(decision)).id


def id_of(rule: Rule | None, reason: Reason, zone: str | None, where: str) -> str:
    """The id of a finding that no transmission made: by its rule, reason, sender zone and where it would have gone."""
    return _keyed(rule, (reason,), zone, where, "").id


def service_of(transmission: Transmission) -> str:
    """As `tcp/443`; without port where there is none."""
    port = transmission.service_port
    return transmission.proto if port is None else f"{transmission.proto}/{port}"


def _worth_telling(verdict: Verdict, reasons: tuple[Reason, ...]) -> bool:
    """Without a policy nothing differs from anything: all is listed as destinations, nothing is a finding."""
    return verdict.group in _TOLD and Reason.NONE_GIVEN not in reasons


def _key(decision: Decision) -> _Key:
    return _keyed(decision.rule, decision.reasons, decision.sender_zone, where_of(decision), _service(decision))


def _service(decision: Decision) -> str:
    """As `tcp/443`; `gre` of a tunnel that leads to a place not listed."""
    return service_of(decision.transmission) if decision.far_end is None else decision.far_end.kind


def where_of(decision: Decision) -> str:
    """Which destination it is: an unlisted tunnel's end, a listed server, a host asked of a proxy, else the address."""
    if decision.far_end is not None:
        return f"tunnel:{decision.far_end.receiver}"
    if _at_server(decision):
        return f"server:{decision.server}"
    return f"asked:{decision.asked}" if decision.asked else f"address:{decision.transmission.receiver_ip}"


def _at_server(decision: Decision) -> bool:
    """The receiver is the listed server, rather than an address that only goes by its name."""
    shown = [check.truth for check in decision.checks if check.what in ("address", "binding")]
    return decision.server is not None and all(truth is Truth.TRUE for truth in shown)


def _lookup_key(decision: LookupDecision) -> _Key:
    where = f"server:{decision.server}" if decision.server else f"name:{_asked(decision)}"
    return _keyed(decision.rule, decision.reasons, decision.sender_zone, where, "lookup")


def _keyed(rule: Rule | None, reasons: tuple[Reason, ...], zone: str | None, where: str, service: str) -> _Key:
    policy, entry = (rule.policy_id, f"{rule.kind}:{rule.id}") if rule else ("", "")
    return _Key(policy, entry, reasons[0].value, zone or "", where, service)


def _finding(key: _Key, group: list[Decision], sources: Mapping[str, Coverage]) -> Finding:
    """One finding over the transmissions of a key; the worst (then earliest) one shows the details."""
    worst = min(group, key=lambda one: (-one.verdict.rank, -one.severity.rank, _position(one.transmission)))
    transmissions = sorted((one.transmission for one in group), key=_position)
    sureness, why = _confidence(worst)
    sent = Amount.total(one.sent for one in transmissions)
    acked = [one.acked for one in transmissions if one.acked is not None]
    openers = {one.opened_by for one in transmissions}
    return Finding(
        id=key.id,
        kind=worst.reasons[0],
        verdict=worst.verdict,
        severity=max((one.severity for one in group), key=lambda severity: severity.rank),
        confidence=sureness,
        confidence_why=why,
        title=_title(worst, attempts_only=all(one.attempted for one in transmissions)),
        first_seen=min((one.start for one in transmissions if one.timed), default=None),
        last_seen=max((one.end for one in transmissions if one.timed), default=None),
        count=len(group),
        attempts=sum(one.attempted for one in transmissions),
        bytes_sent=sent.least,
        bytes_most=sent.most,
        bytes_unknown=sum(one.sent.exact is None for one in transmissions),
        bytes_acked=sum(acked) if acked else None,
        sender_zone=worst.sender_zone,
        senders=tuple(sorted({one.sender_ip for one in transmissions})),
        receiver=_endpoint(worst),
        service=_service(worst),
        opened_by=openers.pop() if len(openers) == 1 else None,
        server=worst.server,
        asked=worst.asked,
        via=worst.via,
        names=() if worst.far_end else merged_names(transmissions),
        place=worst.place,
        labels=merged_labels(group),
        rule=worst.rule,
        checks=worst.checks,
        notes=tuple(dict.fromkeys(note for one in group for note in one.notes)),
        remedy=remedy_of(worst.reasons[0]),
        evidence=_evidence(transmissions, sources),
    )


def _endpoint(worst: Decision) -> Endpoint:
    """Where it went first: the receiver, or the far end of a tunnel."""
    address, _, _ = worst.destination
    port = worst.transmission.receiver_port if worst.far_end is None else None
    return Endpoint(zone=worst.receiver_zone, address=address, port=port)


def _lookup_finding(key: _Key, group: list[LookupDecision], sources: Mapping[str, Coverage]) -> Finding:
    """One finding over the lookups of a key."""
    group = sorted(group, key=lambda one: _ref(one.lookup.ref))
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
        evidence=tuple(_lookup_evidence(one.lookup, sources) for one in group[:EVIDENCE_MOST]),
    )


def _asked(decision: LookupDecision) -> str:
    """The name asked for, or the domain whose names carried data."""
    return decision.carried_below or decision.lookup.qname


def _lookup_title(worst: LookupDecision) -> str:
    what = worst.lookup.qname if worst.carried_below is None else f"names below {worst.carried_below}"
    return f"{_from(worst.sender_zone)} asked for {what}: {worst.reasons[0].sentence}"


def merged_names(transmissions: Iterable[Transmission]) -> tuple[SeenName, ...]:
    """The distinct names with their first evidence of each class, strongest first, at most twenty."""
    found: dict[tuple[int, str], SeenName] = {}
    for transmission in transmissions:
        for name in transmission.names:
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
    known = worst.server if _at_server(worst) else used
    return f"{known} at {address}" if known else address


def _from(zone: str | None) -> str:
    return f"zone {zone}" if zone is not None else "a sender"


def _position(transmission: Transmission) -> tuple[object, ...]:
    return (transmission.start, *_ref(transmission.ref), transmission.opened_by is OpenedBy.RECEIVER, transmission.flow)


def _ref(ref: Ref) -> tuple[str, int, int]:
    return ref.source, ref.first_record, ref.last_record


def _evidence(transmissions: list[Transmission], sources: Mapping[str, Coverage]) -> tuple[Evidence, ...]:
    """The records of the first transmissions, those of other sources with them, and of what named their receiver."""
    shown = transmissions[:EVIDENCE_MOST]
    found = [_record(one.ref, _time(one), _how(one), sources, one.community_id) for one in shown]
    also = {account.ref: one for one in shown for account in one.accounts if account.ref != one.ref}
    others = sorted(also.items(), key=lambda item: _ref(item[0]))[:EVIDENCE_MOST]
    found += [_record(ref, _time(one), _how(one), sources, one.community_id) for ref, one in others]
    own = {one.ref for one in shown} | also.keys()
    naming = {name.ref: name for one in shown for name in one.names if name.ref is not None and name.ref not in own}
    for ref in sorted(naming, key=_ref)[: EVIDENCE_MOST // 2]:
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


def _lookup_evidence(lookup: Lookup, sources: Mapping[str, Coverage]) -> Evidence:
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
