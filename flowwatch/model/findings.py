"""Findings and destinations: decisions gathered into what a person reads."""

import enum

import msgspec

from flowwatch.model.names import SeenName
from flowwatch.model.places import Place
from flowwatch.model.time import Instant
from flowwatch.model.traffic import Amount, OpenedBy
from flowwatch.model.verdicts import Check, Label, Reason, Rule, Severity, Sureness, Verdict


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """A record behind a finding: input digest, record number, byte offset, time, and how it bears on it."""

    source: str
    sha256: str | None
    record: int
    last_record: int
    offset: int | None
    time: Instant | None
    how: str
    format: str | None = None
    """Of the source, as Coverage has it: of a capture a record is a packet."""
    community_id: str | None = None
    """Of the flow recorded there, where it is known."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A side of a finding or destination row."""

    zone: str | None
    address: str | None
    port: int | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict worth telling, with its evidence; the same finding keeps its `id` tomorrow.

    `id` is a digest of policy id, rule entry, reason, sender zone, server id or else the host asked of a proxy or else
    destination address or else asked name, and service.
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
    attempts: int = 0
    bytes_sent: int = 0
    """The least known; 0 where it tells of nothing sent."""
    bytes_most: int | None = 0
    """The most known; None: no bound. Equal to `bytes_sent` where every size is known."""
    bytes_unknown: int = 0
    """Transmissions whose size is known only as a range."""
    bytes_acked: int | None = None
    """None where no acknowledgement was recorded."""
    sender_zone: str | None = None
    senders: tuple[str, ...] = ()
    receiver: Endpoint | None = None
    """None for a lookup that has no destination."""
    service: str | None = None
    """As `tcp/443`."""
    opened_by: OpenedBy | None = None
    server: str | None = None
    names: tuple[SeenName, ...] = ()
    asked: str | None = None
    """The name of a lookup finding, or the host asked of the proxy `via`."""
    via: str | None = None
    """Id of the proxy the receiver is; `asked` is None where what went to the proxy itself is told."""
    place: Place | None = None
    """Of the receiver; of a host asked of a proxy where that is an address, None where it is a name."""
    labels: tuple[Label, ...] = ()
    rule: Rule | None = None
    checks: tuple[Check, ...] = ()
    notes: tuple[Reason, ...] = ()
    remedy: str = ""
    evidence: tuple[Evidence, ...] = ()

    @property
    def sent(self) -> Amount:
        """Payload bytes sent."""
        return Amount(self.bytes_sent, self.bytes_most)

    @property
    def of_lookups(self) -> bool:
        """It tells what was looked up in the DNS, not what was sent."""
        return self.asked is not None and self.via is None


class ClaimOutcome(enum.StrEnum):
    """What the recordings say of a claim; a claim is never shown to be true."""

    NO_CONTRARY_OBSERVATION = "no_contrary_observation"
    DOES_NOT_HOLD = "does_not_hold"
    CANNOT_TELL = "cannot_tell"


class ClaimAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the recordings say of one claim of a policy version, and what that rests on."""

    rule: Rule
    says: str
    """The claim in words."""
    outcome: ClaimOutcome
    zones: tuple[str, ...]
    """Whose sending it is about; ids."""
    start: Instant | None
    """The time it was answered for, half-open; None where nothing bounds it, as where nothing was recorded."""
    end: Instant | None
    time_declared: bool
    """The claim names both ends of its time; else it was answered for the time that was recorded."""
    transmissions: int
    """Sent in that time from these zones, attempts not counted."""
    contrary: int
    """Of them, those that it rules out."""
    undetermined: int
    """Of them, those of which that could not be told."""
    attempts: int
    """Attempts that would be either if they had carried anything; nothing was sent, so they decide nothing."""
    missing: tuple[str, ...] = ()
    """Why it cannot be told, each in words; empty for other outcomes."""
    evidence: tuple[Evidence, ...] = ()
    """Records of what it rules out, else of what could not be told; the earliest."""
    finding: str | None = None
    """Id of the finding that tells it, where it does not hold."""


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """One receiver of transmissions from declared zones, and how they were judged."""

    address: str
    """Of a host asked of a proxy: the proxy's."""
    port: int | None
    proto: str
    opened_by: OpenedBy
    via: str | None = None
    """Id of the proxy the receiver is."""
    asked: str | None = None
    """The host asked of that proxy; of several asked on one flow the one on which its verdict stands."""
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
    bytes_most: int | None
    """The most known; None: no bound. Equal to `bytes_sent` where every size is known."""
    bytes_unknown: int
    """Transmissions whose size is known only as a range or not at all."""
    bytes_acked: int | None
    first: Instant | None
    """None where no source tells a time."""
    last: Instant | None
    sender_zones: tuple[str, ...]
    senders: int
    labels: tuple[str, ...]

    @property
    def sent(self) -> Amount:
        """Payload bytes sent."""
        return Amount(self.bytes_sent, self.bytes_most)
