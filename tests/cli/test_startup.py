"""`--help` answers at once because nothing heavy is imported for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"pyarrow", "pandas", "numpy", "rich", "jinja2", "publicsuffixlist", "geoip2", "maxminddb", "msgspec"}
PRINT_MODULES = """
import sys
from pathlib import Path
from flowwatch.cli import main
sys.argv = ["flowwatch", *{args!r}]
try:
    main()
except SystemExit:
    print("\\n".join(sys.modules))
"""


@pytest.mark.parametrize("args", [["--help"], ["scan", "--help"], ["policy", "check", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(args: list[str]):
    done = subprocess.run(
        [sys.executable, "-c", PRINT_MODULES.format(args=args)], capture_output=True, text=True, check=True
    )
    assert "flowwatch.cli.scan" in done.stdout.split()
    assert not HEAVY & set(done.stdout.split())


def test_a_capture_waits_for_no_reader_of_logs():
    capture = Path(__file__).parents[2] / "captures/approved-night/input.pcap"
    program = PRINT_MODULES.format(args=["scan", str(capture), "-o", os.devnull])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "flowwatch.audit" in loaded
    logs = ("zeek", "eve", "bind", "dnsmasq", "maps", "carriers", "mixed")
    assert not {f"flowwatch.sources.{one}" for one in logs} & loaded
    assert not {"pandas", "dns", "jinja2"} & loaded
