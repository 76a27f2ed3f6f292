"""The Report every writer reads, and its rows as pandas frames."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from flowwatch.model import frames
from flowwatch.model.findings import ClaimAnswer, Destination, Finding
from flowwatch.model.history import Sighting
from flowwatch.model.records import Coverage
from flowwatch.model.stages import Stage
from flowwatch.model.tally import Tally
from flowwatch.model.time import Instant
from flowwatch.model.verdicts import Decision, Group, LookupDecision, Rule, Verdict

if TYPE_CHECKING:
    import pandas as pd


class ReferenceData(msgspec.Struct, frozen=True, kw_only=True):
    """One body of location data in use."""

    name: str
    kind: str
    version: str | None = None
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


class Use(msgspec.Struct, frozen=True):
    """How often a policy entry was used: it held for something, decided it, or names a side of it."""

    rule: Rule
    count: int
    """Transmissions and lookups."""
    last: Instant | None
    """When something last used it; None: nothing did, or no source tells when."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The one thing every writer reads: everything that was read, judged and could not be told."""

    version: str
    """Of flowwatch."""
    policies: tuple[PolicyInfo, ...]
    """Empty when no policy was given."""
    coverage: tuple[Coverage, ...]
    reference: tuple[ReferenceData, ...]
    decisions: Sequence[Decision]
    lookups: tuple[LookupDecision, ...]
    findings: tuple[Finding, ...]
    """Most severe first, then by bytes sent, then id."""
    destinations: tuple[Destination, ...]
    """Worst verdict first, then by bytes sent."""
    verdicts: dict[Verdict, Tally]
    """Over transmissions; every verdict is a key."""
    out_of_scope: dict[str, Tally]
    """Over transmissions that are not judged, by reason, in its order."""
    lookup_verdicts: dict[Verdict, int]
    uses: tuple[Use, ...] = ()
    """How often each policy entry was used, by kind and id."""
    stages: tuple[Stage, ...] = ()
    """By night and number; empty where no channel of the policy has a stage."""
    seen: tuple[Sighting, ...] = ()
    """What was seen of approved servers: the history of the next run."""
    unknown: tuple[str, ...] | None = None
    """Ids of approved servers of which the history given holds nothing; None: no history was given."""
    claims: tuple[ClaimAnswer, ...] = ()
    """What the recordings say of each claim of the policy, by id, then version."""

    def within(self, group: Group) -> dict[str, Tally]:
        """What a group is made of: its verdicts, or the reasons for being out of scope; none that is empty."""
        if group is not Group.OUT_OF_SCOPE:
            held = {verdict.value: tally for verdict, tally in self.verdicts.items() if verdict.group is group}
            return {name: tally for name, tally in held.items() if tally.count}
        return self.out_of_scope

    def group(self, group: Group) -> Tally:
        """The tally of one verdict group."""
        parts = [tally for verdict, tally in self.verdicts.items() if verdict.group is group]
        return Tally.sum(parts)

    @property
    def unused(self) -> tuple[Rule, ...]:
        """Policy entries that nothing in these recordings used."""
        return tuple(one.rule for one in self.uses if not one.count)

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
        return frames.frame(frames.findings_table(self.findings))

    def destinations_frame(self) -> "pd.DataFrame":
        """One row a destination, worst verdict first; columns as `flowwatch.model.frames.DESTINATIONS`."""
        return frames.frame(frames.destinations_table(self.destinations))

    def decisions_frame(self) -> "pd.DataFrame":
        """One row a transmission, approved ones included; columns as `flowwatch.model.frames.DECISIONS`."""
        return frames.frame(frames.decisions_table(self.decisions))
