"""`--help` answers at once because nothing heavy is imported for it."""

import subprocess
import sys

import pytest

HEAVY = {"pyarrow", "pandas", "numpy", "rich", "jinja2", "publicsuffixlist", "geoip2", "maxminddb", "msgspec"}
PRINT_MODULES = """
import sys
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
