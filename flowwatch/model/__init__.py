"""The nouns every room speaks: two Arrow tables, what is derived from them, what is judged, and the Report.

Promises: frozen values only, no input or output, no policy. Times are integers of nanoseconds since 1970 UTC
(`Instant`) once they have left the tables, since `datetime` holds microseconds only. `None` means "this source cannot
say", never zero.
"""

from flowwatch.model.alerts import Alert, AlertKind, Life
from flowwatch.model.columns import TransmissionColumns, Transmissions
from flowwatch.model.findings import ClaimAnswer, ClaimOutcome, Destination, Endpoint, Evidence, Finding
from flowwatch.model.held import Held, held_of, one_by_one, sent_at
from flowwatch.model.history import History, Sighting, Trait
from flowwatch.model.names import Name, NameClass, SeenName
from flowwatch.model.places import Basis, Candidate, Confidence, Fact, Place
from flowwatch.model.records import FLOWS, LOOKUPS, MOST_COUNTED, Coverage, Marker, ReadOptions, Ref, Skip
from flowwatch.model.report import PolicyInfo, ReferenceData, Report, Use
from flowwatch.model.stages import Delay, Opening, Ran, Stage
from flowwatch.model.tally import Tally
from flowwatch.model.time import EARLIEST, LATEST, Instant
from flowwatch.model.traffic import (
    Account,
    Amount,
    Answer,
    Control,
    Encapsulation,
    Lookup,
    LookupsRecorded,
    OpenedBy,
    Transmission,
    asks_by_path,
    asks_sealed,
    is_opaque,
)
from flowwatch.model.verdicts import (
    OF_THE_WHOLE,
    ONLY_TOLD,
    Check,
    Decision,
    Group,
    Label,
    LookupDecision,
    Reason,
    Rule,
    Severity,
    Sureness,
    Truth,
    Verdict,
)

__all__ = [
    "EARLIEST",
    "FLOWS",
    "LATEST",
    "LOOKUPS",
    "MOST_COUNTED",
    "OF_THE_WHOLE",
    "ONLY_TOLD",
    "Account",
    "Alert",
    "AlertKind",
    "Amount",
    "Answer",
    "Basis",
    "Candidate",
    "Check",
    "ClaimAnswer",
    "ClaimOutcome",
    "Confidence",
    "Control",
    "Coverage",
    "Decision",
    "Delay",
    "Destination",
    "Encapsulation",
    "Endpoint",
    "Evidence",
    "Fact",
    "Finding",
    "Group",
    "Held",
    "History",
    "Instant",
    "Label",
    "Life",
    "Lookup",
    "LookupDecision",
    "LookupsRecorded",
    "Marker",
    "Name",
    "NameClass",
    "OpenedBy",
    "Opening",
    "Place",
    "PolicyInfo",
    "Ran",
    "ReadOptions",
    "Reason",
    "Ref",
    "ReferenceData",
    "Report",
    "Rule",
    "SeenName",
    "Severity",
    "Sighting",
    "Skip",
    "Stage",
    "Sureness",
    "Tally",
    "Trait",
    "Transmission",
    "TransmissionColumns",
    "Transmissions",
    "Truth",
    "Use",
    "Verdict",
    "asks_by_path",
    "asks_sealed",
    "held_of",
    "is_opaque",
    "one_by_one",
    "sent_at",
]
