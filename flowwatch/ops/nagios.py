"""One status line with performance data, as Nagios, Icinga and their like read it.

Promises: one line of printable ASCII whose only `|` divides text from performance data; every label is read back as it
was given, and a value that is None as unknown (`U`). Only a check that did its work and found nothing is OK.

Source: Monitoring Plugins Development Guidelines, "Plugin Return Codes" and "Performance data".
"""

import enum
import re
from collections.abc import Mapping

import msgspec

from flowwatch.model import Severity
from flowwatch.reports import escape


class Status(enum.IntEnum):
    """What the plugin returns."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


class Measure(msgspec.Struct, frozen=True):
    """A figure for the graphs."""

    value: int | float | None
    """None: cannot be said."""
    unit: str = ""
    """`s`, `B`, `c` (a counter), `%`; "" for a number of things."""


def line(
    exit_code: int, worst: Severity | None, counts: Mapping[str, int], words: str, perfdata: Mapping[str, Measure]
) -> tuple[str, int]:
    """The line, without its end, and what the process is to return.

    `exit_code` is that of `check`; `worst` the worst severity found; `counts` come first, in the text and as figures;
    `words` say the rest, "" nothing; `perfdata` is by label.
    """
    status = _status(exit_code, worst)
    said = ", ".join(f"{count} {name}" for name, count in counts.items())
    text = _text("; ".join(filter(None, [said, words])) or f"exit {exit_code}")
    figures = {name: Measure(count) for name, count in counts.items()} | dict(perfdata)
    shown = " ".join(f"{_label(name)}={_value(one)}" for name, one in figures.items())
    return f"FLOWWATCH {status.name} - {text}{f' | {shown}' if shown else ''}", int(status)


def _status(exit_code: int, worst: Severity | None) -> Status:
    if exit_code == 0:
        return Status.OK
    if exit_code == 1:
        high = worst is not None and worst.rank >= Severity.HIGH.rank
        return Status.CRITICAL if high else Status.WARNING
    return Status.UNKNOWN


def _text(words: str) -> str:
    r"""`|` would begin the performance data: as `\u{7c}` it can be undone like all that is escaped."""
    return escape.terminal(words).replace("|", "\\u{7c}")


def _label(name: str) -> str:
    """In quotes where it needs them; the guidelines allow no `=` in a label, and a quote is written twice."""
    plain = _text(name).replace("=", "\\u{3d}")
    return plain if _PLAIN.fullmatch(plain) else "'{}'".format(plain.replace("'", "''"))


_PLAIN = re.compile(r"[A-Za-z0-9_.:/-]+", re.ASCII)


def _value(one: Measure) -> str:
    if one.value is None:
        return "U"
    digits = str(one.value) if isinstance(one.value, int) else f"{one.value:.6f}".rstrip("0").rstrip(".")
    return f"{digits}{one.unit}"
