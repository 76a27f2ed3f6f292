"""The nouns every room speaks: two Arrow tables, what is derived from them, what is judged, and the Report.

Promises: frozen values only, no input or output, no policy. Times are integers of nanoseconds since 1970 UTC
(`Instant`) once they have left the tables, since `datetime` holds microseconds only. `None` means "this source cannot
say", never zero.
"""

from flowwatch.model.alerts import Alert, AlertKind, Life
from flowwatch.model.findings import Destination, Endpoint, Evidence, Finding
from flowwatch.model.names import Name, NameClass, SeenName
from flowwatch.model.places import Basis, Candidate, Confidence, Fact, Place
from flowwatch.model.records import FLOWS, LOOKUPS, Coverage, Marker, ReadOptions, Ref, Skip
from flowwatch.model.report import PolicyInfo, ReferenceData, Report, Tally
from flowwatch.model.time import Instant
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
)
from flowwatch.model.verdicts import (
    OF_THE_WHOLE,
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
    "FLOWS",
    "LOOKUPS",
    "OF_THE_WHOLE",
    "Account",
    "Alert",
    "AlertKind",
    "Amount",
    "Answer",
    "Basis",
    "Candidate",
    "Check",
    "Confidence",
    "Control",
    "Coverage",
    "Decision",
    "Destination",
    "Encapsulation",
    "Endpoint",
    "Evidence",
    "Fact",
    "Finding",
    "Group",
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
    "Place",
    "PolicyInfo",
    "ReadOptions",
    "Reason",
    "Ref",
    "ReferenceData",
    "Report",
    "Rule",
    "SeenName",
    "Severity",
    "Skip",
    "Sureness",
    "Tally",
    "Transmission",
    "Truth",
    "Verdict",
]
