"""A file that is there whole or not at all, whoever reads it and whenever the machine stops.

Promises: what stood at the path stays until all of the new content is on the disk; where writing fails it stays for
good, and nothing of the new is left. Refuses to catch: OSError is the caller's to tell.

Source: rename(2), fsync(2).
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def replacing(path: Path, mode: int = 0o644) -> Iterator[BinaryIO]:
    """A file to write, which takes the place of `path` at the end; until then its name begins with a dot.

    Raises OSError where the folder or the disk does not take it.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    new = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fchmod(handle, mode)
            os.fsync(handle)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    settle(path.parent)


def settle(folder: Path) -> None:
    """The names in a folder are on the disk, as they are now."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
