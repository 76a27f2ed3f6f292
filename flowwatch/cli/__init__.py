"""The command line: words in, exit code out; the only room that knows typer and the terminal.

Exit codes, the first that applies: 2 usage or policy error, 1 findings, 3 incomplete, 0 otherwise; 70 an internal
error, 130 interrupted, 141 a closed pipe. So 1 never means a fault.
"""

from flowwatch.cli.app import main

__all__ = ["main"]
