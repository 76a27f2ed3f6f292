"""What is out of scope, each with its reason, and what is not."""

import pytest

from flowwatch.judge import Bench
from flowwatch.model import OpenedBy, Place


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("scope.sender_outside", {"sender_ip": "203.0.113.9"}),
        ("scope.within_zone", {"receiver_ip": "192.0.2.18"}),
        ("scope.multicast", {"receiver_ip": "239.1.2.3", "proto": "udp"}),
        ("scope.multicast", {"receiver_ip": "ff02::fb", "proto": "udp"}),
        ("scope.broadcast", {"receiver_ip": "255.255.255.255", "proto": "udp"}),
        ("scope.broadcast", {"receiver_ip": "192.0.2.127", "proto": "udp"}),
        ("scope.link_local", {"receiver_ip": "169.254.1.1"}),
        ("scope.link_local", {"sender_ip": "fe80::1", "receiver_ip": "2001:db8::1", "proto": "icmp6"}),
        (
            "scope.dhcp",
            {"proto": "udp", "sender_port": 68, "service_port": 67, "receiver_ip": "192.0.2.100"},
        ),
        ("scope.dhcp", {"proto": "udp", "sender_port": 546, "service_port": 547, "receiver_ip": "ff02::1:2"}),
        ("scope.icmp_error", {"proto": "icmp", "icmp_type": 3, "service_port": None}),
        ("scope.icmp_error", {"proto": "icmp6", "icmp_type": 1, "service_port": None}),
    ],
)
def test_out_of_scope(make, reason, changes):
    assert make.court(make.PRIMARY).told(make.sent(**changes)) == ("out_of_scope", reason)


@pytest.mark.parametrize(
    "changes",
    [
        {"proto": "icmp", "icmp_type": 8, "service_port": None},
        {"proto": "icmp", "icmp_type": 128, "service_port": None},
        {"proto": "icmp6", "icmp_type": 3 + 125, "service_port": None},
        {"proto": "udp", "sender_port": 50_000, "service_port": 67, "receiver_ip": "203.0.113.9"},
        {"proto": "udp", "sender_port": 68, "service_port": 67, "receiver_ip": "203.0.113.9"},
        {"proto": "tcp", "sender_port": 68, "service_port": 67, "receiver_ip": "192.0.2.100"},
        {"receiver_ip": "192.0.2.100"},
    ],
)
def test_in_scope(make, changes):
    assert make.court(make.PRIMARY).told(make.sent(names=(), **changes))[0] in ("unapproved", "deviation")


def test_within_a_zone_unless_to_a_listed_server(make):
    server = """
[[server]]
id = "inner"
match = { cidrs = ["192.0.2.10/32"] }
[[server]]
id = "by-name"
match = { names = ["box.example"] }
"""
    court = make.court(server)
    assert court.told(make.sent(receiver_ip="192.0.2.10"))[0] == "unapproved"
    assert court.told(make.sent(receiver_ip="192.0.2.11", names=make.used("box.example")))[0] == "unapproved"
    assert court.told(make.sent(receiver_ip="192.0.2.11"))[0] == "out_of_scope"


def test_the_longest_prefix_wins_and_zone_to_zone_is_judged(make):
    inner = """
[[zone]]
id = "desk"
cidrs = ["192.0.2.16/28"]
"""
    court = make.court(inner)
    decision = court.derive(make.sent(receiver_ip="192.0.2.40")).decision
    assert (decision.sender_zone, decision.receiver_zone) == ("desk", "precincts")
    assert court.told(make.sent(receiver_ip="192.0.2.40")) == ("unapproved", "channel.none_to_zone")


def test_a_31_has_no_broadcast_address(make):
    court = make.court('[[zone]]\nid = "link"\ncidrs = ["203.0.113.0/31"]\n')
    assert court.told(make.sent(receiver_ip="203.0.113.1"))[0] == "unapproved"


@pytest.mark.parametrize("proto", ["tcp", "sctp"])
def test_a_connection_is_with_a_host_whatever_its_address(make, proto):
    """Declared networks need not be the ones on the wire: their last address may be a host's."""
    told = make.court(make.PRIMARY).told(make.sent(receiver_ip="192.0.2.127", proto=proto, names=()))
    assert told == ("unapproved", "channel.none_to_zone")


def test_a_stranger_who_pulls_makes_the_answer_judged(make):
    request = make.sent(sender_ip="203.0.113.9", receiver_ip="192.0.2.17")
    answer = make.reply(request)
    court = make.court(make.PRIMARY)
    assert court.told(request) == ("out_of_scope", "scope.sender_outside")
    assert court.told(answer, request) == ("unapproved", "destination.unlisted")
    assert answer.opened_by is OpenedBy.RECEIVER


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        (("192.168.7.2", "192.168.7.3"), ("indeterminate", "policy.none_given")),
        (("127.0.0.1", "127.0.0.1"), ("indeterminate", "policy.none_given")),
        (("192.168.7.2", "203.0.113.9"), ("indeterminate", "policy.none_given")),
        (("203.0.113.9", "192.168.7.2"), ("out_of_scope", "scope.sender_outside")),
    ],
)
def test_without_a_policy_all_but_what_comes_in_is_listed(make, ends, told):
    sender, receiver = ends
    bench = Bench(None, lambda address, _at: Place(address=address))
    decision = bench.derive(make.sent(sender_ip=sender, receiver_ip=receiver, names=())).decision
    assert (str(decision.verdict), str(decision.reasons[0])) == told
