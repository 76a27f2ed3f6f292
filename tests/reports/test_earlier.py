"""An earlier report read back: what it saw, or one clear error."""

import json

import pytest

from flowwatch.errors import UsageError
from flowwatch.model import History
from flowwatch.reports import jsonl_lines
from flowwatch.reports.earlier import history


@pytest.fixture
def lines(rich):
    return list(jsonl_lines(rich))


@pytest.fixture
def read(tmp_path):
    def read(lines, policy="county-results"):
        path = tmp_path / "earlier.jsonl"
        path.write_bytes(b"".join(lines))
        return history(path, policy)

    return read


def test_what_was_seen_is_read_back(rich, lines, read):
    assert rich.seen
    assert read(lines) == History.of(rich.seen)


def test_a_report_of_another_policy_is_refused(lines, read):
    with pytest.raises(UsageError, match=r"was judged by policy county-results, this run by town"):
        read(lines, "town")


def test_what_is_no_report_is_refused(lines, read, tmp_path):
    for wrong in ([], [b"\x80\n"], [b"no report\n"], [b"{}\n"], [b"[" * 5000 + b"\n"], lines[1:]):
        with pytest.raises(UsageError, match=r"earlier\.jsonl:1: is no report of flowwatch"):
            read(wrong)
    with pytest.raises(UsageError, match="cannot be read"):
        history(tmp_path, "county-results")
    with pytest.raises(UsageError, match="cannot be read"):
        history(tmp_path / "none", "county-results")


def test_a_cut_or_altered_report_is_refused(lines, read):
    at = next(number for number, line in enumerate(lines) if b'"type":"sighting"' in line)
    with pytest.raises(UsageError, match="is cut: it holds 1 of 2 sightings"):
        read(lines[: at + 1])
    with pytest.raises(UsageError, match="the report is cut"):
        read([*lines[:at], lines[at][:-9]])
    with pytest.raises(UsageError, match=rf"earlier\.jsonl:{at + 1}: is no sighting where the first line counts one"):
        read([*lines[:at], lines[1], *lines[at + 1 :]])
    row = json.loads(lines[at])
    for key, value in (("first", "yesterday"), ("first", 7), ("last", None), ("trait", "mood"), ("server", None)):
        wrong = json.dumps(row | {key: value}).encode() + b"\n"
        with pytest.raises(UsageError, match="is no sighting as reports write them"):
            read([*lines[:at], wrong, *lines[at + 1 :]])


def test_a_report_from_before_there_were_sightings_is_refused(lines, read):
    head = json.loads(lines[0])
    del head["lines"]["sighting"]
    with pytest.raises(UsageError, match="before reports held what was seen"):
        read([json.dumps(head).encode() + b"\n", *lines[1:]])
    head["schema"] = "flowwatch.report/2"
    with pytest.raises(UsageError, match="another schema"):
        read([json.dumps(head).encode() + b"\n"])
