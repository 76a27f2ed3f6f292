"""Two policies over the same recordings: empty with itself, mirrored the other way, and what two audits say."""

from pathlib import Path

import msgspec
import pytest

from flowwatch.audit import audit
from flowwatch.model import Group, Verdict
from flowwatch.policy import load, parse
from flowwatch.policy.terms import PolicySet
from flowwatch.trial import Difference, difference

CAPTURES = Path(__file__).parents[2] / "captures"
GREAT = "cdn-publishing"
"""18,000 flows of three kinds, which say nothing that the others do not."""
CASES = sorted(path.parent for path in CAPTURES.glob("*/policy.toml") if path.parent.name != GREAT)
OTHER = load(CAPTURES / "approved-night" / "policy.toml")


def inputs(case: Path) -> list[Path]:
    return sorted(case.glob("input*"))


def mirrored(told: Difference) -> Difference:
    changes = [msgspec.structs.replace(one, before=one.after, after=one.before) for one in told.changes]
    return msgspec.structs.replace(told, old=told.new, new=told.old, changes=tuple(changes))


def as_set(told: Difference) -> tuple[object, ...]:
    parts = told.old, told.new, told.compared, told.lookups
    return *parts, {msgspec.json.encode(one) for one in told.changes}


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_a_policy_differs_from_itself_in_nothing(case):
    policies = load(case / "policy.toml")
    told = difference(policies, policies, inputs(case))
    assert told.changes == ()
    assert told.compared.count or told.lookups


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_the_other_way_round_is_the_mirror(case):
    policies = load(case / "policy.toml")
    there, back = (difference(*pair, inputs(case)) for pair in ((policies, OTHER), (OTHER, policies)))
    assert as_set(there) == as_set(mirrored(back))


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_it_says_what_two_audits_say(case):
    policies = load(case / "policy.toml")
    one, two = (audit(inputs(case), each) for each in (policies, OTHER))
    told = difference(policies, OTHER, inputs(case))
    before = {
        (each.transmission.ref, each.transmission.flow, each.transmission.opened_by): each for each in one.decisions
    }
    after = {
        (each.transmission.ref, each.transmission.flow, each.transmission.opened_by): each for each in two.decisions
    }
    if before.keys() != after.keys():
        pytest.skip("one policy places requests of a proxy that the other does not")
    changed = [before[key] for key in before if before[key].verdict is not after[key].verdict]
    sent = [each.tally for each in told.changes if each.address is not None]
    assert sum(each.count for each in sent) == len(changed)
    assert sum(each.bytes for each in sent) == sum(each.transmission.sent.least for each in changed)
    asked = zip(one.lookups, two.lookups, strict=True)
    lookups = [each.tally.count for each in told.changes if each.address is None]
    assert sum(lookups) == sum(old.verdict is not new.verdict for old, new in asked)


def test_what_comes_to_violate_stands_first_with_the_rule_and_reason_of_both():
    case = CAPTURES / "approved-night"
    text = (case / "policy.toml").read_text()
    new = PolicySet((parse(text.replace("198.51.100.20/32", "198.51.100.21/32")),))
    first, *rest = difference(OTHER, new, inputs(case)).changes
    assert first.before is not None
    assert first.after is not None
    assert (first.address, first.port, first.names) == ("198.51.100.20", 443, ("ingest.results.example",))
    assert first.groups == (Group.CONFORMS, Group.VIOLATES)
    assert first.before.rule is not None
    assert first.before.rule.id == "precinct-to-primary"
    assert first.after.reasons == ("destination.name_listed_address_unlisted",)
    assert (first.tally.count, first.tally.bytes) == (4, 36_000)
    assert [(one.address, one.asked) for one in rest] == [(None, ("ingest.results.example",))]


def test_a_zone_no_longer_declared_is_a_change():
    case = CAPTURES / "approved-night"
    text = (case / "policy.toml").read_text()
    new = PolicySet((parse(text.replace("192.0.2.128/26", "203.0.113.240/28")),))
    changes = difference(OTHER, new, inputs(case)).changes
    assert {one.after.verdict for one in changes if one.after} == {Verdict.OUT_OF_SCOPE}
    assert {zone for one in changes for zone in one.zones} == {"collection"}


def test_one_classifier_id_that_looks_for_two_things_is_told_apart():
    case = CAPTURES / "cleartext-results"
    old = load(case / "policy.toml")
    text = (case / "policy.toml").read_text()
    assert old.markers, "this case classifies by content"
    for marker in old.markers:
        text = text.replace(marker.pattern.decode(), "not in this recording")
    told = difference(old, PolicySet((parse(text),)), inputs(case))
    assert {one.before.verdict for one in told.changes if one.before} == {Verdict.PROHIBITED}
