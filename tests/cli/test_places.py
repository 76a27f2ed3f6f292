"""`flowwatch places`: three facts about an address, and which data says so."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
POLICY = ROOT / "flowwatch" / "demo" / "policy.toml"


def places(*args: str | Path) -> str:
    command = [sys.executable, "-m", "flowwatch", "places", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout


def test_located_registered_and_operated_stay_apart():
    told = places("lookup", "203.0.113.10", "--policy", POLICY).splitlines()
    facts = {line[:12].strip(): line[14:] for line in told if line.startswith("  ")}
    assert facts["located"].startswith("XA")
    assert facts["registered"].startswith("XB")
    assert facts["operated"].startswith("AS64510")
    assert facts["confidence"].startswith("stated")


def test_without_data_a_place_is_indeterminate_and_a_wrapped_address_is_said():
    told = places("lookup", "::ffff:8.8.8.8", "10.0.0.1", "--policy", POLICY)
    assert "looked up   8.8.8.8" in told
    assert "confidence  indeterminate" in told
    assert "confidence  not_applicable" in told


def test_info_says_that_there_is_no_data():
    assert places("info").startswith("No location data")
