"""Ended at any instant (SIGKILL) while logs grow and rotate, the checks judge every record once and tell every finding.

The check runs in a child process; what it would commit next, or an instant at random, ends it. The logs go on growing
and rotating meanwhile.
"""

import contextlib
import gzip
import json
import os
import random
import shutil
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from flowwatch.ops import scheduled
from flowwatch.ops.check import Wanted
from flowwatch.ops.config import load
from flowwatch.ops.state import FILE, State

POLICY = """
schema = "flowwatch.policy/1"
[policy]
id = "county"
version = "1"
[defaults]
dns_name_bytes = 100000000
[[zone]]
id = "office"
cidrs = ["192.0.2.0/24"]
[[server]]
id = "ingest"
role = "collection_primary"
match = { cidrs = ["198.51.100.10/32"] }
dedicated = true
[[channel]]
id = "up"
from = ["office"]
to = ["ingest"]
[[lookup]]
names = ["*.results.example"]
"""
CONFIG = """
schema = "flowwatch.config/1"
policy = "policy.toml"
state = "state"
storm = 1000000
settle = "0s"
[[source]]
id = "resolver"
paths = ["logs/query.log*", "old/query.log*"]
[[source]]
id = "flows"
paths = ["logs/eve.json*"]
[[output]]
format = "jsonl"
path = "alerts.jsonl"
"""


class Site:
    """Two logs that grow and rotate, and what was written to them."""

    def __init__(self, folder, seed):
        self.folder = folder
        self.chance = random.Random(seed)  # noqa: S311 - an order of events
        self.asked: list[str] = []
        self.sent: list[tuple[int, str]] = []
        for name in ("logs", "old"):
            (folder / name).mkdir()
        (folder / "policy.toml").write_text(POLICY)
        (folder / "flowwatch.toml").write_text(CONFIG)
        self._rotations = 0
        self.grow()

    def grow(self):
        """Appends lines to both logs, the last of them sometimes begun only."""
        with (self.folder / "logs/query.log").open("a") as log:
            for _ in range(self.chance.randint(0, 30)):
                log.write(self._question())
        with (self.folder / "logs/eve.json").open("a") as log:
            for _ in range(self.chance.randint(0, 10)):
                log.write(self._flow())

    def _question(self):
        number = len(self.asked)
        below = "stranger" if number % 10 == 0 else "results"
        self.asked.append(f"r{number}.{below}.example")
        now = time.time()
        stamp = time.strftime("%d-%b-%Y %H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}"
        name = self.asked[-1]
        return f"{stamp} client @0x7f 192.0.2.7#4000 ({name}): query: {name} IN A +E(0)K (192.0.2.53)\n"

    def _flow(self):
        port = 1024 + len(self.sent)
        receiver = "198.51.100.10" if port % 5 else f"203.0.113.{port % 7 + 1}"
        self.sent.append((port, receiver))
        now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + ".000000+0000"
        flow = {"pkts_toserver": 5, "pkts_toclient": 4, "bytes_toserver": 900, "bytes_toclient": 400, "start": now,
                "end": now, "age": 0, "state": "closed", "reason": "timeout", "alerted": False}  # fmt: skip
        event = {"timestamp": now, "flow_id": port, "event_type": "flow", "src_ip": "192.0.2.7", "src_port": port,
                 "dest_ip": receiver, "dest_port": 443, "proto": "TCP", "flow": flow}  # fmt: skip
        return json.dumps(event) + "\n"

    def rotate(self):
        """Rotates one of the logs in one of the ways of logrotate."""
        self._rotations += 1
        log = self.folder / self.chance.choice(["logs/query.log", "logs/eve.json"])
        ways: list[Callable[[Path], None]] = [self._rename, self._dated, self._copytruncate, self._compress]
        if log.name == "query.log":
            ways.append(self._olddir)
        self.chance.choice(ways)(log)

    def _rename(self, log):
        for number in range(30, 0, -1):
            for ending in ("", ".gz"):
                before = log.with_name(f"{log.name}.{number}{ending}")
                if before.exists():
                    before.rename(log.with_name(f"{log.name}.{number + 1}{ending}"))
        with contextlib.suppress(FileNotFoundError):
            log.rename(log.with_name(f"{log.name}.1"))
        log.touch()

    def _dated(self, log):
        log.rename(log.with_name(f"{log.name}-{time.time_ns()}"))
        log.touch()

    def _olddir(self, log):
        log.rename(self.folder / "old" / f"{log.name}-{time.time_ns()}")
        log.touch()

    def _copytruncate(self, log):
        shutil.copy2(log, log.with_name(f"{log.name}-{time.time_ns()}"))
        os.truncate(log, 0)

    def _compress(self, log):
        rotated = [one for one in log.parent.glob(f"{log.name}?*") if not one.name.endswith(".gz")]
        if rotated:
            one = self.chance.choice(rotated)
            packed = one.with_name(one.name + ".gz")
            with one.open("rb") as plain, gzip.open(packed, "wb") as file:
                shutil.copyfileobj(plain, file)
            shutil.copystat(one, packed)
            one.unlink()


def child(folder, before):
    """A check in a process of its own; `before` is called in it first."""
    pid = os.fork()
    if pid == 0:
        try:
            before()
            outcome = scheduled.run(load(folder / "flowwatch.toml"), Wanted())
            os._exit(outcome.exit(load(folder / "flowwatch.toml").config))
        except BaseException as error:  # noqa: BLE001 - told by the parent
            os.write(2, repr(error).encode()[:2000])
            os._exit(99)
    return pid


def ended(pid):
    """How the process ended: its exit code, or minus the signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed_at(count, *, after):
    """Ends the process before, or after, it commits for that many times."""

    def before():
        left = [count]
        execute = State.transaction

        @contextlib.contextmanager
        def transaction(self, *, keep=True):
            outer = not self.db.in_transaction
            with execute(self, keep=keep):
                yield
                left[0] -= outer
                if outer and left[0] == 0 and not after:
                    os.kill(os.getpid(), signal.SIGKILL)
            if outer and left[0] == 0 and after:
                os.kill(os.getpid(), signal.SIGKILL)

        State.transaction = transaction  # type: ignore[method-assign]

    return before


@pytest.fixture(scope="module", autouse=True)
def loaded(tmp_path_factory):
    """A check in this process, so that children need not load what it needs."""
    site = Site(tmp_path_factory.mktemp("before"), 0)
    scheduled.run(load(site.folder / "flowwatch.toml"), Wanted())


def nothing():
    """No fault."""


def whole(site):
    """Checks until one has read all."""
    for _ in range(3):
        assert ended(child(site.folder, nothing)) in (0, 1)


def stands(site):
    """Every record judged once, every finding told, none invented."""
    db = sqlite3.connect(site.folder / "state" / FILE)
    try:
        asked = [name for (name,) in db.execute("SELECT qname FROM lookups WHERE verdict <> ''")]
        assert Counter(asked) == Counter(site.asked)
        assert db.execute("SELECT count(*) FROM flows WHERE judged = 1").fetchone()[0] == len(site.sent)
        assert db.execute("SELECT count(*) FROM decisions WHERE side = 'src'").fetchone()[0] == len(site.sent)
        tallied = dict(db.execute("SELECT what, sum(count) FROM tallies GROUP BY what"))
        assert tallied["lookup"] == len(site.asked)
        counts = {
            (found.get("asked") or found["receiver"]["address"]): found["count"]
            for (body,) in db.execute("SELECT body FROM findings")
            for found in [json.loads(body)]
        }
    finally:
        db.close()
    expected = Counter(name for name in site.asked if "stranger" in name)
    expected.update(receiver for _, receiver in site.sent if receiver.startswith("203."))
    assert {name: count for name, count in counts.items() if count} == expected
    told = [json.loads(line) for line in (site.folder / "alerts.jsonl").read_text().splitlines()]
    new = {_about(one) for one in told if one.get("life") == "new"}
    assert new == set(expected)
    ids = Counter(one["delivery"] for one in told)
    assert all(len({_about(one) for one in told if one["delivery"] == delivery}) == 1 for delivery in ids)


def _about(alert):
    found = alert["finding"]
    return found.get("asked") or found["receiver"]["address"]


@pytest.mark.parametrize("seed", range(2))
def test_ended_at_every_commit(seed, tmp_path):
    site = Site(tmp_path, seed)
    for after in (False, True):
        for count in range(1, 40):
            site.grow()
            pid = child(tmp_path, killed_at(count, after=after))
            if ended(pid) != -signal.SIGKILL:
                break
            site.rotate()
    whole(site)
    stands(site)


@pytest.mark.parametrize("seed", range(2))
def test_ended_at_random(seed, tmp_path):
    site = Site(tmp_path, seed + 100)
    kills = 0
    for _ in range(60):
        pid = child(tmp_path, nothing)
        until = time.monotonic() + site.chance.random() * 0.15
        while time.monotonic() < until:
            site.grow()
            if site.chance.random() < 0.1:
                site.rotate()
            time.sleep(0.005)
        os.kill(pid, signal.SIGKILL)
        kills += ended(pid) == -signal.SIGKILL
    assert kills > 10
    whole(site)
    stands(site)
