"""One source, or several, as batches of the two tables with an account of what could not be read.

Bad input never raises: it becomes `coverage.error` and the run goes on with the others.
"""

from collections.abc import Iterator, Sequence

import msgspec
import pyarrow as pa

from flowwatch.model.records import FLOWS, LOOKUPS, Coverage, ReadOptions, Skip
from flowwatch.sources.detect import detect, named
from flowwatch.sources.formats import Format
from flowwatch.sources.opened import Opened, Progress
from flowwatch.sources.records import Records, TableName
from flowwatch.tables import ordered

DEFAULTS = ReadOptions()


class Reading:
    """Batches of one source, to be iterated once; `coverage` is complete after the last."""

    def __init__(self, source: str, options: ReadOptions, progress: Progress | None) -> None:
        self.source = source
        self._options = options
        self._progress = progress
        self._forced = named(options.input_format) if options.input_format is not None else None
        self._coverage = Coverage(source=Opened.text(source))

    @property
    def coverage(self) -> Coverage:
        """What the source held and what could not be seen in it."""
        return self._coverage

    def __iter__(self) -> Iterator[tuple[TableName, pa.RecordBatch]]:
        try:
            opened = self._open()
        except (OSError, ValueError) as error:
            self._coverage = msgspec.structs.replace(self._coverage, error=_unreadable(error))
            return
        with opened:
            yield from self._read(opened)

    def _open(self) -> Opened:
        options = self._options
        return Opened(self.source, digest=options.digest, progress=self._progress, follow=options.follow)

    def _read(self, opened: Opened) -> Iterator[tuple[TableName, pa.RecordBatch]]:
        chosen = self._forced or detect(opened.head)
        if not isinstance(chosen, Format) or not opened.head:
            refused = chosen if isinstance(chosen, Skip) else Skip("empty", "the input is empty")
            self._coverage = _unread(opened, opened.error or refused)
            return
        records: Records = chosen.read(opened, self._options, self._progress)
        try:
            yield from records
        finally:
            self._coverage = _unpacked(opened, records.coverage)


class Collected(msgspec.Struct, frozen=True):
    """All rows of several sources, ordered by source (as given) and record, with one Coverage each."""

    flows: pa.Table
    lookups: pa.Table
    coverage: tuple[Coverage, ...]


def read(source: str, options: ReadOptions = DEFAULTS, progress: Progress | None = None) -> Reading:
    """The source, opened when it is iterated: ("flows" | "lookups", batch of that schema).

    `progress` is told how many more bytes have been read. Raises UsageError for an unknown `options.input_format`; bad
    input never raises.
    """
    return Reading(source, options, progress)


def collect(sources: Sequence[str], options: ReadOptions = DEFAULTS, progress: Progress | None = None) -> Collected:
    """Everything the sources hold, in memory."""
    batches: dict[TableName, list[pa.Table]] = {"flows": [], "lookups": []}
    coverage: list[Coverage] = []
    for source in sources:
        reading = read(source, options, progress)
        found: dict[TableName, list[pa.RecordBatch]] = {"flows": [], "lookups": []}
        for table, batch in reading:
            found[table].append(batch)
        batches["flows"].append(ordered(pa.Table.from_batches(found["flows"], FLOWS), ("first_record",)))
        batches["lookups"].append(ordered(pa.Table.from_batches(found["lookups"], LOOKUPS), ("record",)))
        coverage.append(reading.coverage)
    return Collected(_joined(batches["flows"], FLOWS), _joined(batches["lookups"], LOOKUPS), _twice_told(coverage))


def _twice_told(coverage: Sequence[Coverage]) -> tuple[Coverage, ...]:
    """Each with a note where an earlier source holds the same bytes: copies are told, not left out."""
    first: dict[str, str] = {}
    told = []
    for one in coverage:
        before = first.setdefault(one.sha256, one.source) if one.sha256 and one.size else one.source
        note = f"the same bytes as {before}: what they hold is counted again"
        told.append(one if before == one.source else msgspec.structs.replace(one, notes=(*one.notes, note)))
    return tuple(told)


def _joined(parts: list[pa.Table], schema: pa.Schema) -> pa.Table:
    return pa.concat_tables([pa.Table.from_batches([], schema), *parts]).unify_dictionaries()


def _unread(opened: Opened, why: Skip) -> Coverage:
    """Coverage of an input that is no format this version reads: its bytes are counted and digested all the same."""
    try:
        opened.drain()
    except OSError as error:
        why = _unreadable(error)
    told = Coverage(source=opened.name, size=opened.size, sha256=opened.sha256, bytes=opened.size, error=why)
    return _unpacked(opened, told)


def _unpacked(opened: Opened, coverage: Coverage) -> Coverage:
    """The account of a reader that knows only unpacked bytes, with how they are stored and what is wrong with that."""
    if coverage.compression == opened.compression:
        return coverage
    stored = msgspec.structs.replace(coverage, compression=opened.compression, error=opened.error or coverage.error)
    count = opened.unpacked_size
    return stored if count is None else msgspec.structs.replace(stored, unpacked_size=count, bytes=count)


def _unreadable(error: OSError | ValueError) -> Skip:
    if isinstance(error, FileNotFoundError):
        return Skip("not_found", "no such file")
    if isinstance(error, IsADirectoryError):
        return Skip("is_a_folder", "is a folder")
    words = error.strerror if isinstance(error, OSError) else None
    return Skip("unreadable", words or str(error))
