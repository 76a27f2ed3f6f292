"""Tables out: every value survives, no spreadsheet computes, rows stand in order."""

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowwatch import tables
from flowwatch.errors import UsageError
from flowwatch.model.records import FLOWS, LOOKUPS

AT = pa.timestamp("ns", tz="UTC")


@pytest.fixture
def lookups():
    rows = [
        {
            "source": "a.log",
            "record": 2**64 - 1,
            "time": 1795333870000000001,
            "qname": "results.example",
            "name_exact": True,
            "latency": 1528000,
            "answers": [{"name": "results.example", "type": "A", "data": "198.51.100.7", "ttl": 60}],
            "flags": [],
        },
        {"source": "b.log", "record": 1, "qname": "=cmd.example", "flags": ["rd", 'x"y']},
    ]
    return pa.Table.from_pylist(rows, LOOKUPS)


def written(table, fmt):
    sink = io.BytesIO()
    tables.write(table, fmt, sink)
    return sink.getvalue()


def cells(table):
    return list(csv.DictReader(io.StringIO(written(table, "csv").decode(), newline="")))


def test_csv_has_every_column_and_value(lookups):
    first, second = cells(lookups)
    assert list(first) == LOOKUPS.names
    assert (first["record"], first["time"]) == (str(2**64 - 1), "2026-11-22T07:51:10.000000001Z")
    assert (first["latency"], first["name_exact"], first["rcode"]) == ("1528000", "true", "")
    assert json.loads(first["answers"]) == [{"name": "results.example", "type": "A", "data": "198.51.100.7", "ttl": 60}]
    assert (json.loads(first["flags"]), json.loads(second["flags"])) == ([], ["rd", 'x"y'])


@pytest.mark.parametrize("start", list("=+-@\t\r\uff1d\uff0b\uff0d\uff20"))
def test_no_cell_of_text_is_a_formula(start):
    (row,) = cells(pa.table({"qname": [f"{start}SUM(1)"]}))
    assert row["qname"] == f"'{start}SUM(1)"


def test_plain_text_and_numbers_are_not_guarded():
    (row,) = cells(pa.table({"a": ["x=1"], "b": [-1], "c": ["'=1"]}))
    assert (row["a"], row["b"], row["c"]) == ("x=1", "-1", "'=1")


@settings(deadline=None)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=8), min_size=1
    )
)
def test_csv_text_survives_but_for_the_guard(values):
    found = [row["a"] for row in cells(pa.table({"a": values}))]
    assert [one.removeprefix("'") for one in found] == [one.removeprefix("'") for one in values]
    assert all(one[0] not in "=+-@\t\r\uff1d\uff0b\uff0d\uff20" for one in found)


def test_parquet_has_plain_types(lookups):
    found = pq.read_table(io.BytesIO(written(lookups, "parquet")))
    assert found.column_names == LOOKUPS.names
    assert found.schema.field("source").type == pa.utf8()
    assert found.schema.field("latency").type == pa.int64()
    assert found.schema.field("time").type == AT
    assert found["record"].to_pylist() == [2**64 - 1, 1]


def test_a_path_is_written_as_a_sink_is(lookups, tmp_path):
    tables.write(lookups, "csv", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == written(lookups, "csv")


def test_tables_without_rows_have_their_header():
    assert written(FLOWS.empty_table(), "csv").decode().strip().replace('"', "").split(",") == FLOWS.names
    assert pq.read_table(io.BytesIO(written(FLOWS.empty_table(), "parquet"))).num_rows == 0


def test_another_format_is_a_usage_error(lookups):
    with pytest.raises(UsageError, match="jsonl, csv, parquet"):
        tables.write(lookups, "xlsx", io.BytesIO())


def test_json_lines_come_back_as_they_were(lookups, tmp_path):
    pytest.importorskip("flowwatch._native", reason="the core is not built")
    data = written(lookups, "jsonl")
    first, second = map(json.loads, data.splitlines())
    assert first == {
        "source": "a.log",
        "record": 2**64 - 1,
        "time": "2026-11-22T07:51:10.000000001Z",
        "qname": "results.example",
        "name_exact": True,
        "latency": 1528000,
        "answers": [{"name": "results.example", "type": "A", "data": "198.51.100.7", "ttl": 60}],
        "flags": [],
    }
    assert second == {"source": "b.log", "record": 1, "qname": "=cmd.example", "flags": ["rd", 'x"y']}
    tables.write(lookups, "jsonl", tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_bytes() == data
