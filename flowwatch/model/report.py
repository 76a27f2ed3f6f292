"""Findings, destinations and the Report every writer reads."""

from typing import TYPE_CHECKING

import msgspec

from flowwatch.model.names import SeenName
from flowwatch.model.places import Place
from flowwatch.model.records import Coverage
from flowwatch.model.time import Instant
from flowwatch.model.traffic import OpenedBy
from flowwatch.model.verdicts import (
    Check,
    Decision,
    Group,
    Label,
    LookupDecision,
    Reason,
    Rule,
    Severity,
    Sureness,
    Verdict,
)

if TYPE_CHECKING:
    import pandas as pd


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """A record behind a finding: input digest, record number, byte offset, time, and how it bears on it."""

    source: str
    sha256: str | None
    record: int
    last_record: int
    offset: int | None
    time: Instant | None
    how: str


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A side of a finding or destination row."""

    zone: str | None
    address: str | None
    port: int | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict worth telling, with its evidence; the same finding keeps its `id` tomorrow.

    `id` is a digest of policy id, rule entry, reason, sender zone, server id or else destination address or else asked
    name, and service.
    """

    id: str
    kind: Reason
    verdict: Verdict
    severity: Severity
    confidence: Sureness
    confidence_why: str
    title: str
    first_seen: Instant | None
    last_seen: Instant | None
    count: int
    attempts: int
    bytes_sent: int
    """The least known."""
    bytes_unknown: int
    """Transmissions whose size is known only as a range."""
    bytes_acked: int | None
    """None where no acknowledgement was recorded."""
    sender_zone: str | None
    senders: tuple[str, ...]
    receiver: Endpoint | None
    """None for a lookup that has no destination."""
    service: str | None
    """As `tcp/443`."""
    opened_by: OpenedBy | None = None
    server: str | None = None
    names: tuple[SeenName, ...] = ()
    asked: str | None = None
    """The name of a lookup finding."""
    place: Place | None = None
    labels: tuple[Label, ...] = ()
    rule: Rule | None = None
    checks: tuple[Check, ...] = ()
    notes: tuple[Reason, ...] = ()
    remedy: str = ""
    evidence: tuple[Evidence, ...] = ()


class Tally(msgspec.Struct, frozen=True):
    """How many transmissions, of them attempts, and payload bytes sent (least known)."""

    count: int = 0
    attempts: int = 0
    bytes: int = 0


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """One receiver of transmissions from declared zones, and how they were judged."""

    address: str
    port: int | None
    proto: str
    opened_by: OpenedBy
    zone: str | None
    server: str | None
    names: tuple[SeenName, ...]
    place: Place | None
    verdicts: dict[Verdict, int]
    worst: Verdict
    reasons: tuple[Reason, ...]
    transmissions: int
    attempts: int
    bytes_sent: int
    bytes_unknown: int
    """Transmissions whose size is known only as a range or not at all."""
    bytes_acked: int | None
    first: Instant
    last: Instant
    sender_zones: tuple[str, ...]
    senders: int
    labels: tuple[str, ...]


class ReferenceData(msgspec.Struct, frozen=True, kw_only=True):
    """One body of location data in use."""

    name: str
    kind: str
    date: str | None = None
    sha256: str | None = None
    path: str | None = None
    attribution: str | None = None
    fields: tuple[str, ...] = ()


class PolicyInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Which policy judged: id, version, title, and the SHA-256 of its bytes."""

    id: str
    version: str
    title: str
    sha256: str
    files: tuple[str, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The one thing every writer reads: everything that was read, judged and could not be told."""

    version: str
    """Of flowwatch."""
    policies: tuple[PolicyInfo, ...]
    """Empty when no policy was given."""
    coverage: tuple[Coverage, ...]
    reference: tuple[ReferenceData, ...]
    decisions: tuple[Decision, ...]
    lookups: tuple[LookupDecision, ...]
    findings: tuple[Finding, ...]
    """Most severe first, then by bytes sent, then id."""
    destinations: tuple[Destination, ...]
    """Worst verdict first, then by bytes sent."""
    verdicts: dict[Verdict, Tally]
    """Over transmissions; every verdict is a key."""
    lookup_verdicts: dict[Verdict, int]
    unused: tuple[Rule, ...] = ()
    """Policy entries that nothing in this recording used."""

    def group(self, group: Group) -> Tally:
        """The tally of one verdict group."""
        parts = [tally for verdict, tally in self.verdicts.items() if verdict.group is group]
        return Tally(sum(p.count for p in parts), sum(p.attempts for p in parts), sum(p.bytes for p in parts))

    @property
    def judged(self) -> int:
        """Transmissions from declared zones that were judged (out of scope excluded)."""
        return sum(tally.count for verdict, tally in self.verdicts.items() if verdict.group is not Group.OUT_OF_SCOPE)

    @property
    def first(self) -> Instant | None:
        """Time of the earliest record."""
        return min((one.first for one in self.coverage if one.first is not None), default=None)

    @property
    def last(self) -> Instant | None:
        """Time of the latest record."""
        return max((one.last for one in self.coverage if one.last is not None), default=None)

    def findings_frame(self) -> "pd.DataFrame":
        """One row a finding, most severe first; columns as `flowwatch.model.frames.FINDINGS`."""
        from flowwatch.model import frames  # noqa: PLC0415  # start-up time

        return frames.frame(frames.findings_table(self))

    def destinations_frame(self) -> "pd.DataFrame":
        """One row a destination, worst verdict first; columns as `flowwatch.model.frames.DESTINATIONS`."""
        from flowwatch.model import frames  # noqa: PLC0415  # start-up time

        return frames.frame(frames.destinations_table(self))

    def decisions_frame(self) -> "pd.DataFrame":
        """One row a transmission, approved ones included; columns as `flowwatch.model.frames.DECISIONS`."""
        from flowwatch.model import frames  # noqa: PLC0415  # start-up time

        return frames.frame(frames.decisions_table(self))
