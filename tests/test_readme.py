"""README and the program are the same picture: its help, its map, its commands."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS: list[str] = re.findall(r"```console\n(.*?)```", README, re.DOTALL)


def block(command: str) -> str:
    """The output README shows for a command."""
    [found] = [text for text in BLOCKS if text.startswith(f"$ {command}")]
    return found.replace("\\\n", "")


def run(line: str) -> str:
    words = shlex.split(line.removeprefix("$ "))
    environment = {**os.environ, "COLUMNS": "80", "TERM": "dumb"}
    done = subprocess.run(
        [sys.executable, "-m", *words] if words[0] == "flowwatch" else words,
        capture_output=True, text=True, cwd=ROOT, env=environment, check=False,
    )  # fmt: skip
    return done.stdout


@pytest.mark.parametrize("command", ["flowwatch --help", "flowwatch places lookup", "flowwatch policy explain"])
def test_output_shown_is_the_output(command):
    line, _, shown = block(command).partition("\n")
    assert run(line).rstrip() == shown.rstrip()


def test_the_demo_screen_is_cut_but_not_changed(tmp_path):
    _, _, shown = block("flowwatch demo").partition("\n")
    printed = run(f"flowwatch demo -o {tmp_path}").replace(str(tmp_path), "demo-report").splitlines()
    position = 0
    for line in shown.rstrip().splitlines():
        if line.strip() == "...":
            continue
        assert line in printed[position:], line
        position = printed.index(line, position) + 1


def test_the_map_is_the_tree():
    [house] = re.findall(r"## The house\n\n```\n(.*?)```", README, re.DOTALL)
    inside = {words[0].rstrip("/") for line in house.splitlines() if line.startswith("  ") and (words := line.split())}
    rooms = {
        path.stem if path.is_dir() else path.name
        for path in (ROOT / "flowwatch").iterdir()
        if path.name not in {"__init__.py", "__main__.py", "__pycache__", "py.typed"} and "_native" not in path.name
    }
    assert inside == rooms
    outside = {line.split()[0].rstrip("/") for line in house.splitlines() if not line.startswith("  ")} - {"flowwatch"}
    assert all((ROOT / name).is_dir() for name in outside)


def test_the_python_example_runs(monkeypatch):
    [example] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)  # noqa: S102 - our own text
    assert "report" in names
