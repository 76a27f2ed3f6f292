"""docs/records.md names every column of the two tables, in order, and no other."""

import re
from pathlib import Path

import pytest

from flowwatch.model import FLOWS, LOOKUPS

PAGE = (Path(__file__).parent.parent / "docs" / "records.md").read_text()


@pytest.mark.parametrize(("title", "schema"), [("FLOWS", FLOWS), ("LOOKUPS", LOOKUPS)])
def test_the_page_and_the_schema_name_the_same_columns(title, schema):
    section = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row)] == schema.names
