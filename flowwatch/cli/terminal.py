"""The terminal: where text goes, when it may be coloured, and the progress bar of long work."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from flowwatch.errors import UsageError

MIN_BAR = 32 * 1024 * 1024
"""Bytes of input below which no progress bar is shown."""


def open_standard_streams() -> None:
    """Put the null device where standard input, output or error was closed by who started the process."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - open to the end


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
    """Open `output` for bytes, or standard output when None; UsageError where it cannot be written."""
    with writing(output):
        if output is None:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        else:
            with output.open("wb") as file:
                yield file


@contextlib.contextmanager
def writing(output: Path | None) -> Iterator[None]:
    """Say as UsageError that `output`, standard output when None, cannot be written; a closed pipe stays one."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        what = f"cannot write {output or 'standard output'}: {error.strerror or error}"
        raise UsageError(what, hint="choose another place") from error
