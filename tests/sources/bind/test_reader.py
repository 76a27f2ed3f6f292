"""The law of accounting: every line ends as exactly one thing, whatever the bytes and the size of blocks."""

import json
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowwatch.sources import collect, text
from tests.sources.laws import lawful

QUIET = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
SIZES = (7, 64, 1000, 1 << 22)
HEAD = "22-Nov-2026 07:35:23.545 queries: info: "


@pytest.fixture
def several(line):
    """Lines of every kind."""
    return [
        line(head=HEAD),
        line(r"a\032b.example", head="Nov 22 07:35:23 ns1 named[1]: "),
        b"22-Nov-2026 07:36:23.549 general: notice: all zones loaded",
        line("a.example", "b.example", head=HEAD),
        b"",
        b"\x00" * 20 + line(),
        line(head=HEAD) + line(head=HEAD),
        line(head="2026-11-22T07:35:22.545Z "),
        b"Nov 22 07:35:23 ns1 sshd[1]: Accepted",
    ]


def test_every_line_is_accounted_for(several, put, bind):
    rows, coverage = bind(put(b"\n".join(several) + b"\n"))
    assert [row["record"] for row in rows] == [1, 2, 8]
    assert (coverage.records, coverage.events, coverage.noise, coverage.rejected) == (9, 3, 3, 3)
    assert [(one.code, one.record) for one in coverage.rejects] == [
        ("names_differ", 4),
        ("foreign_line", 6),
        ("query_line", 7),
    ]
    assert coverage.notes == (
        "1 x line of BIND that is no question",
        "1 x line of another program",
        "1 x time without a year: the latest that is not after the file's own",
        "1 x time without a zone: taken as UTC",
    )
    assert coverage.out_of_order == 2
    assert lawful(coverage)


def test_line_and_offset_lead_to_the_record(several, put, bind):
    data = b"\n".join(several)
    rows, coverage = bind(put(data))
    for row in rows:
        assert data[row["offset"] :].startswith(several[row["record"] - 1])
    for one in coverage.rejects:
        assert data[one.offset :].startswith(several[one.record - 1])


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [b"", b"\n"])
def test_the_size_of_blocks_changes_nothing(end, last, several, put, bind):
    for lines in (several, several[::-1], several[:1] * 40):
        source = put(end.join(lines) + last)
        told = [bind(source, block=size) for size in SIZES]
        assert all(one == told[0] for one in told)
        assert lawful(told[0][1])


def test_a_last_line_without_its_end_is_held_back(line, put, bind):
    data = line(head=HEAD) + b"\n" + line(head=HEAD)
    _, coverage = bind(put(data[:-20]))
    assert (coverage.events, coverage.held_back, coverage.rejected) == (1, 1, 0)
    assert bind(put(data))[1].events == 2


@st.composite
def damaged(draw, data):
    """The bytes with pieces overwritten, cut out or doubled."""
    damaged_data = bytearray(data)
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(damaged_data)))
        until = min(len(damaged_data), at + draw(st.integers(0, 40)))
        bits = [b"\n", b"\r\n", b"(", b")", b"\\", b"\\0", b" query: ", b"client ", b"#", b"999", b"\xc3\xa9", b"\x85"]
        piece = draw(st.binary(max_size=12) | st.sampled_from(bits) | st.just(bytes(damaged_data[at:until]) * 2))
        damaged_data[at:until] = piece
    return bytes(damaged_data)


@QUIET
@given(chosen=st.data())
def test_no_damage_raises_or_breaks_the_law(chosen, several, put, bind):
    source = put(chosen.draw(damaged(b"\n".join(several))))
    told = bind(source)
    assert lawful(told[1])
    assert bind(source, block=50) == told


@QUIET
@given(data=st.binary(max_size=300), start=st.sampled_from([b"", b"client @0x1 ", b"22-Nov-2026 07:35:23.545 "]))
def test_no_bytes_raise_or_break_the_law(data, start, put, bind):
    assert lawful(bind(put(start + data))[1])


def truth(path):
    """The questions of a capture of the same run, in order: who asked what, how."""
    rows = [json.loads(one) for one in path.read_text().splitlines()]
    return [
        (
            (row["client"], row["client_port"], row["server"]),
            ".".join(text.label(bytes.fromhex(label)) for label in row["qname_labels_hex"] if label) or ".",
            (row["qtype"], row["qclass"], row["transport"]),
            "RD" in row["flags"].split(),
        )
        for row in rows
        if row["kind"] == "query" and "qname_labels_hex" in row
    ]


def asked(table):
    return [
        (
            (row["client_ip"], row["client_port"], row["server_ip"]),
            row["qname"],
            (row["qtype"], row["qclass"], row["transport"]),
            "rd" in row["flags"],
        )
        for row in table.to_pylist()
    ]


SAMPLES = {
    "sample-9.18-query-bare.log": "truth-9.18.jsonl",
    "sample-9.18-query-full.log": "truth-9.18.jsonl",
    "sample-9.18-query-iso8601.log": "truth-9.18.jsonl",
    "sample-9.18-query-iso8601utc.log": "truth-9.18.jsonl",
    "sample-9.20.26-query-full.log": "truth-9.20.jsonl",
}


@pytest.mark.parametrize("sample", SAMPLES)
def test_real_logs_tell_the_questions_of_the_capture_of_the_same_run(sample, shared_logs):
    found = collect([str(shared_logs / "bind9-query" / sample)])
    told, wanted = asked(found.lookups), truth(shared_logs / "bind9-query" / SAMPLES[sample])
    assert len(told) == 45
    assert not Counter(told) - Counter(wanted)
    assert all(found.lookups["name_exact"].to_pylist())
    assert (found.coverage[0].rejected, found.coverage[0].error) == (0, None)


@pytest.mark.parametrize("form", ["traditional", "iso", "rfc5424"])
def test_real_logs_behind_syslog_tell_the_same(form, shared_logs):
    plain, framed = (collect([str(shared_logs / "bind9-query" / f"sample-syslog-{one}.log")]) for one in ("iso", form))
    assert asked(plain.lookups) == asked(framed.lookups)
    assert (framed.coverage[0].events, framed.coverage[0].noise, framed.coverage[0].rejected) == (57, 3, 0)


def test_the_scenario_s_log_holds_the_questions_the_capture_saw(shared_logs):
    found = collect([str(shared_logs / "scenario" / "bind-query.log")])
    wanted = [one for one in truth(shared_logs / "scenario" / "truth-dns.jsonl") if one[0][2] == "10.20.0.1"]
    told = [one for one in asked(found.lookups) if one[0][0] not in ("127.0.0.1", "10.20.0.1")]
    assert told == wanted
    mimic = r"api.vendor.test\032is\032203.0.113.67\032.evil.test"
    assert mimic in found.lookups["qname"].to_pylist()


@pytest.mark.parametrize(
    ("name", "events", "noise", "codes"),
    [
        ("joined-lines.log", 9, 0, ["query_line"]),
        ("invalid-utf8.log", 4, 0, ["not_utf8"]),
        ("nul-block.log", 19, 0, ["foreign_line"]),
        ("long-line.log", 2, 0, ["line_too_long"]),
        ("plain-named.gz", 45, 3, []),
        ("truncated-last-line.log", 45, 2, []),
    ],
)
def test_bad_input_of_this_format_is_refused_line_by_line(name, events, noise, codes, shared_logs):
    (coverage,) = collect([str(shared_logs / "badinput" / name)]).coverage
    assert (coverage.format, coverage.events, coverage.noise) == ("bind-query", events, noise)
    assert [one.code for one in coverage.rejects] == codes
    assert coverage.held_back == (name == "truncated-last-line.log")
    assert lawful(coverage)


def test_a_compressed_log_is_read_as_far_as_it_goes(shared_logs):
    names = ("query.log.gz", "query-two-members.log.gz", "query-truncated.log.gz")
    whole, joined, cut = (collect([str(shared_logs / "badinput" / name)]) for name in names)
    assert [one.coverage[0].rejected for one in (whole, joined, cut)] == [0, 0, 0]
    assert [one.coverage[0].error is None for one in (whole, joined, cut)] == [True, True, False]
    assert (whole.coverage[0].events, joined.coverage[0].events) == (45, 45)
    assert 0 < cut.coverage[0].events < 45
    assert asked(cut.lookups) == asked(whole.lookups)[: cut.lookups.num_rows]
    assert all(lawful(one.coverage[0]) for one in (whole, joined, cut))
