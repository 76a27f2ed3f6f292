"""A log of several programs: each line by the format of the program that wrote it."""

import pytest

from flowwatch.sources.reading import collect
from tests.sources.laws import lawful

FRAME = "Nov 22 07:35:23 ns1 "
BIND = FRAME + "named[1]: client @0x7f 192.0.2.10#40000 (a.example): query: a.example IN A +E(0)K (192.0.2.53)"
UNBOUND = FRAME + "unbound[2]: [2:0] query: 192.0.2.11 b.example. A IN"
DNSMASQ = FRAME + "dnsmasq[3]: query[A] c.example from 192.0.2.12"
KERNEL = FRAME + "kernel: link is up"


def told(tmp_path, lines, end="\n"):
    path = tmp_path / "log"
    path.write_text("".join(line + end for line in lines))
    found = collect([str(path)])
    assert lawful(found.coverage[0])
    return found


def test_each_line_is_read_by_its_program(tmp_path):
    lines = [KERNEL, BIND, UNBOUND, DNSMASQ, KERNEL, "", BIND]
    found = told(tmp_path, lines)
    (coverage,) = found.coverage
    assert coverage.format == "bind-query+dnsmasq+unbound"
    rows = [(row["record"], row["qname"], row["client_ip"]) for row in found.lookups.to_pylist()]
    assert rows == [
        (2, "a.example", "192.0.2.10"),
        (3, "b.example", "192.0.2.11"),
        (4, "c.example", "192.0.2.12"),
        (7, "a.example", "192.0.2.10"),
    ]
    offsets = found.lookups["offset"].to_pylist()
    assert offsets == [sum(len(line) + 1 for line in lines[: row[0] - 1]) for row in rows]
    assert (coverage.records, coverage.events, coverage.noise) == (7, 4, 3)
    assert "2 x line of another program" in coverage.notes


def test_one_program_among_others_is_read_alone(tmp_path):
    (coverage,) = told(tmp_path, [KERNEL] * 30 + [UNBOUND]).coverage
    assert (coverage.format, coverage.events, coverage.noise) == ("unbound", 1, 30)


def test_a_broken_line_of_a_program_is_refused_with_its_place(tmp_path):
    lines = [*[BIND] * 9, UNBOUND, BIND.replace("query: a", "query: x")]
    (coverage,) = told(tmp_path, lines).coverage
    (refused,) = coverage.rejects
    assert (refused.code, refused.record, refused.offset) == (
        "names_differ",
        11,
        9 * (len(BIND) + 1) + len(UNBOUND) + 1,
    )


@pytest.mark.parametrize("last", [BIND, UNBOUND, DNSMASQ, KERNEL])
def test_a_last_line_without_its_end_is_whole_or_held_back(tmp_path, last):
    for at in range(1, len(last)):
        path = tmp_path / "log"
        path.write_text("".join(line + "\n" for line in (BIND, UNBOUND, DNSMASQ)) + last[:at])
        (coverage,) = collect([str(path)]).coverage
        assert lawful(coverage)
        assert (coverage.records, coverage.rejected) == (4, 0)


@pytest.mark.parametrize(("last", "noise"), [(BIND, 0), (UNBOUND, 0), (DNSMASQ, 0), (KERNEL, 1)])
def test_a_last_line_that_nothing_ends_is_booked_once(tmp_path, last, noise):
    path = tmp_path / "log"
    path.write_text("\n".join([BIND, UNBOUND, DNSMASQ] * 3 + [last]))
    (coverage,) = collect([str(path)]).coverage
    assert lawful(coverage)
    assert (coverage.records, coverage.noise, coverage.held_back) == (10, noise, 0)
