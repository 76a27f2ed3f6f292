"""The channel `file`: appends each alert to a file, as a line or a block of words with a blank line after it.

Promises: on disk (fsync) before it counts as delivered; created for its owner alone; begins on a line of its own even
after a write that was cut; what could not be written whole is taken back. Opened anew each time, so a log rotation by
rename needs no signal.
Refuses: a symbolic link, a file with another name beside it (a hard link), a file of another user, all of which
somebody else may have put there; anything but a regular file.
"""

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from flowwatch.durable import settle
from flowwatch.model import Alert
from flowwatch.ops.config import Notify
from flowwatch.ops.notify import formats
from flowwatch.ops.notify.delivery import NotDelivered

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class File:
    """Appends to the file of a `[[notify]]`."""

    def __init__(self, one: Notify, folder: Path) -> None:
        self._path = folder / (one.path or "")
        self._format = one.format

    def send(self, alert: Alert) -> None:
        """The alert is on disk. Raises NotDelivered."""
        self.send_all([alert])

    def send_all(self, alerts: Iterable[Alert]) -> None:
        """All of them are on disk, or none. Raises NotDelivered."""
        blank = b"\n" if self._format in (None, "text") else b""
        try:
            self._append(b"".join(formats.told(alert, self._format) + blank for alert in alerts))
        except OSError as error:
            raise NotDelivered(f"{self._path} was not written: {_words(error)}") from error

    def _append(self, told: bytes) -> None:
        is_new = not self._path.exists()
        file = os.open(self._path, _FLAGS, 0o600)
        try:
            size = _required(os.fstat(file))
            begin = b"\n" if size and os.pread(file, 1, size - 1) != b"\n" else b""
            _write_whole(file, begin + told, size)
            os.fsync(file)
        finally:
            os.close(file)
        if is_new:
            settle(self._path.parent)


def _words(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "it is a symbolic link, which others may have put there"
    return error.strerror or str(error)


def _required(status: os.stat_result) -> int:
    """The size of a file that is ours. Raises OSError for any other."""
    if not stat.S_ISREG(status.st_mode):
        raise OSError("it is no regular file")
    if status.st_nlink != 1:
        raise OSError("it has other names (hard links), so it may be another file")
    if status.st_uid not in (os.geteuid(), 0):
        raise OSError("it belongs to another user")
    return status.st_size


def _write_whole(file: int, told: bytes, size: int) -> None:
    written = os.write(file, told)
    if written == len(told):
        return
    if os.fstat(file).st_size == size + written:
        os.ftruncate(file, size)
    raise OSError(f"only {written} of {len(told)} bytes could be written")
