"""Whether a recording would have held what is missing."""

import pytest

from flowwatch.judge.night.recorded import Recorded
from flowwatch.judge.rulebook import Rulebook
from flowwatch.model import Coverage, Skip
from flowwatch.policy import parse

MINUTE = 60 * 10**9
POLICY = """
[[server]]
id = "primary"
match = { cidrs = ["198.51.100.20/32"] }
[[channel]]
id = "up"
from = ["precincts", "192.0.2.128/28"]
to = ["primary"]
"""


@pytest.fixture
def throughout(make):
    """Whether the senders were recorded over these minutes by sources over those."""

    def run(since, until, *sources, policy=""):
        book = Rulebook.of(parse(make.BASE + POLICY + policy))
        told = [one if isinstance(one, Coverage) else source(*one) for one in sources]
        return Recorded(told).throughout(book, book.channels[0], since * MINUTE, until * MINUTE)

    return run


def source(first, last, name="tap.pcap", **changes):
    fields = {"source": name, "flows": 1, "used": 1, "first": first * MINUTE, "last": last * MINUTE}
    return Coverage(**fields | changes)


def test_one_source_or_several_that_follow_one_another(throughout):
    assert throughout(0, 60, (0, 60))
    assert throughout(0, 60, (30, 60), (0, 29))
    assert not throughout(0, 60, (0, 20), (40, 60))
    assert not throughout(0, 60, (20, 60))
    assert not throughout(0, 60, (0, 40))
    assert not throughout(0, 60)


def test_a_short_quiet_is_no_gap_and_another_day_is(throughout):
    assert throughout(0, 60, (5, 55))
    assert not throughout(0, 60, (6, 55))
    assert not throughout(0, 4, (1000, 1060))
    assert not throughout(0, 0, (1000, 1060))


def test_what_was_not_read_in_full_or_holds_no_flows_shows_nothing(throughout):
    assert not throughout(0, 60, source(0, 60, drops=1))
    assert not throughout(0, 60, source(0, 60, error=Skip("x", "x")))
    assert not throughout(0, 60, source(0, 60, flows=0, lookups=3))
    assert throughout(0, 60, source(0, 60, flows=0, link_types=("ethernet",)))
    assert not throughout(0, 60, Coverage(source="tap.pcap", flows=1, used=1))


def test_a_sensor_shows_the_zones_it_sees(throughout):
    sensor = '[[sensor]]\nid = "t"\nsources = ["tap.pcap"]\nsees = {}\n'
    assert not throughout(0, 60, (0, 60), policy=sensor.format('["precincts"]'))
    assert throughout(0, 60, (0, 60), policy=sensor.format('["precincts", "office"]'))
    assert throughout(0, 60, (0, 60), (0, 60, "b.pcap"), policy=sensor.format('["precincts"]'))


def test_the_first_gap_is_told_without_the_quiet_at_its_edges(make):
    book = Rulebook.of(parse(make.BASE + POLICY))

    def gap(since, until, *spans):
        found = Recorded([source(*span) for span in spans]).gap(book, "precincts", since * MINUTE, until * MINUTE)
        return None if found is None else tuple(at // MINUTE for at in found)

    assert gap(0, 60, (0, 60)) is None
    assert gap(0, 60, (4, 56)) is None
    assert gap(0, 60) == (0, 60)
    assert gap(0, 60, (20, 60)) == (0, 20)
    assert gap(0, 60, (0, 20), (40, 60)) == (20, 40)
    assert gap(0, 60, (0, 40)) == (40, 60)
    assert gap(0, 60, (0, 20), (90, 100)) == (20, 60)
    assert gap(0, 4, (90, 100)) == (0, 4)


def test_the_time_of_sources_that_hold_flows(make):
    told = [source(10, 20), source(0, 90, "dns.log", flows=0), source(5, 15, "b.pcap", drops=1)]
    assert Recorded(told).of_flows == (5 * MINUTE, 20 * MINUTE)
    assert Recorded(told[1:2]).of_flows is None
