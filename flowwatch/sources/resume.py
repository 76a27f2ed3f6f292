"""A file that grows, read on from where the last reading ended: what is new of it, as a whole reading would give it.

Promises: over all steps the rows and counts of one whole reading, wherever the file was cut between two steps and
however little one takes; a lookup that was told before its answer came is told again with it (`answered`), whatever lay
between. Bad input never raises. What a reader has begun and what waits in it goes over in `Position.state`, so that
nothing before `Position.offset` is read again; where another version of the program wrote that, the file is read from
its beginning once, and nothing of it is told twice. Refuses to read a last line whose end has not come, unless the file
has `ended`, and to go on in what is no log of lines (captures, Parquet, text in UTF-16): that is read as a whole.

Not as a whole reading: the format is that of the first step, by as much as was there of the file; so is a form of dates
that its beginning must tell (Windows DNS), by as much as is there; of more than `onward.MOST_OPEN` lookups without an
answer the oldest wait no longer; names of event types that are not read are told apart in each step anew.
"""

import contextlib
import stat
from collections.abc import Generator
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.errors import UsageError
from flowwatch.model.records import Coverage, ReadOptions, Skip
from flowwatch.sources.detect import as_before, detect, named
from flowwatch.sources.formats import Format
from flowwatch.sources.logs import LogRecords
from flowwatch.sources.onward import Onward
from flowwatch.sources.opened import HEAD, Opened
from flowwatch.sources.positions import Position, Step
from flowwatch.sources.reading import DEFAULTS, Reading, unreadable
from flowwatch.sources.told import Told

__all__ = ["Position", "Step", "go_on", "steps"]

MOST = 8 << 20
"""Bytes that a step takes."""
_NO_FILE = "a pipe or a device: only a file can be read on"
_AGAIN = "read as a whole again since it grew: {} rows of the records known before are left out"


def go_on(
    source: str,
    position: Position | None,
    options: ReadOptions = DEFAULTS,
    most: int = MOST,
    shown: str | None = None,
    *,
    expected: str | None = None,
    ended: bool = False,
    complete: bool = True,
) -> Step:
    """The first of the `steps`."""
    some = steps(source, position, options, most, shown, expected=expected, ended=ended, complete=complete)
    with contextlib.closing(some) as found:
        return next(found)


def steps(
    source: str,
    position: Position | None,
    options: ReadOptions = DEFAULTS,
    most: int = MOST,
    shown: str | None = None,
    *,
    expected: str | None = None,
    ended: bool = False,
    complete: bool = True,
) -> Generator[Step, None, None]:
    """What is new in the file since `position` (None: all of it), step by step; at least one, the last is `at_end`.

    A step takes whole lines until it has `most` bytes. `shown` stands as `source` in the rows instead of the path.
    `expected`: the format of the files before it, where they are of one source; while little is there of the file, it
    is believed unless a line speaks against it.
    `ended`: nothing more will come to the file, so that its last line needs no end, and what has begun is told or
    refused as in a whole reading. `complete` False: what is no log of lines is left for later. Raises
    UsageError as `read` does.
    """
    position = position or Position()
    forced = named(options.input_format, options.maps) if options.input_format is not None else None
    try:
        opened = _open(source, shown)
    except (OSError, ValueError) as error:
        name = Opened.text(source if shown is None else shown)
        yield Step.empty(Coverage(source=name, error=unreadable(error)), position)
        return
    with opened:
        found = _format(opened, position, options, forced, expected, ended=ended)
        if not isinstance(found, Format):
            yield Step.empty(_unread(opened, found), position)
        elif opened.wide or not isinstance(found.read(opened, options, None), LogRecords):
            unread = Step.empty(Coverage(source=opened.name, format=found.name), position, whole=True)
            yield _whole(opened, found, position, options) if complete else unread
        else:
            try:
                yield from Onward(opened, found, position, options, most, ended=ended)
            except OSError as error:  # it was to be opened again, and is gone
                yield Step.empty(Coverage(source=opened.name, error=unreadable(error)), position)


def _open(source: str, shown: str | None) -> Opened:
    """The file, from its beginning. Raises OSError and ValueError."""
    mode = Path(source).stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise ValueError(_NO_FILE)
    return Opened(source, digest=False, shown=shown)


def _format(
    opened: Opened,
    position: Position,
    options: ReadOptions,
    forced: Format | None,
    expected: str | None,
    *,
    ended: bool,
) -> Format | Skip | None:
    """How the file is read, or why it cannot be; None: too little is there to tell."""
    if not opened.head:
        return opened.error
    if forced is not None:
        return forced
    return _known(position.format, options) or _detected(opened, options.maps, _known(expected, options), ended=ended)


def _known(name: str | None, options: ReadOptions) -> Format | None:
    """The format of that name; None where it was a map of the operator's that is no more."""
    with contextlib.suppress(UsageError):
        return None if name is None else named(name, options.maps)
    return None


def _detected(opened: Opened, maps: tuple[str, ...], before: Format | None, *, ended: bool) -> Format | Skip | None:
    head = opened.head
    if not head.strip():
        return None
    found = detect(head, maps, opened.middle)
    if len(head) >= HEAD or opened.wide or b"\x00" in head:
        return found
    if ended:
        return found if before is None else as_before(head, before, found, ended=True)
    lines = head[: head.rfind(b"\n") + 1]
    if not lines:  # what is to come of the first may tell another
        return found if isinstance(found, Skip) and found.code == "no_line_ends" else None
    told = detect(lines, maps)
    if before is not None:
        return as_before(lines, before, told, ended=False)
    return None if isinstance(found, Format) and isinstance(told, Skip) else told


def _unread(opened: Opened, why: Skip | None) -> Coverage:
    """Of what is no known format, or not yet."""
    held = int(why is None and bool(opened.head.strip()))
    size, packed = opened.stored.length, opened.compression
    return Coverage(source=opened.name, size=size, compression=packed, records=held, held_back=held, error=why)


def _whole(opened: Opened, found: Format, position: Position, options: ReadOptions) -> Step:
    """All rows of a file that is no log of lines, but for those of the records known before."""
    size = opened.stored.length or 0
    if position.format is not None and position.offset == size:
        return Step.empty(Coverage(source=opened.name, format=found.name, size=size), position, whole=True)
    reading = Reading(opened.source, options, None, shown=opened.name)
    told = Told()
    left_out = 0
    for name, batch in reading:
        record = batch["first_record" if name == "flows" else "record"]
        new = pc.greater(record, pa.scalar(position.record, pa.uint64()))
        left_out += new.false_count
        told.take([(name, batch.filter(new))])
    account = reading.coverage
    coverage = msgspec.structs.replace(
        account,
        flows=told.flows.count,
        lookups=told.lookups.count,
        notes=(*account.notes, _AGAIN.format(left_out)) if position.record else account.notes,
    )
    read = account.format is not None
    after = Position(size, max(position.record, account.records), found.name) if read else position
    return told.step(coverage, after, at_end=True, whole=True)
