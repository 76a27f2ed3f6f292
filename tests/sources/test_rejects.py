"""The file of refused records: every one is there, with its place and its bytes, and nobody else can read it."""

import base64
import json
import stat

from flowwatch.model.records import ReadOptions
from flowwatch.sources.logs import LogRecords
from flowwatch.sources.reading import collect
from flowwatch.sources.rejects import Rejects

GOOD = b"22-Nov-2026 07:36:26.157 client @0x7f 192.0.2.10#4 (a.example): query: a.example IN A + (192.0.2.53)"
BAD = (b"nonsense", b"\xff\xfe\x00", b"x" * (1 << 20) + b"yz")


def refused(tmp_path, data, **options):
    log, out = tmp_path / "log", tmp_path / "rejects"
    log.write_bytes(data)
    out.write_text("before")
    out.chmod(0o644)
    with Rejects(out, **options) as file:
        found = collect([str(log)], ReadOptions(rejects=file.of))
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    return [json.loads(line) for line in out.read_text().splitlines()], found.coverage[0]


def test_every_refused_line_has_its_place_and_its_bytes(tmp_path):
    lines = [*[GOOD] * 20, BAD[0], GOOD, BAD[1], BAD[2], GOOD]
    told, coverage = refused(tmp_path, b"\n".join(lines) + b"\n")
    assert coverage.rejected == len(told) == 3
    for one, bad in zip(told, BAD, strict=True):
        assert one["offset"] == sum(len(line) + 1 for line in lines[: one["record"] - 1])
        assert base64.b64decode(one["raw"]) == bad[:512]
        assert (one["source"], one["format"]) == (str(tmp_path / "log"), "bind-query")
    assert [one["reason"] for one in told] == ["foreign_line", "not_utf8", "line_too_long"]


def test_more_than_the_report_keeps_are_written(tmp_path):
    told, coverage = refused(tmp_path, GOOD + b"\n" + b"nonsense\n" * 300 + (GOOD + b"\n") * 3000)
    assert (len(told), coverage.rejected, len(coverage.rejects)) == (300, 300, 100)


def test_bytes_can_be_left_out(tmp_path):
    told, _ = refused(tmp_path, (GOOD + b"\n") * 9 + b"secret\n", raw=False)
    assert [(one["length"], "raw" in one) for one in told] == [(6, False)]


def test_what_finds_no_room_is_counted(tmp_path):
    told, coverage = refused(tmp_path, (GOOD + b"\n") * 300 + b"nonsense\n" * 50, most=1000)
    assert told[-1] == {"left_out": coverage.rejected - (len(told) - 1)}


def test_bytes_of_a_record_that_began_in_another_block_are_not_told(monkeypatch, tmp_path):
    monkeypatch.setattr(LogRecords.__init__, "__kwdefaults__", {"block": 64})
    begun = '{"QH": "a.example", "QT": "A", "T": "2026-11-22T07:36:26Z", "IP":\n'
    told, _ = refused(tmp_path, (begun + "0," * 60 + "\n" + "broken\n").encode())
    assert [one["offset"] for one in told] == [0]
    assert "raw" not in told[0]
