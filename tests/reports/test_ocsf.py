"""Every alert against the schema that OCSF publishes, and that the schema refuses what is none."""

import json
from typing import Any

import jsonschema
import msgspec
import ocsf_json_schema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.model import AlertKind, Life, OpenedBy
from flowwatch.reports import fields, ocsf


@pytest.fixture(scope="session")
def schema() -> Any:
    published = ocsf_json_schema.get_ocsf_schema(ocsf.VERSION)
    classes = ocsf_json_schema.OcsfJsonSchemaEmbedded(published)
    held: dict[str, Any] = classes.get_class_schema("detection_finding", ["security_control"])
    return jsonschema.Draft202012Validator(held)


def event(alert):
    return json.loads(ocsf.line(alert))


def test_the_version_is_the_newest_that_can_be_checked_against():
    versions = [version for version in ocsf_json_schema.get_packaged_versions() if "-" not in version]
    assert max(versions, key=lambda one: [int(part) for part in one.split(".")]) == ocsf.VERSION


def test_every_sort_of_alert_validates(told, schema):
    for alert in told:
        schema.validate(event(alert))


@given(data=st.data())
def test_any_alert_validates(data, made_up, schema):
    schema.validate(event(data.draw(made_up)))


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("class_uid", 2003),
        ("class_uid", None),
        ("severity_id", 7),
        ("type_uid", 200408),
        ("time", "2026-11-05"),
        ("made_up", 1),
        ("finding_info.uid", None),
        ("finding_info.made_up", 1),
        ("metadata.version", 1),
        ("evidences.0.dst_endpoint.ip", "no address"),
        ("evidences.0.dst_endpoint.port", 65_536),
        ("evidences.0.connection_info.direction_id", 9),
        ("observables.0.type_id", 100),
        ("enrichments.0.data", None),
        ("verdict_id", 2),
    ],
)
def test_the_schema_refuses_what_is_none(told, schema, path, wrong):
    row = event(told[1])
    assert schema.is_valid(row)
    *outer, last = path.split(".")
    inner = row
    for key in outer:
        inner = inner[int(key) if key.isdigit() else key]
    if wrong is None:
        del inner[last]
    else:
        inner[last] = wrong
    assert not schema.is_valid(row)


def test_a_connection_for_each_sender_then_the_records(told):
    one = told[1].finding
    row = event(told[1])
    first, *others = row["evidences"]
    assert (first["src_endpoint"]["ip"], first["src_endpoint"]["zone"]) == (one.senders[0], "precincts")
    assert (first["dst_endpoint"]["ip"], first["dst_endpoint"]["port"]) == ("203.0.113.99", 8443)
    assert first["connection_info"] == {
        "direction_id": 2,
        "protocol_name": "tcp",
        "community_uid": one.evidence[0].community_id,
    }
    assert [other["src_endpoint"]["ip"] for other in others[:-1]] == list(one.senders[1:])
    assert others[-1]["data"]["record"] == 37
    assert others[-1]["file"]["hashes"][0]["value"] == "ab" * 32


def test_a_lookup_is_a_query_and_has_no_receiver(told):
    lookup = next(one for one in told if one.finding and one.finding.of_lookups)
    first = event(lookup)["evidences"][0]
    assert first["query"] == {"hostname": lookup.finding.asked}
    assert "dst_endpoint" not in first
    assert "connection_info" not in first


def test_what_was_asked_of_a_proxy_is_the_receiver_and_the_proxy_its_proxy(told):
    proxied = next(one for one in told if one.finding and one.finding.via)
    receiver = event(proxied)["evidences"][0]["dst_endpoint"]
    assert receiver["hostname"] == proxied.finding.asked
    assert receiver["proxy_endpoint"] == {"ip": "192.0.2.8", "port": 3128, "uid": "squid"}


def test_a_finding_about_a_source_has_no_connection(told):
    coverage = next(one for one in told if one.finding and not one.finding.senders)
    assert "evidences" not in event(coverage)
    assert "observables" not in event(coverage)


def test_what_became_quiet_is_not_closed(told):
    activities = {one.life: event(one)["activity_id"] for one in told if one.life}
    assert activities == {Life.NEW: 1, Life.REPEATED: 2, Life.RAISED: 2, Life.CHANGED: 2, Life.QUIET: 99}
    kinds = {one.kind: event(one)["is_alert"] for one in told if one.finding is None}
    assert kinds[AlertKind.FAILURE]
    assert not kinds[AlertKind.HEARTBEAT]


def test_a_pull_is_inbound(told):
    pull = next(one for one in told if one.finding and one.finding.opened_by is OpenedBy.RECEIVER)
    assert event(pull)["evidences"][0]["connection_info"]["direction_id"] == 1


def test_every_fact_of_a_place_keeps_its_basis(told):
    place = told[1].finding.place
    told_of = [(one["type"], one["provider"]) for one in event(told[1])["enrichments"]]
    kinds = ["location"] * len(place.located) + ["registration", "autonomous system", "organisation"]
    assert told_of == [(kind, "example.mmdb") for kind in kinds]


def test_nothing_is_told_twice_and_nothing_observed_is_elsewhere(told):
    row = event(msgspec.structs.replace(told[1], lines=()))
    assert set(row["unmapped"]) <= {"kind", "life", "lines", "policy", "place", "left_out", *ocsf._UNMAPPED}
    assert fields.text(told[1].finding.names[0].name) == row["evidences"][0]["dst_endpoint"]["hostname"]
