"""Laws over made-up policies and transmissions: what holds of every verdict, whatever the policy and the recording.

Order changes nothing; approved entries only ever approve; who opened a flow never hides who sent; a prohibition stands
before all; an exception covers what it lists; what cannot be told never counts as conforming; names are compared label
by label; what explains a verdict is what judged it.
"""

import copy
import random

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowwatch.cli import exits
from flowwatch.judge import Bench, judge
from flowwatch.model import (
    OF_THE_WHOLE,
    Amount,
    Control,
    Encapsulation,
    Group,
    NameClass,
    OpenedBy,
    Place,
    Reason,
    Ref,
    Report,
    Severity,
    Verdict,
)
from flowwatch.policy import parse
from flowwatch.policy.terms import PolicySet
from flowwatch.trial import explain

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
[[classifier]]
id = "open"
label = "public"
any = [{ http_path = "/" }]
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
            ("zone:b", 'carries = ["results"]\nservice = { ports = [443, 8443] }\n'),
            ("zone:a", 'carries = ["bulk", "results"]\nopened_by = "receiver"\n'),
            ("proxy", ""),
            ("named-proxy", "service = { ports = [443] }\n"),
            ("by-name", 'via = ["proxy"]\ncarries = ["bulk"]\n'),
            ("both", 'via = ["proxy", "named-proxy"]\ncarries = ["bulk", "results"]\nservice = { ports = [443] }\n'),
            ("sealed", 'via = ["named-proxy"]\nopened_by = "either"\n'),
            ("by-address", 'carries = ["bulk"]\nservice = { proto = "tcp", ports = [21], related = true }\n'),
            ("zone:b", 'opened_by = "either"\nservice = { ports = [21], related = true }\n'),
            ("any", "service = { ports = [443] }\nlimits = { bytes_out_per_flow = 1_200 }\n"),
            ("any", 'carries = ["public"]\nservice = { proto = "udp" }\nlimits = { flows_per_hour = 2 }\n'),
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
            'applies = { to = { cidrs = ["203.0.113.0/24"] } }\ncarries = ["results", "public"]\n',
            "applies = { service = { ports = [8443] } }\n",
        ]
    )
]
SERVERS = [
    '[[server]]\nid = "extra"\nmatch = { cidrs = ["198.51.100.1/32", "192.0.2.0/28"], names = ["two.r.example"] }\n'
]
APPROVED = CHANNELS + RESOLVERS + EXCEPTIONS + SERVERS
ENTRIES = {one.partition('id = "')[2].partition('"')[0]: one for one in APPROVED}
"""By id."""
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
CONTROLS = [
    (Control(21, OpenedBy.SENDER, read=True),),
    (Control(21, OpenedBy.RECEIVER, read=False),),
    (Control(21, OpenedBy.SENDER, read=False), Control(2121, OpenedBy.RECEIVER, read=True)),
]
TUNNELS = [(Encapsulation("gre", "192.0.2.1", there),) for there in ("203.0.113.66", "192.0.2.20", None)]


@st.composite
def _amounts(draw):
    least = draw(st.sampled_from([0, 10, 999, 1_000, 5_000]))
    return Amount(least, draw(st.sampled_from([None, least, least + 500])))


@pytest.fixture(scope="module")
def transmissions(make):
    """One of a few that some policy approves, a few of its fields changed, so that every rule counts."""
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
    midnight = make.NOON - 12 * make.HOUR
    varied = {
        "sender_ip": ADDRESSES,
        "receiver_ip": ADDRESSES,
        "service_port": st.sampled_from([443, 8443, 50_010, None]),
        "opened_by": st.sampled_from(OpenedBy),
        "names": st.lists(used | answered, max_size=3).map(tuple),
        "lookups_recorded_since": st.sampled_from([None, 0]),
        "start": st.sampled_from([0, 10, 30, 60]).map(lambda after: midnight + after * SECOND),
        "begun_before": st.just(True),
        "direction_basis": st.just("first_record"),
        "sent": _amounts(),
        "attempted": st.just(True),
        "proto": st.sampled_from(["udp", "icmp"]),
        "app": st.sampled_from(["tls", "http", "quic", "ftp-data", None]),
        "controls": st.sampled_from(CONTROLS),
        "tunnel": st.sampled_from(TUNNELS),
        "tls_version": st.sampled_from([None, "1.1", "1.3"]),
        "clear": st.sampled_from([None, True]),
        "http_method": st.sampled_from(["POST", "CONNECT"]),
        "http_path": st.sampled_from(["/", "one.r.example:443", "x.test:8443"]),
        "http_hosts": st.lists(HOSTS, max_size=2).map(tuple),
    }
    named = make.used("one.r.example") + make.answer("one.r.example", resolver="203.0.113.1")
    nearly = [
        {"receiver_ip": "198.51.100.1"},
        {"receiver_ip": "198.51.100.2", "names": named},
        {"receiver_ip": "203.0.113.9", "names": named},
        {"receiver_ip": "198.51.100.3", "start": midnight + 10 * SECOND},
        {"receiver_ip": "198.51.100.4", "app": "http", "http_method": "CONNECT", "http_path": "one.r.example:443"},
        {"receiver_ip": "198.51.100.4", "service_port": 8443},
        {"receiver_ip": "203.0.113.9", "proto": "udp", "app": None, "tls_version": None},
        {"receiver_ip": "192.0.2.20"},
        {"sender_ip": "192.0.2.20", "receiver_ip": "192.0.2.1", "opened_by": OpenedBy.RECEIVER},
        {"sender_ip": "192.0.2.20", "receiver_ip": "203.0.113.9", "opened_by": OpenedBy.RECEIVER},
        {"receiver_ip": "198.51.100.1", "service_port": 50_010, "app": "ftp-data", "controls": CONTROLS[0]},
    ]

    @st.composite
    def one(draw, flow=1):
        fields = {"sender_ip": draw(st.sampled_from(["192.0.2.1", "192.0.2.9", "192.0.2.17"])), "service_port": 443}
        fields |= {"names": (), "start": midnight, "sent": Amount.exactly(draw(st.sampled_from([10, 5_000])))}
        fields |= draw(st.sampled_from(nearly))
        changed = draw(st.sets(st.sampled_from(sorted(varied)), max_size=3))
        fields |= {name: draw(varied[name]) for name in sorted(changed)}
        end = fields["start"] + draw(st.sampled_from([0, 0, 25])) * SECOND
        return make.sent(flow=flow, ref=Ref("tap.pcap", flow, flow), end=end, **fields)

    return one


def _entries(pool):
    return st.lists(st.sampled_from(pool), unique=True, min_size=len(pool) // 4, max_size=20)


def _bench(entries, *, every=True):
    return Bench(_policies(entries), _nowhere, every=every)


def _policies(entries):
    return PolicySet((parse(HEAD + "".join(entries)),))


def _nowhere(address, _at):
    return Place(address=address)


LAWS = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
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
def test_entries_about_other_zones_and_servers_decide_nothing(data, transmissions):
    entries = data.draw(_entries(APPROVED)) + data.draw(_entries(PROHIBITED))
    one = data.draw(transmissions(1))
    opening = data.draw(st.none() | transmissions(1)) if one.opened_by is OpenedBy.RECEIVER else None
    whole, short = (_bench(entries, every=every).derive(one, opening) for every in (True, False))
    assert whole.decision == short.decision
    for kind in ("channels", "exceptions"):
        told = [entry for entry in getattr(whole, kind) if entry.truth != "false"]
        assert told == [entry for entry in getattr(short, kind) if entry.truth != "false"]


@LAWS
@given(data=st.data())
def test_order_of_rules_and_inputs_changes_nothing(data, transmissions):
    entries = data.draw(_entries(APPROVED + PROHIBITED))
    sent = [data.draw(transmissions(flow)) for flow in range(1, 5)]
    shuffled, mixed = entries[:], sent[:]
    random.Random(1).shuffle(shuffled)  # noqa: S311  # any other order will do
    mixed.reverse()
    one, other = (
        judge(given_, [], _policies(rules), _nowhere, []) for given_, rules in ((sent, entries), (mixed, shuffled))
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
        barred |= any(entry.truth != "true" for entry in derivation.tunnels) or bool(derivation.asked)
        barred |= Reason.PROXY_UNREAD in derivation.decision.reasons  # what was asked of a proxy no channel tells
        assert barred or not any(entry.truth == "true" for entry in derivation.channels)


@LAWS
@given(data=st.data())
def test_judging_is_pure_and_counts_everything_once(data, transmissions):
    policies = _policies(data.draw(_entries(APPROVED + PROHIBITED)))
    sent = [data.draw(transmissions(flow)) for flow in range(1, 5)]
    before = copy.deepcopy((sent, policies))
    one, again = (judge(sent, [], policies, _nowhere, []) for _ in range(2))
    assert msgspec.json.encode(one) == msgspec.json.encode(again)
    assert (sent, policies) == before
    assert sum(tally.count for tally in one.verdicts.values()) == len(sent)
    assert set(one.verdicts) == set(Verdict)
    told = sum(decision.verdict.group in (Group.VIOLATES, Group.CANNOT_TELL) for decision in one.decisions)
    assert sum(finding.count for finding in one.findings if finding.kind not in OF_THE_WHOLE) == told
    in_scope = sum(decision.verdict is not Verdict.OUT_OF_SCOPE for decision in one.decisions)
    assert sum(row.transmissions for row in one.destinations) == in_scope


@LAWS
@given(data=st.data())
def test_removing_an_approved_entry_never_approves_a_violation(data, transmissions):
    entries = data.draw(_entries(APPROVED)) + data.draw(_entries(PROHIBITED))
    left = [one for one in entries if one in PROHIBITED or data.draw(st.booleans())]
    sent = [data.draw(transmissions(flow)) for flow in range(1, 4)]
    before, after = (judge(sent, [], _policies(rules), _nowhere).decisions for rules in (entries, left))
    for one, other in zip(before, after, strict=True):
        assert one.transmission == other.transmission
        if one.verdict.group is Group.VIOLATES:
            assert other.verdict.group is not Group.CONFORMS


@LAWS
@given(data=st.data())
def test_who_opened_a_flow_never_hides_who_sent(data, transmissions):
    """The other way round it is the same sender, receiver and amount; a stranger that opened it permits nothing."""
    bench = _bench(data.draw(_entries(APPROVED)) + data.draw(_entries(PROHIBITED)))
    one = msgspec.structs.replace(data.draw(transmissions()), controls=(), tunnel=())
    ways = [msgspec.structs.replace(one, opened_by=opened_by) for opened_by in OpenedBy]
    opening = data.draw(st.none() | transmissions())
    if opening is not None:
        opening = msgspec.structs.replace(
            opening, sender_ip=one.receiver_ip, receiver_ip=one.sender_ip, opened_by=OpenedBy.SENDER, tunnel=()
        )
    opened, answered = bench.derive(ways[0]), bench.derive(ways[1], opening)
    if Reason.WITHIN_ZONE not in (opened.scope, answered.scope):
        assert opened.scope == answered.scope
    for derivation in (opened, answered):
        decision = derivation.decision
        assert (decision.sender_zone is None) == (derivation.scope is Reason.SENDER_OUTSIDE)
        assert decision.destination[0] == one.receiver_ip
        assert decision.transmission.sent == one.sent or one.attempted
        if decision.reasons[0] is Reason.APPROVED:
            declared = ENTRIES[decision.rule.id].partition('opened_by = "')[2].partition('"')[0] or "sender"
            assert declared in ("either", decision.transmission.opened_by)
    if not one.receiver_ip.startswith("192.0.2."):
        assert Reason.ANSWER_OF_APPROVED not in answered.decision.reasons
        assert answered.decision == bench.derive(ways[1]).decision


BARS = {
    "receiver": lambda one: f'to = {{ cidrs = ["{one.receiver_ip}/32"] }}',
    "zone": lambda one: f'zone = "{"b" if int(one.sender_ip.split(".")[-1]) > 15 else "a"}"',
    "protocol": lambda one: f'service = {{ proto = "{one.proto}" }}',
}


@LAWS
@given(data=st.data(), kind=st.sampled_from(sorted(BARS)))
def test_a_prohibition_stands_before_every_approval(data, kind, transmissions):
    one = data.draw(transmissions())
    bar = f'[[prohibited]]\nid = "bar"\nwhen = {{ {BARS[kind](one)} }}\n'
    derivation = _bench([*data.draw(_entries(APPROVED)), bar]).derive(one)
    barred = derivation.scope is None
    assert (derivation.decision.verdict is Verdict.PROHIBITED) == barred or one.tunnel
    lifting = EXCEPTIONS[0].replace("EX-0", "lifting").replace('carries = ["bulk"]', 'carries = []\nlifts = ["bar"]')
    lifted = _bench([*data.draw(_entries(APPROVED)), bar, lifting]).derive(one)
    (exception,) = [entry for entry in lifted.exceptions if entry.rule.id == "lifting"] or (None,)
    if barred and exception is not None and exception.truth == "false":
        assert lifted.decision.verdict is Verdict.PROHIBITED
    elif barred and exception is not None and exception.truth == "unseen":
        assert lifted.decision.verdict.group is not Group.CONFORMS


@LAWS
@given(data=st.data())
def test_an_exception_never_covers_a_label_it_does_not_list(data, transmissions):
    entries = list(dict.fromkeys([*data.draw(_entries(APPROVED)), *EXCEPTIONS]))
    decision = _bench(entries).derive(data.draw(transmissions())).decision
    if decision.verdict is Verdict.EXCEPTED and decision.asked is None:
        assert decision.rule.kind == "exception"
        listed = ENTRIES[decision.rule.id].partition("carries = [")[2].partition("]")[0]
        labels = {label.name for label in decision.labels} - {"none", "unread"}
        assert all(f'"{label}"' in listed for label in labels)


@LAWS
@given(data=st.data())
def test_what_cannot_be_told_never_counts_as_conforming(data, transmissions):
    policies = _policies(data.draw(_entries(APPROVED)) + data.draw(_entries(PROHIBITED)))
    judged = judge([data.draw(transmissions(flow)) for flow in range(1, 4)], [], policies, _nowhere)
    for one in judged.decisions:
        assert (one.verdict is Verdict.INDETERMINATE) == (one.verdict.group is Group.CANNOT_TELL)
        if one.verdict.group is Group.CONFORMS:
            assert one.rule is not None
            assert {str(check.truth) for check in one.checks} <= {"true"}
    report = Report(
        version="0",
        policies=tuple(one.info for one in policies.versions),
        coverage=(),
        reference=(),
        **{name: getattr(judged, name) for name in judged.__struct_fields__},
    )
    undecided = judged.verdicts[Verdict.INDETERMINATE].count
    assert report.group(Group.CANNOT_TELL).count == undecided
    told = sum(one.count for one in judged.findings if one.verdict is Verdict.INDETERMINATE)
    if undecided or told:
        assert told >= undecided
        assert exits.of_report(report, Severity.CRITICAL, 0) in (exits.Exit.INCOMPLETE, exits.Exit.FINDINGS)


PATTERNS = {
    "r.example": lambda labels: labels == ["r", "example"],
    "*.r.example": lambda labels: labels[-2:] == ["r", "example"] and len(labels) == 3,
    "**.r.example": lambda labels: labels[-2:] == ["r", "example"] and len(labels) > 2,
}
LABEL = st.text("ar-0_", min_size=1, max_size=3).filter(lambda text: text.strip("-_") == text)
NAMED = st.builds(
    lambda before, joint, core, after: f"{before}{joint}{core}{after}",
    st.lists(LABEL, max_size=2).map(".".join),
    st.sampled_from(["", ".", "-"]),
    st.sampled_from(["r.example", "r-example", "R.Example", "rexample", "example"]),
    st.sampled_from(["", "", ".", ".test", "x", ".r.example"]),
)


@LAWS
@given(pattern=st.sampled_from(sorted(PATTERNS)), name=NAMED)
def test_a_name_never_matches_across_a_label_boundary(pattern, name, make):
    """Used and answered, certified, or asked for: it is the pattern's only label by label."""
    server = f'[[server]]\nid = "s"\nmatch = {{ names = ["{pattern}"] }}\n'
    court = make.court(f'{server}[[channel]]\nid = "c"\nfrom = ["precincts"]\nto = ["s"]\n')
    labels = name.lower().removesuffix(".").split(".")
    own = PATTERNS[pattern](labels) and all(labels)
    text = ".".join(labels)
    asked = {"receiver_ip": "203.0.113.9", "tls_version": "1.2"}
    for bound in (make.answer(text), make.used(text, evidence=NameClass.CERTIFICATE)):
        told = court.told(make.sent(names=make.used(text) + bound, **asked))
        assert (told[0] == "approved") == own, (text, told)
    assert (court.asked(make.asked(text)).verdict is Verdict.APPROVED) == own


@LAWS
@given(data=st.data())
def test_what_explains_a_verdict_is_what_judged_it(data, transmissions, make):
    """But for what only the other flows of a recording show (`quic.migration_possible`)."""
    hand_in = next(one for one in CHANNELS if 'to = ["zone:b"]' in one)
    entries = dict.fromkeys([*data.draw(_entries(APPROVED)), *data.draw(_entries(PROHIBITED)), hand_in])
    policies = _policies(entries)
    sent = [data.draw(transmissions(flow)) for flow in range(1, 4)]
    sent.append(make.sent(flow=4, sender_ip="192.0.2.1", receiver_ip="192.0.2.20", names=(), service_port=443))
    sent[-1] = msgspec.structs.replace(sent[-1], sent=Amount.exactly(data.draw(st.sampled_from([10, 5_000]))))
    sent += [make.reply(one) for one in sent if one.opened_by is OpenedBy.SENDER]
    openings = {one.flow: one for one in sent if one.opened_by is OpenedBy.SENDER}
    for decision in judge(sent, [], policies, _nowhere).decisions:
        if Reason.QUIC_MIGRATION not in decision.reasons:
            one = decision.transmission
            told = explain(policies, one, opening=openings.get(one.flow), locate=_nowhere).derivation
            assert told is not None
            assert told.decision == decision
