"""Numbers of values and combinations, held against plain Python."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowwatch.alike import firsts, numbers, shared, sums, together

LAWS = settings(max_examples=60, deadline=None)
HOSTILE = ["", "\x00", "a\x00", "a", "A", "\u00e9", "e\u0301", "\U0001f600", "[]", "None", "a,b", "x" * 300]
TEXT = st.sampled_from(HOSTILE) | st.text(max_size=3)
PAIRS = st.fixed_dictionaries({"src": st.none() | TEXT, "dst": st.none() | TEXT})
KINDS = {
    pa.utf8(): TEXT,
    pa.dictionary(pa.int32(), pa.utf8()): TEXT,
    pa.bool_(): st.booleans(),
    pa.uint16(): st.integers(0, 2),
    pa.int64(): st.sampled_from([-(2**63), -1, 0, 2**63 - 1]),
    pa.list_(pa.utf8()): st.lists(st.none() | TEXT, max_size=3),
    pa.struct([("src", pa.utf8()), ("dst", pa.utf8())]): PAIRS,
    pa.list_(pa.struct([("src", pa.utf8()), ("dst", pa.utf8())])): st.lists(st.none() | PAIRS, max_size=3),
}


def _counted(values):
    """Each value's place among the distinct ones, as they come."""
    known: dict[str, int] = {}
    return [known.setdefault(json.dumps(value, sort_keys=True), len(known)) for value in values]


@st.composite
def columns(draw, kind, values):
    """(A column in several chunks, some of them parts of others; its values)."""
    chunks, plain = [], []
    for _ in range(draw(st.integers(0, 3))):
        told = draw(st.lists(st.none() | values, max_size=6))
        since = draw(st.integers(0, len(told)))
        chunks.append(pa.array(told, kind)[since:])
        plain += told[since:]
    return pa.chunked_array(chunks, kind), plain


@LAWS
@given(data=st.data(), kind=st.sampled_from(list(KINDS)))
def test_equal_values_have_one_number_and_others_another(data, kind):
    column, plain = data.draw(columns(kind, KINDS[kind]))
    found = numbers(column).tolist()
    assert _counted(found) == _counted(plain)
    assert all((number == 0) == (value is None) for number, value in zip(found, plain, strict=True))
    if column.num_chunks == 1:
        assert numbers(column.chunk(0)).tolist() == found


def test_a_dictionary_that_holds_a_value_twice_numbers_it_once():
    """Arrow does not forbid it; nor that the value there is null."""
    twice = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, None], pa.int32()), pa.array(["a", "a", None]))
    assert numbers(twice).tolist() == [1, 1, 0, 0]


@LAWS
@given(
    st.integers(0, 8).flatmap(
        lambda count: st.lists(
            st.lists(st.sampled_from([0, 1, 2, 2**31, 2**61, 2**63 - 2]), min_size=count, max_size=count), max_size=6
        ).map(lambda made: (count, made))
    )
)
def test_combinations_are_numbered_as_they_come(made):
    count, parts = made
    found = together([np.array(one, np.int64) for one in parts], count)
    combined = list(zip(*parts, strict=True)) if parts else [()] * count
    assert found.tolist() == _counted(combined)
    assert firsts(found).tolist() == [place for place, one in enumerate(combined) if one not in combined[:place]]


@LAWS
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.sampled_from([0, 1, 2**21, 2**42, 2**53 + 1, 2**63 - 1]) | st.integers(0, 2**63 - 1)
        )
    )
)
def test_sums_are_exact(given_):
    groups = np.array([group for group, _ in given_], np.int64)
    values = np.array([value for _, value in given_], np.int64)
    assert sums(values, groups, 4) == [sum(value for group, value in given_ if group == one) for one in range(4)]


@LAWS
@given(st.lists(st.tuples(TEXT, TEXT), max_size=6), st.integers(0, 6), st.booleans())
def test_texts_of_several_columns_share_their_numbers(pairs, cut, encoded):
    sides = [pa.chunked_array([list(one[:cut]), list(one[cut:])], pa.utf8()) for one in zip(*pairs, strict=True)]
    if not sides:
        sides = [pa.chunked_array([], pa.utf8())] * 2
    if encoded:
        sides[0] = sides[0].dictionary_encode()
    distinct, (src, dst) = shared(*sides)
    assert len(set(distinct)) == len(distinct)
    assert [(distinct[one], distinct[other]) for one, other in zip(src, dst, strict=True)] == pairs


@pytest.mark.parametrize("kind", list(KINDS), ids=str)
def test_of_nothing_there_are_no_numbers(kind):
    empty = pa.chunked_array([], kind)
    assert numbers(empty).tolist() == numbers(pa.array([], kind)).tolist() == []
    assert numbers(pa.chunked_array([pa.nulls(2, kind)])).tolist() == [0, 0]
    assert together([], 3).tolist() == [0, 0, 0]
    assert sums(np.zeros(0, np.int64), np.zeros(0, np.int64), 2) == [0, 0]
