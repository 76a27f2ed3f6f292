"""A packed table answers as the ranges it was made of, and a damaged one with nothing but PlacesError."""

import lzma
import struct

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowwatch.errors import PlacesError
from flowwatch.places.table import MAGIC, Region, TableFile, file_of

REGIONS = (Region(provider="example", name="xa-east-1", country="XA"), Region(provider="example", edge="cdn"))
SOUND = file_of(
    ("XA", "XB"),
    REGIONS,
    {"country4": [(10, 1), (20, 2), (30, 0)], "provider4": [(10, 1), (20, 2), (25, 0)]},
    {"organisation": {64500: "Example Net", 64511: "Beispiel GmbH"}},
)


def steps(bits: int) -> st.SearchStrategy[list[tuple[int, int]]]:
    return st.dictionaries(st.integers(0, (1 << bits) - 1), st.integers(0, 9), max_size=40).map(
        lambda one: sorted(one.items())
    )


@pytest.mark.parametrize("bits", [32, 128])
@given(data=st.data())
def test_a_look_up_equals_a_naive_one_borders_included(bits, data):
    rows = data.draw(steps(bits))
    table = TableFile(file_of((), (), {"asn": rows}, {}), "made")
    borders = {key + off for key, _ in rows for off in (-1, 0, 1)} | {0, (1 << bits) - 1}
    for key in borders | set(data.draw(st.lists(st.integers(0, (1 << bits) - 1), max_size=5))):
        assert table.value("asn", key) == next((value for first, value in reversed(rows) if first <= key), 0)


def test_many_blocks_answer_as_one():
    rows = [(number * 256, number % 1000) for number in range(50_000)]
    table = TableFile(file_of((), (), {"asn4": rows}, {}), "made")
    assert len(table.head.tables["asn4"]) > 3
    for number in (0, 1, 9_999, 10_000, 25_001, 49_999):
        assert table.value("asn4", number * 256) == table.value("asn4", number * 256 + 255) == number % 1000


def test_values_are_countries_regions_and_texts():
    table = TableFile(SOUND, "made")
    assert [table.country("country4", key) for key in (9, 10, 19, 20, 29, 30)] == [None, "XA", "XA", "XB", "XB", None]
    assert [table.region("provider4", key) for key in (10, 20, 25)] == [*REGIONS, None]
    assert [table.text("organisation", asn) for asn in (64499, 64500, 64501, 64511)] == [
        None,
        "Example Net",
        None,
        "Beispiel GmbH",
    ]


def test_texts_of_many_keys_are_each_found():
    names = {number * 3: f"organisation {number}" for number in range(20_000)}
    table = TableFile(file_of((), (), {}, {"organisation": names}), "made")
    assert len(table.head.tables["organisation"]) > 3
    assert all(table.text("organisation", key) == name for key, name in names.items())


@pytest.mark.parametrize("content", [b"", b"not such a file", MAGIC, MAGIC + b"\xff\xff\xff\xff", SOUND[:60]])
def test_what_is_no_such_file_is_a_places_error_that_names_it(content):
    with pytest.raises(PlacesError, match=r"made: not usable location data: .*install flowwatch again"):
        TableFile(content, "made")


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=4),
    st.one_of(st.none(), st.integers(0, 1 << 16)),
)
def test_a_damaged_file_raises_nothing_but_a_places_error(changes, cut):
    content = bytearray(SOUND)
    for place, value in changes:
        content[place % len(content)] = value
    _ask(bytes(content[: None if cut is None else cut % len(content)]))


@given(st.integers(-3, 3), st.integers(-(1 << 70), 1 << 70), st.sampled_from(["", "-1", "zz", "ff", "0"]))
def test_an_index_that_points_astray_raises_nothing_but_a_places_error(offset, length, first):
    _ask(_with_index([(first, offset, length)]))


def _with_index(index: list[tuple[str, int, int]]) -> bytes:
    head = lzma.compress(msgspec.json.encode({"countries": [], "regions": [], "tables": {"country4": index}}))
    return MAGIC + struct.pack(">I", len(head)) + head + bytes(64)


def _ask(content: bytes) -> None:
    try:
        table = TableFile(content, "made")
        for key in (0, 15, 1 << 31):
            table.country("country4", key)
            table.region("provider4", key)
        table.text("organisation", 64500)
    except PlacesError as error:
        assert "made" in str(error)  # noqa: PT017 - either outcome is right
