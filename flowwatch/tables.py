"""Tables out of flowwatch: ordered, and written as JSON lines, CSV or Parquet.

Promises the columns and their names exactly as in the table. JSON lines: nulls omitted, times RFC 3339 with
nanoseconds and `Z`, durations as nanoseconds. CSV: nulls empty, lists as JSON text, and no cell of text that a
spreadsheet would take for a formula. Parquet: plain types, durations as nanoseconds. Refuses: rendering for people.
"""

import enum
import functools
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from shutil import copyfileobj
from typing import BinaryIO, Self, assert_never

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.errors import UsageError

_FORMULA = r"^[=+\-@\t\r\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}]"
"""First characters that make a spreadsheet compute, with their full-width twins (a regular expression of RE2)."""


_GROUP = 1 << 15
"""Rows of a row group of Parquet, about."""
_UNIQUE = ("conn_id", "community_id")
"""Columns of text that hardly repeat: a dictionary of them costs time and room, as one of numbers does."""


class TableFormat(enum.StrEnum):
    """How a table is written."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


class Writer:
    """Batches of one table to a binary file, as they come; a context manager that completes the file.

    Raises UsageError for an unknown format, OSError where the file cannot be written.
    """

    def __init__(self, schema: pa.Schema, fmt: str, file: BinaryIO) -> None:
        if fmt not in list(TableFormat):
            raise UsageError(f"no table format is called {fmt!r}", hint=f"one of {', '.join(TableFormat)}")
        self._write, self._close, self._abandon = _opened(TableFormat(fmt), schema, file)

    def write(self, rows: pa.Table | pa.RecordBatch) -> None:
        """Adds rows."""
        self._write(rows if isinstance(rows, pa.Table) else pa.Table.from_batches([rows]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        (self._close if kind is None else self._abandon)()


def write(table: pa.Table, fmt: str, sink: BinaryIO | Path | str) -> None:
    """Writes the table as `jsonl`, `csv` or `parquet` to a binary file object or a path.

    Raises UsageError for another format, OSError where the sink cannot be written.
    """
    if isinstance(sink, str | Path):
        with Path(sink).open("wb") as file:
            write(table, fmt, file)
        return
    with Writer(table.schema, fmt, sink) as writer:
        writer.write(table)


_Write = Callable[[pa.Table], None]
_Close = Callable[[], None]


def _opened(fmt: TableFormat, schema: pa.Schema, file: BinaryIO) -> tuple[_Write, _Close, _Close]:
    match fmt:
        case TableFormat.JSONL:
            return functools.partial(_write_jsonl, file), lambda: None, lambda: None
        case TableFormat.CSV:
            return *_csv(schema, file), lambda: None
        case TableFormat.PARQUET:
            return _parquet(schema, file)
        case _:
            assert_never(fmt)


def _write_jsonl(sink: BinaryIO, table: pa.Table) -> None:
    """Through the core, which needs a file descriptor; a sink without one gets a copy."""
    from flowwatch._native import write_jsonl  # noqa: PLC0415, TID251 - start-up time; the border

    sink.flush()
    try:
        descriptor = sink.fileno()
    except (AttributeError, io.UnsupportedOperation):
        with tempfile.TemporaryFile() as file:
            write_jsonl(table, file.fileno())
            file.seek(0)
            copyfileobj(file, sink)
    else:
        write_jsonl(table, descriptor)


def _csv(schema: pa.Schema, file: BinaryIO) -> tuple[_Write, _Close]:
    import pyarrow.csv  # noqa: PLC0415 - start-up time

    writer = pyarrow.csv.CSVWriter(file, _changed(pa.Table.from_batches([], schema), _cell).schema)
    return lambda table: writer.write_table(_changed(table, _cell)), writer.close


def _parquet(schema: pa.Schema, file: BinaryIO) -> tuple[_Write, _Close, _Close]:
    """Row groups are of a size of their own, whatever the batches are."""
    import pyarrow.parquet  # noqa: PLC0415 - start-up time

    plain = _changed(pa.Table.from_batches([], schema), _plain).schema
    repeats = [field.name for field in plain if pa.types.is_string(field.type) and field.name not in _UNIQUE]
    writer = pyarrow.parquet.ParquetWriter(file, plain, compression="zstd", use_dictionary=repeats)
    waiting: list[pa.Table] = []

    def write(table: pa.Table) -> None:
        waiting.append(_changed(table, _plain))
        if sum(one.num_rows for one in waiting) >= _GROUP:
            flush()

    def flush() -> None:
        writer.write_table(pa.concat_tables(waiting), row_group_size=_GROUP)
        waiting.clear()

    def close() -> None:
        if waiting:
            flush()
        writer.close()

    def abandon() -> None:
        """Leaves the file as it is: without its end it is no Parquet, and nobody takes a part for the whole."""
        writer.is_open = False

    return write, close, abandon


def _changed(table: pa.Table, change: Callable[[pa.ChunkedArray], pa.ChunkedArray]) -> pa.Table:
    return pa.Table.from_arrays([change(column) for column in table.columns], names=table.column_names)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column without dictionary and duration, which few readers of Parquet know."""
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    return column.cast(pa.int64()) if pa.types.is_duration(column.type) else column


def _cell(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column as what a CSV cell can hold."""
    plain = _plain(column)
    if pa.types.is_timestamp(plain.type):
        return pc.strftime(plain, format="%Y-%m-%dT%H:%M:%SZ")
    if pa.types.is_nested(plain.type):
        texts = (None if value is None else msgspec.json.encode(value).decode() for value in plain.to_pylist())
        return pa.chunked_array([pa.array(texts, pa.utf8())])
    return _guarded(plain) if pa.types.is_string(plain.type) else plain


def _guarded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text that would be a formula, behind an apostrophe."""
    formula = pc.match_substring_regex(column, _FORMULA)
    return pc.if_else(formula, pc.binary_join_element_wise("'", column, ""), column)
