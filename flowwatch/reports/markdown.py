"""The Report as Markdown for tickets and mail: headline, coverage, findings, stages, destinations.

Promises: text written by strangers stands in code spans (`escape.code`), so that it is no markup, link, mention or
image anywhere; what is left out is counted and said. GitHub's dialect, of which only tables are more than CommonMark.
"""

from collections.abc import Iterable, Sequence

from flowwatch.model import ClaimAnswer, Coverage, Destination, Finding, Group, Report, Stage, Tally, Truth
from flowwatch.reports import claims, coverage, facts, phrases, placed, stages
from flowwatch.reports.escape import code, prose

SOURCES_TOLD = 50
CLAIMS_TOLD = 100
FINDINGS_TOLD = 100
DESTINATIONS_TOLD = 100
STAGES_TOLD = 60
NAMES_TOLD = 4
RECORDS_TOLD = 3

_MORE = "... and {} more; all of them are in `--format jsonl`."


def render(report: Report) -> str:
    """The whole text, ending in a line end, to be stored as UTF-8."""
    besides = (phrases.in_names(report.findings), phrases.of_the_whole(report.findings), phrases.no_history(report))
    notices = [*besides, "" if report.policies else phrases.NO_POLICY]
    blocks = [
        "# Where result data went",
        phrases.headline(report, code),
        *(f"**{one}**" for one in notices if one),
        _verdicts(report),
        *_coverage(report.coverage),
        *_claims(report),
        *_findings(report),
        *_stages(report),
        *_destinations(report.destinations),
        *_basis(report),
    ]
    return "\n\n".join(blocks) + "\n"


def _verdicts(report: Report) -> str:
    lines: list[tuple[str, ...]] = []
    for group in Group:
        lines.append(_tally(f"**{phrases.words(group)}**", report.group(group)))
        for name, tally in report.within(group).items():
            lines.append(_tally(phrases.words(name.removeprefix("scope.")), tally))
    return _table(("verdict", ">transmissions", ">attempts", ">bytes sent"), lines)


def _tally(name: str, tally: Tally) -> tuple[str, ...]:
    sent = phrases.sent(tally.sent)
    return name, phrases.number(tally.count), phrases.number(tally.attempts), sent


def _coverage(sources: Sequence[Coverage]) -> list[str]:
    whole = sum(not one.incomplete for one in sources)
    said = f"{phrases.number(whole)} of {phrases.plural(len(sources), 'source')} read in full."
    told = [_source(one) for one in sources[:SOURCES_TOLD]]
    return ["## Coverage", said, *(["\n".join(told)] if told else []), *_left(len(sources) - len(told))]


def _source(one: Coverage) -> str:
    remarks = coverage.remarks(one)
    counts = [prose(line) for line in coverage.lines(one) if line not in remarks]
    lines = [code(coverage.identity(one)), *counts, *map(code, remarks)]
    return "\n".join([f"- {code(one.source)}: {coverage.status(one)}", *(f"  - {line}" for line in lines)])


def _claims(report: Report) -> list[str]:
    if not report.claims:
        return []
    names = phrases.source_names(report.coverage)
    told = [_claim(one, names) for one in report.claims[:CLAIMS_TOLD]]
    said = f"{claims.told(report.claims)}."
    return ["## Claims", said, *told, *_left(len(report.claims) - len(told))]


def _claim(one: ClaimAnswer, sources: dict[str, str]) -> str:
    lines = [f"- {what or 'missing'}: {code(told)}" for what, told in facts.claim(one, sources)]
    return "\n".join([f"### {phrases.words(one.outcome)}: {code(one.rule.id)}", "", *lines])


def _findings(report: Report) -> list[str]:
    names = phrases.source_names(report.coverage)
    told = report.findings[:FINDINGS_TOLD]
    blocks = [block for at, one in enumerate(told, 1) for block in _finding(at, one, names)]
    said = f"{phrases.by_severity(report.findings)}."
    return ["## Findings", said[0].upper() + said[1:], *blocks, *_left(len(report.findings) - len(told))]


def _finding(at: int, one: Finding, sources: dict[str, str]) -> tuple[str, str]:
    facts = [
        ("verdict", phrases.words(one.verdict)),
        ("reason", f"{one.kind.sentence} (`{one.kind}`)"),
        ("seen", prose(phrases.how_much(one))),
        ("from", code(said) if (said := phrases.senders(one)) else ""),
        ("asked for", code(phrases.bounded(one.asked)) if one.of_lookups and one.asked else ""),
        ("answered with" if one.of_lookups else "to", code(phrases.receiver(one)) if one.receiver else ""),
        ("names", ", ".join(_names(one))),
        ("place", code(placed.place(one.place) if one.place else placed.unplaced(one)) if one.receiver else ""),
        ("carries", ", ".join(prose(label.name) for label in one.labels)),
        ("rule", prose(phrases.rule(one.rule))),
        *[("condition", code(phrases.check(check))) for check in one.checks if check.truth is not Truth.TRUE],
        *[("note", f"{note.sentence} (`{note}`)") for note in one.notes],
        ("confidence", f"{one.confidence}, {one.confidence_why}" if one.confidence_why else one.confidence.value),
        ("records", _records(one, sources)),
        ("next", one.remedy),
        ("finding", f"`{one.id}`"),
    ]
    title = f"### {at}. {one.severity}: {code(phrases.bounded(one.title))}"
    return title, "\n".join(f"- {what}: {told}" for what, told in facts if told)


def _names(one: Finding | Destination) -> list[str]:
    found = phrases.names(one.names)
    told = [f"{code(name)} ({classes})" for name, classes in found[:NAMES_TOLD]]
    left = len(found) - NAMES_TOLD
    return [*told, f"and {phrases.number(left)} more"] if left > 0 else told


def _records(one: Finding, sources: dict[str, str]) -> str:
    told = [code(phrases.record(item, sources)) for item in one.evidence[:RECORDS_TOLD]]
    left = len(one.evidence) - RECORDS_TOLD
    return "; ".join([*told, f"and {phrases.number(left)} more"] if left > 0 else told)


def _stages(report: Report) -> list[str]:
    """Every night with its stages; nothing where no channel has a stage."""
    told = report.stages[:STAGES_TOLD]
    blocks = []
    for night in stages.nights(told):
        blocks.append(f"What their channels approve, {stages.night(night[0])}:")
        blocks.append("\n".join(map(_stage, night)))
    return [*(["## Stages"] if told else []), *blocks, *_left(len(report.stages) - len(told))]


def _stage(one: Stage) -> str:
    return "\n".join([f"- stage {one.number}", *(f"  - {key}: {code(value)}" for key, value in stages.facts(one))])


def _destinations(destinations: Sequence[Destination]) -> list[str]:
    titles = ("verdict", "destination", "names", "located", "registered", "operated", ">transmissions", ">sent")
    told = [_destination(one) for one in destinations[:DESTINATIONS_TOLD]]
    said = f"{phrases.number(len(destinations))}, worst verdict first." if told else "None."
    table = [_table(titles, told)] if told else []
    return ["## Destinations", said, *table, *_left(len(destinations) - len(told))]


def _destination(one: Destination) -> tuple[str, ...]:
    server = f", {prose(phrases.server(one.server, one.worst))}" if one.server else ""
    place = one.place
    return (
        phrases.words(one.worst),
        f"{code(phrases.destination(one))}{server}",
        ", ".join(_names(one)) or "none seen",
        prose(placed.located(place) if place else placed.unplaced(one)),
        prose(placed.registered(place)),
        code(placed.operated(place)),
        phrases.number(one.transmissions),
        phrases.sent(one.sent),
    )


def _basis(report: Report) -> list[str]:
    policies = [f"- policy: {code(phrases.policy(one))}" for one in report.policies] or ["- policy: none"]
    places = [f"- location data: {code(phrases.reference(one))}" for one in report.reference]
    return ["## Judged with", "\n".join([f"- flowwatch {report.version}", *policies, *places])]


def _table(titles: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table; a column named `>x` is `x` set to the right."""
    rule = ["--:" if title.startswith(">") else "---" for title in titles]
    rows = [[title.removeprefix(">") for title in titles], rule, *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _left(count: int) -> list[str]:
    return [_MORE.format(phrases.number(count))] if count > 0 else []
