"""The core's columns of a record are what the types of `events` find in it; lines it does not take are written anew."""

import json
from functools import reduce

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowwatch._native import split_eve  # noqa: TID251 - the core itself is asked
from flowwatch.sources.eve import events
from flowwatch.sources.objects import too_deep
from tests.sources.eve.conftest import RECORDS

LISTS = {
    "vlan": list[int] | int,
    "dns.queries": list[events.Question],
    "dns.answers": list[events.Record],
    "tls.client_alpns": list[str],
    "tls.server_alpns": list[str],
    "tls.subjectaltname": list[str],
    "tls.chain": list[str],
    "http.request_headers": list[events.Header],
    "quic.extensions": list[events.Extension],
}
"""Fields that stand as JSON."""
RICH = [
    *RECORDS.values(),
    {**RECORDS["flow"], "vlan": [7, 8], "tunnel": {"src_ip": "192.0.2.1", "proto": "UDP", "dest_port": 4789}},
    {**RECORDS["flow"], "vlan": 7, "parent_id": 5, "community_id": "1:x", "host": "h", "app_proto_orig": "http"},
    {**RECORDS["tls"], "tls": {"chain": ["YQ=="], "subjectaltname": ["a.example"], "subject": "CN=\u00e9\\\n"}},
    {**RECORDS["http"], "http": {"request_headers": [{"name": ":authority", "value": "a"}, {}], "status": 101}},
    {**RECORDS["request"], "http": {}},
    {**RECORDS["response"], "dns": {"type": "response", "answers": [{"soa": {"serial": 1}, "srv": {"port": 5}}]}},
]
VALUES: list[object] = [None, True, "", "a\\b", "\U0001f600", 0, -1, 1.5, 1.0, 65536, 1 << 63, 10**30, [], {}]
VALUES += [[1], ["a"], [{}], [[]], {"a": [None]}, "flow", "dns", "stats", "answer"]
PIECES = [
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\\ud83d\\ude00",
    b"\\udc00",
    b"\\u0064",
    b"\xff",
    b"\xc3\xa9",
]
PIECES += [b" ", b"\t", b"\r", b"\x00", b"\x7f", b"0", b"-", b"1e5", b".5", b"null", b"true", b'"dns":{},', b'"id":1,']


def told(line):
    """Kind and fields of a line as the core tells them; None where it is not taken."""
    parts = {kind: pa.record_batch(part) for kind, part in split_eve(line).items()}
    assert sum(part.num_rows for part in parts.values()) == 1
    kind = next(kind for kind, part in parts.items() if part.num_rows)
    return None if kind == "others" else (kind, parts[kind].to_pylist()[0])


def field(record, path):
    return reduce(lambda found, name: None if found is None else getattr(found, name), path.split("."), record)


def same(fields, record):
    """Whether the core's fields are the record's."""
    for path, value in fields.items():
        if path in ("line", "start"):
            continue
        expected = field(record, path)
        if isinstance(expected, msgspec.Raw):
            assert (value or "null").encode() == bytes(expected)
        elif path in LISTS:
            assert (value and msgspec.json.decode(value, type=LISTS[path])) == expected
        elif isinstance(value, bool) and not isinstance(expected, bool):
            assert value == (expected is not None)
        else:
            assert value == expected or (value is None and expected in ("", 0, False))


def check(line):
    """Whether the core took the line."""
    found = "json_depth" if too_deep(line) else events.event(line)
    taken = told(line)
    if isinstance(found, str):
        assert taken is None
        return False
    kind, fields = taken or told(events.usual(found))
    if kind == "unread":
        assert fields["event_type"] == found.event_type not in events.READ
    else:
        assert kind == found.event_type
        same(fields, found)
    return taken is not None


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("record", RICH)
def test_usual_records_are_taken(record, ascii_only):
    line = json.dumps(record, ensure_ascii=ascii_only).encode()
    assert check(line)
    assert check(b" " + line + b"\r")
    found = events.event(line)
    assert isinstance(found, events.Event)
    assert told(events.usual(found))[0] == told(line)[0]


def test_every_field_that_is_read_is_a_column():
    fields = [told(json.dumps(record).encode())[1] for record in RICH if record["event_type"] in events.READ]
    tops = {field.name for field in msgspec.structs.fields(events.Event)} - {"event_type"}
    assert {path.partition(".")[0] for one in fields for path in one} - {"line", "start"} == tops | {"event_type"}
    for kind, inner in (("flow", events.Flow), ("dns", events.Dns), ("tls", events.Tls), ("http", events.Http)):
        names = {f"{kind}.{field.name}" for field in msgspec.structs.fields(inner)}
        assert any(names == {path for path in one if path.startswith(f"{kind}.")} for one in fields)


def test_a_cut_line_is_not_taken():
    for record in RICH:
        line = json.dumps(record).encode()
        assert not any(check(line[:end]) for end in range(len(line)))


@st.composite
def altered(draw):
    """A record with some values of it replaced."""

    def alter(value):
        if isinstance(value, dict) and value and draw(st.integers(0, 9)):
            name = draw(st.sampled_from(sorted(value)))
            return {**value, name: alter(value[name])}
        if isinstance(value, list) and value and draw(st.integers(0, 3)):
            return [alter(value[0]), *value[1:]]
        return draw(st.sampled_from(VALUES))

    record = draw(st.sampled_from(RICH))
    for _ in range(draw(st.integers(1, 3))):
        record = alter(record)
    return record


@settings(deadline=None, max_examples=300)
@given(altered(), st.booleans())
def test_records_of_any_values(record, ascii_only):
    check(json.dumps(record, ensure_ascii=ascii_only).encode())


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(RICH), st.data())
def test_lines_with_anything_in_them(record, data):
    line = bytearray(json.dumps(record, separators=(",", ":")).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(line)))
        line[at : at + data.draw(st.integers(0, 3))] = data.draw(st.sampled_from(PIECES))
    check(bytes(line))


@pytest.mark.parametrize(
    "unusual",
    [
        (b'"dns"', b'"d\\u006es"'),
        (b'"src_ip"', b'"src_ip":"203.0.113.9","src_ip"'),
        (b'"src_port": 4', b'"x":"\xff", "src_port": 4'),
        (b'"dns": {', b'"dns": {"grouped":{"A":["\xff"]}, '),
    ],
)
def test_unusual_records_give_the_rows_of_usual_ones(unusual, record, put, lines, eve):
    data = lines(*(record(kind) for kind in ("flow", "query", "tls", "answer", "http", "request", "response", "quic")))
    odd = b"\n".join(line.replace(*unusual) if at % 2 else line for at, line in enumerate(data.split(b"\n")))
    assert odd != data
    usual, unusual_too = eve(put(data)), eve(put(odd))
    offsets = ("first_offset", "offset", "answer_offset", "source")
    for some, others in zip(usual[:2], unusual_too[:2], strict=True):
        left = [[{name: row[name] for name in row if name not in offsets} for row in rows] for rows in (some, others)]
        assert left[0] == left[1]
    assert unusual_too[2].events == 8


def test_the_shared_samples_are_taken(shared_logs):
    for path in shared_logs.glob("suricata-eve/sample*.json"):
        for line in path.read_bytes().splitlines():
            assert check(line)
