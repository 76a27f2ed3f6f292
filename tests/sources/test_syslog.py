"""Syslog's frame: its forms and its times."""

import re

import pyarrow as pa
import pytest

from flowwatch.sources.moments import Clock
from flowwatch.sources.syslog import ANY, frame, times

WRITTEN = 1_795_400_000 * 10**9
"""2026-11-23T02:13:20Z."""


@pytest.mark.parametrize(
    ("line", "rest"),
    [
        ("Nov 22 07:35:23 ns1 named[1]: said", "said"),
        ("<30>Nov  2 07:35:23 ns1 named: said", "said"),
        ("2026-11-22T07:35:23.239610+00:00 ns1 named[1]: said", "said"),
        ("<158>1 2026-11-22T07:35:23Z ns1 named 1 - - said", "said"),
        ('<158>1 2026-11-22T07:35:23Z ns1 named 1 id [a b="c"][d]  said', "said"),
        ("22-Nov-2026 07:35:23.545 queries: info: said", None),
        ("2026-11-22T07:35:23.545 queries: info: said", None),
        ("Nov 22 07:35:23 ns1 other[1]: said", None),
    ],
)
def test_forms(line, rest):
    found = re.match(frame("named") + "(.*)", line, re.ASCII)
    assert (found[2] if found else None) == rest
    assert ANY.match(line) or rest is None


@pytest.mark.parametrize(
    ("texts", "seconds", "basis"),
    [
        (["Nov 22 07:35:23", "2026-11-22T07:35:23Z"], [1795332923, 1795332923], ["year_inferred", "explicit"]),
        (["2026-11-22T07:35:23", None], [1795332923, None], ["assumed_utc", None]),
        (["Nov 24 02:00:00", "Nov 24 03:00:00"], [1795485600, 1763953200], ["year_inferred"] * 2),
        (["Feb 29 23:59:59", "Feb 30 00:00:00"], [1709251199, None], ["year_inferred"] * 2),
        (["Nov 22 07:35:61", "Xyz 22 07:35:00"], [None, None], ["year_inferred"] * 2),
        (["Jun 30 23:59:60", "Nov 22 07:35:60"], [1782864000, 1795332960], ["year_inferred"] * 2),
        (["Oct 10 2018 12:34:56", "Sun Nov 22 07:35:23 2026"], [1539174896, 1795332923], ["assumed_utc"] * 2),
        (["22-Nov-2026 07:35:23.545", "Nov 22 2026 07:35:23 GMT"], [1795332923] * 2, ["assumed_utc", "explicit"]),
        (["Nov 22 07:35:23 UTC", "31-Nov-2026 07:35:23"], [1795332923, None], ["year_inferred", "assumed_utc"]),
        (["1795332923", "1795332923.5"], [1795332923, 1795332923], ["explicit"] * 2),
        ([None], [None], [None]),
    ],
)
def test_times(texts, seconds, basis):
    found, told = times(pa.array(texts, pa.utf8()), Clock(WRITTEN))
    assert [None if time is None else time // 10**9 for time in found.to_pylist()] == seconds
    assert told.to_pylist() == basis


def test_a_configured_zone_reads_times_that_name_none():
    clock = Clock(WRITTEN, "Europe/Berlin")
    texts = ["Nov 22 07:35:23", "2026-11-22T07:35:23", "2026-11-22T07:35:23Z", "1795332923", "2026-10-25T02:30:00"]
    texts += ["22-Nov-2026 07:35:23.000", "Nov 22 2026 07:35:23 GMT"]
    found, told = times(pa.array(texts, pa.utf8()), clock)
    seconds = [1795329323, 1795329323, 1795332923, 1795332923, 1792888200, 1795329323, 1795332923]
    assert [time // 10**9 for time in found.to_pylist()] == seconds
    assert told.to_pylist() == ["year_inferred", "config", "explicit", "explicit", "config", "config", "explicit"]
