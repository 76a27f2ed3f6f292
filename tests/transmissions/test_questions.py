"""Rows of LOOKUPS as structs."""

from flowwatch.model import Answer, Ref
from flowwatch.transmissions import questions
from tests.transmissions.tables import lookup, lookups


def test_a_row_keeps_its_place_and_its_answers_in_order():
    row = lookup(("a", "CNAME", "b", 1), ("b", "A", "192.0.2.1", None), record=3, answer_record=5, answer_offset=99)
    (one,) = questions(lookups(row))
    assert one.ref == Ref("a.pcap", 3, 5, 24)
    assert one.answers == (Answer("a", "CNAME", "b", 1), Answer("b", "A", "192.0.2.1", None))
    assert one.flags == ("rd", "ra")


def test_a_question_without_an_answer_is_not_one_with_an_empty_answer():
    unanswered, empty = questions(lookups(lookup(answers=None, rcode=None, time=None, asked=7), lookup()))
    assert (unanswered.answers, unanswered.rcode, unanswered.time) == (None, None, 7)
    assert empty.answers == ()


def test_no_row_is_left_out():
    null = dict.fromkeys(lookup(), None) | {"source": "x", "record": 1}
    assert len(questions(lookups(null, null, lookup()))) == 3


def test_a_resolver_that_asks_beside_its_clients_asks_for_them():
    upstream = lookup(vantage="upstream", client_ip=None)
    own = lookup(vantage="upstream", client_ip="192.0.2.53")
    (_, asked, named) = questions(lookups(lookup(vantage="client"), upstream, own))
    assert (asked.recursion, named.recursion) == (True, False)
    elsewhere = lookup(vantage="upstream", client_ip=None, source="b.fstrm")
    assert not any(one.recursion for one in questions(lookups(lookup(vantage="client"), elsewhere)))
