"""Laws over made-up policies and transmissions: order-free, pure, monotone, and unseen never approves."""

import copy
import random

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowwatch.judge import Bench, judge
from flowwatch.model import OF_THE_WHOLE, Amount, Answer, Group, NameClass, OpenedBy, Place, Ref, Verdict
from flowwatch.policy import parse
from flowwatch.policy.terms import PolicySet

HEAD = """
schema = "flowwatch.policy/1"
[policy]
id = "made-up"
version = "1"
[[zone]]
id = "a"
cidrs = ["192.0.2.0/28"]
[[zone]]
id = "b"
cidrs = ["192.0.2.16/28"]
[[zone]]
id = "c"
cidrs = ["192.0.2.8/29"]
within = "a"
[[server]]
id = "by-address"
match = { cidrs = ["198.51.100.1/32"] }
[[server]]
id = "both"
match = { cidrs = ["198.51.100.1/32", "198.51.100.2/32"], names = ["one.r.example"] }
[[server]]
id = "by-name"
match = { names = ["*.r.example"], aliases = ["**.cdn.test"] }
[[server]]
id = "sealed"
dedicated = true
match = { cidrs = ["198.51.100.3/32", "192.0.2.20/32"], names = ["two.r.example"] }
tls = { required = true, min_version = "1.2" }
[[server]]
id = "proxy"
role = "proxy"
match = { cidrs = ["198.51.100.4/32"] }
[[server]]
id = "named-proxy"
role = "proxy"
dedicated = true
match = { cidrs = ["198.51.100.5/32"], names = ["p.test"] }
[[classifier]]
id = "big"
label = "bulk"
any = [{ bytes_out_min = 1_000 }]
[[classifier]]
id = "port"
label = "results"
any = [{ dst_port = 443 }]
[[prohibited]]
id = "clear"
when = { labels = ["bulk"], cleartext = true }
"""
"""Approved entries that a policy may or may not have; adding one must not take an approval away."""
CHANNELS = [
    f'[[channel]]\nid = "{source}-{number}"\nfrom = ["{source}"]\nto = ["{to}"]\n{rest}'
    for source in ("a", "b")
    for number, (to, rest) in enumerate(
        [
            ("by-address", 'carries = ["bulk", "results"]\n'),
            ("both", 'carries = ["bulk"]\nservice = { ports = [443] }\n'),
            ("both", 'opened_by = "either"\n'),
            (
                "by-address",
                'carries = ["bulk", "results"]\nlimits = { bytes_out_per_hour = 5_000, flows_per_hour = 2 }\n',
            ),
            ("by-address", 'carries = ["bulk"]\nexpected = { min_flows = 2, by = 2026-11-03T00:01:00Z }\n'),
            ("by-name", 'carries = ["bulk", "results"]\n'),
            (
                "sealed",
                'carries = ["results"]\nwhen = [{ from = 2026-11-03T00:00:10Z, until = 2026-11-03T00:01:00Z }]\n',
            ),
            ("zone:b", "service = { ports = [443, 8443] }\n"),
            ("zone:a", 'carries = ["bulk", "results"]\nopened_by = "receiver"\n'),
            ("proxy", ""),
            ("named-proxy", "service = { ports = [443] }\n"),
            ("by-name", 'via = ["proxy"]\ncarries = ["bulk"]\n'),
            ("both", 'via = ["proxy", "named-proxy"]\ncarries = ["bulk", "results"]\nservice = { ports = [443] }\n'),
            ("sealed", 'via = ["named-proxy"]\nopened_by = "either"\n'),
        ]
    )
]
RESOLVERS = [
    f'[[server]]\nid = "dns-{n}"\nrole = "resolver"\nmatch = {{ cidrs = ["203.0.113.{n}/32"] }}\n' for n in (1, 2)
]
EXCEPTIONS = [
    f'[[exception]]\nid = "EX-{n}"\nreason = "r"\nfrom = 2026-11-03T00:00:00Z\nuntil = 2026-11-03T00:00:30Z\n{rest}'
    for n, rest in enumerate(
        [
            'applies = { zone = "a" }\ncarries = ["bulk"]\n',
            'applies = { to = { names = ["one.r.example"] } }\nlifts = ["clear"]\n',
        ]
    )
]
SERVERS = [
    '[[server]]\nid = "extra"\nmatch = { cidrs = ["198.51.100.1/32", "192.0.2.0/28"], names = ["two.r.example"] }\n'
]
APPROVED = CHANNELS + RESOLVERS + EXCEPTIONS + SERVERS
PROHIBITED = [
    '[[prohibited]]\nid = "small"\nwhen = { labels = ["none"], zone = "b" }\n',
    '[[prohibited]]\nid = "named"\nwhen = { to = { names = ["two.r.example"] }, zone = "b" }\n',
]

SECOND = 10**9
NAMES = st.sampled_from(["one.r.example", "two.r.example", "x.test", "one.r.example.cdn.test", "bad\\000.r.example"])
ADDRESSES = st.sampled_from(
    [
        "192.0.2.1",
        "192.0.2.9",
        "192.0.2.17",
        "192.0.2.20",
        "198.51.100.1",
        "198.51.100.2",
        "198.51.100.3",
        "198.51.100.4",
        "198.51.100.5",
        "203.0.113.9",
    ]
)
HOSTS = st.sampled_from(
    ["one.r.example", "one.r.example:443", "two.r.example", "x.test", "p.test", "198.51.100.2", "198.51.100.3:22"]
)


@st.composite
def _amounts(draw):
    least = draw(st.sampled_from([0, 10, 999, 1_000, 5_000]))
    return Amount(least, draw(st.sampled_from([None, least, least + 500])))


@pytest.fixture(scope="module")
def transmissions(make):
    @st.composite
    def one(draw, flow=1):
        start = make.NOON - 12 * make.HOUR + draw(st.sampled_from([0, 10, 30, 60])) * SECOND
        used = st.builds(
            lambda name, kind, outer: make.used(name, evidence=kind, outer=outer)[0],
            NAMES,
            st.sampled_from([NameClass.SNI, NameClass.HTTP_HOST, NameClass.CERTIFICATE]),
            st.sampled_from([False, False, True]),
        )
        answered = st.builds(
            lambda name, kind, resolver, chain: make.answer(name, evidence=kind, resolver=resolver, chain=chain)[0],
            NAMES,
            st.sampled_from([NameClass.ANSWER_SAME_CLIENT, NameClass.ANSWER_STALE]),
            st.sampled_from(["203.0.113.1", "203.0.113.2", None]),
            st.sampled_from([(), ("e.cdn.test",), ("e.other.test",)]),
        )
        return make.sent(
            flow=flow,
            ref=Ref("tap.pcap", flow, flow),
            sender_ip=draw(ADDRESSES),
            receiver_ip=draw(ADDRESSES),
            service_port=draw(st.sampled_from([443, 8443, None])),
            opened_by=draw(st.sampled_from(OpenedBy)),
            names=tuple(draw(st.lists(used | answered, max_size=3))),
            lookups_recorded_since=draw(st.sampled_from([None, 0])),
            start=start,
            end=start + draw(st.sampled_from([0, 25])) * SECOND,
            begun_before=draw(st.booleans()),
            sent=draw(_amounts()),
            attempted=draw(st.sampled_from([False, False, False, True])),
            app=draw(st.sampled_from(["tls", "http", None])),
            tls_version=draw(st.sampled_from([None, "1.1", "1.3"])),
            clear=draw(st.sampled_from([None, True, False])),
            http_method=draw(st.sampled_from([None, "POST", "CONNECT"])),
            http_path=draw(st.sampled_from([None, "/", "one.r.example:443", "x.test:8443"])),
            http_hosts=draw(st.sampled_from([None, None]) | st.lists(HOSTS, max_size=2).map(tuple)),
        )

    return one


def _entries(pool):
    return st.lists(st.sampled_from(pool), unique=True, max_size=6)


def _bench(entries):
    return Bench(PolicySet((parse(HEAD + "".join(entries)),)), _nowhere)


def _nowhere(address, _at):
    return Place(address=address)


LAWS = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@LAWS
@given(data=st.data())
def test_adding_an_approved_entry_never_turns_an_approved_flow_into_a_violation(data, transmissions):
    entries = data.draw(_entries(APPROVED)) + data.draw(_entries(PROHIBITED))
    added = data.draw(_entries(APPROVED))
    before, after = _bench(entries), _bench(list(dict.fromkeys(entries + added)))
    for flow in range(1, 4):
        one = data.draw(transmissions(flow))
        opening = data.draw(st.none() | transmissions(flow)) if one.opened_by is OpenedBy.RECEIVER else None
        if before.derive(one, opening).decision.verdict.group is Group.CONFORMS:
            assert after.derive(one, opening).decision.verdict.group in (Group.CONFORMS, Group.CANNOT_TELL)


@LAWS
@given(data=st.data())
def test_order_of_rules_and_inputs_changes_nothing(data, transmissions):
    entries = data.draw(_entries(APPROVED + PROHIBITED))
    sent = [data.draw(transmissions(flow)) for flow in range(1, 5)]
    shuffled, mixed = entries[:], sent[:]
    random.Random(1).shuffle(shuffled)  # noqa: S311  # any other order will do
    mixed.reverse()
    one, other = (
        judge(given_, [], PolicySet((parse(HEAD + "".join(rules)),)), _nowhere, [])
        for given_, rules in ((sent, entries), (mixed, shuffled))
    )
    assert msgspec.json.encode(one) == msgspec.json.encode(other)


@LAWS
@given(data=st.data())
def test_what_was_not_seen_approves_only_where_every_value_would(data, transmissions):
    bench = _bench(data.draw(_entries(APPROVED)) + data.draw(_entries(PROHIBITED)))
    one = data.draw(transmissions())
    if bench.derive(one).decision.verdict.group is not Group.CONFORMS:
        return
    for size in (one.sent.least, one.sent.most, one.sent.least + 200):
        if size is not None and (one.sent.most is None or size <= one.sent.most):
            exact = msgspec.structs.replace(one, sent=Amount.exactly(size))
            assert bench.derive(exact).decision.verdict.group is Group.CONFORMS
    if one.service_port is None:
        for port in (443, 8443, 22):
            seen = msgspec.structs.replace(one, service_port=port)
            assert bench.derive(seen).decision.verdict.group is Group.CONFORMS
    if one.app is None and one.tls_version is None and one.clear is None:
        for app in ("tls", "http"):
            seen = msgspec.structs.replace(one, app=app, tls_version="1.1" if app == "tls" else None)
            assert bench.derive(seen).decision.verdict.group is Group.CONFORMS


@LAWS
@given(data=st.data())
def test_a_channel_approves_only_with_every_condition_true(data, transmissions):
    bench = _bench(data.draw(_entries(APPROVED)))
    derivation = bench.derive(data.draw(transmissions()))
    if derivation.decision.verdict is Verdict.APPROVED:
        assert all(check.truth == "true" for check in derivation.decision.checks)
        assert derivation.decision.rule is not None
    elif derivation.decision.verdict.group is not Group.OUT_OF_SCOPE:
        assert derivation.decision.reasons
        barred = any(entry.truth != "false" for entry in derivation.prohibitions)
        assert barred or not any(entry.truth == "true" for entry in derivation.channels)


@LAWS
@given(data=st.data())
def test_judging_is_pure_and_counts_everything_once(data, transmissions):
    policies = PolicySet((parse(HEAD + "".join(data.draw(_entries(APPROVED + PROHIBITED)))),))
    sent = [data.draw(transmissions(flow)) for flow in range(1, 5)]
    before = copy.deepcopy((sent, policies))
    one, again = (judge(sent, [], policies, _nowhere, []) for _ in range(2))
    assert msgspec.json.encode(one) == msgspec.json.encode(again)
    assert (sent, policies) == before
    assert sum(tally.count for tally in one.verdicts.values()) == len(sent)
    assert set(one.verdicts) == set(Verdict)
    told = sum(len([1 for d in one.decisions if d.verdict.group in (Group.VIOLATES, Group.CANNOT_TELL)]) for _ in [0])
    assert sum(finding.count for finding in one.findings if finding.kind not in OF_THE_WHOLE) == told
    in_scope = sum(decision.verdict is not Verdict.OUT_OF_SCOPE for decision in one.decisions)
    assert sum(row.transmissions for row in one.destinations) == in_scope
    conforming = [d for d in one.decisions if d.verdict is Verdict.INDETERMINATE and d.verdict.group is Group.CONFORMS]
    assert not conforming


def test_an_answer_knows_what_opened_its_flow_wherever_it_stands(make):
    request = make.sent(flow=7, receiver_ip="192.0.2.70", names=())
    answer = make.reply(request)
    text = '[[channel]]\nid = "x"\nfrom = ["precincts"]\nto = ["zone:collection"]\n'
    for order in ([request, answer], [answer, request]):
        judged = judge(order, [], make.court(text).policies, _nowhere, [])
        assert [one.verdict.value for one in judged.decisions] == ["approved", "approved"]
        assert judged.decisions[1].reasons[0] == "channel.answer"


def test_lookups_are_counted_apart(make):
    asked = [
        make.asked("ingest.results.example", answers=(Answer("ingest.results.example", "A", "198.51.100.20"),)),
        make.asked("x.test"),
    ]
    judged = judge([], asked, make.court(make.PRIMARY).policies, _nowhere, [])
    assert judged.lookup_verdicts[Verdict.APPROVED] == judged.lookup_verdicts[Verdict.UNAPPROVED] == 1
    assert sum(tally.count for tally in judged.verdicts.values()) == 0
