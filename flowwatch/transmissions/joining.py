"""FLOWS with one row a connection, in order of record: most rows are a whole connection and stay in the table.

Promises: the rows of `connections`, and in their order; only rows that may belong together (one connection id, the same
ends in several sources, an address translation, a log without ports) become rows of Python on the way.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.alike import Flags, Numbers, among, flags, numbers, plain, together
from flowwatch.model import FLOWS
from flowwatch.transmissions.connections import ICMP, PROXY_NAMES, connections
from flowwatch.transmissions.rows import FLOW_COLUMNS, FlowRow, flow_rows, rows_at
from flowwatch.transmissions.translation import untranslated


class Joined(NamedTuple):
    """One row a connection; `told` has those of several rows as they were put together, by place."""

    flows: pa.Table
    told: Mapping[int, FlowRow]

    def rows(self, places: Numbers) -> list[FlowRow]:
        """The rows at the places."""
        found = rows_at(self.flows, places)
        if self.told:
            return [self.told.get(int(place), row) for place, row in zip(places, found, strict=True)]
        return found


def joined(flows: pa.Table, recorders: Mapping[str, object], skew: int) -> Joined:
    """`flows` has the schema FLOWS and no parts; the rest is as for `connections`."""
    flows = flows.select(FLOW_COLUMNS)
    loose = _loose(flows)
    if not loose.any():
        return Joined(flows.take(pa.array(order)) if (order := _order(flows)) is not None else flows, {})
    mask = pa.array(loose)
    rows = connections(untranslated(flow_rows(flows.filter(mask)), skew), recorders, skew)
    kept = flows.filter(pc.invert(mask))
    every = pa.concat_tables([kept, _table(rows)]).unify_dictionaries()
    order = _order(every)
    order = np.arange(len(every)) if order is None else order
    places = np.empty(len(every), np.int64)
    places[order] = np.arange(len(every))
    several = (row.told is not None or row.named_by is not None for row in rows)
    told = {int(places[len(kept) + at]): row for at, (row, one) in enumerate(zip(rows, several, strict=True)) if one}
    return Joined(every.take(pa.array(order)), told)


def _loose(flows: pa.Table) -> Flags:
    """Rows that may belong together with others."""
    if any(flows[name].null_count < len(flows) for name in ("nat_src_ip", "nat_dst_ip")) or _portless(flows).any():
        return np.ones(len(flows), np.bool_)
    return _repeated(numbers(flows["conn_id"]), at_all=_valid(flows["conn_id"])) | _in_several_sources(flows)


def _repeated(values: Numbers, at_all: Flags) -> Flags:
    """The row's number is that of others too."""
    if not at_all.any():
        return at_all
    return at_all & (np.bincount(values)[values] > 1)


def _portless(flows: pa.Table) -> Flags:
    """As `connections` has it, or nearly: rows of logs that leave a port out, or tell what was asked of a proxy."""
    without = [~_valid(flows[f"{side}_port"]) for side in ("src", "dst")]
    asked = among(flows["name_source"], sorted(PROXY_NAMES))
    found: Flags = ~among(flows["proto"], ICMP) & ((without[0] != without[1]) | (without[0] & asked))
    return found


def _in_several_sources(flows: pa.Table) -> Flags:
    """Another source has a row with the same protocol and ends, in either order."""
    source = numbers(flows["source"])
    if len(np.unique(source)) < 2:
        return np.zeros(len(flows), np.bool_)
    count = len(flows)
    ends = [*_texts(flows["src_ip"]).chunks, *_texts(flows["dst_ip"]).chunks]
    address = numbers(pa.chunked_array(ends, pa.utf8())).astype(np.int64)
    ported = ~among(flows["proto"], ICMP)
    ports = [plain(pc.fill_null(flows[f"{side}_port"].cast(pa.int64()), -1)) + 1 for side in ("src", "dst")]
    src, dst = (
        part * (1 << 17) + np.where(ported, port, 0)
        for part, port in zip((address[:count], address[count:]), ports, strict=True)
    )
    pair = together([numbers(flows["proto"]), np.minimum(src, dst), np.maximum(src, dst)], count)
    least, most = np.full(pair.max() + 1, source.max()), np.zeros(pair.max() + 1, np.int64)
    np.minimum.at(least, pair, source)
    np.maximum.at(most, pair, source)
    shared: Flags = (least != most)[pair]
    return shared


def _order(flows: pa.Table) -> Numbers | None:
    """The rows in the order of `connections`; None where they are in order."""
    last = pc.coalesce(flows["last_record"], flows["first_record"])
    place = [_ranks(flows["source"]), _counted(flows["first_record"]), _counted(last)]
    if _rising(place):
        return None
    order = np.lexsort(place[::-1])
    if _rising([one[order] for one in place]):
        return order
    counts = [_counted(flows[name]) for name in ("start", "src_payload", "dst_payload")]
    ends = [one for side in ("src", "dst") for one in (_ranks(flows[f"{side}_ip"]), _counted(flows[f"{side}_port"]))]
    keys = [*place, counts[0], _ranks(flows["proto"]), *ends, *counts[1:], _ranks(flows["conn_id"])]
    return np.lexsort(keys[::-1])


def _rising(keys: Sequence[Numbers]) -> bool:
    """Each row comes after the one before, by the keys in their order."""
    equal = np.ones(max(len(keys[0]) - 1, 0), np.bool_)
    for key in keys:
        step = np.diff(key)
        if (equal & (step < 0)).any():
            return False
        equal &= step == 0
    return not equal.any()


def _ranks(column: pa.ChunkedArray) -> Numbers:
    """The place of each value among the distinct ones in order; null first."""
    distinct = sorted(value for value in column.unique().to_pylist() if value is not None)
    if not distinct:
        return np.zeros(len(column), np.int64)
    found = pc.index_in(_texts(column), pa.array(distinct, pa.utf8()))
    return plain(pc.fill_null(found.cast(pa.int64()), -1))


def _counted(column: pa.ChunkedArray) -> Numbers:
    return plain(pc.fill_null(column.cast(pa.int64()), -1))


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.utf8())


def _valid(column: pa.ChunkedArray) -> Flags:
    return flags(column.is_valid())


def _table(rows: Sequence[FlowRow]) -> pa.Table:
    """Rows as a table."""
    fields = [FLOWS.field(name) for name in FLOW_COLUMNS]
    columns = [pa.array([getattr(row, one.name) for row in rows], one.type) for one in fields]
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))
