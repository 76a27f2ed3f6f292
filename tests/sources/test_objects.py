"""JSON objects of a log, however they stand in it."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.sources.lines import LONGEST, Block
from flowwatch.sources.objects import DEEPEST, Objects, _tokens, broken_code, too_deep


def decode(data):
    try:
        value = json.loads(data)
    except ValueError:
        return broken_code(data)
    if not isinstance(value, dict):
        return "json_syntax"
    return value if value.get("a") != "bad" else "bad_field:a"


def told(text):
    objects = Objects(decode)
    found, blank = objects.split(Block(text.encode(), 100, 5))
    return [
        (one.number, one.offset, one.row if one.row is not None else one.code) for one in found + objects.end()
    ], blank


@pytest.mark.parametrize(
    ("text", "expected", "blank"),
    [
        ('{"a":1}\n{"a":2}', [(5, 100, {"a": 1}), (6, 108, {"a": 2})], 0),
        ('{"a":1}\n\n \n{"a":2}', [(5, 100, {"a": 1}), (8, 111, {"a": 2})], 2),
        ('[{"a":1}, {"a":2}]', [(5, 101, {"a": 1}), (5, 110, {"a": 2})], 0),
        ('{\n"a":1}\n\n{"a":2}', [(5, 100, {"a": 1}), (8, 110, {"a": 2})], 0),
        ('{\n"a":1}\n{\n"a":2\n}', [(5, 100, {"a": 1}), (7, 109, {"a": 2})], 0),
        ('{"a":1}\n{"a":', [(5, 100, {"a": 1}), (6, 108, "json_syntax")], 0),
        ('[{"a":1},\n{"a":', [(5, 101, {"a": 1}), (6, 110, "json_syntax")], 0),
        ('{"a":"bad"}\n{"a":2}', [(5, 100, "bad_field:a"), (6, 112, {"a": 2})], 0),
        ('7\n{"a":2}', [(5, 100, "json_syntax"), (6, 102, {"a": 2})], 0),
    ],
)
def test_forms(text, expected, blank):
    assert told(text) == (expected, blank)


def test_what_is_too_much_is_refused_before_it_is_decoded():
    assert told('{"a":1}\n{"a":' + "[" * DEEPEST + "]" * DEEPEST + "}")[0][1][2] == "json_depth"
    assert told('{"a":1}\n{"a":"' + "x" * LONGEST + '"}')[0][1][2] == "line_too_long"
    assert not too_deep(b'{"a":' + b"[]," * DEEPEST)


def test_what_is_no_text_is_told_apart():
    assert (broken_code(b"\xff"), broken_code(b"{")) == ("not_utf8", "json_syntax")


@given(st.lists(st.sampled_from([b"{", b"}", b"[", b"]", b'"', b"\\", b"a", b",", b"\n"]), max_size=30).map(b"".join))
def test_brackets_within_strings_are_none(data):
    """As one token after the other tells them, up to a string that does not end."""
    expected = []
    for token in re.finditer(rb'"(?:[^"\\]|\\.)*"|[{}\[\]"]', data):
        if len(token[0]) == 1:
            expected.append((token.start(), token[0]))
        if token[0] == b'"':
            break
    found = [(token.start(1), token[1]) for token in _tokens(data)]
    assert found[: len(expected)] == expected
    assert len(found) == len(expected) or expected[-1][1] == b'"'


def test_an_object_within_a_carried_line_has_the_place_of_that_line():
    objects = Objects(decode)
    block = Block(b'[{"a":\n1},x{"b":1}', 0, 1, outer=(0, 90))
    found, _ = objects.split(block)
    assert {one.offset for one in found} == {0, 90}
