"""TOML values to the frozen tables of `terms`: a failure is one PolicyError with file, line, path and what to write.

Promises: keys in file order, so the first error of a table is the one told; nothing is coerced (a number is no text, a
local date-time no instant). Reads the types `msgspec` knows of each struct; refuses what is not among them.
"""

import datetime as dt
import difflib
import functools
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec
from msgspec import inspect

from flowwatch.errors import PolicyError
from flowwatch.policy import countries
from flowwatch.policy.line import Spot
from flowwatch.policy.match import Cidr, Clock, NamePattern, PortRange, Span

T = TypeVar("T", bound=msgspec.Struct)


def decode(kind: type[T], value: Mapping[str, object], spot: Spot) -> T:
    """The table as a value of `kind`; PolicyError at the first key that cannot be."""
    decoded: T = _decode(_described(kind), value, spot)
    return decoded


@functools.cache
def _described(kind: type) -> inspect.Type:
    return inspect.type_info(kind)


def _decode(kind: inspect.Type, value: object, spot: Spot) -> Any:  # noqa: ANN401 - the type is a value here
    extra: dict[str, Any] = {}
    while isinstance(kind, inspect.Metadata):
        extra, kind = {**extra, **(kind.extra or {})}, kind.type
    if "written" in extra:
        return _WRITTEN[extra["written"]](value, spot)
    if isinstance(kind, inspect.UnionType):  # the only unions are with None, which TOML cannot write
        return _decode(next(one for one in kind.types if not isinstance(one, inspect.NoneType)), value, spot)
    if isinstance(kind, inspect.StructType) and kind.cls in _PARSED:
        return _parsed(kind.cls, value, spot)
    return _READERS[type(kind)](kind, value, spot, extra.get("words"))


def _table(kind: inspect.StructType, value: object, spot: Spot, _words: str | None) -> object:
    if not isinstance(value, dict):
        raise _wrong("a table", value, spot)
    known = {field.encode_name: field for field in kind.fields if not is_derived(field)}
    given, faults = {}, []
    for key, inner in value.items():
        try:
            given[key] = _field(kind.cls, key, inner, known, spot)
        except PolicyError as fault:
            faults.append(fault)
            if spot.path or len(faults) == _MOST_FAULTS:
                break
    if faults:  # at the top, `[[zone]]` after `[[server]]` may come earlier in the table than in the file
        raise min(faults, key=lambda fault: fault.line or 0)
    for key, field in known.items():
        if field.required and key not in value:
            raise spot.error(f"`{key}` is missing")
    return kind.cls(**{known[key].name: inner for key, inner in given.items()})


def _field(table: type, key: str, value: object, known: Mapping[str, inspect.Field], spot: Spot) -> object:
    if key not in known:
        raise unknown_key(key, known, spot)
    return _decode(known[key].type, value, spot / key)


def is_derived(field: inspect.Field) -> bool:
    """`load` fills it in; no TOML key."""
    return isinstance(field.type, inspect.Metadata) and bool((field.type.extra or {}).get("derived"))


def unknown_key(key: str, known: Iterable[str], spot: Spot) -> PolicyError:
    """The error for a key that the table does not have."""
    return (spot / key).error(f"unknown key {key!r}", hint=meant(key, known) or f"known here: {', '.join(known)}")


def meant(written: str, known: Iterable[str], *, closeness: float = 0.6) -> str | None:
    """`did you mean ...?` when one of the known words is close (1.0: the same)."""
    by_lower = {one.lower(): one for one in known if not one[:1].isdigit()}
    close = [by_lower[one] for one in difflib.get_close_matches(written.lower(), by_lower, n=1, cutoff=closeness)]
    return f"did you mean {close[0]!r}?" if close else None


def _list(kind: inspect.VarTupleType, value: object, spot: Spot, _words: str | None) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise _wrong("a list", value, spot, hint=_as_list(value, spot))
    least, most = kind.min_length or 0, kind.max_length
    if most is not None and not least <= len(value) <= most:
        raise spot.error(f"expected a list of {most}, found {len(value)}")
    if len(value) < least:
        raise spot.error("the list is empty; it needs at least one entry")
    return tuple(_decode(kind.item_type, inner, spot / number) for number, inner in enumerate(value))


def _as_list(value: object, spot: Spot) -> str | None:
    if isinstance(value, dict):
        return f"write [[{spot}]], once for each" if len(spot.path) == 1 else "write [{ ... }]"
    return f"write [{_toml(value)}]" if isinstance(value, str | int) else None


def _dict(kind: inspect.DictType, value: object, spot: Spot, _words: str | None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong("a table", value, spot)
    return {key: _decode(kind.value_type, inner, spot / key) for key, inner in value.items()}


def _text(kind: inspect.StrType, value: object, spot: Spot, words: str | None) -> str:
    if not isinstance(value, str):
        raise _wrong("text", value, spot, hint=f'write it in quotes: "{_toml(value)}"' if _plain(value) else None)
    if kind.pattern and not re.compile(kind.pattern).fullmatch(value):
        raise spot.error(f"{_shown(value)} is not {words}")
    if len(value) < (kind.min_length or 0):
        raise spot.error("the text is empty")
    return value


def _number(kind: inspect.IntType, value: object, spot: Spot, words: str | None) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        digits = value.removeprefix("AS") if isinstance(value, str) else ""
        raise _wrong(
            "a whole number", value, spot, hint=f"write {digits} without quotes" if digits.isdecimal() else None
        )
    if not (kind.ge is None or value >= kind.ge) or not (kind.le is None or value <= kind.le):
        bounds = f"{kind.ge} or more" if kind.le is None else f"{kind.ge} to {kind.le}"
        raise spot.error(f"{_shown(value)} is {f'not {words}' if words else 'out of range'}; it must be {bounds}")
    return value


def _truth(_kind: inspect.BoolType, value: object, spot: Spot, _words: str | None) -> bool:
    if not isinstance(value, bool):
        raise _wrong("true or false", value, spot)
    return value


def _date(_kind: inspect.DateType, value: object, spot: Spot, _words: str | None) -> dt.date:
    if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
        raise _wrong("a date", value, spot, hint="write it as 2026-10-20, without quotes and time")
    return value


def _literal(kind: inspect.LiteralType, value: object, spot: Spot, words: str | None) -> object:
    return _choice(words.split() if words else [str(one) for one in kind.values], value, spot)


def _enum(kind: inspect.EnumType, value: object, spot: Spot, _words: str | None) -> object:
    return kind.cls(_choice([str(one.value) for one in kind.cls], value, spot))


def _choice(known: list[str], value: object, spot: Spot) -> str:
    if not isinstance(value, str):
        raise _wrong("text", value, spot, hint=f"one of {', '.join(known)}")
    if value not in known:
        raise spot.error(f"{_shown(value)} is not one of {', '.join(known)}", hint=meant(value, known))
    return value


def _parsed(kind: type, value: object, spot: Spot) -> object:
    """A value of `match` from its text; its words are the error's."""
    types, words, parse = _PARSED[kind]
    if not isinstance(value, types) or isinstance(value, bool):
        raise _wrong(words, value, spot)
    try:
        return parse(value)
    except ValueError as fault:
        raise spot.error(str(fault)) from None


def _instant(value: object, spot: Spot) -> int:
    """Nanoseconds since 1970 UTC of a date-time with an offset."""
    if not isinstance(value, dt.datetime):
        hint = "write it as 2026-11-03T20:00:00-05:00, without quotes"
        raise _wrong("an instant (date, time and offset)", value, spot, hint=hint)
    if value.tzinfo is None:
        local = value.isoformat()
        raise spot.error(
            f"{local} has no offset, so it names no instant",
            hint=f"write {local}Z for UTC, or with the local offset, as {local}-05:00",
        )
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        hint = "leave it out where nothing bounds it"
        raise spot.error(f"the year {value.year} is not one of {_FIRST_YEAR} to {_LAST_YEAR}", hint=hint)
    return (value - _EPOCH) // dt.timedelta(microseconds=1) * 1000


def _deadline(value: object, spot: Spot) -> object:
    """An instant, or a time of day where it is text."""
    if not isinstance(value, str | dt.datetime):
        hint = 'write 2026-11-03T22:00:00-05:00 without quotes, or "22:00" for every day of daily windows'
        raise _wrong("an instant or a time of day", value, spot, hint=hint)
    return _parsed(Clock, value, spot) if isinstance(value, str) else _instant(value, spot)


def _address(value: object, spot: Spot) -> str:
    """An address in its canonical text."""
    if not isinstance(value, str):
        raise _wrong("an address", value, spot, hint='write it in quotes, as in "192.0.2.17"')
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise spot.error(f"{_shown(value)} is not an address") from None


def _country(value: object, spot: Spot) -> str:
    """A country code in capitals."""
    if not isinstance(value, str):
        raise _wrong("a country code", value, spot, hint="write it in quotes, as in 'XA'")
    if not _COUNTRY.fullmatch(value):
        words = f"{_shown(value)} is not a country code of two letters A-Z, as in 'XA'"
        raise spot.error(words, hint=countries.meant(value))
    return value


def _wrong(expected: str, value: object, spot: Spot, *, hint: str | None = None) -> PolicyError:
    return spot.error(f"expected {expected}, found {_named(value)}", hint=hint)


def _named(value: object) -> str:
    """What a TOML value is, in a reader's words."""
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    for kind, name in _NAMES.items():
        if isinstance(value, kind):
            return f"{name} {_shown(value)}"
    return type(value).__name__


def _shown(value: object) -> str:
    """The value, printable and not long."""
    text = repr(value) if isinstance(value, str) else _toml(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _toml(value: object) -> str:
    """The value as TOML writes it, for a hint."""
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    try:
        return f'"{value}"' if isinstance(value, str) and value.isprintable() else repr(value)
    except ValueError:  # an integer longer than Python prints
        return "a very large number"


def _plain(value: object) -> bool:
    return isinstance(value, int | float | dt.date | dt.time) and not isinstance(value, bool)


_MOST_FAULTS = 32
_COUNTRY = re.compile("[A-Z]{2}")
_FIRST_YEAR, _LAST_YEAR = 1971, 2261  # nanoseconds of the tables end in 2262
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NAMES = {
    str: "the text",
    int: "the number",
    float: "the number",
    dt.datetime: "the date-time",
    dt.date: "the date",
    dt.time: "the time",
}

_WRITTEN: Final[dict[str, Callable[[object, Spot], object]]] = {
    "instant": _instant,
    "deadline": _deadline,
    "address": _address,
    "country": _country,
}

_PARSED: Final[dict[type, tuple[Any, str, Callable[[Any], object]]]] = {
    Cidr: (str, 'a network, as in "192.0.2.0/24"', Cidr.parse),
    NamePattern: (str, 'a name, as in "ingest.results.example.org"', NamePattern.parse),
    PortRange: ((int, str), 'a port, as in 8443 or "50000-50100"', PortRange.parse),
    Span: (str, 'a span of time, as in "5m"', Span.parse),
    Clock: (str, 'a time of day, as in "09:00"', Clock.parse),
}

_READERS: Final[dict[type, Callable[[Any, object, Spot, str | None], object]]] = {
    inspect.StructType: _table,
    inspect.VarTupleType: _list,
    inspect.DictType: _dict,
    inspect.StrType: _text,
    inspect.IntType: _number,
    inspect.BoolType: _truth,
    inspect.DateType: _date,
    inspect.LiteralType: _literal,
    inspect.EnumType: _enum,
}
