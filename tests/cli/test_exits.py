"""The contract of exit codes, through the whole process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CASES = ROOT / "captures"
FORMATS = ("text", "html", "jsonl", "csv", "md", "ocsf", "ecs", "eve", "cef")


def run(*args: str | Path, cwd: Path = ROOT, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "flowwatch", *map(str, args)], capture_output=True, cwd=cwd, input=stdin, check=False
    )


def judged(case: str, *args: str | Path) -> subprocess.CompletedProcess[bytes]:
    folder = CASES / case
    return run("scan", folder / "input.pcap", "--policy", folder / "policy.toml", *args)


def test_all_approved_is_0():
    assert judged("approved-night").returncode == 0


def test_findings_are_1_and_fail_on_moves_the_bar():
    assert judged("small-and-sealed").returncode == 1
    assert judged("small-and-sealed", "--fail-on", "critical").returncode == 0


def test_a_history_that_cannot_be_used_is_2(tmp_path):
    policy = CASES / "late-owner" / "policy.toml"
    for wrong, said in ((policy, b"is no report of flowwatch"), (tmp_path / "none", b"cannot be read")):
        done = judged("late-owner", "--history", wrong)
        assert (done.returncode, done.stdout) == (2, b"")
        assert said in done.stderr
    alone = run("scan", CASES / "late-owner" / "input.pcap", "--history", policy, cwd=tmp_path)
    assert (alone.returncode, b"there is no policy" in alone.stderr) == (2, True)
    earlier = tmp_path / "earlier.jsonl"
    judged("no-result-data", "--format", "jsonl", "-o", earlier)
    kept = earlier.read_bytes()
    assert judged("late-owner", "--history", earlier, "-o", earlier).returncode == 2
    assert earlier.read_bytes() == kept
    assert b"No history of 1 server" in judged("late-owner", "--history", earlier).stdout


def test_location_data_that_says_otherwise_than_before_is_told_and_leaves_0(tmp_path):
    folder = CASES / "late-owner"
    earlier, other = tmp_path / "earlier.jsonl", tmp_path / "policy.toml"
    judged("late-owner", "--format", "jsonl", "-o", earlier)
    other.write_text((folder / "policy.toml").read_text().replace("asn = 64507", "asn = 64508"))
    done = run("scan", folder / "input.pcap", "--policy", other, "--history", earlier)
    assert (
        b"reference.changed"
        in run("scan", folder / "input.pcap", "--policy", other, "--history", earlier, "--format", "jsonl").stdout
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_no_policy_is_3(tmp_path):
    done = run("scan", CASES / "approved-night" / "input.pcap", cwd=tmp_path)
    assert done.returncode == 3
    assert b"no policy in force" in done.stderr


def test_nothing_in_scope_is_3(tmp_path):
    policy = (CASES / "approved-night" / "policy.toml").read_text()
    elsewhere = tmp_path / "policy.toml"
    elsewhere.write_text(policy.replace("192.0.2.", "198.18.0.").replace("2001:db8:10:", "2001:db8:77:"))
    done = run("scan", CASES / "approved-night" / "input.pcap", "--policy", elsewhere)
    assert (done.returncode, b"nothing in scope" in done.stderr) == (3, True), done.stderr


def test_unknown_input_is_3_and_named(tmp_path):
    odd = tmp_path / "odd.bin"
    odd.write_bytes(bytes(range(256)) * 8)
    done = run("scan", odd, "--policy", CASES / "approved-night" / "policy.toml")
    assert done.returncode == 3
    assert b"unknown_format" in done.stdout


def test_undecided_is_3_unless_allowed():
    assert judged("blind-spots", "--fail-on", "critical").returncode == 3
    assert judged("blind-spots", "--fail-on", "critical", "--allow-undecided", "4").returncode == 3
    assert judged("blind-spots", "--fail-on", "critical", "--allow-undecided", "5").returncode == 0


@pytest.mark.parametrize(
    "args",
    [
        ("scan",),
        ("scan", "no-such-file.pcap"),
        ("scan", "README.md", "--policy", "no-such-policy.toml"),
        ("scan", "README.md", "--format", "nonsense"),
        ("scan", "README.md", "--format", "text", "--format", "html"),
        ("scan", "README.md", "--decisions", "decisions.xyz"),
        ("scan", "README.md", "--input-format", "nonsense"),
        ("flows", "README.md", "-o", "flows.xlsx"),
        ("policy", "check", "README.md"),
        ("places", "lookup", "example.org"),
        ("no-such-command",),
    ],
)
def test_usage_errors_are_2_in_one_or_few_lines_without_traceback(args):
    done = run(*args)
    assert done.returncode == 2, done.stderr
    assert done.stderr
    assert b"Traceback" not in done.stderr
    assert not done.stdout


def test_an_internal_error_is_70_and_debug_shows_where(tmp_path):
    broken = "import flowwatch.audit, sys\nflowwatch.audit.audit = None\nfrom flowwatch.cli import main\nmain()"
    command = [sys.executable, "-c", broken]
    capture = str(CASES / "approved-night" / "input.pcap")
    quiet = subprocess.run([*command, "scan", capture], capture_output=True, check=False)
    assert quiet.returncode == 70
    assert quiet.stderr.startswith(b"flowwatch: internal error: TypeError")
    assert b"Traceback" not in quiet.stderr
    loud = subprocess.run([*command, "--debug", "scan", capture], capture_output=True, check=False)
    assert b"Traceback" in loud.stderr


def test_a_closed_pipe_is_141():
    command = [sys.executable, "-m", "flowwatch", "flows", "-", "--format", "jsonl"]
    running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    assert running.stdout is not None
    running.stdout.close()
    running.stdout = None
    _, said = running.communicate((CASES / "approved-night" / "input.pcap").read_bytes(), timeout=60)
    assert (running.returncode, said) == (141, b"")


def _heed_interrupts() -> None:
    """A background job is started with interrupts ignored; a person's terminal is not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_interrupted_is_130():
    command = [sys.executable, "-m", "flowwatch", "flows", "-"]
    waiting = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=_heed_interrupts,  # noqa: PLW1509 - one thread here
    )
    assert waiting.stdin is not None
    waiting.stdin.write((CASES / "approved-night" / "input.pcap").read_bytes()[:50_000])
    waiting.stdin.flush()
    time.sleep(2)
    waiting.send_signal(signal.SIGINT)
    _, said = waiting.communicate(timeout=20)
    assert waiting.returncode == 130, said
    assert b"Traceback" not in said


def test_standard_input_is_read_as_a_file_is():
    capture = CASES / "approved-night" / "input.pcap"
    piped = run("flows", "-", "--format", "jsonl", stdin=capture.read_bytes())
    named = run("flows", capture, "--format", "jsonl")
    assert piped.returncode == named.returncode == 0
    ours = sorted(line.replace(b'"source":"-"', b"") for line in piped.stdout.splitlines())
    source = f'"source":"{capture}"'.encode()
    assert ours == sorted(line.replace(source, b"") for line in named.stdout.splitlines())


def test_the_policy_in_the_folder_is_no_input(tmp_path):
    folder = CASES / "approved-night"
    for name in ("input.pcap", "policy.toml"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    assert run("scan", tmp_path, "--policy", tmp_path / "policy.toml").returncode == 0
    named = run("scan", tmp_path / "input.pcap", tmp_path / "policy.toml", "--policy", tmp_path / "policy.toml")
    assert named.returncode == 3
    assert b"1 of 2 sources" in named.stderr
    assert b"policy.toml" in named.stderr


def test_several_formats_go_to_a_folder(tmp_path):
    folder = CASES / "small-and-sealed"
    formats = [word for name in FORMATS for word in ("--format", name)]
    args = (*formats, "-o", str(tmp_path / "out"))
    decisions = tmp_path / "decisions.csv"
    done = judged("small-and-sealed", *args, "--decisions", str(decisions))
    assert done.returncode == 1, folder
    written = {"report.txt", "report.html", "report.jsonl", "findings.csv", "destinations.csv", "report.md"}
    written |= {"report.ocsf.jsonl", "report.ecs.ndjson", "report.eve.json", "report.cef"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == written
    assert done.stdout.startswith(b"  Recorded by 1 source")
    assert decisions.stat().st_size


def test_a_file_that_cannot_be_written_is_a_usage_error(tmp_path):
    done = judged("small-and-sealed", "-o", str(tmp_path / "no" / "such" / "folder.txt"))
    assert done.returncode == 2
    assert b"cannot write" in done.stderr
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - names are enough


def test_what_the_whole_recording_leaves_open_is_3(tmp_path):
    folder, policy = CASES / "published-before-collected", tmp_path / "policy.toml"
    earlier = (folder / "policy.toml").read_text().replace("from = 2026-11-03T20:00:00", "from = 2026-11-03T19:00:00")
    policy.write_text(earlier)
    done = run("scan", folder / "input.pcap", "--policy", policy, "--fail-on", "critical")
    assert done.returncode == 3
    assert b"1 finding of the recording as a whole could not be told" in done.stderr
    assert run("scan", folder / "input.pcap", "--policy", policy).returncode == 1
