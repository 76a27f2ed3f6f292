"""The Report as one self-contained page: no script, no request, opens offline, prints with everything unfolded.

Promises: a policy of content that allows this page's own style and nothing else; every text passes `escape.html` and
then jinja2's autoescape; nothing observed becomes a link; what is left out is counted and said.
"""

import base64
import hashlib
from collections.abc import Iterable
from importlib import resources
from typing import Any

import jinja2
import markupsafe
import msgspec

from flowwatch.model import Decision, Group, LookupDecision, OpenedBy, Report, Severity, Verdict
from flowwatch.reports import coverage, escape, phrases

FINDINGS_TOLD = 300
DESTINATIONS_TOLD = 500
ROUTES_TOLD = 100
LOOKUPS_TOLD = 200
SOURCES_TOLD = 300
EVIDENCE_TOLD = 20

_OPEN_AT_FIRST = 3


class Route(msgspec.Struct, kw_only=True):
    """What one zone's senders sent to one destination, added up."""

    zone: str | None
    destination: str
    server: str | None
    opened_by: OpenedBy
    senders: set[str]
    worst: Verdict
    transmissions: int = 0
    bytes: int = 0
    unknown: int = 0


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


def render(report: Report) -> str:
    """The whole page as text, to be stored as UTF-8."""
    style = _template_text("report.css")
    page = _environment().get_template("report.html.j2")
    return page.render(
        report=report,
        style=markupsafe.Markup(style),  # noqa: S704  # our own file, not observed text
        style_sha256=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        shares=shares(report),
        routes=routes(report.decisions),
        asked=asked(report.lookups),
        open_ids=_open_ids(report),
        **_words(),
    )


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
    for one in decisions:
        if one.verdict.group is Group.OUT_OF_SCOPE:
            continue
        sent = one.transmission
        key = (one.sender_zone, sent.receiver_ip, sent.proto, sent.service_port, sent.opened_by)
        route = found.get(key) or found.setdefault(key, _route(one))
        route.senders.add(sent.sender_ip)
        route.worst = max(route.worst, one.verdict, key=lambda verdict: verdict.rank)
        route.transmissions += 1
        route.bytes += sent.sent.least
        route.unknown += sent.sent.exact is None
    return sorted(found.values(), key=lambda one: (-one.worst.rank, -one.bytes, one.zone or "", one.destination))


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
        destination=phrases.endpoint(sent.receiver_ip, sent.service_port, sent.proto),
        server=one.server,
        opened_by=sent.opened_by,
        senders=set(),
        worst=one.verdict,
    )


def _open_ids(report: Report) -> set[str]:
    grave = [one for one in report.findings if one.severity.rank >= Severity.HIGH.rank]
    return {one.id for one in grave[:_OPEN_AT_FIRST]}


def _words() -> dict[str, Any]:
    """What the template may call on."""
    return {
        "say": phrases,
        "coverage": coverage,
        "groups": list(Group),
        "received": OpenedBy.RECEIVER,
        "group_notes": _GROUP_NOTES,
        "told": {
            "findings": FINDINGS_TOLD,
            "destinations": DESTINATIONS_TOLD,
            "routes": ROUTES_TOLD,
            "lookups": LOOKUPS_TOLD,
            "sources": SOURCES_TOLD,
            "evidence": EVIDENCE_TOLD,
        },
    }


_GROUP_NOTES = {
    Group.CONFORMS: "approved by a channel, or covered by an exception",
    Group.VIOLATES: "differs from the declared values, not on the approved list, or prohibited",
    Group.CANNOT_TELL: "something that decides could not be seen; never counted as a pass",
    Group.OUT_OF_SCOPE: "not sent from a declared zone, or of a kind that is not judged",
}


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_template_text),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _shown(value: object) -> object:
    """What an expression of the template puts on the page, before it is escaped as HTML."""
    if isinstance(value, str) and not isinstance(value, markupsafe.Markup):
        return escape.html(str(value))
    return value


def _template_text(name: str) -> str:
    return resources.files("flowwatch.reports").joinpath("templates", name).read_text("utf-8")
