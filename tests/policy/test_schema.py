"""The JSON Schema for editors against `load`: what one accepts in shape, the other does too."""

import datetime as dt
import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from flowwatch.policy import json_schema

RULES = Path(__file__).parents[2] / "rules"
ERRORS = tomllib.loads((Path(__file__).parent / "errors.toml").read_text())
SCHEMA = json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

SHAPE = ("unknown key", "is missing", "expected ", "not supported", "is not one of", "list is empty", "text is empty")
BEYOND = ("not TOML", "the year", "expected an instant", "expected a date", 'to = "any"')
"""What an editor cannot see: it is handed times as strings, and a word in a list of ids is an id."""


def plain(value):
    """A TOML value as an editor hands it to a validator: times as strings."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, dt.date | dt.time) else value


def test_it_is_a_json_schema_and_plain_json():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("path", sorted(RULES.glob("*.toml")), ids=lambda path: path.name)
def test_the_shipped_policies_validate(path):
    VALIDATOR.validate(plain(tomllib.loads(path.read_text())))


def test_every_table_refuses_unknown_keys_and_is_described():
    tables = [SCHEMA, *(one for one in SCHEMA["$defs"].values() if one.get("type") == "object")]
    assert len(tables) > 20
    for table in tables:
        assert table["additionalProperties"] is False, table["title"]
        assert table["description"]


FAULTS_OF_SHAPE = [
    case
    for case in ERRORS["case"]
    if any(words in case["says"] for words in SHAPE) and not any(words in case["says"] for words in BEYOND)
]


@pytest.mark.parametrize("case", FAULTS_OF_SHAPE, ids=lambda case: case["says"][:60])
def test_what_load_refuses_for_its_shape_the_schema_refuses(case):
    old, new = case.get("instead_of"), case["write"]
    base = ERRORS["base"]
    text = base.replace(old + "\n", new + "\n" if new else "", 1) if old else f"{base}{new}\n"
    assert not VALIDATOR.is_valid(plain(tomllib.loads(text)))


def test_what_load_fills_in_is_no_key():
    keys = {name: set(table["properties"]) for name, table in SCHEMA["$defs"].items() if "properties" in table}
    assert "from_cidrs" not in keys["Channel"]
    assert "digests" not in keys["Term"]
