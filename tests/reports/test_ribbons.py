import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.model import Amount, Group, Reason, Verdict
from flowwatch.reports import ribbons

VERDICTS = [Verdict.APPROVED, Verdict.UNAPPROVED, Verdict.INDETERMINATE, Verdict.DEVIATION, Verdict.OUT_OF_SCOPE]


@pytest.fixture(scope="module")
def sent(rich):
    """A decision: to which address, from which zone, with which verdict, how many bytes."""
    first = rich.decisions[0]

    def made(address, zone, verdict, count, **change):
        transmission = msgspec.structs.replace(
            first.transmission,
            receiver_ip=address,
            sent=Amount.exactly(count),
            attempted=not count,
            names=(),
        )
        reasons = (Reason.DESTINATION_UNLISTED,)
        fields = {"sender_zone": zone, "verdict": verdict, "reasons": reasons, "server": None} | change
        return msgspec.structs.replace(first, transmission=transmission, **fields)

    return made


ROWS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 9), st.sampled_from(VERDICTS), st.integers(0, 2**40)), max_size=60
)


@given(ROWS)
def test_nothing_is_lost_whatever_is_added_up(sent, rows):
    decisions = [sent(f"203.0.113.{a}", f"zone-{z}", verdict, count) for a, z, verdict, count in rows]
    judged = [one for one in decisions if one.verdict.group is not Group.OUT_OF_SCOPE]
    drawn = ribbons.drawn(decisions)
    for part in (drawn.ribbons, drawn.ends):
        assert sum(one.transmissions for one in part) == len(judged)
        assert sum(one.sent.least for one in part) == sum(one.transmission.sent.least for one in judged)
        assert sum(one.attempts for one in part) == sum(one.transmission.attempted for one in judged)
    assert sum(one.sent.least for one in drawn.zones) == sum(one.sent.least for one in drawn.ends)
    assert sum(one.merged for one in drawn.ends) == len({one.transmission.receiver_ip for one in judged})
    for group in Group:
        assert sum(one.sent.least for one in drawn.ribbons if one.group is group) == sum(
            one.transmission.sent.least for one in judged if one.verdict.group is group
        )
    assert len(drawn.zones) <= ribbons.ZONES_TOLD + 1
    assert len(drawn.ends) <= ribbons.TOLD + 3


@given(ROWS)
def test_zones_do_not_overlap_and_everything_is_within_the_height(sent, rows):
    drawn = ribbons.drawn([sent(f"203.0.113.{a}", f"zone-{z}", verdict, count) for a, z, verdict, count in rows])
    below = 0.0
    for zone in drawn.zones:
        assert zone.top >= below
        below = zone.top + zone.height
    assert below <= drawn.height + 0.1
    for one in drawn.ribbons:
        assert max(map(float, re.findall(r",(-?[\d.]+)", one.path))) <= drawn.height + 0.1
        assert min(map(float, re.findall(r",(-?[\d.]+)", one.path))) >= -0.1
    for at in range(len(drawn.ends)):
        assert sum(one.width for one in drawn.ribbons if one.end == at) <= ribbons.PITCH


def test_the_worst_stand_first_then_the_most_bytes(sent):
    drawn = ribbons.drawn(
        [
            sent("203.0.113.1", "a", Verdict.APPROVED, 9_000),
            sent("203.0.113.2", "a", Verdict.INDETERMINATE, 10),
            sent("203.0.113.3", "a", Verdict.UNAPPROVED, 5),
            sent("203.0.113.4", "a", Verdict.UNAPPROVED, 50),
        ]
    )
    assert [one.title[-1] for one in drawn.ends] == ["4", "3", "2", "1"]


def test_a_server_is_one_destination_with_all_its_addresses_and_what_only_resembles_it_is_not(sent):
    drawn = ribbons.drawn(
        [
            sent("198.51.100.20", "a", Verdict.APPROVED, 100, server="primary"),
            sent("198.51.100.21", "a", Verdict.DEVIATION, 100, server="primary"),
            sent("203.0.113.9", "a", Verdict.UNAPPROVED, 100, server="primary"),
        ]
    )
    titles = {one.title: one for one in drawn.ends}
    assert set(titles) == {"primary", "203.0.113.9"}
    assert titles["primary"].where == "XA, 198.51.100.20 and 1 more"
    assert titles["primary"].marks == [Group.VIOLATES, Group.CONFORMS]


def test_what_went_through_a_proxy_is_named_by_what_was_asked_of_it(sent):
    asked = {"via": "squid", "asked": "up.example", "place": None}
    drawn = ribbons.drawn([sent("192.0.2.8", "a", Verdict.UNAPPROVED, 100, **asked)])
    assert (drawn.ends[0].title, drawn.ends[0].where) == ("up.example", "through proxy squid, known by name only")


def test_attempts_alone_are_a_line_and_said(sent):
    drawn = ribbons.drawn([sent("203.0.113.1", "a", Verdict.UNAPPROVED, 0)])
    assert drawn.ribbons[0].tried
    assert not drawn.ribbons[0].path.endswith("Z")
    assert drawn.ends[0].amount == "1 attempt"


def test_the_rest_is_counted_by_group(sent):
    many = [sent(f"203.0.113.{n}", "a", Verdict.UNAPPROVED, n) for n in range(1, ribbons.TOLD + 3)]
    many += [sent(f"198.51.100.{n}", "a", Verdict.APPROVED, n) for n in range(1, 2 + 3)]
    many += [sent("2001:db8::1", "a", Verdict.INDETERMINATE, 1)]
    assert [one.title for one in ribbons.drawn(many).ends[ribbons.TOLD :]] == [
        "2 more that violate",
        "2001:db8::1",
        "4 more that conform",
    ]


def test_nothing_judged_is_nothing_drawn():
    assert ribbons.drawn([]) == ribbons.Diagram(zones=(), ends=(), ribbons=(), height=0.0)
