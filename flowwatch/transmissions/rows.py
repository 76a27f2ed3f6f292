"""Rows of the two tables as plain values: every needed column is converted once.

Promises: nulls stay None, times become nanoseconds, nothing is left out. Refuses tables without the columns of
`flowwatch.model.FLOWS`.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from flowwatch.alike import Flags, Numbers, firsts, numbers, together
from flowwatch.model import Instant, Ref


class FlowRow(msgspec.Struct, gc=False):
    """The columns of one FLOWS row that derivation reads; after joining, one whole connection."""

    source: str
    first_record: int
    last_record: int | None
    first_offset: int | None
    start: Instant | None
    end: Instant | None
    proto: str
    src_ip: str
    dst_ip: str
    src_port: int | None
    dst_port: int | None
    conn_id: str | None
    direction_basis: str | None
    src_packets: int | None
    dst_packets: int | None
    src_bytes: int | None
    dst_bytes: int | None
    bytes_scope: str | None
    bytes_total: int | None
    src_payload: int | None
    dst_payload: int | None
    src_acked: int | None
    dst_acked: int | None
    state: str | None
    tunnel: list[str] | None
    tunnel_ends: list[dict[str, str | None]] | None
    community_id: str | None
    app: str | None
    sni: str | None
    alpn: list[str] | None
    tls_version: str | None
    ech: bool | None
    cert_spki_sha256: str | None
    cert_issuer: str | None
    cert_names: list[str] | None
    http_host: str | None
    http_method: str | None
    http_path: str | None
    http_hosts: list[str] | None
    src_markers: list[str] | None
    dst_markers: list[str] | None
    src_clear: bool | None
    dst_clear: bool | None
    src_payload_sha256: list[str] | None
    dst_payload_sha256: list[str] | None
    sampled: int | None
    name: str | None
    name_source: str | None
    counter: str | None
    action: str | None
    nat_src_ip: str | None
    nat_src_port: int | None
    nat_dst_ip: str | None
    nat_dst_port: int | None
    named_by: Ref | None = None
    """The row that gave the names, where it is another than the one that counted."""
    told: list[list["FlowRow"]] | None = None
    """Where several rows with counts tell of it: by recorder its rows, which follow one another; the best first."""

    @property
    def span(self) -> tuple[Instant, Instant]:
        """First and last moment, as far as told."""
        since = self.start if self.start is not None else self.end or 0
        return since, max(since, self.end or 0)

    @property
    def ref(self) -> Ref:
        """Where the row stands."""
        last = self.first_record if self.last_record is None else self.last_record
        return Ref(self.source, self.first_record, last, self.first_offset)


FLOW_COLUMNS = tuple(name for name in FlowRow.__struct_fields__ if name not in ("named_by", "told"))
"""The columns of FLOWS that a row has."""


def flow_rows(flows: pa.Table) -> list[FlowRow]:
    """Every row of FLOWS, in the order of the table."""
    return list(itertools.starmap(FlowRow, columns(flows, FLOW_COLUMNS)))


def rows_at(flows: pa.Table, places: Numbers) -> list[FlowRow]:
    """The rows at the places, chunk by chunk: `take` of all would put the chunks of each column together first."""
    order = np.argsort(places, kind="stable")
    edges = np.cumsum([0, *(len(chunk) for chunk in flows.column(0).chunks)])
    cuts = np.searchsorted(places[order], edges)
    found: list[FlowRow] = []
    for (begin, end), (first, last) in zip(itertools.pairwise(edges), itertools.pairwise(cuts), strict=True):
        if first < last:
            chunk = flows.slice(begin, end - begin)
            found += flow_rows(chunk.take(pa.array(places[order[first:last]] - begin)))
    return [found[at] for at in np.argsort(order, kind="stable")]


def each(
    flows: pa.Table, names: Sequence[str], told: Callable[[FlowRow], bool], besides: Sequence[Numbers] = ()
) -> Flags:
    """What is told of every row, asked once of those that these columns (and the numbers besides) do not tell apart."""
    alike = together([*(numbers(flows[name]) for name in names), *besides], len(flows))
    found = [told(row) for row in rows_at(flows, firsts(alike))]
    return np.array(found, np.bool_)[alike]


def columns(table: pa.Table, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The named columns, a tuple a row; times and spans as integers of nanoseconds."""
    return zip(*[_values(table.column(name)) for name in names], strict=True)


def _values(column: pa.ChunkedArray) -> list[Any]:
    if column.null_count == len(column):
        return [None] * len(column)
    if pa.types.is_timestamp(column.type) or pa.types.is_duration(column.type):
        column = column.cast(pa.int64())
    values: list[Any] = column.to_pylist()
    return values
