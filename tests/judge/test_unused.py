"""How often entries were used, and which nothing used."""

from flowwatch.judge import judge
from flowwatch.model import Place

MORE = '[[lookup]]\nnames = ["a.example"]\n[[prohibited]]\nid = "p"\nwhen = { zone = "office" }\n'


def _uses(make, *transmissions, lookups=(), more=MORE):
    court = make.court(make.PRIMARY + more)
    return judge(transmissions, lookups, court.policies, lambda address, _at: Place(address=address), []).uses


def _unused(make, *transmissions, lookups=()):
    found = [one.rule for one in _uses(make, *transmissions, lookups=lookups) if not one.count]
    return [(rule.kind, rule.id) for rule in found if rule.kind != "zone"]


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
    assert _uses(make) == ()


def test_each_use_is_counted_with_the_time_of_the_last(make):
    first, last = make.sent(), make.sent(start=make.NOON + make.HOUR, end=make.NOON + 2 * make.HOUR)
    uses = {(one.rule.kind, one.rule.id): one for one in _uses(make, first, last, lookups=[make.asked("a.example")])}
    assert (uses["channel", "up"].count, uses["channel", "up"].last) == (2, last.end)
    assert uses["server", "primary"].count == 2
    assert (uses["lookup", "lookup-1"].count, uses["server", "dns"].count) == (1, 1)
    assert (uses["prohibited", "p"].count, uses["prohibited", "p"].last) == (0, None)


def test_a_zone_is_used_by_what_is_sent_from_it_or_from_one_within_it(make):
    booth = '[[zone]]\nid = "booth"\nwithin = "precincts"\ncidrs = ["192.0.2.16/28"]\n'
    uses = {one.rule.id: one.count for one in _uses(make, make.sent(), more=booth) if one.rule.kind == "zone"}
    assert uses == {"booth": 1, "precincts": 1, "collection": 0, "office": 0}
