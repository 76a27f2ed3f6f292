"""What judging a great night costs: `make bench-judge`.

`FLOWS` flows of 5,000 clients against 500 servers, 200 channels with their times, 50 exceptions and `LOOKUPS` lookups,
judged as a whole process: from both tables to verdicts, findings and destinations. Prints; asserts nothing.
"""

import gc
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flowwatch.model import FLOWS, LOOKUPS, Coverage, Verdict
from tests.bench.bench import measured

COUNT = int(os.environ.get("FLOWS", "10000000"))
ASKED = int(os.environ.get("LOOKUPS", "100000"))
NIGHT = 1_793_923_200 * 10**9
"""2026-11-06, midnight UTC."""
_HOURS = 8
_CHUNK = 1_000_000
_APART = 2_800_000
"""Nanoseconds from one flow to the next, on average."""
_ZONES, _CLIENTS, _SERVERS, _CHANNELS, _EXCEPTIONS = 40, 125, 500, 200, 50


def policy() -> str:
    """The policy: zones of 125 clients, servers by address and name, every channel from one zone to some servers."""
    head = """
schema = "flowwatch.policy/1"
[policy]
id = "great-night"
version = "1"
[[server]]
id = "resolver"
role = "resolver"
match = { cidrs = ["198.51.100.53/32"] }
[[classifier]]
id = "bulk"
label = "bulk"
any = [{ bytes_out_min = 1_000_000 }]
[[classifier]]
id = "upload"
label = "results"
any = [{ http_path = "/upload" }]
"""
    zones = [f'[[zone]]\nid = "z{one}"\ncidrs = ["10.{one}.0.0/16"]' for one in range(_ZONES)]
    servers = [
        f'[[server]]\nid = "s{one}"\nmatch = {{ cidrs = ["{_address(one)}/32"], names = ["s{one}.results.example"] }}'
        for one in range(_SERVERS)
    ]
    channels = [
        f"""[[channel]]
id = "c{one}"
from = ["z{one % _ZONES}"]
to = [{", ".join(f'"s{(one * 5 + at) % _SERVERS}"' for at in range(5))}]
service = {{ proto = "tcp", ports = [443, 8443] }}
carries = ["bulk", "results"]
when = [{{ from = 2026-11-05T2{one % 4}:00:00Z, until = 2026-11-06T08:00:00Z }}]"""
        for one in range(_CHANNELS)
    ]
    exceptions = [
        f"""[[exception]]
id = "e{one}"
applies = {{ zone = "z{one % _ZONES}", to = {{ cidrs = ["203.0.113.{one}/32"] }} }}
carries = ["bulk"]
reason = "support"
from = 2026-11-01T00:00:00Z
until = 2026-11-06T04:00:00Z"""
        for one in range(_EXCEPTIONS)
    ]
    resolving = (
        '[[channel]]\nid = "dns"\nfrom = [' + ", ".join(f'"z{one}"' for one in range(_ZONES)) + ']\nto = ["resolver"]'
    )
    return "\n".join([head, *zones, *servers, *channels, *exceptions, resolving]) + "\n"


def _address(server: int) -> str:
    return f"198.18.{server // 250}.{server % 250 + 1}"


def flows(count: int, seed: int) -> pa.RecordBatch:
    """Flows in order of record: 996 of 1,000 go where they may, the others to other zones' servers or to strangers."""
    chance = np.random.default_rng(seed)
    zone, client = chance.integers(0, _ZONES, count), chance.integers(1, _CLIENTS + 1, count)
    channel = zone + _ZONES * chance.integers(0, _CHANNELS // _ZONES, count)
    server = (channel * 5 + chance.integers(0, 5, count)) % _SERVERS
    kind = chance.random(count)
    stray, stranger, asking = kind < 0.002, (kind >= 0.002) & (kind < 0.004), kind > 0.9
    server = np.where(stray, chance.integers(0, _SERVERS, count), server)
    start = NIGHT + seed * _CHUNK * _APART + np.sort(chance.integers(0, _CHUNK * _APART, count))
    sealed = ~asking & (kind < 0.7)
    names = pa.array([f"s{one}.results.example" for one in range(_SERVERS)])
    addresses = [
        *(_address(one) for one in range(_SERVERS)),
        *(f"203.0.113.{one}" for one in range(100)),
        "198.51.100.53",
    ]
    where = np.where(asking, 600, np.where(stranger, 500 + chance.integers(0, 100, count), server))
    clients = [f"10.{one}.0.{at}" for one in range(_ZONES) for at in range(1, _CLIENTS + 1)]
    sent, answered = chance.integers(200, 20_000, count), chance.integers(100, 3_000, count)
    sent = np.where(kind > 0.995, sent * 200, sent)
    named = names.take(pa.array(np.minimum(where, _SERVERS - 1)))
    held = {
        "source": _words(["night.pcap"], np.zeros(count, np.int32)),
        "first_record": pa.array(np.arange(count, dtype=np.uint64) * 10 + seed * _CHUNK * 10),
        "last_record": pa.array(np.arange(count, dtype=np.uint64) * 10 + 9 + seed * _CHUNK * 10),
        "start": pa.array(start).cast(FLOWS.field("start").type),
        "end": pa.array(start + chance.integers(10**6, 10**9, count)).cast(FLOWS.field("end").type),
        "proto": _plain(["tcp", "udp"], asking),
        "src_ip": _words(clients, zone * _CLIENTS + client - 1),
        "dst_ip": _words(addresses, where),
        "src_port": pa.array(chance.integers(32768, 61000, count).astype(np.uint16)),
        "dst_port": pa.array(np.where(asking, 53, np.where(kind < 0.4, 8443, 443)).astype(np.uint16)),
        "direction_basis": _plain(["handshake", "port"], asking),
        "src_packets": pa.array((sent // 1200 + 3).astype(np.uint64)),
        "dst_packets": pa.array((answered // 1200 + 3).astype(np.uint64)),
        "src_bytes": pa.array((sent + 500).astype(np.uint64)),
        "dst_bytes": pa.array((answered + 500).astype(np.uint64)),
        "bytes_scope": _plain(["ip"], np.zeros(count, np.int32)),
        "src_payload": pa.array(sent.astype(np.uint64)),
        "dst_payload": pa.array(answered.astype(np.uint64)),
        "src_acked": pa.array(sent.astype(np.uint64), mask=asking),
        "dst_acked": pa.array(answered.astype(np.uint64), mask=asking),
        "state": _plain(["SF"], np.zeros(count, np.int32)),
        "app": _plain(["tls", "http", "dns"], np.where(asking, 2, ~sealed)),
        "sni": _only(named, sealed & ~stranger),
        "tls_version": _only(_plain(["1.3"], np.zeros(count, np.int32)), sealed),
        "http_host": _only(named, ~sealed & ~asking),
        "http_method": _only(_plain(["POST"], np.zeros(count, np.int32)), ~sealed & ~asking),
        "http_path": _only(_plain(["/upload", "/status"], chance.integers(0, 2, count)), ~sealed & ~asking),
        "src_clear": pa.array(~sealed),
        "dst_clear": pa.array(~sealed),
    }
    return pa.record_batch([held.get(one.name, pa.nulls(count, one.type)) for one in FLOWS], schema=FLOWS)


def _words(words: list[str], which: npt.NDArray[np.integer]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(which.astype(np.int32)), pa.array(words))


def _plain(words: list[str], which: npt.NDArray[np.generic]) -> pa.Array:
    return pa.array(words).take(pa.array(which.astype(np.int32)))


def _only(values: pa.Array, where: npt.NDArray[np.bool_]) -> pa.Array:
    return pa.compute.if_else(pa.array(where), values, None)


def lookups(count: int) -> pa.Table:
    """Every client asks for servers now and then."""
    chance = np.random.default_rng(0)
    rows = []
    for number, (zone, client, server) in enumerate(
        zip(
            chance.integers(0, _ZONES, count).tolist(),
            chance.integers(1, _CLIENTS + 1, count).tolist(),
            chance.integers(0, _SERVERS, count).tolist(),
            strict=True,
        )
    ):
        rows.append(
            {
                "source": "resolver.log",
                "record": number + 1,
                "time": NIGHT + number * (_HOURS * 3600 * 10**9 // count),
                "client_ip": f"10.{zone}.0.{client}",
                "server_ip": "198.51.100.53",
                "qname": f"s{server}.results.example",
                "qtype": "A",
                "name_exact": True,
                "rcode": "NOERROR",
                "answers": [{"name": f"s{server}.results.example", "type": "A", "data": _address(server), "ttl": 300}],
            }
        )
    return pa.Table.from_pylist(rows, schema=LOOKUPS)


def prepare(folder: Path) -> None:
    """Both tables and the policy as files."""
    (folder / "policy.toml").write_text(policy())
    for name, schema in (("flows", FLOWS), ("lookups", LOOKUPS)):
        with pa.OSFile(str(folder / name), "wb") as file, pa.ipc.new_file(file, schema) as writer:
            if name == "lookups":
                writer.write_table(lookups(ASKED).unify_dictionaries())
                continue
            for part in range(0, COUNT, _CHUNK):
                writer.write_batch(flows(min(_CHUNK, COUNT - part), part // _CHUNK))


def judged(folder: Path) -> None:
    """What is measured."""
    from flowwatch import audit, judge, policy  # noqa: PLC0415 - part of what is measured
    from flowwatch.cli.memory import keep_freed  # noqa: PLC0415
    from flowwatch.places import Locator  # noqa: PLC0415
    from flowwatch.sources import Collected  # noqa: PLC0415

    begun = time.perf_counter()
    keep_freed()  # as `scan` does, and so is the next
    gc.disable()
    tables = [pa.ipc.open_file(pa.memory_map(str(folder / name))).read_all() for name in ("flows", "lookups")]
    coverage = [
        Coverage(source="night.pcap", flows=len(tables[0]), first=NIGHT, last=NIGHT + _HOURS * 3600 * 10**9),
        Coverage(source="resolver.log", first=NIGHT, last=NIGHT + _HOURS * 3600 * 10**9),
    ]
    policies = policy.load(folder / "policy.toml")
    traced = audit.trace(Collected(tables[0], tables[1], tuple(coverage)), policies)
    told = time.perf_counter()
    with Locator(policies.place_facts) as locator:
        found = judge.judge(traced.sent, traced.asked, policies, locator.locate, traced.coverage)
    print(f"traced in {told - begun:.1f} s, judged in {time.perf_counter() - told:.1f} s", file=sys.stderr)
    verdicts = ", ".join(f"{found.verdicts[one].count:,} {one}" for one in Verdict if found.verdicts[one].count)
    print(f"{verdicts}; {len(found.findings):,} findings, {len(found.destinations):,} destinations", file=sys.stderr)


def main() -> None:
    """Makes the night and judges it in a process of its own."""
    if len(sys.argv) > 1:
        judged(Path(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name))
        run = measured([sys.executable, "-m", "tests.bench.judging", name])
        print(f"{COUNT:,} flows, {ASKED:,} lookups: {run.seconds:.1f} s, {run.memory:.0f} MB")


if __name__ == "__main__":
    main()
