"""PowerDNS' messages as rows of LOOKUPS, with their account."""

import gzip
import json
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowwatch import sources
from flowwatch.sources.powerdns import is_powerdns
from flowwatch.sources.text import printed_name
from tests.sources.dnstap.streams import AT, field
from tests.sources.laws import lawful
from tests.sources.powerdns.messages import (
    CLIENT,
    INCOMING,
    OUTGOING,
    QUERY,
    RESPONSE,
    lab,
    message_of,
    question_of,
    record_of,
    response_of,
    stream_of,
)

SECOND = 10**9
WWW = [
    {"name": "www.results.example", "type": "CNAME", "data": "edge.example", "ttl": 60},
    {"name": "edge.example", "type": "A", "data": "198.51.100.7", "ttl": 60},
]
_ONCE = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def ends(stream: bytes) -> list[int]:
    """Where the frames of a whole stream end, and where the first begins."""
    found = [0]
    while found[-1] < len(stream):
        found.append(found[-1] + 2 + struct.unpack_from(">H", stream, found[-1])[0])
    return found


def answers_of(powerdns, put, *records: tuple[bytes, int, bytes]) -> object:
    rows, _ = powerdns(put(stream_of([message_of(RESPONSE, question_of() + response_of(records))])))
    return rows[0].get("answers")


def test_question_and_answer_are_one_row(powerdns, put):
    rows, coverage = powerdns(put(lab()))
    assert rows[0] == {
        "source": rows[0]["source"],
        "record": 1,
        "offset": 0,
        "time": AT * SECOND + 3_000_000,
        "client_ip": "192.0.2.10",
        "client_port": 40000,
        "server_ip": "192.0.2.53",
        "server_port": 53,
        "transport": "udp",
        "qname": "www.results.example",
        "qtype": "A",
        "qclass": "IN",
        "name_exact": True,
        "vantage": "client",
        "asked": AT * SECOND,
        "answer_record": 4,
        "answer_offset": ends(lab())[3],
        "latency": 3_000_000,
        "rcode": "NOERROR",
        "answers": WWW,
        "time_basis": "explicit",
    }
    assert (coverage.format, coverage.records, coverage.events, coverage.lookups) == ("powerdns-protobuf", 9, 6, 4)
    assert (coverage.unattributable, coverage.rejected, lawful(coverage)) == (1, 2, True)
    assert [(one.code, one.record) for one in coverage.rejects] == [("not_powerdns", 8), ("not_powerdns", 9)]


def test_what_the_server_asked_itself_is_told_apart(powerdns, put):
    rows, _ = powerdns(put(lab()))
    assert [(row["record"], row["vantage"], row.get("answer_record")) for row in rows[:2]] == [
        (1, "client", 4),
        (2, "upstream", 3),
    ]


def test_one_alone_is_a_row_of_what_it_proves(powerdns, put):
    rows, _ = powerdns(put(lab()))
    asked, answered = rows[2:]
    assert (asked["client_ip"], asked["qtype"]) == ("2001:db8::a", "AAAA")
    assert not {"rcode", "answers", "asked", "latency", "answer_record"} & asked.keys()
    assert (answered["rcode"], answered["asked"], answered["latency"]) == (
        "NXDOMAIN", AT * SECOND + SECOND * 3 // 2, SECOND // 2,
    )  # fmt: skip


def test_no_record_told_is_not_no_record(powerdns, put):
    assert answers_of(powerdns, put) is None


@pytest.mark.parametrize(
    ("kind", "data", "word", "told"),
    [
        (1, b"\xc6\x33\x64\x07", "A", "198.51.100.7"),
        (28, bytes.fromhex("20010db8" + "00" * 11 + "07"), "AAAA", "2001:db8::7"),
        (1, b"\xc6\x33", "A", "\\# 2 c633"),
        (28, b"", "AAAA", "\\# 0"),
        (5, b"Edge\\032x.example.", "CNAME", "edge\\032x.example"),
        (12, b".", "PTR", "."),
        (15, b"mx.example.", "MX", "mx.example"),
        (2, b"a..example", "NS", "\\# 10 612e2e6578616d706c65"),
        (16, b'"v=spf1 \\"x\\" -all"', "TXT", '"v=spf1 \\"x\\" -all"'),
        (65280, b"\x01\xff", "TYPE65280", "\\# 2 01ff"),
    ],
)
def test_data_is_written_as_in_the_tables(powerdns, put, kind, data, word, told):
    found = answers_of(powerdns, put, (b"a.example.", kind, data))
    assert found == [{"name": "a.example", "type": word, "data": told, "ttl": 60}]


@pytest.mark.parametrize(
    ("change", "alike"),
    [
        ({}, True),
        ({"uuid": b"other message id"}, False),
        ({"client": b"\xc0\0\2\x0b"}, False),
        ({"port": 40001}, False),
        ({"number": 8}, False),
        ({"at": 61}, False),
    ],
)
def test_what_belongs_together(powerdns, put, change, alike):
    rows, coverage = powerdns(put(stream_of([message_of(QUERY), message_of(RESPONSE, **change)])))
    assert len(rows) == (1 if alike else 2)
    assert (coverage.events, coverage.lookups) == (2, len(rows))


def test_case_of_a_name_is_not_told_apart(powerdns, put):
    asked = message_of(QUERY, question_of(b"WwW.Results.Example."))
    rows, _ = powerdns(put(stream_of([asked, message_of(RESPONSE)])))
    assert [(row["qname"], row["answer_record"]) for row in rows] == [("www.results.example", 2)]


@pytest.mark.parametrize(
    ("action", "word"), [(1, "PASSTHRU"), (3, "NXDOMAIN"), (4, "NODATA"), (6, "LOCAL_DATA"), (9, "ACTION9")]
)
def test_what_a_policy_did_is_told(powerdns, put, action, word):
    body = question_of() + response_of(other=field(3, b"zone") + field(10, action))
    assert powerdns(put(stream_of([message_of(RESPONSE, body)])))[0][0]["policy_action"] == word


def test_a_code_of_the_server_is_none_of_the_dns(powerdns, put):
    body = question_of() + response_of((), 65536)
    rows, _ = powerdns(put(stream_of([message_of(OUTGOING), message_of(INCOMING, body, at=1)])))
    assert (rows[0]["answer_record"], "rcode" in rows[0]) == (2, False)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"", "not_powerdns"),
        (message_of(5), "not_powerdns"),
        (message_of(QUERY, uuid=b"short"), "not_powerdns"),
        (message_of(QUERY) + field(1, 1), "not_powerdns"),
        (message_of(QUERY) + b"\x0b", "not_powerdns"),
        (message_of(QUERY, field(12, 1)), "not_powerdns"),
        (message_of(QUERY, client=b"\xc0\0\2"), "bad_field:address"),
        (message_of(QUERY, port=1 << 16), "bad_field:port"),
        (message_of(QUERY, number=1 << 16), "bad_field:id"),
        (message_of(QUERY, at=1 << 32), "bad_timestamp"),
        (message_of(QUERY, question_of(b"a..example.")), "bad_field:name"),
        (message_of(QUERY, question_of(b"\xff.example.")), "bad_field:name"),
        (message_of(QUERY, question_of(b"\\999.example.")), "bad_field:name"),
        (message_of(QUERY, question_of(b"")), "bad_field:name"),
        (message_of(QUERY, question_of(qtype=1 << 16)), "bad_field:qType"),
        (message_of(QUERY, question_of(qclass=1 << 16)), "bad_field:qClass"),
        (message_of(RESPONSE, question_of() + field(13, field(2, b""))), "bad_field:rrs"),
        (message_of(RESPONSE, question_of() + field(13, record_of(b"a.", 1, CLIENT, 1 << 32))), "bad_field:ttl"),
    ],
)
def test_a_frame_that_is_not_of_the_schema_is_refused(powerdns, put, frame, code):
    rows, coverage = powerdns(put(stream_of([frame, message_of(QUERY)])))
    assert (len(rows), coverage.rejected, coverage.rejects[0].code) == (1, 1, code)
    assert (coverage.rejects[0].record, lawful(coverage)) == (1, True)


def test_fields_that_are_not_read_are_passed_over(powerdns, put):
    other = field(14, b"\xc0\0\2") + field(16, b"u" * 16) + field(26, 1) + field(100, b"later")
    several = (field(22, b"meta") + field(23, b"trace")) * 2
    body = question_of() + response_of(other=field(4, b"tag") * 2 + field(11, 1))
    rows, coverage = powerdns(put(stream_of([message_of(RESPONSE, body, other=other + several)])))
    assert (rows[0]["answers"], coverage.rejected) == (WWW, 0)


def test_the_account_and_the_rows_are_the_same_for_any_block_size(powerdns, put):
    source = put(lab())
    whole = powerdns(source)
    for block in (1, 7, 13, 64, 300, len(lab())):
        assert powerdns(source, block=block) == whole


def test_a_stream_may_be_cut_anywhere(powerdns, put):
    whole = lab()
    marks = ends(whole)
    for cut in range(1, len(whole)):
        found, coverage = powerdns(put(whole[:cut]), block=1 << 16)
        sound = max(end for end in marks if end <= cut)
        assert (lawful(coverage), coverage.records) == (True, marks.index(sound))
        assert (coverage.error is None) == (sound == cut)
        if coverage.error is not None:
            assert (coverage.error.code, coverage.error.offset) == ("truncated_stream", sound)
        assert len(found) <= 5


@_ONCE
@given(st.data())
def test_no_change_of_bytes_makes_reading_raise(powerdns, put, data):
    changed = bytearray(lab())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(changed) - 1))
        changed[at] = data.draw(st.integers(0, 255))
    is_powerdns(bytes(changed))
    _, coverage = powerdns(put(bytes(changed)), block=data.draw(st.sampled_from((64, 1 << 16))))
    assert lawful(coverage)


@_ONCE
@given(st.lists(st.binary(max_size=80), max_size=8), st.binary(max_size=40))
def test_no_fields_make_reading_raise(powerdns, put, bodies, rest):
    messages = [message_of(RESPONSE, field(12, body) + field(13, body + field(2, body))) for body in bodies]
    _, coverage = powerdns(put(stream_of([*messages, *bodies]) + rest))
    assert lawful(coverage)


def test_it_is_told_by_whole_frames_in_a_row_and_read_packed(put):
    frames = [message_of(QUERY), message_of(RESPONSE, at=1), message_of(QUERY, at=2)]
    assert is_powerdns(stream_of(frames)) == 100
    assert is_powerdns(stream_of(frames) + b"\0\xff\x08") == 100
    for other in (frames[:2], [*frames, b""], [b"\x08\x01"] * 4, [message_of(QUERY, b"")] * 4, [*frames, b"\xff"]):
        assert is_powerdns(stream_of(other)) == 0
    for name, stored in (("plain", stream_of(frames)), ("packed", gzip.compress(stream_of(frames)))):
        found = sources.collect([put(stored, name)])
        assert (found.coverage[0].format, found.lookups.num_rows) == ("powerdns-protobuf", 2)


def test_the_sample_tells_what_was_captured_beside_it(powerdns, shared_logs):
    folder = shared_logs / "pdns-recursor"
    rows, coverage = powerdns(str(folder / "sample-4.8-protobuf.bin"))
    assert (coverage.records, coverage.events, coverage.lookups, coverage.error) == (91, 91, 46, None)
    said = [json.loads(line) for line in (folder / "truth-4.8.jsonl").read_text().splitlines()]
    truth = {(one["client_port"], one["id"]): one for one in said if one["kind"] == "response" and "qname" in one}
    by_port = {(one["client_port"], printed_name(one["qname"]), one["qtype"]): one for one in truth.values()}
    answered = [row for row in rows if "rcode" in row]
    assert len(answered) == 45
    for row in answered:
        one = by_port[row["client_port"], row["qname"], row["qtype"]]
        told = (one["client"], one["transport"], one["qclass"], one["rcode"])
        assert (row["client_ip"], row["transport"], row["qclass"], row["rcode"]) == told
        found, asked = records(row.get("answers", []), str), records(one["answers"], printed_name)
        assert found.keys() == asked.keys()
        assert all(0 <= found[each] - ttl <= 1 for each, ttl in asked.items())


def records(answers: list[dict[str, Any]], name: Callable[[str], str | None]) -> dict[tuple[str, ...], int]:
    """Time to live by record. The server tells it as it was when the answer came into its cache of packets."""
    exported = [one for one in answers if one["type"] in ("A", "AAAA", "CNAME")]
    return {(name(one["name"]) or "", one["type"], name(one["data"]) or ""): one["ttl"] for one in exported}
