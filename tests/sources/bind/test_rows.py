"""Questions as rows of LOOKUPS."""

import pytest

from flowwatch.sources.text import printed_name

AT = 1_795_332_923


@pytest.fixture
def row(bind, put):
    def make(line, **options):
        rows, coverage = bind(put(line + b"\n"), **options)
        return (rows or [None])[0], coverage

    return make


def test_every_column_of_an_ordinary_question(row, line):
    told, coverage = row(line(head="2026-11-22T07:35:23.545Z queries: info: "))
    told.pop("source")
    assert told == {
        "record": 1,
        "offset": 0,
        "time": AT * 10**9 + 545 * 10**6,
        "client_ip": "192.0.2.10",
        "client_port": 40000,
        "server_ip": "192.0.2.53",
        "transport": "udp",
        "qname": "results.example",
        "qtype": "A",
        "qclass": "IN",
        "name_exact": True,
        "vantage": "client",
        "flags": ["rd"],
        "time_basis": "explicit",
    }
    assert (coverage.format, coverage.first, coverage.last) == ("bind-query", told["time"], told["time"])


@pytest.mark.parametrize(
    ("head", "time", "basis"),
    [
        ("", None, "none"),
        ("22-Nov-2026 07:35:23.545 ", AT * 10**9 + 545 * 10**6, "assumed_utc"),
        ("2026-11-22T07:35:23.545 ", AT * 10**9 + 545 * 10**6, "assumed_utc"),
        ("2026-11-22T07:35:23.545Z ", AT * 10**9 + 545 * 10**6, "explicit"),
        ("Nov 22 07:35:23 ns1 named[1]: ", AT * 10**9, "year_inferred"),
        ("2026-11-22T09:35:23.000001+02:00 ns1 named[1]: ", AT * 10**9 + 1000, "explicit"),
        ("<158>1 2026-11-22T07:35:23Z ns1 named 1 - - ", AT * 10**9, "explicit"),
        ("Nov 22 07:35:24 ns1 named[1]: 22-Nov-2026 07:35:23.545 ", AT * 10**9 + 545 * 10**6, "assumed_utc"),
        ("2026-11-22T07:35:24Z ns1 named[1]: 22-Nov-2026 08:35:23.545 ", (AT + 1) * 10**9, "explicit"),
        ("2026-11-22T07:35:24Z ns1 named[1]: 2026-11-22T07:35:23.545Z ", AT * 10**9 + 545 * 10**6, "explicit"),
    ],
)
def test_the_time_is_the_best_the_line_has(head, time, basis, row, line):
    told, coverage = row(line(head=head))
    assert (told.get("time"), told["time_basis"]) == (time, basis)
    assert len(coverage.notes) == (basis != "explicit")


@pytest.mark.parametrize("head", ["31-Nov-2026 07:35:23.545 ", "22-Nev-2026 07:35:23.545 ", "2026-11-22T25:35:23.545 "])
def test_a_time_that_is_none_refuses_the_line(head, row, line):
    assert [one.code for one in row(line(head=head))[1].rejects] == ["bad_timestamp"]


@pytest.mark.parametrize(
    ("rest", "transport", "flags"),
    [
        ("IN A +", "udp", ["rd"]),
        ("IN A -E(0)", "udp", []),
        ("IN A +E(0)TDCK", "tcp", ["rd", "cd"]),
        ("IN A -SE(0)DV", "udp", []),
    ],
)
def test_flags(rest, transport, flags, row, line):
    told, _ = row(line(rest=rest))
    assert (told["transport"], told["flags"]) == (transport, flags)


def test_types_by_number_have_their_word(row, line):
    assert row(line(rest="IN TYPE65 +"))[0]["qtype"] == "HTTPS"
    assert row(line(rest="IN TYPE999 +"))[0]["qtype"] == "TYPE999"


def test_the_view_is_kept(row, line):
    told, _ = row(line().replace(b": query", b": view internal: query"))
    assert told["view"] == "internal"


@pytest.mark.parametrize(
    ("printed", "name"),
    [
        ("WwW.Example", "www.example"),
        (".", "."),
        (r"name\032with\032space.example", r"name\032with\032space.example"),
        (r"dot\.inlabel.example", r"dot\046inlabel.example"),
        (r"back\\slash.example", r"back\092slash.example"),
        (r"quote\"d.semi\;colon.paren\(s\)", 'quote"d.semi;colon.paren(s)'),
        (r"\000nul.\255high", r"\000nul.\255high"),
        (r"\065", "a"),
        (r"\256", None),
    ],
)
def test_names_are_told_in_our_escapes(printed, name):
    assert printed_name(printed) == name


def test_what_cannot_be_a_value_refuses_the_line(row, line):
    assert [one.code for one in row(line(r"\256.example"))[1].rejects] == ["bad_field:name"]
    assert [one.code for one in row(line().replace(b"#40000", b"#65536"))[1].rejects] == ["bad_field:port"]
    assert [one.code for one in row(line().replace(b"192.0.2.10", b"192.0.2.999"))[1].rejects] == ["bad_field:client"]


def test_an_overlong_name_is_not_exact(row, line):
    assert row(line("a" * 64 + ".example"))[0]["name_exact"] is False
