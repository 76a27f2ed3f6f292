"""docs/records.md names every column of the two tables, in order; docs/policy.md names reasons that exist."""

import re
from pathlib import Path

import pytest

from flowwatch.model import FLOWS, LOOKUPS, Reason

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "records.md").read_text()


@pytest.mark.parametrize(("title", "schema"), [("FLOWS", FLOWS), ("LOOKUPS", LOOKUPS)])
def test_the_page_and_the_schema_name_the_same_columns(title, schema):
    section = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row)] == schema.names


def test_the_reasons_the_policy_page_names_exist():
    codes = set(re.findall(r"`([a-z]+\.[a-z_]+)`", (DOCS / "policy.md").read_text()))
    assert codes
    assert codes <= {reason.value for reason in Reason}
