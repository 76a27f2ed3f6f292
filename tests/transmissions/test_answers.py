"""Following aliases from a question to its addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.model import Answer
from flowwatch.transmissions.answers import resolved

A = Answer


def found(asked, *answers):
    return list(resolved(asked, answers))


def test_the_chain_leads_from_the_name_asked_to_the_owner_of_the_address_whatever_the_order():
    records = [A("b.test", "A", "192.0.2.1", 30), A("a.example", "CNAME", "b.test", 60)]
    for order in (records, records[::-1]):
        assert found("a.example", *order) == [("192.0.2.1", ("b.test",), 30)]


def test_the_least_ttl_on_the_way_counts():
    assert found("a.example", A("a.example", "CNAME", "b.test", 5), A("b.test", "A", "192.0.2.1", 3600))[0][2] == 5


@pytest.mark.parametrize("ttls", [(None, 60), (60, None)])
def test_a_ttl_missing_on_the_way_is_unknown(ttls):
    chain = A("a.example", "CNAME", "b.test", ttls[0]), A("b.test", "A", "192.0.2.1", ttls[1])
    assert found("a.example", *chain)[0][2] is None


def test_a_ttl_with_the_highest_bit_is_zero():
    assert found("a.example", A("a.example", "A", "192.0.2.1", 1 << 31))[0][2] == 0


def test_a_dname_moves_a_whole_tree():
    records = A("old.example", "DNAME", "new.test", 60), A("x.new.test", "AAAA", "2001:db8::1", 60)
    assert found("x.old.example", *records) == [("2001:db8::1", ("x.new.test",), 60)]


def test_an_address_the_aliases_do_not_reach_keeps_its_owner_as_alias():
    assert found("a.example", A("else.test", "A", "192.0.2.1", 9)) == [("192.0.2.1", ("else.test",), 9)]


def test_loops_and_trees_below_themselves_end():
    assert found("a.test", A("a.test", "CNAME", "b.test", 1), A("b.test", "CNAME", "a.test", 1)) == []
    grown = A("a.test", "DNAME", "x.a.test", 1), A("y.a.test", "A", "192.0.2.1", 1)
    assert found("y.a.test", *grown)[0][0] == "192.0.2.1"


def test_records_without_owner_follow_one_another_and_those_without_type_say_nothing():
    records = A("", "CNAME", "b.test", 60), A("", "A", "192.0.2.1", 30), A("", "AAAA", "2001:db8:0::1", 40)
    assert found("a.example", A("", "", "192.0.2.9", 1), A("a.example", "", "c.test", 1)) == []
    assert found("a.example", *records) == [("192.0.2.1", ("b.test",), 30), ("2001:db8::1", ("b.test",), 40)]


names = st.sampled_from(["a.test", "b.test", "c.b.test", "", "d.c.b.test", "test"])
records = st.builds(
    Answer,
    names,
    st.sampled_from(["A", "CNAME", "DNAME", "TXT", ""]),
    st.one_of(names, st.just("192.0.2.1"), st.text(max_size=5)),
    st.one_of(st.none(), st.integers(0, 2**32 - 1)),
)


@given(names, st.lists(records, max_size=12))
def test_any_message_ends(asked, answers):
    for address, chain, ttl in resolved(asked, answers):
        assert address.count(".") == 3 or ":" in address
        assert len(chain) <= 65
        assert ttl is None or 0 <= ttl < 1 << 31
