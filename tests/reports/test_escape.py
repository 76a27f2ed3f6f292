import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowwatch.reports import escape

ANY_TEXT = st.text(st.characters()) | st.text("\\u{}1b\x1b\u202e\u200b\"' =a", max_size=12)
INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(ANY_TEXT)
@example("\x1b]0;title\x07")
@example("\\u{1b}")
def test_a_terminal_gets_printable_ascii_only_and_nothing_is_lost(text):
    shown = escape.terminal(text)
    assert all(" " <= one <= "~" for one in shown)
    assert escape.undo(shown) == text


@given(ANY_TEXT)
@example("a\u3164b\ufe0f\U000e0101")
def test_a_page_gets_nothing_invisible_and_nothing_is_lost(text):
    shown = escape.html(text)
    assert not {unicodedata.category(one) for one in shown} & INVISIBLE
    assert not set("\u3164\ufe0f\U000e0101\u115f") & set(shown)
    assert escape.undo(shown) == text


@given(ANY_TEXT | st.text("`|\\ a", max_size=8))
@example("``")
@example(" a ")
def test_a_code_span_holds_nothing_that_could_end_it_and_nothing_is_lost(text):
    shown = escape.code(text)
    assert shown[0] == shown[-1] == "`"
    inner = shown[1:-1]
    assert inner
    assert not set("`|\n") & set(inner)
    assert inner == inner.strip(" ")
    assert escape.undo(inner) == text


@pytest.mark.parametrize(
    "text",
    ["www.carrier.example", "http://192.0.2.1", "a@b.example", "#12", "GH-12", "* a", "1. a", "- a", "a_b_", "a:joy:b"],
)
def test_a_sentence_with_anything_to_link_or_mark_up_becomes_a_code_span(text):
    assert escape.prose(text) == f"`{text}`"
    assert escape.prose("zone precincts: 192.0.2.17, 2001:db8::1") == "zone precincts: 192.0.2.17, 2001:db8::1"


def test_letters_of_any_script_stay_on_a_page():
    assert escape.html("H\u00f4tel \u5317\u4eac") == "H\u00f4tel \u5317\u4eac"


@pytest.mark.parametrize("function", [escape.terminal, escape.html])
def test_surrogates_are_shown_not_raised(function):
    assert function("a\ud800b") == "a\\u{d800}b"
