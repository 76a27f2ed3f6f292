"""Which captures are the files of one rotation: they are read as one stream, so that no conversation is cut by a file.

Files belong together where they lie in one folder, their names differ in digits alone, they are of one format, link
type and snapshot length, and each begins after the one before. What only the records can tell, the core holds to: a
file that begins before the one before it ended, or half a minute after, does not go on with it. Refuses: logs, whose
lines each stand alone, and whatever cannot be read twice.
"""

import io
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from flowwatch.sources.capture import is_capture
from flowwatch.sources.opened import Opened

Run = tuple[str, ...]
"""Sources in the order they are read, as one stream where there are several."""
_DIGITS = re.compile(r"\d+")


class _Beginning(msgspec.Struct, frozen=True):
    """What the first bytes of a capture tell."""

    form: tuple[str | None, tuple[str, ...], int]
    time: int


def runs(sources: Sequence[str]) -> tuple[Run, ...]:
    """The sources, each once: those of one rotation together, by the time they begin, else each by itself."""
    groups = itertools.groupby(sources, key=_family)
    return tuple(run for _, group in groups for run in _runs(tuple(group)))


def _family(source: str) -> tuple[str, str]:
    path = Path(source)
    return str(path.parent), _DIGITS.sub("", path.name)


def _runs(family: Run) -> Iterator[Run]:
    if len(family) == 1:
        yield family
        return
    begun = [(source, _beginning(source)) for source in family]
    told = [(source, beginning) for source, beginning in begun if beginning]
    told.sort(key=lambda one: (one[1].form, one[1].time))
    yield from _one_after_the_other(told)
    yield from ((source,) for source, beginning in begun if beginning is None)


def _one_after_the_other(told: Sequence[tuple[str, _Beginning]]) -> Iterator[Run]:
    """Parts where neither the form changes nor two begin at once, as copies do."""
    run: list[str] = []
    last: _Beginning | None = None
    for source, beginning in told:
        if last and (beginning.form != last.form or beginning.time == last.time):
            yield tuple(run)
            run = []
        run.append(source)
        last = beginning
    if run:
        yield tuple(run)


def _beginning(source: str) -> _Beginning | None:
    """The form of a capture and the time of its first packet; None of anything else."""
    from flowwatch._native import CaptureError, read_capture  # noqa: PLC0415, TID251 - start-up time; the border

    try:
        if not Path(source).is_file():
            return None
        with Opened(source, digest=False) as opened:
            head = opened.head
        if not is_capture(head):
            return None
        reader = read_capture(io.BytesIO(head), digest=False)
        reader.collect()
        [told] = reader.coverage
    except (OSError, ValueError, CaptureError):
        return None
    form = (told["format"], tuple(told["link_types"]), told["snaplen"])
    return None if told["first_time"] is None else _Beginning(form, told["first_time"])
