"""Bytes to lines: the same for every block size, offsets true to the byte."""

import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flowwatch.sources import lines as module
from flowwatch.sources.lines import LONGEST, Block, blocks


def lines_of(data, size):
    """(number, offset, text) of every line."""
    found = []
    for block in blocks(io.BytesIO(data), size):
        offset = block.offset
        for number, line in enumerate(block.data.split(b"\n"), block.number):
            found.append((number, offset, line))
            offset += len(line) + 1
    return found


def expected(data):
    bare = data.removeprefix(b"\xef\xbb\xbf")
    if not data:
        return []
    found, offset = [], len(data) - len(bare)
    for number, line in enumerate(bare.split(b"\n"), 1):
        found.append((number, offset, line))
        offset += len(line) + 1
    return found[:-1] if data.endswith(b"\n") else found


@settings(deadline=None)
@given(data=st.binary(max_size=200).map(lambda data: data.replace(b"\x00", b"\n")), size=st.integers(3, 60))
@example(data=b"a\n\n\nb", size=3)
@example(data=b"\xef\xbb\xbfa\nb\n", size=4)
def test_every_line_with_its_number_and_offset(data, size):
    assert lines_of(data, size) == expected(data)


@pytest.mark.parametrize("size", [3, 7, 16, 1000])
def test_a_line_too_long_is_cut_and_what_follows_stands_where_it_stood(monkeypatch, size):
    monkeypatch.setattr(module, "LONGEST", 10)
    data = b"one\n" + b"x" * 50 + b"\ntwo\n" + b"y" * 11 + b"\n" + b"z" * 30
    found = lines_of(data, size)
    assert [(number, offset) for number, offset, _ in found] == [(1, 0), (2, 4), (3, 55), (4, 59), (5, 71)]
    assert [line for _, _, line in found if len(line) <= 10] == [b"one", b"two"]


def test_memory_stays_bounded_by_the_limit():
    block = max(blocks(io.BytesIO(b"x" * (3 * LONGEST)), 1 << 16), key=lambda found: len(found.data))
    assert len(block.data) == LONGEST + 1


@pytest.mark.parametrize("outer", [None, (40, 50)])
def test_bytes_of_a_line_are_never_those_of_another(outer):
    block = Block(b"first\nsecond", 40, 9, outer=outer)
    second = 50 if outer else 46
    assert (block.line(39), block.line(40), block.line(second)) == (None, b"first", b"second")
    if outer:
        assert block.line(43) == b"first"
