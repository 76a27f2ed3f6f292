"""Golden text: after a wanted change run with FLOWWATCH_UPDATE_GOLDEN=1 and read the difference."""

import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from flowwatch.model import Coverage, Fact
from flowwatch.reports import escape, markdown

GOLDEN = Path(__file__).parent / "golden"
READER = MarkdownIt("gfm-like", {"linkify": False, "html": True})
OBSERVED = st.text(st.characters(), min_size=1, max_size=40) | st.text(
    "`|<>[]()!*_~\\#@:/ \n&;w.", min_size=1, max_size=24
)


def inside(text):
    """Every token of the Markdown, those within others too."""
    found = []
    for token in READER.parse(text):
        found += [token, *(token.children or [])]
    return found


@pytest.mark.parametrize("which", ["rich", "nothing"])
def test_the_text_is_the_golden_one(which, request):
    shown = markdown.render(request.getfixturevalue(which))
    kept = GOLDEN / f"{which}.md"
    if os.environ.get("FLOWWATCH_UPDATE_GOLDEN"):
        kept.write_text(shown, "utf-8")
    assert shown == kept.read_text("utf-8")


@pytest.fixture(scope="module")
def read(rich):
    """The tokens of the report with the text wherever strangers write."""
    return lambda observed: inside(markdown.render(_with_text(rich, observed)))


@given(OBSERVED)
@example("`` ` ``")
@example("a | b")
@example("x`](http://192.0.2.1)![y](z)<img src=x>@all")
@example(" www.carrier.example ")
def test_observed_text_stands_in_code_spans_only(read, observed):
    plain, shown = read("plain"), read(observed)
    quiet = {"text", "code_inline", "softbreak"}
    assert [one.type for one in shown if one.type not in quiet] == [one.type for one in plain if one.type not in quiet]
    assert observed in [escape.undo(one.content) for one in shown if one.type == "code_inline"]
    texts = [" ".join(one.content for one in tokens if one.type == "text") for tokens in (plain, shown)]
    assert texts[0] == texts[1]


def test_tables_have_the_same_cells_in_every_row(rich):
    for block in markdown.render(rich).split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1
    assert sum(one.type == "table_open" for one in inside(markdown.render(rich))) == 2


def test_what_is_left_out_is_counted(rich):
    many = msgspec.structs.replace(
        rich,
        findings=rich.findings * 30,
        destinations=rich.destinations * 30,
        coverage=tuple(Coverage(source=f"{n}.pcap", records=1, used=1, flows=1) for n in range(60)),
    )
    shown = markdown.render(many)
    assert f"... and {210 - markdown.FINDINGS_TOLD} more;" in shown
    assert f"... and {150 - markdown.DESTINATIONS_TOLD} more;" in shown
    assert f"... and {60 - markdown.SOURCES_TOLD} more;" in shown


def _with_text(report, observed):
    replace = msgspec.structs.replace
    name = replace(report.findings[1].names[0], name=observed)
    place = replace(report.findings[1].place, organisation=(Fact(observed, "x"),))
    found = replace(report.findings[1], names=(name,), place=place, title=observed, senders=(observed,))
    asked = replace(report.findings[5], asked=observed, title=observed)
    through = replace(report.findings[3], asked=observed, title=observed)
    reached = replace(report.destinations[1], names=(name,), place=place, address=observed)
    source = replace(report.coverage[0], source=observed, format=observed, notes=(observed,), limits={observed: 1})
    return replace(report, findings=(found, asked, through), destinations=(reached,), coverage=(source,))
