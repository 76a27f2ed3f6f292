"""Rows of one table in their order, however many there are.

Rows are sorted in memory; where they are too many for it, in portions that wait in files of their own and are merged at
the end, so that a capture of any size needs the memory of a small one. Rows that come in order, as a log's do, pass as
they are. Refuses: any order but that of sources and records.
"""

import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

PORTION = 48 << 20
"""Bytes of rows kept in memory before they are put aside."""
_PIECE = 1024
"""Rows that are read back at once of each file to be merged."""
_STRETCH = 1 << 13
"""The same where all rows until then came in order."""
_RECORDS = 1 << 40
"""More than the records of any source."""

Keys = Any
"""An array of uint64: source and record in one number."""


class Sorter:
    """Batches in any order in, batches in the order of (source, record) out; a context manager for its files.

    `record` is the column of the record number, `sources` the texts of the column `source` in their order. With
    `portion` rows beyond so many bytes wait in files, and text comes out plain; without it everything stays in memory,
    and dictionaries stay.
    """

    def __init__(self, schema: pa.Schema, record: str, sources: Sequence[str], portion: int | None = PORTION) -> None:
        self._schema = schema if portion is None else _plain_schema(schema)
        self._record = record
        self._sources = tuple(sources)
        self._portion = portion
        self._batches: list[pa.RecordBatch] = []
        self._size = 0
        self._last: int | None = None
        self._in_order = True
        """All rows so far."""
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._files: list[Path] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Takes rows in. Raises OSError where they must be put aside and cannot be."""
        if not batch.num_rows:
            return
        batch = batch if self._portion is None else _plain(batch, self._schema)
        self._batches.append(batch)
        self._size += batch.nbytes
        self._follow(self._keys(batch))
        if self._portion is not None and self._size > self._portion:
            self._put_aside()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        if not self._files:
            yield from self._in_memory().to_batches()
            return
        if self._batches:
            self._put_aside()
        files = [_pieces(path, self._keys) for path in self._files]
        if self._in_order:
            yield from (rows for rows, _ in itertools.chain.from_iterable(files))
        else:
            yield from _merged(files)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    def _follow(self, keys: Keys) -> None:
        """Notes whether these go on in order."""
        if self._in_order:
            begun = self._last is None or self._last <= keys[0].as_py()
            self._in_order = begun and _ascending(keys)
            self._last = keys[-1].as_py()

    def _in_memory(self) -> pa.Table:
        table = pa.Table.from_batches(self._batches, self._schema)
        return table if self._in_order else _by(table, self._keys(table))

    def _keys(self, rows: pa.Table | pa.RecordBatch) -> Keys:
        records = rows[self._record]
        if len(self._sources) == 1:
            return records
        position = pc.index_in(rows["source"].cast(pa.utf8()), pa.array(self._sources, pa.utf8())).cast(pa.uint64())
        return pc.add(pc.multiply(position, pa.scalar(_RECORDS, pa.uint64())), records)

    def _put_aside(self) -> None:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="flowwatch-")
        path = Path(self._folder.name) / str(len(self._files))
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, self._schema) as out:
            out.write_table(self._in_memory(), max_chunksize=_STRETCH if self._in_order else _PIECE)
        self._files.append(path)
        self._batches, self._size = [], 0


def _plain_schema(schema: pa.Schema) -> pa.Schema:
    kinds = ((field.name, field.type) for field in schema)
    return pa.schema([(name, kind.value_type if pa.types.is_dictionary(kind) else kind) for name, kind in kinds])


def _plain(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The rows without dictionaries: bringing those of many batches together costs more than the text."""
    columns = [one.dictionary_decode() if pa.types.is_dictionary(one.type) else one for one in batch.columns]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _ascending(keys: Keys) -> bool:
    return bool(pc.all(pc.less_equal(keys[:-1], keys[1:])).as_py())


def _by(table: pa.Table, keys: Keys) -> pa.Table:
    return table.take(pc.sort_indices(keys))


def _pieces(path: Path, keys: Callable[[pa.RecordBatch], Keys]) -> Iterator[tuple[pa.RecordBatch, Keys]]:
    with pa.OSFile(str(path), "rb") as file, pa.ipc.open_stream(file) as reader:
        for batch in reader:
            yield batch, keys(batch)


def _merged(files: list[Iterator[tuple[pa.RecordBatch, Keys]]]) -> Iterator[pa.RecordBatch]:
    """All below the lowest last key of what was read of each file is known: it is sorted and given."""
    heads = [(*first, file) for file in files if (first := next(file, None))]
    while heads:
        limit = min(keys[-1].as_py() for _, keys, _ in heads)
        ready, ready_keys, left = [], [], []
        for rows, keys, file in heads:
            count = pc.sum(pc.less_equal(keys, limit)).as_py()
            ready.append(rows.slice(0, count))
            ready_keys.append(keys.slice(0, count))
            head = (rows.slice(count), keys.slice(count)) if count < len(keys) else next(file, None)
            if head is not None:
                left.append((*head, file))
        heads = left
        yield from _by(pa.Table.from_batches(ready), pa.chunked_array(ready_keys)).combine_chunks().to_batches()
