"""An alert as a Suricata EVE line of `event_type: alert`, for what reads Suricata already.

Promises: `action` is `allowed`: nothing was stopped. `signature` is the fixed sentence of the reason and `signature_id`
its number, from 1,000,000 to 1,899,999 (the range kept for local rules), the same in every version. What EVE has no
field for is in the rule's metadata, texts under `flowwatch_*`, the only place for observed text beside `pcap_filename`.
`pcap_cnt` is the packet of the first record that a capture holds, `community_id` that of the first recorded flow that
has one. Byte counts are payload, so none stands in `flow`, whose counts are of frames.
Severity: 1 critical and high, 2 medium, 3 low, 4 info. Source: Suricata 7, "Eve JSON Format" and `etc/schema.json`.
Refuses: `src_port` and `flow_id`: a finding gathers many flows.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from flowwatch.model import Alert, Evidence, Finding, Instant, Severity
from flowwatch.reports import fields, flat, phrases

CAPTURES = frozenset({"pcap", "pcapng", "snoop", "erf"})
"""Formats whose records are packets."""
_SEVERITIES = {Severity.CRITICAL: 1, Severity.HIGH: 1, Severity.MEDIUM: 2, Severity.LOW: 3, Severity.INFO: 4}
_PROTOCOLS = {"icmp6": "IPv6-ICMP"}
_FIRST_LOCAL, _LOCAL = 1_000_000, 900_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def line(alert: Alert) -> bytes:
    """The alert as one line."""
    one = alert.finding
    return fields.line(
        {
            "timestamp": _time(alert.time),
            "event_type": "alert",
            **(_flow(one) if one else {}),
            **(_records(one.evidence) if one else {}),
            "alert": {
                "action": "allowed",
                "gid": 1,
                "signature_id": signature_id(fields.code(alert)),
                "rev": 1,
                "signature": f"flowwatch {fields.code(alert)}: {fields.sentence(alert)}",
                "category": phrases.words(one.verdict) if one else alert.kind.value,
                "severity": _SEVERITIES[alert.severity],
                "metadata": {f"flowwatch_{word}": list(texts) for word, texts in flat.facts(alert).items()},
            },
        }
    )


def signature_id(code: str) -> int:
    """The number of a code: a digest of it, so that a new code moves no other."""
    digest = hashlib.sha256(code.encode()).digest()
    return _FIRST_LOCAL + int.from_bytes(digest[:8], "big") % _LOCAL


def _time(instant: Instant) -> str:
    """With microseconds, as Suricata writes it: `2026-11-04T01:30:00.000000+0000`."""
    return f"{_EPOCH + timedelta(microseconds=instant // 1_000):%Y-%m-%dT%H:%M:%S.%f}+0000"


def _flow(one: Finding) -> dict[str, Any]:
    transport = fields.transport(one)
    return fields.known(
        {
            "src_ip": next(filter(None, map(fields.ip, one.senders)), None),
            "dest_ip": fields.ip(fields.receiver(one)),
            "dest_port": fields.port(one),
            "proto": _PROTOCOLS.get(transport, transport.upper()) if transport else None,
            "app_proto": "dns" if one.of_lookups else None,
        }
    )


def _records(evidence: tuple[Evidence, ...]) -> dict[str, Any]:
    packet = next((one for one in evidence if one.format in CAPTURES), None)
    return fields.known(
        {
            "pcap_cnt": packet.record if packet else None,
            "pcap_filename": packet.source if packet else None,
            "community_id": next((one.community_id for one in evidence if one.community_id), None),
        }
    )
