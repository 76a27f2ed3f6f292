"""dns.log: answers without types, transports, and records that are no lookup."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowwatch.sources import collect
from flowwatch.sources.zeek.dns import typed


@pytest.fixture
def lookup(put, rows, tsv):
    """The rows and the account of a dns.log with these changes."""

    def read(**changes):
        named = {key.replace("__", "."): value for key, value in changes.items()}
        collected = collect([put(tsv("dns", rows("dns", named)))])
        return (collected.lookups.to_pylist() or [None])[0], collected.coverage[0]

    return read


def test_the_answer_comes_after_the_question_by_its_round_trip(lookup):
    row, _ = lookup()
    assert row["asked"] == pd.Timestamp("2026-11-22T07:51:10.000001Z")
    assert row["time"] == pd.Timestamp("2026-11-22T07:51:10.001529Z")
    assert row["latency"] == pd.Timedelta("1528us")
    assert (row["answer_record"], row["answer_offset"]) == (row["record"], row["offset"])
    assert (row["flags"], row["vantage"], row["time_basis"], row["qclass"]) == (
        ["rd", "ra"],
        "client",
        "explicit",
        "IN",
    )


def test_a_question_without_reply_has_neither_rcode_nor_answers(lookup):
    row, _ = lookup(rcode=None, rcode_name=None, rtt=None, answers=None, TTLs=None)
    none = ("rcode", "answers", "asked", "latency", "answer_record", "answer_offset")
    assert [row[name] for name in none] == [None] * len(none)
    assert row["time"] == pd.Timestamp("2026-11-22T07:51:10.000001Z")


def test_a_reply_without_answers_has_an_empty_list(lookup):
    assert lookup(answers=None, TTLs=None, rtt=None, rcode=3, rcode_name="NXDOMAIN")[0]["answers"] == []


@pytest.mark.parametrize(
    ("qtype", "items", "expected"),
    [
        ("A", ["198.51.100.7"], [("q", "A", "198.51.100.7")]),
        ("AAAA", ["b", "c", "2001:DB8::7"], [("q", "CNAME", "b"), ("b", "CNAME", "c"), ("c", "AAAA", "2001:db8::7")]),
        (
            "A",
            ["b", "198.51.100.7", "198.51.100.8"],
            [("q", "CNAME", "b"), *[("b", "A", f"198.51.100.{n}") for n in (7, 8)]],
        ),
        ("ANY", ["ns.example", "198.51.100.7"], [(None, None, "ns.example"), ("q", "A", "198.51.100.7")]),
        ("PTR", ["host.example"], [(None, None, "host.example")]),
        ("MX", ["203.0.113.67"], [(None, "MX", "203.0.113.67")]),
        (None, ["203.0.113.67"], [(None, "TYPE0", "203.0.113.67")]),
        ("TXT", ["TXT 5 hello"], [(None, "TXT", '"hello"')]),
        ("TXT", ["TXT 3 a b TXT 2 \\x22\\\\"], [(None, "TXT", '"a b" "\\"\\\\"')]),
        ("TXT", ["TXT 99 short"], [(None, "TXT", "TXT 99 short")]),
        ("A", ["TXT 12 203.0.113.67"], [(None, "TXT", '"203.0.113.67"')]),
        ("HTTPS", ["<unknown type=65>"], [(None, "HTTPS", "<unknown type=65>")]),
        ("SOA", ["SOA ns.example"], [(None, "SOA", "ns.example")]),
    ],
)
def test_what_an_answer_is(qtype, items, expected):
    assert typed("q", qtype, tuple(items)) == tuple(expected)


@settings(deadline=None)
@given(
    qtype=st.sampled_from(["TXT", "PTR", "MX", "HTTPS", None]),
    items=st.lists(st.text(max_size=20) | st.just("192.0.2.1")),
)
def test_an_address_comes_only_from_a_question_for_addresses(qtype, items):
    assert {kind for _, kind, _ in typed("q", qtype, tuple(items))} & {"A", "AAAA"} == set()


def test_times_to_live_in_whole_seconds_and_none_where_they_do_not_fit(lookup):
    assert [one["ttl"] for one in lookup(TTLs=["28.9", "0.0"])[0]["answers"]] == [28, 0]
    assert [one["ttl"] for one in lookup(TTLs=["99999999999.0", "-1.0"])[0]["answers"]] == [None, None]
    assert [one["ttl"] for one in lookup(TTLs=["28.0"])[0]["answers"]] == [None, None]


@pytest.mark.parametrize(
    ("changes", "transport"),
    [
        ({}, "udp"),
        ({"proto": "tcp"}, "tcp"),
        ({"id__resp_p": 5353}, "mdns"),
        ({"id__resp_p": 5355}, "llmnr"),
        ({"proto": None}, None),
    ],
)
def test_transport(lookup, changes, transport):
    assert lookup(**changes)[0]["transport"] == transport


def test_netbios_is_noise_and_a_record_without_name_or_client_is_unattributable(lookup):
    row, coverage = lookup(id__resp_p=137)
    assert (row, coverage.noise, coverage.events) == (None, 7, 0)
    assert "NetBIOS" in coverage.notes[0]
    for changes in ({"query": None}, {"id__orig_h": None}):
        row, coverage = lookup(**changes)
        assert (row, coverage.unattributable, coverage.events) == (None, 1, 0)


def test_names_are_escaped_and_told_inexact_where_labels_cannot_be_told(lookup):
    row, _ = lookup(query=r"A\x00b c.Example.")
    assert (row["qname"], row["name_exact"]) == (r"a\000b\032c.example", True)
    assert lookup(query="a..example")[0]["name_exact"] is False
    assert lookup(query="")[0]["qname"] == "."


def test_codes_by_number_else_by_name(lookup):
    row, _ = lookup(qtype=65, qtype_name="HTTPS", qclass=32769, qclass_name="qclass-32769", rcode=None)
    assert (row["qtype"], row["qclass"], row["rcode"]) == ("HTTPS", "IN", "NOERROR")
    row, _ = lookup(qtype=None, qtype_name="*", qclass=None, qclass_name="C_INTERNET")
    assert (row["qtype"], row["qclass"]) == ("ANY", "IN")


def test_a_time_without_a_zone_is_taken_as_utc_and_said(lookup):
    row, coverage = lookup(ts="2026-11-22T07:51:10.000001", rtt=None)
    assert (row["time_basis"], row["time"]) == ("assumed_utc", pd.Timestamp("2026-11-22T07:51:10.000001Z"))
    assert coverage.notes == ("1 x time without a zone: taken as UTC",)


def test_a_relative_time_is_taken_as_it_is_and_said(lookup):
    row, coverage = lookup(ts="29.557741", rtt=None)
    assert row["time"] == pd.Timestamp(29557741, unit="us", tz="UTC")
    assert "before 1980" in coverage.notes[0]
