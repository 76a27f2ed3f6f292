"""Tables out of flowwatch: ordered, and written as JSON lines, CSV or Parquet.

Promises the columns and their names exactly as in the table. JSON lines: nulls omitted, times RFC 3339 with
nanoseconds and `Z`, durations as nanoseconds. CSV: nulls empty, lists as JSON text, and no cell of text that a
spreadsheet would take for a formula. Parquet: plain types, durations as nanoseconds. Refuses: rendering for people.
"""

import enum
import io
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from shutil import copyfileobj
from typing import BinaryIO, assert_never

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.errors import UsageError

_FORMULA = r"^[=+\-@\t\r\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}]"
"""First characters that make a spreadsheet compute, with their full-width twins (a regular expression of RE2)."""


class TableFormat(enum.StrEnum):
    """How a table is written."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


def ordered(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """The rows sorted by the keys, ascending, nulls last; rows of equal keys keep their order."""
    if table.num_rows < 2:
        return table
    return table.take(pc.sort_indices(table, [(key, "ascending") for key in keys]))


def write(table: pa.Table, fmt: str, sink: BinaryIO | Path | str) -> None:
    """Writes the table as `jsonl`, `csv` or `parquet` to a binary file object or a path.

    Raises UsageError for another format, OSError where the sink cannot be written.
    """
    if fmt not in list(TableFormat):
        raise UsageError(f"no table format is called {fmt!r}", hint=f"one of {', '.join(TableFormat)}")
    if isinstance(sink, str | Path):
        with Path(sink).open("wb") as file:
            _writer(TableFormat(fmt))(table, file)
    else:
        _writer(TableFormat(fmt))(table, sink)


def _writer(fmt: TableFormat) -> Callable[[pa.Table, BinaryIO], None]:
    match fmt:
        case TableFormat.JSONL:
            return _write_jsonl
        case TableFormat.CSV:
            return _write_csv
        case TableFormat.PARQUET:
            return _write_parquet
        case _:
            assert_never(fmt)


def _write_jsonl(table: pa.Table, sink: BinaryIO) -> None:
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


def _write_csv(table: pa.Table, sink: BinaryIO) -> None:
    import pyarrow.csv  # noqa: PLC0415 - start-up time

    pyarrow.csv.write_csv(_changed(table, _cell), sink)


def _write_parquet(table: pa.Table, sink: BinaryIO) -> None:
    import pyarrow.parquet  # noqa: PLC0415 - start-up time

    pyarrow.parquet.write_table(_changed(table, _plain), sink, compression="zstd")


def _changed(table: pa.Table, change: Callable[[pa.ChunkedArray], pa.ChunkedArray]) -> pa.Table:
    return pa.table([change(column) for column in table.columns], names=table.column_names)


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
