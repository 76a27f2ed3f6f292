import base64
import hashlib
import itertools
import re
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowwatch.model import Coverage, Group
from flowwatch.reports import html

SOFT_HYPHEN = "\xad"
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """Elements and text of a page; raises where a tag closes another."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.texts, self.open, self.style = [], [], [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.texts.append(data)


@pytest.fixture(scope="module")
def page(rich):
    return Page(html.render(rich))


def test_every_element_is_closed(page):
    assert page.open == []


def test_nothing_runs_and_nothing_is_fetched(page):
    assert not {"script", "link", "img", "iframe", "object", "embed", "form", "base", "audio", "video"} & set(page.tags)
    for tag, name, value in page.attributes:
        assert name not in {"src", "srcset", "style", "action", "ping", "data", "xlink:href"}, (tag, name)
        assert not name.startswith("on"), (tag, name)
        if name == "href":
            assert re.fullmatch(r"#[a-z-]+", value)
    assert "url(" not in page.style
    assert "@import" not in page.style


def test_the_content_policy_allows_this_style_and_nothing_else(page):
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    policies = [value for tag, name, value in page.attributes if tag == "meta" and name == "content"]
    assert policies[0] == (f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'")


def test_every_link_within_the_page_leads_somewhere(page):
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {value[1:] for _, name, value in page.attributes if name == "href"} <= set(ids)
    assert {value for _, name, value in page.attributes if name == "aria-labelledby"} <= set(ids)


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
        coverage=(Coverage(source=observed, notes=(observed,)),),
    )
    plain = msgspec.structs.replace(
        changed,
        findings=(msgspec.structs.replace(finding, names=(finding.names[-1],), title="plain"),),
        coverage=(Coverage(source="plain", notes=("plain",)),),
    )
    shown, expected = Page(html.render(changed)), Page(html.render(plain))
    assert shown.tags == expected.tags
    text = "".join(shown.texts)
    assert text.count(SOFT_HYPHEN) == "".join(expected.texts).count(SOFT_HYPHEN)
    assert all(one.isprintable() or one in {"\n", SOFT_HYPHEN} for one in text)


def test_the_four_groups_fill_the_bar(rich):
    shares = html.shares(rich)
    assert [share.group for share in shares] == list(Group)
    assert sum(share.width for share in shares) == pytest.approx(100, abs=0.01)
    assert html.shares(msgspec.structs.replace(rich, verdicts={})) == []


def test_routes_add_up_to_the_judged_decisions(rich):
    judged = [one for one in rich.decisions if one.verdict.group is not Group.OUT_OF_SCOPE]
    routes = html.routes(rich.decisions)
    assert sum(one.transmissions for one in routes) == len(judged)
    assert sum(one.bytes for one in routes) == sum(one.transmission.sent.least for one in judged)
    assert [one.worst.rank for one in routes] == sorted((one.worst.rank for one in routes), reverse=True)


def test_what_is_left_out_is_counted_and_the_page_stays_small(rich):
    findings = tuple(msgspec.structs.replace(rich.findings[1], id=f"{n:016x}") for n in range(html.FINDINGS_TOLD + 7))
    made = html.render(msgspec.structs.replace(rich, findings=findings, destinations=rich.destinations * 200))
    assert "and 7 more;" in made
    assert f"and {800 - html.DESTINATIONS_TOLD} more;" in made
    assert len(made.encode()) < 2_000_000
