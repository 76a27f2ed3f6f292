"""The Report as one self-contained page: no request, opens offline, below 2 MB, prints with everything unfolded.

Promises: a policy of content that allows this page's own style and script, by their digests, and nothing else; every
text passes `escape.html` and then jinja2's autoescape, or stands as data no element can end; nothing observed becomes
a link; what is left out is counted and said. The script filters and sorts: without it everything is there to read,
up to the rows `TOLD` says.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Sequence
from importlib import resources
from typing import Any

import jinja2
import markupsafe
import msgspec

from flowwatch.model import Amount, Decision, Group, LookupDecision, OpenedBy, Report, Severity, Verdict, held_of
from flowwatch.reports import claims, coverage, escape, phrases, placed, ribbons, rows, stages, timeline, world

TOLD = {
    "findings": (300, 400_000),
    "claims": (100, 100_000),
    "destinations": (500, 250_000),
    "routes": (100, 60_000),
    "lookups": (200, 60_000),
    "nights": (40, 120_000),
    "sources": (300, 100_000),
}
"""Of each list the most rows, and the most bytes of them, that the page is made with: it stays below 2 MB."""
EVIDENCE_TOLD = 20
USES_TOLD = 200
UNPLACED_TOLD = 60

_FINDINGS_DATA = 120_000
_DESTINATIONS_DATA = 520_000
"""Bytes of rows that only the page's script shows."""
_OPEN_AT_FIRST = 3


class Route(msgspec.Struct, kw_only=True):
    """What one zone's senders sent to one destination, added up."""

    zone: str | None
    destination: str
    server: str | None
    via: str | None
    asked: str | None
    opened_by: OpenedBy
    senders: set[str]
    worst: Verdict
    transmissions: int = 0
    sent: Amount = Amount(0, 0)

    @property
    def notes(self) -> list[str]:
        """What is said beside the destination."""
        server = [phrases.server(self.server, self.worst)] if self.server else []
        through = [phrases.through(self.via, self.asked)] if self.via else []
        return [*through, *server, *([phrases.OPENED_ITSELF] if self.opened_by is OpenedBy.RECEIVER else [])]


class Asked(msgspec.Struct, kw_only=True):
    """Lookups of one name from one zone with one verdict, added up."""

    name: str
    qtype: str
    zone: str | None
    verdict: Verdict
    reason: str
    count: int = 0


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A group's part of the proportional bar, in percent of its width."""

    group: Group
    start: float
    width: float


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """Rows made here, rows the page's script can make, and how many there are."""

    html: markupsafe.Markup
    told: int
    total: int
    data: rows.Packed = rows.Packed("", 0)

    @property
    def left(self) -> int:
        """Rows that are not made here."""
        return self.total - self.told

    @property
    def missing(self) -> int:
        """Rows the page does not hold in any form."""
        return self.left - self.data.held

    @property
    def json(self) -> markupsafe.Markup:
        """The data block; no `<` is in it."""
        return markupsafe.Markup(self.data.text)  # noqa: S704  # escaped by rows


def render(report: Report) -> str:
    """The whole page as text, to be stored as UTF-8."""
    style, script = _template_text("report.css"), _template_text("report.js")
    environment = _environment()
    parts = environment.get_template("parts.html.j2").module
    return environment.get_template("report.html.j2").render(
        report=report,
        style=markupsafe.Markup(style),  # noqa: S704  # our own file, not observed text
        style_sha256=_sha256(style),
        script=markupsafe.Markup(script),  # noqa: S704  # our own file, not observed text
        script_sha256=_sha256(script),
        shares=shares(report),
        map=world.drawn(report.destinations),
        drawn=ribbons.drawn(report.decisions),
        **_lists(report, parts),
    )


def _lists(report: Report, parts: Any) -> dict[str, Listed]:  # noqa: ANN401  # a module of macros
    """Every long list of the page, each within its part of the page's size."""
    open_ids = _open_ids(report)
    lines = routes(report.decisions)
    most = max((one.sent.weight for one in lines), default=0)
    findings = _listed(report.findings, lambda one: parts.finding(one, one.id in open_ids), "findings")
    destinations = _listed(report.destinations, parts.destination, "destinations")
    more_findings = rows.findings(report.findings[findings.told :], _FINDINGS_DATA)
    more_destinations = rows.destinations(report.destinations[destinations.told :], _DESTINATIONS_DATA)
    return {
        "findings": msgspec.structs.replace(findings, data=more_findings),
        "destinations": msgspec.structs.replace(destinations, data=more_destinations),
        "claims": _listed(report.claims, parts.claim, "claims"),
        "routes": _listed(lines, lambda one: parts.route(one, most), "routes"),
        "nights": _listed(timeline.drawn(report.stages, report.coverage), parts.night, "nights"),
        "asked": _listed(asked(report.lookups), parts.question, "lookups"),
        "sources": _listed(report.coverage, parts.source, "sources"),
    }


def _listed(items: Sequence[Any], make: Callable[[Any], str], what: str) -> Listed:
    """The first items made into HTML: at most as many, and as many bytes of it, as the page has room for."""
    cap, budget = TOLD[what]
    made: list[str] = []
    for one in items[:cap]:
        text = make(one)
        budget -= len(text.encode())
        if budget < 0:
            break
        made.append(text)
    html = markupsafe.Markup("".join(made))  # noqa: S704  # made by our own macros, which escape
    return Listed(html=html, told=len(made), total=len(items))


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def shares(report: Report) -> list[Share]:
    """The four groups' parts of all transmissions, in order; empty when there are none."""
    counts = {group: report.group(group).count for group in Group}
    total = sum(counts.values())
    made: list[Share] = []
    start = 0.0
    for group, count in counts.items():
        if count:
            width = 100 * count / total
            made.append(Share(group=group, start=round(start, 3), width=round(width, 3)))
            start += width
    return made


def routes(decisions: Iterable[Decision]) -> list[Route]:
    """Who sent to whom, by zone and destination; worst verdict first, then by bytes. Out of scope is left out."""
    found: dict[tuple[object, ...], Route] = {}
    for held in held_of(decisions):
        one, tally = held.decision, held.tally
        key = (one.sender_zone, *one.destination, one.transmission.opened_by, one.via, one.asked)
        route = found.get(key) or found.setdefault(key, _route(one))
        route.senders |= held.senders
        route.worst = max(route.worst, one.verdict, key=lambda verdict: verdict.rank)
        route.transmissions += tally.count
        route.sent = Amount.total((route.sent, tally.sent))
    return sorted(found.values(), key=lambda one: (-one.worst.rank, -one.sent.weight, one.zone or "", one.destination))


def asked(lookups: Iterable[LookupDecision]) -> list[Asked]:
    """Names asked for that were not approved, worst first, then by count."""
    found: dict[tuple[object, ...], Asked] = {}
    for one in lookups:
        if one.verdict.group in (Group.CONFORMS, Group.OUT_OF_SCOPE):
            continue
        name, qtype = one.lookup.qname, one.lookup.qtype
        reason = one.reasons[0] if one.reasons else ""
        key = (name, qtype, one.sender_zone, one.verdict, reason)
        fresh = Asked(name=name, qtype=qtype, zone=one.sender_zone, verdict=one.verdict, reason=str(reason))
        found.setdefault(key, fresh).count += 1
    return sorted(found.values(), key=lambda one: (-one.verdict.rank, -one.count, one.name, one.qtype, one.zone or ""))


def _route(one: Decision) -> Route:
    sent = one.transmission
    return Route(
        zone=one.sender_zone,
        destination=phrases.endpoint(*one.destination),
        server=one.server,
        via=one.via,
        asked=one.asked,
        opened_by=sent.opened_by,
        senders=set(),
        worst=one.verdict,
    )


def _open_ids(report: Report) -> set[str]:
    grave = [one for one in report.findings if one.severity.rank >= Severity.HIGH.rank]
    return {one.id for one in grave[:_OPEN_AT_FIRST]}


def _words() -> dict[str, Any]:
    """What the templates may call on."""
    return {
        "say": phrases,
        "placed": placed,
        "claims": claims,
        "coverage": coverage,
        "groups": list(Group),
        "severities": list(reversed(Severity)),
        "group_notes": _GROUP_NOTES,
        "notes": rows.notes,
        "row_names": rows.names,
        "place": rows.place,
        "stage_facts": stages.facts,
        "stage_delay": stages.delay,
        "seen": rows.seen,
        "told": {"evidence": EVIDENCE_TOLD, "uses": USES_TOLD, "unplaced": UNPLACED_TOLD},
    }


_GROUP_NOTES = {
    Group.CONFORMS: "approved by a channel, or covered by an exception",
    Group.VIOLATES: "differs from the declared values, not on the approved list, or prohibited",
    Group.CANNOT_TELL: "something that decides could not be seen; never counted as a pass",
    Group.OUT_OF_SCOPE: "not sent from a declared zone, or of a kind that is not judged",
}


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template_text),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(_words())
    return environment


def _shown(value: object) -> object:
    """What an expression of the template puts on the page, before it is escaped as HTML."""
    if isinstance(value, str) and not isinstance(value, markupsafe.Markup):
        return escape.html(str(value))
    return value


def _template_text(name: str) -> str:
    return resources.files("flowwatch.reports").joinpath("templates", name).read_text("utf-8")
