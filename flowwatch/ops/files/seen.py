"""The regular files that the patterns of a source match: each once, however many names lead to it.

Promises: what must not be looked at is told, so that nobody takes it for gone. Refuses to open anything but folders.
"""

import errno
import glob
import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from flowwatch.model import Instant
from flowwatch.sources.paths import NoMatchError, matches

_QUIET = 60 * 10**9
Identity = tuple[int, int]
"""Device and inode."""


class Moved(Exception):  # noqa: N818 - no fault: the files are looked at again
    """A file was renamed, replaced or cut short since it was seen."""


class Seen(msgspec.Struct, frozen=True):
    """A regular file as it was seen."""

    path: str
    device: int
    inode: int
    size: int
    """Bytes as stored."""
    mtime_ns: int

    @property
    def identity(self) -> Identity:
        """What stays when it is renamed."""
        return self.device, self.inode


def is_quiet(file: Seen, now: Instant) -> bool:
    """Nobody wrote to it lately: it is taken to be whole."""
    return file.mtime_ns <= now - _QUIET


class Scan(msgspec.Struct, frozen=True):
    """What lay there at one moment."""

    files: dict[Identity, Seen]
    unreadable: tuple[tuple[str, str], ...]
    """Paths that could not be looked at, and why."""
    names: frozenset[tuple[str, Identity]]
    """Every path with the file that it led to. A rotation meanwhile may show one file twice and another not at all; a
    moment at which all lay so is sure where two scans, one after the other, tell the same."""


def scan(patterns: Sequence[str]) -> Scan:
    """The files that are there now. Raises Moved where one went while it was looked at, UsageError for a URL."""
    files: dict[Identity, Seen] = {}
    unreadable = []
    names = set()
    for path in _matches(patterns):
        try:
            found = look(path)
        except FileNotFoundError as error:
            if not Path(path).is_symlink():
                raise Moved from error
            unreadable.append((path, "a link that leads nowhere"))
        except OSError as error:
            unreadable.append((path, _reason(error)))
        else:
            if found is None:
                unreadable.append((path, "not a regular file"))
                continue
            names.add((path, found.identity))
            if found.identity not in files or Path(files[found.identity].path).is_symlink():
                files[found.identity] = found
    unreadable += unlisted(_folder(pattern) for pattern in patterns)
    return Scan(files, tuple(unreadable), frozenset(names))


def look(path: str) -> Seen | None:
    """The regular file at a path; None: it is none. Raises OSError."""
    return seen(path, Path(path).stat())


def seen(path: str, status: os.stat_result) -> Seen | None:
    """The regular file of that status; None: it is none."""
    if not stat.S_ISREG(status.st_mode):
        return None
    return Seen(path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def unlisted(folders: Iterable[str]) -> list[tuple[str, str]]:
    """Those of the folders that are there and cannot be listed, and why."""
    found = []
    for folder in sorted(set(folders)):
        try:
            with os.scandir(folder):
                pass
        except OSError as error:
            if error.errno not in {errno.ENOENT, errno.ENOTDIR}:
                found.append((folder, _reason(error)))
    return found


def _matches(patterns: Sequence[str]) -> list[str]:
    paths: dict[str, None] = {}
    for pattern in patterns:
        try:
            paths |= dict.fromkeys(matches(pattern))
        except NoMatchError:
            continue
    return list(paths)


def _folder(pattern: str) -> str:
    """The folder that holds all that a pattern can match."""
    folder = Path(pattern).parent
    while glob.has_magic(str(folder)):
        folder = folder.parent
    return str(folder)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
