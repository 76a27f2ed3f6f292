"""Parquet as another splitter of maps: rows of named values in batches, the map chosen by the names of the columns.

A record is a row, numbered from 1; it has no byte offset. What cannot be opened or read is an error of the source.
"""

import io
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO

import msgspec
import pyarrow as pa

from flowwatch.model.records import Coverage, ReadOptions, Skip
from flowwatch.sources.logs import written
from flowwatch.sources.maps.language import Columns, Map
from flowwatch.sources.maps.reader import Account
from flowwatch.sources.maps.splitting import named
from flowwatch.sources.moments import Clock
from flowwatch.sources.opened import Opened
from flowwatch.sources.records import TableName

_MAGIC = b"PAR1"
_ROWS = 1 << 14


def is_parquet(head: bytes) -> int:
    """100 where the bytes begin as Parquet does, else 0."""
    return 100 if head.startswith(_MAGIC) else 0


class ParquetRecords:
    """Rows of one file, read once; `coverage` is complete after the last batch."""

    def __init__(self, opened: Opened, maps: Sequence[Map], options: ReadOptions) -> None:
        self._opened = opened
        self._maps = maps
        self._options = options
        self._clock = Clock(written(opened), options.timezone)
        self._account: Account | None = None
        self._error: Skip | None = None

    @property
    def coverage(self) -> Coverage:
        """The account so far."""
        opened = self._opened
        if self._account is not None:
            name, notes = self._account.map.name, self._account.map.notes
            told = self._account.ledger.coverage(opened.name, name, opened.size, opened.sha256, self._error)
            return msgspec.structs.replace(told, notes=(*told.notes, *notes))
        return Coverage(
            source=opened.name, size=opened.size, sha256=opened.sha256, bytes=opened.size, error=self._error
        )

    def __iter__(self) -> Iterator[tuple[TableName, pa.RecordBatch]]:
        with tempfile.TemporaryFile() as file:
            try:
                shutil.copyfileobj(io.BufferedReader(self._opened), file)
                file.seek(0)
                yield from self._read(file)
            except (OSError, ValueError, pa.ArrowException, MemoryError) as error:
                self._error = Skip("read_error", f"not to be read as Parquet: {str(error).splitlines()[0][:200]}")

    def _read(self, file: IO[bytes]) -> Iterator[tuple[TableName, pa.RecordBatch]]:
        from pyarrow import parquet  # noqa: PLC0415 - start-up time

        stored = parquet.ParquetFile(file)
        names = [named(name) for name in stored.schema_arrow.names]
        found = next((one for one in self._maps if _fits(one, names)), None)
        if found is None:
            self._error = Skip(
                "unknown_format", "Parquet of columns that no map knows; docs/maps.md says how to write one"
            )
            return
        opened, options = self._opened, self._options
        self._account = Account(found, opened.name, self._clock, options.refused(opened.name, found.name))
        number = 1
        for rows in stored.iter_batches(_ROWS):
            columns = [_cells(column) for column in rows.columns]
            values = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
            yield from self._account.take([(at, None, row) for at, row in enumerate(values, number)], [])
            number += len(values)
        yield from self._account.end()


def _fits(found: Map, names: list[str]) -> bool:
    split = found.split
    return isinstance(split, Columns) and bool(split.header) and set(split.header) <= set(names)


def _cells(column: pa.Array) -> list[object]:
    """Times as whole numbers of their unit."""
    told: list[object] = (column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist()
    return told
