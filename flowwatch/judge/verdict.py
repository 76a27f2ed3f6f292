"""From the considered entries to a verdict: prohibited -> channels -> exceptions -> deviation | unapproved.

Promises: a verdict depends on the set of entries, never on their order; what could not be seen never approves.
"""

from collections.abc import Iterable

import msgspec

from flowwatch.judge.considered import Considered
from flowwatch.judge.destination import Recognition, Standing, goes_by_listed_name, near, recognise
from flowwatch.judge.exceptions import expired
from flowwatch.judge.observation import Observation
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.truth import FALSE, TRUE, UNSEEN, reasons_of, worst_first
from flowwatch.model import Check, Group, Name, Reason, Rule, Severity, Truth, Verdict


class Entries(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What was held against one transmission."""

    prohibitions: tuple[Considered, ...]
    channels: tuple[Considered, ...]
    answers: tuple[Considered, ...]
    exceptions: tuple[Considered, ...]


class Conclusion(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A verdict with its reasons (the deciding one first) and the entry it rests on."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    rule: Rule | None = None
    checks: tuple[Check, ...] = ()
    notes: tuple[Reason, ...] = ()
    server: str | None = None
    other_channels: tuple[str, ...] = ()
    """Ids of the channels that approve it as the one it rests on does."""


def conclude(entries: Entries, seen: Observation, book: Rulebook) -> Conclusion:
    """The verdict over all entries."""
    lifted = _lifted(entries.exceptions, TRUE)
    perhaps = _lifted(entries.exceptions, UNSEEN) - lifted
    matched = [one for one in entries.prohibitions if one.truth is TRUE]
    barring = [one for one in matched if one.rule.id not in lifted | perhaps]
    if barring:
        return _prohibited(max(barring, key=lambda one: _severity(one, book)), entries)
    permitted = _permitted(entries, matched)
    found = permitted or _undecided(entries, seen, book) or _violating(entries, seen, book)
    in_doubt = [one for one in matched if one.rule.id in perhaps]
    in_doubt += [one for one in entries.prohibitions if one.truth is UNSEEN and one.rule.id not in lifted]
    return _doubted(found, in_doubt[0]) if in_doubt else found


def _severity(prohibition: Considered, book: Rulebook) -> int:
    """How severe a prohibition says it is; among equals the first by id stands."""
    own = next((one.severity for one in book.prohibitions if one.id == prohibition.rule.id), None)
    return (own or Severity.HIGH).rank


def _lifted(exceptions: Iterable[Considered], truth: Truth) -> set[str]:
    """Ids of the prohibitions named by the exceptions with this truth."""
    return {lifts for one in exceptions if one.truth is truth for lifts in one.lifts}


def _prohibited(by: Considered, entries: Entries) -> Conclusion:
    return Conclusion(
        verdict=Verdict.PROHIBITED,
        reasons=(Reason.PROHIBITED, *_expired(entries)),
        rule=by.rule,
        checks=worst_first(by.checks),
        server=_server(entries),
    )


def _permitted(entries: Entries, matched: list[Considered]) -> Conclusion | None:
    """Approved or excepted, if anything fully satisfied allows it; a lifted prohibition needs its exception."""
    lifting = [one for one in _holding(entries.exceptions) if any(bar.rule.id in one.lifts for bar in matched)]
    if lifting:
        return _allowed(Verdict.EXCEPTED, (Reason.EXCEPTED,), _mildest(lifting), entries)
    if channels := _holding(entries.channels):
        approved = _allowed(Verdict.APPROVED, (Reason.APPROVED,), _mildest(channels), entries)
        others = {one.rule.id for one in channels} - {_mildest(channels).rule.id}
        return msgspec.structs.replace(approved, other_channels=tuple(sorted(others)))
    answered = _holding(entries.answers)
    if channels := [one for one in answered if one.rule.kind == "channel"]:
        return _allowed(Verdict.APPROVED, (Reason.ANSWER_OF_APPROVED,), _mildest(channels), entries)
    if exceptions := _holding(entries.exceptions):
        return _allowed(Verdict.EXCEPTED, (Reason.EXCEPTED,), _mildest(exceptions), entries)
    if answered:
        reasons = (Reason.ANSWER_OF_APPROVED, Reason.EXCEPTED)
        return _allowed(Verdict.EXCEPTED, reasons, _mildest(answered), entries)
    return None


def _holding(considered: Iterable[Considered]) -> list[Considered]:
    return [one for one in considered if one.truth is TRUE]


def _mildest(considered: list[Considered]) -> Considered:
    """The one with the fewest notes, then by id."""
    return min(considered, key=lambda one: (len(one.notes), one.order))


def _allowed(verdict: Verdict, reasons: tuple[Reason, ...], by: Considered, entries: Entries) -> Conclusion:
    return Conclusion(
        verdict=verdict,
        reasons=reasons,
        rule=by.rule,
        checks=by.checks,
        notes=by.notes,
        server=by.server or _server(entries),
    )


def _undecided(entries: Entries, seen: Observation, book: Rulebook) -> Conclusion | None:
    """Indeterminate, if something would allow it but for what was not seen."""
    for considered in (entries.channels, entries.answers, entries.exceptions):
        if open_ := [one for one in considered if one.truth is UNSEEN]:
            nearest = min(open_, key=lambda one: (one.standing is Standing.MAY_BE, one.unseen, one.order))
            return Conclusion(
                verdict=Verdict.INDETERMINATE,
                reasons=reasons_of(nearest.checks, UNSEEN),
                rule=nearest.rule,
                checks=worst_first(nearest.checks),
                notes=nearest.notes,
                server=_resembled(nearest, seen, book) or _server(entries),
            )
    return None


def _resembled(one: Considered, seen: Observation, book: Rulebook) -> str | None:
    """The server of a channel, unless nothing seen but the absence of evidence speaks for it."""
    return one.server if one.standing is not Standing.MAY_BE or _used_listed(one, seen, book) else None


def _violating(entries: Entries, seen: Observation, book: Rulebook) -> Conclusion:
    """Deviation where a channel leads to this listed server or zone, unapproved otherwise."""
    leading = [one for one in entries.channels if one.standing is Standing.IS]
    if leading:
        found = _differing(Verdict.DEVIATION, min(leading, key=lambda one: (one.failing, one.order)))
    else:
        found = _unapproved(entries, seen, book)
    refused = (Reason.NOT_CARRIED,) if any(one.truth is FALSE for one in entries.answers) else ()
    reasons = tuple(dict.fromkeys((*found.reasons, *refused, *_expired(entries))))
    return msgspec.structs.replace(found, reasons=reasons, notes=tuple(dict.fromkeys(found.notes + _defects(seen))))


def _differing(verdict: Verdict, nearest: Considered) -> Conclusion:
    """The nearest channel with what differs."""
    return Conclusion(
        verdict=verdict,
        reasons=reasons_of(nearest.checks, FALSE) + reasons_of(nearest.checks, UNSEEN),
        rule=nearest.rule,
        checks=worst_first(nearest.checks),
        notes=nearest.notes,
        server=nearest.server,
    )


def _unapproved(entries: Entries, seen: Observation, book: Rulebook) -> Conclusion:
    """No channel from this sender leads there: the most telling reason."""
    named = [one for one in entries.channels if one.standing is Standing.NAMED]
    if named:
        nearest = min(named, key=lambda one: one.order)
        return _differing(Verdict.UNAPPROVED, nearest)
    unbound = [one for one in entries.channels if one.standing is Standing.MAY_BE and _used_listed(one, seen, book)]
    if unbound:
        return _differing(Verdict.UNAPPROVED, min(unbound, key=lambda one: (one.failing, one.order)))
    return _of_other_zones(seen, book) or _unlisted(seen, book)


def _used_listed(one: Considered, seen: Observation, book: Rulebook) -> bool:
    return bool(seen.used) and one.server is not None and goes_by_listed_name(book.matchers[one.server], seen)


def _of_other_zones(seen: Observation, book: Rulebook) -> Conclusion | None:
    """The receiver is, or goes by the name of, a server that no channel from this sender leads to."""
    standings = {name: recognise(book.matchers[name], seen) for name in sorted(near(seen, book))}
    for standing, reason in _OTHERS.items():
        for name, found in standings.items():
            if found.standing is standing:
                return _at_server(name, reason, found, seen, book)
    return None


_OTHERS = {Standing.IS: Reason.NONE_FROM_ZONE, Standing.NAMED: Reason.NAME_LISTED_ADDRESS_UNLISTED}


def _at_server(name: str, reason: Reason, found: Recognition, seen: Observation, book: Rulebook) -> Conclusion:
    from_ = Check("from", FALSE, "zones with a channel to it", seen.zone or "no declared zone", Reason.NONE_FROM_ZONE)
    return Conclusion(
        verdict=Verdict.UNAPPROVED,
        reasons=(reason,),
        rule=book.rule("server", name),
        checks=worst_first((from_, *found.checks) if reason is Reason.NONE_FROM_ZONE else found.checks),
        server=name,
    )


def _unlisted(seen: Observation, book: Rulebook) -> Conclusion:
    to_zone = seen.receiver_zone is not None
    reason = Reason.ZONE_UNLISTED if to_zone else Reason.DESTINATION_UNLISTED
    observed = f"zone:{seen.receiver_zone}" if to_zone else seen.transmission.receiver_ip
    check = Check("to", FALSE, f"the channels from {seen.zone}", observed, reason)
    rule = book.rule("defaults", "unlisted")
    return Conclusion(verdict=Verdict.UNAPPROVED, reasons=(reason,), rule=rule, checks=(check,))


def _doubted(found: Conclusion, by: Considered) -> Conclusion:
    """A prohibition may cover it: what would conform is then indeterminate, what violates stays as it is."""
    if found.verdict.group is Group.VIOLATES:
        return msgspec.structs.replace(found, notes=(*found.notes, Reason.PROHIBITION_UNSEEN))
    others = found.reasons if found.verdict is Verdict.INDETERMINATE else ()
    return Conclusion(
        verdict=Verdict.INDETERMINATE,
        reasons=(Reason.PROHIBITION_UNSEEN, *others),
        rule=by.rule,
        checks=worst_first(by.checks),
        notes=found.notes,
        server=found.server,
    )


def _expired(entries: Entries) -> tuple[Reason, ...]:
    return (Reason.EXCEPTION_EXPIRED,) if any(expired(one) for one in entries.exceptions) else ()


def _server(entries: Entries) -> str | None:
    """The listed server the receiver is, as far as a channel from this sender leads to one."""
    return next((one.server for one in entries.channels if one.server and one.standing is Standing.IS), None)


def _defects(seen: Observation) -> tuple[Reason, ...]:
    """Names that could match nothing."""
    malformed = any(Name.parse(used.text).malformed for used in seen.used)
    lossy = any(not used.exact for used in seen.used)
    return (Reason.NAME_MALFORMED,) * malformed + (Reason.LOSSY_NAME,) * lossy
