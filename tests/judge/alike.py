"""Judging columns held against judging one by one, which is the oracle."""

import msgspec
import numpy as np

from flowwatch.judge import judge
from flowwatch.judge.decisions import Decisions
from flowwatch.judge.past.met import met
from flowwatch.model import Destination, Finding, NameClass

WAYS = """
[[server]]
id = "proxy"
role = "proxy"
match = { cidrs = ["198.51.100.4/31", "192.0.2.2/31"], names = ["p.test"] }
[[server]]
id = "dns"
role = "resolver"
match = { cidrs = ["203.0.113.53/32"] }
[[server]]
id = "far"
role = "tunnel"
match = { cidrs = ["203.0.113.66/32"] }
"""
"""Servers that data goes by: a proxy, a resolver, the far end of a tunnel."""


def judged_alike(sent, asked, policy, locate, coverage=()):
    """The judgement one by one, that on columns being the same.

    What a cohort's first says must be true of each, but for the words of what was observed. Of a name in a finding or
    destination columns may show the record, client and time of another that tells the same name in the same class.
    """
    places: dict[object, object] = {}

    def located(address, at):
        found = locate(address, at)
        return places.setdefault(found, found)  # equal ones are one, as those of a Locator

    columns, each = (judge(given, asked, policy, located, coverage) for given in (sent, list(sent)))
    assert list(columns.decisions) == list(each.decisions)
    assert isinstance(columns.decisions, Decisions)
    by_cohort = columns.decisions.like(np.arange(len(sent)))
    assert [unworded(one) for one in by_cohort] == [unworded(one) for one in each.decisions]
    assert _met(columns.decisions) == _met(each.decisions)
    for name in columns.__struct_fields__:
        if name != "decisions":
            assert _but_evidence(getattr(columns, name)) == _but_evidence(getattr(each, name)), name
    return each


def _met(decisions):
    """What is compared with earlier nights."""
    return [msgspec.structs.replace(one, decision=one.decision.transmission) for one in met(decisions)]


def numbered_alike(sent, binding):
    """Equal numbers of columns say the same of what answers told of the receiver, and of who recorded lookups."""
    columns = sent.columns
    told: dict[int, object] = {}
    recorded: dict[int, object] = {}
    for place, one in enumerate(sent):
        said = tuple(_binding_names(one, binding)), one.names_cut
        assert told.setdefault(int(columns.answers[place]), said) == said
        assert recorded.setdefault(int(columns.recorded[place]), one.lookups_recorded) == one.lookups_recorded
        assert bool(columns.names_cut[place]) == one.names_cut
        assert {since.start for since in one.lookups_recorded} <= columns.recorded_since


def _binding_names(sent, binding):
    """What answers bind to the receiver for the sender, or perhaps for its zone."""
    for one in sent.names:
        said = one.name, one.evidence, one.chain, one.resolver, one.exact, one.from_before_capture
        if one.evidence is NameClass.ANSWER_SAME_CLIENT:
            yield said
        elif one.evidence is NameClass.ANSWER_OTHER_CLIENT and binding.client == "same_zone":
            yield (*said, one.client, one.ref and one.ref.source)


def unworded(decision):
    """The decision without what was observed in words."""
    checks = tuple((one.what, one.truth, one.declared, one.reason) for one in decision.checks)
    return msgspec.structs.replace(decision, checks=checks)


def _but_evidence(told):
    """Of findings and destinations names and their classes, without which evidence of several that are alike."""
    if not isinstance(told, tuple):
        return told
    return [
        msgspec.structs.replace(one, names=[(name.name, name.evidence) for name in one.names])
        if isinstance(one, Finding | Destination)
        else one
        for one in told
    ]
