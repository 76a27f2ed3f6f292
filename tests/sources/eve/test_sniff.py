"""An EVE log is told by the keys of its first object."""

import json

import pytest

from flowwatch.sources.detect import detect, named
from flowwatch.sources.eve import score


@pytest.mark.parametrize("kind", ["flow", "query", "tls", "http", "stats", "alert"])
def test_every_type_may_stand_first(kind, record, lines):
    data = lines(record(kind), record("flow"))
    assert (score(data), detect(data)) == (95, named("eve"))
    assert score(json.dumps([record(kind)], indent=1).encode()) == 95
    assert score(b"\xef\xbb\xbf" + data) == 95


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"event_type":"login","timestamp":"2026"}', 60),
        (b'{"event_type":"flow"}', 0),
        (b'{"ts":1.0,"uid":"C1"}', 0),
        (b"flow_id event_type timestamp", 0),
        (b"", 0),
    ],
)
def test_what_is_less_certain_is_not_read(data, expected):
    assert score(data) == expected
