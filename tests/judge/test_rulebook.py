"""A policy made ready to judge by."""

import pytest

from flowwatch.judge.rulebook import Matcher, Rulebook
from flowwatch.policy import parse
from flowwatch.policy.match import Cidr, NamePattern
from flowwatch.policy.terms import ServerMatch


@pytest.fixture
def book(make):
    inner = '[[zone]]\nid = "desk"\ncidrs = ["192.0.2.16/28"]\nwithin = "precincts"\n'
    return Rulebook.of(parse(make.BASE + make.PRIMARY + inner))


def test_zones_by_longest_prefix_with_the_zones_around_them(book):
    assert book.zone("192.0.2.17", "tap.pcap") == "desk"
    assert book.zone("192.0.2.1", "tap.pcap") == "precincts"
    assert book.zone("203.0.113.1", "tap.pcap") is None
    assert book.chain("desk") == ("desk", "precincts")
    assert book.chain(None) == ()


def test_servers_by_address(book):
    assert book.listed_addresses("198.51.100.20") == ("primary",)
    assert book.listed_addresses("203.0.113.1") == ()
    assert book.resolvers.lookup("198.51.100.53") == "dns"


def test_a_matcher_remembers_without_filling_the_memory(monkeypatch):
    monkeypatch.setattr("flowwatch.judge.rulebook._MEMO", 4)
    match = ServerMatch(
        cidrs=(Cidr.parse("198.51.100.0/30"),),
        names=(NamePattern.parse("**.results.example"),),
        aliases=(NamePattern.parse("a.cdn.example"),),
    )
    matcher = Matcher(match)
    for _ in range(2):
        for number in range(10):
            assert matcher.address(f"198.51.100.{number}") is (number < 4)
            assert matcher.name(f"{number}.results.example")
    assert matcher.alias("a.cdn.example")
    assert not matcher.name("a.cdn.example")


def test_without_a_policy_private_addresses_are_zone_local():
    book = Rulebook.without_policy()
    for address in ("10.0.0.1", "172.31.0.1", "192.168.1.1", "fd00::1", "100.64.0.1"):
        assert book.zone(address, "tap.pcap") == "local"
    assert book.zone("198.51.100.20", "tap.pcap") is None
