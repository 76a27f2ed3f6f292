"""One dnstap file as rows of LOOKUPS, with its account."""

import gzip
import ipaddress
import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dns.message
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowwatch import sources
from flowwatch.model.records import ReadOptions
from flowwatch.sources.dnstap import pairing
from flowwatch.sources.text import printed_name
from tests.sources.dnstap.streams import (
    AT,
    CLIENT,
    CQ,
    CR,
    FQ,
    FR,
    START,
    STOP,
    field,
    frame_of,
    lab,
    query_of,
    reply_to,
    stream_of,
)
from tests.sources.laws import lawful

pytest.importorskip("flowwatch._native", reason="the core is not built")

SECOND = 10**9
WWW = [
    {"name": "www.results.example", "type": "CNAME", "data": "edge.example", "ttl": 60},
    {"name": "edge.example", "type": "A", "data": "198.51.100.7", "ttl": 60},
]
_ONCE = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def offsets(stream: bytes) -> list[int]:
    """Where the data frames of a whole stream begin."""
    found, at = [], len(START)
    while (length := struct.unpack_from(">I", stream, at)[0]) != 0:
        found.append(at)
        at += 4 + length
    return found


def test_question_and_answer_are_one_row(dnstap, put):
    rows, coverage = dnstap(put(lab()))
    at = offsets(lab())
    assert rows[0] == {
        "source": rows[0]["source"],
        "record": 1,
        "offset": at[0],
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
        "answer_record": 5,
        "answer_offset": at[4],
        "latency": 3_000_000,
        "rcode": "NOERROR",
        "answers": WWW,
        "flags": ["rd", "ra"],
        "time_basis": "explicit",
    }
    assert lawful(coverage)
    assert (coverage.records, coverage.events, coverage.lookups) == (13, 8, 5)
    assert (coverage.noise, coverage.rejected, coverage.error) == (3, 2, None)


def test_what_a_resolver_asked_itself_is_upstream(dnstap, put):
    row = dnstap(put(lab()))[0][1]
    assert (row["vantage"], row["server_ip"], row["client_port"]) == ("upstream", "198.51.100.53", 50000)
    assert "client_ip" not in row
    frames = [frame_of(FQ, query_of()), frame_of(FR, reply_to(query_of())), frame_of(CR, reply_to(query_of()))]
    rows, _ = dnstap(put(stream_of(frames)))
    assert [(row["vantage"], row.get("answer_record")) for row in rows] == [("upstream", 2), ("client", None)]


def test_an_answer_may_stand_before_its_question(dnstap, put):
    rows, _ = dnstap(put(lab()))
    late = next(row for row in rows if row["qname"] == "late.example")
    assert (late["record"], late["answer_record"], late["latency"]) == (6, 3, SECOND // 2)


def test_one_alone_is_a_row_of_what_it_proves(dnstap, put):
    rows, _ = dnstap(put(lab()))
    asked = next(row for row in rows if row["qname"] == "v6.example")
    assert (asked["client_ip"], asked["transport"], asked["qtype"]) == ("2001:db8::a", "tcp", "AAAA")
    assert not {"rcode", "answers", "asked", "latency", "answer_record"} & asked.keys()
    answered = next(row for row in rows if row["qname"] == "alone.example")
    assert (answered["rcode"], answered["answers"], answered["latency"]) == ("NXDOMAIN", [], SECOND // 2)
    assert (answered["record"], answered["asked"]) == (9, AT * SECOND + 4_500_000_000)
    assert not {"answer_record", "answer_offset"} & answered.keys()


def test_what_is_no_lookup_is_told(dnstap, put):
    _, coverage = dnstap(put(lab()))
    assert coverage.notes == (
        "1 x DNS message of another operation than QUERY",
        "1 x frame of dnstap that is no message",
        "1 x message of type AUTH_QUERY, not read",
    )
    at = offsets(lab())
    told = [(one.code, one.record, one.offset) for one in coverage.rejects]
    assert told == [("bad_field:query_message", 11, at[10]), ("not_dnstap", 12, at[11])]


@pytest.mark.parametrize(("protocol", "word"), [(1, "udp"), (2, "tcp"), (3, "dot"), (4, "doh"), (5, None), (7, "doq")])
def test_the_transport_is_as_told(dnstap, put, protocol, word):
    rows, _ = dnstap(put(stream_of([frame_of(CQ, query_of(), protocol=protocol)])))
    assert rows[0].get("transport") == word


@pytest.mark.parametrize(
    ("change", "alike"),
    [
        ({}, True),
        ({"identity": b"ns2"}, False),
        ({"protocol": 2}, False),
        ({"client": b"\xc0\0\2\x0b"}, False),
        ({"port": 40001}, False),
        ({"server": None}, True),
        ({"at": 61}, False),
        ({"at": -61}, False),
        ({"at": -1}, True),
    ],
)
def test_what_belongs_together(dnstap, put, change, alike):
    rows, coverage = dnstap(put(stream_of([frame_of(CQ, query_of()), frame_of(CR, reply_to(query_of()), **change)])))
    assert len(rows) == (1 if alike else 2)
    assert (coverage.events, coverage.lookups) == (2, len(rows))
    assert rows[0]["server_ip"] == "192.0.2.53"


def test_another_id_name_or_type_is_another_question(dnstap, put):
    for query in (query_of(number=8), query_of("other.example"), query_of(qtype="AAAA")):
        rows, _ = dnstap(put(stream_of([frame_of(CQ, query_of()), frame_of(CR, reply_to(query))])))
        assert len(rows) == 2


def test_a_question_asked_again_has_an_answer_of_its_own(dnstap, put):
    query, reply = query_of(), reply_to(query_of())
    frames = [frame_of(CQ, query), frame_of(CQ, query, at=1), frame_of(CR, reply, at=2), frame_of(CR, reply, at=3)]
    rows, _ = dnstap(put(stream_of(frames)))
    assert [(row["record"], row["answer_record"]) for row in rows] == [(1, 3), (2, 4)]


def test_an_error_without_its_question_belongs_to_the_only_one(dnstap, put):
    error = struct.pack(">HHHHHH", 7, 0x8185, 0, 0, 0, 0)
    rows, coverage = dnstap(put(stream_of([frame_of(CQ, query_of()), frame_of(CR, error, at=1)])))
    assert [(row["qname"], row["qtype"], row["rcode"]) for row in rows] == [("www.results.example", "A", "REFUSED")]
    frames = [frame_of(CQ, query_of()), frame_of(CQ, query_of("b.example")), frame_of(CR, error, at=1)]
    rows, coverage = dnstap(put(stream_of(frames)))
    assert (len(rows), coverage.unattributable, lawful(coverage)) == (2, 1, True)
    rows, coverage = dnstap(put(stream_of([frame_of(CQ, query_of()), frame_of(CR, error, at=100)])))
    assert (len(rows), coverage.unattributable, coverage.notes) == (1, 1, ("1 x DNS message that names nothing",))


def test_two_questions_of_one_message_are_two_rows(dnstap, put):
    query = query_of("a.example")
    query.question += query_of("b.example").question
    answers = [("b.example.", "A", "192.0.2.2"), ("a.example.", "A", "192.0.2.1"), ("c.example.", "A", "192.0.2.3")]
    frames = [frame_of(CQ, query), frame_of(CR, reply_to(query, answers), at=1)]
    rows, coverage = dnstap(put(stream_of(frames)))
    told = [(row["qname"], [one["data"] for one in row["answers"]], row.get("answer_record")) for row in rows]
    assert told == [
        ("a.example", ["192.0.2.1"], 2), ("b.example", ["192.0.2.2"], 2), ("c.example", ["192.0.2.3"], None),
    ]  # fmt: skip
    assert (coverage.records, coverage.events, coverage.lookups) == (2, 2, 3)


def test_a_lookup_without_a_time_is_told(dnstap, put):
    query, reply = (frame_of(kind, wire, other=b"") for kind, wire in ((CQ, query_of()), (CR, reply_to(query_of()))))
    bare = [
        field(14, field(1, kind) + field(4, CLIENT) + field(10 if kind == CQ else 14, wire.to_wire())) + field(15, 1)
        for kind, wire in ((CQ, query_of("bare.example")), (CR, reply_to(query_of("bare.example"))))
    ]
    rows, coverage = dnstap(put(stream_of([query, reply, *bare])))
    assert [(row["qname"], row["time_basis"]) for row in rows] == [
        ("www.results.example", "explicit"), ("bare.example", "none"),
    ]  # fmt: skip
    assert "time" not in rows[1]
    assert coverage.notes == ("1 x lookup without a time",)


@pytest.mark.parametrize(
    ("action", "word"), [(1, "NXDOMAIN"), (3, "PASSTHRU"), (6, "LOCAL_DATA"), (9, "ACTION9"), (None, None)]
)
def test_what_a_policy_did_is_told(dnstap, put, action, word):
    policy = field(1, b"RPZ") + (b"" if action is None else field(3, action))
    frames = [frame_of(CQ, query_of()), frame_of(CR, reply_to(query_of()), other=field(15, policy))]
    assert dnstap(put(stream_of(frames)))[0][0].get("policy_action") == word


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (frame_of(CQ, None), "bad_field:query_message"),
        (frame_of(CR, None, other=field(10, query_of().to_wire())), "bad_field:response_message"),
        (frame_of(CQ, reply_to(query_of())), "bad_field:query_message"),
        (frame_of(CR, query_of()), "bad_field:response_message"),
        (frame_of(CQ, query_of(), client=b"\xc0\0\2"), "bad_field:address"),
        (frame_of(CQ, query_of(), port=1 << 16), "bad_field:port"),
        (frame_of(CQ, query_of(), at=1 << 32), "bad_timestamp"),
        (field(15, 1), "not_dnstap"),
        (field(14, field(1, CQ)), "not_dnstap"),
        (frame_of(CQ, query_of()) + field(15, 1), "not_dnstap"),
        (frame_of(CQ, query_of(), other=field(4, 1)), "not_dnstap"),
        (frame_of(CQ, query_of()) + b"\x0b", "not_dnstap"),
        (frame_of(CQ, query_of()) + b"\x00\x00", "not_dnstap"),
        (frame_of(CQ, query_of()) + b"\xa0\x06" + b"\xff" * 10, "not_dnstap"),
        (frame_of(CQ, query_of()) + b"\xa2\x06\x05a", "not_dnstap"),
    ],
)
def test_a_frame_that_is_not_of_the_schema_is_refused(dnstap, put, frame, code):
    rows, coverage = dnstap(put(stream_of([frame_of(CQ, query_of()), frame])))
    assert (len(rows), coverage.rejected, coverage.rejects[0].code) == (1, 1, code)
    assert (coverage.rejects[0].record, lawful(coverage)) == (2, True)


def test_fields_that_are_not_known_are_passed_over(dnstap, put):
    other = field(16, 2) + field(100, b"later") + b"\xa1\x06" + bytes(8) + b"\xad\x06" + bytes(4)
    rows, coverage = dnstap(put(stream_of([frame_of(CQ, query_of(), other=other) + other])))
    assert (len(rows), coverage.rejected) == (1, 0)


def test_the_account_and_the_rows_are_the_same_for_any_block_size(dnstap, put):
    source = put(lab())
    whole = dnstap(source)
    for block in (1, 7, 13, 64, 300, len(lab())):
        assert dnstap(source, block=block) == whole


def test_a_stream_may_be_cut_anywhere(dnstap, put):
    whole, rows = lab(), dnstap(put(lab()))[0]
    ends = [*offsets(whole), len(whole) - len(STOP)]
    for cut in range(1, len(whole)):
        found, coverage = dnstap(put(whole[:cut]), block=1 << 16)
        assert lawful(coverage)
        assert coverage.error is not None
        assert coverage.error.code == "truncated_stream"
        sound = max((end for end in ends if end <= cut), default=0)
        assert coverage.error.offset == sound
        assert coverage.records == sum(1 for end in ends[1:] if end <= cut)
        assert {row["qname"] for row in found} <= {row["qname"] for row in rows}


def test_a_live_file_without_stop_is_told(dnstap, put):
    rows, coverage = dnstap(put(stream_of([frame_of(CQ, query_of())], stop=b"")))
    assert coverage.error is not None
    assert (len(rows), coverage.error.code) == (1, "truncated_stream")
    assert "without STOP" in coverage.error.message
    assert coverage.incomplete


@_ONCE
@given(st.data())
def test_no_change_of_bytes_makes_reading_raise(dnstap, put, data):
    changed = bytearray(lab())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(changed) - 1))
        changed[at] = data.draw(st.integers(0, 255))
    _, coverage = dnstap(put(bytes(changed)), block=data.draw(st.sampled_from((64, 1 << 16))))
    assert lawful(coverage)


@_ONCE
@given(st.lists(st.binary(max_size=80), max_size=8), st.binary(max_size=40))
def test_no_frames_make_reading_raise(dnstap, put, frames, rest):
    _, coverage = dnstap(put(stream_of(frames) + rest))
    assert lawful(coverage)
    assert coverage.rejected + coverage.noise == coverage.records


@_ONCE
@given(st.binary(max_size=120), st.sampled_from((CQ, CR)))
def test_no_message_makes_reading_raise(dnstap, put, wire, kind):
    _, coverage = dnstap(put(stream_of([frame_of(kind, wire), frame_of(kind, b"\0\7\x84\0\0\1\0\1\0\0\0\0" + wire)])))
    assert lawful(coverage)


def test_too_many_that_wait_give_way_and_are_counted(dnstap, put, monkeypatch):
    monkeypatch.setattr(pairing, "MOST_QUESTIONS", 2)
    monkeypatch.setattr(pairing, "MOST_EARLY", 1)
    names = [f"n{number}.example" for number in range(4)]
    frames = [frame_of(CQ, query_of(name), at=number) for number, name in enumerate(names)]
    frames += [frame_of(CR, reply_to(query_of(f"r{name}")), at=10) for name in names[:2]]
    frames.append(frame_of(CR, reply_to(query_of("n3.example")), at=10))
    rows, coverage = dnstap(put(stream_of(frames)), block=64)
    assert len(rows) == 6
    assert coverage.limits == {"waiting_messages": 3}
    assert lawful(coverage)


@pytest.mark.parametrize("kind", [CQ, CR])
def test_a_stream_of_questions_or_answers_alone_lacks_nothing(dnstap, put, monkeypatch, kind):
    monkeypatch.setattr(pairing, "MOST_QUESTIONS", 2)
    monkeypatch.setattr(pairing, "MOST_EARLY", 2)
    wires = [query_of(f"n{number}.example") for number in range(9)]
    frames = [frame_of(kind, wire if kind == CQ else reply_to(wire)) for wire in wires]
    other = frame_of(FQ if kind == CR else FR, wires[0] if kind == CR else reply_to(wires[0]))
    rows, coverage = dnstap(put(stream_of([*frames, other])))
    assert (len(rows), coverage.limits, coverage.incomplete) == (10, {}, False)


def test_refused_frames_are_given_out_whole(put):
    given = []

    def rejects(source: str, name: str) -> Callable[..., None]:
        return lambda *refused: given.append((name, *refused))

    source = put(lab())
    sources.collect([source], ReadOptions(rejects=rejects))
    assert [(name, code, record, line) for name, code, _, record, _, line in given] == [
        ("dnstap", "bad_field:query_message", 11, frame_of(CQ, b"junk", at=6)),
        ("dnstap", "not_dnstap", 12, b"\xff\xff"),
    ]


def test_it_is_told_by_its_content_and_read_packed(put):
    for name, stored in (("plain", lab()), ("packed", gzip.compress(lab()))):
        found = sources.collect([put(stored, name)])
        assert found.coverage[0].format == "dnstap"
        assert (found.coverage[0].error, found.lookups.num_rows) == (None, 5)


MESSAGES = (
    query_of("MiXeD.Results.example"),
    reply_to(query_of("MiXeD.Results.example"), [("mixed.results.example.", "A", "198.51.100.1")]),
    query_of("odd\\.label\\032x.\\200.example", "TXT", 8),
    reply_to(
        query_of("odd\\.label\\032x.\\200.example", "TXT", 8),
        [("odd\\.label\\032x.\\200.example.", "TXT", '"a \\"b\\" \\200" "c"')],
    ),
    query_of("svc.example", "HTTPS", 9),
    reply_to(query_of("svc.example", "HTTPS", 9), [("svc.example.", "HTTPS", '1 . alpn="h2,h3" ipv4hint="192.0.2.9"')]),
    query_of("mail.example", "MX", 10),
    reply_to(query_of("mail.example", "MX", 10), [("mail.example.", "MX", "10 mx.example.")]),
    query_of("v6.example", "AAAA", 11),
    reply_to(query_of("v6.example", "AAAA", 11), [("v6.example.", "AAAA", "2001:db8::7")]),
    query_of("s.example", "SRV", 12),
    reply_to(query_of("s.example", "SRV", 12), [("s.example.", "SRV", "0 5 389 ldap.example.")], 0),
    query_of("x.example", "TYPE65280", 13),
    reply_to(query_of("x.example", "TYPE65280", 13), [("x.example.", "TYPE65280", "\\# 3 010203")], 16),
    query_of(".", "NS", 14),
    reply_to(query_of(".", "NS", 14), [(".", "NS", "ns.example.")], 3),
)


def captured(messages: tuple[dns.message.Message, ...]) -> Iterator[bytes]:
    """The same messages as packets of a pcap."""
    from scapy.layers.inet import IP, UDP  # noqa: PLC0415 - scapy takes its time
    from scapy.packet import Raw  # noqa: PLC0415

    yield struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 101)
    for number, message in enumerate(messages):
        ends = [("192.0.2.10", 40000), ("192.0.2.53", 53)][:: -1 if number % 2 else 1]
        (src, sport), (dst, dport) = ends
        packet = bytes(IP(src=src, dst=dst) / UDP(sport=sport, dport=dport) / Raw(message.to_wire()))
        yield struct.pack("<IIII", AT + number, 0, len(packet), len(packet)) + packet


def test_rows_are_as_from_a_capture_of_the_same_messages(put):
    frames = [frame_of(CR if at % 2 else CQ, message, at=at) for at, message in enumerate(MESSAGES)]
    both = [put(stream_of(frames), "tap"), put(b"".join(captured(MESSAGES)), "pcap")]
    tap, pcap = (sources.collect([one]).lookups for one in both)
    ours = {"source", "offset", "answer_offset"}
    assert tap.num_rows == len(MESSAGES) // 2
    assert tap.drop_columns(list(ours)).to_pylist() == pcap.drop_columns(list(ours)).to_pylist()


ANY = str(ipaddress.IPv4Address(0))
SAMPLES = ("sample-bind-9.18.fstrm", "sample-bind-9.18-live-copy.fstrm", "sample-unbound-1.17.fstrm")


@pytest.mark.parametrize("name", [f"dnstap/{name}" for name in SAMPLES] + ["scenario/bind.dnstap"])
def test_samples_are_read_as_another_reader_reads_them(dnstap, shared_logs, name):
    rows, coverage = dnstap(str(shared_logs / name))
    said = [json.loads(line) for line in (shared_logs / f"{name}.expected.jsonl").read_text().splitlines()]
    assert (coverage.records, lawful(coverage)) == (len(said), True)
    told = {one["offset"]: one for one in said}
    seen = set()
    for row in rows:
        if row["offset"] in seen:
            continue  # a second question of one message, which the other reader leaves out
        question = told[row["offset"]]
        answer = told[row["answer_offset"]] if "answer_offset" in row else question
        seen |= {question["offset"], answer["offset"]}
        assert (row["qname"], row["qtype"], row["qclass"]) == asked(answer)
        assert row.get("client_ip") == {ANY: None}.get(question["query_address"], question["query_address"])
        assert row["client_port"] == question["query_port"] == answer["query_port"]
        assert row["transport"] == question["proto"].lower()
        assert question["type"].split("_")[0] == answer["type"].split("_")[0]
        if "rcode" in row:
            assert answer["type"].endswith("RESPONSE")
            assert row["rcode"] == answer["rcode"]
            owners = [(one["name"], one["type"], one["ttl"]) for one in row["answers"]]
            assert owners == [(printed_name(owner), kind, ttl) for owner, kind, ttl, _ in answer["answers"]]
            assert [one["data"] for one in row["answers"]] == [plain(*one[1::2]) for one in answer["answers"]]
    assert len(seen) == coverage.events


def asked(one: dict[str, Any]) -> tuple[str | None, str, str]:
    return printed_name(one["qname"]), one["qtype"], one["qclass"]


def plain(kind: str, data: str) -> str:
    """Data as another reader prints it, names without their last dot."""
    return data.removesuffix(".") if kind in ("CNAME", "PTR", "NS", "MX", "SRV") else data


@pytest.mark.parametrize("server", ["bind-9.18", "unbound-1.17"])
def test_answers_to_clients_are_those_on_the_wire(dnstap, shared_logs: Path, server):
    """The truth is what a capture between client and server held."""
    rows, _ = dnstap(str(shared_logs / "dnstap" / f"sample-{server}.fstrm"))
    lines = (shared_logs / "dnstap" / f"truth-{server}.jsonl").read_text().splitlines()
    replies: dict[tuple[object, ...], dict[str, Any]] = {}
    for one in map(json.loads, lines):
        if one["kind"] == "response" and "qname" in one:
            replies[one["client_port"], one["transport"], *asked(one)] = one
    clients = {row["record"]: row for row in reversed(rows) if row["vantage"] == "client"}  # one question a message
    answered = [row for row in clients.values() if "rcode" in row]
    assert len(answered) > 40
    for row in answered:
        reply = replies[row["client_port"], row["transport"], row["qname"], row["qtype"], row["qclass"]]
        assert (row["rcode"], row["client_ip"]) == (reply["rcode"], reply["client"])
        told = [(printed_name(one["name"]), one["type"], plain(one["type"], one["data"])) for one in reply["answers"]]
        assert [(one["name"], one["type"], one["data"]) for one in row["answers"]] == told
