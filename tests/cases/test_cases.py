"""Every folder of `captures/` is a case: its inputs under its policy give exactly what its `expect.toml` says.

A new case needs no code here: `make.py`, the input it makes (`input*`), `policy.toml`, `expect.toml`, `README.md`.
What an earlier run had read, whose report is the history of this one, is `earlier*`.
"""

import importlib.util
import ipaddress
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from flowwatch.audit import audit
from flowwatch.model import Decision, Finding, History, LookupDecision, Report, Verdict
from flowwatch.policy import load
from flowwatch.trial import run_tests

ROOT = Path(__file__).resolve().parents[2]
CASES = sorted(path.parent for path in (ROOT / "captures").glob("*/expect.toml"))
KEYS = {
    "run",
    "folder",
    "exit",
    "says",
    "verdicts",
    "lookups",
    "claims",
    "transmission",
    "lookup",
    "finding",
    "coverage",
}
ACCUSING = re.compile(r"\b(attack|leak|breach|fraud|suspicious|malicious|rogue)", re.IGNORECASE)
BLOCKS = [ipaddress.ip_network(one) for one in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")]

pytestmark = pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)


@cache
def expected(case: Path) -> dict[str, Any]:
    table = tomllib.loads((case / "expect.toml").read_text())
    assert set(table) <= KEYS, "a key nobody reads is an expectation nobody checks"
    return table


def folder(case: Path) -> Path:
    return (case / str(expected(case).get("folder", "."))).resolve()


def inputs(case: Path) -> list[Path]:
    return sorted(folder(case).glob("input*"))


def earlier(case: Path) -> list[Path]:
    return sorted(folder(case).glob("earlier*"))


@cache
def report(case: Path) -> Report:
    rules = folder(case) / "policy.toml"
    before = History(audit([str(path) for path in earlier(case)], rules).seen) if earlier(case) else None
    return audit([str(path) for path in inputs(case)], rules, history=before)


def judged(case: Path) -> list[Decision]:
    return [one for one in report(case).decisions if one.verdict is not Verdict.OUT_OF_SCOPE]


def facts(one: Decision) -> dict[str, Any]:
    """What an expectation may say of a transmission; the port is the one connected to, whoever sends."""
    sent = one.transmission
    return {
        "sender": sent.sender_ip,
        "zone": one.sender_zone,
        "receiver": sent.receiver_ip,
        "port": sent.service_port,
        "proto": sent.proto,
        "opened_by": str(sent.opened_by),
        "verdict": str(one.verdict),
        "severity": str(one.severity),
        "reasons": [str(reason) for reason in one.reasons],
        "notes": [str(note) for note in one.notes],
        "labels": sorted(label.name for label in one.labels),
        "server": one.server,
        "via": one.via,
        "asked": one.asked,
        "rule": one.rule and one.rule.id,
        "attempted": sent.attempted,
        "sent": sent.sent.exact,
        "sent_least": sent.sent.least,
        "acked": "not recorded" if sent.acked is None else sent.acked,
        "names": sorted({name.name for name in sent.names}),
        "evidence": [f"{name.evidence} {name.name}" for name in sent.names],
        "located": list(one.place.countries) if one.place else [],
        "confidence": one.place and str(one.place.confidence),
        "registered": [fact.value for fact in one.place.registered] if one.place else [],
        "operated": [fact.value for fact in one.place.asn] if one.place else [],
    }


def of_lookup(one: LookupDecision) -> dict[str, Any]:
    return {
        "client": one.lookup.client_ip,
        "name": one.lookup.qname,
        "verdict": str(one.verdict),
        "severity": str(one.severity),
        "reasons": [str(reason) for reason in one.reasons],
        "server": one.server,
    }


def of_finding(one: Finding) -> dict[str, Any]:
    return {
        "kind": str(one.kind),
        "verdict": str(one.verdict),
        "severity": str(one.severity),
        "count": one.count,
        "attempts": one.attempts,
        "bytes_sent": one.bytes_sent,
        "receiver": one.receiver and one.receiver.address,
        "asked": one.asked,
        "senders": list(one.senders),
    }


def holds(entry: dict[str, Any], fact: dict[str, Any]) -> bool:
    return all(fact[key] == value for key, value in entry.items() if key != "times")


def each_is_told_once(entries: list[dict[str, Any]], found: Iterable[dict[str, Any]]) -> None:
    """Every fact answers to exactly one entry, and every entry to as many facts as its `times` (1) says."""
    met = [0] * len(entries)
    for fact in found:
        matching = [number for number, entry in enumerate(entries) if holds(entry, fact)]
        assert len(matching) == 1, f"{len(matching)} entries of expect.toml tell of {fact}"
        met[matching[0]] += 1
    for entry, count in zip(entries, met, strict=True):
        assert count == entry.get("times", 1), f"{count} times seen: {entry}"


def test_the_verdicts_are_counted_as_expected(case: Path) -> None:
    counted = {str(verdict): tally.count for verdict, tally in report(case).verdicts.items() if tally.count}
    assert counted == expected(case).get("verdicts", {})


def test_the_lookups_are_counted_as_expected(case: Path) -> None:
    counted = {str(verdict): count for verdict, count in report(case).lookup_verdicts.items() if count}
    assert counted == expected(case).get("lookups", {})


def test_the_claims_are_answered_as_expected(case: Path) -> None:
    answers = {one.rule.id: str(one.outcome) for one in report(case).claims}
    assert answers == expected(case).get("claims", {})


def test_every_judged_transmission_is_told_of_once(case: Path) -> None:
    each_is_told_once(expected(case).get("transmission", []), map(facts, judged(case)))


def test_every_lookup_not_approved_is_told_of_once(case: Path) -> None:
    unapproved = [one for one in report(case).lookups if one.verdict not in (Verdict.APPROVED, Verdict.OUT_OF_SCOPE)]
    each_is_told_once(expected(case).get("lookup", []), map(of_lookup, unapproved))


def test_every_finding_is_told_of_once(case: Path) -> None:
    each_is_told_once(expected(case).get("finding", []), map(of_finding, report(case).findings))


def test_the_coverage_is_as_expected(case: Path) -> None:
    assert [one.source for one in report(case).coverage if one.incomplete] == []
    assert all(one.records == one.used + sum(one.skipped.values()) for one in report(case).coverage if one.link_types)
    for key, count in expected(case).get("coverage", {}).items():
        assert sum(getattr(one, key) for one in report(case).coverage) == count, key


@pytest.fixture
def scan(case: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The program itself, as a person runs it in the case's folder, after the earlier run where there was one."""

    def run(*arguments: str, paths: Iterable[Path] = ()) -> subprocess.CompletedProcess[str]:
        named = [path.name for path in paths or inputs(case)]
        command = [sys.executable, "-m", "flowwatch", "scan", *named, "--policy", "policy.toml", *arguments]
        environment = os.environ | {"NO_COLOR": "1", "COLUMNS": "160", "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            command, cwd=folder(case), env=environment, capture_output=True, text=True, check=False, timeout=120
        )

    if not earlier(case):
        return run
    before = str(tmp_path / "earlier.jsonl")
    assert run("--format", "jsonl", "-o", before, paths=earlier(case)).returncode == 0
    return partial(run, "--history", before)


def test_the_command_line_ends_as_expected(case: Path, scan: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    ended = scan()
    assert "Traceback" not in ended.stderr
    assert ended.returncode == expected(case)["exit"], ended.stdout + ended.stderr
    shown = " ".join(ended.stdout.split() + ended.stderr.split())
    assert [words for words in expected(case).get("says", []) if words not in shown] == []
    for other in expected(case).get("run", []):
        assert scan(*other["arguments"]).returncode == other["exit"], other


@cache
def maker(case: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"make_{case.name.replace('-', '_')}", case / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = before
    return module


def test_made_again_it_is_the_same_to_the_byte(case: Path, tmp_path: Path) -> None:
    maker(case).make(tmp_path)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    kept = {path: (folder(case) / path).read_bytes() for path in made}
    assert made == kept
    assert made


def test_it_says_in_words_what_happened(case: Path) -> None:
    told = (case / "README.md").read_text()
    for heading in ("## What happened", "## What flowwatch must say", "## What it cannot say"):
        assert heading in told


def test_its_words_accuse_nobody(case: Path) -> None:
    files = [case / "README.md", case / "expect.toml", folder(case) / "policy.toml", folder(case) / "README.md"]
    assert [file.name for file in files if ACCUSING.search(file.read_text())] == []


def walk(value: object, key: str = "") -> Iterable[tuple[str, object]]:
    """Every plain value of a TOML table with the key it stands under."""
    if isinstance(value, dict):
        for inner, part in value.items():
            yield from walk(part, inner)
    elif isinstance(value, list):
        for part in value:
            yield from walk(part, key)
    else:
        yield key, value


def reserved(key: str, value: object) -> bool:
    match key:
        case "cidr" | "cidrs" | "src" | "dst":
            network = ipaddress.ip_network(str(value))
            return any(network.version == block.version and network.subnet_of(block) for block in BLOCKS)  # type: ignore[arg-type]
        case "asn" | "asns":
            return 64_496 <= int(str(value)) <= 64_511 or 65_536 <= int(str(value)) <= 65_551
        case "country" | "countries" | "registered":
            return re.fullmatch("X[A-Z]", str(value)) is not None
        case "names" | "aliases" | "sni" | "http_host":
            return str(value).endswith((".example", ".test"))
        case _:
            return True


def test_its_policy_names_reserved_things_only(case: Path) -> None:
    policy = tomllib.loads((folder(case) / "policy.toml").read_text())
    assert [(key, value) for key, value in walk(policy) if not reserved(key, value)] == []


def test_its_policy_means_what_its_own_tests_say(case: Path) -> None:
    assert [one.name for one in run_tests(load(folder(case) / "policy.toml")) if not one.passed] == []
