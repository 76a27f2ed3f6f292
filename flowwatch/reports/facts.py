"""What is told of a finding, fact by fact, on the screen and in a message: the same words in the same order.

Promises: a fact that is not there is left out; what is cut is counted and said. Observed text is returned as it is: the
sink escapes it.
"""

from collections.abc import Mapping, Sequence

from flowwatch.model import ClaimAnswer, Evidence, Finding, SeenName, Truth
from flowwatch.reports import claims, phrases, placed

NAMES_TOLD = 4
CHECKS_TOLD = 4
RECORDS_TOLD = 2


def finding(one: Finding, sources: Mapping[str, str]) -> list[tuple[str, str]]:
    """Its facts as (what, told), a name of nothing where one continues the last; `sources` as of `source_names`."""
    differing = [phrases.check(check) for check in one.checks if check.truth is not Truth.TRUE]
    facts = [
        ("seen", phrases.how_much(one)),
        ("from", phrases.senders(one)),
        (
            "asked" if one.of_lookups else "to",
            phrases.bounded(one.asked) if one.of_lookups and one.asked else phrases.receiver(one),
        ),
        ("answered", phrases.receiver(one) if one.of_lookups and one.receiver else ""),
        ("names", ", ".join(names(one.names)) or ("" if one.of_lookups or one.receiver is None else "none seen")),
        ("place", placed.place(one.place) if one.place else placed.unplaced(one) if one.receiver else ""),
        ("labels", ", ".join(label.name for label in one.labels)),
        ("reason", f"{one.kind}: {one.kind.sentence}"),
        ("rule", phrases.rule(one.rule)),
        *[("", check) for check in differing[:CHECKS_TOLD]],
        *[("note", f"{note}: {note.sentence}") for note in one.notes],
        ("confidence", f"{one.confidence}, {one.confidence_why}" if one.confidence_why else one.confidence.value),
        ("records", "; ".join(_records(one.evidence, sources))),
        ("next", one.remedy),
        ("id", one.id),
    ]
    return [(key, value) for key, value in facts if value]


def claim(one: ClaimAnswer, sources: Mapping[str, str]) -> list[tuple[str, str]]:
    """What the answer to a claim rests on, as of `finding`; all that is missing, however much."""
    facts = [
        ("claim", phrases.bounded(one.says)),
        ("time", claims.time(one)),
        ("observed", claims.counts(one)),
        *[("missing" if not at else "", phrases.bounded(what)) for at, what in enumerate(one.missing)],
        ("records", "; ".join(_records(one.evidence, sources))),
        ("rule", phrases.rule(one.rule)),
        ("finding", one.finding or ""),
    ]
    return [(key, value) for key, value in facts if value]


def names(seen: Sequence[SeenName]) -> list[str]:
    """The strongest names, each with its evidence classes, and how many more there are."""
    found = phrases.names(seen)
    told = [f"{name} ({classes})" for name, classes in found[:NAMES_TOLD]]
    more = len(found) - NAMES_TOLD
    return [*told, f"and {phrases.plural(more, 'more name', 'more names')}"] if more > 0 else told


def _records(evidence: Sequence[Evidence], sources: Mapping[str, str]) -> list[str]:
    told = [phrases.record(one, sources) for one in evidence[:RECORDS_TOLD]]
    more = len(evidence) - RECORDS_TOLD
    return [*told, f"and {phrases.number(more)} more"] if more > 0 else told
