"""Channels to `any`: in small, read, and with nothing but what is public; never more than the rest of the policy."""

import pytest

from flowwatch.model import Amount, OpenedBy

ANY = """
[[channel]]
id = "out"
from = ["precincts"]
to = ["any"]
service = { proto = "tcp", ports = [8443] }
limits = { bytes_out_per_flow = 50_000 }
"""
THERE = {"receiver_ip": "203.0.113.9", "names": ()}
UNLISTED = ("unapproved", "destination.unlisted")


@pytest.fixture
def small(make):
    """200 bytes to a stranger, too few to be called unread."""
    return lambda **changes: make.sent(**(THERE | {"sent": Amount.exactly(200)} | changes))


def test_whoever_the_receiver_is(make, small):
    court = make.court(ANY)
    decision = court.derive(small()).decision
    assert (decision.verdict, decision.rule.id, decision.server) == ("approved", "out", None)
    for there in ("2001:db8::9", "192.0.2.70", "198.51.100.53"):
        assert court.told(small(receiver_ip=there))[0] == "approved"


def test_what_else_differs_leaves_it_unapproved_as_if_there_were_no_channel(make, small):
    court = make.court(ANY)
    assert court.told(small(service_port=22)) == UNLISTED
    assert court.told(small(proto="udp")) == UNLISTED
    assert court.told(small(opened_by=OpenedBy.RECEIVER)) == UNLISTED
    assert court.told(small(sender_ip="192.0.2.70")) == UNLISTED
    assert court.told(small(), labels=("results",)) == UNLISTED
    assert court.told(small(), labels=("public",)) == UNLISTED
    assert make.court(ANY + 'carries = ["public"]\n').told(small(), labels=("public",))[0] == "approved"


def test_what_could_not_be_read_is_not_shown_to_bear_no_label(make, small):
    court = make.court(ANY)
    assert court.told(small(sent=Amount.exactly(20_000))) == ("indeterminate", "label.unread")
    assert court.told(small(sent=Amount.exactly(20_000), clear=True))[0] == "approved"
    known = '[[classifier]]\nid = "p"\nlabel = "public"\nany = [{ from_zone = "precincts", dst_port = 8443 }]\n'
    public = make.court(ANY + 'carries = ["public"]\n' + known)
    assert public.told(small(sent=Amount.exactly(20_000)))[0] == "approved"


def test_more_than_a_flow_may_have_is_not_the_channel_s(make, small):
    court = make.court(ANY)
    assert court.told(small(sent=Amount.exactly(50_001))) == UNLISTED
    assert court.told(small(sent=Amount.exactly(50_001), clear=True)) == UNLISTED
    assert court.told(small(sent=Amount(10, 60_000), clear=True)) == ("indeterminate", "condition.unseen")
    assert court.told(small(sent=Amount.exactly(50_000), clear=True))[0] == "approved"


def test_it_never_overrides_what_is_prohibited(make, small):
    bar = '[[prohibited]]\nid = "there"\nwhen = { to = { cidrs = ["203.0.113.0/24"] } }\n'
    assert make.court(ANY + bar).told(small()) == ("prohibited", "prohibited.matched")


def test_a_listed_server_stays_what_it_is(make):
    court = make.court(make.PRIMARY + ANY)
    decision = court.derive(make.sent(), labels=("results",)).decision
    assert (decision.verdict, decision.rule.id) == ("approved", "up")
    assert court.told(make.sent(sent=Amount.exactly(90_000)), labels=("bulk",)) == ("deviation", "label.not_carried")


def test_what_is_asked_of_a_proxy_is_no_business_of_it(make, small):
    proxy = '[[server]]\nid = "squid"\nrole = "proxy"\nmatch = { cidrs = ["198.51.100.31/32"] }\n'
    asked = {"receiver_ip": "198.51.100.31", "http_method": "GET", "http_hosts": ("drop.test",), "app": "http"}
    told = make.court(ANY + proxy).told(small(**asked, tls_version=None, clear=True))
    assert told[0] != "approved"
