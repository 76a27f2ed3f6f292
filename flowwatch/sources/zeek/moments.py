"""Times and spans of Zeek logs to whole nanoseconds, exactly: no binary fraction comes between.

Zeek writes seconds since 1970 with six decimals, in JSON as many as a double needs (rounded at the ninth), or ISO
8601. A time without a zone is taken as UTC and said so.
"""

import datetime as dt
import re
from decimal import ROUND_HALF_UP, Decimal

_DECIMAL = re.compile(r"-?\d{1,10}(?:\.\d{0,30})?(?:[eE][+-]?\d{1,2})?", re.ASCII)
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?\d*(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NANO = 1_000_000_000
LATEST = (1 << 32) * _NANO
"""Times and spans end here (the year 2106), so that their sums fit 64 bits."""


UNZONED = r"^\d{4}-\d\d-\d\d[T ][0-9:.,]*$"
"""A time in ISO 8601 that names no zone (a regular expression of RE2)."""


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
