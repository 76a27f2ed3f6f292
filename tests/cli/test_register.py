"""`flowwatch policy uses` and `policy exceptions`: tables and lines, with and without a state."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from flowwatch.model import Rule, Use
from flowwatch.ops import uses
from flowwatch.ops.state import State

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "rules" / "example.policy.toml"
ENTRIES = 27
JUDGED = 1_856_822_400 * 10**9
"""2028-11-03T00:00:00Z."""


def policy(*args: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flowwatch", "policy", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.fixture
def state(tmp_path):
    with State.open(tmp_path / "state", alone=True) as kept, kept.transaction():
        used = [Use(Rule(*key, "county-results", "1"), 1, last) for key, last in USED.items()]
        uses.keep(kept, used, JUDGED)
    return tmp_path / "state"


USED = {("channel", "dns"): JUDGED, ("exception", "EX-2028-031"): JUDGED - 2 * 86_400 * 10**9}


def test_every_entry_is_told_with_its_last_use_those_unused_first(state):
    done = policy("uses", EXAMPLE, "--state", state, "--at", "2028-11-05T12:00:00Z", "--format", "jsonl")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == ENTRIES
    assert rows[-1] == {"kind": "channel", "id": "dns", "last_used": "2028-11-03T00:00:00Z", "days": 2}
    assert not any("last_used" in row for row in rows[:-2])
    assert (
        done.stderr
        == f"{ENTRIES} entries, {ENTRIES - 2} never used; uses are kept since the check of 2028-11-03T00:00:00Z\n"
    )
    table = policy("uses", EXAMPLE, "--state", state).stdout.splitlines()
    assert (len(table), table[0].split()) == (ENTRIES + 1, ["kind", "id", "last_used", "days"])


def test_without_a_state_there_is_nothing_to_tell_of_use_and_none_is_made(tmp_path):
    for command in ("uses", "exceptions"):
        done = policy(command, EXAMPLE, "--state", tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert "there is no state in" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_exception_is_told_with_who_stands_for_it_and_its_days(state):
    args = ("exceptions", EXAMPLE, "--at", "2028-11-03T00:00:00Z")
    [row] = [json.loads(line) for line in policy(*args, "--state", state, "--format", "jsonl").stdout.splitlines()]
    assert row == {
        "id": "EX-2028-031",
        "standing": "expired",
        "from": "2028-10-28T04:00:00Z",
        "until": "2028-11-02T04:00:00Z",
        "age_days": 5,
        "left_days": 0,
        "lasts_days": 5,
        "too_long": False,
        "last_used": "2028-11-01T00:00:00Z",
        "owner": "County IT Security",
        "approved_by": "Security officer",
        "ticket": "CHG-48213",
        "reason": "Vendor support upload of diagnostic logs",
        "version": "2028.11.1",
    }
    done = policy(*args)
    assert done.stdout.splitlines()[1].startswith("EX-2028-031  expired   2028-11-02T04:00:00Z")
    assert done.stderr == "1 exception, 1 expired, 0 longer than `exception_max_days`\n"


def test_a_policy_without_exceptions_says_so(tmp_path):
    text = EXAMPLE.read_text()
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "sites.txt").write_text("192.0.2.17\n")
    (tmp_path / "lists" / "published.sha256").write_text("")
    begin, end = text.index("[[exception]]"), text.index("# --- One's own facts")
    (tmp_path / "p.toml").write_text(text[:begin] + text[end:])
    done = policy("exceptions", tmp_path / "p.toml")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "0 exceptions, 0 expired, 0 longer than `exception_max_days`\n"
