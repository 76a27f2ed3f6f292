"""Entries that nothing in the recording used."""

from flowwatch.judge import judge
from flowwatch.model import Place

MORE = '[[lookup]]\nnames = ["a.example"]\n[[prohibited]]\nid = "p"\nwhen = { zone = "office" }\n'


def _unused(make, *transmissions, lookups=()):
    court = make.court(make.PRIMARY + MORE)
    judged = judge(transmissions, lookups, court.policies, lambda address, _at: Place(address=address), [])
    return [(rule.kind, rule.id) for rule in judged.unused]


def test_what_nothing_used_is_listed(make):
    everything = [
        ("server", "dns"),
        ("server", "primary"),
        ("channel", "up"),
        ("lookup", "lookup-1"),
        ("prohibited", "p"),
    ]
    assert _unused(make, make.sent(receiver_ip="203.0.113.9", names=())) == everything
    assert _unused(make, make.sent()) == [("server", "dns"), ("lookup", "lookup-1"), ("prohibited", "p")]
    asked = make.asked("a.example")
    assert _unused(make, make.sent(), lookups=[asked]) == [("prohibited", "p")]
    assert _unused(make, make.sent(sender_ip="192.0.2.140"))[-1] == ("lookup", "lookup-1")


def test_nothing_recorded_says_nothing_of_use(make):
    assert _unused(make) == []
