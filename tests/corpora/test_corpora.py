"""Captures nobody here made: nothing crashes, every record is accounted for, and accuracy only rises.

Floors stand in tests/floors.json. What is missed against tshark's answers lies in compressed and ERF files, link types
and tunnels that are not opened yet, QUIC, and datagrams whose first fragment was never recorded; every one of those is
counted in Coverage and makes the run incomplete where it hides traffic.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from flowwatch import sources
from flowwatch.audit import audit
from flowwatch.model import ReadOptions

ROOT = Path(__file__).parent.parent.parent
CORPORA = ROOT.parent / "shared" / "corpora"
FLOORS = json.loads((ROOT / "tests" / "floors.json").read_text())

pytestmark = pytest.mark.skipif(not CORPORA.is_dir(), reason="the corpora are not beside this checkout")


@pytest.fixture(scope="module")
def captures() -> list[str]:
    return sorted(str(path) for path in (CORPORA / "captures").rglob("*") if path.is_file())


def test_every_record_of_every_capture_is_accounted_for(captures):
    for path in captures:
        read = sources.collect([path], ReadOptions(digest=False))
        [coverage] = read.coverage
        assert coverage.records == coverage.used + sum(coverage.skipped.values()), path
        assert (read.flows.num_rows, read.lookups.num_rows) == (coverage.flows, coverage.lookups), path
        assert coverage.incomplete or coverage.used, path


def test_every_capture_is_judged_without_a_policy(captures):
    for path in captures[::4]:
        report = audit([path], options=ReadOptions(digest=False))
        assert not report.findings, path
        assert all(verdict in ("indeterminate", "out_of_scope") or not tally.count
                   for verdict, tally in report.verdicts.items()), path  # fmt: skip


def test_accuracy_does_not_fall(tmp_path):
    out = tmp_path / "out.json"
    program = str(Path(sys.executable).with_name("flowwatch"))
    command = [sys.executable, str(CORPORA / "compare.py"), "--flowwatch", program, "--json", str(out)]
    subprocess.run(command, capture_output=True, check=False)
    found = json.loads(out.read_text())
    assert len(found["failures"]) <= FLOORS["failed_runs"]
    for measure, tally in found["tally"].items():
        for side in ("recall", "precision"):
            assert tally[side] >= FLOORS[measure][side], (measure, side, tally[side])
