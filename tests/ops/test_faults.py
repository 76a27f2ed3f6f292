"""Ended at any instant (SIGKILL) while logs grow and rotate, the checks judge every record once and tell every finding.

The check runs in a child process; what it would commit next, or an instant at random, ends it. The logs go on growing
and rotating meanwhile.
"""

import contextlib
import json
import os
import signal
import sqlite3
import time
from collections import Counter

import pytest

from flowwatch.ops import scheduled
from flowwatch.ops.check import Wanted
from flowwatch.ops.config import load
from flowwatch.ops.state import FILE, State
from tests.ops.site import Site

KILLS = int(os.environ.get("KILLS", "40"))
"""How often the test at random ends a check; 250 for the longer run, which has two sites."""
SEEDS = 2 if KILLS > 100 else 1


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


@pytest.mark.parametrize("seed", range(SEEDS))
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


@pytest.mark.parametrize("seed", range(SEEDS))
def test_ended_at_random(seed, tmp_path):
    site = Site(tmp_path, seed + 100)
    kills = 0
    for _ in range(KILLS):
        pid = child(tmp_path, nothing)
        until = time.monotonic() + site.chance.random() * 0.15
        while time.monotonic() < until:
            site.grow()
            if site.chance.random() < 0.1:
                site.rotate()
            time.sleep(0.005)
        os.kill(pid, signal.SIGKILL)
        kills += ended(pid) == -signal.SIGKILL
    assert kills > KILLS // 6
    whole(site)
    stands(site)
