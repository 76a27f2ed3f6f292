import base64
import hashlib
import itertools
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flowwatch.model import Coverage, Group
from flowwatch.reports import escape, html, rows, world

SOFT_HYPHEN = "\xad"
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """Elements and text of a page; raises where a tag closes another."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.texts, self.open, self.style = [], [], [], [], ""
        self.scripts, self.blocks, self.data = [], [], False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append(tag)
        self.data = ("type", "application/json") in attrs

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            self.style += data
        elif self.open and self.open[-1] == "script":
            (self.blocks if self.data else self.scripts).append(data)
        else:
            self.texts.append(data)


@pytest.fixture(scope="module")
def page(rich):
    return Page(html.render(rich))


def test_every_element_is_closed(page):
    assert page.open == []


def test_only_its_own_script_runs_and_nothing_is_fetched(page):
    assert page.scripts == [Path(html.__file__).with_name("templates").joinpath("report.js").read_text("utf-8")]
    assert not {"link", "img", "iframe", "object", "embed", "form", "base", "audio", "video"} & set(page.tags)
    for tag, name, value in page.attributes:
        assert name not in {"src", "srcset", "style", "action", "ping", "data", "xlink:href"}, (tag, name)
        assert not name.startswith("on"), (tag, name)
        if name == "href":
            assert re.fullmatch(r"#[a-z_-]+", value)
        if "url(" in (value or ""):
            assert re.fullmatch(r"url\(#fill-[a-z_]+\)", value)
    assert "url(" not in page.style
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|eval|Function\(|fetch|XMLHttp|import|localStorage|cookie",
        page.scripts[0],
    )
    assert "@import" not in page.style


def test_the_content_policy_allows_this_style_and_script_and_nothing_else(page):
    style, script = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (page.style, page.scripts[0])
    )
    policies = [value for tag, name, value in page.attributes if tag == "meta" and name == "content"]
    assert policies[0] == (
        f"default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; "
        "base-uri 'none'; form-action 'none'"
    )


def test_every_link_within_the_page_leads_somewhere(page):
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {value[1:] for _, name, value in page.attributes if name == "href"} <= set(ids)
    assert {value for _, name, value in page.attributes if name == "aria-labelledby"} <= set(ids)
    assert {value[5:-1] for _, name, value in page.attributes if name == "fill"} <= set(ids)


def test_headings_step_down_one_at_a_time(page):
    levels = [int(tag[1]) for tag in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(), min_size=1, max_size=50) | st.text("<>&\"'/{}%#= \x00\u202e", min_size=1, max_size=20))
def test_observed_text_stays_text(rich, observed):
    finding = rich.findings[1]
    name = msgspec.structs.replace(finding.names[0], name=observed)
    changed = msgspec.structs.replace(
        rich,
        findings=(msgspec.structs.replace(finding, names=(name,), title=observed),),
        destinations=(_reached(rich, name, observed),),
        decisions=(_sent(rich, name, observed),),
        coverage=(Coverage(source=observed, notes=(observed,)),),
    )
    plain = msgspec.structs.replace(
        changed,
        findings=(msgspec.structs.replace(finding, names=(finding.names[-1],), title="plain"),),
        destinations=(_reached(rich, finding.names[-1], "plain"),),
        decisions=(_sent(rich, finding.names[-1], "plain"),),
        coverage=(Coverage(source="plain", notes=("plain",)),),
    )
    shown, expected = Page(html.render(changed)), Page(html.render(plain))
    assert shown.tags == expected.tags
    text = "".join(shown.texts)
    assert text.count(SOFT_HYPHEN) == "".join(expected.texts).count(SOFT_HYPHEN)
    assert all(one.isprintable() or one in {"\n", SOFT_HYPHEN} for one in text)


def _reached(rich, name, observed):
    return msgspec.structs.replace(rich.destinations[2], names=(name,), asked=observed)


def _sent(rich, name, observed):
    transmission = msgspec.structs.replace(rich.decisions[1].transmission, names=(name,))
    return msgspec.structs.replace(rich.decisions[1], transmission=transmission, sender_zone=observed, place=None)


def test_the_four_groups_fill_the_bar(rich):
    shares = html.shares(rich)
    assert [share.group for share in shares] == list(Group)
    assert sum(share.width for share in shares) == pytest.approx(100, abs=0.01)
    assert html.shares(msgspec.structs.replace(rich, verdicts={})) == []


def test_routes_add_up_to_the_judged_decisions(rich):
    judged = [one for one in rich.decisions if one.verdict.group is not Group.OUT_OF_SCOPE]
    routes = html.routes(rich.decisions)
    assert sum(one.transmissions for one in routes) == len(judged)
    assert sum(one.sent.least for one in routes) == sum(one.transmission.sent.least for one in judged)
    assert [one.worst.rank for one in routes] == sorted((one.worst.rank for one in routes), reverse=True)


def test_what_is_left_out_is_counted_and_the_page_stays_small(rich, hostile):
    """Every list as long as can be and full of long hostile names: the page holds what it may and counts the rest."""
    many = msgspec.structs.replace(
        rich,
        findings=tuple(msgspec.structs.replace(rich.findings[1], id=f"{n:016x}") for n in range(3_000)),
        destinations=tuple(
            msgspec.structs.replace(rich.destinations[1], address=f"2001:db8::{n:x}", place=_somewhere(rich, n))
            for n in range(20_000)
        ),
        lookups=tuple(
            msgspec.structs.replace(one, lookup=msgspec.structs.replace(one.lookup, qname=f"{n}{hostile[1] * 20}"))
            for one in rich.lookups
            for n in range(1_000)
        ),
        coverage=tuple(Coverage(source=f"{n}{hostile[2] * 30}", notes=hostile) for n in range(2_000)),
        decisions=tuple(
            decision
            for one in rich.decisions[:2]
            for n in range(2_000)
            for decision in [
                msgspec.structs.replace(
                    one, transmission=msgspec.structs.replace(one.transmission, receiver_ip=f"2001:db8::{n:x}")
                )
            ]
        ),
        uses=rich.uses * 500,
        stages=tuple(
            msgspec.structs.replace(rich.stages[0], since=n, ran=rich.stages[0].ran * 30, silent=hostile * 9)
            for n in range(500)
        ),
    )
    made = html.render(many)
    assert 1_000_000 < len(made.encode()) < 2_000_000
    page = Page(made)
    assert page.open == []
    told = re.findall(r"\u2026 and ([\d,]+) more", "".join(page.texts))
    counts = [page.tags.count("article"), *(len(json.loads(block)["rows"]) for block in page.blocks)]
    assert len(told) == 11
    assert f"{2_000 - counts[0]:,}" in told
    assert f"{20_000 - counts[2] - _rows(made):,}" in told
    assert {"300", "800"} <= set(told)


def _somewhere(rich, number):
    """A place in every country there is, then in ever more that there are not."""
    codes = list(world._world().countries)
    code = codes[number] if number < len(codes) else f"{number:05}"
    place = rich.destinations[1].place
    return msgspec.structs.replace(place, located=(msgspec.structs.replace(place.located[0], country=code),))


def _rows(made):
    return made.partition('id="destinations"')[2].partition("</tbody>")[0].count("<tr data-group")


@pytest.fixture(scope="module")
def pack(rich):
    """The data block of one destination with the text for its address."""
    return lambda text: rows.destinations([msgspec.structs.replace(rich.destinations[2], address=text)], 100_000)


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(), min_size=1, max_size=50) | st.text('</script>!-&\\"\u2028', min_size=1, max_size=20))
@example("</script><script>alert(1)</script>")
@example("<!--<script>")
def test_a_data_block_ends_where_it_should_and_reads_back(pack, observed):
    packed = pack(observed)
    assert "<" not in packed.text
    block = json.loads(packed.text)
    assert escape.undo(block["words"][block["rows"][0][3]]) == observed


def test_a_data_block_keeps_to_its_budget(rich):
    many = [msgspec.structs.replace(rich.destinations[0], address=f"203.0.113.{n}") for n in range(200)]
    packed = rows.destinations(many, 5_000)
    assert 0 < packed.held < 200
    assert len(packed.text) < 5_000
    assert len(json.loads(packed.text)["rows"]) == packed.held
    assert rows.destinations(many, 10) == rows.Packed("", 0)


def test_data_sent_in_names_is_told_at_the_top(rich, nothing):
    head = html.render(rich).partition("</header>")[0]
    assert "412 lookups count as data sent within the names asked for, at least 9.1 kB (1 finding)" in head
    assert "count as data sent" not in html.render(nothing)
