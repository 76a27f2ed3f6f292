"""Every alert against the fields of the Elastic Common Schema, and that the check refuses what is none."""

import ipaddress
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.model import AlertKind
from flowwatch.reports import ecs, jsonl

SCHEMA: dict[str, Any] = json.loads((Path(__file__).parent / "schemas" / "ecs-9.4.0.json").read_text())
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")
KEYWORD_MOST = 1_024
LONG_MOST = 2**63


def event(alert):
    return json.loads(ecs.line(alert))


def faults(row, prefix=""):
    """What Elasticsearch would refuse or not index, by field; our own field set is free."""
    found: list[str] = []
    for key, value in row.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and name not in SCHEMA["fields"]:
            found += [] if name == "flowwatch" else faults(value, f"{name}.")
        elif name not in SCHEMA["fields"]:
            found.append(f"{name} is no field")
        else:
            found += _wrong(name, value, SCHEMA["fields"][name])
    return found + ([] if prefix else _required(row))


def _wrong(name, value, kind):
    if kind.endswith("[]") != isinstance(value, list):
        return [f"{name} is a list or should be one"]
    values = value if isinstance(value, list) else [value]
    return [f"{name} is no {kind}: {one!r}" for one in values if not _is(one, kind.removesuffix("[]"))]


def _is(value, kind):
    if kind == "number":
        return isinstance(value, int) and not isinstance(value, bool) and -LONG_MOST <= value < LONG_MOST
    if kind == "date":
        return isinstance(value, str) and bool(DATE.fullmatch(value))
    if kind == "ip":
        return isinstance(value, str) and _address(value)
    return kind == "text" and isinstance(value, str) and len(value) <= KEYWORD_MOST


def _address(text):
    try:
        return "%" not in str(ipaddress.ip_address(text))
    except ValueError:
        return False


def _required(row):
    kind, category, types = (row["event"].get(key) for key in ("kind", "category", "type"))
    return [
        *([] if "@timestamp" in row else ["no time"]),
        *([] if row["ecs"]["version"] == SCHEMA["version"] else ["another version"]),
        *([] if kind in SCHEMA["event.kind"] else [f"kind {kind}"]),
        *([f"category {one}" for one in category or () if one not in SCHEMA["event.category"]]),
        *([f"type {one}" for one in types or () if one not in SCHEMA["event.type of network"]]),
    ]


def test_every_sort_of_alert_is_made_of_its_fields(told):
    for alert in told:
        assert faults(event(alert)) == []


@given(data=st.data())
def test_any_alert_is_made_of_its_fields(data, made_up):
    assert faults(event(data.draw(made_up))) == []


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("made_up", 1),
        ("event.made_up", "a"),
        ("event.kind", "finding"),
        ("event.category", "network"),
        ("event.category", ["networks"]),
        ("event.type", ["flow"]),
        ("event.severity", "5"),
        ("event.severity", 2**63),
        ("event.start", "2026-11-05"),
        ("destination.ip", "ingest.example"),
        ("destination.port", "443"),
        ("related.ip", "192.0.2.1"),
        ("related.hosts", ["h" * 1_025]),
        ("ecs.version", "8.0.0"),
        ("rule.id", ["a"]),
    ],
)
def test_the_check_refuses_what_is_none(told, path, wrong):
    row = event(told[1])
    assert faults(row) == []
    *outer, last = path.split(".")
    inner = row
    for key in outer:
        inner = inner[key]
    inner[last] = wrong
    assert faults(row)


def test_our_own_fields_are_the_alert(told):
    for alert in told:
        own = event(alert)["flowwatch"]
        assert own.keys() == jsonl.plain(alert).keys()
        if alert.finding:
            assert own["finding"].keys() == jsonl.plain(alert.finding).keys()


def test_who_is_alarmed(told):
    kinds = {one.kind: event(one)["event"]["kind"] for one in told}
    assert {kind for kind, said in kinds.items() if said == "event"} == {AlertKind.HEARTBEAT, AlertKind.TRIAL}
    assert all(event(one)["event"]["category"] == ["network"] for one in told if one.finding)


def test_a_single_field_is_left_out_where_there_are_several(told):
    row = event(told[1])
    assert len(told[1].finding.senders) > 1
    assert "ip" not in row["source"]
    assert set(told[1].finding.senders) < set(row["related"]["ip"])
    assert "geo" not in row["destination"]
    assert row["destination"]["as"]["number"] == 64501


def test_a_lookup_and_what_was_asked_of_a_proxy(told):
    lookup = next(one for one in told if one.finding and one.finding.of_lookups)
    row = event(lookup)
    assert row["dns"]["question"]["name"] == lookup.finding.asked
    assert row["network"]["protocol"] == "dns"
    assert "bytes" not in row.get("source", {})
    proxied = next(one for one in told if one.finding and one.finding.via)
    row = event(proxied)
    assert "dns" not in row
    assert row["url"]["domain"] == proxied.finding.asked
    assert (row["destination"]["ip"], row["destination"]["port"]) == ("192.0.2.8", 3128)
