"""Data in DNS names: distinct label bytes per client, registrable domain and hour, whichever hour that is."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.audit import audit
from flowwatch.judge import judge
from flowwatch.model import Answer, Place, Ref

ROOT = Path(__file__).parents[2]
SCENARIO = ROOT.parent / "shared" / "logs" / "scenario" / "inside.pcap"
LIMIT = "[defaults]\ndns_name_bytes = {}\n"
LISTED = """
[[lookup]]
id = "own"
names = ["**.county.example", "one.fixed.example"]
[[server]]
id = "by-name"
match = { names = ["two.fixed.example", "*.wide.example"] }
"""


def names(count, below="x.test", length=20):
    """Names that differ, each with `length` bytes of label left of the domain."""
    return [f"{number:0{length}}.{below}" for number in range(count)]


@pytest.fixture
def asked(make):
    """Judges lookups of names, a second apart, under a limit; gives the judgement."""

    def run(*qnames, limit=100, policy="", **changes):
        lookups = [
            make.asked(qname, **{"ref": Ref("dns.log", n, n), "time": make.NOON + n * 10**9} | changes)
            for n, qname in enumerate(qnames, 1)
        ]
        return judged(make, lookups, limit, policy)

    return run


def judged(make, lookups, limit=100, policy=""):
    court = make.court(LIMIT.format(limit) + policy)
    return judge((), lookups, court.policies, lambda address, _at: Place(address=address))


def carried(judgement):
    """Places of the lookups that count as sending."""
    return [n for n, one in enumerate(judgement.lookups) if "dns.data_in_names" in one.reasons]


def test_more_than_the_limit_is_sent_as_bulk(asked):
    assert carried(asked(*names(5))) == []
    over = asked(*names(6))
    assert carried(over) == [0, 1, 2, 3, 4, 5]
    one = over.lookups[0]
    assert (one.verdict, one.severity, one.carried_below) == ("unapproved", "high", "x.test")
    assert one.reasons == ("dns.data_in_names", "dns.unapproved_lookup")
    assert (one.rule.kind, one.rule.id) == ("defaults", "dns_name_bytes")


def test_the_default_is_2048_bytes(make, asked):
    assert carried(asked(*names(102), limit=2048)) == []
    assert len(carried(asked(*names(103), limit=2048))) == 103
    lookups = [make.asked(name, ref=Ref("dns.log", n, n)) for n, name in enumerate(names(103))]
    by_default = judge((), lookups, make.court("").policies, lambda address, _at: Place(address=address))
    assert len(carried(by_default)) == 103


def test_the_policy_says_how_severe_bulk_is(asked):
    assert asked(*names(6), policy='[severity]\nunapproved = { bulk = "low" }\n').lookups[0].severity == "low"


def test_it_is_one_finding_a_domain_with_the_distinct_bytes(make, asked):
    over = asked(*names(6), *names(6), *names(7, "y.test", 30), "other.test")
    found = {one.asked: one for one in over.findings}
    assert set(found) == {"x.test", "y.test", "other.test"}
    first = found["x.test"]
    assert (first.kind, first.verdict, first.severity) == ("dns.data_in_names", "unapproved", "high")
    assert (first.count, first.bytes_sent, found["y.test"].bytes_sent) == (12, 120, 210)
    assert [label.name for label in first.labels] == ["bulk"]
    assert (first.senders, first.receiver, len(first.evidence)) == (("192.0.2.17",), None, 12)
    assert first.title.startswith("zone precincts asked for names below x.test: ")
    later = judged(
        make, [make.asked(n, time=make.NOON * 2, client_ip="192.0.2.9") for n in names(9, "x.test", 40)], 100
    )
    assert later.findings[0].id == first.id
    assert over.findings[0].bytes_sent == 210


def test_a_name_counts_once_however_often_and_through_whichever_resolver(asked):
    assert carried(asked(*names(5) * 4)) == []
    assert carried(asked(*(name.upper() for name in names(5)), *names(5))) == []
    elsewhere = asked(*names(6), server_ip="203.0.113.53", server_port=5353)
    assert len(carried(elsewhere)) == 6


def test_clients_are_counted_apart(make):
    lookups = [make.asked(name, client_ip=f"192.0.2.{n}") for n, name in enumerate(names(12), 1)]
    assert carried(judged(make, lookups)) == []


def test_a_client_is_one_however_its_address_is_written(make):
    written = ("192.0.2.17", "::ffff:192.0.2.17", "::FFFF:c000:211")
    lookups = [make.asked(name, client_ip=written[n % 3]) for n, name in enumerate(names(6))]
    assert len(carried(judged(make, lookups))) == 6


def test_domains_are_registrable_ones_private_suffixes_too(asked):
    apart = [f"{number:020}.{number}.github.io" for number in range(12)]
    assert carried(asked(*apart)) == []
    assert len(carried(asked(*(f"{name[:20]}.me.github.io" for name in apart)))) == 12
    assert carried(asked(*(f"d{n}.co.uk" for n in range(99)))) == []
    assert asked(*(f"{n:020}.d.co.uk" for n in range(9))).lookups[0].carried_below == "d.co.uk"


def test_bytes_are_those_on_the_wire(asked):
    escaped = [rf"\000\255\046{number}.x.test" for number in range(6)]
    assert carried(asked(*escaped, limit=24)) == []
    assert len(carried(asked(*escaped, limit=23))) == 6
    deep = [f"aa.{number}.x.test" for number in range(6)]
    assert carried(asked(*deep, limit=18)) == []
    assert len(carried(asked(*deep, limit=17))) == 6


def test_names_listed_in_full_carry_nothing_and_wildcards_do(asked):
    fixed = ["one.fixed.example", "two.fixed.example"]
    assert carried(asked(*fixed, limit=1, policy=LISTED)) == []
    assert len(carried(asked(*fixed, limit=1))) == 2
    below = asked(*names(6, "county.example"), policy=LISTED)
    assert carried(below) == [0, 1, 2, 3, 4, 5]
    assert below.lookups[0].reasons == ("dns.data_in_names",)
    assert carried(asked(*names(5, "county.example"), policy=LISTED)) == []
    lossy = asked("one.fixed.example", limit=1, policy=LISTED, name_exact=False)
    assert carried(lossy) == [0]


def test_complete_reverse_names_carry_nothing(asked):
    assert carried(asked(*(f"{n}.2.0.192.in-addr.arpa" for n in range(256)), limit=1)) == []
    nibbles = ".".join("0123456789abcdef" * 2)
    assert carried(asked(f"{nibbles}.ip6.arpa", limit=1)) == []
    assert carried(asked("256.2.0.192.in-addr.arpa", "a.b.2.0.192.in-addr.arpa", limit=1)) == [0, 1]
    assert carried(asked(f"a.{nibbles}.ip6.arpa", f"{nibbles[2:]}.ip6.arpa", limit=1)) == [0, 1]


@pytest.mark.parametrize(
    "changes",
    [
        {"transport": "mdns"},
        {"server_ip": "224.0.0.252"},
        {"client_ip": "203.0.113.9"},
        {"client_ip": None},
        {"time": None},
    ],
)
def test_what_is_out_of_scope_or_of_no_clients_hour_is_not_counted(asked, changes):
    assert carried(asked(*names(20), **changes)) == []


def test_what_has_no_registrable_domain_is_not_counted(asked):
    assert carried(asked(*(f"{number:050}" for number in range(20)), "test", ".", "co.uk", "", "..", limit=1)) == []


def test_a_label_with_a_raw_dot_hides_nothing(asked):
    assert len(carried(asked(*(f"{n:018}..x.test" for n in range(6))))) == 6


def test_what_differs_besides_is_told_too(make):
    answers = (Answer("a.results.example", "A", "203.0.113.9"),)
    policy = make.PRIMARY.replace('"ingest.results.example"', '"**.results.example"')
    lookups = [make.asked(name, answers=answers) for name in names(6, "results.example")]
    one = judged(make, lookups, policy=policy).lookups[0]
    assert (one.verdict, one.reasons) == ("unapproved", ("dns.data_in_names", "dns.answer_unlisted_address"))


def test_any_hour_counts_and_no_longer_time(make):
    def spread(step):
        return [make.asked(name, time=make.NOON + n * step) for n, name in enumerate(names(6))]

    half_past = make.NOON + make.HOUR // 2
    across = [make.asked(name, time=half_past + n * 10**9) for n, name in enumerate(names(6))]
    assert len(carried(judged(make, across))) == 6
    assert carried(judged(make, spread(make.HOUR // 5))) == []
    assert len(carried(judged(make, spread(make.HOUR // 5 - 1)))) == 6


def test_each_version_has_its_own_limit(make):
    def version(number, limit, since, until):
        text = make.BASE.replace('version = "1"', f'version = "{number}"\nvalid_from = {since}\nvalid_until = {until}')
        return text + LIMIT.format(limit)

    noon = "2026-11-03T12:00:00Z"
    court = make.court(version(1, 1000, "2026-11-01T00:00:00Z", noon), version(2, 100, noon, "2026-11-05T00:00:00Z"))
    before = [make.asked(name, time=make.NOON - 10**9) for name in names(6)]
    after = [make.asked(name, time=make.NOON + 10**9) for name in names(6)]
    none = [make.asked(name, time=make.NOON + 99 * make.HOUR) for name in names(6)]
    result = judge((), before + none, court.policies, lambda address, _at: Place(address=address))
    assert carried(result) == []
    result = judge((), after, court.policies, lambda address, _at: Place(address=address))
    assert len(carried(result)) == 6


def test_without_a_policy_nothing_is_said(make):
    result = judge(
        (), [make.asked(name, client_ip="10.0.0.1") for name in names(200)], None, lambda a, _: Place(address=a)
    )
    assert carried(result) == []


@given(
    asked=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 8), st.integers(1, 2)), max_size=40),
    limit=st.integers(1, 12),
)
def test_law_the_same_as_looking_at_every_hour_by_itself(make, asked, limit):
    """Names of 1 to 3 bytes, at twelfths of three hours, from two clients, against a count without any cleverness."""
    lookups = [
        make.asked(
            f"{'abcdefghi'[name] * (1 + name % 3)}.x.test",
            ref=Ref("dns.log", n, n),
            time=make.NOON + slot * make.HOUR // 4,
            client_ip=f"192.0.2.{client}",
        )
        for n, (slot, name, client) in enumerate(asked)
    ]
    expected = set()
    for last in lookups:
        hour = [
            one for one in lookups if one.client_ip == last.client_ip and last.time - make.HOUR < one.time <= last.time
        ]
        if sum(len(name) - len(".x.test") for name in {one.qname for one in hour}) > limit:
            expected |= {one.ref for one in hour}
    for order in (lookups, lookups[::-1]):
        found = judged(make, order, limit).lookups
        assert {one.lookup.ref for one in found if one.carried_below} == expected


def test_the_suffix_list_is_opened_only_where_the_limit_could_be_reached(make, monkeypatch):
    monkeypatch.setitem(sys.modules, "publicsuffixlist", None)
    from flowwatch.policy import match  # noqa: PLC0415  # the memo of this test's own

    match._public_suffixes.cache_clear()
    lookups = [make.asked(f"{n:030}.{n % 50}.test") for n in range(200)]
    assert carried(judged(make, lookups, limit=2048)) == []
    with pytest.raises(ImportError):
        judged(make, lookups, limit=100)


@pytest.mark.skipif(not SCENARIO.is_file(), reason="the recorded scenario is not beside the repository")
def test_the_recorded_scenario():
    """Step `dns-tunnel`: 25 names through three resolvers."""
    report = audit([str(SCENARIO)], ROOT / "tests" / "cases" / "scenario" / "policy.toml")
    (found,) = [one for one in report.findings if one.kind == "dns.data_in_names"]
    assert (found.asked, found.severity, found.senders) == ("evil.test", "high", ("10.20.0.10",))
    tunnel = [one for one in report.lookups if one.lookup.qname.endswith(".t.evil.test")]
    assert len(tunnel) == 75
    assert {one.reasons[0] for one in tunnel} == {"dns.data_in_names"}
    assert found.bytes_sent >= sum(len(name) - len("..t.evil.test") for name in {one.lookup.qname for one in tunnel})
