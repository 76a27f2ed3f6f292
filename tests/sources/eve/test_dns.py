"""`dns` records as rows of LOOKUPS: pairs, names, answers, both versions."""

import json

import pytest

from flowwatch.sources.eve import dns, messages

AUTHORITY = {
    "mname": "ns.example",
    "rname": "m.example",
    "serial": 1,
    "refresh": 2,
    "retry": 3,
    "expire": 4,
    "minimum": 5,
}
SERVICE = {"priority": 1, "weight": 2, "port": 3, "name": "a.example"}
PAIRS = (("query", "answer"), ("request", "response"))


@pytest.fixture
def lookups(put, lines, eve):
    return lambda *records: eve(put(lines(*records)))[1]


@pytest.mark.parametrize(("question", "answer"), PAIRS)
def test_question_and_answer_are_one_row(question, answer, record, lookups):
    (told,) = lookups(record(question), record(answer))
    told.pop("source")
    offsets = told.pop("offset"), told.pop("answer_offset")
    assert offsets[0] == 0 < offsets[1]
    assert told == {
        "record": 1,
        "answer_record": 2,
        "time": 1795333872001529000,
        "asked": 1795333872000001000,
        "latency": 1528000,
        "client_ip": "192.0.2.10",
        "client_port": 40000,
        "server_ip": "192.0.2.53",
        "server_port": 53,
        "transport": "udp",
        "qname": "results.example",
        "qtype": "AAAA",
        "name_exact": True,
        "vantage": "client",
        "rcode": "NOERROR",
        "flags": ["rd", "ra"],
        "time_basis": "explicit",
        "answers": [
            {"name": "results.example", "type": "CNAME", "data": "edge.example", "ttl": 300},
            {"name": "edge.example", "type": "AAAA", "data": "2001:db8::7", "ttl": 60},
        ],
    }


@pytest.mark.parametrize(("question", "answer"), PAIRS)
def test_a_question_or_an_answer_alone_is_a_row(question, answer, record, lookups):
    (asked,) = lookups(record(question))
    assert (asked["record"], asked.get("rcode"), asked.get("answers"), asked.get("asked")) == (1, None, None, None)
    (answered,) = lookups(record(answer))
    assert (answered["rcode"], answered["client_ip"], answered["client_port"]) == ("NOERROR", "192.0.2.10", 40000)
    assert not {"asked", "answer_record", "answer_offset", "latency"} & answered.keys()


@pytest.mark.parametrize(
    "other", [{"flow_id": 5}, {"dns": {"id": 8}}, {"dns": {"rrname": "other.example"}}, {"dns": {"rrtype": "A"}}]
)
def test_only_what_belongs_together_is_paired(other, record, lookups):
    assert len(lookups(record("query", **other), record("answer"))) == 2


def test_of_two_alike_questions_the_first_is_answered(record, lookups):
    first, second = lookups(record("query"), record("query"), record("answer"))
    assert (first.get("rcode"), second.get("rcode")) == ("NOERROR", None)


def test_without_a_flow_id_the_ends_tell_what_belongs_together(record, lookups):
    assert len(lookups(record("request", flow_id=None), record("response", flow_id=None))) == 1
    assert len(lookups(record("request", flow_id=None), record("response", flow_id=None, dest_port=4))) == 2


def test_of_too_many_waiting_questions_the_oldest_is_told(monkeypatch, record, put, lines, eve):
    monkeypatch.setattr(dns, "MOST_WAITING", 2)
    records = [record("query", flow_id=number) for number in (1, 2, 3)]
    _, lookups, coverage = eve(put(lines(*records)))
    assert (len(lookups), coverage.limits) == (3, {"waiting_questions": 1})
    assert coverage.incomplete


def test_a_question_that_nobody_would_answer_any_more_gives_way_in_silence(monkeypatch, record, put, lines, eve):
    monkeypatch.setattr(dns, "MOST_WAITING", 1)
    late = record("query", flow_id=2, timestamp="2026-11-22T07:55:00.000000+0000")
    _, lookups, coverage = eve(put(lines(record("query", flow_id=1), late)))
    assert (len(lookups), coverage.limits) == (2, {})


def test_of_too_many_questions_of_one_message_the_first_are_rows(record, put, lines, eve):
    many = {"queries": [{"rrname": f"q{number}.example", "rrtype": "A"} for number in range(5000)]}
    many["answers"] = [{"rrname": "a.example", "rrtype": "A", "rdata": "198.51.100.7"}] * 5000
    _, lookups, coverage = eve(put(lines(record("response", dns=many))))
    assert (len(lookups), coverage.limits) == (messages.MOST_QUESTIONS, {"questions_per_message": 4992})
    assert coverage.incomplete


def test_several_questions_of_one_message_are_rows_of_their_own(record, lookups):
    both = {"queries": [{"rrname": "a.example", "rrtype": "A"}, {"rrname": "b.example", "rrtype": "A"}]}
    rows = lookups(record("request", dns=both), record("response", dns=both))
    assert [(row["qname"], row["rcode"]) for row in rows] == [("a.example", "NOERROR"), ("b.example", "NOERROR")]


@pytest.mark.parametrize(
    ("printed", "name", "exact"),
    [
        ("Results.EXAMPLE", "results.example", True),
        ("", ".", True),
        ("api.example is 203.0.113.67 .evil.test", r"api.example\032is\032203.0.113.67\032.evil.test", True),
        ("b\u00fccher.example", r"b\195\188cher.example", True),
        ("a\u0000b.example", r"a\000b.example", True),
        ("back\\slash.example", r"back\092slash.example", True),
        ("a\\xffb.example", r"a\255b.example", False),
        ("a..example", "a..example", False),
        ("results.example.", "results.example.", False),
        ("a" * 64 + ".example", "a" * 64 + ".example", False),
    ],
)
def test_names_are_escaped_once_and_lossy_ones_are_marked(printed, name, exact, record, lookups):
    (told,) = lookups(record("query", dns={"rrname": printed}), record("answer", dns={"rrname": printed}))
    assert (told["qname"], told["name_exact"]) == (name, exact)


def test_a_name_cut_by_suricata_is_not_exact(record, lookups):
    cut = {"queries": [{"rrname": "results.example", "rrtype": "A", "rrname_truncated": True}]}
    assert lookups(record("request", dns=cut))[0]["name_exact"] is False


@pytest.mark.parametrize(
    ("record_of", "expected"),
    [
        ({"rrtype": "A", "rdata": "198.51.100.7"}, ("A", "198.51.100.7")),
        ({"rrtype": "TXT", "rdata": "198.51.100.7"}, ("TXT", '"198.51.100.7"')),
        ({"rrtype": "TXT", "rdata": 'x is "1"'}, ("TXT", r'"x is \"1\""')),
        ({"rrtype": "A", "rdata": "results.example"}, ("A", "results.example")),
        ({"rrtype": "MX", "rdata": "Mail.example"}, ("MX", "mail.example")),
        ({"rrtype": "PTR", "rdata": "a b.example"}, ("PTR", r"a\032b.example")),
        ({"rrtype": "SRV", "srv": SERVICE}, ("SRV", "1 2 3 a.example")),
        ({"rrtype": "SOA", "soa": AUTHORITY}, ("SOA", "ns.example m.example 1 2 3 4 5")),
        ({"rrtype": "DS"}, ("DS", "")),
        ({"rrtype": "65280", "rdata": "x"}, ("TYPE65280", "x")),
        ({"rrtype": "TYPE65"}, ("HTTPS", "")),
        ({"rrtype": "CDSNKEY"}, ("CDNSKEY", "")),
        ({"rrtype": "NSEC-3 !"}, (None, "")),
    ],
)  # fmt: skip
def test_an_address_is_only_what_stands_in_a_record_of_addresses(record_of, expected, record, lookups):
    one = {"rrname": "results.example", "ttl": 5, **record_of}
    (told,) = lookups(record("answer", dns={"answers": [one]}))
    assert (told["answers"][0]["type"], told["answers"][0]["data"]) == expected


def test_grouped_answers_alone_have_aliases_first_and_no_owner(record, lookups):
    grouped = {"A": ["198.51.100.7"], "CNAME": ["edge.example"], "SSHFP": [{"algo": 1}]}
    (told,) = lookups(record("answer", dns={"answers": None, "grouped": grouped}))
    bare = {"name": None, "ttl": None}
    assert told["answers"] == [
        {**bare, "type": "CNAME", "data": "edge.example"},
        {**bare, "type": "A", "data": "198.51.100.7"},
    ]


def test_an_answer_without_records_has_none(record, lookups):
    (told,) = lookups(record("answer", dns={"answers": None, "grouped": None, "rcode": "NXDOMAIN", "flags": "8583"}))
    assert (told["answers"], told["rcode"], told["flags"]) == ([], "NXDOMAIN", ["aa", "rd", "ra"])
    (told,) = lookups(record("answer", dns={"answers": None, "grouped": {"A": 7}}))
    assert "answers" not in told
    (told,) = lookups(record("answer", dns={"rcode": "23", "flags": "zz"}))
    assert (told["rcode"], "flags" in told) == ("BADCOOKIE", False)


def test_over_http_the_asker_is_src_in_answers_too(record, lookups):
    ends = {"src_ip": "192.0.2.10", "src_port": 40000, "dest_ip": "192.0.2.53", "dest_port": 443, "proto": "TCP"}
    (told,) = lookups(record("response", http={"version": "2"}, **ends))
    assert (told["client_ip"], told["server_ip"], told["transport"]) == ("192.0.2.10", "192.0.2.53", "doh")


@pytest.mark.parametrize(
    ("change", "transport"), [({"proto": "TCP"}, "tcp"), ({"dest_port": 5353}, "mdns"), ({"dest_port": 5355}, "llmnr")]
)
def test_transports(change, transport, record, lookups):
    assert lookups(record("query", **change))[0]["transport"] == transport


def test_other_operations_and_nameless_messages_are_no_lookups(record, put, lines, eve):
    records = [record("request", dns={"opcode": 4}), record("response", dns={"queries": []})]
    _, lookups, coverage = eve(put(lines(*records)))
    assert lookups == []
    assert (coverage.noise, coverage.unattributable) == (1, 1)
    assert coverage.notes == ("1 x DNS message of another operation than QUERY",)


def first_version(record, **change):
    """A record of an answer of version 1."""
    plain = {"version": None, "answers": None, "grouped": None, "rrtype": None}
    made = record("answer", dns=plain | change.pop("dns"), **change)
    made["dns"] = {name: value for name, value in made["dns"].items() if value is not None}
    return made


RESOLVER = {"src_ip": "192.0.2.53", "src_port": 53, "dest_ip": "192.0.2.10", "dest_port": 40000}


@pytest.mark.parametrize("ends", [{}, RESOLVER])
@pytest.mark.parametrize("block", [40, 700, 1 << 22])
def test_the_records_of_an_answer_of_version_1_are_one_answer(block, ends, record, put, lines, eve):
    question = record("query")
    del question["dns"]["version"]
    parts = [
        {"rrname": "results.example", "rrtype": "CNAME", "ttl": 300, "rdata": "edge.example"},
        {"rrname": "edge.example", "rrtype": "AAAA", "ttl": 60, "rdata": "2001:0db8:0000:0000:0000:0000:0000:0007"},
    ]
    answer = [first_version(record, dns=part, **ends) for part in parts]
    other = first_version(record, dns={"rrname": "no.example", "rcode": "NXDOMAIN", "id": 9}, **ends)
    _, lookups, coverage = eve(put(lines(question, *answer, other, record("flow"))), block=block)
    whole, alone = lookups
    assert (whole["qname"], whole["qtype"], whole["rcode"]) == ("results.example", "AAAA", "NOERROR")
    assert (whole["record"], whole["answer_record"], whole["latency"]) == (1, 2, 1_528_000)
    assert [(one["name"], one["type"], one["data"]) for one in whole["answers"]] == [
        ("results.example", "CNAME", "edge.example"),
        ("edge.example", "AAAA", "2001:db8::7"),
    ]
    assert (alone["qname"], alone["rcode"], alone["answers"]) == ("no.example", "NXDOMAIN", [])
    assert {(row["client_ip"], row["client_port"], row["server_ip"]) for row in lookups} == {
        ("192.0.2.10", 40000, "192.0.2.53")
    }
    assert (coverage.events, coverage.lookups, coverage.noise) == (5, 2, 0)


def test_a_record_of_version_1_reads_alike_on_one_line_and_on_several(record, put, lines, eve):
    part = {"rrname": "a.example", "rrtype": "A", "ttl": 1, "rdata": "198.51.100.7"}
    made = first_version(record, dns=part, **RESOLVER)
    plain, blank, several = lines(made), b"\n" + lines(made), json.dumps(made, indent=1).encode()
    told = [eve(put(data))[1][0] for data in (plain, blank, several)]
    assert {(row["client_ip"], row["answers"][0]["data"]) for row in told} == {("192.0.2.10", "198.51.100.7")}


def test_records_of_another_time_or_message_are_another_answer(record, put, lines, eve):
    part = {"rrname": "a.example", "rrtype": "A", "ttl": 1, "rdata": "198.51.100.7"}
    later = "2026-11-22T07:51:13.000000+0000"
    records = [
        first_version(record, dns=part),
        first_version(record, dns=part, timestamp=later),
        first_version(record, dns=part | {"id": 8}, timestamp=later),
        first_version(record, dns=part | {"id": 8}, timestamp=later, flow_id=5),
    ]
    _, lookups, coverage = eve(put(lines(*records)))
    assert [(row["record"], len(row["answers"])) for row in lookups] == [(1, 1), (2, 1), (3, 1), (4, 1)]
    assert coverage.events == 4
    many = [records[0]] * (messages.MOST_RECORDS + 1)
    for block in (50_000, 1 << 22):
        _, lookups, _ = eve(put(lines(*many)), block=block)
        assert [len(row["answers"]) for row in lookups] == [messages.MOST_RECORDS, 1]
