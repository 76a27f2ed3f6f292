"""The law of accounting: every record ends as exactly one thing, whatever the bytes and the size of blocks."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowwatch.sources import collect
from tests.sources.laws import lawful

QUIET = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
SIZES = (7, 64, 1000, 1 << 22)
_DNS = ("query", "answer", "request", "response")
KINDS = ("flow", *_DNS, "tls", "http", "quic", "stats", "alert", "netflow", "fileinfo")


@pytest.fixture
def several(record):
    """A record of each kind, odd ones among them."""
    return [
        *(record(kind) for kind in KINDS),
        record("query", dns={"rrname": None}),
        record("query", dns={"id": 8}),
        record("answer", dns={"opcode": 5}),
        record("quic", quic={"sni": None}),
        record("flow", proto="ICMP", src_port=None, dest_port=None, icmp_type=8, icmp_code=0, tcp=None),
    ]


def test_records_of_every_type_in_one_file_are_all_accounted_for(several, put, lines, eve):
    flows, lookups, coverage = eve(put(lines(*several)))
    assert (len(flows), len(lookups)) == (7, 3)
    assert (coverage.flows, coverage.lookups) == (7, 3)
    assert (coverage.records, coverage.events, coverage.noise, coverage.unattributable) == (17, 12, 4, 1)
    assert coverage.notes == (
        "1 x DNS message of another operation than QUERY",
        "1 x QUIC packet without a server name",
        "1 x event of type `alert`, not read",
    )
    assert lawful(coverage)
    assert not coverage.incomplete


@pytest.mark.parametrize("form", ["lines", "crlf", "array", "pretty", "cut", "broken", "blank"])
def test_the_size_of_blocks_changes_nothing(form, several, put, lines, eve):
    data = lines(*several, *several)
    forms = {
        "lines": data,
        "crlf": data.replace(b"\n", b"\r\n"),
        "array": json.dumps(several).encode(),
        "pretty": json.dumps(several, indent=1).encode(),
        "cut": data[:-30],
        "broken": data.replace(b'"proto": "TCP"', b'"proto": 7', 1) + b"{]\n" + data,
        "blank": data.replace(b"}\n{", b"}\n\n \n{", 3),
    }
    source = put(forms[form])
    told = [eve(source, block=size) for size in SIZES]
    assert all(one == told[0] for one in told)
    assert lawful(told[0][2])
    assert told[0][2].events >= 8


def test_line_and_offset_lead_to_the_record(several, put, lines, eve):
    data = lines(*several)
    flows, lookups, _ = eve(put(data))
    kept = data.split(b"\n")
    places = [(row["first_record"], row["first_offset"]) for row in flows]
    places += [(row["record"], row["offset"]) for row in lookups]
    places += [(row["answer_record"], row["answer_offset"]) for row in lookups if "answer_record" in row]
    assert len(places) == 12
    for number, offset in places:
        assert data[offset:].startswith(kept[number - 1] + b"\n")


@pytest.mark.parametrize(
    ("kind", "change", "code"),
    [
        ("flow", {"flow": {"bytes_toserver": -5}}, "bad_field:flow.bytes_toserver"),
        ("flow", {"flow": {"bytes_toserver": 10**23}}, "bad_field:flow.bytes_toserver"),
        ("flow", {"flow": {"start": "soon"}}, "bad_timestamp"),
        ("flow", {"flow": {"start": None}}, "bad_timestamp"),
        ("flow", {"flow": None}, "bad_field:flow"),
        ("flow", {"src_port": 65536}, "bad_field:src_port"),
        ("flow", {"src_ip": "results.example"}, "bad_field:src_ip"),
        ("flow", {"dest_ip": None}, "bad_field:dest_ip"),
        ("flow", {"proto": "NOVEL"}, "bad_field:proto"),
        ("flow", {"proto": None}, "bad_field:proto"),
        ("flow", {"vlan": [1, "a"]}, "bad_field:vlan"),
        ("flow", {"event_type": None}, "no_event_type"),
        ("answer", {"dns": {"answers": [{"ttl": -1}]}}, "bad_field:dns.answers.ttl"),
        ("answer", {"dns": {"type": "guess"}}, "bad_field:dns.type"),
        ("answer", {"src_ip": None}, "bad_field:src_ip"),
        ("answer", {"timestamp": "2026-13-22T07:51:12.001529+0000"}, "bad_timestamp"),
        ("tls", {"tls": None}, "bad_field:tls"),
        ("netflow", {"netflow": {"bytes": -1}}, "bad_field:netflow.bytes"),
        ("netflow", {"netflow": {"end": None}}, "bad_timestamp"),
        ("fileinfo", {"fileinfo": {"size": "5"}}, "bad_field:fileinfo.size"),
        ("http", {"http": {"hostname": 5}}, "bad_field:http.hostname"),
        ("http", {"http": {"status": 1 << 63}}, "bad_field:http.status"),
    ],
)
def test_a_value_not_of_its_type_refuses_the_record_by_name(kind, change, code, record, put, lines, eve):
    good = lines(record("flow"))
    for block in SIZES:
        _, _, coverage = eve(put(good + lines(record(kind, **change)) + good), block=block)
        assert [(one.code, one.record, one.offset) for one in coverage.rejects] == [(code, 2, len(good))]
        assert coverage.events == 2
        assert lawful(coverage)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'{"timestamp":', "json_syntax"),
        (b"[1,2,3]", "json_syntax"),
        (b"null", "json_syntax"),
        (b'{"event_type":"flow","flow":{"bytes_toserver":NaN}}', "json_syntax"),
        (b'{"event_type":"flow","src_ip":"\xff"}', "not_utf8"),
        (b'{"event_type":"alert","a":' + b"[" * 70 + b"]" * 70 + b"}", "json_depth"),
        (b'{"event_type":"alert","a":' + b"[" * 5000 + b"]" * 5000 + b"}", "json_depth"),
        (b'{"event_type":"alert","a":"' + b"x" * (1 << 20) + b'"}', "line_too_long"),
        (b'{"event_type":"stats","stats":{}}{"event_type":"stats","stats":{}}', "json_syntax"),
    ],
)
def test_a_broken_line_is_refused_with_its_reason(line, code, record, put, lines, eve):
    good = lines(record("flow"))
    _, _, coverage = eve(put(good + line + b"\n" + good))
    assert [(one.code, one.record, one.offset) for one in coverage.rejects] == [(code, 2, len(good))]
    assert (coverage.records, coverage.events) == (3, 2)


def test_types_that_are_not_read_may_hold_anything(record, put, lines, eve):
    strange = record("alert", dns={"type": 5}, flow="x", src_ip=7, timestamp=None)
    _, _, coverage = eve(put(lines(strange, record("flow"))))
    assert (coverage.noise, coverage.events, coverage.rejects) == (1, 1, ())


def test_types_that_are_not_read_are_told_by_name_as_far_as_names_go(put, lines, eve):
    records = [{"event_type": kind} for kind in ["smtp", "smtp", "a\nb", *(f"t{n}" for n in range(200))]]
    _, _, coverage = eve(put(lines(*records)))
    assert coverage.noise == 203
    assert "2 x event of type `smtp`, not read" in coverage.notes
    assert len(coverage.notes) < 70
    assert all(note.isprintable() for note in coverage.notes)
    assert sum(int(note.partition(" ")[0]) for note in coverage.notes) == 203


def test_a_last_line_without_its_end_is_held_back(record, put, lines, eve):
    data = lines(record("flow"), record("flow"))
    _, _, coverage = eve(put(data[:-40]))
    assert (coverage.events, coverage.held_back, coverage.rejected) == (1, 1, 0)
    _, _, coverage = eve(put(data[:-1]))
    assert (coverage.events, coverage.held_back) == (2, 0)


def test_packets_that_suricata_lost_make_the_log_incomplete(record, put, lines, eve):
    readings = [record("stats", stats={"capture": {"kernel_drops": count}}) for count in (0, 5, 7, 2, 3)]
    _, _, coverage = eve(put(lines(record("flow"), *readings)))
    assert coverage.drops == 10
    assert coverage.incomplete


def test_order_and_span_are_told(record, put, lines, eve):
    hours = ("09", "08", "10", "07")
    records = [
        record("query", timestamp=f"2026-11-22T{hour}:00:00.000000+0000", flow_id=n) for n, hour in enumerate(hours)
    ]
    for size in SIZES:
        _, _, coverage = eve(put(lines(*records)), block=size)
        assert coverage.out_of_order == 2
        assert (coverage.last - coverage.first) // 10**9 == 3 * 3600


@st.composite
def damaged(draw, data):
    """The bytes with pieces overwritten, cut out or doubled."""
    damaged_data = bytearray(data)
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(damaged_data)))
        until = min(len(damaged_data), at + draw(st.integers(0, 40)))
        bits = [b"\n", b"\r\n", b'"', b"{", b"}", b"[", b"]", b"\\", b"null", b"-1", b"}\n{", b'"answer"', b"\\ud800"]
        piece = draw(st.binary(max_size=12) | st.sampled_from(bits) | st.just(bytes(damaged_data[at:until]) * 2))
        damaged_data[at:until] = piece
    return bytes(damaged_data)


@QUIET
@given(chosen=st.data())
@pytest.mark.parametrize("form", ["lines", "pretty"])
def test_no_damage_raises_or_breaks_the_law(form, chosen, several, put, lines, eve):
    data = lines(*several) if form == "lines" else json.dumps(several, indent=1).encode()
    source = put(chosen.draw(damaged(data)))
    told = eve(source)
    assert lawful(told[2])
    assert eve(source, block=50) == told


@QUIET
@given(data=st.binary(max_size=300), start=st.sampled_from([b"", b"{", b"[{", b'{"event_type":"dns","dns":{']))
def test_no_bytes_raise_or_break_the_law(data, start, put, eve):
    assert lawful(eve(put(start + data))[2])


def test_the_shared_samples_are_read_whole(shared_logs):
    sources = sorted(map(str, shared_logs.glob("suricata-eve/sample*.json")))
    coverage = collect(sources).coverage
    assert len(sources) == 8
    assert [(one.rejects, one.error) for one in coverage] == [((), None)] * 8
    assert all(lawful(one) and one.events for one in coverage)


def test_bad_input_of_this_format_is_refused_line_by_line(shared_logs):
    array, bad = collect(
        [str(shared_logs / "badinput" / name) for name in ("json-array.json", "json-bad.jsonl")]
    ).coverage
    assert (array.format, array.records, array.events) == ("eve", 4, 4)
    assert (bad.format, bad.records, bad.events, bad.rejected) == ("eve", 10, 2, 8)
    assert lawful(bad)
