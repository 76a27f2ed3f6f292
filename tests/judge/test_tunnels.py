"""Tunnels: every outer receiver in a zone or listed as a tunnel's end, whatever runs inside."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowwatch.judge import judge
from flowwatch.model import OF_THE_WHOLE, Encapsulation, Group, Place, Verdict
from flowwatch.policy.terms import PolicySet
from flowwatch.transmissions import derive
from tests.transmissions.tables import flow, flows, lookups

HUB = """
[[server]]
id = "hub"
role = "tunnel"
match = { cidrs = ["203.0.113.40/32"] }
"""
TAP = """
[[sensor]]
id = "tap"
sources = ["tap.pcap"]
strip = ["erspan", "vxlan"]
"""
UNLISTED = "tunnel.endpoint_unlisted"
GATEWAY, STRANGER = "192.0.2.1", "203.0.113.66"


def through(kind="gre", sender=GATEWAY, receiver=STRANGER):
    return Encapsulation(kind, sender, receiver)


def test_an_approved_conversation_in_a_tunnel_to_a_stranger_is_unapproved(make):
    court = make.court(make.PRIMARY + HUB)
    sent = make.sent(tunnel=(through(),))
    assert court.told(make.sent()) == ("approved", "channel.approved")
    decision = court.derive(sent).decision
    assert (decision.verdict, decision.reasons) == (Verdict.UNAPPROVED, (UNLISTED,))
    assert (decision.rule.id, decision.server, decision.far_end) == ("unlisted", None, through())
    (check, *_) = decision.checks
    assert (check.what, check.truth, check.observed, check.reason) == (
        "tunnel",
        "false",
        f"gre to {STRANGER}",
        UNLISTED,
    )


@pytest.mark.parametrize("receiver", ["203.0.113.40", "192.0.2.130"])
def test_a_tunnel_to_a_listed_end_or_a_zone_is_judged_by_what_runs_inside(make, receiver):
    court = make.court(make.PRIMARY + HUB)
    decision = court.derive(make.sent(tunnel=(through(receiver=receiver),))).decision
    assert (decision.verdict, decision.reasons) == (Verdict.APPROVED, ("channel.approved",))
    assert ("tunnel", f"gre to {receiver}") in [(one.what, one.observed) for one in decision.checks]
    elsewhere = make.sent(receiver_ip="203.0.113.9", names=(), tunnel=(through(receiver=receiver),))
    assert court.told(elsewhere) == ("unapproved", "destination.unlisted")


def test_only_the_role_tunnel_lists_an_end(make):
    other = HUB.replace('"tunnel"', '"other"')
    assert make.court(make.PRIMARY + other).told(make.sent(tunnel=(through(receiver="203.0.113.40"),)))[1] == UNLISTED


def test_every_layer_counts(make):
    court = make.court(make.PRIMARY + HUB)
    hub, stranger = through(receiver="203.0.113.40"), through("vxlan:7")
    for layers in ((hub, stranger), (stranger, hub), (hub, Encapsulation("pppoe"), stranger)):
        assert court.told(make.sent(tunnel=layers)) == ("unapproved", UNLISTED)
    assert court.told(make.sent(tunnel=(hub, Encapsulation("pppoe"), hub)))[0] == "approved"


def test_what_the_sensor_wraps_its_recordings_in_is_exempt(make):
    court = make.court(TAP + make.PRIMARY)
    for kind in ("erspan", "vxlan", "vxlan:100"):
        assert court.told(make.sent(tunnel=(through(kind),)))[0] == "approved"
    assert court.told(make.sent(tunnel=(through("gre"),)))[1] == UNLISTED
    assert court.told(make.sent(tunnel=(through("erspan"), through("gre"))))[1] == UNLISTED
    elsewhere = make.sent(tunnel=(through("erspan"),), ref=make.sent().ref.__class__("other.pcap", 1, 1))
    assert court.told(elsewhere)[1] == UNLISTED


@pytest.mark.parametrize("inner", ["vxlan", "vxlan:100", "erspan"])
def test_only_the_outermost_layers_are_the_sensors_each_once(make, inner):
    court = make.court(TAP + make.PRIMARY + HUB)
    hub = through(receiver="203.0.113.40")
    assert court.told(make.sent(tunnel=(hub, through(inner))))[1] == UNLISTED
    assert court.told(make.sent(tunnel=(through(inner), through(inner))))[1] == UNLISTED
    assert court.told(make.sent(tunnel=(through("vxlan:7"), through("erspan"), hub)))[0] == "approved"
    twice = make.court(TAP.replace('"vxlan"', '"vxlan", "vxlan"') + make.PRIMARY)
    assert twice.told(make.sent(tunnel=(through("vxlan:7"), through("vxlan:7"))))[0] == "approved"


def test_a_layer_whose_ends_are_not_told_is_unseen(make):
    court = make.court(make.PRIMARY)
    bare = (Encapsulation("gre"),)
    assert court.told(make.sent(tunnel=bare)) == ("indeterminate", "condition.unseen")
    assert court.told(make.sent(tunnel=(*bare, through()))) == ("unapproved", UNLISTED)
    assert court.told(make.sent(tunnel=bare, service_port=22)) == ("deviation", "service.port")
    assert court.told(make.sent(tunnel=bare, receiver_ip="192.0.2.18")) == ("indeterminate", "condition.unseen")
    assert court.told(make.sent(tunnel=(Encapsulation("pppoe:9"),)))[0] == "approved"
    assert make.court(TAP.replace('"vxlan"', '"gre"') + make.PRIMARY).told(make.sent(tunnel=bare))[0] == "approved"


def test_a_layer_to_an_address_of_translation_leads_to_its_zone(make):
    translated = '[[zone]]\nid = "branch"\ncidrs = ["10.1.0.0/16"]\nnat = ["203.0.113.5/32"]\n'
    sent = make.sent(tunnel=(through(receiver="203.0.113.5"),))
    assert make.court(translated + make.PRIMARY).told(sent)[0] == "approved"
    inside = TAP + 'side = "inside"\n'
    assert make.court(inside + translated + make.PRIMARY).told(sent)[1] == UNLISTED


def test_a_proxy_in_a_tunnel_to_a_stranger_is_unapproved_whatever_was_asked(make):
    proxy = '[[server]]\nid = "squid"\nrole = "proxy"\nmatch = { cidrs = ["198.51.100.31/32"] }\n'
    channel = '[[channel]]\nid = "s"\nfrom = ["precincts"]\nto = ["squid"]\n'
    text = proxy + channel + make.PRIMARY + 'via = ["squid"]\n'
    asked = {
        "receiver_ip": "198.51.100.31",
        "http_method": "CONNECT",
        "http_path": "ingest.results.example:8443",
        "http_hosts": ("ingest.results.example",),
        "app": "http",
    }
    assert make.court(text).told(make.sent(**asked))[0] == "approved"
    assert make.court(text).told(make.sent(**asked, tunnel=(through(),))) == ("unapproved", UNLISTED)


def test_private_addresses_inside_do_not_slip_out_of_scope(make):
    court = make.court(make.PRIMARY)
    inside = {"sender_ip": "10.0.0.1", "receiver_ip": "10.0.0.2", "names": ()}
    assert court.told(make.sent(**inside)) == ("out_of_scope", "scope.sender_outside")
    decision = court.derive(make.sent(**inside, tunnel=(through(),))).decision
    assert (decision.sender_zone, decision.reasons) == ("precincts", (UNLISTED, "destination.unlisted"))


def test_the_innermost_outer_sender_in_a_zone_says_whose_it_is(make):
    court = make.court(make.PRIMARY)
    layers = (through(sender="192.0.2.129"), through(sender="192.0.2.65"), through(sender="198.51.100.1"))
    inside = {"sender_ip": "10.0.0.1", "receiver_ip": "10.0.0.2", "names": ()}
    assert court.derive(make.sent(**inside, tunnel=layers)).decision.sender_zone == "collection"


def test_what_the_sensor_wrapped_says_nothing_of_the_sender(make):
    court = make.court(TAP + make.PRIMARY)
    inside = {"sender_ip": "10.0.0.1", "receiver_ip": "10.0.0.2", "names": ()}
    told = court.told(make.sent(**inside, tunnel=(through("erspan"),)))
    assert told == ("out_of_scope", "scope.sender_outside")


@pytest.mark.parametrize(
    "inner",
    [
        {"receiver_ip": "192.0.2.18"},
        {"receiver_ip": "239.1.2.3", "proto": "udp"},
        {"receiver_ip": "255.255.255.255", "proto": "udp"},
        {"proto": "udp", "sender_port": 68, "service_port": 67, "receiver_ip": "192.0.2.100"},
        {"proto": "icmp", "icmp_type": 3, "service_port": None},
        {"receiver_ip": "169.254.1.1"},
    ],
)
def test_what_would_be_out_of_scope_hides_no_unlisted_end(make, inner):
    court = make.court(make.PRIMARY)
    assert court.told(make.sent(**inner))[0] == "out_of_scope"
    assert court.told(make.sent(**inner, tunnel=(through(),))) == ("unapproved", UNLISTED)
    assert court.told(make.sent(**inner, tunnel=(through(receiver=GATEWAY),)))[0] == "out_of_scope"


def test_a_stranger_s_tunnel_between_strangers_is_out_of_scope(make):
    foreign = make.sent(sender_ip="198.51.100.1", tunnel=(through(sender="198.51.100.2"),))
    assert make.court(make.PRIMARY).told(foreign) == ("out_of_scope", "scope.sender_outside")


def test_prohibited_stays_prohibited(make):
    clear = '[[prohibited]]\nid = "clear"\nwhen = { cleartext = true }\n'
    court = make.court(make.PRIMARY + clear)
    for inner in ({}, {"receiver_ip": "192.0.2.18"}):
        sent = make.sent(app="http", tls_version=None, clear=True, tunnel=(through(),), **inner)
        decision = court.derive(sent).decision
        assert (decision.verdict, decision.reasons) == (Verdict.PROHIBITED, ("prohibited.matched", UNLISTED))
        assert decision.rule.id == "clear"


def test_an_exception_does_not_cover_the_tunnel(make):
    excepted = """
[[exception]]
id = "EX"
reason = "r"
applies = { zone = "precincts" }
from = 2026-11-01T00:00:00Z
until = 2026-11-08T00:00:00Z
"""
    court = make.court(excepted)
    assert court.told(make.sent())[0] == "excepted"
    assert court.told(make.sent(tunnel=(through(),))) == ("unapproved", UNLISTED)


def test_an_answer_comes_back_to_our_own_side(make):
    channel = '[[channel]]\nid = "c"\nfrom = ["precincts"]\nto = ["zone:collection"]\n'
    court = make.court(channel + HUB)
    request = make.sent(receiver_ip="192.0.2.70", names=(), tunnel=(through(receiver="203.0.113.40"),))
    answer = make.reply(request, tunnel=(through(sender="203.0.113.40", receiver=GATEWAY),))
    assert court.told(request)[0] == "approved"
    assert court.told(answer, request) == ("approved", "channel.answer")
    strange = make.sent(receiver_ip="192.0.2.70", names=(), tunnel=(through(),))
    back = make.reply(strange, tunnel=(through(sender=STRANGER, receiver=GATEWAY),))
    assert court.told(back, strange)[0] == "unapproved"


def test_the_unrecorded_opening_of_an_answer_ran_the_other_way_through_the_tunnel(make):
    """It began at the listed end, in no zone: that the answer left by a collection gateway permits nothing."""
    pull = '[[channel]]\nid = "c"\nfrom = ["collection"]\nto = ["zone:precincts"]\n'
    court = make.court(pull + HUB)
    opening = make.sent(sender_ip="10.0.0.1", receiver_ip="192.0.2.17", names=())
    out, in_ = through(sender="192.0.2.65", receiver="203.0.113.40"), through(sender="203.0.113.40", receiver=GATEWAY)
    assert court.told(make.reply(opening, tunnel=(out,))) == ("unapproved", "destination.unlisted")
    ours = make.sent(sender_ip="10.0.0.1", receiver_ip="192.0.2.17", names=(), tunnel=(through(sender="192.0.2.65"),))
    assert court.derive(ours).decision.sender_zone == "collection"
    assert court.told(make.reply(opening, tunnel=(in_,)))[0] == "unapproved"


def test_without_a_policy_what_leaves_in_a_tunnel_is_listed(make):
    sent = make.sent(sender_ip="10.0.0.1", receiver_ip="10.0.0.2", names=(), tunnel=(through(sender="10.0.0.9"),))
    judged = judge([sent], [], None, _nowhere)
    assert [one.reasons[0] for one in judged.decisions] == ["policy.none_given"]
    assert judged.decisions[0].checks[0].observed == f"gre to {STRANGER}"
    assert judged.findings == ()


def test_one_finding_a_far_end_whatever_runs_inside(make):
    court = make.court(make.PRIMARY)
    inner = [
        make.sent(flow=flow, receiver_ip=f"10.0.0.{flow}", service_port=flow, names=(), tunnel=(through(),))
        for flow in range(1, 5)
    ]
    other = make.sent(flow=9, tunnel=(through(receiver="203.0.113.67"),))
    findings = judge([*inner, other], [], court.policies, _nowhere).findings
    findings = tuple(one for one in findings if one.kind not in OF_THE_WHOLE)
    assert sorted(one.count for one in findings) == [1, 4]
    told = next(one for one in findings if one.count == 1)
    assert told.title == (
        "zone precincts sent to ingest.results.example at 198.51.100.20 (tcp/8443) through gre to 203.0.113.67: "
        "it ran in a tunnel whose far end is not on the approved list"
    )
    assert told.receiver is not None
    assert (told.service, told.receiver.address, told.receiver.port) == ("gre", "203.0.113.67", None)
    assert (told.server, told.names) == (None, ())


def test_the_far_end_is_the_destination_and_is_what_is_located(make):
    court = make.court(make.PRIMARY)
    judged = judge([make.sent(tunnel=(through(kind="vxlan:7"),))], [], court.policies, _nowhere)
    [row] = judged.destinations
    assert (row.address, row.port, row.proto, row.server, row.names) == (STRANGER, None, "vxlan:7", None, ())
    assert row.place is not None
    assert row.place.address == STRANGER
    assert judged.decisions[0].destination == (STRANGER, None, "vxlan:7")
    [direct] = judge([make.sent()], [], court.policies, _nowhere).destinations
    assert (direct.address, direct.port) == ("198.51.100.20", 8443)


def test_a_tunnel_s_end_is_used_by_what_ran_to_it(make):
    court = make.court(make.PRIMARY + HUB)
    for receiver, unused in (("203.0.113.40", False), ("192.0.2.1", True)):
        judged = judge([make.sent(tunnel=(through(receiver=receiver),))], [], court.policies, _nowhere)
        uses = {(one.rule.kind, one.rule.id): one.count for one in judged.uses}
        assert (uses["server", "hub"] == 0) is unused


def test_the_derivation_holds_every_layer(make):
    court = make.court(make.PRIMARY + HUB)
    layers = (through(receiver="203.0.113.40"), through(receiver=GATEWAY), through())
    told = [(one.rule.kind, one.rule.id, one.truth.value) for one in court.derive(make.sent(tunnel=layers)).tunnels]
    assert told == [("server", "hub", "true"), ("zone", "precincts", "true"), ("defaults", "unlisted", "false")]


def test_from_the_table_to_the_verdict(make):
    """The ends of a flow's tunnel are the initiator's and the responder's: each direction leads to the other."""
    gre: dict[str, Any] = {
        "tunnel": ["gre"],
        "dst_payload": 0,
        "sni": "ingest.results.example",
        "app": "tls",
        "tls_version": "1.3",
    }
    private = {"src_ip": "10.0.0.1", "dst_ip": "10.0.0.2"}
    pulled = {"src_ip": "10.0.0.1", "dst_ip": "192.0.2.70", "dst_payload": 9}
    cases: list[tuple[str, dict[str, Any]]] = [
        ("203.0.113.40", {}),
        (STRANGER, {}),
        (STRANGER, private),
        ("203.0.113.40", pulled),
    ]
    rows = [
        flow(first_record=n, last_record=n, tunnel_ends=[{"src": GATEWAY, "dst": end}], **(gre | inner))
        for n, (end, inner) in enumerate(cases, start=1)
    ]
    court = make.court(make.PRIMARY + HUB)
    found = judge(derive(flows(*rows), lookups(), ()), [], court.policies, _nowhere).decisions
    assert [(one.sender_zone, one.verdict.value, one.reasons[0].value) for one in found] == [
        ("precincts", "approved", "channel.approved"),
        ("precincts", "unapproved", UNLISTED),
        ("precincts", "unapproved", UNLISTED),
        ("precincts", "unapproved", "destination.name_listed_address_unlisted"),
        ("collection", "unapproved", "destination.unlisted"),
    ]


def _nowhere(address, _at):
    return Place(address=address)


ENDS = st.sampled_from([GATEWAY, "192.0.2.70", "203.0.113.40", STRANGER, "10.0.0.9", None])
LAYERS = st.lists(st.builds(Encapsulation, st.sampled_from(["gre", "vxlan:1", "pppoe"]), ENDS, ENDS), max_size=3)
INNER = st.fixed_dictionaries(
    {
        "sender_ip": st.sampled_from(["192.0.2.17", "10.0.0.1", "203.0.113.9"]),
        "receiver_ip": st.sampled_from(["198.51.100.20", "192.0.2.18", "192.0.2.70", "10.0.0.2", "239.1.1.1"]),
        "clear": st.sampled_from([None, True]),
    }
)
LAWS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@LAWS
@given(inner=INNER, layers=LAYERS)
def test_listing_an_end_never_makes_it_worse_and_a_tunnel_never_mends_a_violation(make, inner, layers):
    clear = '[[prohibited]]\nid = "clear"\nwhen = { cleartext = true }\n'
    bare, hubbed = make.court(make.PRIMARY + clear), make.court(make.PRIMARY + clear + HUB)
    sent = make.sent(**inner, tunnel=tuple(layers))
    before, after = bare.derive(sent).decision.verdict, hubbed.derive(sent).decision.verdict
    assert after.rank <= before.rank
    if bare.derive(make.sent(**inner)).decision.verdict.group is Group.VIOLATES:
        assert before.group is not Group.CONFORMS


@LAWS
@given(flows=st.lists(st.tuples(INNER, LAYERS), min_size=2, max_size=4), order=st.randoms())
def test_the_order_of_flows_changes_nothing(make, flows, order):
    court = make.court(make.PRIMARY + HUB)
    sent = [make.sent(flow=n, **inner, tunnel=tuple(layers)) for n, (inner, layers) in enumerate(flows)]
    mixed = sent[:]
    order.shuffle(mixed)
    policies: PolicySet = court.policies
    assert judge(sent, [], policies, _nowhere) == judge(mixed, [], policies, _nowhere)
