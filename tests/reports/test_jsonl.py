import ast
import enum
import inspect
import json
from datetime import datetime
from importlib import import_module
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch import model
from flowwatch.model import (
    Alert,
    ClaimAnswer,
    Coverage,
    Decision,
    Destination,
    Finding,
    LookupDecision,
    Sighting,
    Stage,
)
from flowwatch.reports import jsonl

KINDS: dict[str, Any] = {
    "coverage": Coverage,
    "finding": Finding,
    "claim": ClaimAnswer,
    "destination": Destination,
    "stage": Stage,
    "sighting": Sighting,
    "decision": Decision,
    "lookup": LookupDecision,
}


@pytest.fixture(scope="module")
def rows(rich):
    return [json.loads(line) for line in jsonl.lines(rich)]


@pytest.fixture(scope="module")
def closed():
    """The shipped schema with every object closed: what a reader may ignore, a writer may not add."""
    schema = jsonl.json_schema()
    for definition in schema["$defs"].values():
        if "properties" in definition:
            definition["additionalProperties"] = False
    for kind in schema["oneOf"]:
        name = kind["allOf"][0]["$ref"].removeprefix("#/$defs/")
        schema["$defs"][name]["properties"]["type"] = {"type": "string"}
    return jsonschema.Draft202012Validator(schema)


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(jsonl.json_schema())


def test_every_line_validates_and_adds_nothing(rows, closed):
    for row in rows:
        closed.validate(row)


@pytest.mark.parametrize("kind", ["report", *KINDS])
def test_a_line_with_a_wrong_value_does_not_validate(rows, kind):
    row = next(row for row in rows if row["type"] == kind)
    validator = jsonschema.Draft202012Validator(jsonl.json_schema())
    for key in row:
        assert not validator.is_valid(row | {key: -1.5}), key


def test_lines_are_printable_ascii_and_one_record_each(rich):
    for line in jsonl.lines(rich):
        assert line.endswith(b"\n")
        assert all(0x20 <= byte <= 0x7E for byte in line[:-1])


def test_the_first_line_counts_the_rest_so_a_cut_file_shows(rows):
    assert rows[0]["type"] == "report"
    assert rows[0]["schema"] == jsonl.SCHEMA
    kinds = [row["type"] for row in rows[1:]]
    assert rows[0]["lines"] == {kind: kinds.count(kind) for kind in KINDS}
    assert kinds == sorted(kinds, key=list(KINDS).index)


def test_nothing_is_lost(rich, rows):
    for kind, struct in KINDS.items():
        parts = {"coverage": rich.coverage, "finding": rich.findings, "destination": rich.destinations}
        parts |= {"claim": rich.claims, "stage": rich.stages, "sighting": rich.seen}
        parts |= {"decision": rich.decisions, "lookup": rich.lookups}
        read = [row for row in rows if row["type"] == kind]
        assert tuple(msgspec.convert(_restored(row, _type(struct)), struct) for row in read) == parts[kind]


def test_an_empty_report_is_one_line(nothing, closed):
    (line,) = jsonl.lines(nothing)
    closed.validate(json.loads(line))


def test_times_have_nanoseconds():
    assert jsonl.rfc3339(1_793_838_600_123_456_789) == "2026-11-05T00:30:00.123456789Z"
    assert jsonl.rfc3339(-1) == "1969-12-31T23:59:59.999999999Z"


def test_the_keys_written_as_times_are_exactly_the_instants_of_the_model():
    instants: set[str] = set()
    others: set[str] = set()
    for name in (
        *("alerts", "findings", "history", "names", "places", "records", "report", "stages", "traffic", "verdicts"),
    ):
        tree = ast.parse(inspect.getsource(import_module(f"flowwatch.model.{name}")))
        for field in (node for node in ast.walk(tree) if isinstance(node, ast.AnnAssign)):
            if isinstance(field.target, ast.Name):
                (instants if "Instant" in ast.unparse(field.annotation) else others).add(field.target.id)
    assert instants == jsonl.INSTANTS
    assert not instants & others


@pytest.mark.parametrize("of", ["report", "alert"])
def test_the_frozen_schema_agrees_with_the_structs(of):
    definitions = jsonl.json_schema(of)["$defs"]
    own = {"ReportHead", "Instant", "Sha256", "CountByVerdict", "TallyByVerdict"}
    for name in definitions.keys() - own:
        noun = getattr(model, name)
        if issubclass(noun, enum.Enum):
            if "enum" in definitions[name]:
                assert definitions[name]["enum"] == [one.value for one in noun], name
            continue
        fields = msgspec.structs.fields(noun)
        assert list(definitions[name]["properties"]) == [field.name for field in fields], name
        never_null = [field.name for field in fields if type(None) not in getattr(field.type, "__args__", ())]
        assert definitions[name]["required"] == never_null, name


@pytest.fixture(scope="session")
def alert_schema():
    """The shipped schema with every object closed."""
    schema = jsonl.json_schema("alert") | {"additionalProperties": False}
    for definition in schema["$defs"].values():
        if "properties" in definition:
            definition["additionalProperties"] = False
    return jsonschema.Draft202012Validator(schema)


def test_what_an_alert_and_a_report_share_is_described_alike():
    report, alert = jsonl.json_schema()["$defs"], jsonl.json_schema("alert")
    jsonschema.Draft202012Validator.check_schema(alert)
    assert alert["$defs"].keys() - report.keys() == {"AlertKind", "Life"}
    assert {name: report[name] for name in alert["$defs"].keys() & report.keys()} == {
        name: held for name, held in alert["$defs"].items() if name in report
    }
    assert list(alert["properties"]) == ["type", "schema", *(field.name for field in msgspec.structs.fields(Alert))]


@given(data=st.data())
def test_any_alert_validates_and_nothing_of_it_is_lost(data, made_up, alert_schema):
    alert = data.draw(made_up)
    row = json.loads(jsonl.alert(alert))
    alert_schema.validate(row)
    assert (row["type"], row["schema"]) == ("alert", jsonl.ALERT_SCHEMA)
    assert msgspec.convert(_restored(row, _type(Alert)), Alert) == alert


def test_an_alert_with_a_wrong_value_does_not_validate(told, alert_schema):
    for alert in told:
        row = json.loads(jsonl.alert(alert))
        alert_schema.validate(row)
        for key in row:
            assert not alert_schema.is_valid(row | {key: -1.5}), key
        for key in set(row) & set(alert_schema.schema["required"]):
            assert not alert_schema.is_valid({name: value for name, value in row.items() if name != key}), key


def _type(struct):
    return msgspec.inspect.type_info(struct)


def _restored(value, kind):
    """The builtins the struct came from: nulls put back, times as integers again."""
    inspect_ = msgspec.inspect
    if isinstance(kind, inspect_.UnionType):
        kind = next(one for one in kind.types if not isinstance(one, inspect_.NoneType))
    if isinstance(kind, inspect_.VarTupleType):
        return [_restored(one, kind.item_type) for one in value]
    if not isinstance(kind, inspect_.StructType):
        return value
    return {field.name: _field(value.get(field.name), field) for field in kind.fields}


def _field(value, field):
    if value is None:
        return None
    return _nanoseconds(value) if field.name in jsonl.INSTANTS else _restored(value, field.type)


def _nanoseconds(text):
    return int(datetime.fromisoformat(f"{text[:19]}+00:00").timestamp()) * 1_000_000_000 + int(text[20:29])
