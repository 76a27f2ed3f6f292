"""The secret of a channel, from a file that nobody but its owner (or root) may read.

Refuses: a file that group or others may read, or that another user may change; an empty one; more than one short line.
"""

import os
import stat
from pathlib import Path

from flowwatch.errors import UsageError

_LONGEST = 4_096


def secret(path: Path) -> bytes:
    """The first line of the file, without its line end. Raises UsageError, never with the secret in it."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        hint = "write the secret into it and run `chmod 600` on it"
        raise UsageError(f"the secret file {path} cannot be read: {error.strerror}", hint=hint) from None
    try:
        _require_private(os.fstat(file), path)
        found = os.read(file, _LONGEST + 1).splitlines()[:1]
    finally:
        os.close(file)
    if not found or not found[0].strip() or len(found[0]) > _LONGEST:
        raise UsageError(f"the first line of the secret file {path} holds no secret of 1 to {_LONGEST} bytes")
    return found[0]


def _require_private(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"the secret file {path} is no regular file")
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"group or others may use the secret file {path}", hint=f"run `chmod 600 {path}`")
    if status.st_uid not in (os.geteuid(), 0):
        hint = f"run `chown` on {path}, to the user that runs flowwatch"
        raise UsageError(f"the secret file {path} belongs to another user", hint=hint)
