"""The input formats, in one ordered list: name, what it is, how its first bytes are told, how it is read.

A new format is a line here. Where two formats score alike the earlier one stands. A reader is loaded when it is asked
for the first time, so that a capture does not wait for the logs.
"""

import functools
from collections.abc import Callable

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


def _zeek_score(path: str, head: bytes) -> int:
    from flowwatch.sources.zeek.sniff import path as told

    found, score = told(head)
    return score if found == path else 0


def _zeek(path: str, opened: Opened, options: ReadOptions, progress: Progress | None) -> Records:
    from flowwatch.sources.zeek import KINDS, ZeekLog

    del progress  # told by `opened`
    kind, refused = KINDS[path], options.refused(opened.name, KINDS[path].name)
    log = ZeekLog(kind, opened.name, opened.head, refused, forced=options.input_format is not None)
    return LogRecords(opened, log)


def _zeek_format(path: str, about: str) -> Format:
    return Format(f"zeek-{path}", about, functools.partial(_zeek_score, path), functools.partial(_zeek, path))


def _eve_score(head: bytes) -> int:
    from flowwatch.sources.eve import score

    return score(head)


def _eve(opened: Opened, options: ReadOptions, progress: Progress | None) -> Records:
    from flowwatch.sources.eve import EveLog

    del progress  # told by `opened`
    return LogRecords(opened, EveLog(opened.name, options.refused(opened.name, "eve")))


def _bind_score(head: bytes) -> int:
    from flowwatch.sources.bind import score

    return score(head)


def _bind(source: str, clock: Clock, refused: Refused | None) -> Log:
    from flowwatch.sources.bind import BindLog

    return BindLog(source, clock, refused)


def _dnsmasq_score(head: bytes) -> int:
    from flowwatch.sources.dnsmasq import score

    return score(head)


def _dnsmasq(source: str, clock: Clock, refused: Refused | None) -> Log:
    from flowwatch.sources.dnsmasq import DnsmasqLog

    return DnsmasqLog(source, clock, refused)


def _dnstap_score(head: bytes) -> int:
    from flowwatch.sources.dnstap import is_dnstap

    return is_dnstap(head)


def _dnstap(opened: Opened, options: ReadOptions, progress: Progress | None) -> Records:
    from flowwatch.sources.dnstap import DnstapRecords

    del progress  # told by `opened`
    return DnstapRecords(opened, options.refused(opened.name, "dnstap"))


def _powerdns_score(head: bytes) -> int:
    from flowwatch.sources.powerdns import is_powerdns

    return is_powerdns(head)


def _powerdns(opened: Opened, options: ReadOptions, progress: Progress | None) -> Records:
    from flowwatch.sources.powerdns import powerdns_records

    del progress  # told by `opened`
    return powerdns_records(opened, options.refused(opened.name, "powerdns-protobuf"))


def _cdns_score(head: bytes) -> int:
    from flowwatch.sources.cdns import is_cdns

    return is_cdns(head)


def _cdns(opened: Opened, options: ReadOptions, progress: Progress | None) -> Records:
    from flowwatch.sources.cdns import CdnsRecords

    del progress  # told by `opened`
    return CdnsRecords(opened, options.refused(opened.name, "c-dns"))


CAPTURES = (
    Format("pcap", "packet capture, classic", is_pcap, CaptureRecords),
    Format("pcapng", "packet capture, next generation", is_pcapng, CaptureRecords),
    Format("snoop", "packet capture of Solaris", is_snoop, CaptureRecords),
    Format("erf", "packet capture of Endace's cards", is_erf, CaptureRecords),
)
FORMATS = (
    *CAPTURES,
    _zeek_format("conn", "Zeek connections, tab-separated or JSON"),
    _zeek_format("dns", "Zeek DNS lookups, tab-separated or JSON"),
    _zeek_format("ssl", "Zeek TLS handshakes, tab-separated or JSON"),
    _zeek_format("http", "Zeek HTTP requests, tab-separated or JSON"),
    _zeek_format("quic", "Zeek QUIC handshakes, tab-separated or JSON"),
    _zeek_format("files", "Zeek files sent over connections, tab-separated or JSON"),
    _zeek_format("x509", "Zeek certificates, tab-separated or JSON: counted, since they name no connection"),
    Format("eve", "Suricata EVE records: flow, netflow, dns, tls, http, fileinfo, quic", _eve_score, _eve),
    of_log("bind-query", "BIND 9 query log, plain or behind syslog", _bind_score, _bind, ("named",)),
    of_log("dnsmasq", "dnsmasq and Pi-hole query log", _dnsmasq_score, _dnsmasq, ("dnsmasq", "pihole-FTL", "pihole")),
    Format("dnstap", "dnstap messages of DNS servers, in Frame Streams", _dnstap_score, _dnstap),
    Format(
        "powerdns-protobuf",
        "PowerDNS messages in Protocol Buffers, as its servers send them",
        _powerdns_score,
        _powerdns,
    ),
    Format("c-dns", "C-DNS, questions and answers in blocks (RFC 8618)", _cdns_score, _cdns),
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
