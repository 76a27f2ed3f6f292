"""A site whose logs grow and rotate, with a policy and a configuration, for the tests of the check."""

import gzip
import json
import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

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
        """All move on by one; none is ever deleted, however seldom a check comes to its end."""
        rotated = [one for one in log.parent.iterdir() if one.name.startswith(f"{log.name}.")]
        for one in sorted(rotated, key=_number, reverse=True):
            ending = ".gz" if one.name.endswith(".gz") else ""
            one.rename(log.with_name(f"{log.name}.{_number(one) + 1}{ending}"))
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


def _number(rotated):
    return int(rotated.name.removesuffix(".gz").rpartition(".")[2])
