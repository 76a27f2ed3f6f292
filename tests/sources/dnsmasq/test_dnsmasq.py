"""dnsmasq: an answer names what was asked, whatever a client or a server had printed."""

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowwatch.sources import text
from flowwatch.sources.dnsmasq import DnsmasqLog, pairing
from flowwatch.sources.logs import LogRecords
from flowwatch.sources.moments import Clock
from flowwatch.sources.opened import Opened
from flowwatch.sources.reading import collect
from tests.sources.laws import lawful

WRITTEN = 1_795_400_000 * 10**9
AT = "Nov 22 07:37:29 dnsmasq[7]: "


@pytest.fixture
def told(tmp_path):
    """Rows without nulls, and the account, of lines behind the usual prefix."""

    def read(*lines, prefix=AT, block=1 << 22):
        path = tmp_path / "log"
        path.write_text("".join(f"{prefix}{line}\n" for line in lines))
        with Opened(str(path)) as opened:
            records = LogRecords(opened, DnsmasqLog("log", Clock(WRITTEN)), block=block)
            rows = [row for _, batch in records for row in batch.to_pylist()]
        assert lawful(records.coverage)
        kept = [{name: value for name, value in row.items() if value is not None} for row in rows]
        return sorted(kept, key=lambda row: row["record"]), records.coverage

    return read


def extra(serial, *lines, client="192.0.2.10/40000"):
    return [f"{serial} {client} {line}" for line in lines]


CHAIN = (
    "query[A] results.example from 192.0.2.10",
    "forwarded results.example to 192.0.2.53#53",
    "reply results.example is <CNAME>",
    "reply edge.example is 198.51.100.7",
    "reply edge.example is 198.51.100.8",
)


@pytest.mark.parametrize("keyed", [True, False])
def test_an_address_belongs_to_the_whole_chain_of_its_question(told, keyed):
    (row,), coverage = told(*(extra(1, *CHAIN) if keyed else CHAIN))
    assert (row["qname"], row["qtype"], row["rcode"], row["client_ip"]) == (
        "results.example",
        "A",
        "NOERROR",
        "192.0.2.10",
    )
    assert [(one["name"], one["type"], one["data"]) for one in row["answers"]] == [
        ("results.example", "CNAME", "edge.example"),
        ("edge.example", "A", "198.51.100.7"),
        ("edge.example", "A", "198.51.100.8"),
    ]
    assert (row["record"], row["answer_record"], row["name_exact"]) == (1, 3, True)
    assert row.get("client_port") == (40000 if keyed else None)
    assert (coverage.events, coverage.noise, coverage.lookups) == (4, 1, 1)


def test_interleaved_questions_keep_their_answers(told):
    ask = ["query[A] a.example from 192.0.2.10", "query[A] b.example from 192.0.2.11"]
    answer = ["reply b.example is 198.51.100.2", "reply a.example is 198.51.100.1"]
    lines = [*extra(1, ask[0]), *extra(2, ask[1], client="192.0.2.11/5"),
             *extra(2, answer[0], client="192.0.2.11/5"), *extra(1, answer[1])]  # fmt: skip
    for given_lines in (lines, ask + answer):
        rows, _ = told(*given_lines)
        assert {row["qname"]: row["answers"][0]["data"] for row in rows} == {
            "a.example": "198.51.100.1",
            "b.example": "198.51.100.2",
        }


APPROVED = "api.vendor.test"
TRAPS = {
    "a name that holds a whole answer": (
        f"query[A] {APPROVED} is 203.0.113.67 .evil.test from 192.0.2.10",
        f"reply {APPROVED} is 203.0.113.67 .evil.test is 203.0.113.67",
    ),
    "a name that holds an answer without an end": (
        f"query[A] {APPROVED} is 203.0.113.evil.test from 192.0.2.10",
        f"reply {APPROVED} is 203.0.113.evil.test is 203.0.113.67",
    ),
    "a text that is an address": (
        f"query[TXT] {APPROVED} from 192.0.2.10",
        f"reply {APPROVED} is 203.0.113.67",
    ),
    "an alias to such a name": (
        "query[A] evil.test from 192.0.2.10",
        "reply evil.test is <CNAME>",
        f"reply {APPROVED} is 203.0.113.67 .evil.test is 203.0.113.67",
    ),
    "an answer that nobody asked for": (
        "query[A] evil.test from 192.0.2.10",
        f"reply {APPROVED} is 203.0.113.67",
    ),
    "a client in the name": (
        f"query[A] {APPROVED} from 192.0.2.77 .evil.test from 192.0.2.10",
        f"reply {APPROVED} from 192.0.2.77 .evil.test is 203.0.113.67",
    ),
    "an address of the other family": (
        f"query[AAAA] {APPROVED} from 192.0.2.10",
        f"reply {APPROVED} is 203.0.113.67",
    ),
}  # fmt: skip


@pytest.mark.parametrize("keyed", [True, False])
@pytest.mark.parametrize("trap", TRAPS)
def test_no_trap_gives_an_approved_name_an_address(told, trap, keyed):
    fair = trap in ("an answer that nobody asked for", "an address of the other family") and not keyed
    also = [] if fair else [f"query[A] {APPROVED} from 192.0.2.10"]  # without a key it would be this one's answer
    lines = extra(1, *TRAPS[trap]) if keyed else list(TRAPS[trap])
    rows, _ = told(*(extra(9, *also, client="192.0.2.10/9") if keyed else also), *lines)
    for row in rows:
        assert row["client_ip"] == "192.0.2.10"
        addresses = [one["name"] for one in row.get("answers", ()) if one["type"] in ("A", "AAAA")]
        assert APPROVED not in addresses
        if row["qname"] == APPROVED and row["qtype"] == "A":
            assert "answers" not in row
        if " " in row["qname"].replace("\\032", " "):
            assert not row["name_exact"]


@pytest.mark.parametrize(
    "line",
    [
        "gravity blocked ads.example is 0.0.0.0",
        "config ads.example is 0.0.0.0",
        "regex denied ads.example is ::",
        "exactly denied ads.example is 0.0.0.0",
    ],
)
def test_what_was_blocked_is_no_contact(told, line):
    (row,), _ = told("query[A] ads.example from 192.0.2.10", line)
    assert row["flags"] == ["refused_by_policy"]
    assert row["answers"] == []


@pytest.mark.parametrize(
    ("line", "rcode"),
    [
        ("reply a.example is NXDOMAIN", "NXDOMAIN"),
        ("reply a.example is NODATA", "NOERROR"),
        ("cached a.example is NODATA-IPv6", "NOERROR"),
        ("reply error is SERVFAIL", "SERVFAIL"),
        ("config error is REFUSED (EDE: not ready)", "REFUSED"),
        ("reply error is 9", "NOTAUTH"),
    ],
)
def test_an_answer_without_addresses_says_so(told, line, rcode):
    (row,), _ = told(*extra(1, "query[AAAA] a.example from 192.0.2.10", line))
    assert (row["rcode"], row["answers"]) == (rcode, [])


def test_a_reverse_lookup_is_answered_by_its_address(told):
    for lines in (["query[PTR] 10.2.0.192.in-addr.arpa from 192.0.2.10", "reply 192.0.2.10 is www.example"],):
        for one in (lines, extra(1, *lines)):
            (row,), _ = told(*one)
            assert [(a["type"], a["data"]) for a in row["answers"]] == [("PTR", "www.example")]


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from([*CHAIN, *(line for trap in TRAPS.values() for line in trap)]), max_size=30), st.data())
def test_any_order_and_any_block_size_tell_the_same(tmp_path_factory, lines, data):
    path = tmp_path_factory.mktemp("dnsmasq") / "log"
    junk = data.draw(st.binary(max_size=8))
    body = "".join(f"{AT}{line}\n" for line in lines).encode()
    at = data.draw(st.integers(0, len(body)))
    path.write_bytes(body[:at] + junk + body[at:])
    found = []
    for block in (1 << 22, 37):
        with Opened(str(path)) as opened:
            records = LogRecords(opened, DnsmasqLog("log", Clock(WRITTEN)), block=block)
            rows = [row for _, batch in records for row in batch.to_pylist()]
        assert lawful(records.coverage)
        found.append(sorted(rows, key=lambda row: row["record"]))
    assert found[0] == found[1]
    for row in found[0]:
        if row["qname"] == APPROVED and row["answers"]:
            assert all(one["data"] != "203.0.113.67" for one in row["answers"] if one["type"] == "A")


def asked(rows):
    return Counter((row["client_ip"], row["qtype"], row["qname"]) for row in rows if row["name_exact"])


@pytest.mark.parametrize("form", ["extra", "plain"])
def test_the_answers_are_those_of_the_wire(shared_logs, form):
    lines = (shared_logs / f"dnsmasq/truth-2.90-{form}.jsonl").read_text().splitlines()
    truth = [one | {"name": name_of(one)} for one in map(json.loads, lines) if one.get("qname_labels_hex")]
    rows = collect([str(shared_logs / f"dnsmasq/sample-2.90-{form}.log")]).lookups.to_pylist()
    odd = {one["client_port"] for one in map(json.loads, lines) if "errors" in one}  # sends what no question is
    sent = Counter(
        (one["client"], one["qtype"], one["name"])
        for one in truth
        if one["kind"] == "query" and one["client_port"] not in odd
    )
    read = asked(rows)
    assert len(read.keys() & sent.keys()) > 20
    assert {key: read[key] for key in read.keys() & sent.keys()} == {
        key: sent[key] for key in read.keys() & sent.keys()
    }
    names = {key[2] for key in read.keys() & sent.keys()}
    assert told_addresses(rows, names) == {
        (one["name"], answer["data"])
        for one in truth
        if one["kind"] == "response" and one["qtype"] in ("A", "AAAA") and one["name"] in names
        for answer in one.get("answers", [])
        if answer["type"] in ("A", "AAAA") and answer["data"] not in NOWHERE
    }


def test_a_question_given_up_for_newer_ones_is_told_as_a_limit(told, monkeypatch):
    monkeypatch.setattr(pairing, "MOST_OPEN", 3)
    asked = [f"query[A] n{at}.example from 192.0.2.10" for at in range(5)]
    rows, coverage = told(*asked)
    assert (len(rows), coverage.limits) == (5, {})  # a log without answers gives up nothing
    rows, coverage = told(*asked, "reply n4.example is 198.51.100.7")
    assert (len(rows), coverage.limits) == (5, {"questions given up for newer ones": 2})


NOWHERE = ("0.0.0.0", "::")  # noqa: S104 - answers that lead nowhere


def name_of(one):
    return text.name(b".".join(bytes.fromhex(label) for label in one["qname_labels_hex"][:-1]))


def told_addresses(rows, names):
    return {
        (row["qname"], answer["data"])
        for row in rows
        if row["name_exact"] and row["qname"] in names
        for answer in row["answers"] or []
        if answer["type"] in ("A", "AAAA") and answer["data"]
    }


def test_a_chain_without_end_is_cut(told):
    aliases = [f"reply {'results' if at == 0 else f'n{at}'}.example is <CNAME>" for at in range(3000)]
    (row,), coverage = told("query[A] results.example from 192.0.2.10", *aliases)
    assert (len(row["answers"]), coverage.unattributable) == (65, 2935)


def test_no_more_than_some_questions_for_one_name_wait(told):
    ask = "query[AAAA] results.example from 192.0.2.10"
    rows, coverage = told(*[ask] * 3000, *["reply results.example is 192.0.2.1", "started"] * 3000)
    assert (len(rows), coverage.events, coverage.unattributable) == (3000, 3000, 3000)
    rows, _ = told(*[ask] * 300, "reply results.example is 2001:db8::1")
    assert [row["record"] for row in rows if "answers" in row] == [300]


def test_a_question_that_is_never_answered_takes_no_answer_of_a_later_one(told):
    """dnsmasq logs one answer where a name is asked for twice at once."""
    ask, forwarded = "query[A] results.example from 192.0.2.{}", "forwarded results.example to 192.0.2.53"
    reply, cached = "reply results.example is 198.51.100.7", "cached results.example is 198.51.100.7"
    lines = ask.format(1), forwarded, ask.format(2), reply, ask.format(3), cached, ask.format(4), forwarded, reply
    rows, coverage = told(*lines)
    assert [row["client_ip"] for row in rows if "answers" in row] == ["192.0.2.2", "192.0.2.3", "192.0.2.4"]
    assert all(row["answer_record"] - row["record"] < 3 for row in rows if "answers" in row)
    assert coverage.unattributable == 0


def test_an_address_that_is_told_again_is_of_another_reply(told):
    rows, _ = told(
        "query[A] www.example from 192.0.2.1",
        "query[A] edge.example from 192.0.2.2",
        "reply www.example is <CNAME>",
        "reply edge.example is 198.51.100.7",
        "reply edge.example is 198.51.100.8",
        "reply edge.example is 198.51.100.7",
        "reply edge.example is 198.51.100.8",
    )
    found = [[one["data"] for one in row["answers"] if one["type"] == "A"] for row in rows]
    assert found == [["198.51.100.7", "198.51.100.8"]] * 2


def test_a_text_that_was_asked_for_keeps_no_address_from_a_later_question(told):
    text_first = "query[TXT] results.example from 192.0.2.1"
    ask, reply = "query[A] results.example from 192.0.2.2", "reply results.example is 198.51.100.7"
    rows, coverage = told(text_first, ask, reply, ask, reply)
    assert ["answers" in row for row in rows] == [False, False, True]
    assert coverage.unattributable == 1


def test_a_value_that_is_no_name_is_not_searched_for_one(told):
    (row,), coverage = told("query[A] y from 192.0.2.10", "reply x" + " is x" * 200_000)
    assert ("answers" in row, coverage.unattributable) == (False, 1)


def test_words_of_a_server_are_no_rcode_and_no_control_reaches_a_report(told):
    lines = extra(1, "query[A] error from 192.0.2.10", "reply error is \x1b[31mX")
    lines += extra(2, "query[A] x from 192.0.2.10", "/blocked\x1b[31m x is 0.0.0.0")
    one, other = told(*lines)[0]
    assert "rcode" not in one
    assert other["policy_action"] == "/blocked\\x1b[31m"


def test_an_address_of_the_other_family_is_of_another_reply(told):
    rows, _ = told(
        "query[A] results.example from 192.0.2.1",
        "query[AAAA] results.example from 192.0.2.2",
        "cached results.example is 2001:db8::7",
        "reply results.example is 198.51.100.7",
    )
    assert [row["answers"][0]["data"] for row in rows] == ["198.51.100.7", "2001:db8::7"]
