"""The file of refused records: JSON lines, readable by its owner alone, of bounded size.

One object a record: `source`, `offset`, `length` (bytes of the record), `record` (its number), `format` tried, `reason`
and its `message`, and `raw`, the first bytes in base64. Raw bytes may hold secrets: they can be left out. What finds no
room is counted, and the last line of the file says so.
"""

import base64
import json
import os
import stat
import threading
from pathlib import Path
from typing import Self

from flowwatch.model.records import Refused

MOST = 64 << 20
"""Bytes of the file."""
_RAW = 512
"""Bytes kept of a record."""


class Rejects:
    """The file, open for writing; a context manager. Several threads may write. Raises OSError."""

    def __init__(self, path: Path, *, raw: bool = True, most: int = MOST) -> None:
        self._raw = raw
        self._room = most
        self._left_out = 0
        self._lock = threading.Lock()
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
        if stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
            os.fchmod(self._file.fileno(), 0o600)  # it may have been there, open to others

    def of(self, source: str, name: str) -> Refused:
        """What writes refused records of a source that is read as the format `name`."""

        def write(reason: str, message: str, record: int, offset: int, line: bytes | None) -> None:
            told: dict[str, object] = {"source": source, "offset": offset, "record": record, "format": name}
            told |= {"reason": reason, "message": message}
            if line is not None:
                told["length"] = len(line)
                if self._raw:
                    told["raw"] = base64.b64encode(line[:_RAW]).decode()
            self._write(told)

        return write

    def _write(self, told: dict[str, object]) -> None:
        data = json.dumps(told).encode() + b"\n"
        with self._lock:
            if len(data) > self._room:
                self._left_out += 1
                return
            self._room -= len(data)
            self._file.write(data)

    def close(self) -> None:
        """Ends the file."""
        with self._lock:
            if self._left_out:
                self._file.write(json.dumps({"left_out": self._left_out}).encode() + b"\n")
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
