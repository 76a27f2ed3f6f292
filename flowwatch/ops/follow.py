"""Following: when it is worth to check again, as logs grow and captures are added.

Promises: told of changes by the system, and woken besides at least once a `PAUSE`, so that silence is noticed and flows
that wait are judged; many changes at once are one; it ends between two checks when it is told to (SIGTERM, SIGINT).
"""

import fnmatch
import glob
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from flowwatch.ops.config import Loaded

PAUSE = 60.0
"""Seconds after which is checked whatever happened."""
_SOON = 1000
"""Milliseconds within which changes are one."""


def changes(loaded: Loaded) -> Iterator[None]:
    """At once, then whenever there may be something new, until the process is told to end."""
    ended = threading.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: ended.set())
    yield
    while not ended.is_set():
        folders = [folder for folder in _folders(loaded) if folder.is_dir()]
        if not folders:
            ended.wait(PAUSE)
            yield
            continue
        yield from _woken(folders, loaded, ended)


def _woken(folders: list[Path], loaded: Loaded, ended: threading.Event) -> Iterator[None]:
    """Whenever something changed in the folders, until they are others; once at the start for what came before that."""
    from watchfiles import watch  # noqa: PLC0415 - start-up time

    due = 0.0
    for changed in watch(
        *folders,
        stop_event=ended,
        debounce=_SOON,
        rust_timeout=_SOON,
        yield_on_timeout=True,
        recursive=False,
        raise_interrupt=False,
        watch_filter=_of_sources(loaded),
    ):
        if not ended.is_set() and (changed or time.monotonic() >= due):
            due = time.monotonic() + PAUSE
            yield
        if set(folders) != {folder for folder in _folders(loaded) if folder.is_dir()}:
            return


def _of_sources(loaded: Loaded) -> Callable[[object, str], bool]:
    """Only what a source may read counts: the state and the outputs may lie in the same folder."""
    patterns = [str(loaded.path(one).absolute()) for source in loaded.config.source for one in source.paths]
    return lambda _, path: any(fnmatch.fnmatch(path, pattern) for pattern in patterns)


def _folders(loaded: Loaded) -> tuple[Path, ...]:
    """The folders in which files of the sources may appear."""
    patterns = [str(loaded.path(one)) for source in loaded.config.source for one in source.paths]
    found = {Path(path) for pattern in patterns for path in glob.glob(_folder(pattern))}  # noqa: PTH207 - a pattern
    return tuple(sorted(found))


def _folder(pattern: str) -> str:
    return str(Path(pattern).parent)
