"""C-DNS files as rows of LOOKUPS, with their account."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowwatch import sources
from flowwatch.model.records import LOOKUPS, Coverage
from flowwatch.sources.cdns import CdnsRecords, is_cdns
from flowwatch.sources.opened import Opened
from tests.sources.laws import lawful

cbor2 = pytest.importorskip("cbor2", reason="an extra")
pytest.importorskip("flowwatch._native", reason="the core is not built")

AT = 1_795_400_000
SECOND = 10**9
KEPT = 1 << 15
_ONCE = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
Read = Callable[..., tuple[list[dict[str, Any]], Coverage]]


@pytest.fixture
def cdns(put) -> Read:
    """Rows, nulls left out, times as integers; and the account."""

    def read(stored: bytes) -> tuple[list[dict[str, Any]], Coverage]:
        with Opened(put(stored)) as opened:
            records = CdnsRecords(opened)
            batches = [batch for _, batch in records]
        for batch in batches:
            batch.validate(full=True)
        table = pa.Table.from_batches(batches, LOOKUPS)
        for name in ("time", "asked", "latency"):
            table = table.set_column(table.column_names.index(name), name, table[name].cast(pa.int64()))
        return [{key: value for key, value in row.items() if value is not None} for row in table.to_pylist()], (
            records.coverage
        )

    return read


def block() -> dict[int, Any]:
    """A pair with an answer, a question alone, an answer alone with a long code, one without a name, an update."""
    signature = {0: 1, 1: 53, 2: 2, 4: 3, 5: 0, 6: 0x1810, 8: 0, 16: 0}
    return {
        0: {0: [AT, 500]},
        2: {
            0: [b"\xc0\0\2\x0a", b"\xc0\0\2\x35"],
            1: [{0: 1, 1: 1}, {0: 5, 1: 1}],
            2: [b"\3WWW\7example\0", b"\4edge\7example\0", b"\xc6\x33\x64\x07"],
            3: [
                signature,
                signature | {4: 1},
                signature | {4: 2, 16: 23},
                {key: value for key, value in signature.items() if key != 8},
                signature | {5: 5},
            ],
            6: [[0, 1]],
            7: [{0: 0, 1: 1, 2: 60, 3: 1}, {0: 1, 1: 0, 2: 60, 3: 2}],
        },
        3: [
            {0: 500, 1: 0, 2: 40000, 3: 7, 4: 0, 6: 250, 7: 0, 12: {1: 0}},
            {0: 1000, 1: 0, 2: 40001, 3: 8, 4: 1, 7: 1},
            {0: 1500, 1: 0, 2: 40002, 3: 9, 4: 2, 7: 1},
            {0: 2000, 1: 0, 2: 40003, 3: 9, 4: 3},
            {0: 2500, 1: 0, 2: 40004, 3: 9, 4: 4, 7: 1},
        ],
    }


def file_of(*blocks: Any, version: int = 1, hints: int = KEPT, **told: Any) -> bytes:
    storage = {0: 1000, 1: 5000, 2: {0: hints}} | {int(key[1:]): value for key, value in told.items()}
    made: bytes = cbor2.dumps(["C-DNS", {0: version, 1: 0, 3: [{0: storage}]}, list(blocks)])
    return made


def with_item(**changed: Any) -> bytes:
    """One item, with other values for some keys."""
    made = block()
    made[3] = [made[3][0] | {int(key[1:]): value for key, value in changed.items()}]
    return file_of(made)


def test_an_item_is_a_row(cdns):
    rows, coverage = cdns(file_of(block()))
    assert rows[0] == {
        "source": rows[0]["source"],
        "record": 1,
        "time": (AT + 1) * SECOND + SECOND // 4,
        "client_ip": "192.0.2.10",
        "client_port": 40000,
        "server_ip": "192.0.2.53",
        "server_port": 53,
        "transport": "tcp",
        "qname": "www.example",
        "qtype": "A",
        "qclass": "IN",
        "name_exact": True,
        "vantage": "client",
        "asked": (AT + 1) * SECOND,
        "latency": SECOND // 4,
        "rcode": "NOERROR",
        "answers": [
            {"name": "www.example", "type": "CNAME", "data": "edge.example", "ttl": 60},
            {"name": "edge.example", "type": "A", "data": "198.51.100.7", "ttl": 60},
        ],
        "flags": ["rd", "ra"],
        "time_basis": "explicit",
    }
    assert (coverage.format, coverage.records, coverage.events, coverage.lookups) == ("c-dns", 5, 3, 3)
    assert (coverage.unattributable, coverage.noise, coverage.rejected, lawful(coverage)) == (1, 1, 0, True)


def test_one_alone_is_a_row_of_what_it_proves(cdns):
    rows, _ = cdns(file_of(block()))
    asked, answered = rows[1:]
    assert (asked["qname"], asked["time"]) == ("edge.example", AT * SECOND + SECOND * 3 // 2)
    assert not {"rcode", "answers", "latency"} & asked.keys()
    assert (answered["rcode"], answered["answers"], answered["time"]) == ("BADCOOKIE", [], (AT + 2) * SECOND)
    assert not {"asked", "latency"} & answered.keys()


def test_records_that_were_not_kept_are_not_none(cdns):
    rows, _ = cdns(file_of(block(), hints=0))
    assert ["answers" in row for row in rows] == [True, False, False]


def test_what_the_collector_says_of_itself_is_told(cdns):
    rows, coverage = cdns(file_of(block(), _5=3))
    assert [("client_ip" in row, "client_port" in row) for row in rows] == [(False, True)] * 3
    assert [note[:24] for note in coverage.notes] == [
        "1 x DNS message of anoth", "1 x DNS message that nam", "1 x the collector says t", "1 x the collector says t",
    ]  # fmt: skip
    assert "client_ip" not in cdns(file_of(block(), _6=24))[0][0]


@pytest.mark.parametrize(
    "changed",
    [
        {"_0": 1.5}, {"_0": -(1 << 60)}, {"_0": 1 << 80}, {"_1": 9}, {"_1": -1 << 70}, {"_2": -1}, {"_2": 1 << 16},
        {"_2": 1.5}, {"_3": 1 << 16}, {"_4": 99}, {"_4": "x"}, {"_6": "x"}, {"_7": 2}, {"_7": [1]},
        {"_12": {1: 9}}, {"_12": {1: []}}, {"_12": 5},
    ],
)  # fmt: skip
def test_an_item_that_is_not_of_the_schema_is_refused(cdns, changed):
    rows, coverage = cdns(with_item(**changed))
    left_out = changed == {"_1": -1 << 70}
    assert (len(rows), coverage.rejected, lawful(coverage)) == ((1, 0, True) if left_out else (0, 1, True))


@pytest.mark.parametrize(
    ("stored", "code"),
    [
        (file_of(block(), version=2), "unsupported_format"),
        (cbor2.dumps(["DNS-STAT", {0: 5, 1: {}}, [block()]]), "unsupported_format"),
        (file_of(block(), _0=0), "bad_frame"),
        (file_of(block(), _0=b"x"), "bad_frame"),
        (file_of([]), "bad_frame"),
        (file_of({0: {0: [b"x", 0]}}), "bad_frame"),
        (file_of(block()) + b"\0", "bad_frame"),
        (cbor2.dumps(["C-DNS", {}, 5]), "bad_frame"),
    ],
)
def test_where_reading_stops_is_told(cdns, stored, code):
    _, coverage = cdns(stored)
    assert coverage.error is not None
    assert (coverage.error.code, lawful(coverage)) == (code, True)


def test_limits_are_kept(cdns):
    start = file_of()[:-1]
    for bomb in (b"\x81" * 40, b"\x9b" + b"\0\1" + bytes(6), b"\x5b" + b"\0\1" + bytes(6), b"\x1c"):
        _, coverage = cdns(start + b"\x81" + bomb)
        assert coverage.error is not None
        assert coverage.error.code in ("bad_frame", "truncated_stream")


def test_blocks_may_be_counted_or_ended(cdns):
    whole = cdns(file_of(block(), block()))
    preamble = cbor2.dumps({0: 1, 1: 0, 3: [{0: {0: 1000, 1: 5000, 2: {0: KEPT}}}]})
    two = cbor2.dumps(block()) * 2
    ended = cdns(b"\x9f\x65C-DNS" + preamble + b"\x9f" + two + b"\xff\xff")
    for rows, coverage in (whole, ended):
        assert ([row["record"] for row in rows], coverage.error) == ([1, 2, 3, 6, 7, 8], None)


def test_a_file_may_be_cut_anywhere(cdns):
    whole = file_of(block(), block())
    for cut in range(1, len(whole)):
        rows, coverage = cdns(whole[:cut])
        assert coverage.error is not None
        assert (coverage.error.code, lawful(coverage), len(rows) % 3) == ("truncated_stream", True, 0) or cut < 7


@_ONCE
@given(st.data())
def test_no_change_of_bytes_makes_reading_raise(cdns, data):
    changed = bytearray(file_of(block(), block()))
    for _ in range(data.draw(st.integers(1, 6))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    _, coverage = cdns(bytes(changed))
    assert lawful(coverage)


@_ONCE
@given(st.data())
def test_no_value_makes_reading_raise(cdns, data):
    made = copy.deepcopy(block())
    values = st.none() | st.integers() | st.floats() | st.binary(max_size=20) | st.text(max_size=5) | st.just([0])
    place: Any = made
    for _ in range(data.draw(st.integers(1, 5))):
        keys = sorted(place) if isinstance(place, dict) else range(len(place))
        key = data.draw(st.sampled_from(list(keys)))
        if not isinstance(place[key], dict | list) or not place[key]:
            break
        inner = place[key]
        if data.draw(st.booleans()):
            place[key] = data.draw(values)
            break
        place = inner
    else:
        key = data.draw(st.sampled_from(list(sorted(place) if isinstance(place, dict) else range(len(place)))))
    place[key] = data.draw(values)
    _, coverage = cdns(file_of(made))
    assert lawful(coverage)


def test_it_is_told_by_its_first_bytes():
    assert [is_cdns(head) for head in (file_of(), b"\x9f\x68DNS-STAT", b"\x83\x65D-DNS", b"")] == [100, 100, 0, 0]


@pytest.mark.parametrize("name", ["sample-gold.cbor", "sample-gold.cbor02"])
def test_samples_are_as_the_capture_they_were_made_from(shared_logs, name):
    both = [str(shared_logs / "cdns" / each) for each in (name, "sample-gold.pcap.xz")]
    packed, captured = (sources.collect([one]).lookups for one in both)
    ours = ["source", "record", "offset", "answer_record", "answer_offset"]
    if name == "sample-gold.cbor02":  # says no transport that is known, and of a delay no sign
        ours += ["transport", "latency", "time"]
    assert packed.num_rows == 999
    rows, others = (table.sort_by("asked").drop_columns(ours).to_pylist() for table in (packed, captured))
    assert json.dumps(rows, default=str) == json.dumps(others, default=str)
