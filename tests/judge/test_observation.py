"""Which names a flow used and which are bound to the address."""

import pytest

from flowwatch.judge.observation import observe, ties
from flowwatch.judge.rulebook import Rulebook
from flowwatch.model import NameClass, OpenedBy
from flowwatch.policy import parse


@pytest.fixture
def seen(make):
    book = Rulebook.of(parse(make.BASE))
    return lambda **changes: observe(make.sent(**changes), book)


def test_used_names_are_distinct_hosts_without_port(seen, make):
    both = make.used("A.example.") + make.used("b.example", evidence=NameClass.HTTP_HOST)
    found = seen(names=both, http_hosts=("b.example:8080", "c.example:", "[2001:db8::1]:80", "198.51.100.20", ""))
    assert [used.text for used in found.used] == ["a.example", "b.example", "c.example"]


def test_answers_and_outer_names_are_not_used(seen, make):
    assert seen(names=make.answer("a.example") + make.used("b.example", outer=True)).used == ()


def test_names_of_the_responder_do_not_name_one_who_pulls(seen, make):
    assert seen(names=make.used("a.example"), http_hosts=("a.example",), opened_by=OpenedBy.RECEIVER).used == ()


def test_what_binds(seen, make):
    names = (
        make.answer("a.example")
        + make.answer("b.example", resolver="203.0.113.53")
        + make.answer("c.example", evidence=NameClass.ANSWER_STALE)
        + make.used("d.example", evidence=NameClass.CERTIFICATE)
        + make.used("e.example", evidence=NameClass.OVERRIDE)
    )
    found = seen(names=names)
    assert {name.name for name in found.bound} == {"a.example", "d.example"}
    assert {name.name for name in found.live} == {"a.example", "b.example"}


def test_a_certificates_star_stands_for_one_label(make):
    (star,) = make.used("*.results.example", evidence=NameClass.CERTIFICATE)
    assert ties(star, "a.results.example")
    assert not ties(star, "a.b.results.example")
    assert not ties(star, "results.example")
    assert not ties(make.answer("*.results.example")[0], "a.results.example")
