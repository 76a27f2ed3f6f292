"""The answering direction of an approved flow is approved with it, unless it bears a label that is not carried."""

import pytest

from flowwatch.model import Amount

HAND_IN = """
[[channel]]
id = "hand-in"
from = ["precincts"]
to = ["zone:collection"]
service = { ports = [8443] }
carries = ["results"]
"""


@pytest.fixture
def request_(make):
    return make.sent(receiver_ip="192.0.2.70", names=())


def test_the_answer_of_an_approved_flow_is_approved(make, request_):
    court = make.court(HAND_IN)
    decision = court.derive(make.reply(request_), request_).decision
    assert (decision.verdict, decision.reasons, decision.rule.id) == ("approved", ("channel.answer",), "hand-in")


def test_unless_it_bears_a_label_the_channel_does_not_carry(make, request_):
    court = make.court(HAND_IN)
    answer = make.reply(request_)
    assert court.told(answer, request_, labels=("results",))[0] == "approved"
    told = court.told(answer, request_, labels=("bulk",))
    assert told == ("unapproved", "channel.none_to_zone", "label.not_carried")


def test_a_possible_label_that_is_not_carried_is_unseen(make, request_):
    bulk = '[[classifier]]\nid = "big"\nlabel = "bulk"\nany = [{ bytes_out_min = 100_000 }]\n'
    court = make.court(HAND_IN + bulk)
    assert court.told(make.reply(request_, sent=Amount(0, 200_000)), request_) == ("indeterminate", "condition.unseen")


def test_any_permit_of_the_opening_may_carry_it(make, request_):
    more = HAND_IN.replace("hand-in", "a-first").replace('carries = ["results"]\n', "")
    assert make.court(HAND_IN + more).told(make.reply(request_), request_, labels=("results",))[0] == "approved"


def test_the_answer_of_an_unapproved_flow_is_judged_on_its_own(make, request_):
    court = make.court(HAND_IN)
    wrong = make.sent(receiver_ip="192.0.2.70", names=(), service_port=22)
    assert court.told(make.reply(wrong), wrong) == ("unapproved", "channel.none_to_zone")


def test_the_answer_of_an_undecided_flow_is_undecided(make, request_):
    court = make.court(HAND_IN + "when = [{ from = 2026-11-03T00:00:00Z, until = 2026-11-04T00:00:00Z }]\n")
    begun = make.sent(receiver_ip="192.0.2.70", names=(), begun_before=True)
    assert court.told(make.reply(begun), begun) == ("indeterminate", "time.begun_before_recording")


def test_the_answer_of_an_excepted_flow_is_excepted(make, request_):
    exception = """
[[exception]]
id = "EX-1"
applies = { to = { cidrs = ["192.0.2.70/32"] } }
reason = "test"
from = 2026-11-01T00:00:00Z
until = 2026-11-05T00:00:00Z
"""
    told = make.court(exception).told(make.reply(request_), request_)
    assert told == ("excepted", "channel.answer", "exception.applies")


def test_a_prohibition_reaches_answers(make, request_):
    barred = '[[prohibited]]\nid = "p"\nwhen = { zone = "collection" }\n'
    assert make.court(HAND_IN + barred).told(make.reply(request_), request_)[0] == "prohibited"


def test_an_opening_that_was_not_recorded_is_supposed(make, request_):
    assert make.court(HAND_IN).told(make.reply(request_))[0] == "approved"
    wrong = make.sent(receiver_ip="192.0.2.70", names=(), service_port=22)
    assert make.court(HAND_IN).told(make.reply(wrong))[0] == "unapproved"


def test_a_listed_server_that_pulls_needs_a_channel_it_may_open(make):
    pull = make.sent(sender_ip="198.51.100.20", receiver_ip="192.0.2.17", names=())
    text = make.PRIMARY.replace('id = "primary"', 'id = "primary"\ndedicated = true')
    assert make.court(text).told(make.reply(pull), pull) == ("deviation", "channel.opened_by")
    assert make.court(text + 'opened_by = "receiver"\n').told(make.reply(pull), pull)[0] == "approved"


def test_a_download_request_is_judged_as_the_little_it_sent(make):
    request = make.sent(receiver_ip="203.0.113.9", names=(), sent=Amount.exactly(300))
    decision = make.court(make.PRIMARY).derive(request).decision
    assert (decision.verdict, decision.severity) == ("unapproved", "low")
