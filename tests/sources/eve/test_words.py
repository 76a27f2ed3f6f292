"""Suricata's words to ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.sources import text
from flowwatch.sources.eve import words


def printed(data):
    r"""Bytes as Suricata prints them: as they are where they are UTF-8, else from 128 on as `\xNN`."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "".join(chr(byte) if byte < 128 else f"\\x{byte:02x}" for byte in data)


@given(st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=4))
def test_a_name_said_to_be_exact_is_the_one_on_the_wire(labels):
    told, exact = words.name(printed(b".".join(labels)))
    wire = ".".join(map(text.label, labels))
    assert told.isascii()
    assert " " not in told
    if not any(b"." in label for label in labels):
        assert told == wire or not exact


@given(st.text(max_size=60))
def test_no_text_raises(value):
    words.name(value)
    for change in (words.record_type, words.rcode, words.header_flags, words.protocol, words.app, words.state):
        change(value)
    words.tunnel(value, None)


@pytest.mark.parametrize(
    ("word", "expected"), [("NOERROR", "NOERROR"), ("BADVERS/BADSIG", "BADVERS"), ("3", "NXDOMAIN"), ("77", "RCODE77")]
)
def test_response_codes(word, expected):
    assert words.rcode(word) == expected
