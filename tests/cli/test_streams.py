"""Where a run reads from and writes to: closed, full, gone, or one of its own inputs. 1 never means a fault."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CAPTURE = ROOT / "captures" / "approved-night" / "input.pcap"
POLICY = CAPTURE.with_name("policy.toml")
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")


def shell(words: str, *args: str | Path) -> subprocess.CompletedProcess[bytes]:
    """Runs flowwatch with redirections of the shell written after `"$@"`."""
    command = ["bash", "-c", words, "bash", sys.executable, "-m", "flowwatch", *map(str, args)]
    return subprocess.run(command, capture_output=True, cwd=ROOT, check=False)


def run(*args: str | Path) -> subprocess.CompletedProcess[bytes]:
    return shell('"$@"', *args)


@pytest.mark.parametrize(
    ("words", "args", "code"),
    [
        ('"$@" <&-', ("scan", "-", "--policy", POLICY), 3),
        ('"$@" >&-', ("scan", CAPTURE, "--policy", POLICY), 0),
        ('"$@" 2>&-', ("scan", CAPTURE, "--policy", POLICY), 0),
        ('"$@" 2>&-', ("scan", "there-is-none"), 2),
    ],
)
def test_a_closed_standard_stream_is_no_fault(words, args, code):
    done = shell(words, *args)
    assert (done.returncode, b"internal error" in done.stderr) == (code, False), done.stderr


@pytest.mark.parametrize("args", [("--help",), ("scan", "--help"), ("flows", CAPTURE, "--format", "table")])
def test_a_pipe_closed_early_is_141(args):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "flowwatch", *map(str, args)]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, cwd=ROOT, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@needs_full
@pytest.mark.parametrize("args", [("--help",), ("scan", CAPTURE), ("flows", CAPTURE), ("flows", CAPTURE, "-o", FULL)])
def test_a_full_disk_is_said_in_words(args):
    done = shell('"$@" > /dev/full', *args)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(b"flowwatch: error: cannot write ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "args",
    [
        ("scan", CAPTURE, "--decisions", "{}/none/decisions.csv"),
        ("scan", CAPTURE, "--format", "text", "--format", "html", "-o", "{}/file/report"),
        ("demo", "-o", "{}/file"),
    ],
)
def test_an_output_that_cannot_be_is_2(args, tmp_path):
    (tmp_path / "file").touch()
    done = run(*(str(one).format(tmp_path) for one in args))
    assert (done.returncode, b"cannot write" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("scan", "{}/night.jsonl", "-o", "{}/night.jsonl"),
        ("scan", "{}", "--decisions", "{}/night.jsonl"),
        ("scan", CAPTURE, "--policy", "{}/night.jsonl", "-o", "{}/night.jsonl"),
        ("scan", "{}/report.txt", "--format", "text", "--format", "html", "-o", "{}"),
        ("flows", "{}/night.jsonl", "-o", "{}/link", "--stream"),
        ("flows", "{}", "--rejects", "{}/night.jsonl"),
        ("lookups", "{}/night.jsonl", "--rejects", "{}/link"),
        ("flows", CAPTURE, "--format", "jsonl", "-o", "{}/new", "--rejects", "{}//new"),
        ("scan", CAPTURE, "--map", "{}/report.txt", "--rejects", "{}/report.txt"),
    ],
)
def test_an_input_is_never_written_over(args, tmp_path):
    for name in ("night.jsonl", "report.txt"):
        (tmp_path / name).write_bytes(CAPTURE.read_bytes())
    (tmp_path / "link").symlink_to("night.jsonl")
    done = run(*(str(one).format(tmp_path) for one in args))
    assert (done.returncode, b"would be written over" in done.stderr) == (2, True), done.stderr
    assert {one.read_bytes() for one in tmp_path.iterdir()} == {CAPTURE.read_bytes()}


def test_an_empty_argument_is_named_as_such():
    done = run("scan", "")
    assert (done.returncode, b"an argument is empty" in done.stderr) == (2, True), done.stderr


def test_explain_says_that_a_capture_cannot_be_read(tmp_path):
    done = run("policy", "explain", tmp_path / "none.pcap", "--flow", "1", "--policy", POLICY)
    assert done.returncode == 2
    assert b"no such file" in done.stderr


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("scan", CAPTURE, "--format", "html", "-o", "{}"), b"one format is one file: -o {}/report.html"),
        (("scan", CAPTURE, "-o", "{}/none/report.txt"), b"there is no folder {}/none"),
        (("scan", CAPTURE, "--decisions", "{}/none/decisions.csv"), b"there is no folder {}/none"),
        (("flows", CAPTURE, "-o", "{}"), b"it is a folder"),
        (("lookups", CAPTURE, "-o", "{}/none/lookups.csv"), b"there is no folder {}/none"),
    ],
)
def test_an_output_that_cannot_be_is_said_before_anything_is_read(args, words, tmp_path):
    late = tmp_path / "late.pcap"
    os.mkfifo(late)  # whoever opened it would wait for ever
    done = run(*(str(late if one is CAPTURE else one).format(tmp_path) for one in args))
    assert (done.returncode, words.replace(b"{}", bytes(tmp_path)) in done.stderr) == (2, True), done.stderr


def test_a_second_format_without_its_option_is_told_where_it_goes(tmp_path):
    done = run("scan", CAPTURE, "--format", "html", "md", "-o", tmp_path / "out")
    assert (done.returncode, b"for a format write --format md" in done.stderr) == (2, True), done.stderr


def heed_interrupts() -> None:
    """A background job is started with interrupts ignored; a person's terminal is not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("args", [("flows", "--stream", "-"), ("flows", "-", "-o", "{}/flows.parquet"), ("scan", "-")])
def test_an_interrupted_reading_says_so_and_nothing_else(args, tmp_path):
    command = [sys.executable, "-m", "flowwatch", *(one.format(tmp_path) for one in args)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=heed_interrupts,  # noqa: PLW1509 - one thread here
    ) as waiting:
        assert waiting.stdin is not None
        waiting.stdin.write(CAPTURE.read_bytes())
        waiting.stdin.flush()
        time.sleep(2)  # it has begun to wait for more
        waiting.send_signal(signal.SIGINT)
        _, said = waiting.communicate(timeout=60)
    assert (waiting.returncode, said.decode().splitlines()) == (
        130,
        ["flowwatch: interrupted: what was written until now is not complete"],
    )
