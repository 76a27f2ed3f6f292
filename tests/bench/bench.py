"""Whole-process times of flowwatch beside the tools present, on one made capture, in one run: `make bench`.

Prints medians and ratios; asserts nothing. Peers that are not installed are left out and named. `PACKETS=8000000 make
bench` for a larger capture.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench import traffic

RUNS = int(os.environ.get("RUNS", "5"))
PACKETS = int(os.environ.get("PACKETS", "1000000"))


def main() -> None:
    """Make the capture, time every command in turn, and print the table."""
    program = str(Path(sys.executable).with_name("flowwatch"))
    with tempfile.TemporaryDirectory() as folder:
        capture, small = Path(folder, "bench.pcap"), Path(folder, "ten.pcap")
        packets = traffic.write(capture, PACKETS)
        traffic.write(small, 10)
        out = str(Path(folder, "flows.parquet"))
        fields = ("-e", "ip.src", "-e", "ip.dst", "-e", "tls.handshake.extensions_server_name", "-e", "dns.qry.name")
        commands = {
            "flowwatch --help": [program, "--help"],
            "flowwatch scan, ten packets": [program, "scan", str(small)],
            "flowwatch flows --no-digest": [program, "flows", str(capture), "-o", out, "--no-digest"],
            "flowwatch flows": [program, "flows", str(capture), "-o", out],
            "capinfos -c": ["capinfos", "-c", str(capture)],
            "sha256sum": ["sha256sum", str(capture)],
            "tshark -T fields": ["tshark", "-n", "-r", str(capture), "-T", "fields", *fields],
        }
        present = {name: command for name, command in commands.items() if shutil.which(command[0])}
        print(f"{packets} packets, {capture.stat().st_size / 1e6:.0f} MB, medians of {RUNS} runs in turn")
        show(timed(present))
    for name in commands.keys() - present.keys():
        print(f"not installed: {name}")


def timed(commands: dict[str, list[str]]) -> dict[str, list[float]]:
    """Run every command in turn, `RUNS` times after one that is not counted; seconds of the whole process."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(RUNS + 1):
        for name, command in commands.items():
            if name.startswith("tshark") and turn > 1:
                continue
            begun = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            if turn:
                seconds[name].append(time.perf_counter() - begun)
    return seconds


def show(seconds: dict[str, list[float]]) -> None:
    """Print a row a command: median seconds, and how many times the core's own reading that is."""
    base = statistics.median(seconds["flowwatch flows --no-digest"])
    print(f"{'command':32}{'seconds':>10}{'ratio':>9}")
    for name, runs in seconds.items():
        median = statistics.median(runs)
        print(f"{name:32}{median:>10.3f}{median / base:>9.2f}")


if __name__ == "__main__":
    main()
