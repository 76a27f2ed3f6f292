"""BIND and its kin: responses, rewrites, and the answers that appliances print."""

import json
from pathlib import Path

import pytest

from flowwatch.sources import text
from flowwatch.sources.reading import Collected, collect
from flowwatch.transmissions.questions import questions

BIND = "22-Nov-2026 07:35:2{second} {category}: info: client @0x7f98b8303098 192.0.2.10#5353 ({name}): view inside: "
RPZ = BIND.format(second="4.100", category="rpz", name="a.example")
RESPONSE = BIND + "response: {name} IN A NXDOMAIN 0 1 1 +E(0)TDK (192.0.2.53)"
QUERY = BIND + "query: {name} IN A +E(0)TDK (192.0.2.53)"
OTHER = "22-Nov-2026 07:35:23.000 general: info: all zones loaded"
NIOS = "<30>Nov 22 07:35:30 ns named[17742]: 22-Nov-2026 07:35:2{second} client 192.0.2.10#5353{between} "
NIOS_ANSWER = NIOS.format(second="5.500", between="") + (
    "UDP: query: a.example IN A response: NOERROR +AED a.example. 60 IN CNAME b\\032c.example.; "
    'b\\032c.example. 300 IN A 203.0.113.66; a.example. 5 IN TXT "v=1; x";{cut}'
)
NIOS_QUERY = NIOS.format(second="5.000", between=" (a.example):") + "query: a.example IN A +ED (192.0.2.53)"
NIOS_RPZ = (
    "<30>Nov 22 07:35:25 ns named[17742]: CEF:0|Infoblox|NIOS|9.0.3|RPZ-QNAME|{action}|7|app=DNS dst=192.0.2.53 "
    'src=192.0.2.10 spt=5353 view=_default qtype=A msg="rpz QNAME {action} rewrite a.example [A] via zone" CAT=RPZ'
)
NIOS_OTHER = '<30>Nov 22 07:35:25 ns named[17742]: Recursion cache view "_default": size = 1'
SOLID = (
    "Nov 22 07:35:26 ns named[4]: client @0x7f98 192.0.2.10#5353 (a.example): answer: a.example IN A (192.0.2.53) -> "
    'NOERROR 60 CNAME b.example. 300 A 203.0.113.66 30 TXT "300 A 198.51.100.7" 300 A 203.0.113.67{end}'
)
SAMPLES: dict[str, str] = {
    "bind-response": "\n".join(
        [
            OTHER,
            QUERY.format(second="4.000", category="queries", name="a.example"),
            RPZ + "rpz QNAME NXDOMAIN rewrite a.example/A/IN via a.example.zone",
            RESPONSE.format(second="4.500", category="responses", name="a.example"),
        ]
    ),
    "bind-rpz": OTHER + "\n" + RPZ + "rpz QNAME NODATA rewrite a.example/A/IN via a.example.zone",
    "infoblox": "\n".join([NIOS_QUERY, NIOS_ANSWER.format(cut=""), NIOS_OTHER, NIOS_RPZ.format(action="NODATA")]),
    "efficientip": SOLID.format(end=" "),
}


def read(tmp_path: Path, *lines: str) -> Collected:
    path = tmp_path / "log"
    path.write_text("\n".join(lines) + "\n")
    return collect([str(path)])


def pick(row, *names):
    return tuple(row[name] for name in names)


def test_a_query_its_rewrite_and_its_response_are_one_lookup(tmp_path):
    found = read(tmp_path, SAMPLES["bind-response"])
    (row,) = found.lookups.to_pylist()
    assert pick(row, "record", "answer_record", "qname", "rcode", "policy_action", "transport", "view") == (
        2, 4, "a.example", "NXDOMAIN", "NXDOMAIN", "tcp", "inside",
    )  # fmt: skip
    assert (str(row["asked"])[17:23], str(row["time"])[17:21]) == ("24+00:", "24.5")
    assert pick(row, "answers", "time_basis") == (None, "assumed_utc")
    assert (found.coverage[0].noise, found.coverage[0].events) == (1, 3)


@pytest.mark.parametrize(
    ("rewrite", "withheld"),
    [
        ("rpz QNAME NXDOMAIN", True), ("rpz CLIENT-IP DROP", True), ("rpz QNAME Local-Data", True),
        ("rpz QNAME PASSTHRU", False), ("rpz QNAME TCP-Only", False), ("disabled rpz QNAME NXDOMAIN", False),
    ],
)  # fmt: skip
def test_a_rewrite_tells_whether_the_answer_was_withheld(tmp_path, rewrite, withheld):
    found = read(tmp_path, RPZ + rewrite + " rewrite a/b.example/A/IN via zone")
    assert found.coverage[0].format == "bind-rpz"
    (one,) = questions(found.lookups)
    assert (one.qname, one.qtype, one.withheld) == ("a.example", "A", withheld)


def test_answers_of_an_appliance_are_whole_and_one_that_was_cut_is_left_out(tmp_path):
    whole, cut = (NIOS_ANSWER.format(cut=cut) for cut in ("", " b.example. 300 IN A 203.0.113.6"))
    found = read(tmp_path, whole, cut)
    for row in found.lookups.to_pylist():
        assert [pick(one, "name", "type", "data", "ttl") for one in row["answers"]] == [
            ("a.example", "CNAME", r"b\\032c.example".replace(r"\\", "\\"), 60),
            (r"b\032c.example", "A", "203.0.113.66", 300),
            ("a.example", "TXT", '"v=1; x"', 5),
        ]
    assert "1 x list of answers that was cut: its last record is left out" in found.coverage[0].notes


def test_an_appliance_says_in_one_log_what_was_asked_answered_and_rewritten(tmp_path):
    found = read(tmp_path, NIOS_QUERY, NIOS_RPZ.format(action="Local-Data"), NIOS_ANSWER.format(cut=""), NIOS_OTHER)
    assert pick(*found.lookups.to_pylist(), "record", "answer_record", "rcode", "policy_action", "server_ip") == (
        1, 3, "NOERROR", "Local-Data", "192.0.2.53",
    )  # fmt: skip
    assert (found.coverage[0].noise, found.coverage[0].rejected) == (1, 0)
    (row,) = read(tmp_path, NIOS_ANSWER.partition(" a.example.")[0].replace("NOERROR", "NXDOMAIN")).lookups.to_pylist()
    assert pick(row, "rcode", "answers") == ("NXDOMAIN", [])


def test_text_in_an_answer_does_not_pass_for_a_record(tmp_path):
    (row,) = read(tmp_path, SOLID.format(end=" ")).lookups.to_pylist()
    assert [pick(one, "type", "data", "ttl") for one in row["answers"]] == [
        ("CNAME", "b.example", 60),
        ("A", "203.0.113.66", 300),
        ("TXT", '"300 A 198.51.100.7"', 30),
        ("A", "203.0.113.67", 300),
    ]
    (row,) = read(tmp_path, SOLID.format(end="")).lookups.to_pylist()
    assert len(row["answers"]) == 3
    (row,) = read(tmp_path, SOLID.partition(" CNAME")[0]).lookups.to_pylist()
    assert row["answers"] == []
    found = read(tmp_path, SOLID.format(end=" "), SOLID.format(end=" ").replace("60 CNAME", "CNAME"))
    assert [one.code for one in found.coverage[0].rejects] == ["bad_field:answers"]


@pytest.mark.parametrize(
    "said",
    [
        RESPONSE.format(second="4.000", category="responses", name="a b.example"),
        NIOS_ANSWER.format(cut="").replace("IN A response", "IN response"),
    ],
)
def test_what_looks_like_an_answer_and_is_none_is_counted(tmp_path, said):
    good = SAMPLES["infoblox" if "NIOS" in said or "named" in said else "bind-response"]
    told = read(tmp_path, *[good] * 9, said).coverage[0]
    assert (told.unattributable, told.rejected) == (1, 0)


def test_a_log_with_responses_is_not_read_as_one_of_queries(tmp_path):
    lines = [QUERY.format(second=f"{at}.000", category="queries", name="a.example") for at in range(9)]
    assert read(tmp_path, *lines).coverage[0].format == "bind-query"
    lines += [RESPONSE.format(second=f"{at}.500", category="responses", name="a.example") for at in range(9)]
    assert read(tmp_path, *lines).coverage[0].format == "bind-response"


def test_responses_are_those_of_the_wire(shared_logs):
    rows = collect([str(shared_logs / "bind9-response/sample-9.20.26-responses.log")]).lookups.to_pylist()
    sent = {}
    for line in (shared_logs / "bind9-response/truth-9.20.jsonl").read_text().splitlines():
        one = json.loads(line)
        if one["kind"] == "response" and one.get("qname_labels_hex"):
            labels = [bytes.fromhex(label) for label in one["qname_labels_hex"][:-1]]
            name = ".".join(map(text.label, labels)) or "."
            sent[one["client_port"], one["qtype"], name] = one["rcode"]
    told = {pick(row, "client_port", "qtype", "qname"): row["rcode"] for row in rows}
    both = told.keys() & sent.keys()
    assert len(both) >= 0.9 * len(told)
    assert [key for key in both if told[key] != sent[key]] == []


@pytest.mark.parametrize("piece", ['\\\\"', '"', "; ", '"\\\\" ', "a ", ' 1 A "'])
@pytest.mark.parametrize("name", ["infoblox", "efficientip"])
def test_a_long_list_of_answers_is_read_once(tmp_path, piece, name):
    """A hostile list costs time in proportion to its length: 300 KB of it are nothing."""
    lines = SAMPLES[name].splitlines()
    head = lines[1].partition(" a.example. 60")[0] if name == "infoblox" else lines[0].partition(" 60")[0]
    told = read(tmp_path, *[SAMPLES[name]] * 9, head + " " + piece * (300_000 // len(piece))).coverage[0]
    assert told.records == told.events + told.noise + told.unattributable + told.rejected
