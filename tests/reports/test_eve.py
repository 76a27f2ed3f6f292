"""Every alert against the fields of Suricata's EVE alerts, and that the check refuses what is none."""

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.model import AlertKind, Reason, Severity
from flowwatch.reports import eve
from flowwatch.sources.formats import CAPTURES

SCHEMA = jsonschema.Draft202012Validator(json.loads((Path(__file__).parent / "schemas" / "eve-alert.json").read_text()))


def event(alert):
    return json.loads(eve.line(alert))


def valid(row):
    """The record without the metadata that is ours, which has to be lists of texts as every rule's is."""
    metadata = row["alert"]["metadata"]
    own = {key: value for key, value in metadata.items() if key.startswith("flowwatch_")}
    rest = {key: value for key, value in metadata.items() if key not in own}
    lists = all(isinstance(texts, list) and texts and all(type(one) is str for one in texts) for texts in own.values())
    return lists and SCHEMA.is_valid(row | {"alert": row["alert"] | {"metadata": rest}})


def test_every_sort_of_alert_is_made_of_its_fields(told):
    assert [valid(event(alert)) for alert in told] == [True] * len(told)


@given(data=st.data())
def test_any_alert_is_made_of_its_fields(data, made_up):
    assert valid(event(data.draw(made_up)))


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("made_up", 1),
        ("timestamp", "2026-11-05T00:30:00Z"),
        ("event_type", "finding"),
        ("dest_port", "443"),
        ("pcap_cnt", "37"),
        ("alert.made_up", 1),
        ("alert.severity", "1"),
        ("alert.signature", None),
        ("alert.metadata.made_up", ["a"]),
        ("alert.metadata.flowwatch_made_up", "a"),
        ("alert.metadata.flowwatch_made_up", [1]),
    ],
)
def test_the_check_refuses_what_is_none(told, path, wrong):
    row = event(told[1])
    assert valid(row)
    *outer, last = path.split(".")
    inner = row
    for key in outer:
        inner = inner[key]
    if wrong is None:
        del inner[last]
    else:
        inner[last] = wrong
    assert not valid(row)


def test_signature_ids_are_local_stable_and_distinct():
    codes = [*(reason.value for reason in Reason), *(f"alert.{kind}" for kind in AlertKind)]
    numbers = [eve.signature_id(code) for code in codes]
    assert len(set(numbers)) == len(numbers)
    assert all(1_000_000 <= number < 1_900_000 for number in numbers)
    assert eve.signature_id("destination.unlisted") == 1_090_177
    assert eve.signature_id("alert.heartbeat") == 1_032_405


def test_a_signature_is_fixed_and_nothing_observed_is_outside_the_metadata(told):
    signatures: dict[int, str] = {}
    for alert in told:
        row = event(alert)
        held = row["alert"]
        assert signatures.setdefault(held["signature_id"], held["signature"]) == held["signature"]
        del held["metadata"]
        assert alert.title not in json.dumps(row)


def test_the_packet_of_a_capture_and_no_line_of_a_log(told):
    alert = told[1]
    row = event(alert)
    record = alert.finding.evidence[0]
    assert (row["pcap_cnt"], row["pcap_filename"], row["community_id"]) == (37, record.source, record.community_id)
    for form in ("zeek-conn", None):
        of_log = msgspec.structs.replace(record, format=form)
        finding = msgspec.structs.replace(alert.finding, evidence=(of_log,))
        row = event(msgspec.structs.replace(alert, finding=finding))
        assert "pcap_cnt" not in row
        assert row["community_id"] == record.community_id


def test_the_captures_are_those_that_are_read():
    assert {one.name for one in CAPTURES} == eve.CAPTURES


def test_nothing_was_stopped_and_the_severest_is_one(told):
    rows = [event(msgspec.structs.replace(told[1], severity=severity)) for severity in Severity]
    assert [row["alert"]["severity"] for row in rows] == [4, 3, 2, 1, 1]
    assert {row["alert"]["action"] for row in rows} == {"allowed"}


def test_microseconds_as_suricata_writes_them(told):
    assert event(told[1])["timestamp"] == "2026-11-05T01:30:00.123456+0000"
    old = msgspec.structs.replace(told[1], time=-1)
    assert event(old)["timestamp"] == "1969-12-31T23:59:59.999999+0000"
