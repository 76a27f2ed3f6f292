"""The policies shipped as examples: they load, earn no warning, and the longer one shows every key there is."""

import datetime as dt
import tomllib
from pathlib import Path

import pytest

from flowwatch.policy import json_schema, lint, load

ROOT = Path(__file__).parents[2]
RULES = ROOT / "rules"
SHIPPED = [ROOT / "flowwatch" / "policy" / "first.policy.toml", *sorted(RULES.glob("*.toml"))]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_loads_and_earns_no_warning(path):
    policies = load(path)
    assert [str(one) for one in lint(policies, dt.date(2028, 10, 1))] == []
    assert policies.versions[0].tests


def keys_written(value, schema, kind):
    """Every (table, key) of the schema that the TOML value writes."""
    while "$ref" in kind:
        kind = schema["$defs"][kind["$ref"].rsplit("/", 1)[1]]
    if isinstance(value, list):
        for inner in value:
            yield from keys_written(inner, schema, kind.get("items", {}))
    elif isinstance(value, dict) and "properties" in kind:
        for key, inner in value.items():
            yield kind["title"], key
            yield from keys_written(inner, schema, kind["properties"][key])


def test_the_example_writes_every_key():
    schema = json_schema()
    tables = [schema, *(one for one in schema["$defs"].values() if "properties" in one)]
    every = {(table["title"], key) for table in tables for key in table["properties"]}
    value = tomllib.loads((RULES / "example.policy.toml").read_text())
    assert every - set(keys_written(value, schema, schema)) == set()
