"""The input formats, in one ordered list: name, what it is, how its first bytes are told, how it is read.

A new format is a line here. Where two formats score alike the earlier one stands. A reader is loaded when it is asked
for the first time, so that a capture does not wait for the logs.
"""

import functools
import importlib
from collections.abc import Callable
from typing import Any

import msgspec

from flowwatch.model.records import ReadOptions, Refused
from flowwatch.sources.capture import CaptureRecords, is_erf, is_pcap, is_pcapng, is_snoop
from flowwatch.sources.logs import Log, LogRecords, written
from flowwatch.sources.moments import Clock
from flowwatch.sources.opened import Opened, Progress
from flowwatch.sources.records import Records

_Read = Callable[[Opened, ReadOptions, Progress | None], Records]
_Make = Callable[[str, Clock, Refused | None], Log]


class Format(msgspec.Struct, frozen=True):
    """One input format."""

    name: str
    about: str
    score: Callable[[bytes], int]
    """From the first bytes, 0 (is not) to 100 (is)."""
    read: _Read
    log: _Make | None = None
    """Of a log that may lie between lines of others."""
    tags: tuple[str, ...] = ()
    """Programs that write it, as syslog names them."""


def of_log(name: str, about: str, score: Callable[[bytes], int], log: _Make, tags: tuple[str, ...] = ()) -> Format:
    """The format of a log of lines."""

    def read(opened: Opened, options: ReadOptions, progress: Progress | None) -> Records:
        del progress  # told by `opened`
        clock = Clock(written(opened), options.timezone, opened.head)
        return LogRecords(opened, log(opened.name, clock, options.refused(opened.name, name)))

    return Format(name, about, score, read, log, tags)


def _of(room: str, name: str) -> Callable[..., Any]:
    """What a room of `sources` offers, loaded when it is called."""

    def call(*given: object, **named: object) -> Any:  # noqa: ANN401 - of the room
        return getattr(importlib.import_module(f"flowwatch.sources.{room}"), name)(*given, **named)

    return call


def _zeek(path: str, about: str) -> Format:
    """The format of one of Zeek's logs."""

    def score(head: bytes) -> int:
        found, sure = _of("zeek.sniff", "path")(head)
        return int(sure) if found == path else 0

    def read(opened: Opened, options: ReadOptions, progress: Progress | None) -> Records:
        from flowwatch.sources.zeek import KINDS, ZeekLog

        del progress  # told by `opened`
        kind, refused = KINDS[path], options.refused(opened.name, KINDS[path].name)
        log = ZeekLog(kind, opened.name, opened.head, refused, forced=options.input_format is not None)
        return LogRecords(opened, log)

    return Format(f"zeek-{path}", about, score, read)


def _of_file(name: str, about: str, score: Callable[[bytes], int], records: Callable[..., Records]) -> Format:
    """The format of a file that is no log of lines: `records` takes it opened, and what takes refused records."""

    def read(opened: Opened, options: ReadOptions, progress: Progress | None) -> Records:
        del progress  # told by `opened`
        return records(opened, options.refused(opened.name, name))

    return Format(name, about, score, read)


def _eve(source: str, clock: Clock, refused: Refused | None) -> Log:
    from flowwatch.sources.eve import EveLog

    del clock  # its times name their zone
    return EveLog(source, refused)


CAPTURES = (
    Format("pcap", "packet capture, classic", is_pcap, CaptureRecords),
    Format("pcapng", "packet capture, next generation", is_pcapng, CaptureRecords),
    Format("snoop", "packet capture of Solaris", is_snoop, CaptureRecords),
    Format("erf", "packet capture of Endace's cards", is_erf, CaptureRecords),
)
FORMATS = (
    *CAPTURES,
    _zeek("conn", "Zeek connections, tab-separated or JSON"),
    _zeek("dns", "Zeek DNS lookups, tab-separated or JSON"),
    _zeek("ssl", "Zeek TLS handshakes, tab-separated or JSON"),
    _zeek("http", "Zeek HTTP requests, tab-separated or JSON"),
    _zeek("quic", "Zeek QUIC handshakes, tab-separated or JSON"),
    _zeek("files", "Zeek files sent over connections, tab-separated or JSON"),
    _zeek("x509", "Zeek certificates, tab-separated or JSON: counted, since they name no connection"),
    of_log("eve", "Suricata EVE records: flow, netflow, dns, tls, http, fileinfo, quic", _of("eve", "score"), _eve),
    of_log(
        "bind-query",
        "BIND 9 query log, plain or behind syslog",
        _of("bind", "score"),
        _of("bind", "BindLog"),
        ("named",),
    ),
    of_log(
        "dnsmasq",
        "dnsmasq and Pi-hole query log",
        _of("dnsmasq", "score"),
        _of("dnsmasq", "DnsmasqLog"),
        ("dnsmasq", "pihole-FTL", "pihole"),
    ),
    _of_file(
        "dnstap",
        "dnstap messages of DNS servers, in Frame Streams",
        _of("dnstap", "is_dnstap"),
        _of("dnstap", "DnstapRecords"),
    ),
    _of_file(
        "powerdns-protobuf",
        "PowerDNS messages in Protocol Buffers, as its servers send them",
        _of("powerdns", "is_powerdns"),
        _of("powerdns", "powerdns_records"),
    ),
    _of_file(
        "c-dns",
        "C-DNS, questions and answers in blocks (RFC 8618)",
        _of("cdns", "is_cdns"),
        _of("cdns", "CdnsRecords"),
    ),
)


@functools.lru_cache(maxsize=8)
def formats(maps: tuple[str, ...] = ()) -> tuple[Format, ...]:
    """All formats in order, the operator's maps first. Raises UsageError where a map cannot be used."""
    from flowwatch.sources import maps as of

    def whole(name: str, about: str, score: Callable[[bytes], int], reader: type[of.WholeFile]) -> Format:
        def read(opened: Opened, options: ReadOptions, progress: Progress | None) -> Records:
            del progress  # told by `opened`
            return reader(opened, (*of.own(options.maps), *of.shipped()), options)

        return Format(name, about, score, read)

    def of_map(found: of.Map) -> Format:
        score, log = functools.partial(of.score, found), functools.partial(of.MapLog, found)
        return of_log(found.name, found.about, score, log, found.tags)

    files = (
        whole("parquet", "Parquet whose columns a map knows", of.is_parquet, of.ParquetRecords),
        whole("nfcapd", "flow records as nfdump stores them", of.is_nfcapd, of.NfcapdRecords),
        whole("pihole-ftl", "Pi-hole's query database (FTL)", of.is_sqlite, of.PiholeRecords),
        whole("evtx", "Windows events of Sysmon and DNS servers", of.is_evtx, of.EventRecords),
    )
    lines = [one for one in of.shipped() if one.name not in {file.name for file in files}]
    return (*map(of_map, of.own(maps)), *FORMATS, *files, *map(of_map, lines))
