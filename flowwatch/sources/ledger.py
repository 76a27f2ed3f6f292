"""The account of one log: every record ends as exactly one of event, noise, unattributable or rejected.

Promises `records = events + noise + unattributable + rejected + held_back`; keeps the first refused records with line,
offset and reason, counts the rest, and gives them all to the file of rejects where there is one.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Protocol

import pyarrow as pa

from flowwatch.model.records import Coverage, Refused, Skip
from flowwatch.model.time import Instant
from flowwatch.sources.moments import Clock

OTHER_PROGRAM = "line of another program"
"""Note of what syslog wrote beside a log."""
MOST_REJECTS = 100
"""Refused records kept in Coverage; all are counted."""

_COUNTS = (
    "records", "events", "noise", "unattributable", "rejected", "held_back",
    "flows", "lookups", "one_way_flows", "out_of_order", "drops",
)  # fmt: skip
_HELD_BACK = "last line without its end, which cannot be read: more of it may come"
REASONS = {
    "bad_timestamp": "the time is missing or is not a time",
    "date_order": "day and month cannot be told apart in this log: a map `like` this one with one `unit` says which",
    "double_key": "a key stands twice, with two values",
    "extra_columns": "more columns than the header names",
    "json_depth": "nested too deeply",
    "frame_too_long": "longer than 1 MiB",
    "foreign_line": "not a line of this log",
    "json_syntax": "not a JSON object",
    "line_too_long": "longer than 1 MiB",
    "names_differ": "the two names of the line differ",
    "no_event_type": "no `event_type` says what it is",
    "no_header": "no header before it says what its columns are",
    "not_cdns": "not an item of C-DNS",
    "not_dnstap": "not a frame of dnstap",
    "not_powerdns": "not a message of PowerDNS",
    "not_utf8": "not UTF-8 text",
    "open_quote": "a quote does not stand around a whole value",
    "query_line": "like a query, but not of the form of one",
    "short_row": "fewer columns than the header names",
    "too_many_headers": "the header changed too often",
    "unreadable_event": "an event that cannot be read",
    "unsupported_log": "a record of another log, which is not read here",
}
"""Why a record is refused, by stable code; `bad_field:NAME` is written out by itself."""


class Held(Protocol):
    """Records that are being read."""

    def line(self, offset: int, /) -> bytes | None:
        """The one that stands there in the input."""


class Ledger:
    """Counts of one log while it is read; `coverage` closes it."""

    def __init__(self, sink: Refused | None = None) -> None:
        self._sink = sink
        self.block: Held | None = None
        """What is being read: the bytes of refused records are taken from it."""
        self.records = self.events = self.noise = self.unattributable = self.rejected = self.held_back = 0
        self.flows = self.lookups = self.one_way_flows = 0
        self.out_of_order = self.drops = 0
        self.limits: Counter[str] = Counter()
        """Limits that were hit, by name."""
        self.first: Instant | None = None
        self.last: Instant | None = None
        self.notes: Counter[str] = Counter()
        """Sentences to be told, with how often each was due."""
        self.rejects: list[Skip] = []
        """The first refused records."""

    def reject(self, code: str, record: int, offset: int) -> None:
        """Counts one refused record and keeps it while there is room."""
        self.rejected += 1
        if self._sink is not None:
            self._sink(code, _reason(code), record, offset, self.block.line(offset) if self.block else None)
        if len(self.rejects) < MOST_REJECTS:
            self.rejects.append(Skip(code, _reason(code), offset, record))

    def refuse(self, refusals: Iterable[tuple[int, int, str]], *, ended: bool = True) -> None:
        """Books refused records (line, offset, code) in their order; a last line that nothing ends is held back."""
        for number, offset, code in sorted(refusals):
            if ended:
                self.reject(code, number, offset)
            else:
                self.held_back += 1
                self.notes[_HELD_BACK] += 1

    def seen(self, first: Instant, last: Instant) -> None:
        """Widens the time span."""
        self.first = first if self.first is None else min(self.first, first)
        self.last = last if self.last is None else max(self.last, last)

    def absorb(self, other: "Ledger", *, blank: int = 0) -> None:
        """Adds the account of another reader of the same log, without `blank` of its lines, which were noise there."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.records -= blank
        self.noise -= blank
        self.limits += other.limits
        self.notes += other.notes
        if other.first is not None and other.last is not None:
            self.seen(other.first, other.last)
        self.rejects = sorted([*self.rejects, *other.rejects], key=lambda one: one.record or 0)[:MOST_REJECTS]

    def note_times(self, bases: pa.StringArray, clock: Clock) -> None:
        """Notes how times were read that do not say all, by their `time_basis`."""
        notes = clock.notes
        for basis in bases.value_counts().to_pylist():
            if basis["values"] in notes:
                self.notes[notes[basis["values"]]] += basis["counts"]

    def coverage(self, source: str, name: str, size: int, sha256: str | None, error: Skip | None) -> Coverage:
        """The account closed: what was read of `source`, `size` bytes in format `name`."""
        return Coverage(
            source=source,
            format=name,
            sha256=sha256,
            size=size,
            records=self.records,
            bytes=size,
            first=self.first,
            last=self.last,
            out_of_order=self.out_of_order,
            drops=self.drops,
            limits=dict(self.limits),
            events=self.events,
            noise=self.noise,
            unattributable=self.unattributable,
            rejected=self.rejected,
            held_back=self.held_back,
            rejects=tuple(self.rejects),
            flows=self.flows,
            lookups=self.lookups,
            one_way_flows=self.one_way_flows,
            notes=tuple(f"{count} x {note}" for note, count in sorted(self.notes.items())),
            error=error,
        )


def _reason(code: str) -> str:
    field = code.removeprefix("bad_field:")
    return REASONS[code] if field == code else f"the value of `{field}` is not of its type"
