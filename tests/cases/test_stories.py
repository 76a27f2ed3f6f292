"""`captures/README.md` has a row for every case: its README's story, the verdicts of its `expect.toml`.

Both are written by the case; `FLOWWATCH_UPDATE_GOLDEN=1 pytest tests/cases/test_stories.py` writes the table anew.
"""

import os
import re
import tomllib
from pathlib import Path
from typing import Any

from flowwatch.model import OF_THE_WHOLE
from flowwatch.reports.phrases import plural, words

CAPTURES = Path(__file__).parents[2] / "captures"
README = CAPTURES / "README.md"
HEAD = "| case | what happened | what flowwatch says | exit |\n|---|---|---|--:|\n"


def row(case: Path) -> str:
    expected = tomllib.loads((case / "expect.toml").read_text())
    link = f"[{case.name}]({case.name}/README.md)"
    return f"| {link} | {_story(case)} | {'; '.join(_said(expected))} | {expected['exit']} |\n"


def _story(case: Path) -> str:
    """The first paragraph of what happened, on one line."""
    told = (case / "README.md").read_text().partition("## What happened\n")[2]
    return " ".join(told.split("\n\n")[0].split()).replace("|", "\\|")


def _said(expected: dict[str, Any]) -> list[str]:
    """Its verdicts without what is out of scope, lookups that are not approved, findings of the whole, claims."""
    sent, asked = expected.get("verdicts", {}), expected.get("lookups", {})
    told = [f"{count} {verdict}" for verdict, count in sent.items() if verdict != "out_of_scope"]
    wanted = {verdict: count for verdict, count in asked.items() if verdict != "out_of_scope"}
    told += [
        f"{plural(count, 'lookup')} {verdict}" for verdict, count in wanted.items() if not sent or verdict != "approved"
    ]
    whole = [one for one in expected.get("finding", ()) if one.get("kind") in OF_THE_WHOLE]
    told += [f"`{one['kind']}`" + (f" ({one['verdict']})" if "verdict" in one else "") for one in whole]
    return told + [f"claim `{claim}`: {words(outcome)}" for claim, outcome in expected.get("claims", {}).items()]


def test_the_table_tells_every_case_with_its_verdicts():
    table = HEAD + "".join(row(path.parent) for path in sorted(CAPTURES.glob("*/expect.toml")))
    kept = README.read_text()
    begin = kept.index(HEAD)
    end = re.compile(r"^(?!\|)", re.MULTILINE).search(kept, begin)
    assert end is not None
    made = kept[:begin] + table + kept[end.start() :]
    if os.environ.get("FLOWWATCH_UPDATE_GOLDEN"):
        README.write_text(made)
    assert made == README.read_text(), "a case is new or says something else: write the table anew (see above)"
