"""Prohibitions override channels; only an exception that names one lifts it."""

import pytest

from flowwatch.model import Amount, NameClass

CLEAR = '[[prohibited]]\nid = "no-clear"\nwhen = { labels = ["results"], cleartext = true }\n'
EXCEPTION = """
[[exception]]
id = "EX-1"
applies = { zone = "precincts" }
carries = ["results"]
lifts = LIFTS
reason = "rehearsal"
from = 2026-11-01T00:00:00Z
until = 2026-11-05T00:00:00Z
"""


def test_a_prohibition_overrides_a_channel(make):
    court = make.court(make.PRIMARY + CLEAR)
    clear = make.sent(clear=True)
    assert court.told(clear, labels=("results",)) == ("prohibited", "prohibited.matched")
    assert court.derive(clear, labels=("results",)).decision.severity == "high"
    assert court.told(clear, labels=("bulk",))[0] == "deviation"


@pytest.mark.parametrize("clear", [False, None])
def test_cleartext_holds_only_where_payload_was_read_in_clear(make, clear):
    assert make.court(make.PRIMARY + CLEAR).told(make.sent(clear=clear), labels=("results",))[0] == "approved"


def test_its_own_severity_overrides(make):
    court = make.court(make.PRIMARY + CLEAR + 'severity = "low"\n')
    assert court.derive(make.sent(clear=True), labels=("results",)).decision.severity == "low"
    worse = CLEAR.replace("no-clear", "z-clear") + 'severity = "critical"\n'
    both = make.court(make.PRIMARY + CLEAR + worse)
    assert both.derive(make.sent(clear=True), labels=("results",)).decision.severity == "critical"


def test_only_an_exception_that_names_it_lifts_it(make):
    clear = make.sent(clear=True)
    named = make.court(make.PRIMARY + CLEAR + EXCEPTION.replace("LIFTS", '["no-clear"]'))
    silent = make.court(make.PRIMARY + CLEAR + EXCEPTION.replace("LIFTS", "[]"))
    assert named.told(clear, labels=("results",)) == ("excepted", "exception.applies")
    assert silent.told(clear, labels=("results",))[0] == "prohibited"


def test_an_unseen_condition_makes_an_approved_flow_indeterminate(make):
    bulk = '[[classifier]]\nid = "big"\nlabel = "bulk"\nany = [{ bytes_out_min = 1_000 }]\n'
    none = '[[prohibited]]\nid = "no-bulk"\nwhen = { labels = ["bulk"] }\n'
    text = make.PRIMARY.replace('["results"]', '["bulk"]') + bulk + none
    court = make.court(text)
    assert court.told(make.sent(sent=Amount(10, 2_000))) == ("indeterminate", "prohibited.unseen")
    assert court.told(make.sent(sent=Amount(10, 999)))[0] == "approved"
    assert court.told(make.sent(sent=Amount(1_000, 2_000)))[0] == "prohibited"
    stranger = make.sent(sent=Amount(10, 2_000), receiver_ip="203.0.113.9", names=())
    assert court.told(stranger)[0] == "unapproved"
    assert "prohibited.unseen" in court.notes(stranger)


def test_a_prohibited_name_need_not_be_bound(make):
    text = '[[prohibited]]\nid = "no-x"\nwhen = { to = { names = ["**.x.example"] } }\n'
    court = make.court(make.PRIMARY + text)
    to = {"receiver_ip": "203.0.113.9"}
    assert court.told(make.sent(names=make.used("a.x.example"), **to))[0] == "prohibited"
    assert court.told(make.sent(names=make.answer("a.x.example"), **to))[0] == "prohibited"
    assert court.told(make.sent())[0] == "approved"


def test_a_certificate_for_a_prohibited_name_is_never_taken_for_absence(make):
    text = '[[prohibited]]\nid = "no-x"\nwhen = { to = { names = ["**.x.example"] } }\n'
    court = make.court(make.PRIMARY.replace(', names = ["ingest.results.example"]', "") + text)
    shown = make.used("a.x.example", evidence=NameClass.CERTIFICATE)
    recorded = {"lookups_recorded_since": 0, "tls_version": "1.2"}
    assert court.told(make.sent(names=shown, **recorded)) == ("indeterminate", "prohibited.unseen")
    assert court.told(make.sent(names=(), **recorded))[0] == "approved"


def test_a_nat64_address_is_prohibited_with_its_inner_one(make):
    text = '[[prohibited]]\nid = "p"\nwhen = { to = { cidrs = ["203.0.113.0/24"] } }\n'
    names = make.used("up.vendor.example") + make.answer("up.vendor.example")
    told = make.court(make.CLOUD + text).told(make.sent(receiver_ip="64:ff9b::cb00:7109", names=names))
    assert told == ("prohibited", "prohibited.matched")
    own = text.replace("203.0.113.0/24", "64:ff9b::/64")
    assert (
        make.court(make.CLOUD + own).told(make.sent(receiver_ip="64:ff9b::cb00:7109", names=names))[0] == "prohibited"
    )


def test_zone_service_and_address(make):
    when = 'zone = "precincts", to = { cidrs = ["198.51.100.0/24"] }, service = { proto = "tcp", ports = [8443] }'
    court = make.court(make.PRIMARY + f'[[prohibited]]\nid = "p"\nwhen = {{ {when} }}\n')
    assert court.told(make.sent())[0] == "prohibited"
    assert court.told(make.sent(service_port=22))[0] == "deviation"
    assert court.told(make.sent(sender_ip="192.0.2.70"))[0] == "unapproved"


def test_unread_may_be_prohibited(make):
    court = make.court(make.PRIMARY + '[[prohibited]]\nid = "p"\nwhen = { labels = ["unread"] }\n')
    assert court.told(make.sent())[0] == "prohibited"
    assert court.told(make.sent(sent=Amount.exactly(10)))[0] == "approved"


@pytest.mark.parametrize("clear", [True, False, None])
def test_where_a_marker_was_found_payload_was_read_in_clear(make, clear):
    marker = '[[classifier]]\nid = "document"\nlabel = "results"\nany = [{ payload_contains = "<results" }]\n'
    court = make.court(make.PRIMARY + CLEAR + marker)
    assert court.told(make.sent(clear=clear, markers=("document",)))[0] == "prohibited"
    assert court.told(make.sent(clear=clear, markers=()))[0] == "approved"


def test_an_answer_in_clear_is_prohibited_too(make):
    marker = '[[classifier]]\nid = "document"\nlabel = "results"\nany = [{ payload_contains = "<results" }]\n'
    court = make.court(make.PRIMARY + CLEAR + marker)
    request = make.sent(sender_ip="203.0.113.9", receiver_ip="192.0.2.17", clear=True, markers=())
    assert court.told(make.reply(request, clear=True, markers=("document",)), request)[0] == "prohibited"
