"""What is known of each declared source over all checks, and what of it is missing: silence is not success.

Promises: every lack is a finding of its own with a stable id, verdict `indeterminate`, and is told while it holds.
"""

import hashlib
from collections.abc import Iterator

import msgspec

from flowwatch.judge import remedy_of
from flowwatch.model import Coverage, Finding, Instant, Reason, Severity, Sureness, Verdict
from flowwatch.ops.config import Source
from flowwatch.ops.state import State

HOUR = 3600 * 10**9


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """What all checks together read of one source."""

    source: str
    format: str | None = None
    """As its last file was read."""
    first: Instant | None = None
    """Time of its first record, since the last gap in it."""
    last: Instant | None = None
    """Time of its latest record."""
    begun: Instant | None = None
    """When it was first looked at."""
    read_at: Instant | None = None
    """When it was last read to its end."""
    clients_told: bool = False
    """It tells what clients asked."""
    records: int = 0
    events: int = 0
    noise: int = 0
    unattributable: int = 0
    rejected: int = 0
    held_back: int = 0
    flows: int = 0
    lookups: int = 0
    one_way: int = 0
    passed: int = 0
    """Rows passed over by `--since`."""
    gaps: int = 0
    behind: int = 0
    """Bytes that were there and not read yet."""

    def plus(self, coverage: Coverage) -> "Stream":
        """With what one more step read."""
        firsts = [at for at in (self.first, coverage.first) if at is not None]
        lasts = [at for at in (self.last, coverage.last) if at is not None]
        return msgspec.structs.replace(
            self,
            format=coverage.format or self.format,
            first=min(firsts, default=None),
            last=max(lasts, default=None),
            records=self.records + coverage.records - coverage.held_back,  # it counts once it is read
            events=self.events + coverage.events + coverage.used,
            noise=self.noise + coverage.noise,
            unattributable=self.unattributable + coverage.unattributable,
            rejected=self.rejected + coverage.rejected,
            held_back=self.held_back + coverage.held_back,
            flows=self.flows + coverage.flows,
            lookups=self.lookups + coverage.lookups,
            one_way=self.one_way + coverage.one_way_flows,
        )

    def coverage(self, path: str) -> Coverage:
        """What is known of the source, as that of one of its files."""
        return Coverage(
            source=path,
            recorder=self.source,
            format=self.format,
            first=self.first,
            last=self.last,
            flows=self.flows,
            one_way_flows=self.one_way,
            events=self.events,
        )

    def passed_until(self) -> Instant | None:
        """Up to when everything that happened was read of it."""
        times = [at for at in (self.last, self.read_at) if at is not None]
        return max(times, default=None)


class Streams:
    """The streams of a state, changed within the caller's transaction."""

    def __init__(self, state: State) -> None:
        self._db = state.db

    def get(self, source: str) -> Stream:
        """A stream by its source's id; of one that was never read, an empty one."""
        row = self._db.execute("SELECT body FROM streams WHERE source = ?", (source,)).fetchone()
        return Stream(source=source) if row is None else msgspec.json.decode(row[0], type=Stream)

    def all(self) -> dict[str, Stream]:
        """Every stream by its source's id."""
        bodies = self._db.execute("SELECT body FROM streams ORDER BY source")
        return {one.source: one for (body,) in bodies for one in [msgspec.json.decode(body, type=Stream)]}

    def put(self, stream: Stream) -> None:
        """Keeps a stream."""
        body = msgspec.json.encode(stream).decode()
        self._db.execute("INSERT OR REPLACE INTO streams VALUES (?, ?)", (stream.source, body))

    def hours(self, source: str, counts: dict[int, int]) -> None:
        """Adds rows to the hours (numbered since 1970) they are of."""
        self._db.executemany(
            "INSERT INTO hours VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET records = records + ?3",
            [(source, hour, count) for hour, count in counts.items()],
        )

    def in_hour(self, source: str, hour: int) -> int:
        """Rows of that hour."""
        row = self._db.execute("SELECT records FROM hours WHERE source = ? AND hour = ?", (source, hour)).fetchone()
        return 0 if row is None else int(row[0])

    def forget(self, before: Instant) -> None:
        """Drops hours that ended before."""
        self._db.execute("DELETE FROM hours WHERE hour < ?", (before // HOUR,))


def lacks(source: Source, stream: Stream, in_hour: int | None, now: Instant) -> Iterator[Finding]:
    """What the source lacks now; `in_hour`: rows of the last whole hour, None where it was not read for all of it."""
    if stream.last is None:
        if stream.read_at is not None:
            yield lack(source.id, Reason.EMPTY, f"source {source.id} has never held a record", now)
    elif source.max_silence is not None and now - stream.last > source.max_silence.ns:
        words = f"source {source.id}: no record for longer than {source.max_silence}"
        yield lack(source.id, Reason.SILENT, words, stream.last)
    if in_hour is not None and in_hour < source.min_per_hour:
        words = f"source {source.id}: {in_hour} records in an hour, at least {source.min_per_hour} are declared"
        yield lack(source.id, Reason.BELOW_RATE, words, now - now % HOUR - HOUR)


def lack(
    source: str, reason: Reason, title: str, since: Instant | None, severity: Severity = Severity.MEDIUM
) -> Finding:
    """A finding on what cannot be seen of a source."""
    return Finding(
        id=hashlib.sha256(f"coverage\0{source}\0{reason.value}".encode()).hexdigest()[:16],
        kind=reason,
        verdict=Verdict.INDETERMINATE,
        severity=severity,
        confidence=Sureness.HIGH,
        confidence_why="it is what the check itself met",
        title=title,
        first_seen=since,
        last_seen=since,
        count=1,
        remedy=remedy_of(reason),
    )


def of_coverage(finding: Finding) -> bool:
    """It tells of the sources, not of what was sent: never exit 1."""
    return finding.kind.startswith("coverage.")


def unseen(finding: Finding) -> bool:
    """It tells that something could not be seen: exit 3 while it holds."""
    return of_coverage(finding) and finding.kind is not Reason.PLACES_STALE
