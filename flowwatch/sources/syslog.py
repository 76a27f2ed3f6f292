"""The frame syslog puts around a line of another log: its grammar, and its times.

Forms: RFC 3164 (`Nov 22 07:35:23 host tag[1]: `), the same with an ISO 8601 time (rsyslog, journald), and RFC 5424
(`<158>1 TIME host app 1 - - `); a priority may stand before each. RFC 3164 has neither year nor zone: the year is the
latest in which the time does not lie after the file's own, and UTC is assumed.
"""

import datetime as dt
import functools
import re

import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources import moments
from flowwatch.sources.columns import by_value

_SHORT = r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d"
_ISO = r"\d{4}-\d\d-\d\dT[\d:.,]+(?:Z|[+-]\d\d:?\d\d)?"
_STRUCTURED = r"(?:-|(?:\[[^\]\n]*\])+)"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NUMBERS = {name: number for number, name in enumerate(MONTHS, 1)}
_DAY = 86_400_000_000_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_ZONED = r"(Z|[+-]\d\d:?\d\d)$"
YEARLESS = "year_inferred"
"""Value of `time_basis`."""


def frame(tag: str) -> str:
    """A regular expression of the frame with one group, its time; `tag` is one of the program's name."""
    short = rf"{tag}(?:\[[\d:]+\])?: "
    long = rf"{tag} \S+ \S+ {_STRUCTURED} {{1,2}}"
    return rf"(?:<\d{{1,3}}>(?:1 )?)?({_SHORT}|{_ISO}) \S+ (?:{short}|{long})"


ANY = re.compile(frame(r"[^\s:\[]+"), re.ASCII)
"""The frame of whatever program."""


def times(texts: pa.StringArray, latest: int) -> tuple[pa.Int64Array, pa.StringArray]:
    """(nanoseconds since 1970, `time_basis`) of the frame's times; null where there is none or it is no time.

    `latest` is the time the log was last written to, in nanoseconds since 1970.
    """
    if texts.null_count == len(texts):
        return texts.cast(pa.int64()), texts
    short = pc.match_substring_regex(texts, "^[A-Z]")
    yearless = by_value(pc.if_else(short, texts, None), lambda text: _yearless(text, latest), pa.int64())
    whole = moments.column(pc.if_else(short, None, texts))
    basis = pc.if_else(pc.match_substring_regex(texts, _ZONED), "explicit", "assumed_utc")
    return pc.coalesce(yearless, whole), pc.if_else(short, YEARLESS, basis)


@functools.lru_cache(maxsize=1 << 12)
def _yearless(text: str, latest: int) -> int | None:
    """The latest such time that is at most a day after `latest`; None where no year has it."""
    month, day = _NUMBERS.get(text[:3], 0), int(text[4:6])
    hour, minute, second = map(int, text[7:].split(":"))
    newest = (_EPOCH + dt.timedelta(seconds=(latest + _DAY) // 10**9)).year
    for year in range(newest, newest - 9, -1):  # the 29th of February may be eight years back
        try:
            at = dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.UTC)
        except ValueError:
            continue
        passed = at - _EPOCH
        nanoseconds = (passed.days * 86400 + passed.seconds) * 10**9
        if nanoseconds <= latest + _DAY:
            return nanoseconds
    return None
