"""The input formats, in one ordered list: name, what it is, how its first bytes are told, how it is read.

A new format is a line here. Where two formats score alike the earlier one stands.
"""

import functools
from collections.abc import Callable

import msgspec

from flowwatch.model.records import ReadOptions
from flowwatch.sources.bind import BindRecords
from flowwatch.sources.bind import score as bind_score
from flowwatch.sources.capture import CaptureRecords, is_erf, is_pcap, is_pcapng, is_snoop
from flowwatch.sources.eve import EveRecords
from flowwatch.sources.eve import score as eve_score
from flowwatch.sources.maps import Map, MapRecords, ParquetRecords, is_parquet, own, shipped
from flowwatch.sources.maps import score as map_score
from flowwatch.sources.opened import Opened, Progress
from flowwatch.sources.records import Records
from flowwatch.sources.zeek import KINDS, ZeekRecords
from flowwatch.sources.zeek.sniff import path as zeek_path


class Format(msgspec.Struct, frozen=True):
    """One input format."""

    name: str
    about: str
    score: Callable[[bytes], int]
    """From the first bytes, 0 (is not) to 100 (is)."""
    read: Callable[[Opened, ReadOptions, Progress | None], Records]


def _zeek_score(path: str, head: bytes) -> int:
    found, score = zeek_path(head)
    return score if found == path else 0


def _zeek(path: str, opened: Opened, options: ReadOptions, progress: Progress | None) -> Records:
    del progress  # told by `opened`
    return ZeekRecords(opened, KINDS[path], forced=options.input_format is not None)


def _zeek_format(path: str, about: str) -> Format:
    return Format(KINDS[path].name, about, functools.partial(_zeek_score, path), functools.partial(_zeek, path))


def _eve(opened: Opened, options: ReadOptions, progress: Progress | None) -> Records:
    del options, progress  # told by `opened`
    return EveRecords(opened)


def _bind(opened: Opened, options: ReadOptions, progress: Progress | None) -> Records:
    del options, progress  # told by `opened`
    return BindRecords(opened)


FORMATS = (
    Format("pcap", "packet capture, classic", is_pcap, CaptureRecords),
    Format("pcapng", "packet capture, next generation", is_pcapng, CaptureRecords),
    Format("snoop", "packet capture of Solaris", is_snoop, CaptureRecords),
    Format("erf", "packet capture of Endace's cards", is_erf, CaptureRecords),
    _zeek_format("conn", "Zeek connections, tab-separated or JSON"),
    _zeek_format("dns", "Zeek DNS lookups, tab-separated or JSON"),
    _zeek_format("ssl", "Zeek TLS handshakes, tab-separated or JSON"),
    _zeek_format("http", "Zeek HTTP requests, tab-separated or JSON"),
    _zeek_format("quic", "Zeek QUIC handshakes, tab-separated or JSON"),
    Format("eve", "Suricata EVE records: flow, dns, tls, http, quic", eve_score, _eve),
    Format("bind-query", "BIND 9 query log, plain or behind syslog", bind_score, _bind),
)


def _map(found: Map, opened: Opened, options: ReadOptions, progress: Progress | None) -> Records:
    del options, progress  # told by `opened`
    return MapRecords(opened, found)


def _map_format(found: Map) -> Format:
    return Format(found.name, found.about, functools.partial(map_score, found), functools.partial(_map, found))


def _parquet(opened: Opened, options: ReadOptions, progress: Progress | None) -> Records:
    del progress  # told by `opened`
    return ParquetRecords(opened, (*own(options.maps), *shipped()))


@functools.lru_cache(maxsize=8)
def formats(maps: tuple[str, ...] = ()) -> tuple[Format, ...]:
    """All formats in order, the operator's maps first. Raises UsageError where a map cannot be used."""
    parquet = Format("parquet", "Parquet whose columns a map knows", is_parquet, _parquet)
    return (*map(_map_format, own(maps)), *FORMATS, parquet, *map(_map_format, shipped()))
