"""`flowwatch systemd print`: the units on the screen and in a folder."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = """
schema = "flowwatch.config/1"
policy = "policy/"
state = "/var/lib/flowwatch"
[[source]]
id = "resolver"
paths = ["/var/log/named/query.log*"]
[[notify]]
type = "smtp"
to = "soc@county.example"
"""


@pytest.fixture
def config(tmp_path) -> Path:
    path: Path = tmp_path / "flowwatch.toml"
    path.write_text(CONFIG)
    return path


def systemd_print(*args: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flowwatch", "systemd", "print", "--bin", "/opt/flowwatch/bin/flowwatch", *args]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def test_every_unit_is_printed_under_its_name(config):
    done = systemd_print("--config", config, "--on-calendar", "hourly")
    assert done.returncode == 0
    names = [line[2:] for line in done.stdout.splitlines() if line.startswith("# flowwatch-")]
    assert names == [f"flowwatch-{one}" for one in ("check.service", "check.timer", "failed.service")] + [
        "flowwatch-notify.service",
        "flowwatch-notify.timer",
    ]
    assert "OnCalendar=hourly\n" in done.stdout
    assert f"ExecStart=/opt/flowwatch/bin/flowwatch check --config {config}\n" in done.stdout


def test_in_a_folder_each_is_a_file_and_what_is_next_is_said(config, tmp_path):
    done = systemd_print("--config", config, "-o", tmp_path / "units")
    written = sorted((tmp_path / "units").iterdir())
    assert done.stdout.splitlines()[:-1] == [str(path) for path in written]
    assert done.stdout.splitlines()[-1].endswith("enable --now flowwatch-check.timer flowwatch-notify.timer")
    assert all(path.read_text().startswith("# Made by `flowwatch systemd print`") for path in written)


@pytest.mark.parametrize("wrong", [["--on-calendar", "%n"], ["-o", "/dev/null/x"], ["--config", "/nowhere.toml"]])
def test_what_cannot_be_is_one_clear_line(config, wrong):
    done = systemd_print("--config", config, *wrong)
    assert done.returncode == 2
    assert done.stderr.startswith("flowwatch: error: ")
    assert done.stderr.count("\n") == 1
