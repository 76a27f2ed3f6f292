"""Times to whole nanoseconds, exactly."""

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowwatch.sources.moments import LATEST, moment, span
from flowwatch.sources.zeek.cells import Cells, Chunk


@settings(deadline=None)
@given(st.integers(0, LATEST), st.integers(0, 9))
def test_a_decimal_of_any_length_is_exact(nanoseconds, places):
    rounded = nanoseconds - nanoseconds % 10 ** (9 - places)
    text = f"{Decimal(rounded) / 10**9:.{places}f}"
    assert moment(text) == rounded


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1601998366.786397", 1601998366786397000),
        ("1588205199.82437", 1588205199824370000),
        ("29.557741", 29557741000),
        ("1795333874", 1795333874000000000),
        ("1795333874.", 1795333874000000000),
        ("2018-03-24T17:19:41.463014Z", 1521911981463014000),
        ("2018-03-24T19:19:41.463014789+02:00", 1521911981463014789),
        ("2018-03-24 17:19:41", 1521911981000000000),
        ("2018-13-24T17:19:41Z", None),
        ("1969-12-31T23:59:59Z", None),
        ("99999999999.0", None),
        ("-1.5", None),
        ("1_0", None),
        ("١٢", None),
        ("nan", None),
        ("", None),
    ],
)
def test_moments(text, expected):
    assert moment(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.09628199999999865", 96282000),
        ("0.000000", 0),
        ("9.5367431640625e-07", 954),
        ("12.821130990982056", 12821130991),
        ("1e99", None),
    ],
)
def test_spans_round_at_the_ninth_decimal(text, expected):
    assert span(text) == expected


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.from_regex(r"[0-9]{1,12}\.[0-9]{6}", fullmatch=True), st.text(max_size=8))))
def test_whole_columns_and_single_values_are_cast_alike(values):
    raw = pa.array(values, pa.utf8())
    numbers = pa.array(range(len(values)), pa.uint64())
    cells = Cells(Chunk(numbers, numbers, {"ts": raw}, {}))
    assert cells.time("ts").to_pylist() == [None if value is None else moment(value) for value in values]
    assert cells.refused.to_pylist() == [
        None if value is not None and moment(value) is not None else "bad_timestamp" for value in values
    ]
