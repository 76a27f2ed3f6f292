"""Packets through the core and out as plain rows: what every oracle here is compared with."""

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from flowwatch import sources
from flowwatch.audit import audit
from flowwatch.model import Coverage, ReadOptions

ETHERNET = 1


@dataclass(frozen=True)
class Packet:
    """One packet of a capture: nanoseconds since 1970, bytes as captured, length on the wire if that was more."""

    time: int
    data: bytes
    wire_length: int = 0


@dataclass(frozen=True)
class Rows:
    """What the core told of one capture."""

    flows: list[dict[str, Any]]
    lookups: list[dict[str, Any]]
    skipped: dict[str, int]
    """Records that gave nothing, by reason."""
    offsets: list[int] = field(default_factory=list)
    """Byte offset of each packet's record."""


def pcap(packets: Iterable[Packet], link_type: int = ETHERNET) -> tuple[bytes, list[int]]:
    """A pcap file with nanoseconds, and the offset of each record."""
    out = bytearray(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, link_type))
    offsets = []
    for packet in packets:
        offsets.append(len(out))
        seconds, nanoseconds = divmod(packet.time, 10**9)
        lengths = (len(packet.data), packet.wire_length or len(packet.data))
        out += struct.pack("<IIII", seconds, nanoseconds, *lengths) + packet.data
    return bytes(out), offsets


def read(path: Path, options: ReadOptions = ReadOptions()) -> Rows:
    """The rows of a capture, both tables in the order of their records."""
    told = sources.collect([str(path)], options)
    assert told.coverage[0].error is None
    return Rows(plain(told.flows), plain(told.lookups), dict(told.coverage[0].skipped))


def plain(table: pa.Table) -> list[dict[str, Any]]:
    """The rows as dictionaries, times and durations as integers of nanoseconds, nulls left out."""
    columns = []
    for column in table.columns:
        timed = pa.types.is_timestamp(column.type) or pa.types.is_duration(column.type)
        columns.append(column.cast(pa.int64()) if timed else column)
    rows = pa.Table.from_arrays(columns, names=table.column_names).to_pylist()
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


Reader = Callable[..., Rows]


@pytest.fixture(scope="session")
def rows_of(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """A function from packets to rows."""
    path = tmp_path_factory.mktemp("oracle") / "packets.pcap"

    def rows(packets: Iterable[Packet], link_type: int = ETHERNET, options: ReadOptions = ReadOptions()) -> Rows:
        data, offsets = pcap(packets, link_type)
        path.write_bytes(data)
        told = read(path, options)
        return Rows(told.flows, told.lookups, told.skipped, offsets)

    return rows


@pytest.fixture
def audited(tmp_path: Path) -> Callable[[Iterable[Packet]], Coverage]:
    """A function from packets to the Coverage that an audit gives of them."""

    def coverage(packets: Iterable[Packet]) -> Coverage:
        path = tmp_path / "packets.pcap"
        path.write_bytes(pcap(packets)[0])
        (told,) = audit([str(path)]).coverage
        return told

    return coverage


@pytest.fixture(scope="session")
def rows_in() -> Callable[[Path], Rows]:
    """A function from a capture file to rows."""
    return read


@pytest.fixture(scope="session")
def packet() -> type[Packet]:
    """The class of one packet; test files share nothing else."""
    return Packet
