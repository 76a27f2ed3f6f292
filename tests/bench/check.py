"""What the scheduled check costs: `make bench-check`.

`OLD` lines that were read before and `NEW` new ones, beside as many new ones alone, as whole processes; then `CHECKS`
checks in one process, five minutes of the log apart, each with `NEW` / 10 lines and answers, and what memory and state
come to on the way. Prints; asserts nothing.
"""

import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from flowwatch.ops import scheduled
from flowwatch.ops.check import Wanted
from flowwatch.ops.config import load
from flowwatch.ops.state import FILE
from tests.bench.bench import RUNS, measured
from tests.ops.site import POLICY

OLD = int(os.environ.get("OLD", "10000000"))
NEW = int(os.environ.get("NEW", "1000"))
CHECKS = int(os.environ.get("CHECKS", "1000"))
_PROGRAM = str(Path(sys.executable).with_name("flowwatch"))
_STEP = 300
_CONFIG = """
schema = "flowwatch.config/1"
policy = "policy.toml"
state = "state"
[[source]]
id = "resolver"
paths = ["query.log*"]
[[output]]
path = "alerts.jsonl"
"""


def questions(count: int, at: float, step: float) -> Iterator[str]:
    """So many lines of BIND's query log from then on."""
    for number in range(count):
        time_ = at + number * step
        stamp = time.strftime("%d-%b-%Y %H:%M:%S", time.gmtime(time_)) + f".{int(time_ % 1 * 1000):03d}"
        name = f"r{number % 5000}.results.example" if number % 997 else f"s{number % 7}.stranger.example"
        yield f"{stamp} client @0x7f 192.0.2.{number % 200 + 1}#4000 ({name}): query: {name} IN A + (192.0.2.53)\n"


def answers(count: int, at: float, step: float) -> Iterator[str]:
    """So many answers of dnsmasq from then on, each to its question."""
    for number in range(count):
        stamp = time.strftime("%b %e %H:%M:%S", time.gmtime(at + number * step))
        name, client = f"r{number % 5000}.results.example", f"192.0.2.{number % 200 + 1}"
        yield f"{stamp} dnsmasq[1]: query[A] {name} from {client}\n"
        yield f"{stamp} dnsmasq[1]: reply {name} is 198.51.100.{number % 200 + 1}\n"


def site(folder: Path) -> Path:
    """A folder to check in."""
    (folder / "policy.toml").write_text(POLICY)
    (folder / "flowwatch.toml").write_text(_CONFIG)
    return folder


def append(folder: Path, lines: Iterator[str]) -> None:
    """Writes lines to the end of the log."""
    with (folder / "query.log").open("a") as log:
        log.writelines(lines)


def new_beside_old(folder: Path) -> None:
    """Seconds of a check with new lines behind many old ones, beside one of the new ones alone."""
    now = time.time()
    beside, alone = folder / "beside", folder / "alone"
    for one in (beside, alone):
        one.mkdir()
        site(one)
    append(beside, questions(OLD, now - 172_800, 170_000 / max(OLD, 1)))
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 2000))
    check = [_PROGRAM, "check", "--config"]
    first = measured([*check, str(beside / "flowwatch.toml"), "--since", since])
    print(f"reading past {OLD:,} old lines: {first.seconds:.2f} s, {first.memory:.0f} MB")
    for name, place in (("alone", alone), (f"behind {OLD:,}", beside)) * RUNS:
        append(place, questions(NEW, time.time(), 0.001))
        done = measured([*check, str(place / "flowwatch.toml")])
        print(f"{NEW:,} new lines {name}: {done.seconds:.2f} s, {done.memory:.0f} MB")
    idle = measured([*check, str(beside / "flowwatch.toml")])
    print(f"nothing new: {idle.seconds:.2f} s, {idle.memory:.0f} MB")


def many_checks(folder: Path) -> None:
    """Memory and state over many checks."""
    begun = time.time() - CHECKS * _STEP
    loaded = load(site(folder) / "flowwatch.toml")
    chance = random.Random(1)  # noqa: S311 - an order
    for number in range(1, CHECKS + 1):
        now = begun + number * _STEP
        append(folder, answers(NEW // 10, now - _STEP, _STEP * 10 / NEW))
        if chance.random() < 0.02:
            (folder / "query.log").rename(folder / f"query.log-{number:05d}")
            (folder / "query.log").touch()
        os.utime(folder / "query.log", (now, now))
        scheduled.run(loaded, Wanted(), partial(int, now * 1e9))
        if number % max(CHECKS // 10, 1) == 0:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            state = (folder / "state" / FILE).stat().st_size / 1e6
            print(f"after {number:,} checks: peak {peak:.0f} MB, state {state:.1f} MB")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        new_beside_old(Path(one))
        many_checks(Path(other))
