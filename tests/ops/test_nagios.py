"""The status line, read back by a parser written from the guidelines alone."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.model import Severity
from flowwatch.ops.nagios import Measure, line
from flowwatch.reports import escape

WORDS = st.text(max_size=30)
MEASURES = st.builds(
    Measure,
    st.none() | st.integers(-(2**63), 2**63) | st.floats(-1e9, 1e9, allow_nan=False),
    st.sampled_from(["", "s", "B", "c", "%"]),
)


def parsed(text: str) -> dict[str, tuple[str, str]]:
    """Label to (number, unit): `'label'=value[UOM];...` between blanks, a quote in quotes written twice."""
    found, at = {}, 0
    while at < len(text):
        label, at = _label(text, at)
        assert text[at] == "="
        end = text.find(" ", at) % (len(text) + 1)
        value = text[at + 1 : end].split(";", maxsplit=1)[0]
        number = value.rstrip("sBcKMGT%")
        assert number == "U" or set(number) <= set("-0123456789.")
        found[label] = number, value[len(number) :]
        at = end + 1
    return found


def _label(text: str, at: int) -> tuple[str, int]:
    if text[at] != "'":
        end = text.index("=", at)
        return text[at:end], end
    label = ""
    at += 1
    while text[at] != "'" or text[at + 1 : at + 2] == "'":
        label += text[at]
        at += 2 if text[at] == "'" else 1
    assert "=" not in label
    return label, at + 1


@pytest.mark.parametrize(
    ("code", "worst", "word", "status"),
    [
        (0, None, "OK", 0),
        (0, Severity.LOW, "OK", 0),
        (1, Severity.MEDIUM, "WARNING", 1),
        (1, Severity.HIGH, "CRITICAL", 2),
        (1, Severity.CRITICAL, "CRITICAL", 2),
        *((code, Severity.CRITICAL, "UNKNOWN", 3) for code in (2, 3, 4, 70, 130, 141)),
    ],
)
def test_only_a_check_that_found_nothing_is_ok_and_no_fault_is_a_warning(code, worst, word, status):
    text, ends = line(code, worst, {"findings": 0}, "", {})
    assert (text.split(" - ")[0], ends) == (f"FLOWWATCH {word}", status)


def test_the_line_is_the_one_the_page_shows():
    text, _ = line(0, None, {"findings": 0, "pending": 0}, "all sources read", {"lag_resolver": Measure(12, "s")})
    page = Path(__file__).parents[2] / "docs" / "operations.md"
    assert text in page.read_text().splitlines()
    assert text.endswith(" | findings=0 pending=0 lag_resolver=12s")
    assert line(3, None, {}, "", {}) == ("FLOWWATCH UNKNOWN - exit 3", 3)


@given(WORDS, st.dictionaries(WORDS.filter(bool), MEASURES, max_size=4))
def test_it_is_one_printable_line_and_reads_back(words, perfdata):
    text, _ = line(1, Severity.LOW, {"findings": 3}, words, perfdata)
    assert text.isascii()
    assert text.isprintable()
    shown, _, figures = text.partition(" | ")
    assert "|" not in shown + figures
    assert escape.undo(shown).endswith(words)
    read = {escape.undo(label): value for label, value in parsed(figures).items()}
    assert read.keys() == {"findings"} | perfdata.keys()
    for label, one in perfdata.items():
        number, unit = read[label]
        if one.value is None:
            assert (number, unit) == ("U", "")
        else:
            assert float(number) == pytest.approx(one.value, abs=1e-6)
            assert unit == one.unit
