"""One source, or several, as batches of the two tables with an account of what could not be read.

Bad input never raises: it becomes `coverage.error` and the run goes on with the others.
"""

import collections
import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.model.records import FLOWS, LOOKUPS, Coverage, ReadOptions, Skip
from flowwatch.sorting import PORTION, Sorter
from flowwatch.sources.capture import CaptureRecords
from flowwatch.sources.detect import detect, named
from flowwatch.sources.formats import Format, formats
from flowwatch.sources.opened import Opened, Progress
from flowwatch.sources.records import Records, TableName
from flowwatch.sources.rotation import Run, runs

DEFAULTS = ReadOptions()
_SMALL = 64 << 20
"""Bytes of a source that is read by one thread, beside others."""
_WIDE = "text in UTF-16: offsets count the bytes of the same text in UTF-8"
_TABLES: dict[TableName, pa.Schema] = {"flows": FLOWS, "lookups": LOOKUPS}
_RECORD: dict[TableName, str] = {"flows": "first_record", "lookups": "record"}


class Reading:
    """Batches of one source, to be iterated once; `coverage` is complete after the last."""

    def __init__(
        self,
        source: str,
        options: ReadOptions,
        progress: Progress | None,
        then: Sequence[str] = (),
        *,
        shown: str | None = None,
    ) -> None:
        self.source = source
        self._shown = source if shown is None else shown
        self._then = then
        self._options = options
        self._progress = progress
        if options.maps:
            formats(options.maps)  # what is wrong with a map is told before anything is read
        self._forced = named(options.input_format, options.maps) if options.input_format is not None else None
        self._coverages = tuple(Coverage(source=Opened.text(one)) for one in (self._shown, *then))

    @property
    def coverage(self) -> Coverage:
        """What the source held and what could not be seen in it."""
        return self._coverages[0]

    @property
    def coverages(self) -> tuple[Coverage, ...]:
        """The same of the source and of each file that goes on with it."""
        return self._coverages

    def __iter__(self) -> Iterator[tuple[TableName, pa.RecordBatch]]:
        try:
            opened = self._open()
        except (OSError, ValueError) as error:
            self._coverages = tuple(msgspec.structs.replace(one, error=unreadable(error)) for one in self._coverages)
            return
        with opened:
            yield from self._read_run(opened) if self._then else self._read(opened)

    def _open(self) -> Opened:
        options = self._options
        return Opened(
            self.source, digest=options.digest, progress=self._progress, follow=options.follow, shown=self._shown
        )

    def _read(self, opened: Opened) -> Iterator[tuple[TableName, pa.RecordBatch]]:
        chosen = self._forced or detect(opened.head, self._options.maps, opened.middle)
        if not isinstance(chosen, Format) or not opened.head:
            refused = chosen if isinstance(chosen, Skip) else Skip("empty", "the input is empty")
            self._coverages = (_unread(opened, opened.error or refused),)
            return
        records: Records = chosen.read(opened, self._options, self._progress)
        try:
            yield from records
        finally:
            self._coverages = (_unpacked(opened, records.coverage),)

    def _read_run(self, opened: Opened) -> Iterator[tuple[TableName, pa.RecordBatch]]:
        records = CaptureRecords(opened, self._options, self._progress, self._then)
        try:
            yield from records
        finally:
            self._coverages = records.coverages


class Part(msgspec.Struct, frozen=True):
    """What one run of sources holds: of each table the rows in order, and a Coverage for each source."""

    rows: dict[TableName, Sorter]
    coverages: tuple[Coverage, ...]
    sources: Run


class Collected(msgspec.Struct, frozen=True):
    """All rows of several sources, ordered by source (as given) and record, with one Coverage each."""

    flows: pa.Table
    lookups: pa.Table
    coverage: tuple[Coverage, ...]


def read(
    source: str, options: ReadOptions = DEFAULTS, progress: Progress | None = None, then: Sequence[str] = ()
) -> Reading:
    """The source, opened when it is iterated: ("flows" | "lookups", batch of that schema).

    `progress` is told how many more bytes have been read; `then` are captures that go on with it (`rotation.runs`).
    Raises UsageError for an unknown `options.input_format` or a map that cannot be used; bad input never raises.
    """
    return Reading(source, options, progress, then)


@contextlib.contextmanager
def parts(
    sources: Sequence[str],
    options: ReadOptions = DEFAULTS,
    progress: Progress | None = None,
    portion: int | None = PORTION,
    only: TableName | None = None,
) -> Iterator[Iterator[Part]]:
    """The sources part by part, captures of one rotation together; a part stands until the next is asked for.

    Small sources are read several at once, large ones each by all `options.threads`. Rows of more than `portion` bytes
    wait on disk; with `only` the rows of the other table are left out.
    """
    with ThreadPoolExecutor(options.threads) as pool, contextlib.ExitStack() as files:
        try:
            yield _parts(
                _runs(sources, options), functools.partial(_part, progress, portion, only), options, pool, files
            )
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def collect(sources: Sequence[str], options: ReadOptions = DEFAULTS, progress: Progress | None = None) -> Collected:
    """Everything the sources hold, in memory."""
    tables: dict[str, dict[TableName, pa.Table]] = {}
    coverage: dict[str, Coverage] = {}
    with parts(sources, options, progress, portion=None) as all_parts:
        for part in all_parts:
            coverage.update(zip(part.sources, part.coverages, strict=True))
            tables.update(_by_source(part))
    flows, lookups = (_joined([tables[one][name] for one in sources], schema) for name, schema in _TABLES.items())
    return Collected(flows, lookups, _twice_told([coverage[one] for one in sources]))


def _runs(sources: Sequence[str], options: ReadOptions) -> Sequence[Run]:
    return runs(sources) if options.input_format is None else [(source,) for source in sources]


def _parts(
    all_runs: Sequence[Run],
    read_one: Callable[[ReadOptions, Run], Part],
    options: ReadOptions,
    pool: ThreadPoolExecutor,
    files: contextlib.ExitStack,
) -> Iterator[Part]:
    alone = msgspec.structs.replace(options, threads=1)
    ahead: collections.deque[Future[Part]] = collections.deque()
    for run in all_runs:
        if options.threads > 1 and len(all_runs) > 1 and _is_small(run):
            ahead.append(pool.submit(read_one, alone, run))
            if len(ahead) <= 2 * options.threads:
                continue
            yield _held(ahead.popleft().result(), files)
        else:
            while ahead:
                yield _held(ahead.popleft().result(), files)
            yield _held(read_one(options, run), files)
    while ahead:
        yield _held(ahead.popleft().result(), files)


def _held(part: Part, files: contextlib.ExitStack) -> Part:
    """Lets go of what the part before held on disk."""
    files.close()
    for sorter in part.rows.values():
        files.enter_context(sorter)
    return part


def _is_small(run: Run) -> bool:
    """Read before a person who interrupts it would notice."""
    try:
        return all(Path(source).is_file() for source in run) and sum(Path(one).stat().st_size for one in run) < _SMALL
    except (OSError, ValueError):
        return False


def _part(
    progress: Progress | None, portion: int | None, only: TableName | None, options: ReadOptions, run: Run
) -> Part:
    reading = read(run[0], options, progress, run[1:])
    names = [Opened.text(source) for source in run]
    rows = {name: Sorter(schema, _RECORD[name], names, portion) for name, schema in _TABLES.items()}
    for name, batch in reading:
        if only in (None, name):
            rows[name].add(batch)
    return Part(rows, reading.coverages, run)


def _by_source(part: Part) -> dict[str, dict[TableName, pa.Table]]:
    tables = {name: pa.Table.from_batches(part.rows[name], schema) for name, schema in _TABLES.items()}
    if len(part.sources) == 1:
        return {part.sources[0]: tables}
    return {
        source: {name: rows.filter(pc.equal(rows["source"], coverage.source)) for name, rows in tables.items()}
        for source, coverage in zip(part.sources, part.coverages, strict=True)
    }


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
        why = unreadable(error)
    told = Coverage(source=opened.name, size=opened.size, sha256=opened.sha256, bytes=opened.size, error=why)
    return _unpacked(opened, told)


def _unpacked(opened: Opened, coverage: Coverage) -> Coverage:
    """The account of a reader that knows only unpacked bytes, with how they are stored and what is wrong with that."""
    if opened.wide:
        coverage = msgspec.structs.replace(coverage, notes=(*coverage.notes, _WIDE))
    if coverage.compression == opened.compression:
        return coverage
    stored = msgspec.structs.replace(coverage, compression=opened.compression, error=opened.error or coverage.error)
    count = opened.unpacked_size
    return stored if count is None else msgspec.structs.replace(stored, unpacked_size=count, bytes=count)


def unreadable(error: OSError | ValueError) -> Skip:
    """Why a source could not be opened."""
    if isinstance(error, FileNotFoundError):
        return Skip("not_found", "no such file")
    if isinstance(error, IsADirectoryError):
        return Skip("is_a_folder", "is a folder")
    words = error.strerror if isinstance(error, OSError) else None
    return Skip("unreadable", words or str(error))
