"""The names of a receiver, against a reference that looks at every answer of the recording for every flow."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.model import Coverage, Name, NameClass
from flowwatch.policy.match import Span
from flowwatch.policy.terms import DnsBinding
from flowwatch.transmissions import derive
from flowwatch.transmissions.naming import MOST_CIRCUMSTANTIAL, MOST_LIVE, host_name
from tests.transmissions.tables import SECOND, flow, flows, lookup, lookups

BINDING = DnsBinding(ttl_cap=Span.parse("20s"), grace=Span.parse("3s"), skew=Span.parse("2s"))
SAME, OTHER, STALE = NameClass.ANSWER_SAME_CLIENT, NameClass.ANSWER_OTHER_CLIENT, NameClass.ANSWER_STALE


def names(rows, asked, binding=BINDING):
    return [(one.name, one.evidence) for one in derive(flows(*rows), lookups(*asked), (), binding)[0].names]


def answered(name, at, ttl=10, address="198.51.100.20", client="192.0.2.17", record=1, **given):
    given = {"time": int(at * SECOND), "client_ip": client, "record": record, "qname": name} | given
    return lookup((name, "A", address, ttl), **given)


@pytest.mark.parametrize(
    ("at", "kind"),
    [(1002, SAME), (1002.1, None), (1000, SAME), (987, SAME), (986.9, STALE), (900, STALE)],
)
def test_an_answer_lives_from_its_time_for_its_ttl_and_a_grace(at, kind):
    assert names([flow()], [answered("ingest.example", at)]) == ([("ingest.example", kind)] if kind else [])


def test_a_long_ttl_is_capped():
    assert names([flow()], [answered("a.example", 976, ttl=86400)]) == [("a.example", STALE)]
    assert names([flow()], [answered("a.example", 977, ttl=86400)]) == [("a.example", SAME)]


def test_an_answer_without_ttl_lives_for_the_grace_only():
    assert names([flow()], [answered("a.example", 997, ttl=None)]) == [("a.example", SAME)]
    assert names([flow()], [answered("a.example", 996, ttl=None)]) == [("a.example", STALE)]


def test_every_live_name_is_kept_as_a_rival():
    asked = [answered("first.example", 995), answered("second.example", 998, record=2)]
    assert names([flow()], asked) == [("second.example", SAME), ("first.example", SAME)]


def test_a_long_flow_keeps_the_names_of_its_start():
    asked = [answered("first.example", 999), answered("later.example", 1500, record=2)]
    assert names([flow(end=2000 * SECOND)], asked) == [("first.example", SAME)]


def test_a_mapped_address_is_the_same_address():
    row = flow(dst_ip="::ffff:198.51.100.20", src_ip="::ffff:192.0.2.17")
    assert names([row], [answered("a.example", 999)]) == [("a.example", SAME)]


@pytest.mark.parametrize(
    "columns", [{"policy_action": "rewrite"}, {"flags": ["refused_by_policy"]}, {"rcode": "SERVFAIL"}, {"time": None}]
)
def test_answers_that_were_rewritten_refused_or_failed_bind_nothing(columns):
    row = lookup(("ingest.example", "A", "198.51.100.20", 60), **columns)
    assert names([flow()], [row]) == []


def test_the_evidence_of_a_live_answer_is_the_newest_that_lived():
    asked = [answered("a.example", 980, ttl=20, record=1), answered("a.example", 990, ttl=0, record=2)]
    (name,) = derive(flows(flow()), lookups(*asked), (), BINDING)[0].names
    assert (name.ref and name.ref.first_record, name.live_from, name.live_until) == (1, 980 * SECOND, 1003 * SECOND)
    assert (name.client, name.resolver) == ("192.0.2.17", "192.0.2.53")


def test_answers_name_the_receiver_of_a_pull_too_but_sni_does_not():
    row = flow(sni="server.example", http_host="server.example:8443")
    _, back = derive(flows(row), lookups(answered("stranger.example", 999, address="192.0.2.17")), (), BINDING)
    assert [(one.name, one.evidence) for one in back.names] == [("stranger.example", OTHER)]


def test_names_the_flow_used_are_apart_from_names_that_bind():
    row = flow(sni="Outer.example", ech=True, http_hosts=["a.example:80", "192.0.2.9", "[2001:db8::1]:80", "a.example"])
    used = derive(flows(row), lookups(), ())[0].names
    assert [(one.name, one.evidence, one.outer, one.used) for one in used] == [
        ("outer.example", NameClass.SNI, True, False),
        ("a.example", NameClass.HTTP_HOST, False, True),
    ]


@pytest.mark.parametrize(
    ("version", "shown"),
    [("1.2", ["x.a.example", "b.example"]), ("1.3", []), (None, []), ("SSLv3", ["x.a.example", "b.example"])],
)
def test_certificate_names_count_up_to_tls_1_2_and_a_wildcard_only_as_the_used_name(version, shown):
    row = flow(
        sni="x.a.example", cert_names=["*.a.example", "b.example", "192.0.2.1", "*.z.example"], tls_version=version
    )
    certified = [
        one.name for one in derive(flows(row), lookups(), ())[0].names if one.evidence is NameClass.CERTIFICATE
    ]
    assert certified == shown


def test_a_flow_from_before_the_recording_says_so_of_its_bound_names():
    row = flow(state="OTH", direction_basis="request")
    (name,) = derive(flows(row), lookups(answered("a.example", 999)), ())[0].names
    assert name.from_before_capture


def test_more_live_names_than_are_kept_is_told_and_circumstance_is_not():
    many = [answered(f"n{number}.example", 999, record=number + 1) for number in range(MOST_LIVE + 1)]
    one = derive(flows(flow()), lookups(*many), (), BINDING)[0]
    assert (len(one.names), one.names_cut) == (MOST_LIVE, True)
    others = [row | {"client_ip": "192.0.2.99"} for row in many]
    one = derive(flows(flow()), lookups(*others), (), BINDING)[0]
    assert (len(one.names), one.names_cut) == (MOST_CIRCUMSTANTIAL, False)


def test_lookups_are_recorded_since_the_first_source_that_holds_one_of_the_sender():
    coverage = [Coverage(source="a", first=5), Coverage(source="b", first=3), Coverage(source="c", first=1)]
    asked = [answered("x.example", 999, source="a"), answered("x.example", 999, source="b")]
    other = answered("x.example", 999, source="c", client="192.0.2.99")
    forth, back = derive(flows(flow()), lookups(*asked, other), coverage)
    assert (forth.lookups_recorded_since, back.lookups_recorded_since) == (3, None)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("A.Example:80", "a.example"),
        ("a.example.", "a.example"),
        ("a.example:", "a.example"),
        ("192.0.2.1:80", None),
        ("2001:db8::1", None),
        ("[2001:db8::1]:443", None),
        ("", None),
        (".", None),
        ("a b", "a b"),
        (" a.example", " a.example"),
        ("[a.example]", "[a.example]"),
    ],
)
def test_a_host_header_gives_a_name_or_none(text, name):
    assert host_name(text) == name


@pytest.mark.parametrize("text", ["a.example.", "a.example..", "a.example:443", " a.example", "[a.example]"])
def test_an_sni_that_is_no_host_name_stays_malformed(text):
    """The table's text has lost its one trailing dot already, and an SNI has no port."""
    ((name, kind),) = names([flow(sni=text)], [])
    assert (kind, Name.parse(name).malformed) == (NameClass.SNI, True)


def test_a_host_with_a_second_trailing_dot_stays_malformed():
    told = [name for name, _ in names([flow(http_host="a.example.", http_hosts=["a.example."])], [])]
    assert [Name.parse(name).malformed for name in told] == [True]


def test_between_two_lives_a_name_is_not_live():
    asked = [answered("a.example", 986.5, record=1), answered("a.example", 1000.5, record=2)]
    late = flow(start=1000 * SECOND)
    unskewed = DnsBinding(ttl_cap=Span.parse("20s"), grace=Span.parse("3s"), skew=Span.parse("200ms"))
    assert names([late], asked, unskewed) == [("a.example", STALE)]


# The law: names at a time, against the plainest possible reference.

_CLIENTS = ["192.0.2.17", "192.0.2.18", "2001:db8::17"]
_ADDRESSES = ["198.51.100.20", "198.51.100.21", "2001:db8:51::7"]
_NAMES = ["a.example", "b.example", "c.test"]
_halves = st.integers(0, 140).map(lambda half: half / 2)
_worlds = st.tuples(
    st.lists(
        st.tuples(st.sampled_from(_NAMES), st.integers(0, 60), st.one_of(st.none(), st.integers(0, 40)),
                  st.sampled_from(_ADDRESSES), st.sampled_from(_CLIENTS)),
        max_size=25,
    ),
    st.lists(
        st.tuples(_halves, st.sampled_from(_CLIENTS), st.sampled_from(_ADDRESSES)),
        min_size=1,
        max_size=6,
    ),
)  # fmt: skip


def _reference(asked, start, client, address):
    """Each name's strongest class, looking at every answer."""
    best: dict[str, NameClass] = {}
    for name, at, ttl, where, who in asked:
        until = at + min(ttl or 0, 20) + 3
        if where != address or at > start + 2:
            continue
        kind = STALE if until < start else SAME if who == client else OTHER
        best[name] = min(best.get(name, kind), kind, key=lambda one: one.rank)
    return best


@given(_worlds, st.randoms(use_true_random=False))
def test_names_at_a_time_are_those_of_a_reference_that_looks_at_every_answer(world, chance: random.Random):
    asked, begun = world
    rows = [answered(name, at, ttl, where, who, record=n + 1) for n, (name, at, ttl, where, who) in enumerate(asked)]
    opened = [
        flow(
            start=int(at * SECOND),
            end=int(at * SECOND),
            src_ip=client,
            dst_ip=address,
            dst_payload=0,
            first_record=n + 1,
        )
        for n, (at, client, address) in enumerate(begun)
    ]
    found = derive(flows(*opened), lookups(*rows), (), BINDING)
    for one, (at, client, address) in zip(found, begun, strict=True):
        assert {seen.name: seen.evidence for seen in one.names} == _reference(asked, at, client, address)
    chance.shuffle(rows)
    chance.shuffle(opened)
    assert list(derive(flows(*opened), lookups(*rows), (), BINDING)) == list(found)


def test_what_a_log_says_was_connected_to_is_asked_for_an_address_too():
    rows = flow(name="203.0.113.9:443", name_source="connect"), flow(name="a.example", name_source="sni")
    told = {one.http_hosts for one in derive(flows(*rows), lookups(), ())}
    assert told == {("203.0.113.9:443",), None}
    both = flow(name="a.example:443", name_source="connect", http_hosts=["b.example"])
    assert derive(flows(both), lookups(), ())[0].http_hosts == ("b.example", "a.example:443")
