"""`flowwatch flows` and `lookups`: the same rows in every format, and in every way of reading."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parent.parent.parent
CAPTURE = ROOT / "captures" / "forwarded-copies" / "input.pcap"


def records(*args: str | Path) -> bytes:
    command = [sys.executable, "-m", "flowwatch", *map(str, args)]
    return subprocess.run(command, capture_output=True, cwd=ROOT, check=True).stdout


@pytest.mark.parametrize("kind", ["flows", "lookups"])
def test_every_format_has_the_same_rows(kind, tmp_path):
    rows = [json.loads(line) for line in records(kind, CAPTURE).splitlines()]
    assert rows
    table = records(kind, CAPTURE, "--format", "csv").decode()
    assert len(list(csv.DictReader(io.StringIO(table)))) == len(rows)
    out = tmp_path / "out.parquet"
    assert records(kind, CAPTURE, "-o", out) == b""
    assert pq.read_table(out).num_rows == len(rows)
    shown = records(kind, CAPTURE, "--format", "table").decode()
    assert shown.endswith(f"{len(rows)} {kind}\n")
    assert shown.isascii()


def test_rows_come_in_order_of_source_then_record(tmp_path):
    again = tmp_path / "a.pcap"
    again.write_bytes(CAPTURE.read_bytes())
    rows = [json.loads(line) for line in records("flows", CAPTURE, again).splitlines()]
    places = [([str(CAPTURE), str(again)].index(row["source"]), row["first_record"]) for row in rows]
    assert places == sorted(places)


def test_a_stream_has_the_same_rows():
    streamed = records("flows", CAPTURE, "--stream", "--format", "jsonl").splitlines()
    assert sorted(streamed) == sorted(records("flows", CAPTURE).splitlines())


def test_a_table_shows_whole_cells_however_narrow_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    rows = [json.loads(line) for line in records("flows", CAPTURE).splitlines()]
    lines = records("flows", CAPTURE, "--format", "table").decode().splitlines()
    assert len(lines) == len(rows) + 2
    for row, line in zip(rows, lines[1:], strict=False):
        assert {row["src_ip"], row["dst_ip"]} <= set(line.split())
