r"""Questions of a BIND log as columns of LOOKUPS.

A local time names no zone: it is the clock's, and `time_basis` says so. What BIND marks `T` came over TCP, and over TLS
and HTTPS too, which it does not tell. Of the flags `+` is `rd` and `C` is `cd`. Names are exact: BIND marks a dot
within a label.
"""

import re

import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources import syslog, text
from flowwatch.sources.columns import by_value, exactness, instants, unless_plain
from flowwatch.sources.mnemonics import type_word
from flowwatch.sources.moments import Clock

_TYPE = re.compile(r"TYPE(\d{1,5})")
_MONTHS = {name: f"-{number:02}-" for number, name in enumerate(syslog.MONTHS, 1)}
_WORDS = pa.list_(pa.utf8())


class Columns:
    """The columns; `refused` gathers what could not be cast, by reason code."""

    def __init__(self, asked: pa.RecordBatch, number: pa.UInt64Array, offset: pa.UInt64Array, clock: Clock) -> None:
        self.refused = pa.nulls(len(number), pa.utf8())
        flags = asked["flags"]
        names = self._checked(unless_plain(asked["name"], text.PLAIN_NAME, text.printed_name), "name")
        self.columns = {
            "record": number,
            "offset": offset,
            **self._times(asked["frame"], asked["time"], clock),
            "client_ip": self._checked(by_value(asked["client"], text.address), "client").dictionary_encode(),
            "client_port": self._port(asked["port"]),
            "server_ip": self._checked(by_value(asked["server"], text.address), "server").dictionary_encode(),
            "transport": pc.if_else(pc.match_substring(flags, "T"), "tcp", "udp"),
            "qname": names,
            "qtype": by_value(asked["type"], _type),
            "qclass": asked["class"],
            "name_exact": exactness(names),
            "vantage": pa.repeat("client", len(number)),
            "flags": by_value(flags, _flags, _WORDS),
            "view": asked["view"],
        }

    def _times(self, framed: pa.StringArray, own: pa.StringArray, clock: Clock) -> dict[str, pa.Array]:
        """BIND's own time, unless only the frame's names its zone."""
        outer, outer_basis = syslog.times(framed, clock)
        inner, inner_basis = clock.column(_iso(own))
        zoned = pc.and_(pc.equal(outer_basis, "explicit"), pc.equal(inner_basis, "assumed_utc"))
        ours = pc.and_(pc.is_valid(own), pc.invert(pc.fill_null(zoned, fill_value=False)))
        time = pc.if_else(ours, inner, outer)
        basis = pc.fill_null(pc.if_else(ours, inner_basis, outer_basis), "none")
        self._refuse(pc.and_(pc.not_equal(basis, "none"), pc.is_null(time)), "bad_timestamp")
        return {"time": instants(time), "time_basis": basis}

    def _port(self, digits: pa.StringArray) -> pa.UInt16Array:
        wide = digits.cast(pa.uint32())
        narrow = pc.if_else(pc.less_equal(wide, 0xFFFF), wide, None).cast(pa.uint16())
        return self._checked(narrow, "port")

    def _checked(self, column: pa.Array, field: str) -> pa.Array:
        self._refuse(pc.is_null(column), f"bad_field:{field}")
        return column

    def _refuse(self, bad: pa.BooleanArray, code: str) -> None:
        if pc.any(bad).as_py():
            self.refused = pc.coalesce(self.refused, pc.if_else(bad, code, pa.scalar(None, pa.utf8())))


def _iso(own: pa.StringArray) -> pa.StringArray:
    """Times in BIND's local form rewritten to ISO 8601; the others as they are."""
    local = pc.match_substring_regex(own, r"^\d\d-")
    if not pc.any(local).as_py():
        return own
    day = by_value(pc.utf8_slice_codeunits(own, 0, 11), _iso_day)
    return pc.if_else(local, pc.binary_join_element_wise(day, pc.utf8_slice_codeunits(own, 12), "T"), own)


def _iso_day(day: str) -> str:
    return day[7:] + _MONTHS.get(day[3:6], "-00-") + day[:2]


def _type(word: str) -> str:
    numbered = _TYPE.fullmatch(word)
    return type_word(int(numbered[1])) if numbered else word


def _flags(printed: str) -> list[str]:
    return [flag for mark, flag in (("+", "rd"), ("C", "cd")) if mark in printed]
