"""Bytes escaped once, by the rules of the two tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.sources import text
from flowwatch.sources.text import exact, label, name, printable, quoted


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "."),
        (b"Results.EXAMPLE", "results.example"),
        (b"a b.example", r"a\032b.example"),
        (b"\x00.\xff", r"\000.\255"),
        (b"a\\.b", r"a\092.b"),
    ],
)
def test_names(data, expected):
    assert name(data) == expected


@given(st.binary(min_size=1, max_size=63))
def test_every_byte_of_a_label_can_be_told_again(data):
    told, out = label(data), bytearray()
    while told:
        if told[0] == "\\":
            out.append(int(told[1:4]))
            told = told[4:]
        else:
            out += told[0].encode()
            told = told[1:]
    assert bytes(out) == data.lower()
    assert exact(label(data))


def test_other_text():
    assert printable(b"a\\\xff ") == r"a\x5c\xff "
    assert quoted(b'a"\\\n') == r'"a\"\\\010"'


def test_what_is_too_long_is_not_remembered():
    before = text._name.cache_info().currsize, text._address.cache_info().currsize
    assert text.name(b"a" * 5000) == "a" * 5000
    assert text.address("1" * 5000) is None
    assert (text._name.cache_info().currsize, text._address.cache_info().currsize) == before
