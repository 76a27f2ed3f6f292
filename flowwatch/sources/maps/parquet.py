"""Parquet as another splitter of maps: rows of named values in batches, the map chosen by the names of the columns.

A record is a row, numbered from 1; it has no byte offset. What cannot be opened or read is an error of the source.
"""

from typing import IO

import pyarrow as pa

from flowwatch.model.records import Skip
from flowwatch.sources.logs import Batches
from flowwatch.sources.maps.language import Columns, Map
from flowwatch.sources.maps.splitting import named
from flowwatch.sources.maps.whole import WholeFile

_MAGIC = b"PAR1"
_ROWS = 1 << 14


def is_parquet(head: bytes) -> int:
    """100 where the bytes begin as Parquet does, else 0."""
    return 100 if head.startswith(_MAGIC) else 0


class ParquetRecords(WholeFile):
    """Rows of one file, read once; `coverage` is complete after the last batch."""

    def __iter__(self) -> Batches:
        try:
            with self._copy() as file:
                yield from self._read(file)
        except (OSError, ValueError, pa.ArrowException, MemoryError) as error:
            self._error = Skip("read_error", f"not to be read as Parquet: {str(error).splitlines()[0][:200]}")

    def _read(self, file: IO[bytes]) -> Batches:
        from pyarrow import parquet  # noqa: PLC0415 - start-up time

        stored = parquet.ParquetFile(file)
        names = [named(name) for name in stored.schema_arrow.names]
        found = next((one for one in self._maps if _fits(one, names)), None)
        if found is None:
            self._error = Skip(
                "unknown_format", "Parquet of columns that no map knows; docs/maps.md says how to write one"
            )
            return
        account = self._begin(found)
        number = 1
        for rows in stored.iter_batches(_ROWS):
            columns = [_cells(column) for column in rows.columns]
            values = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
            yield from account.take([(at, None, row) for at, row in enumerate(values, number)], [])
            number += len(values)
        yield from account.end()


def _fits(found: Map, names: list[str]) -> bool:
    split = found.split
    return isinstance(split, Columns) and bool(split.header) and set(split.header) <= set(names)


def _cells(column: pa.Array) -> list[object]:
    """Times as whole numbers of their unit."""
    told: list[object] = (column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist()
    return told
