"""The terminal: where text goes, when it may be coloured, and the progress bar of long work."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from flowwatch.errors import UsageError

MIN_BAR = 32 * 1024 * 1024
"""Bytes of input below which no progress bar is shown."""


def printable(text: str) -> str:
    """Escape what comes from input: only printable ASCII reaches the terminal."""
    from flowwatch.reports import escape

    return escape.terminal(text)


def say(text: str) -> None:
    """Print one line on standard error, escaped."""
    sys.stderr.write(f"{printable(text)}\n")


@contextlib.contextmanager
def progress(sources: Sequence[str]) -> Iterator[Callable[[int], None] | None]:
    """Give a callback that moves a bar on a terminal; None in a pipe and for small input."""
    total = sum(Path(path).stat().st_size for path in sources if Path(path).is_file())
    if not sys.stderr.isatty() or total < MIN_BAR:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    columns = ("reading", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=total)
        yield lambda count: bar.advance(task, count)


@contextlib.contextmanager
def sink(output: Path | None) -> Iterator[BinaryIO]:
    """Open `output` for bytes, or standard output when None."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        file = output.open("wb")
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror}", hint="choose another -o") from error
    with file:
        yield file
