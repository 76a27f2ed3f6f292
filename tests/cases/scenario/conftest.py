"""The recorded scenario, its steps, and what is judged of each recording of it.

The recordings are developers' test data beside the repository and are not copied into it; without them, nothing is
tested.
"""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from flowwatch.audit import audit
from flowwatch.model import Decision, Report

HERE = Path(__file__).resolve().parent
SCENARIO = HERE.parents[2].parent / "shared" / "logs" / "scenario"
EVE = ("suricata-7.0.10-eve.json", "suricata-8.0.7-eve.json")
RECORDINGS = ("inside.pcap", *EVE)
IN_NAMES = "dns-tunnel"
"""The one step whose data is in no flow."""


@cache
def steps() -> dict[str, dict[str, Any]]:
    told = json.loads((SCENARIO / "truth.json").read_text()) if SCENARIO.is_dir() else []
    return {step["step"]: step for step in told}


@cache
def report_of(recording: str) -> Report:
    return audit([str(SCENARIO / recording)], HERE / "policy.toml")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test of a `step` is one of each step that is a flow; a test of a `recording` or of an `eve` log, of each."""
    if "step" in metafunc.fixturenames:
        metafunc.parametrize("step", [name for name in steps() if name != IN_NAMES])
    for name, values in (("recording", RECORDINGS), ("eve", EVE)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, values)


@pytest.fixture(autouse=True, scope="session")
def beside() -> None:
    """Skips where the recordings are not there."""
    if not SCENARIO.is_dir():
        pytest.skip("the recorded scenario is not beside the repository")


@pytest.fixture(scope="session")
def truth() -> Callable[[str], dict[str, Any]]:
    """What is written down of a step."""
    return lambda name: steps()[name]


@pytest.fixture(scope="session")
def report() -> Callable[[str], Report]:
    """What is judged of a recording."""
    return report_of


@pytest.fixture(scope="session")
def decided() -> Callable[[str, str], Decision]:
    """By recording and step: the one transmission the client sent to the step's address and port within its time."""

    def find(recording: str, name: str) -> Decision:
        step = steps()[name]
        begin, end = (step["start"] - 0.1) * 1e9, (step["end"] + 0.1) * 1e9
        found = [
            one
            for one in report_of(recording).decisions
            if one.transmission.receiver_ip == step["ip"]
            and one.transmission.proto == step["proto"]
            and (not step["port"] or one.transmission.receiver_port == step["port"])
            and begin <= one.transmission.start <= end
        ]
        assert len(found) == 1
        return found[0]

    return find
