"""An alert as a document of the Elastic Common Schema 9, for an index or a data stream: one JSON object a line.

Promises: `event.kind` is `alert`, of a heartbeat and a trial `event`; `event.category` is `network` where a finding or
many are told. Addresses, ports and names stand in `source`, `destination`, `related`, a lookup's name in
`dns.question.name`, what was asked of a proxy in `url.domain`; a single field is left out where the finding has several
values (senders, countries, networks), which `related` and `flowwatch` then hold. `event.start` and `event.end` are when
it was first and last seen, `event.created` when it was decided to tell it. `flowwatch` is a field set of our own: the
alert as `flowwatch.alert/1` has it, texts in printable ASCII of at most 1,020 characters, lists of at most 20.
`event.severity`: info 1, low 2, medium 3, high 4, critical 5. Source: ECS 9.4 field reference.
"""

from typing import Any

from flowwatch.model import Alert, AlertKind, Finding, Instant, Place
from flowwatch.reports import fields, jsonl

VERSION = "9.4.0"
_OF_NETWORK = frozenset({AlertKind.FINDING, AlertKind.SUMMARY})
_TRANSPORTS = {"icmp6": "ipv6-icmp"}


def line(alert: Alert) -> bytes:
    """The alert as one line."""
    one = alert.finding
    return fields.line(
        {
            "@timestamp": jsonl.rfc3339(alert.time),
            "ecs": {"version": VERSION},
            "message": alert.title,
            "event": _event(alert),
            "observer": fields.known({"product": "flowwatch", "version": alert.version, "hostname": alert.host}),
            **(_of_finding(one) if one else {}),
            "flowwatch": fields.bounded(jsonl.plain(alert)),
        }
    )


def _event(alert: Alert) -> dict[str, Any]:
    one = alert.finding
    told = alert.kind in (AlertKind.HEARTBEAT, AlertKind.TRIAL)
    return fields.known(
        {
            "kind": "event" if told else "alert",
            "category": ["network"] if alert.kind in _OF_NETWORK else None,
            "type": ["info"],
            "action": alert.life or alert.kind.value,
            "code": fields.code(alert),
            "reason": fields.sentence(alert),
            "id": alert.delivery,
            "module": "flowwatch",
            "dataset": "flowwatch.alert",
            "severity": alert.severity.rank + 1,
            "created": jsonl.rfc3339(alert.time),
            "start": _instant(one.first_seen if one else None),
            "end": _instant(one.last_seen if one else None),
        }
    )


def _of_finding(one: Finding) -> dict[str, Any]:
    return fields.known(
        {
            "rule": _rule(one),
            "source": _source(one),
            "destination": _destination(one),
            "network": _network(one),
            "dns": {"question": {"name": one.asked}} if one.of_lookups and one.asked else None,
            "url": {"domain": one.asked} if one.via is not None and one.asked else None,
            "related": _related(one),
        }
    )


def _rule(one: Finding) -> dict[str, Any]:
    if one.rule is None:
        return {}
    return fields.known(
        {
            "id": one.rule.id,
            "category": one.rule.kind,
            "ruleset": one.rule.policy_id,
            "version": one.rule.policy_version,
        }
    )


def _source(one: Finding) -> dict[str, Any]:
    sender = one.senders[0] if len(one.senders) == 1 else None
    sent = None if one.of_lookups or one.sent.exact is None else one.sent.exact
    return fields.known({"address": sender, "ip": fields.ip(sender), "bytes": sent})


def _destination(one: Finding) -> dict[str, Any]:
    address = fields.receiver(one)
    placed = one.place if one.place and one.place.address == address else None  # else it is that of a host asked for
    return fields.known(
        {
            "address": address,
            "ip": fields.ip(address),
            "port": fields.port(one),
            "domain": fields.host(one),
            **(_place(placed) if placed else {}),
        }
    )


def _place(place: Place) -> dict[str, Any]:
    name = fields.organisation(place)
    operated = {"number": fields.as_number(place), "organization": {"name": name} if name else None}
    return {"geo": fields.known({"country_iso_code": fields.country(place)}), "as": fields.known(operated)}


def _network(one: Finding) -> dict[str, Any]:
    transport = fields.transport(one)
    return fields.known(
        {
            "transport": _TRANSPORTS.get(transport, transport) if transport else None,
            "protocol": "dns" if one.of_lookups else None,
            "community_id": next((record.community_id for record in one.evidence if record.community_id), None),
        }
    )


def _related(one: Finding) -> dict[str, Any]:
    """Every address and every name that the finding holds, up to the cap of lists."""
    asked = (one.asked,) if one.asked else ()
    addresses = filter(None, map(fields.ip, (fields.receiver(one), *asked, *one.senders)))
    names = [name for name in (*asked, *fields.names(one)) if name and fields.ip(name) is None]
    return fields.known(
        {
            "ip": list(dict.fromkeys(addresses))[: fields.LIST_MOST],
            "hosts": list(dict.fromkeys(names))[: fields.LIST_MOST],
        }
    )


def _instant(instant: Instant | None) -> str | None:
    return None if instant is None else jsonl.rfc3339(instant)
