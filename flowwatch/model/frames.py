"""The Report as Arrow tables, and those as pandas frames, for analysts.

Promises: column names, order and types as in DECISIONS, FINDINGS and DESTINATIONS below; one row each transmission,
finding, destination, in the Report's order. Null is "this source cannot say". Text is as observed, not escaped: a
frame is data, whoever prints it escapes it.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from flowwatch.model.findings import Destination, Evidence, Finding
from flowwatch.model.held import each_like
from flowwatch.model.places import Candidate, Fact, Place
from flowwatch.model.verdicts import Decision, Rule

if TYPE_CHECKING:
    import pandas as pd

_TIME = pa.timestamp("ns", tz="UTC")
_WORDS = pa.list_(pa.utf8())
_PLACE = [
    ("countries", _WORDS),
    ("place_confidence", pa.utf8()),
    ("located_by", _WORDS),
    ("registered", _WORDS),
    ("asn", _WORDS),
    ("organisation", _WORDS),
]
_SIZES = ("bytes_most", "bytes_unknown", "bytes_acked")
_RULE = [("rule", pa.utf8()), ("policy_id", pa.utf8()), ("policy_version", pa.utf8())]

DECISIONS = pa.schema(
    [
        ("source", pa.utf8()),
        ("first_record", pa.uint64()),
        ("last_record", pa.uint64()),
        ("offset", pa.uint64()),
        ("flow", pa.uint64()),
        ("start", _TIME),
        ("end", _TIME),
        ("sender_ip", pa.utf8()),
        ("sender_port", pa.uint16()),
        ("sender_zone", pa.utf8()),
        ("receiver_ip", pa.utf8()),
        ("receiver_port", pa.uint16()),
        ("receiver_zone", pa.utf8()),
        ("service_port", pa.uint16()),
        ("proto", pa.utf8()),
        ("opened_by", pa.utf8()),
        ("attempted", pa.bool_()),
        ("names", _WORDS),
        ("evidence", _WORDS),
        *_PLACE,
        ("labels", _WORDS),
        ("sent", pa.uint64()),
        ("sent_most", pa.uint64()),
        ("acked", pa.uint64()),
        ("verdict", pa.utf8()),
        ("reasons", _WORDS),
        *_RULE,
        ("server", pa.utf8()),
        ("via", pa.utf8()),
        ("asked", pa.utf8()),
        ("tunnel", _WORDS),
        ("far_end", pa.utf8()),
        ("severity", pa.utf8()),
        ("notes", _WORDS),
    ]
)
"""One row a transmission. `evidence` runs beside `names`; `sent`: the least known; `sent_most` null: no bound known.

`asked` is the host asked of the proxy `via` on which the verdict stands; place columns are then that host's, as far as
it is an address. `far_end` is the unlisted end of a tunnel to which the data went first; place columns are then of it.
"""

FINDINGS = pa.schema(
    [
        ("id", pa.utf8()),
        ("kind", pa.utf8()),
        ("verdict", pa.utf8()),
        ("severity", pa.utf8()),
        ("confidence", pa.utf8()),
        ("title", pa.utf8()),
        ("first_seen", _TIME),
        ("last_seen", _TIME),
        ("count", pa.uint64()),
        ("attempts", pa.uint64()),
        ("bytes_sent", pa.uint64()),
        ("bytes_most", pa.uint64()),
        ("bytes_unknown", pa.uint64()),
        ("bytes_acked", pa.uint64()),
        ("sender_zone", pa.utf8()),
        ("senders", _WORDS),
        ("receiver_ip", pa.utf8()),
        ("receiver_zone", pa.utf8()),
        ("service", pa.utf8()),
        ("opened_by", pa.utf8()),
        ("server", pa.utf8()),
        ("names", _WORDS),
        ("evidence", _WORDS),
        ("via", pa.utf8()),
        ("asked", pa.utf8()),
        *_PLACE,
        ("labels", _WORDS),
        *_RULE,
        ("notes", _WORDS),
        ("remedy", pa.utf8()),
        ("sources", _WORDS),
        ("records", pa.list_(pa.uint64())),
    ]
)
"""One row a finding. `records` (the first of each piece of evidence) runs beside `sources`."""

DESTINATIONS = pa.schema(
    [
        ("address", pa.utf8()),
        ("port", pa.uint16()),
        ("proto", pa.utf8()),
        ("opened_by", pa.utf8()),
        ("zone", pa.utf8()),
        ("server", pa.utf8()),
        ("via", pa.utf8()),
        ("asked", pa.utf8()),
        ("names", _WORDS),
        ("evidence", _WORDS),
        *_PLACE,
        ("worst", pa.utf8()),
        ("reasons", _WORDS),
        ("transmissions", pa.uint64()),
        ("attempts", pa.uint64()),
        ("bytes_sent", pa.uint64()),
        ("bytes_most", pa.uint64()),
        ("bytes_unknown", pa.uint64()),
        ("bytes_acked", pa.uint64()),
        ("first", _TIME),
        ("last", _TIME),
        ("sender_zones", _WORDS),
        ("senders", pa.uint64()),
        ("labels", _WORDS),
    ]
)
"""One row a destination. `bytes_sent`: the least known, `bytes_most` null: no bound known; `bytes_unknown` counts
transmissions whose size is known only as a range.
"""

_Row = dict[str, Any]


def decisions_table(decisions: Iterable[Decision]) -> pa.Table:
    """Every transmission with its verdict, approved ones included, as DECISIONS."""
    return pa.concat_tables([DECISIONS.empty_table(), *decisions_in_portions(decisions)])


def decisions_in_portions(decisions: Iterable[Decision]) -> Iterator[pa.Table]:
    """The same, some rows after the others."""
    rest = iter(each_like(decisions))
    while portion := list(itertools.islice(rest, _PORTION)):
        yield _table(map(_decision, portion), DECISIONS)


_PORTION = 1 << 14


def findings_table(findings: Iterable[Finding]) -> pa.Table:
    """Every finding, as FINDINGS."""
    return _table(map(_finding, findings), FINDINGS)


def destinations_table(destinations: Iterable[Destination]) -> pa.Table:
    """Every destination, as DESTINATIONS."""
    return _table(map(_destination, destinations), DESTINATIONS)


def frame(table: pa.Table) -> "pd.DataFrame":
    """The table in pandas' nullable types, so that a null count stays a null among exact integers."""
    import pandas as pd  # noqa: PLC0415  # start-up time

    kinds: dict[pa.DataType, Any] = {
        pa.uint64(): pd.UInt64Dtype(),
        pa.uint16(): pd.UInt16Dtype(),
        pa.bool_(): pd.BooleanDtype(),
        pa.utf8(): pd.StringDtype(),
    }
    made: pd.DataFrame = table.to_pandas(types_mapper=kinds.get)
    return made


def _table(rows: Iterable[_Row], schema: pa.Schema) -> pa.Table:
    columns: dict[str, list[Any]] = {name: [] for name in schema.names}
    for row in rows:
        for name, column in columns.items():
            column.append(row[name])
    return pa.table(columns, schema=schema)


def _decision(one: Decision) -> _Row:
    sent = one.transmission
    fields = ("flow", "start", "end", "sender_ip", "sender_port", "receiver_ip", "receiver_port", "service_port")
    return {
        "source": sent.ref.source,
        "first_record": sent.ref.first_record,
        "last_record": sent.ref.last_record,
        "offset": sent.ref.offset,
        **{name: getattr(sent, name) for name in (*fields, "proto", "attempted", "acked")},
        **({} if sent.timed else {"start": None, "end": None}),
        "opened_by": sent.opened_by.value,
        **_names(sent.names),
        **_place(one.place),
        "sent": sent.sent.least,
        "sent_most": sent.sent.most,
        **{name: getattr(one, name) for name in ("sender_zone", "receiver_zone", "server", "via", "asked")},
        "tunnel": [layer.kind for layer in sent.tunnel],
        "far_end": one.far_end.receiver if one.far_end else None,
        "labels": [label.name for label in one.labels],
        "verdict": one.verdict.value,
        "reasons": _values(one.reasons),
        **_rule(one.rule),
        "severity": one.severity.value,
        "notes": _values(one.notes),
    }


def _finding(one: Finding) -> _Row:
    plain = ("id", "title", "first_seen", "last_seen", "count", "attempts", "bytes_sent")
    about = ("service", "server", "via", "asked", "remedy")
    side = one.receiver
    return {
        **{name: getattr(one, name) for name in (*plain, *_SIZES, "sender_zone", *about)},
        **{name: getattr(one, name).value for name in ("kind", "verdict", "severity", "confidence")},
        "senders": list(one.senders),
        "receiver_ip": side.address if side else None,
        "receiver_zone": side.zone if side else None,
        "opened_by": one.opened_by.value if one.opened_by else None,
        **_names(one.names),
        **_place(one.place),
        "labels": [label.name for label in one.labels],
        **_rule(one.rule),
        "notes": _values(one.notes),
        **_evidence(one.evidence),
    }


def _destination(one: Destination) -> _Row:
    plain = ("address", "port", "proto", "zone", "server", "transmissions", "attempts", "bytes_sent")
    return {
        **{name: getattr(one, name) for name in (*plain, *_SIZES, "via", "asked", "first", "last", "senders")},
        "opened_by": one.opened_by.value,
        **_names(one.names),
        **_place(one.place),
        "worst": one.worst.value,
        "reasons": _values(one.reasons),
        "sender_zones": list(one.sender_zones),
        "labels": list(one.labels),
    }


def _names(seen: Iterable[Any]) -> _Row:
    kept = list(seen)
    return {"names": [one.name for one in kept], "evidence": [one.evidence.value for one in kept]}


def _place(place: Place | None) -> _Row:
    if place is None:
        return dict.fromkeys(name for name, _ in _PLACE)
    return {
        "countries": list(place.countries),
        "place_confidence": place.confidence.value,
        "located_by": list(dict.fromkeys(_dated(one) for one in place.located)),
        "registered": _distinct(place.registered),
        "asn": _distinct(place.asn),
        "organisation": _distinct(place.organisation),
    }


def _dated(one: Candidate) -> str:
    """Whose word it is, with the date of the data: `DB-IP Lite country, 2026-06-01`."""
    return f"{one.source}, {one.source_date}" if one.source_date else one.source


def _rule(rule: Rule | None) -> _Row:
    if rule is None:
        return dict.fromkeys(name for name, _ in _RULE)
    return {"rule": f"{rule.kind}:{rule.id}", "policy_id": rule.policy_id, "policy_version": rule.policy_version}


def _evidence(evidence: Sequence[Evidence]) -> _Row:
    return {"sources": [one.source for one in evidence], "records": [one.record for one in evidence]}


def _distinct(facts: Iterable[Fact]) -> list[str]:
    return list(dict.fromkeys(fact.value for fact in facts))


def _values(codes: Iterable[str]) -> list[str]:
    return [str(code) for code in codes]
