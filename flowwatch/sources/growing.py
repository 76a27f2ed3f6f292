"""Inputs that are still being written: which are, and how long their end is not believed."""

import stat
import time
from pathlib import Path

PATIENCE = 5.0
"""Seconds without growth after which a file that was being written has ended."""
_FRESH = 5.0


def patience(source: str) -> float | None:
    """How long to wait for more at the end of a source: a while for a regular file written to within the last seconds.

    None for every other: a pipe says itself where it ends, and a file that nobody writes has ended.
    """
    try:
        status = Path(source).stat()
    except (OSError, ValueError):
        return None  # told by who opens it
    is_fresh = stat.S_ISREG(status.st_mode) and abs(time.time() - status.st_mtime) < _FRESH
    return PATIENCE if is_fresh else None
