"""One declared source in one check: its files in order, step by step, each step kept whole or not at all."""

from collections import Counter
from collections.abc import Generator, Iterator

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.errors import UsageError
from flowwatch.model import Coverage, Instant, ReadOptions, Reason
from flowwatch.ops import files
from flowwatch.ops.config import Loaded, Source
from flowwatch.ops.docket import Docket
from flowwatch.ops.kept import Kept, Place
from flowwatch.ops.life import Findings, Share
from flowwatch.ops.state import State
from flowwatch.ops.streams import HOUR, Stream, Streams, lack
from flowwatch.sources.detect import named
from flowwatch.sources.formats import formats
from flowwatch.sources.moments import known_zone
from flowwatch.sources.resume import Position, Step, steps

PORTION = 2 << 20
"""Bytes of a log that one step reads."""
_MOST_PLANS = 5
"""How often a source is looked at anew when it rotates while it is read; the next check goes on."""
_NEVER = -1 << 63
_SETTLED = 2 * 10**9
"""Nanoseconds after which a capture is whole that a newer one has followed."""


class Span(msgspec.Struct, frozen=True):
    """Times that are judged, both included; None: no bound."""

    since: Instant | None = None
    until: Instant | None = None

    def within(self, table: pa.Table, *columns: str) -> pa.Table:
        """The rows within it; a row without a time is."""
        if self.since is None and self.until is None:
            return table
        times = pc.coalesce(*(table[name] for name in columns)).cast(pa.int64())
        kept = pc.and_(
            pc.greater_equal(times, _NEVER if self.since is None else self.since),
            pc.less_equal(times, -(_NEVER + 1) if self.until is None else self.until),
        )
        return table.filter(pc.fill_null(kept, fill_value=True))


class Desk(msgspec.Struct, frozen=True):
    """Where rows go: what the readers of all sources share."""

    state: State
    kept: Kept
    docket: Docket
    streams: Streams
    findings: Findings
    options: ReadOptions
    span: Span
    check: int
    started: Instant


class Reader:
    """Reads what is new of one source; what it could not read is in `shortfalls`, what it lacks becomes a finding."""

    def __init__(self, source: Source, loaded: Loaded, desk: Desk) -> None:
        self.source = source
        self.passed = 0
        """Rows outside the time that is judged."""
        self.read: list[Coverage] = []
        self.shortfalls: list[str] = []
        self._desk = desk
        self._patterns = [str(loaded.path(one)) for one in source.paths]
        self._options = _options(source, loaded, desk.options)
        self._steps: Generator[Step, None, None] | None = None
        self._plans = 0
        self._waits = False
        self._plan: files.Plan
        self._reads: list[files.Cursor] = []
        self._look()

    @property
    def stands(self) -> Instant:
        """Up to when it is read; what stands furthest back is read first."""
        last = self._desk.streams.get(self.source.id).last
        return _NEVER if last is None else last

    @property
    def begun(self) -> bool:
        """Something of it was read, in this check or before."""
        return not self.more or self._stream.records > 0

    @property
    def more(self) -> bool:
        """There is more to read."""
        return bool(self._reads)

    @property
    def missing(self) -> bool:
        """No file of it is there."""
        return bool(self._plan.missing)

    def step(self) -> None:
        """Reads, keeps and judges the next portion."""
        cursor = self._reads[0]
        if self._steps is None:
            self._steps = self._begin(cursor)
        step = next(self._steps)
        if step.whole and step.position.offset == cursor.offset and step.coverage.error is None:
            with self._desk.state.transaction():  # a capture that is still being written: its loss would be told
                self._put(cursor)
            self._next()
            self._waits = True
            return
        offset = None if step.whole else step.position.offset
        moved = files.advanced(cursor, offset, step.coverage.last, step.position, ended=step.at_end)
        if moved is None:
            self._look()
            return
        with self._desk.state.transaction():
            number = self._keep(moved, step)
        if step.at_end:
            self._next()
        else:
            self._reads[0] = msgspec.structs.replace(moved, id=number)

    def _begin(self, cursor: files.Cursor) -> Generator[Step, None, None]:
        """The steps from where the file was read to its end, so that what is packed is unpacked once."""
        position = msgspec.convert(cursor.position, Position) if cursor.position is not None else None
        return steps(
            cursor.path,
            position,
            self._options,
            PORTION,
            expected=self._stream.format,
            ended=cursor.closed,
            complete=self._is_complete(cursor),
        )

    def _leave(self) -> None:
        """The file is let go of."""
        if self._steps is not None:
            self._steps.close()
            self._steps = None

    def _next(self) -> None:
        """The next file."""
        self._leave()
        self._reads.pop(0)

    def _is_complete(self, cursor: files.Cursor) -> bool:
        """What is read as a whole can be: nothing more is written to it."""
        silent = self._desk.started - cursor.mtime_ns
        return silent >= (_SETTLED if cursor.newer else self.source.complete_after.ns)

    def close(self) -> None:
        """Tells up to when all there was has been read."""
        with self._desk.state.transaction():
            stream, started = self._stream, self._desk.started
            unread = self._reads or self._waits or self._plan.missing or self._plan.unreadable
            read_at = stream.read_at if unread else started
            behind = sum(one.size - one.offset for one in self._reads)
            self._streams.put(
                msgspec.structs.replace(stream, read_at=read_at, begun=stream.begun or started, behind=behind)
            )

    def _look(self) -> None:
        """What is new, as the files lie now."""
        self._leave()
        self._plans += 1
        cursors = [msgspec.json.decode(body, type=files.Cursor) for body in self._bodies()]
        self._plan = plan = files.plan(self._patterns, cursors, self._desk.started)
        self._waits = self._plans > _MOST_PLANS
        self._reads = [] if self._waits else list(plan.reads)
        self.shortfalls += [f"{path}: {reason}" for path, reason in plan.unreadable]
        with self._desk.state.transaction():
            for cursor in plan.moved:
                self._put(cursor)
            for cursor in plan.forgotten:
                self._drop(cursor)
            for cursor in plan.gone:
                self._gap(cursor)

    def _gap(self, cursor: files.Cursor) -> None:
        """The file is nowhere any more: what it held after the last reading is lost to us, unless it comes back."""
        self._put(cursor)
        stream = self._stream
        self._streams.put(msgspec.structs.replace(stream, first=None, gaps=stream.gaps + 1))
        self._desk.kept.unrecorded(self.source.id)
        title = f"source {self.source.id}: a file was gone before it was read to its end"
        found = lack(self.source.id, Reason.GAP, title, cursor.last_time)
        self._desk.findings.seen(found, Share(count=1), self._desk.check)

    def _keep(self, cursor: files.Cursor, step: Step) -> int:
        """Keeps what a step read, and judges what can be judged of it at once; the number of the cursor."""
        desk, span, name = self._desk, self._desk.span, self.source.id
        flows = span.within(step.flows, "start", "end")
        lookups, answered = (span.within(one, "time", "asked") for one in (step.lookups, step.answered))
        self.passed += len(step.flows) + len(step.lookups) - len(flows) - len(lookups)
        stream = self._grown(step, flows, lookups)
        self._streams.put(stream)
        self._streams.hours(name, _hours(flows["start"], step.lookups["time"]))
        place = Place(name, self._put(cursor))
        desk.kept.add_flows(flows, place)
        asked = desk.kept.add_lookups(lookups, place) + desk.kept.answer_lookups(answered, place)
        since = stream.first if stream.first is not None else desk.started
        clients = [] if not len(lookups) else desk.kept.clients(lookups, cursor.path, name, since)
        streams = self._streams.all()
        desk.docket.lookups(asked, [one.source for one in streams.values() if one.clients_told])
        late = desk.kept.named_by(asked) | desk.kept.of_clients(clients)
        desk.docket.flows(late, streams)
        self._note(step.coverage)
        return place.cursor

    def _grown(self, step: Step, flows: pa.Table, lookups: pa.Table) -> Stream:
        """The stream with what the step read."""
        before, told = self._stream, step.coverage
        if before.format and told.format and told.records and before.format != told.format:
            title = f"source {self.source.id}: written as {told.format}, before as {before.format}"
            self._desk.findings.holds(lack(self.source.id, Reason.FORMAT_CHANGED, title, told.first), self._desk.check)
        clients_told = before.clients_told or "client" in lookups["vantage"].unique().to_pylist()
        passed = before.passed + len(step.flows) - len(flows)
        return msgspec.structs.replace(before.plus(told), clients_told=clients_told, passed=passed)

    def _note(self, told: Coverage) -> None:
        """What of the step could not be read."""
        self.read.append(told)
        if told.error is not None:
            self.shortfalls.append(f"{told.source}: {told.error.message}")
            title = f"source {self.source.id}: a file cannot be read: {told.error.message}"
            self._desk.findings.holds(lack(self.source.id, Reason.UNREADABLE, title, told.first), self._desk.check)
        elif told.events or told.used or told.rejected or told.limits:  # what is only noise is no shortfall
            self.shortfalls += [f"{told.source}: {words}" for words in told.shortfalls]

    @property
    def _streams(self) -> Streams:
        return self._desk.streams

    @property
    def _stream(self) -> Stream:
        return self._streams.get(self.source.id)

    def _bodies(self) -> Iterator[str]:
        statement = "SELECT body FROM cursors WHERE source = ? ORDER BY id"
        for (body,) in self._desk.state.db.execute(statement, (self.source.id,)).fetchall():
            yield body

    def _put(self, cursor: files.Cursor) -> int:
        """Keeps a cursor; its number."""
        db, body = self._desk.state.db, msgspec.json.encode(cursor).decode()
        if cursor.id is None:
            number = db.execute("INSERT INTO cursors (source, body) VALUES (?, '')", (self.source.id,)).lastrowid or 0
            body = msgspec.json.encode(msgspec.structs.replace(cursor, id=number)).decode()
        else:
            number = cursor.id
        db.execute("UPDATE cursors SET body = ? WHERE id = ?", (body, number))
        return number

    def _drop(self, cursor: files.Cursor) -> None:
        self._desk.state.db.execute("DELETE FROM cursors WHERE id = ?", (cursor.id,))


def _options(source: Source, loaded: Loaded, options: ReadOptions) -> ReadOptions:
    """How the source is read. Raises UsageError where its format, a map or its zone cannot be used."""
    maps = tuple(str(loaded.path(one)) for one in source.maps)
    try:
        name = named(source.format, maps).name if source.format is not None else None
        if maps:
            formats(maps)
        zone = known_zone(source.timezone)
    except UsageError as error:
        raise UsageError(f"source {source.id}: {error.message}", hint=error.hint) from error
    return msgspec.structs.replace(options, input_format=name, timezone=zone, maps=maps)


def _hours(*times: pa.ChunkedArray) -> dict[int, int]:
    """How many of the times lie in which hour since 1970."""
    counts: Counter[int] = Counter()
    for column in times:
        found = pc.divide(column.drop_null().cast(pa.int64()), HOUR)
        counts.update({one["values"]: one["counts"] for one in found.value_counts().to_pylist()})
    return dict(counts)
