"""Lines of paths: a table of TOML forms, and the law that a value is found on the line it was written on."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.policy.line import Spot, line_of

TEXT = b"""\
top = 1
dotted.inner = { a = 1, b = [1, 2] }
[table]
list = [
  1,
  # between
  { key = "x" },
  [
    2 ] ]
[table.sub]
"quoted key".deep = 1
[[many]]
a = 1
[[many.inner]]
b = 1
[[many.inner]]
b = 2
[[many]]
[many.table]
c = 3
[[many.inner]]
b = 3
[other.nested]
d = 1
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 1),
        (("dotted", "inner"), 2),
        (("dotted", "inner", "b", 1), 2),
        (("table",), 3),
        (("table", "list"), 4),
        (("table", "list", 0), 5),
        (("table", "list", 1), 7),
        (("table", "list", 1, "key"), 7),
        (("table", "list", 2, 0), 9),
        (("table", "sub"), 10),
        (("table", "sub", "quoted key", "deep"), 11),
        (("many", 0), 12),
        (("many", 0, "a"), 13),
        (("many", 0, "inner", 1, "b"), 17),
        (("many", 1), 18),
        (("many", 1, "table", "c"), 20),
        (("many", 1, "inner", 0, "b"), 22),
        (("other",), 23),
        (("other", "nested", "d"), 24),
        (("many", 0, "missing"), 12),  # what is not there is told at the table around it
        (("table", "list", 9), 4),
        (("nowhere",), None),
    ],
)
def test_line_of_each_form(path, line):
    assert line_of(TEXT, path) == line


def paths(value, path=()):
    """Every path of a TOML value with what is there."""
    yield path, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, one in inner:
        yield from paths(one, (*path, step))


@given(st.lists(st.lists(st.integers(), min_size=1, max_size=3), min_size=1, max_size=6), st.data())
def test_a_value_is_found_where_it_was_written(tables, data):
    lines = []
    for number, values in enumerate(tables):
        lines += [""] * data.draw(st.integers(0, 2)) + ["[[t]] # comment", f"id = {number}", "values = ["]
        lines += [f"  {value}," for value in values] + ["]"]
    text = "\n".join(lines)
    for path, value in paths(tomllib.loads(text)):
        if isinstance(value, int):
            line = line_of(text.encode(), path)
            assert line is not None
            assert str(value) in lines[line - 1]


@given(st.binary(max_size=80), st.lists(st.integers(0, 3) | st.sampled_from(["a", "b", "t"]), max_size=4))
def test_never_raises(text, path):
    line = line_of(text, tuple(path))
    assert line is None or 1 <= line <= text.count(b"\n") + text.count(b"\r") + 1


def test_spots_write_paths_as_people_read_them():
    spot = Spot("p.toml", b"") / "channel" / 2 / "to" / 0
    assert (str(spot), spot.key) == ("channel[2].to[0]", "channel.to")
    assert str(Spot("p.toml", b"") / "a b" / "c-d") == "'a b'.c-d"
