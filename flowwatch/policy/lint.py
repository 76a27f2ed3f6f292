"""`lint(policies, today)`: what a policy that can be used says that its author may not mean, in neutral words.

Promises: warnings only, in the order of `_CHECKS` within each version (marks of a draft first), then those between
versions; nothing here changes a verdict. File and line are given while the files are still as they were read.
"""

import contextlib
import datetime as dt
import itertools
import re
import tomllib
import zoneinfo
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from flowwatch.model import Instant
from flowwatch.policy import lint_claims, lint_ways, lint_wide
from flowwatch.policy.check import RESERVED_LABELS, outward
from flowwatch.policy.decode import meant
from flowwatch.policy.files import unchanged
from flowwatch.policy.line import Path as Inside
from flowwatch.policy.line import line_of
from flowwatch.policy.overlap import allows_all, share_traffic
from flowwatch.policy.terms import Policy, PolicySet, Role, Window
from flowwatch.policy.told import Check, Told, Warnings
from flowwatch.policy.windows import clocks, opening, written

_DAY = 86_400 * 10**9
_SOON_DAYS = 14
_CLOCK_CHANGE_DAYS = 400


class Warning_(msgspec.Struct, frozen=True, kw_only=True):  # noqa: N801 - Warning is the language's
    """One thing to look at: stable dotted code, the entry it is about (`channel precinct-to-primary`), and words."""

    code: str
    entry: str
    message: str
    version: str
    path: Inside = ()
    """Inside the file."""
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        where = "" if self.file is None else f"{self.file}: " if self.line is None else f"{self.file}:{self.line}: "
        return f"{where}{self.entry}: {self.message} [{self.code}]"


def lint(policies: PolicySet, today: dt.date) -> tuple[Warning_, ...]:
    """Every warning about the policies as of `today` (a local day of each policy's zone)."""
    found: list[Warning_] = []
    for policy in policies.versions:
        now = _midnight(policy, today)
        told = [one for check in _CHECKS for one in check(policy, now)]
        if policy.policy.valid_until is None or policy.policy.valid_until > now:
            told += [one for check in _DATED for one in check(policy, now)]
        found += [*_awaiting(policy), *_placed(policy, told)]
    for one, other in itertools.pairwise(policies.versions):
        found += _placed(other, list(_gap(one, other)))
    if policies.versions:
        last = policies.versions[-1]
        found += _placed(last, list(_ending(last, _midnight(last, today))))
    return tuple(found)


def _midnight(policy: Policy, today: dt.date) -> Instant:
    local = dt.datetime.combine(today, dt.time(), zoneinfo.ZoneInfo(policy.policy.timezone))
    return int(local.timestamp()) * 10**9


def _placed(policy: Policy, told: Sequence[Told]) -> Iterator[Warning_]:
    """The warnings with file and line where those are known."""
    texts = _tables(policy) if told else []
    for one in told:
        entry = " ".join(part for part in (str(one.path[0]), one.name) if part)
        warning = Warning_(code=one.code, entry=entry, message=one.message, version=policy.policy.version)
        yield _found(one.path, texts, warning)


def _tables(policy: Policy) -> list[tuple[str, bytes, dict[str, object]]]:
    """(file, bytes, tables) of the policy and its parts in order; none if they are not the ones read."""
    found = []
    for file, content in unchanged(policy.info):
        with contextlib.suppress(ValueError, RecursionError):  # a list file
            found.append((file, content, tomllib.loads(content.decode())))
    return found


def _found(path: Inside, texts: Sequence[tuple[str, bytes, dict[str, object]]], warning: Warning_) -> Warning_:
    """The warning with the file that holds the entry, where that is known; entries are numbered through all files."""
    key, *rest = path
    for file, content, tables in texts:
        held = tables.get(str(key))
        if isinstance(held, list) and rest and isinstance(rest[0], int) and rest[0] >= len(held):
            rest[0] -= len(held)
        elif held is not None:
            inside = (key, *rest)
            return msgspec.structs.replace(warning, path=inside, file=file, line=line_of(content, inside))
    return warning


def _awaiting(policy: Policy) -> Iterator[Warning_]:
    """Files in which entries still bear the mark that `policy learn` puts above each."""
    for file, content in unchanged(policy.info):
        marks = [found.start() for found in _MARK.finditer(content)]
        if marks:
            count = f"{len(marks)} entries await" if len(marks) > 1 else "1 entry awaits"
            words = f"{count} review: put each right or take it out, then remove its `# REVIEW`; this is the first"
            line = content.count(b"\n", 0, marks[0]) + 1
            version = policy.policy.version
            yield Warning_(code="policy.review", entry="policy", message=words, version=version, file=file, line=line)


_MARK = re.compile(rb"^[ \t]*#[ \t]*REVIEW\b", re.MULTILINE)
"""A line that is a comment and begins with the mark."""


def _empty(policy: Policy, _now: Instant) -> Warnings:
    if not policy.zones:
        yield Told("policy.no_zone", ("policy",), "", "no [[zone]] is declared, so everything is out of scope")
    elif not policy.channels:
        yield Told("policy.no_channel", ("policy",), "", "no [[channel]] is declared, so nothing can be approved")


def _shadowed(policy: Policy, _now: Instant) -> Warnings:
    """Channels that allow nothing that another does not; of two alike, the later."""
    zones = {zone.id: zone for zone in policy.zones}
    for number, channel in enumerate(policy.channels):
        for place, other in enumerate(policy.channels):
            if place == number or not allows_all(other, channel, zones):
                continue
            alike = allows_all(channel, other, zones)
            if alike and place > number:
                continue
            words = "it allows the same as" if alike else "all it allows is allowed by"
            code = "channel.duplicate" if alike else "channel.shadowed"
            yield Told(code, ("channel", number), channel.id, f"{words} channel {other.id!r}")
            break


def _overlapping(policy: Policy, _now: Instant) -> Warnings:
    """Servers of which one transmission could be either."""
    for number, server in enumerate(policy.servers):
        for other in policy.servers[:number]:
            shared = share_traffic(server.match, other.match)
            if shared is not None:
                words = f"it shares {shared} with server {other.id!r}, so a transmission may count as either"
                yield Told("server.overlap", ("server", number), server.id, words)


def _nested(policy: Policy, _now: Instant) -> Warnings:
    """Zones whose networks lie inside another's, without `within` to say so."""
    for number, zone in enumerate(policy.zones):
        around = set(outward(zone.id, {one.id: one.within for one in policy.zones}))
        for place, cidr in enumerate(zone.cidrs):
            holders = [other.id for other in policy.zones for one in other.cidrs if one.holds(cidr) and one != cidr]
            other = next((one for one in holders if one != zone.id and one not in around), None)
            if other is not None:
                words = f"{cidr} lies inside zone {other!r}, whose channels do not lead from it"
                words += f'; write within = "{other}" where they should'
                yield Told("zone.nested", ("zone", number, "cidrs", place), zone.id, words)


def _labels(policy: Policy, _now: Instant) -> Warnings:
    yielded = {one.label for one in policy.classifiers} | RESERVED_LABELS
    used = {label for _, _, labels in _label_uses(policy) for label in labels}
    for number, one in enumerate(policy.classifiers):
        if one.label not in used:
            words = f"no channel, exception, prohibition or claim names its label {one.label!r}"
            yield Told("label.unused", ("classifier", number), one.id, words)
    for path, name, labels in _label_uses(policy):
        for label in labels:
            if label not in yielded:
                hint = meant(label, sorted(yielded))
                words = f"no classifier gives the label {label!r}" + (f" ({hint})" if hint else "")
                yield Told("label.never_given", path, name, words)


def _label_uses(policy: Policy) -> Iterator[tuple[Inside, str, Sequence[str]]]:
    """(path, id, labels) wherever a rule names labels."""
    for number, channel in enumerate(policy.channels):
        yield ("channel", number, "carries"), channel.id, channel.carries
    for number, rule in enumerate(policy.prohibitions):
        yield ("prohibited", number, "when", "labels"), rule.id, rule.when.labels
    for number, one in enumerate(policy.exceptions):
        yield ("exception", number, "carries"), one.id, one.carries
    for number, claim in enumerate(policy.claims):
        yield ("claim", number, "labels"), claim.id, claim.labels


def _severity_labels(policy: Policy, _now: Instant) -> Warnings:
    yielded = {one.label for one in policy.classifiers} | RESERVED_LABELS
    for verdict in ("prohibited", "unapproved", "deviation", "indeterminate"):
        for label in getattr(policy.severity, verdict):
            if label not in yielded and (verdict, label) != _IN_NAMES:
                words = f"no classifier gives the label {label!r}"
                yield Told("label.never_given", ("severity", verdict, label), verdict, words)


_IN_NAMES = ("unapproved", "bulk")
"""Data in DNS names counts as such without a classifier."""


def _unbindable(policy: Policy, _now: Instant) -> Warnings:
    if any(server.role is Role.RESOLVER for server in policy.servers):
        return
    for number, server in enumerate(policy.servers):
        if not server.match.cidrs:
            words = "it is known by name only and no server has the role 'resolver', so no DNS answer can tie the name"
            words += " to an address: dns.binding_unobserved"
            yield Told("server.unbindable", ("server", number), server.id, words)


def _idle_keys(policy: Policy, _now: Instant) -> Warnings:
    for number, server in enumerate(policy.servers):
        if server.dedicated and not server.match.cidrs:
            words = "`dedicated` says nothing of a server without `cidrs`"
            yield Told("server.dedicated_without_cidrs", ("server", number, "dedicated"), server.id, words)
        if server.match.aliases and not server.match.names:
            words = "`aliases` are where `names` may lead, and it has no `names`"
            yield Told("server.aliases_without_names", ("server", number, "match", "aliases"), server.id, words)
    for number, classifier in enumerate(policy.classifiers):
        for place, term in enumerate(classifier.any_):
            if term.file_sha256_list is not None and not term.digests:
                path: Inside = ("classifier", number, "any", place)
                yield Told("list.empty", path, classifier.id, f"the list {term.file_sha256_list!r} has no digest")


def _exceptions(policy: Policy, _now: Instant) -> Warnings:
    begins, ends = policy.policy.valid_from, policy.policy.valid_until
    most = policy.defaults.exception_max_days
    for number, one in enumerate(policy.exceptions):
        days = -((one.from_ - one.until) // _DAY)
        if days > most:
            words = f"it lasts {days} days; `exception_max_days` is {most}"
            yield Told("exception.long", ("exception", number), one.id, words)
        if (begins is not None and one.until <= begins) or (ends is not None and one.from_ >= ends):
            words = "it lies outside the validity of the policy, so it never applies"
            yield Told("exception.never", ("exception", number), one.id, words)


def _expiring_exceptions(policy: Policy, now: Instant) -> Warnings:
    for number, one in enumerate(policy.exceptions):
        if one.until <= now:
            words = f"it ended at {written(one.until)}; remove it when no older recording is to be judged"
            yield Told("exception.expired", ("exception", number), one.id, words)
        elif one.until <= now + _SOON_DAYS * _DAY:
            yield Told("exception.expiring", ("exception", number), one.id, f"it ends at {written(one.until)}")


def _windows(policy: Policy, now: Instant) -> Warnings:
    changes: dict[Window, str | None] = {}
    for number, channel in enumerate(policy.channels):
        for place, window in enumerate(channel.when):
            path: Inside = ("channel", number, "when", place)
            if _never(policy, window):
                words = "the window lies outside the validity of the policy, so it never holds"
                yield Told("window.never", path, channel.id, words)
            if window.days and window not in changes:
                changes[window] = _clock_change(policy, window, now)
            changed = changes.get(window)
            if changed is not None:
                yield Told("window.clock_change", path, channel.id, changed)


def _never(policy: Policy, window: Window) -> bool:
    header = policy.policy
    before = window.until is not None and header.valid_from is not None and window.until <= header.valid_from
    after = window.from_ is not None and header.valid_until is not None and window.from_ >= header.valid_until
    return before or after


def _clock_change(policy: Policy, window: Window, now: Instant) -> str | None:
    """Words on the first day within the validity on which the window is longer or shorter than it reads."""
    zone = zoneinfo.ZoneInfo(policy.policy.timezone)
    first, last = clocks(window)
    begins = max((one for one in (policy.policy.valid_from, window.from_) if one is not None), default=now)
    ends = min(one for one in (policy.policy.valid_until, window.until, begins + _CLOCK_CHANGE_DAYS * _DAY) if one)
    day = dt.datetime.fromtimestamp(begins // 10**9, zone).date()
    while True:
        opens, closes = opening(window, day, zone)
        if opens >= ends:
            return None
        nominal = (last - first) * 60 * 10**9
        if closes - opens != nominal and closes > begins and _WEEK[day.weekday()] in window.days:
            return f"the clock changes in the window of {day}: it lasts {_hours(closes - opens)}, not {_hours(nominal)}"
        day += dt.timedelta(days=1)


_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _hours(length: int) -> str:
    hours, minutes = divmod(length // (60 * 10**9), 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def _gap(one: Policy, other: Policy) -> Warnings:
    ends, begins = one.policy.valid_until, other.policy.valid_from
    if ends is not None and begins is not None and ends < begins:
        words = f"no version is in force from {written(ends)} to {written(begins)}"
        yield Told("policy.gap", ("policy", "valid_from"), other.policy.version, words)


def _ending(policy: Policy, now: Instant) -> Warnings:
    ends = policy.policy.valid_until
    if ends is not None and ends <= now + _SOON_DAYS * _DAY:
        code, verb = ("policy.expired", "ended") if ends <= now else ("policy.expiring", "ends")
        words = f"the policy {verb} at {written(ends)} and no later version follows"
        yield Told(code, ("policy", "valid_until"), policy.policy.version, words)


_CHECKS: Final[tuple[Check, ...]] = (
    _empty,
    _shadowed,
    _overlapping,
    _nested,
    *lint_ways.CHECKS,
    _labels,
    _severity_labels,
    _unbindable,
    _idle_keys,
    *lint_wide.CHECKS,
    _exceptions,
    *lint_claims.CHECKS,
)
"""What a version says of itself, whatever the day."""

_DATED: Final[tuple[Check, ...]] = (_expiring_exceptions, _windows)
"""What matters only while a version is or will be in force."""
