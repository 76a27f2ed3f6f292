"""What counts as a question, what is known to be none, and what nobody can make look like one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowwatch.sources.bind.grammar import Noise, other, parted, score

GOOD = "client @0x7f98b8303098 192.0.2.10#40000 (results.example): query: results.example IN A +E(0)K (192.0.2.53)"
HEADS = (
    "",
    "22-Nov-2026 07:35:23.545 ",
    "22-Nov-2026 07:35:23.545 queries: info: ",
    "2026-11-22T07:35:23.545 queries: ",
    "2026-11-22T07:35:23.545Z info: ",
    "Nov 22 07:35:23 ns1 named[5804]: ",
    "<158>Nov  2 07:35:23 ns1 named: ",
    "2026-11-22T07:35:23.549866+00:00 ns1 named[5804]: queries: info: ",
    "<158>1 2026-11-22T07:35:23.549866+00:00 ns1 named 5804 - -  ",
    '<158>1 2026-11-22T07:35:23.549866+00:00 ns1 named 5804 - [a@1 b="c"] ',
    "Nov 22 07:35:23 ns1 named[5804]: 22-Nov-2026 07:35:23.545 ",
)


def is_question(line):
    found = parted(line.encode("utf-8", "surrogateescape"))
    assert found.questions.num_rows + len(found.others) == 1
    return bool(found.questions.num_rows)


def the_one(line, *parts):
    """Parts of the question that the line is."""
    (found,) = parted(line.encode()).questions.to_pylist()
    return [found[part] for part in parts]


@pytest.mark.parametrize("head", HEADS)
def test_heads(head):
    assert is_question(head + GOOD)
    assert is_question(head + GOOD + "\r")
    assert not is_question(head + GOOD + " ")


@pytest.mark.parametrize(
    "line",
    [
        "client 192.0.2.10#40000 (a.example): query: a.example IN A + (192.0.2.53)",
        "client @0x1 2001:db8::10#1 (a.example): view internal: query: a.example IN AAAA -SE(0)TDCV (2001:db8::53)",
        "client @0x1 192.0.2.10#1/key k.example (a.example): query: a.example IN TYPE999 + (192.0.2.53)",
        "client @0x1 192.0.2.10#1 (.): query: . IN NS +E(0)K (192.0.2.53)",
        "client @0x1 fe80::1%eth0#1 (a.example): query: a.example CLASS32 NSAP-PTR - (fe80::2%3)",
        "client @0x1 192.0.2.10#1 (a.example): query: a.example IN A + (192.0.2.53) [ECS 198.51.100.0/24/0]",
        r"client @0x1 192.0.2.10#1 (a\(b\)\032\\\.c): query: a\(b\)\032\\\.c IN A + (192.0.2.53)",
    ],
)
def test_questions(line):
    assert is_question(line)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (GOOD.replace("(results", "(other"), "names_differ"),
        (GOOD + GOOD, "query_line"),
        ("22-Nov-2026 07:35:23.545 queries: info: client @0x1 192.0.2.10#1 (a.example): qu", "query_line"),
        (GOOD.replace("results.example IN", "results.example  IN"), "query_line"),
        (GOOD.replace("results.example", "a b.example"), "query_line"),
        (GOOD.replace("results.example", "a(b.example"), "query_line"),
        (GOOD.replace(" IN A ", " A IN "), "query_line"),
        (GOOD.replace("(192.0.2.53)", "(ns.example)"), "query_line"),
        (GOOD.replace("results", "r\u00e9sults"), "query_line"),
        ("\x00" * 40, "foreign_line"),
        ("something else", "foreign_line"),
        ("\udcff\udcfe", "not_utf8"),
        ("x" * ((1 << 20) + 1), "line_too_long"),
    ],
)
def test_lines_that_are_refused(line, code):
    data = line.encode("utf-8", "surrogateescape")
    assert not is_question(line)
    assert other(data.decode("latin-1")) == code


@pytest.mark.parametrize(
    "line",
    [
        "",
        " \r",
        "22-Nov-2026 07:36:23.549 general: debug 1: zone_settimer: zone hostname.bind/CH: enter",
        "22-Nov-2026 07:36:23.549 all zones loaded",
        "general: notice: all zones loaded",
        "Nov 22 07:35:23 ns1 named[5804]: all zones loaded",
        "Nov 22 07:35:23 ns1 unbound[1:0]: info: start of service",
        "<30>1 2026-11-22T07:35:23.549866+00:00 ns1 sshd 77 - - Accepted publickey",
        "client @0x1 192.0.2.10#1 (a.example): query failed (SERVFAIL) for a.example/IN/A at query.c:7916",
        "client @0x1 192.0.2.10#1: view _default: query failed (FORMERR) at query.c:12354",
        "client @0x1 192.0.2.10#1 (a.example): rpz QNAME NXDOMAIN rewrite a.example/A/IN via a.example.rpz.example",
        "client @0x1 192.0.2.10#1 (a.example): response: a.example IN A NOERROR 2 0 1 +E(0)K (192.0.2.53)",
    ],
)
def test_lines_that_are_known_to_be_no_question(line):
    assert not is_question(line)
    assert isinstance(other(line), Noise)


@pytest.mark.parametrize("program", ["sshd[77]", "dnsmasq[1]", "unnamed2x "])
def test_another_program_cannot_speak_for_bind(program):
    line = f"Nov 22 07:35:23 ns1 {program}: {GOOD}"
    assert not is_question(line)
    assert isinstance(other(line), Noise) or program.startswith("un")


def test_a_framed_line_among_bare_ones_is_read_all_the_same():
    framed = "Nov 22 07:35:23 ns1 named[5804]: " + GOOD
    found = parted(f"{GOOD}\n{framed}\n\nx".encode())
    assert found.questions["client"].to_pylist() == ["192.0.2.10", "192.0.2.10"]
    assert found.questions["frame"].to_pylist() == [None, "Nov 22 07:35:23"]
    assert [(line, text) for line, _, text in found.others] == [(2, ""), (3, "x")]
    assert parted(f"{framed}\n\nx\n{GOOD}".encode()).questions["line"].to_pylist() == [0, 3]


@pytest.mark.parametrize(
    "line",
    [
        "client " + "): " * 300_000,
        "client " + " (a): query: a " * 60_000,
        "client @0x1 192.0.2.1#1 (" + "a." * 500_000,
        "client @0x1 192.0.2.1#1 (" + "\\." * 300_000 + "): query: ",
        "Nov 22 07:35:23 ns1 " + "named" * 200_000,
        "Nov 22 07:35:23 " + "x" * 1_000_000,
        "<158>1 2026-11-22T07:35:23Z ns1 named 5804 - " + "[a]" * 300_000,
        "22-Nov-2026 07:36:23.549 " + "a-" * 500_000,
    ],
    ids=range(8),
)
def test_no_line_takes_long(line):
    assert not is_question(line)
    assert other(line) in {"query_line", "foreign_line"} or isinstance(other(line), Noise)


def escaped(label):
    r"""A label as BIND prints it: what is special behind a backslash, what is not printed as `\DDD`."""
    special = b'"().;\\@$'
    return "".join(f"\\{chr(b)}" if b in special else chr(b) if 0x20 < b < 0x7F else f"\\{b:03d}" for b in label)


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=63), min_size=1, max_size=4))
def test_every_name_bind_prints_is_read_as_one_name(labels):
    name = ".".join(map(escaped, labels))
    line = f"client @0x1 192.0.2.10#1 ({name}): query: {name} IN A + (192.0.2.53)"
    assert the_one(line, "name", "view", "type") == [name, None, "A"]


@settings(deadline=None)
@given(st.text(alphabet=" ()#:\\abq0123.@IN+", max_size=60))
def test_nothing_in_a_name_makes_another_line(text):
    name = escaped(text.encode()) or "."
    line = f"client @0x1 192.0.2.10#1 ({name}): query: {name} IN A + (192.0.2.53)"
    assert the_one(line, "client", "name", "server") == ["192.0.2.10", name, "192.0.2.53"]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [([GOOD], 95), ([GOOD] * 4 + ["x"], 80), ([GOOD, "x"], 50), (["x"], 0), ([], 0), ([GOOD, HEADS[2] + "x"], 50)],
)
def test_the_score_is_the_share_of_questions(parts, expected):
    assert score("".join(part + "\n" for part in parts).encode()) == expected


def test_known_noise_and_a_cut_last_line_do_not_lower_the_score():
    noise = "22-Nov-2026 07:36:23.549 general: notice: running"
    assert score("\n".join([noise] * 9 + [GOOD, GOOD[:50]]).encode()) == 95
    assert score("\n".join([noise] * 9).encode()) == 0
