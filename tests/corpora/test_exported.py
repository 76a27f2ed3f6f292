"""Digests of bodies are those of the files that tshark takes out of captures nobody here made.

The floor stands in tests/floors.json under `exported_files`: the part of tshark's files that have their digest here. It
also writes files of which the end was never recorded, and reads framing that contradicts itself; those have none.
"""

import csv
import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowwatch import sources
from flowwatch.model import ReadOptions

ROOT = Path(__file__).parent.parent.parent
CORPORA = ROOT.parent / "shared" / "corpora"
FLOOR = json.loads((ROOT / "tests" / "floors.json").read_text())["exported_files"]
EVERY = 8
"""Of the captures with HTTP, so many are passed over for one that is read."""
ELSEWHERE = {"http-evader", "libtrace"}
"""Framing made to be read in many ways, and a link type of its own."""

pytestmark = [
    pytest.mark.skipif(not CORPORA.is_dir(), reason="the corpora are not beside this checkout"),
    pytest.mark.usefixtures("tshark"),
]


def test_files_have_the_digests_of_what_tshark_exports(tmp_path):
    wanted = found = 0
    for number, capture in enumerate(with_http()):
        if number % EVERY:
            continue
        there = exported(capture, tmp_path / str(number))
        wanted += len(there)
        found += len(there & digests(capture))
    assert wanted > 50
    assert found / wanted >= FLOOR


def with_http() -> Iterator[Path]:
    """Captures in which tshark sees HTTP, each content once."""
    seen = set()
    for row in csv.DictReader((CORPORA / "manifest.tsv").read_text().splitlines(), delimiter="\t"):
        truth = CORPORA / "truth" / f"{row['sha256']}.json"
        capture = CORPORA / "captures" / row["source"] / row["path"]
        if row["sha256"] in seen or not truth.exists() or ELSEWHERE & set(capture.parts):
            continue
        seen.add(row["sha256"])
        if json.loads(truth.read_text())["http"]:
            yield capture


def exported(capture: Path, folder: Path) -> set[str]:
    """The digests of the files that tshark takes out of a capture."""
    command = ["tshark", "-q", "-r", str(capture), "--export-objects", f"http,{folder}"]
    subprocess.run(command, capture_output=True, check=False, timeout=120)
    files = [file.read_bytes() for file in folder.iterdir()] if folder.is_dir() else []
    return {hashlib.sha256(file).hexdigest() for file in files if file}


def digests(capture: Path) -> set[str]:
    """Every digest that both directions of all its flows have."""
    flows = sources.collect([str(capture)], ReadOptions(digest=False, digests=True)).flows
    columns = (flows[f"{side}_payload_sha256"].to_pylist() for side in ("src", "dst"))
    return {digest for column in columns for row in column for digest in row or ()}
