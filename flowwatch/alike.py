"""Which rows of a table are alike: a number for each distinct value, and for each combination of values.

Promises: equal values, and null, have one number, distinct values never the same; numbers count from 0, those of
combinations in the order in which each first comes. Lists are compared element by element. Refuses to sort: the order
of values is not that of numbers.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Numbers = npt.NDArray[np.signedinteger]
"""A whole number a row; those that count distinct values are of 32 bits, as Arrow's own, which no table outgrows."""
Flags = npt.NDArray[np.bool_]
_ROOM = 1 << 62
_T = TypeVar("_T")
_U = TypeVar("_U")


def numbers(column: pa.ChunkedArray | pa.Array) -> Numbers:
    """The number of each value of a column: 0 for null."""
    if column.null_count == len(column):
        return np.zeros(len(column), np.int32)
    whole = one_array(column)
    if pa.types.is_list(whole.type):
        return _lists(whole)
    if pa.types.is_struct(whole.type):
        held = [numbers(whole.field(place)) for place in range(whole.type.num_fields)]
        return np.where(_valid(whole), together(held, len(whole)) + 1, 0)
    if not pa.types.is_dictionary(whole.type):
        return _indices(whole.dictionary_encode())
    distinct = _indices(whole.dictionary.dictionary_encode())  # a dictionary may hold a value twice, and null
    return np.append(np.int32(0), distinct)[_indices(whole)]


def together(columns: Iterable[Numbers], count: int) -> Numbers:
    """The number of each of `count` combinations of what the columns number."""
    found, size = np.zeros(count, np.int64), 1
    for column in columns:
        most = int(column.max(initial=0)) + 1
        if most == 1:
            continue
        if size * most >= _ROOM:
            found = _dense(found).astype(np.int64)
            size = int(found.max(initial=0)) + 1
        if size * most >= _ROOM:
            column = _dense(column)  # noqa: PLW2901 - the same with smaller numbers
            most = int(column.max(initial=0)) + 1
        found *= most
        found += column
        size *= most
    return _dense(found)


def at_once(of: Callable[[_T], _U], those: Iterable[_T]) -> list[_U]:
    """What comes of each, made at once on every processor given: for columns, on which Python holds nothing up."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return list(pool.map(of, those))


def firsts(combinations: Numbers) -> Numbers:
    """The first row of each number that `together` gave, in order."""
    return np.flatnonzero(np.diff(np.maximum.accumulate(combinations), prepend=-1))


def by_value(values: Numbers) -> Iterator[tuple[int, Numbers]]:
    """Each distinct value with its places."""
    if not len(values):
        return
    order = np.argsort(values, kind="stable")
    edges = np.flatnonzero(np.diff(values[order], prepend=-1))
    for places in np.split(order, edges[1:]):
        yield int(values[places[0]]), places


def plain(values: pa.Array | pa.ChunkedArray) -> Numbers:
    """Numbers of a column without nulls, as numpy has them."""
    return np.asarray(one_array(values).to_numpy(zero_copy_only=False), np.int64)


def flags(values: pa.Array | pa.ChunkedArray) -> Flags:
    """Truths of a column as numpy has them; null is false."""
    return np.asarray(pc.fill_null(one_array(values), fill_value=False).to_numpy(zero_copy_only=False), np.bool_)


def numbered(table: pa.Table, names: Iterable[str]) -> pa.Table:
    """The table with the named columns of texts as numbers and the distinct texts, which are then found but once."""
    for name in names:
        place = table.schema.get_field_index(name)
        if pa.types.is_string(table.schema.field(place).type):
            table = table.set_column(place, name, table.column(place).dictionary_encode())
    return table


def words(column: pa.ChunkedArray) -> tuple[list[str], Numbers]:
    """The distinct texts of a column, and which of them each row has: -1 for null."""
    encoded = one_array(column if _is_text(column.type) else column.cast(pa.utf8()))
    if not pa.types.is_dictionary(encoded.type):
        encoded = encoded.dictionary_encode()
    return encoded.dictionary.to_pylist(), _places(encoded)


def isin(values: Numbers, wanted: Numbers) -> Flags:
    """The value is one of those wanted: by hashing, where numpy sorts."""
    return flags(pc.is_in(pa.array(values), value_set=pa.array(wanted)))


def among(column: pa.ChunkedArray, wanted: Collection[str]) -> Flags:
    """The value is one of the words; null is none."""
    if column.null_count == len(column):
        return np.zeros(len(column), np.bool_)
    known, which = words(column)
    return np.array([*(word in wanted for word in known), False], np.bool_)[which]


def shared(*columns: pa.ChunkedArray) -> tuple[list[str], list[Numbers]]:
    """The distinct texts of several columns of one length, and of each column which of them its rows have.

    The columns have no nulls.
    """
    known: dict[str, int] = {}
    found = []
    for texts, which in map(words, columns):
        places = np.array([known.setdefault(text, len(known)) for text in texts], np.int32)
        found.append(places[which] if len(places) else which)
    return list(known), found


def sums(values: Numbers, groups: Numbers, count: int) -> list[int]:
    """The exact sum of the values (0 and more) of each of `count` groups."""
    width = _EXACT - len(values).bit_length()
    found = [0] * count
    for shift in range(0, int(values.max(initial=0)).bit_length(), width):
        part = np.bincount(groups, (values >> shift) & ((1 << width) - 1), minlength=count)
        found = [one + (int(more) << shift) for one, more in zip(found, part.tolist(), strict=True)]
    return found


_EXACT = 53
"""Bits of a number that floating-point addition keeps: so many values, of what is left of them each, add exactly."""


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_dictionary(kind))


def one_array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """The column as one array; text is numbered before, since one array holds two GiB of it."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    if pa.types.is_string(column.type):
        column = column.dictionary_encode()
    chunks = column.unify_dictionaries().chunks
    return pa.concat_arrays(chunks) if chunks else pa.array([], column.type)


def _dense(values: Numbers) -> Numbers:
    """The same distinctions, counted from 0 as they come."""
    return _places(pa.array(values).dictionary_encode())


def _indices(encoded: pa.DictionaryArray) -> Numbers:
    """Counted from 1; 0 for null."""
    return _places(encoded) + 1


def _places(encoded: pa.DictionaryArray) -> Numbers:
    """Which of the distinct values each row has; -1 for null."""
    return np.asarray(pc.fill_null(encoded.indices.cast(pa.int32()), -1).to_numpy())


def _valid(whole: pa.Array) -> npt.NDArray[np.bool_]:
    return flags(whole.is_valid())


def _lists(whole: pa.ListArray) -> Numbers:
    """Numbers of lists: those of equal length are told apart by one element after the other."""
    lengths = plain(pc.fill_null(pc.list_value_length(whole), -1))
    elements = numbers(whole.flatten())
    starts = np.concatenate(([0], np.cumsum(np.maximum(lengths, 0))))[:-1]
    found = together([lengths + 1], len(whole)).astype(np.int64)
    rows = np.flatnonzero(lengths > 0)
    place, most = 0, len(found)
    while len(rows):
        pairs = together([found[rows], elements[starts[rows] + place]], len(rows))
        found[rows] = most + pairs
        most += len(rows)
        place += 1
        rows = rows[lengths[rows] > place]
    return np.where(lengths < 0, 0, together([found], len(whole)) + 1)
