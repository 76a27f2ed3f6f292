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


def test_letters_of_any_script_stay_on_a_page():
    assert escape.html("H\u00f4tel \u5317\u4eac") == "H\u00f4tel \u5317\u4eac"


@pytest.mark.parametrize("function", [escape.terminal, escape.html])
def test_surrogates_are_shown_not_raised(function):
    assert function("a\ud800b") == "a\\u{d800}b"
