"""The frame syslog puts around a line of another log: its grammar, and the times that stand in front of lines.

Forms: RFC 3164 (`Nov 22 07:35:23 host tag[1]: `), the same with a year behind the day (Cisco), or with an ISO 8601 time
(rsyslog, journald), and RFC 5424 (`<158>1 TIME host app 1 - - `); a priority may stand before each. Where a time has no
year it is the latest in which it does not lie after the file's own; the zone is the clock's.
"""

import datetime as dt
import functools
import re

import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources.columns import by_value
from flowwatch.sources.moments import LATEST, YEARLESS, Clock, span

_SHORT = r"[A-Z][a-z]{2} [ \d]\d (?:\d{4} )?\d\d:\d\d:\d\d"
_ISO = r"\d{4}-\d\d-\d\dT[\d:.,]+(?:Z|[+-]\d\d:?\d\d)?"
_STRUCTURED = r"(?:-|(?:\[[^\]\n]*\])+)"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NUMBERS = {name: number for number, name in enumerate(MONTHS, 1)}
_WORDED = re.compile(
    r"(?:[A-Z][a-z]{2} )?([A-Z][a-z]{2}) ([ \d]\d) (?:(\d{4}) )?(\d\d:\d\d:\d\d)(?: (\d{4}))?(?: (?:GMT|UTC))?",
    re.ASCII,
)
_UTC = " (GMT|UTC)$"
_LOCAL = re.compile(r"(\d\d)-([A-Z][a-z]{2})-(\d{4}) (\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?", re.ASCII)
_DAY = 86_400_000_000_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def frame(tag: str) -> str:
    """A regular expression of the frame with one group, its time; `tag` is one of the program's name."""
    short = rf"{tag}(?:\[[\d:]+\])?: "
    long = rf"{tag} \S+ \S+ {_STRUCTURED} {{1,2}}"
    return rf"(?:<\d{{1,3}}>(?:1 )?)?({_SHORT}|{_ISO}) \S+ (?:{short}|{long})"


ANY = re.compile(frame(r"[^\s:\[]+"), re.ASCII)
"""The frame of whatever program."""
PARTS = (
    rf"^(?:<\d{{1,3}}>(?:1 )?)?(?P<time>{_SHORT}|{_ISO}) (?P<host>\S+) "
    r"(?:(?P<app>[^\s:\[]+)(?:\[(?P<pid>[\d:]+)\])?: "
    rf"|(?P<program>\S+) (?P<process>\S+) \S+ {_STRUCTURED} {{1,2}})(?P<said>.*)$"
)
"""The frame and what it holds (RE2's grammar and Python's); RFC 5424 names `program` and `process`."""


def times(texts: pa.StringArray, clock: Clock) -> tuple[pa.Int64Array, pa.StringArray]:
    """(nanoseconds since 1970, `time_basis`) of times in front of lines; null where there is none or it is no time.

    The frame's, and those that programs print themselves: `Sun Nov 22 07:35:23 2026`, with or without `GMT`, BIND's
    `22-Nov-2026 07:35:23.545`, and seconds since 1970.
    """
    if texts.null_count == len(texts):
        return texts.cast(pa.int64()), texts
    word = pc.match_substring_regex(texts, r"^(\d\d-)?[A-Z]")
    count = pc.match_substring_regex(texts, r"^\d{1,10}(\.\d{1,9})?$")
    shown = by_value(pc.if_else(word, texts, None), lambda text: _shown(text, clock.latest), pa.int64())
    counted = by_value(pc.if_else(count, texts, None), span, pa.int64())
    whole, basis = clock.column(pc.if_else(pc.or_(word, count), None, texts))
    utc = pc.match_substring_regex(texts, _UTC)
    zoned = pc.if_else(utc, "explicit", clock.basis)
    dated = pc.if_else(pc.match_substring_regex(texts, r"[ -]\d{4}( |$)"), zoned, YEARLESS)
    basis = pc.if_else(word, dated, pc.if_else(count, "explicit", basis))
    return pc.coalesce(pc.if_else(utc, shown, clock.instants(shown)), counted, whole), basis


@functools.lru_cache(maxsize=1 << 14)
def is_time(text: str, clock: Clock) -> bool:
    """Whether `times` reads it."""
    found, _ = times(pa.array([text], pa.utf8()), clock)
    return not found.null_count


def _shown(text: str, latest: int) -> int | None:
    """A time whose month is a word, as nanoseconds since 1970 of the clock that showed it."""
    if local := _LOCAL.fullmatch(text):
        day, month, year, clock, fraction = local.groups()
        at = _of_year(_NUMBERS.get(month, 0), int(day), clock, int(year), latest)
        return None if at is None else at + int((fraction or "").ljust(9, "0"))
    found = _WORDED.fullmatch(text)
    if found is None:
        return None
    month, day, year, clock, behind = found.groups()
    return _of_year(_NUMBERS.get(month, 0), int(day), clock, int(year or behind or 0), latest)


@functools.lru_cache(maxsize=1 << 12)
def _of_year(month: int, day: int, clock: str, year: int, latest: int) -> int | None:
    """Nanoseconds since 1970; without a year (0) in the latest that makes it at most a day after `latest`.

    None where there is no such time. A leap second is the first of the next minute, as it is since 1970.
    """
    hour, minute, second = map(int, clock.split(":"))
    leap = second == 60
    newest = (_EPOCH + dt.timedelta(seconds=(latest + _DAY) // 10**9)).year
    for one in [year] if year else range(newest, newest - 9, -1):  # the 29th of February may be eight years back
        try:
            at = dt.datetime(one, month, day, hour, minute, second - leap, tzinfo=dt.UTC)
        except ValueError:
            continue
        passed = at - _EPOCH
        nanoseconds = (passed.days * 86400 + passed.seconds + leap) * 10**9
        if 0 <= nanoseconds <= (LATEST if year else latest + _DAY):
            return nanoseconds
    return None
