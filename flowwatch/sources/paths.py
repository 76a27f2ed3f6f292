"""Arguments of the command line to sources: files, folders, globs and `-`, each once, in a fixed order.

Refuses: URLs (a later version's), and an argument that matches nothing. A folder is read whole: its regular files at
every depth, sorted by path; names that begin with a dot, links to folders, and what is not a regular file are passed
over; a folder or file that must not be looked at is a source, so that its loss is told. A file named outright is always
taken, hidden or not; of what a glob matches, named pipes and devices are passed over too, since reading them may wait
for ever.
"""

import glob
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from flowwatch.errors import UsageError

STANDARD_INPUT = "-"
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class NoMatchError(UsageError):
    """An argument matches nothing, now."""


def expand(paths: Sequence[str]) -> tuple[str, ...]:
    """The sources the arguments name, in the order given; the same file given twice is read once.

    Raises UsageError, naming the argument, where one matches nothing (NoMatchError) or is a URL.
    """
    seen: set[object] = set()
    sources = []
    for path in paths:
        for source in matches(path):
            identity = _identity(source)
            if identity not in seen:
                seen.add(identity)
                sources.append(source)
    return tuple(sources)


def matches(path: str) -> Iterator[str]:
    """The sources one argument names, by every name that it finds. Raises as `expand` does."""
    if path == STANDARD_INPUT:
        return iter((path,))
    if not path:
        raise UsageError("an argument is empty", hint="a variable without a value? name a file, a folder or -")
    if _is_folder(path):
        return _some(path, sorted(_files_under(path)), "the folder holds no file to read")
    if os.path.lexists(path):
        return iter((path,))
    if _URL.match(path):
        raise UsageError(f"{path}: URLs are not supported by this version", hint="copy the file here and name it")
    if glob.has_magic(path):
        return _some(path, sorted(_globbed(path)), "the pattern matches no file")
    raise NoMatchError(f"{path}: no such file or folder")


def _some(path: str, found: list[str], otherwise: str) -> Iterator[str]:
    if not found:
        raise NoMatchError(f"{path}: {otherwise}")
    return iter(found)


def _globbed(pattern: str) -> Iterator[str]:
    for match in glob.iglob(pattern, recursive=True):  # noqa: PTH207 - the path is kept as given
        if _is_folder(match):
            yield from _files_under(match)
        elif _is_file(match) or not os.path.exists(match):  # noqa: PTH110 - a link that leads nowhere is told
            yield match


def _files_under(folder: str) -> Iterator[str]:
    unread: list[str] = []
    for root, folders, files in os.walk(folder, onerror=lambda error: unread.append(str(error.filename))):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = (os.path.join(root, name) for name in files if not name.startswith("."))  # noqa: PTH118 - as given
        yield from filter(_is_file, paths)
    yield from unread


def _is_folder(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except PermissionError:
        return True  # not to be told from one: reading it says why it cannot be read
    except (OSError, ValueError):
        return False


def _identity(source: str) -> object:
    """What tells two spellings of one file from two files."""
    if source == STANDARD_INPUT:
        return source
    try:
        status = Path(source).stat()
    except (OSError, ValueError):
        return source
    return status.st_dev, status.st_ino
