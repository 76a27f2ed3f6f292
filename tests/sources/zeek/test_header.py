"""The header of a tab-separated log."""

from hypothesis import given, settings
from hypothesis import strategies as st

from flowwatch.sources.zeek.header import Header, after


def header_of(*lines):
    header = Header()
    for line in lines:
        header = after(header, line)
    return header


def test_all_directives_with_the_separator_in_force():
    found = header_of(
        r"#separator \x7c", "#set_separator|;", "#empty_field|(none)", "#unset_field|?", "#path|dns", "#fields|ts|query"
    )
    assert found == Header("|", ";", "(none)", "?", "dns", ("ts", "query"))


def test_a_separator_begins_a_new_header_and_a_path_new_fields():
    first = ("#path\tconn", "#unset_field\t?", "#fields\tts\tuid")
    assert header_of(*first, r"#separator \x09") == Header()
    assert header_of(*first, "#path\tdns").fields == ()


@settings(deadline=None)
@given(st.lists(st.text(max_size=20).map("#{}".format)))
def test_no_line_makes_it_raise(lines):
    assert isinstance(header_of(*lines), Header)
