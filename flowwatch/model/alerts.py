"""What is told to somebody who is not there: a finding, or news of the check itself, once for each channel."""

import enum

import msgspec

from flowwatch.model.findings import Finding
from flowwatch.model.report import PolicyInfo
from flowwatch.model.time import Instant
from flowwatch.model.verdicts import Severity


class AlertKind(enum.StrEnum):
    """What an alert is about."""

    FINDING = "finding"
    SUMMARY = "summary"
    """Many new findings at once, told as one."""
    FAILURE = "failure"
    """The check itself could not do its work."""
    HEARTBEAT = "heartbeat"
    TRIAL = "trial"
    """Sent by hand, to see that it arrives."""


class Life(enum.StrEnum):
    """Where a finding stands between two checks."""

    NEW = "new"
    REPEATED = "repeated"
    RAISED = "raised"
    """Its severity, or its verdict, is graver than before."""
    CHANGED = "changed"
    """Later evidence gave what it told another verdict; both are kept."""
    QUIET = "quiet"
    """Nothing of it was seen in so many checks; what was sent stays sent."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to be told; the same `delivery` however often delivery is tried, so that a receiver knows it again."""

    delivery: str
    kind: AlertKind
    time: Instant
    """When it was decided to tell it."""
    severity: Severity
    title: str
    """One neutral sentence."""
    lines: tuple[str, ...] = ()
    """What else is to be said, a sentence each."""
    life: Life | None = None
    """Of a finding."""
    finding: Finding | None = None
    policy: PolicyInfo | None = None
    """The newest version that judged."""
    host: str = ""
    """Where the check ran."""
    version: str
    """Of flowwatch."""
