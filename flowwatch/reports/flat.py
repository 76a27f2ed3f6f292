"""An alert as words with texts, for formats that know no structure: EVE's rule metadata, CEF's extension.

Promises: the words are stable `snake_case`, their order is fixed, none is without a text; at most `fields.LIST_MOST`
texts each, and `left_out` counts the rest by word. Observed text is returned as it is: the sink escapes it.
"""

from collections.abc import Iterable

from flowwatch.model import Alert, Evidence, Finding, Place
from flowwatch.reports import fields, phrases, placed
from flowwatch.reports.jsonl import rfc3339

_Said = Iterable[str | None]


def facts(alert: Alert) -> dict[str, tuple[str, ...]]:
    """Word -> texts: of the alert, then of its finding."""
    told: dict[str, _Said] = {
        "delivery": (alert.delivery,),
        "kind": (alert.kind,),
        "life": (alert.life,),
        "host": (alert.host,),
        "severity": (alert.severity,),
        "title": (alert.title,),
        "lines": alert.lines,
        "policy": (f"{alert.policy.id} {alert.policy.version}",) if alert.policy else (),
        "policy_sha256": (alert.policy.sha256,) if alert.policy else (),
        **(_of_finding(alert.finding) if alert.finding else {}),
    }
    held = {word: tuple(text for text in texts if text) for word, texts in told.items()}
    rest = {word: len(texts) - fields.LIST_MOST for word, texts in held.items()}
    held["left_out"] = tuple(f"{word} {count}" for word, count in rest.items() if count > 0)
    return {word: texts[: fields.LIST_MOST] for word, texts in held.items() if texts}


def _of_finding(one: Finding) -> dict[str, _Said]:
    return {
        "finding": (one.id,),
        "reason": (one.kind.value,),
        "verdict": (one.verdict,),
        "confidence": (one.confidence,),
        "confidence_why": (one.confidence_why,),
        "rule": (f"{one.rule.kind} {one.rule.id}",) if one.rule else (),
        "rule_policy": (f"{one.rule.policy_id} {one.rule.policy_version}",) if one.rule else (),
        "first_seen": (rfc3339(one.first_seen) if one.first_seen is not None else None,),
        "last_seen": (rfc3339(one.last_seen) if one.last_seen is not None else None,),
        **_amounts(one),
        "sender_zone": (one.sender_zone,),
        "senders": one.senders,
        **_destination(one),
        "labels": [label.name for label in one.labels],
        "checks": [phrases.check(check) for check in one.checks],
        "notes": [note.value for note in one.notes],
        "remedy": (one.remedy,),
        "evidence": [_record(record) for record in one.evidence],
        "evidence_sha256": dict.fromkeys(record.sha256 for record in one.evidence),
    }


def _amounts(one: Finding) -> dict[str, _Said]:
    counts = {
        "count": one.count,
        "attempts": one.attempts,
        "bytes_sent": one.bytes_sent,
        "bytes_most": one.bytes_most,
        "bytes_unknown": one.bytes_unknown,
        "bytes_acked": one.bytes_acked,
    }
    return {word: (str(fields.number(count)),) for word, count in counts.items() if count is not None}


def _destination(one: Finding) -> dict[str, _Said]:
    port = one.receiver.port if one.receiver else None
    return {
        "destination": (fields.receiver(one),),
        "destination_port": (None if port is None else str(port),),
        "destination_zone": (one.receiver.zone if one.receiver else None,),
        "service": (one.service,),
        "opened_by": (one.opened_by,),
        "server": (one.server,),
        "names": [f"{name} ({classes})" for name, classes in phrases.names(one.names)],
        "asked": (one.asked,),
        "via": (one.via,),
        **(_place(one.place) if one.place else {}),
    }


def _place(place: Place) -> dict[str, _Said]:
    basis = (f"{one.country or 'no country'}: {one.basis}, {one.source}, {one.source_date}" for one in place.located)
    return {
        "located": (placed.located(place),),
        "located_by": [one.removesuffix(", None") for one in basis],
        "registered": (placed.registered(place),),
        "operated": (placed.operated(place),),
    }


def _record(one: Evidence) -> str:
    """`night.pcap:37-45@22096 transmission`: source, records, byte offset, how it bears."""
    last = f"-{one.last_record}" if one.last_record != one.record else ""
    offset = f"@{one.offset}" if one.offset is not None else ""
    return f"{one.source}:{one.record}{last}{offset} {one.how}"
