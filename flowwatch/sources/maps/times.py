"""Times of a map's records: each unit of the language to nanoseconds since 1970, and how they were read.

Several forms of one unit are for logs that print a day as their reader likes it: the form is chosen for the whole log
by its beginning, as the one that all of its times fit. Where two fit and say different times, none is taken.
"""

import datetime as dt
import functools
import re
from collections.abc import Iterable
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources import moments, syslog
from flowwatch.sources.columns import by_value
from flowwatch.sources.moments import Clock

_BY_DIGITS = {10: 1_000_000_000, 13: 1_000_000, 16: 1_000, 19: 1}
_SCALE = {"since": 0, "s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_NUMBER = re.compile(r"\d{1,20}(?:\.\d{1,9})?", re.ASCII)
_HMS = re.compile(r"(\d{1,6}):(\d\d):(\d\d)", re.ASCII)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Times:
    """The times of one log; what was chosen for its first records holds for the rest."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._chosen: dict[tuple[str, ...], tuple[str, ...]] = {}
        """By the forms there are, those that all lines so far fit."""

    def read(self, unit: str | tuple[str, ...], texts: pa.StringArray) -> tuple[pa.Int64Array, pa.StringArray]:
        """(nanoseconds since 1970, `time_basis`); null where a text is no such time."""
        if isinstance(unit, tuple):
            return self._printed(self._form(unit, texts), texts)
        if unit in ("iso", "iso_ms"):
            times, basis = self.clock.column(_padded(texts) if unit == "iso_ms" else texts)
            return times, pc.fill_null(basis, "explicit")
        if unit == "stamp":
            times, basis = syslog.times(texts, self.clock)
            return times, pc.fill_null(basis, "none")
        if unit == "since":
            return self._since(texts)
        return self._printed(unit, texts) if "%" in unit else (_numbers(unit, texts), pa.repeat("explicit", len(texts)))

    def learn(self, forms: tuple[str, ...], told: Iterable[str]) -> None:
        """Chooses, of these forms, by times of the log's beginning: those that all fit which any fits."""
        dated = [one for one in dict.fromkeys(told) if any(_shown(form, one) is not None for form in forms)]
        fitting = tuple(form for form in forms if all(_shown(form, one) is not None for one in dated))
        differ = any(len({_shown(form, one) for form in fitting}) > 1 for one in dated)
        self._chosen[forms] = fitting if differ else fitting[:1]

    def _since(self, texts: pa.StringArray) -> tuple[pa.Int64Array, pa.StringArray]:
        """Counts whose unit their digits tell, else what stands in front of lines."""
        count = pc.match_substring_regex(texts, r"^[\d.]+$")
        shown, basis = syslog.times(pc.if_else(count, None, texts), self.clock)
        counted = _numbers("since", pc.if_else(count, texts, None))
        return pc.coalesce(counted, shown), pc.fill_null(pc.if_else(count, "explicit", basis), "none")

    def ambiguous(self, unit: str | tuple[str, ...]) -> bool:
        """Whether several of these forms fit and say different times."""
        return isinstance(unit, tuple) and len(self._chosen.get(unit, ())) > 1

    def _printed(self, form: str | None, texts: pa.StringArray) -> tuple[pa.Int64Array, pa.StringArray]:
        if form is None:
            return pa.nulls(len(texts), pa.int64()), pa.repeat(self.clock.basis, len(texts))
        times = by_value(texts, functools.partial(_shown, form), pa.int64())
        if "%z" in form:
            return times, pa.repeat("explicit", len(texts))
        return self.clock.instants(times), pa.repeat(self.clock.basis, len(texts))

    def _form(self, forms: tuple[str, ...], texts: pa.StringArray) -> str | None:
        """The form of this log; None where none fits, or two do that say different times."""
        if forms not in self._chosen:
            self.learn(forms, texts.drop_null().to_pylist())
        return self._chosen[forms][0] if len(self._chosen[forms]) == 1 else None


def spans(unit: str, texts: pa.StringArray) -> pa.Int64Array:
    """Nanoseconds of spans in a unit of the language; null where a text is none."""
    return by_value(texts, _clocked, pa.int64()) if unit == "hms" else _numbers(unit, texts)


def _numbers(unit: str, texts: pa.StringArray) -> pa.Int64Array:
    return by_value(texts, functools.partial(_scaled, scale=_SCALE[unit]), pa.int64())


def _scaled(value: str, scale: int) -> int | None:
    if not _NUMBER.fullmatch(value):
        return None
    scale = scale or _BY_DIGITS.get(len(value.partition(".")[0]), 0)
    found = int(Decimal(value) * scale)
    return found if scale and found <= moments.LATEST else None


def _padded(texts: pa.StringArray) -> pa.StringArray:
    """Times with the zeros in front of their milliseconds."""
    two = pc.replace_substring_regex(texts, r"\.(\d)$", r".0\1")
    return pc.replace_substring_regex(two, r"\.(\d\d)$", r".0\1")


@functools.lru_cache(maxsize=1 << 14)
def _shown(form: str, value: str) -> int | None:
    """Nanoseconds since 1970 of a time in a form of `strptime`, as the clock that showed it would count them."""
    try:
        at = dt.datetime.strptime(value, form)  # noqa: DTZ007 - the clock of the log knows its zone
        passed = at.replace(tzinfo=at.tzinfo or dt.UTC) - _EPOCH
    except (ValueError, OverflowError):
        return None
    nanoseconds = (passed.days * 86400 + passed.seconds) * 10**9 + passed.microseconds * 1000
    return nanoseconds if 0 <= nanoseconds <= moments.LATEST else None


def _clocked(value: str) -> int | None:
    """Nanoseconds of a span as hours, minutes and seconds."""
    found = _HMS.fullmatch(value)
    return (int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3])) * 10**9 if found else None
