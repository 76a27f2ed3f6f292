"""nfcapd files through nfdump: the same rows as its JSON, and a program that may do anything."""

import gzip
import hashlib
import json
import os
import random
import shutil
import threading
from pathlib import Path

import pytest

from flowwatch.model.records import ReadOptions
from flowwatch.sources import program
from flowwatch.sources.program import Program
from flowwatch.sources.reading import Collected, collect, read

HERE = Path(__file__).parent
SAMPLES = {form: HERE / f"nfcapd-{form}" for form in ("1.6", "1.7")}
"""Two records of one connection, as versions 1.6.22 and 1.7.1 store them."""
COMPARED = (
    "start",
    "end",
    "proto",
    "src_ip",
    "dst_ip",
    "src_port",
    "dst_port",
    "src_packets",
    "src_bytes",
    "dst_bytes",
)
RECORD = {
    "type": "FLOW", "first": "2026-11-22T07:56:07.005", "last": "2026-11-22T07:56:07.110", "in_packets": 2,
    "in_bytes": 84, "proto": 17, "src_port": 40000, "dst_port": 53, "src4_addr": "192.0.2.10",
    "dst4_addr": "192.0.2.53",
}  # fmt: skip

needs_nfdump = pytest.mark.usefixtures("nfdump")


def law(found: Collected) -> None:
    told = found.coverage[0]
    assert told.records == told.events + told.noise + told.unattributable + told.rejected + told.held_back
    assert told.events == found.flows.num_rows


def rows(found: Collected) -> list[tuple[object, ...]]:
    return sorted(tuple(str(row[name]) for name in COMPARED) for row in found.flows.to_pylist())


@pytest.fixture
def instead(tmp_path, monkeypatch):
    """Puts a shell script in the place of nfdump."""

    def put(script: str) -> str:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        path = folder / "nfdump"
        path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        return str(path)

    return put


def fed(tmp_path: Path) -> Collected:
    path = tmp_path / "stored"
    path.write_bytes(b"\x0c\xa5 and so on")
    found = collect([str(path)])
    law(found)
    return found


@needs_nfdump
@pytest.mark.parametrize("form", SAMPLES)
def test_both_forms_of_the_file_are_read(form):
    found = collect([str(SAMPLES[form])])
    told = found.coverage[0]
    assert (told.format, told.records, told.rejected, told.incomplete) == ("nfcapd", 2, 0, False)
    assert told.sha256 == hashlib.sha256(SAMPLES[form].read_bytes()).hexdigest()
    assert any(note.startswith("read by nfdump") for note in told.notes)
    assert not any("without a zone" in note for note in told.notes)
    sent, back = found.flows.to_pylist()
    assert [row["first_record"] for row in (sent, back)] == [1, 2]
    assert [row["first_offset"] for row in (sent, back)] == [None, None]
    assert (sent["src_ip"], sent["dst_ip"], sent["src_bytes"], back["dst_bytes"]) == (
        "192.0.2.10", "203.0.113.66", 247092, 676,
    )  # fmt: skip
    law(found)


@needs_nfdump
def test_the_zone_of_whoever_runs_it_changes_nothing(monkeypatch):
    here = rows(collect([str(SAMPLES["1.7"])]))
    monkeypatch.setenv("TZ", "America/New_York")
    assert rows(collect([str(SAMPLES["1.7"])])) == here
    assert rows(collect([str(SAMPLES["1.7"])], ReadOptions(timezone="America/New_York"))) == here
    assert "07:56:49" in str(here[0][0])


@needs_nfdump
@pytest.mark.parametrize(("folder", "text"), [("1.6.22-v9", "1.6.22.quiet.json"), ("1.7.1-v9", "1.7.1.json")])
def test_the_files_tell_what_their_json_tells(shared_logs, folder, text):
    stored = collect([str(path) for path in sorted((shared_logs / "nfdump" / f"nfcapd-{folder}").iterdir())])
    told = collect([str(shared_logs / "nfdump" / f"sample-nfdump-{text}")])
    assert stored.flows.num_rows == 286
    assert rows(stored) == rows(told)
    assert not any(one.incomplete for one in stored.coverage)


@needs_nfdump
@pytest.mark.parametrize("form", SAMPLES)
def test_whatever_the_file_nothing_raises_and_what_was_lost_is_told(tmp_path, form):
    data = SAMPLES[form].read_bytes()
    whole = rows(collect([str(SAMPLES[form])]))
    path = tmp_path / "changed"
    for seed in range(60):
        chance = random.Random(seed)  # noqa: S311 - the same changes every time
        changed = bytearray(data[: chance.randrange(2, len(data))] if seed % 2 else data)
        for _ in range(seed % 4):
            changed[chance.randrange(2, len(changed))] = chance.randrange(256)
        path.write_bytes(changed)
        found = collect([str(path)])
        law(found)
        if seed % 4 == 1 and len(changed) < len(data) and rows(found) != whole:
            assert found.coverage[0].incomplete


@needs_nfdump
def test_an_input_that_has_no_path_is_refused_with_what_to_do(tmp_path):
    packed = tmp_path / "packed.gz"
    packed.write_bytes(gzip.compress(SAMPLES["1.7"].read_bytes()))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(SAMPLES["1.7"].read_bytes()))
    writer.start()
    for source, why in ((packed, "compressed"), (pipe, "pipe")):
        error = collect([str(source)]).coverage[0].error
        assert error is not None
        assert error.code == "unsupported_format"
        assert why in error.message
        assert "into a file, unpacked" in error.message
    writer.join()


def test_without_nfdump_the_error_says_what_to_install_and_what_else_helps(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    error = collect([str(SAMPLES["1.7"])]).coverage[0].error
    assert error is not None
    assert error.code == "missing_program"
    assert "Debian package nfdump" in error.message
    assert "-o json" in error.message


def test_a_program_beside_the_input_is_not_run(tmp_path, instead, monkeypatch):
    folder = Path(instead("exit 0")).parent
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PATH", ".::../bin")
    error = fed(tmp_path).coverage[0].error
    assert error is not None
    assert error.code == "missing_program"


@pytest.mark.parametrize("form", ["", "t_"], ids=["1.7", "1.6"])
@pytest.mark.parametrize("one_a_line", [False, True])
def test_the_output_tells_which_map_it_needs(tmp_path, instead, form, one_a_line):
    record = {(form + key if key in ("first", "last") else key): value for key, value in RECORD.items()}
    text = json.dumps(record) if one_a_line else "[\n" + json.dumps(record, indent="\t") + "]"
    instead(f"cat <<'END'\n{text}\nEND")
    (row,) = fed(tmp_path).flows.to_pylist()
    assert (row["src_bytes"], str(row["start"])) == (84, "2026-11-22 07:56:07.005000+00:00")


def test_a_file_without_flows_is_no_error(tmp_path, instead):
    instead("printf '[\\nNo matching flows\\n]'")
    told = fed(tmp_path).coverage[0]
    assert (told.format, told.records, told.error) == ("nfcapd", 0, None)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit 3", "ended with code 3"),
        ("echo 'bad\tfile' >&2; exit 255", r"ended with code 255: bad\x09file"),
        ("kill -SEGV $$", "was ended by SIGSEGV"),
        ("exit 0", "prints nothing"),
        ("echo hello; echo '[]'", "no map knows"),
        ('[ "$1" = -V ] && exit; exec sleep 60', "said nothing for"),
        ('[ "$1" = -V ] && exit; exec >&- 2>&-; exec sleep 60', "closed its output and ran on"),
    ],
)
def test_a_program_that_fails_is_an_error_of_the_source(tmp_path, instead, monkeypatch, script, words):
    monkeypatch.setattr(program, "SILENCE", 0.3)
    instead(script)
    error = fed(tmp_path).coverage[0].error
    assert error is not None
    assert words in error.message


def test_what_it_says_beside_its_output_makes_the_input_incomplete(tmp_path, instead):
    instead(f"echo 'Corrupt data file' >&2\necho '{json.dumps(RECORD)}'")
    told = fed(tmp_path).coverage[0]
    assert told.events == 1
    assert told.incomplete
    assert "nfdump: Corrupt data file (1 x)" in told.notes


def test_records_before_a_failure_are_kept(tmp_path, instead):
    instead(f"echo '{json.dumps(RECORD)}'\nexit 4")
    told = fed(tmp_path).coverage[0]
    assert told.events == 1
    assert told.error is not None


def test_endless_complaints_are_bounded_and_do_not_block(tmp_path, instead):
    instead(f"seq 1 50000 >&2\nhead -c 300000 /dev/zero >&2\necho '{json.dumps(RECORD)}'")
    told = fed(tmp_path).coverage[0]
    assert told.events == 1
    assert len(told.notes) < 30
    assert told.limits["told by nfdump, which may have left records out"] >= 50000


def test_the_program_is_bounded_and_sees_no_input_and_no_environment(instead, monkeypatch):
    monkeypatch.setenv("SECRET", "x")
    path = instead("sleep 0.5; ulimit -t; ulimit -v; ulimit -c; ulimit -f; cat; echo ${SECRET:-none} $TZ")
    with Program([path], 3600) as output:
        said = output.read()
    assert said is not None
    assert said.split() == [b"3600", b"4194304", b"0", b"0", b"none", b"UTC"]


def test_the_program_ends_with_its_reader(tmp_path, instead):
    instead(f"while :; do echo '{json.dumps(RECORD)}'; done")
    path = tmp_path / "stored"
    path.write_bytes(b"\x0c\xa5")
    batches = iter(read(str(path)))
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    with Program([shutil.which("nfdump") or ""]) as output:
        assert output.read(10)
        pid = output._process.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_program_that_complains_without_end_is_ended():
    with Program([shutil.which("yes") or ""]) as silent:
        assert silent.read(4) == b"y\ny\n"
    with Program([shutil.which("sh") or "", "-c", "while :; do echo again >&2; done"]) as output:
        assert output.read(1) == b""
        assert output.failure is not None
        assert "complained more than" in output.failure
