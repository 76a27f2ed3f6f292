"""Sysmon and DNS servers' events, as Windows logs (EVTX) and as their shippers' JSON."""

import json
import random
import struct
import sys

import pytest

from flowwatch.sources.reading import Collected, collect
from tests.sources.maps.evtx_file import Element, event, log

QUESTION = {
    "RuleName": "-",
    "UtcTime": "2026-11-22 07:00:00.123",
    "ProcessId": "7",
    "QueryName": "Results.example",
    "QueryStatus": "0",
    "QueryResults": "type:  5 edge.example;type:  5 a.edge.example;::ffff:203.0.113.66;2001:DB8::66;",
    "Image": "C:\\send.exe",
}
CONNECT = {
    "UtcTime": "2026-11-22 07:00:01.000",
    "Image": "C:\\send.exe",
    "User": "EXAMPLE\\count",
    "Protocol": "tcp",
    "Initiated": "true",
    "SourceIp": "192.0.2.10",
    "SourcePort": "40000",
    "DestinationIp": "203.0.113.66",
    "DestinationPort": "443",
}
SYSMON = ((22, QUESTION), (3, CONNECT), (1, {"UtcTime": "2026-11-22 07:00:02.000", "Image": "C:\\send.exe"}))
ASKED = b"\x07results\x07example\x00\x00\x01\x00\x01"
ANSWER = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04" + bytes([203, 0, 113, 66])
PACKET = {"TCP": "0", "InterfaceIP": "192.0.2.53", "QNAME": "?.example.", "QTYPE": "1", "Port": "40000", "XID": "7"}


def packet(flags: int, answers: int) -> str:
    """A DNS message in hexadecimal."""
    return (struct.pack(">6H", 7, flags, 1, answers, 0, 0) + ASKED + ANSWER * answers).hex()


ANALYTICAL = (
    (256, PACKET | {"Source": "192.0.2.10", "PacketData": packet(0x0100, 0).upper()}),
    (257, PACKET | {"Destination": "192.0.2.10", "TCP": "1", "PacketData": packet(0x8180, 1)}),
    (258, PACKET | {"XID": "8", "Destination": "192.0.2.10", "PacketData": "0x" + packet(0x8183, 0)}),
    (260, PACKET | {"Destination": "198.51.100.1", "PacketData": packet(0x0100, 0)}),
    (256, PACKET | {"Source": "192.0.2.10", "PacketData": packet(0x0100, 0)[:30]}),
)


def law(found: Collected) -> None:
    told = found.coverage[0]
    assert told.records == told.events + told.noise + told.unattributable + told.rejected + told.held_back
    assert (told.flows, told.lookups) == (found.flows.num_rows, found.lookups.num_rows)


@pytest.fixture
def taken(tmp_path):
    """Reads bytes."""

    def take(data: bytes) -> Collected:
        path = tmp_path / "log"
        path.write_bytes(data)
        found = collect([str(path)])
        law(found)
        return found

    return take


@pytest.fixture
def evtx():
    return pytest.importorskip("evtx", reason="the extra evtx is not installed")


def flat(number: int, data: dict[str, str]) -> dict[str, object]:
    """As NXLog ships it."""
    stamped = {"@timestamp": "2026-11-22T00:00:05Z", "TimeCreated": "2026-11-22T00:00:00.123Z"}
    return {"EventID": number, "Hostname": "desk.example", "SourceName": "Microsoft-Windows-Sysmon", **stamped, **data}


def nested(number: int, data: dict[str, str]) -> dict[str, object]:
    """As Winlogbeat ships it."""
    told = {"event_id": str(number), "computer_name": "desk.example", "event_data": data}
    return {"@timestamp": "2026-11-22T00:00:05Z", "event": {"code": number}, "winlog": told, "ecs": {"version": "8"}}


def check_sysmon(found: Collected) -> None:
    told = found.coverage[0]
    assert (told.events, told.noise, told.rejected, told.limits) == (2, 1, 0, {})
    (lookup,) = found.lookups.to_pylist()
    assert (lookup["qname"], lookup["rcode"], lookup["vantage"]) == ("results.example", "NOERROR", "host")
    assert (str(lookup["time"])[11:23], lookup["time_basis"]) == ("07:00:00.123", "explicit")
    assert (lookup["process"], lookup["client_ip"], lookup["qtype"]) == (r"C:\x5csend.exe", None, None)
    assert [(one["type"], one["data"]) for one in lookup["answers"]] == [
        ("CNAME", "edge.example"), ("CNAME", "a.edge.example"), ("A", "203.0.113.66"), ("AAAA", "2001:db8::66"),
    ]  # fmt: skip
    (flow,) = found.flows.to_pylist()
    assert (flow["src_ip"], flow["dst_ip"], flow["dst_port"], flow["proto"]) == (
        "192.0.2.10",
        "203.0.113.66",
        443,
        "tcp",
    )
    assert (flow["host"], flow["user"], flow["process"]) == ("desk.example", r"EXAMPLE\x5ccount", r"C:\x5csend.exe")
    assert (flow["src_bytes"], flow["bytes_total"], flow["direction_basis"]) == (None, None, "log")


@pytest.mark.parametrize("ship", [flat, nested])
def test_sysmon_as_its_shippers_write_it(taken, ship):
    """The time is Sysmon's own, never what a shipper stamps."""
    found = taken("".join(json.dumps(ship(*one)) + "\n" for one in SYSMON).encode())
    assert found.coverage[0].format == "sysmon"
    check_sysmon(found)


def test_sysmon_as_windows_stores_it(taken, evtx):
    del evtx
    found = taken(log([[event(*one) for one in SYSMON[:2]], [event(*SYSMON[2])]]))
    assert found.coverage[0].format == "evtx"
    assert found.coverage[0].records == 3
    check_sysmon(found)


@pytest.mark.parametrize(
    ("status", "results", "rcode"),
    [("9003", "-", "NXDOMAIN"), ("1460", "-", None), ("9501", "-", "NOERROR"), ("87", "", None)],
)
def test_a_question_without_an_answer_has_none(taken, status, results, rcode):
    changed = QUESTION | {"QueryStatus": status, "QueryResults": results}
    (row,) = taken(json.dumps(flat(22, changed)).encode() + b"\n").lookups.to_pylist()
    assert (row["rcode"], row["answers"]) == (rcode, None)


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ("198.51.100.7;", [("A", "198.51.100.7")]),
        ("type:  12 desk.example;", [("PTR", "desk.example")]),
        ("type:  6 ;odd", [("SOA", None), (None, "odd")]),
        ("type:  99999 x;", [(None, "x")]),
        (";;", []),
    ],
)
def test_answers_of_any_form_are_kept(taken, results, expected):
    (row,) = taken(json.dumps(flat(22, QUESTION | {"QueryResults": results})).encode() + b"\n").lookups.to_pylist()
    assert [(one["type"], one["data"]) for one in row["answers"]] == expected


def test_an_accepted_connection_shows_its_opener_by_the_port(taken):
    ends = {"SourceIp": "203.0.113.66", "SourcePort": "443", "DestinationIp": "192.0.2.10", "DestinationPort": "40000"}
    found = taken(json.dumps(flat(3, CONNECT | ends | {"Initiated": "false"})).encode() + b"\n")
    (row,) = found.flows.to_pylist()
    assert (row["src_ip"], row["dst_port"], row["direction_basis"]) == ("192.0.2.10", 443, "port")


def check_analytical(found: Collected) -> None:
    told = found.coverage[0]
    assert (told.events, told.noise, told.rejected) == (3, 1, 1)
    assert [one.code for one in told.rejects] == ["bad_field:qname"]
    answered, failed = found.lookups.to_pylist()
    for row in (answered, failed):
        assert (row["client_ip"], row["client_port"], row["server_ip"]) == ("192.0.2.10", 40000, "192.0.2.53")
        assert (row["qname"], row["qtype"], row["qclass"]) == ("results.example", "A", "IN")
        assert (str(row["time"])[11:21], row["time_basis"], row["vantage"]) == ("07:00:00.5", "explicit", "client")
    assert [row["asked"] is None for row in (answered, failed)] == [False, True]
    assert [row["rcode"] for row in (answered, failed)] == ["NOERROR", "NXDOMAIN"]
    assert (answered["record"], answered["answer_record"], failed["answers"]) == (1, 2, [])
    assert answered["answers"] == [{"name": "results.example", "type": "A", "data": "203.0.113.66", "ttl": 60}]


def test_events_of_a_dns_server_are_their_packets(taken, evtx):
    """The name is that of the packet; what the event prints of it is lossy."""
    del evtx
    provider = "Microsoft-Windows-DNSServer"
    check_analytical(taken(log([[event(number, data, provider) for number, data in ANALYTICAL]])))


def test_the_same_as_json(taken):
    lines = [json.dumps({"TimeCreated": "2026-11-22T07:00:00.5Z", "EventID": one, **data}) for one, data in ANALYTICAL]
    found = taken(("\n".join(lines) + "\n").encode())
    assert found.coverage[0].format == "windows-dns-analytical"
    check_analytical(found)


def test_without_the_extra_the_error_says_what_to_install(taken, monkeypatch):
    monkeypatch.setitem(sys.modules, "evtx", None)
    error = taken(log([[event(*SYSMON[0])]])).coverage[0].error
    assert error is not None
    assert error.code == "missing_package"
    assert "pip install 'flowwatch[evtx]'" in error.message


def test_compressed_logs_are_read(taken, evtx, packed):
    del evtx
    check_sysmon(taken(packed(log([[event(*one) for one in SYSMON]]))))


def test_a_chunk_that_is_cut_and_events_that_are_gone_are_told(taken, evtx):
    del evtx
    data = log([[event(*SYSMON[0])], [event(*SYSMON[1])]])
    cut = taken(data[:-100]).coverage[0]
    assert (cut.events, cut.error and cut.error.message) == (
        1,
        "the file is cut within a chunk, whose events are left out",
    )
    gone = bytearray(data)
    gone[4096 + 16] = 4  # the first chunk counts four events
    told = taken(bytes(gone)).coverage[0]
    assert told.events == 2
    assert told.limits == {"events that the file counts and that were not found in it": 3}
    assert told.incomplete


def test_whatever_the_bytes_nothing_raises(taken, evtx):
    del evtx
    data = log([[event(*one) for one in SYSMON], [event(*one) for one in ANALYTICAL]])
    for seed in range(300):
        chance = random.Random(seed)  # noqa: S311 - the same changes every time
        changed = bytearray(data[: chance.randrange(8, len(data))] if seed % 5 == 0 else data)
        for _ in range(1 + seed % 9):
            place = 4096 + chance.choice((0, 1 << 16)) + chance.randrange(3000)
            changed[min(place, len(changed) - 1)] = chance.randrange(256)
        taken(bytes(changed))


def test_an_event_nested_as_deep_as_a_chunk_allows_is_refused(taken, evtx):
    del evtx
    deep: Element = ("a", {}, "x")
    for _ in range(500):
        deep = ("a", {}, [deep])
    told = taken(log([[deep, event(*SYSMON[0])]])).coverage[0]
    assert (told.events, told.rejected) == (1, 1)


def test_what_panics_in_the_parser_is_an_event_that_cannot_be_read(taken, monkeypatch, evtx):
    class PanicError(BaseException):
        pass

    class Parser:
        def __init__(self, *_args: object, **_named: object) -> None:
            self.given = iter([{"data": "{}"}, None, {"data": "7"}, {"data": '{"Event":{"System":{"EventID":{}}}}'}])

        def records_json(self) -> "Parser":
            return self

        def __next__(self) -> object:
            found = next(self.given)
            if found is None:
                raise PanicError
            return found

    monkeypatch.setattr(evtx, "PyEvtxParser", Parser)
    told = taken(log([[event(*SYSMON[0])]])).coverage[0]
    assert (told.records, told.rejected, told.noise) == (4, 3, 1)
    assert {one.code for one in told.rejects} == {"unreadable_event"}


def test_the_samples_of_windows_logs(shared_logs, evtx):
    del evtx
    asked = collect([str(shared_logs / "windows-dns-analytical" / "sample-dns_log_malformed.evtx")])
    assert (asked.coverage[0].events, asked.coverage[0].noise) == (2, 3)
    assert asked.lookups["qname"].to_pylist() == [r"b._dns-sd._udp.@\1665\001", r"r._dns-sd._udp.@\1665\001"]
    assert asked.lookups["client_ip"].to_pylist() == ["10.9.15.202"] * 2
    looked = collect([str(shared_logs / "sysmon-22" / "sample-psexec.evtx")])
    assert (looked.coverage[0].events, looked.coverage[0].noise) == (1, 14)
    assert looked.lookups["qname"].to_pylist() == ["fs03vuln"]


def test_the_sample_of_shippers(shared_logs):
    found = collect([str(shared_logs / "sysmon-22" / "sample-otrf-nxlog-winlogbeat.jsonl")])
    assert (found.coverage[0].format, found.coverage[0].events, found.coverage[0].rejected) == ("sysmon", 19, 0)
    row = found.lookups.to_pylist()[13]
    assert (row["qname"], str(row["time"])[:19]) == ("raw.githubusercontent.com", "2020-10-23 06:36:42")
    assert [one["data"] for one in row["answers"]] == ["github.map.fastly.net", "151.101.208.133"]
