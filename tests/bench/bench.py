"""Whole-process times of flowwatch beside the tools present, on one made capture, in one run: `make bench`.

Prints medians, ratios and peak memory; asserts nothing. Peers that are not installed are left out and named.
`PACKETS=8000000 make bench` makes a larger capture, `CROWD=1000000` opens as many conversations at once in another,
`RUNS=3` takes fewer turns, `NFSTREAM=/path/to/python` is the
interpreter that has nfstream where this one has not. Every command reads the capture from the page cache, in turn, so
that a busy moment of the machine meets them all; the slow peers take one turn.
"""

import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.bench import traffic

RUNS = int(os.environ.get("RUNS", "5"))
PACKETS = int(os.environ.get("PACKETS", "2000000"))
CROWD = int(os.environ.get("CROWD", "1000000"))
NFSTREAM = os.environ.get("NFSTREAM", sys.executable if importlib.util.find_spec("nfstream") else "nfstream")
BASE = "flowwatch flows, one thread"
_FIELDS = ("ip.src", "ip.dst", "tls.handshake.extensions_server_name", "dns.qry.name", "http.host")
_STREAMED = "import sys; from nfstream import NFStreamer; print(sum(1 for _ in NFStreamer(source=sys.argv[1])))"


class Command(NamedTuple):
    """One command of the table; a slow one takes one turn."""

    name: str
    words: list[str]
    slow: bool = False

    @property
    def present(self) -> bool:
        """It is installed."""
        return shutil.which(self.words[0]) is not None


class Run(NamedTuple):
    """One process: wall-clock seconds and peak resident memory in MB."""

    seconds: float
    memory: float


def main() -> None:
    """Make the capture, time every command in turn, and print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        capture, small, crowd = folder / "bench.pcap", folder / "ten.pcap", folder / "crowd.pcap"
        for what, path, count in (("write", capture, PACKETS), ("write", small, 10), ("crowd", crowd, CROWD)):
            make(what, path, count)
        commands = [*own(folder, capture, small, crowd), *peers(folder, capture)]
        print(f"{PACKETS:,} packets, {capture.stat().st_size / 1e6:,.0f} MB, medians of {RUNS} runs in turn")
        show(timed([one for one in commands if one.present]))
    for one in commands:
        if not one.present:
            print(f"not installed: {one.name}")


def make(what: str, path: Path, count: int) -> None:
    """Make a capture in a process of its own: what this one holds would count as the memory of those it starts."""
    subprocess.run([sys.executable, traffic.__file__, what, str(path), str(count)], check=True)


def own(folder: Path, capture: Path, small: Path, crowd: Path) -> Iterator[Command]:
    """What flowwatch does: start, a small scan, all rows of the large capture, and of one with all its flows open."""
    program, out = str(Path(sys.executable).with_name("flowwatch")), str(folder / "flows.parquet")
    bare = [program, "flows", str(capture), "-o", out, "--no-digest"]
    core = [sys.executable, str(Path(__file__).with_name("core.py")), str(capture)]
    yield Command("core alone, one thread", [*core, "1"])
    yield Command("core alone, two threads", [*core, "2"])
    yield Command("core alone, with digest", [*core, "2", "digest"])
    yield Command("flowwatch --help", [program, "--help"])
    yield Command("flowwatch places lookup", [program, "places", "lookup", "192.0.2.1"])
    yield Command("flowwatch scan, ten packets", [program, "scan", str(small)])
    yield Command(BASE, [*bare, "--threads", "1"])
    yield Command("flowwatch flows, two threads", [*bare, "--threads", "2"])
    yield Command("flowwatch flows, with digest", [program, "flows", str(capture), "-o", out])
    yield Command(f"flowwatch flows, {CROWD:,} at once", [program, "flows", str(crowd), "-o", out, "--no-digest"])


def peers(folder: Path, capture: Path) -> Iterator[Command]:
    """Counters, flow exporters and dissectors over the same capture."""
    path, flows = str(capture), folder / "nfcapd"
    flows.mkdir()
    yield Command("capinfos -c", ["capinfos", "-c", path])
    yield Command("openssl dgst -sha256", ["openssl", "dgst", "-sha256", path])
    yield Command("tcpdump -w /dev/null", ["tcpdump", "-r", path, "-w", "/dev/null"])
    yield Command("nfpcapd", ["nfpcapd", "-r", path, "-w", str(flows)])
    yield Command("argus", ["argus", "-r", path, "-w", str(folder / "out.argus")])
    yield Command("nfstream", [NFSTREAM, "-c", _STREAMED, path], slow=True)
    fields = [word for field in _FIELDS for word in ("-e", field)]
    yield Command("tshark -T fields", ["tshark", "-n", "-r", path, "-T", "fields", *fields], slow=True)


def timed(commands: list[Command]) -> dict[str, list[Run]]:
    """Run every command in turn, `RUNS` times after one that is not counted; slow ones once."""
    runs: dict[str, list[Run]] = {one.name: [] for one in commands}
    for turn in range(RUNS + 1):
        for one in commands:
            if one.slow and turn != 1:
                continue
            run = measured(one.words)
            if turn:
                runs[one.name].append(run)
    return runs


def measured(words: list[str]) -> Run:
    """One run of the whole process."""
    begun = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0  # reaped here, for its memory
    return Run(time.perf_counter() - begun, usage.ru_maxrss / 1024)


def show(runs: dict[str, list[Run]]) -> None:
    """Print a row a command: median seconds, how many times the core's own reading that is, peak memory."""
    base = statistics.median(run.seconds for run in runs[BASE])
    print(f"{'command':30}{'seconds':>9}{'ratio':>8}{'MB':>7}")
    for name, each in runs.items():
        median = statistics.median(run.seconds for run in each)
        print(f"{name:30}{median:>9.3f}{median / base:>8.2f}{max(run.memory for run in each):>7.0f}")


if __name__ == "__main__":
    main()
