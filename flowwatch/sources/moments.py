"""Times and spans of logs to whole nanoseconds, exactly: no binary fraction comes between.

Seconds since 1970 have six decimals in Zeek's text, in its JSON as many as a double needs (rounded at the ninth). ISO
8601 stands with or without a zone; a time without one is read by the log's `Clock`, which says how.
"""

import datetime as dt
import re
import zoneinfo
from decimal import ROUND_HALF_UP, Decimal

import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.errors import UsageError

_DECIMAL = re.compile(r"-?\d{1,10}(?:\.\d{0,30})?(?:[eE][+-]?\d{1,2})?", re.ASCII)
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?\d*(?: ?(Z|[+-]\d\d:?\d\d))?", re.ASCII)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NANO = 1_000_000_000
LATEST = (1 << 32) * _NANO
"""Times and spans end here (the year 2106), so that their sums fit 64 bits."""


_STRICT = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?$"
UNZONED = r"^\d{4}-\d\d-\d\d[T ][0-9:.,]*$"
"""A time in ISO 8601 that names no zone (a regular expression of RE2)."""
YEARLESS = "year_inferred"
"""`time_basis` of a time without a year."""


def known_zone(given: str | None) -> str | None:
    """The zone of the IANA database; UsageError where there is none of that name."""
    try:
        return given and zoneinfo.ZoneInfo(given).key
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(
            f"there is no time zone {given!r}", hint="a name of the IANA database, as Europe/Berlin"
        ) from error


class Clock:
    """What times of a log leave out: the zone, the year, which number is the day.

    `latest`: when the log was last written to, in nanoseconds since 1970. `zone`: the zone the log's writer lived in
    (a name of the IANA database, known to exist); None: UTC is assumed. `head`: the log's first bytes, by which its
    forms of times are told.
    """

    def __init__(self, latest: int, zone: str | None = None, head: bytes = b"") -> None:
        self.latest = latest
        self.head = head
        self.zone = zone
        self.basis = "assumed_utc" if zone is None else "config"
        """`time_basis` of a time without a zone."""

    def utc(self) -> "Clock":
        """The same of a log that says itself that its times without a zone are UTC."""
        said = Clock(self.latest)
        said.basis = "explicit"
        return said

    @property
    def notes(self) -> dict[str, str]:
        """What is to be told of times, by `time_basis`."""
        return {
            "assumed_utc": "time without a zone: taken as UTC",
            "config": f"time without a zone: taken as {self.zone}",
            YEARLESS: "time without a year: the latest that is not after the file's own",
            "none": "line without a time",
        }

    def instants(self, shown: pa.Int64Array) -> pa.Int64Array:
        """Nanoseconds since 1970 of what this clock showed; the earlier where it showed it twice in its year."""
        if self.zone is None:
            return shown
        local = shown.cast(pa.timestamp("ns"))
        return pc.assume_timezone(local, self.zone, ambiguous="earliest", nonexistent="latest").cast(pa.int64())

    def column(self, texts: pa.StringArray) -> tuple[pa.Int64Array, pa.StringArray]:
        """(nanoseconds since 1970, `time_basis`) of times in ISO 8601; null where a text is none."""
        unzoned = pc.match_substring_regex(texts, UNZONED)
        found = column(texts)
        if self.zone is not None:
            found = pc.if_else(unzoned, self.instants(found), found)
        return found, pc.if_else(unzoned, self.basis, "explicit")


def span(text: str) -> int | None:
    """Nanoseconds of a number of seconds, rounded half up at the ninth decimal; None where it is none or negative."""
    if not _DECIMAL.fullmatch(text):
        return None
    nanoseconds = int((Decimal(text) * _NANO).to_integral_value(ROUND_HALF_UP))
    return nanoseconds if 0 <= nanoseconds <= LATEST else None


def moment(text: str) -> int | None:
    """Nanoseconds since 1970 of seconds since then, or of ISO 8601; None where the text is neither."""
    seconds = span(text)
    return _iso(text) if seconds is None else seconds


def column(texts: pa.StringArray) -> pa.Int64Array:
    """Nanoseconds since 1970 of a column of times in ISO 8601; null where the text is none."""
    fast = _at_once(texts)
    if fast is not None:
        return fast
    return pa.array((None if text is None else _iso(text) for text in texts.to_pylist()), pa.int64())


def _at_once(texts: pa.StringArray) -> pa.Int64Array | None:
    """The whole column, where all of it is of the strict form and of one sort, zoned or not."""
    if not pc.all(pc.match_substring_regex(texts, _STRICT)).as_py():
        return None
    first = next((text for text in texts.slice(0, 1).to_pylist() if text), "")
    bare, zoned = pa.timestamp("ns"), pa.timestamp("ns", tz="UTC")
    for kind in (bare, zoned) if re.match(UNZONED, first) else (zoned, bare):
        try:
            found = texts.cast(kind).cast(pa.int64())
        except pa.ArrowInvalid:
            continue
        span = pc.min_max(found)
        return found if (span["min"].as_py() or 0) >= 0 and (span["max"].as_py() or 0) <= LATEST else None
    return None


def _iso(text: str) -> int | None:
    match = _ISO.fullmatch(text)
    if not match:
        return None
    day, clock, fraction, zone = match.groups()
    try:
        whole = dt.datetime.fromisoformat(f"{day}T{clock}{zone or '+00:00'}")
    except ValueError:
        return None
    passed = whole - _EPOCH
    at = (passed.days * 86400 + passed.seconds) * _NANO + int((fraction or "").ljust(9, "0"))
    return at if 0 <= at <= LATEST else None
