"""The case `rehearsal-then-night`: learning from the rehearsals gives the draft that is kept, which approves them."""

from pathlib import Path

import pytest

from flowwatch.audit import audit
from flowwatch.model import Group
from flowwatch.policy import load
from flowwatch.policy.match import Cidr
from flowwatch.policy.terms import Zone
from flowwatch.trial import difference, learn, whole

CASE = Path(__file__).parents[2] / "captures" / "rehearsal-then-night"
REHEARSALS = ["rehearsal-1.pcap", "rehearsal-2.pcap", "rehearsal-3.pcap"]
ZONES = (
    Zone(id="precincts", cidrs=(Cidr.parse("192.0.2.0/25"),)),
    Zone(id="collection", cidrs=(Cidr.parse("192.0.2.128/26"),)),
)


@pytest.fixture(autouse=True)
def _in_its_folder(monkeypatch):
    monkeypatch.chdir(CASE)


def test_what_is_learned_is_the_draft_that_is_kept():
    assert whole(learn(REHEARSALS, ZONES)) == Path("draft.toml").read_text()


def test_the_draft_approves_each_rehearsal_and_the_review_all_but_the_maker():
    for rehearsal in REHEARSALS:
        drafted = audit([rehearsal], "draft.toml")
        assert drafted.group(Group.CONFORMS).count == drafted.judged > 0
        reviewed = audit([rehearsal], "policy.toml")
        against = {one.transmission.receiver_ip for one in reviewed.decisions if one.verdict.group is Group.VIOLATES}
        assert against == ({"203.0.113.150"} if rehearsal == REHEARSALS[0] else set())


def test_the_night_has_two_things_beyond_the_draft_and_the_review_one_more():
    told = difference(load(Path("draft.toml")), load(Path("policy.toml")), ["input.pcap"])
    assert {one.address or one.asked for one in told.changes} == {"203.0.113.150", ("support.vendor.example",)}
    night = audit(["input.pcap"], "draft.toml")
    beyond = [one.transmission for one in night.decisions if one.verdict.group is Group.VIOLATES]
    assert sorted((one.receiver_ip, one.receiver_port) for one in beyond) == [
        ("198.51.100.20", 8443),
        ("203.0.113.77", 443),
    ]
