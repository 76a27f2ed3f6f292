"""The screen a team reads first: headline, verdicts, coverage, findings, stages, destinations, what was asked and used.

Promises: printable ASCII and line ends only (colour aside, and that on a terminal only; NO_COLOR is honoured); nothing
observed reaches the terminal unescaped; what is left out is counted and said. Readable from 80 columns up.
"""

import io
from collections.abc import Iterable, Sequence
from typing import BinaryIO

from rich import box
from rich.align import VerticalAlignMethod
from rich.console import Console, RenderableType
from rich.segment import Segment, Segments
from rich.table import Table
from rich.text import Text

from flowwatch.model import (
    Coverage,
    Destination,
    Group,
    OpenedBy,
    Report,
    Severity,
    Tally,
)
from flowwatch.reports import claims, coverage, facts, phrases, placed, stages
from flowwatch.reports.escape import terminal
from flowwatch.reports.gathered import Line, gathered

PLAIN_WIDTH = 100
"""Columns of a screen written to a file or a pipe."""
SOURCES_TOLD = 20
CLAIMS_TOLD = 40
FINDINGS_TOLD = 40
TOLD_IN_FULL = Severity.MEDIUM
"""Findings below it take two lines each."""
DESTINATIONS_TOLD = 40
STAGES_TOLD = 24
ENTRIES_TOLD = 20

_MORE = "... and {} more {}(use --format jsonl)"
_BELOW = 17
_RULED = box.Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)

_GROUP_STYLE = {
    Group.CONFORMS: "green",
    Group.VIOLATES: "red",
    Group.CANNOT_TELL: "yellow",
    Group.OUT_OF_SCOPE: "dim",
}
_SEVERITY_STYLE = {
    Severity.CRITICAL: "bold red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.INFO: "dim",
}


def write(report: Report, file: BinaryIO) -> None:
    """The screen as bytes: coloured and as wide as the terminal where `file` is one, else plain."""
    buffer = io.StringIO()
    if file.isatty():
        console = Console(file=buffer, force_terminal=True)
    else:
        console = Console(file=buffer, force_terminal=False, color_system=None, width=PLAIN_WIDTH)
    render(report, console)
    file.write(buffer.getvalue().encode("ascii", "backslashreplace"))


def render(report: Report, console: Console) -> None:
    """Print the whole screen on `console`."""
    _say(console, _seen(phrases.headline(report), "bold"))
    whole = phrases.of_the_whole(report.findings), phrases.no_history(report)
    for besides in filter(None, (phrases.in_names(report.findings), *whole)):
        _say(console, _seen(besides, "bold"))
    _verdicts(report, console)
    _coverage(report.coverage, console)
    _claims(report, console)
    _findings(report, console)
    _stages(report, console)
    _destinations(report.destinations, console)
    _lookups(report, console)
    _uses(report, console)
    _basis(report, console)
    if not report.policies:
        console.print()
        _say(console, _seen(phrases.NO_POLICY, "bold"))


def _verdicts(report: Report, console: Console) -> None:
    _heading(console, "VERDICTS", "over transmissions")
    table = _table("", ">transmissions", ">attempts", ">bytes sent", "")
    most = max((report.group(group).count for group in Group), default=0)
    for group in Group:
        total = report.group(group)
        bar = "#" * -(-total.count * 24 // most) if most else ""
        table.add_row(*_tally_cells(group, total), Text(bar), style=_GROUP_STYLE[group])
        for name, tally in report.within(group).items():
            table.add_row(*_tally_cells(f"  {name.removeprefix('scope.')}", tally), "", style="dim")
    _say(console, table)


def _tally_cells(name: str, tally: Tally) -> tuple[Text, Text, Text, Text]:
    counts = (
        phrases.number(tally.count),
        phrases.number(tally.attempts),
        phrases.sent(tally.sent),
    )
    return (Text(phrases.words(name)), *map(Text, counts))  # type: ignore[return-value]  # four, as counted


def _coverage(sources: Sequence[Coverage], console: Console) -> None:
    partial = sum(one.incomplete for one in sources)
    _heading(console, "COVERAGE", f"{phrases.plural(len(sources), 'source')}, {phrases.number(partial)} incomplete")
    told = _sources_told(sources)
    for one in told:
        title = _seen(one.source, "bold")
        title.append(f"  {coverage.status(one)}", "yellow" if one.incomplete else "green")
        _say(console, title)
        for line in (coverage.identity(one), *coverage.lines(one)):
            _say(console, _seen(line), indent=4)
    if len(told) < len(sources):
        hidden = partial - sum(one.incomplete for one in told)
        _say_more(console, len(sources) - len(told), f"sources, {phrases.number(hidden)} of them incomplete ")


def _sources_told(sources: Sequence[Coverage]) -> list[Coverage]:
    """Incomplete sources go first into the room there is; the order stays."""
    ranked = sorted(range(len(sources)), key=lambda at: (not sources[at].incomplete, at))
    return [sources[at] for at in sorted(ranked[:SOURCES_TOLD])]


def _claims(report: Report, console: Console) -> None:
    if not report.claims:
        return
    _heading(console, "CLAIMS", claims.told(report.claims))
    names = phrases.source_names(report.coverage)
    for at, one in enumerate(report.claims[:CLAIMS_TOLD]):
        if at:
            console.print()
        title = Text(f"{phrases.words(one.outcome)}  ", _GROUP_STYLE[claims.group(one.outcome)])
        _say(console, title.append_text(_seen(one.rule.id, "bold")))
        _say(console, _facts(facts.claim(one, names)), indent=4)
    _say_more(console, len(report.claims) - CLAIMS_TOLD)


def _findings(report: Report, console: Console) -> None:
    """Findings in full from `medium` up; lesser ones in two lines each."""
    _heading(console, "FINDINGS", phrases.by_severity(report.findings))
    names = phrases.source_names(report.coverage)
    for at, one in enumerate(report.findings[:FINDINGS_TOLD]):
        whole = one.severity.rank >= TOLD_IN_FULL.rank
        if at and whole:
            console.print()
        if at and not whole and report.findings[at - 1].severity.rank >= TOLD_IN_FULL.rank:
            console.print()
        title = Text(f"{one.severity}  ", _SEVERITY_STYLE[one.severity])
        title.append_text(_seen(phrases.bounded(one.title), "bold"))
        _say(console, title)
        if whole:
            _say(console, _facts(facts.finding(one, names)), indent=4)
        else:
            told = (phrases.how_much(one), phrases.senders(one), f"id {one.id}")
            _say(console, _seen("; ".join(filter(None, told))), indent=4)
    _say_more(console, len(report.findings) - FINDINGS_TOLD)


def _stages(report: Report, console: Console) -> None:
    """Every night with its stages; nothing where no channel has a stage."""
    left = STAGES_TOLD
    for night in stages.nights(report.stages):
        if left > 0:
            _heading(console, "STAGES", f"what their channels approve, {stages.night(night[0])}")
        for one in night[: max(left, 0)]:
            _say(console, Text(f"stage {one.number}", "bold"))
            _say(console, _facts(stages.facts(one)), indent=4)
        left -= len(night)
    _say_more(console, -left, "stages ")


def _destinations(destinations: Sequence[Destination], console: Console) -> None:
    _heading(console, "DESTINATIONS", f"{phrases.number(len(destinations))}, worst verdict first")
    if not destinations:
        return
    titles = ("verdict", "destination", "trans-\nmissions", "\nsent", "acknow-\nledged", "\nattempts")
    _say(console, _destination_line([Text(title, "dim") for title in titles], "bottom"))
    _say(console, Text("-" * (console.width - 2), "dim"))
    shown = gathered(destinations)[:DESTINATIONS_TOLD]
    for one in shown:
        _say(console, _destination_line(_destination_cells(one.told)))
        for line in _destination_facts(one):
            _say(console, _seen(line), indent=_BELOW)
    _say_more(console, len(destinations) - sum(one.addresses for one in shown))


def _destination_line(cells: list[Text], vertical: VerticalAlignMethod = "top") -> Table:
    """One line of the destinations table, its columns fixed: what is told below a line takes the whole width."""
    line = Table.grid(padding=(0, 1, 0, 0), expand=True)
    line.add_column(width=_BELOW - 3, overflow="fold", vertical=vertical)
    line.add_column(ratio=1, overflow="fold", vertical=vertical)
    for width in (8, 11, 9, 8):
        line.add_column(width=width, overflow="fold", justify="right", vertical=vertical)
    line.add_row(*cells)
    return line


def _destination_cells(one: Destination) -> list[Text]:
    acked = "unseen" if one.bytes_acked is None else phrases.size(one.bytes_acked)
    counts = (phrases.number(one.transmissions), phrases.sent(one.sent), acked)
    verdict = Text(phrases.words(one.worst), _GROUP_STYLE[one.worst.group])
    where = _seen(phrases.destination(one), "bold")
    return [verdict, where, *map(Text, (*counts, phrases.number(one.attempts)))]


def _destination_facts(line: Line) -> list[str]:
    one = line.told
    server = [phrases.server(one.server, one.worst)] if one.server else []
    zone = [f"zone {one.zone}"] if one.zone else []
    pulled = [phrases.OPENED_ITSELF] if one.opened_by is OpenedBy.RECEIVER else []
    where = placed.place(one.place) if one.place else f"place {placed.unplaced(one)}"
    if line.addresses > 1 and one.place is None:
        where = "at different places, or none known (use --format jsonl)"
    known = ", ".join([*server, *zone, *pulled])
    return [*([known] if known else []), *(facts.names(one.names) or ["no name seen"]), where]


def _lookups(report: Report, console: Console) -> None:
    _heading(console, "LOOKUPS", "counted apart from transmissions")
    said = phrases.lookups(report.lookup_verdicts)
    _say(console, Text(f"{said}. {phrases.LOOKUPS_ALONE}" if report.lookups else said))


def _uses(report: Report, console: Console) -> None:
    if not report.uses:
        return
    used = len(report.uses) - len(report.unused)
    _heading(console, "POLICY ENTRIES", f"{phrases.number(used)} of {phrases.number(len(report.uses))} used here")
    said = [f"{one.rule.kind} {one.rule.id} {phrases.number(one.count)}" for one in report.uses if one.count]
    _say(console, _seen(", ".join(said[:ENTRIES_TOLD])))
    _say_more(console, len(said) - ENTRIES_TOLD)
    if report.unused:
        unused = ", ".join(f"{one.kind} {one.id}" for one in report.unused[:ENTRIES_TOLD])
        _say(console, _seen(f"not used: {unused}"))
        _say_more(console, len(report.unused) - ENTRIES_TOLD)


def _basis(report: Report, console: Console) -> None:
    _heading(console, "JUDGED WITH", f"flowwatch {report.version}")
    basis = [("policy", phrases.policy(one)) for one in report.policies] or [("policy", "none")]
    basis += [("places", phrases.reference(one)) for one in report.reference]
    _say(console, _facts(basis))


def _heading(console: Console, title: str, said: str) -> None:
    console.print()
    _say(console, Text(title, "bold").append(f"  {terminal(said)}", "not bold"), indent=0)


def _say(console: Console, what: RenderableType, indent: int = 2) -> None:
    options = console.options.update_width(console.width - indent)
    for line in console.render_lines(what, options, pad=False):
        console.print(Segments([Segment(" " * indent), *_trimmed(line), Segment.line()]), end="")


def _trimmed(line: list[Segment]) -> list[Segment]:
    """The line without blanks at its end."""
    kept = list(line)
    while kept and not kept[-1].text.rstrip():
        kept.pop()
    if kept:
        kept[-1] = Segment(kept[-1].text.rstrip(), kept[-1].style)
    return kept


def _say_more(console: Console, count: int, what: str = "") -> None:
    if count > 0:
        _say(console, Text(_MORE.format(phrases.number(count), what), "dim"))


def _seen(text: str, style: str = "") -> Text:
    return Text(terminal(text), style, overflow="fold")


def _facts(told: Iterable[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(overflow="fold", min_width=10, style="dim")
    grid.add_column(overflow="fold", ratio=1)
    for key, value in told:
        grid.add_row(Text(key), _seen(value))
    return grid


def _table(*columns: str) -> Table:
    """A ruled table; a column named `>x` is `x` set to the right."""
    table = Table(box=_RULED, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="")
    for name in columns:
        right = name.startswith(">")
        table.add_column(Text(name.removeprefix(">")), justify="right" if right else "left", overflow="fold")
    return table
