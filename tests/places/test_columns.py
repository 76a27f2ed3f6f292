"""Rows go through blocks unchanged; no bytes make a block raise anything but ValueError."""

import lzma
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowwatch.places.columns import LIMIT, packed, split, unpacked

_keys = st.one_of(st.integers(0, 1 << 32), st.integers(0, 1 << 128), st.integers(0, 127).map(lambda bits: 1 << bits))
_rows = st.dictionaries(_keys, st.integers(0, (1 << 32) - 1), min_size=1, max_size=60).map(
    lambda one: sorted(one.items())
)


@given(_rows)
def test_rows_come_out_as_they_went_in(rows):
    columns = unpacked(packed(rows), rows[0][0])
    assert list(zip(columns.keys, columns.values, strict=True)) == rows


@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=9), min_size=1, max_size=20))
def test_texts_come_out_as_they_went_in(texts):
    rows = [(key, key) for key in range(len(texts))]
    assert list(unpacked(packed(rows, texts), 0).texts) == texts


@given(_rows)
def test_the_same_rows_give_the_same_bytes(rows):
    assert packed(rows) == packed(list(rows))


@pytest.mark.parametrize("step", [1, 3, (1 << 56) + 1, (1 << 100) + 1])
def test_many_rows_are_split_into_blocks_within_the_limit_and_nothing_is_lost(step):
    rows = [(number * step, number % 300) for number in range(40_000)]
    parts = list(split(rows))
    assert [row for part in parts for row in rows[part]] == rows
    for part in parts:
        packed(rows[part])  # raises for one over the limit
    assert len(parts) <= 3 + 40_000 * 19 // LIMIT


def test_the_room_that_texts_take_counts():
    rows = [(number, number) for number in range(100)]
    parts = list(split(rows, [LIMIT // 4] * 100))
    assert max(part.stop - part.start for part in parts) == 3


@pytest.mark.parametrize("rows", [[(1, 0), (1, 0)], [(2, 0), (1, 0)]])
def test_keys_out_of_order_are_refused(rows):
    with pytest.raises(ValueError, match="order"):
        packed(rows)


def test_a_block_over_the_limit_is_refused_by_both_sides():
    with pytest.raises(ValueError, match="bytes in a block"):
        packed([(number, 0) for number in range(LIMIT)])
    with pytest.raises(ValueError, match="over its limit"):
        unpacked(lzma.compress(bytes(100 * LIMIT), preset=0), 0)


@settings(max_examples=300)
@given(
    st.integers(0, 1 << 32), st.integers(0, 255), st.integers(0, 255), st.binary(max_size=200), st.integers(0, 1 << 128)
)
def test_a_block_of_any_content_is_read_or_refused(rows, mantissa, value, rest, first):
    block = lzma.compress(struct.pack("<IBB", min(rows, 0xFFFFFFFF), mantissa, value) + rest, preset=0)
    _read(block, first)
    _read(lzma.compress(struct.pack("<IBB", len(rest) // 4, mantissa % 4, value % 4) + rest, preset=0), first)


@given(st.integers(0, 400), st.integers(0, 255), st.integers(0, 400))
def test_a_damaged_block_is_read_or_refused(place, value, cut):
    block = bytearray(packed([(number * 7, number) for number in range(200)]))
    block[place % len(block)] = value
    _read(bytes(block[: len(block) - cut % len(block)]), 0)


def _read(block: bytes, first: int) -> None:
    try:
        columns = unpacked(block, first)
    except ValueError:
        return
    assert len(columns.keys) == len(columns.values)
    assert list(columns.keys) == sorted(columns.keys)
