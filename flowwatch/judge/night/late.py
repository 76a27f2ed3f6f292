"""Policies that are younger than what they judge, as they say themselves.

A recording tells no more: when a file was written or last changed is no proof of when it came into force, so neither is
looked at. `flowwatch check` tells what its state has seen besides.

Refuses to speak of a policy without approvals, or where one of them has no date: it may be the first.
"""

import datetime as dt
import functools
import zoneinfo
from collections.abc import Iterable, Iterator

from flowwatch.judge.findings import EVIDENCE_MOST, evidence_of, id_of
from flowwatch.judge.night.heard import Night
from flowwatch.judge.remedies import remedy_of
from flowwatch.judge.rulebook import Rulebook
from flowwatch.model import (
    Amount,
    Check,
    Coverage,
    Decision,
    Finding,
    Instant,
    Reason,
    Severity,
    Sureness,
    Truth,
    Verdict,
)
from flowwatch.policy.windows import written


def late(night: Night, coverage: Iterable[Coverage]) -> Iterator[Finding]:
    """One finding for each version all of whose approvals are of days after something that it judges."""
    coverage = list(coverage)
    begun = min((one.first for one in coverage if one.first is not None), default=None)
    for book in night.books.values():
        day = _approved(book)
        if day is None or begun is None or begun >= _midnight(day, book):
            continue
        until = _midnight(day, book)
        before = night.where(functools.partial(_judged_by, book=book), until=until)
        if before:
            yield _finding(before, book, day, coverage)


def _approved(book: Rulebook) -> dt.date | None:
    """The day of the first approval."""
    days = [one.on for one in book.policy.policy.approved_by]
    return None if None in days else min((day for day in days if day is not None), default=None)


def _midnight(day: dt.date, book: Rulebook) -> Instant:
    """When the day begins where the policy is at home, in nanoseconds since 1970."""
    zone = zoneinfo.ZoneInfo(book.policy.policy.timezone)
    return int(dt.datetime.combine(day, dt.time(), zone).timestamp()) * 10**9


def _judged_by(one: Decision, book: Rulebook) -> bool:
    version = one.rule.policy_version if one.rule is not None else None
    in_scope = one.verdict is not Verdict.OUT_OF_SCOPE and one.transmission.timed
    return in_scope and version == book.policy.policy.version


def _finding(before: list[Decision], book: Rulebook, day: dt.date, coverage: Iterable[Coverage]) -> Finding:
    before.sort(key=lambda one: (one.transmission.start, one.transmission.ref, one.transmission.flow))
    sources = {one.source: one for one in coverage}
    sent = [one.transmission for one in before]
    total = Amount.total(one.sent for one in sent)
    acked = [one.acked for one in sent if one.acked is not None]
    policy, rule = book.policy.policy, book.rule("policy", "approved_by")
    ran = f"{written(sent[0].start)} and later"
    return Finding(
        id=id_of(rule, Reason.SEEN_AFTER, None, ""),
        kind=Reason.SEEN_AFTER,
        verdict=Verdict.INDETERMINATE,
        severity=Severity.LOW,
        confidence=Sureness.MEDIUM,
        confidence_why="the days of approval are the policy's own words",
        title=f"policy {policy.id} {policy.version} was approved on {day}: {Reason.SEEN_AFTER.sentence}",
        first_seen=sent[0].start,
        last_seen=max(one.end for one in sent),
        count=len(sent),
        attempts=sum(one.attempted for one in sent),
        bytes_sent=total.least,
        bytes_most=total.most,
        bytes_unknown=sum(one.sent.exact is None for one in sent),
        bytes_acked=sum(acked) if acked else None,
        sender_zone=None,
        senders=tuple(sorted({one.sender_ip for one in sent})),
        receiver=None,
        service=None,
        rule=rule,
        checks=(Check("approved before", Truth.UNSEEN, f"approved on {day}", ran, Reason.SEEN_AFTER),),
        remedy=remedy_of(Reason.SEEN_AFTER),
        evidence=tuple(evidence_of(one, "judged by it", sources) for one in sent[:EVIDENCE_MOST]),
    )
