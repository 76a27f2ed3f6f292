"""Inputs that are whole files of another program, not lines: what their adapters share.

An adapter ends in rows of a map: a record has a number and no byte offset, and its columns and account are those of
every map. What cannot be opened or read to its end is an error of the source, never an exception.
"""

import abc
import contextlib
import io
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO

import msgspec

from flowwatch.model.records import Coverage, ReadOptions, Skip
from flowwatch.sources.logs import Batches, written
from flowwatch.sources.maps.language import Map
from flowwatch.sources.maps.reader import Account
from flowwatch.sources.moments import Clock
from flowwatch.sources.opened import Opened


class WholeFile(abc.ABC):
    """Rows of one file, read once by one of `maps`; `coverage` is complete after the last batch."""

    def __init__(self, opened: Opened, maps: Sequence[Map], options: ReadOptions) -> None:
        self._opened = opened
        self._maps = maps
        self._options = options
        self._clock = Clock(written(opened), options.timezone)
        self._account: Account | None = None
        self._error: Skip | None = None
        self._notes: Sequence[str] = ()

    @property
    def coverage(self) -> Coverage:
        """The account so far."""
        opened, account = self._opened, self._account
        if account is not None:
            told = account.ledger.coverage(opened.name, account.map.name, opened.size, opened.sha256, self._error)
            return msgspec.structs.replace(told, notes=(*told.notes, *account.map.notes, *self._notes))
        return Coverage(
            source=opened.name, size=opened.size, sha256=opened.sha256, bytes=opened.size, error=self._error
        )

    @abc.abstractmethod
    def __iter__(self) -> Batches: ...

    def _begin(self, found: Map) -> Account:
        """The account of rows of that map."""
        name = self._opened.name
        self._account = Account(found, name, self._clock, self._options.refused(name, found.name))
        return self._account

    @contextlib.contextmanager
    def _copy(self) -> Iterator[IO[bytes]]:
        """The unpacked bytes as a file that can be sought in. Raises OSError."""
        with tempfile.TemporaryFile() as file:
            shutil.copyfileobj(io.BufferedReader(self._opened), file)
            file.seek(0)
            yield file

    def _path(self, reader: str) -> str | None:
        """The path, for a reader that takes nothing else; None, and the error says what to do, where there is none.

        The bytes are read for size and digest before the reader reads them. Raises OSError.
        """
        self._opened.drain()
        path = self._opened.path
        if path is not None and self._opened.compression is None:
            return path
        why = "it is compressed" if self._opened.compression else "this is a pipe or a device"
        self._error = Skip(
            "unsupported_format",
            f"{reader} reads a file by its path only, and {why}: put it into a file, unpacked, and give that",
        )
        return None
