import csv
import json

import msgspec
import pandas as pd
import pyarrow.parquet as pq
import pytest

from flowwatch.errors import UsageError
from flowwatch.model import Ref, frames
from flowwatch.reports import write_decisions


@pytest.mark.parametrize(
    ("make", "schema", "part"),
    [
        (frames.decisions_table, frames.DECISIONS, "decisions"),
        (frames.findings_table, frames.FINDINGS, "findings"),
        (frames.destinations_table, frames.DESTINATIONS, "destinations"),
    ],
)
def test_a_table_has_its_columns_and_a_row_each(rich, nothing, make, schema, part):
    assert make(getattr(rich, part)).schema == schema
    assert len(set(schema.names)) == len(schema.names)
    assert make(getattr(rich, part)).num_rows == len(getattr(rich, part)) > 0
    assert make(getattr(nothing, part)).schema == schema
    assert make(getattr(nothing, part)).num_rows == 0


def test_a_decision_row_says_who_sent_what_where(rich):
    row = frames.decisions_table(rich.decisions).to_pylist()[1]
    assert (row["sender_ip"], row["receiver_ip"], row["service_port"]) == ("192.0.2.17", "203.0.113.99", 8443)
    assert (row["sent"], row["sent_most"], row["acked"]) == (12_345, 20_000, None)
    assert (row["verdict"], row["rule"], row["policy_id"]) == (
        "unapproved",
        "channel:precinct-to-primary",
        "county-results",
    )
    assert row["reasons"] == ["destination.name_listed_address_unlisted"]
    assert len(row["names"]) == len(row["evidence"]) == 7
    assert row["countries"] == ["XB", "XC"]


def test_frames_keep_exact_integers_nulls_and_nanoseconds(rich):
    frame = rich.decisions_frame()
    assert frame["sent"].dtype == pd.UInt64Dtype()
    assert frame["service_port"].dtype == pd.UInt16Dtype()
    assert frame["attempted"].dtype == pd.BooleanDtype()
    assert str(frame["start"].dtype) == "datetime64[ns, UTC]"
    assert frame["start"].astype("int64")[0] == rich.decisions[0].transmission.start
    assert frame["acked"].isna().tolist() == [one.transmission.acked is None for one in rich.decisions]


def test_frames_of_findings_and_destinations(rich, nothing):
    assert rich.findings_frame()["severity"].tolist() == ["critical", "high", *["medium"] * 3, "low", "info"]
    assert rich.destinations_frame()["bytes_sent"].sum() == sum(one.bytes_sent for one in rich.destinations)
    assert list(nothing.findings_frame().columns) == frames.FINDINGS.names


def test_the_confidence_of_a_finding_is_not_that_of_its_place(rich):
    row = frames.findings_table(rich.findings).to_pylist()[1]
    assert (row["confidence"], row["place_confidence"]) == ("high", "disputed")


def test_parquet_comes_back_as_it_was(rich, tmp_path):
    write_decisions(rich, tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == frames.decisions_table(rich.decisions).to_pylist()


def test_jsonl_has_a_line_each(rich, tmp_path):
    write_decisions(rich, tmp_path / "out.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["verdict"] for row in rows] == [one.verdict for one in rich.decisions]
    assert rows[0]["start"] == "2026-11-05T00:30:01.123456789Z"


def test_csv_has_a_row_each_and_no_cell_begins_a_formula(rich, tmp_path):
    first = rich.decisions[0]
    sent = msgspec.structs.replace(first.transmission, ref=Ref("=cmd().pcap", 1, 1))
    odd = msgspec.structs.replace(first, transmission=sent, server="\uff1dcmd()", sender_zone="@zone")
    write_decisions(msgspec.structs.replace(rich, decisions=(odd, *rich.decisions)), tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == frames.DECISIONS.names
    assert len(rows) == len(rich.decisions) + 2
    assert rows[1][0] == "'=cmd().pcap"
    assert not [cell for row in rows for cell in row if cell.startswith(tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20"))]


@pytest.mark.parametrize("ext", ["jsonl", "csv", "parquet"])
def test_rows_are_the_same_however_many_are_made_at_once(rich, nothing, tmp_path, monkeypatch, ext):
    for report in (rich, nothing):
        write_decisions(report, tmp_path / f"whole.{ext}")
        with monkeypatch.context() as patched:
            patched.setattr(frames, "_PORTION", 1)
            write_decisions(report, tmp_path / f"parts.{ext}")
        assert (tmp_path / f"parts.{ext}").read_bytes() == (tmp_path / f"whole.{ext}").read_bytes()
    if ext == "csv":
        assert (tmp_path / "whole.csv").read_text().count("\n") == 1, "names of columns alone"


@pytest.mark.parametrize("name", ["out", "out.xlsx", "out.jsonl.gz"])
def test_an_extension_that_names_no_format_is_a_usage_error_and_writes_nothing(rich, tmp_path, name):
    with pytest.raises(UsageError, match="extension"):
        write_decisions(rich, tmp_path / name)
    assert list(tmp_path.iterdir()) == []
