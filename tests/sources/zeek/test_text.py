"""Zeek's text escaped once, by the rules of the two tables."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowwatch.sources.text import address, exact
from flowwatch.sources.zeek.text import host, name, printable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Results.EXAMPLE.", "results.example"),
        ("", "."),
        (".", "."),
        (r"hp laserjet.local", r"hp\032laserjet.local"),
        (r"a\x00b.example", r"a\000b.example"),
        (r"a\\b.example", r"a\092b.example"),
        ("b\u00fccher.example", r"b\195\188cher.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("api.example is 203.0.113.67 .test", r"api.example\032is\032203.0.113.67\032.test"),
    ],
)
def test_names(text, expected):
    assert name(text) == expected


@settings(deadline=None)
@given(st.text(max_size=60))
def test_every_name_is_printable_without_space_and_stays_as_it_is(text):
    once = name(text)
    assert once.isascii()
    assert once.isprintable()
    assert " " not in once
    assert name(once.replace("\\", "\\\\")) == once.replace("\\", "\\092")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a.example", True), (".", True), ("a..example", False), ("a" * 64 + ".example", False), (r"a\032b", True)],
)
def test_a_name_whose_labels_cannot_be_told_is_not_exact(text, expected):
    assert exact(text) is expected
    assert not exact(".".join(["abcdefgh"] * 29))


def test_other_text_is_escaped_in_hexadecimal():
    assert printable("CN=B\u00fccher \\x0a \\\\") == r"CN=B\xc3\xbccher \x0a \x5c"
    assert host("Results.Example.") == "results.example"
    assert host("") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:0DB8:0:0::7", "2001:db8::7"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("::FFFF:c000:0201", "::ffff:192.0.2.1"),
        ("192.0.2.01", None),
        ("3221225985", None),
        ("fe80::1%eth0", None),
        ("results.example", None),
    ],
)
def test_addresses_are_canonical(text, expected):
    assert address(text) == expected
