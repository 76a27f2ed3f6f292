"""An alert as an OCSF 1.8 Detection Finding (class 2004) with the profile `security_control`.

Promises: `finding_info` names the finding and the rule that decided (`analytic`), `policy` the policy and its version,
`metadata.uid` the delivery, `metadata.event_code` the reason, `status_code` the verdict. `evidences` holds first a
connection for each sender (the first with the receiver, its names, place and network), then the records; `enrichments`
each fact of the place with its basis; `observables` addresses and names. What OCSF has no attribute for is in
`unmapped`, which also counts under `left_out` what lists of at most 20 do not hold.
`activity_id`: new (or a life not told) 1 create; repeated, raised, changed 2 update; quiet 99 other, since what was
sent stays sent and nothing is closed. `action_id` 3 observed, `disposition_id` 17 logged: nothing was stopped.
`severity_id`: info 1, low 2, medium 3, high 4, critical 5. `confidence_id`: low 1, medium 2, high 3.
Source: OCSF 1.8.0, https://schema.ocsf.io/1.8.0/classes/detection_finding.
Refuses: the profile `incident` and its verdicts: they speak of breaches and of what is benign.
"""

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from flowwatch.model import Alert, Evidence, Finding, Instant, Life, OpenedBy, Place, Severity, Sureness
from flowwatch.reports import fields, jsonl, placed

VERSION = "1.8.0"
_CATEGORY, _CLASS = 2, 2004
_SEVERITIES = {
    Severity.INFO: (1, "Informational"),
    Severity.LOW: (2, "Low"),
    Severity.MEDIUM: (3, "Medium"),
    Severity.HIGH: (4, "High"),
    Severity.CRITICAL: (5, "Critical"),
}
_SURENESS = {Sureness.LOW: (1, "Low"), Sureness.MEDIUM: (2, "Medium"), Sureness.HIGH: (3, "High")}
_CREATE, _UPDATE, _OTHER = (1, "Create"), (2, "Update"), (99, "Quiet")
_ACTIVITIES = {None: _CREATE, Life.NEW: _CREATE, Life.QUIET: _OTHER}
_UNKNOWN, _INBOUND, _OUTBOUND, _LATERAL = 0, 1, 2, 3
_HOST_NAME, _IP_ADDRESS = (1, "Hostname"), (2, "IP Address")
_REGULAR_FILE, _SHA256, _RULE = 1, 3, 1
_UNMAPPED = (
    "attempts", "bytes_sent", "bytes_most", "bytes_unknown", "bytes_acked", "confidence_why", "sender_zone",
    "opened_by", "server", "via", "asked", "names", "labels", "checks", "notes",
)  # fmt: skip
"""Of a finding, those of its keys for which OCSF has no attribute, or none that holds them whole."""
_UNMAPPED_OF_PLACE = ("address", "confidence", "why", "anycast", "special", "inner")


def line(alert: Alert) -> bytes:
    """The alert as one line."""
    one = alert.finding
    severity, severity_name = _SEVERITIES[alert.severity]
    activity, activity_name = _ACTIVITIES.get(alert.life, _UPDATE)
    return fields.line(
        {
            "metadata": _metadata(alert),
            "category_uid": _CATEGORY,
            "class_uid": _CLASS,
            "type_uid": _CLASS * 100 + activity,
            "activity_id": activity,
            "activity_name": activity_name,
            "severity_id": severity,
            "severity": severity_name,
            "time": fields.milliseconds(alert.time),
            "message": alert.title,
            "is_alert": fields.calls(alert),
            "action_id": 3,
            "disposition_id": 17,
            "status_detail": fields.sentence(alert),
            "finding_info": _finding_info(alert),
            **fields.known({"policy": _policy(alert)}),
            **(_of_finding(one) if one else {}),
            "unmapped": _unmapped(alert),
        }
    )


def _metadata(alert: Alert) -> dict[str, Any]:
    labels = [label.name for label in alert.finding.labels] if alert.finding else []
    return fields.known(
        {
            "version": VERSION,
            "product": fields.known({"name": "flowwatch", "vendor_name": "flowwatch", "version": alert.version}),
            "profiles": ["security_control"],
            "uid": alert.delivery,
            "event_code": fields.code(alert),
            "labels": labels[: fields.LIST_MOST],
            "reporter": fields.known({"hostname": alert.host}),
        }
    )


def _finding_info(alert: Alert) -> dict[str, Any]:
    one = alert.finding
    told: dict[str, Any] = {
        "title": alert.title,
        "desc": " ".join(alert.lines[: fields.LIST_MOST]),
        "types": [fields.code(alert)],
    }
    if one is not None:
        sources = list(dict.fromkeys(record.source for record in one.evidence))
        told |= {
            "analytic": _analytic(one),
            "first_seen_time": _time(one.first_seen),
            "last_seen_time": _time(one.last_seen),
            "data_sources": sources[: fields.LIST_MOST],
        }
    return {"uid": one.id if one else alert.delivery, **fields.known(told)}


def _analytic(one: Finding) -> dict[str, Any]:
    if one.rule is None:
        return {}
    named = {"name": f"{one.rule.kind} {one.rule.id}", "uid": one.rule.id, "version": one.rule.policy_version}
    return fields.known({"type_id": _RULE, "type": "Rule", "category": one.rule.kind, **named})


def _policy(alert: Alert) -> dict[str, Any]:
    """That of the rule, else the newest that judged."""
    rule, known = alert.finding.rule if alert.finding else None, alert.policy
    uid, version = (rule.policy_id, rule.policy_version) if rule else (known.id, known.version) if known else ("", "")
    title = known.title if known and (known.id, known.version) == (uid, version) else None
    return fields.known({"uid": uid, "version": version, "name": title}) if uid else {}


def _of_finding(one: Finding) -> dict[str, Any]:
    confidence, confidence_name = _SURENESS[one.confidence]
    return fields.known(
        {
            "status_code": one.verdict.value,
            "confidence_id": confidence,
            "confidence": confidence_name,
            "count": one.count,
            "start_time": _time(one.first_seen),
            "end_time": _time(one.last_seen),
            "remediation": fields.known({"desc": one.remedy}),
            "evidences": [*_connections(one), *map(_record, one.evidence[: fields.LIST_MOST])],
            "enrichments": _enrichments(one.place)[: fields.LIST_MOST] if one.place else [],
            "observables": _observables(one),
        }
    )


def _connections(one: Finding) -> list[dict[str, Any]]:
    """The first sender with the receiver and what was asked, then the other senders."""
    senders = [_endpoint(sender, zone=one.sender_zone) for sender in one.senders[: fields.LIST_MOST] if sender]
    towards = fields.known(
        {
            "dst_endpoint": _receiver(one),
            "connection_info": _connection_info(one) if one.service else None,
            "query": {"hostname": one.asked} if one.of_lookups else None,
        }
    )
    first = fields.known({"src_endpoint": senders[0] if senders else None}) | towards
    others = [{"name": "sender", "src_endpoint": sender} for sender in senders[1:]]
    return [{"name": "connection", **first}, *others] if first else others


def _connection_info(one: Finding) -> dict[str, Any]:
    ways = {OpenedBy.SENDER: _OUTBOUND, OpenedBy.RECEIVER: _INBOUND, None: _UNKNOWN}
    within = one.receiver is not None and one.receiver.zone is not None
    community = next((record.community_id for record in one.evidence if record.community_id), None)
    told = {"protocol_name": fields.transport(one), "community_uid": community}
    return {"direction_id": _LATERAL if within else ways[one.opened_by], **fields.known(told)}


def _receiver(one: Finding) -> dict[str, Any]:
    """The receiver; of a host asked of a proxy that host, and the proxy as its `proxy_endpoint`."""
    zone = one.receiver.zone if one.receiver else None
    told = _endpoint(fields.receiver(one), port=fields.port(one), zone=zone)
    if one.via is not None and one.asked:
        return _endpoint(one.asked) | _placed(one.place) | {"proxy_endpoint": {**told, "uid": one.via}}
    named = fields.known({"hostname": fields.host(one), "svc_name": one.server})
    return told | named | _placed(one.place) if told or named else {}


def _endpoint(told: str | None, *, port: int | None = None, zone: str | None = None) -> dict[str, Any]:
    """An endpoint known by address, else by whatever stands in its place; empty without either."""
    address = fields.ip(told)
    where = {"ip": address} if address else {"hostname": told}
    return fields.known({**where, "port": port, "zone": zone}) if told else {}


def _placed(place: Place | None) -> dict[str, Any]:
    """Location and network where all sources agree; every fact is in the enrichments."""
    if place is None:
        return {}
    network = fields.known({"number": fields.as_number(place), "name": fields.organisation(place)})
    country = fields.country(place)
    location = {"country": country, "desc": placed.located(place)} if country else None
    return fields.known({"location": location, "autonomous_system": network})


def _record(one: Evidence) -> dict[str, Any]:
    hashes = [{"algorithm_id": _SHA256, "algorithm": "SHA-256", "value": one.sha256}] if one.sha256 else None
    file = {"type_id": _REGULAR_FILE, "name": PurePosixPath(one.source).name, "path": one.source}
    plain = jsonl.plain(one)
    data = _some(plain, ("record", "last_record", "offset", "time", "how", "format"))
    return {"name": "record", "file": file | fields.known({"hashes": hashes}), "data": data}


def _enrichments(place: Place) -> list[dict[str, Any]]:
    facts = [
        *(("location", one.source, jsonl.plain(one)) for one in place.located),
        *(("registration", one.source, {"country": one.value}) for one in place.registered),
        *(("autonomous system", one.source, {"number": one.value}) for one in place.asn),
        *(("organisation", one.source, {"name": one.value}) for one in place.organisation),
    ]
    about = {"name": "evidences[].dst_endpoint.ip", "value": place.address}
    return [{**about, "type": kind, "provider": provider, "data": data} for kind, provider, data in facts]


def _observables(one: Finding) -> list[dict[str, Any]]:
    asked = "evidences[].query" if one.of_lookups else "evidences[].dst_endpoint"
    found = [
        *(("evidences[].src_endpoint", sender) for sender in one.senders),
        *(("evidences[].dst_endpoint", value) for value in (fields.receiver(one), *fields.names(one))),
        (asked, one.asked),
    ]
    told = [(where, value) for where, value in dict.fromkeys(found) if value]
    return [_observable(where, value) for where, value in told[: fields.LIST_MOST]]


def _observable(where: str, value: str) -> dict[str, Any]:
    address = fields.ip(value)
    (type_id, kind), key = (_IP_ADDRESS, "ip") if address else (_HOST_NAME, "hostname")
    return {"name": f"{where}.{key}", "type_id": type_id, "type": kind, "value": address or value}


def _unmapped(alert: Alert) -> dict[str, Any]:
    plain = jsonl.plain(alert)
    told = _some(plain, ("kind", "life", "lines", "policy"))
    one = alert.finding
    if one is not None:
        place = _some(plain["finding"].get("place", {}), _UNMAPPED_OF_PLACE)
        told |= _some(plain["finding"], _UNMAPPED) | {"place": place, "left_out": _left_out(one)}
    bounded: dict[str, Any] = fields.bounded(fields.known(told))
    return bounded


def _some(told: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {key: told[key] for key in keys if key in told}


def _left_out(one: Finding) -> dict[str, int]:
    """How many of each list are not told; what `unmapped` holds itself is counted beside it."""
    place = len(_enrichments(one.place)) if one.place else 0
    lists = {"senders": len(one.senders), "evidence": len(one.evidence), "enrichments": place}
    return {name: count - fields.LIST_MOST for name, count in lists.items() if count > fields.LIST_MOST}


def _time(instant: Instant | None) -> int | None:
    return None if instant is None else fields.milliseconds(instant)
