"""Which control connections may have announced a connection: FTP's data runs beside the commands (RFC 959 3.2).

A source that reads FTP calls the data `ftp-data` where a control connection of the same two hosts announced it, in
either mode (PASV, EPSV, PORT, EPRT); of a connection that nothing was recognised in, or that is sealed, it cannot say
so. Beside both stand here the connections between the same two hosts, of FTP or at the ports asked for, that ran then.

Promises: the transmissions in their order, unchanged but for `controls`; without ports the very ones given. A third
host that a control connection names (RFC 2577 3) is beside none. Refuses to say which of several announced it.
"""

import bisect
import collections
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from flowwatch.alike import Numbers, by_value, firsts, isin, numbers, together
from flowwatch.model import EARLIEST, LATEST, Control, Instant, OpenedBy, Transmission, Transmissions
from flowwatch.policy.match import PortRange
from flowwatch.transmissions.rows import each

ANNOUNCED_SOON = 300 * 10**9
"""Nanoseconds after the last record of a control connection within which what it announced may begin."""
_CLOCKS = 5 * 10**9
"""Nanoseconds by which it may begin before, where records were cut or clocks differ."""
_ANNOUNCING = ("proto", "app", "dst_port")
"""The columns that `may_announce` asks for, as the next are those of `may_be_announced`."""
_ANNOUNCED = ("proto", "app")
_PORTION = 1 << 14
_MAY_BE_DATA = frozenset({None, "ftp-data", "tls"})
_MAY_ANNOUNCE = frozenset({None, "ftp", "tls"})


def with_controls(sent: Sequence[Transmission], ports: Sequence[PortRange]) -> Sequence[Transmission]:
    """The same, each TCP transmission that may be announced data with the connections that may have announced it."""
    if not ports:
        return sent
    if isinstance(sent, Transmissions):
        return _with_columns(sent, ports)
    between = _between(sent, ports)
    return tuple(_beside(one, between) for one in sent)


def may_announce(proto: str, app: str | None, port: int | None, ports: Sequence[PortRange]) -> bool:
    """It is FTP, or may be: nothing else was recognised in it, and it leads to one of the ports."""
    if proto != "tcp" or port is None or app not in _MAY_ANNOUNCE:
        return False
    return app == "ftp" or any(port in span for span in ports)


def may_be_announced(proto: str, app: str | None) -> bool:
    """It is data that was announced, or may be."""
    return proto == "tcp" and app in _MAY_BE_DATA


class _Kind(NamedTuple):
    """What distinguishes control connections between two hosts."""

    port: int
    opener: str
    read_in: str | None
    """The source that read every command from the beginning; None where none did."""
    clear: bool
    """That source shows that TLS did not begin inside it, under which data is sealed, too (RFC 4217)."""


_Hosts = tuple[str, ...]
_Running = dict[_Kind, "_Spans"]


class _Spans:
    """When the connections of a kind ran, to be asked whether one did at an instant."""

    def __init__(self, spans: Iterable[tuple[Instant, Instant]]) -> None:
        self.edges: list[Instant] = []
        """From each first instant to before the second what begins may be announced, and so on."""
        for start, end in sorted(spans):
            since, until = start - _CLOCKS, end + ANNOUNCED_SOON + 1
            if self.edges and since <= self.edges[-1]:
                self.edges[-1] = max(self.edges[-1], until)
            else:
                self.edges += [since, until]

    def at(self, begun: Instant) -> bool:
        """One ran, or had ended soon before."""
        return bisect.bisect_right(self.edges, begun) % 2 == 1


def _between(sent: Iterable[Transmission], ports: Sequence[PortRange]) -> dict[_Hosts, _Running]:
    """By pair of hosts their control connections."""
    found: dict[_Hosts, dict[_Kind, set[tuple[Instant, Instant]]]] = {}
    for one in sent:
        if may_announce(one.proto, one.app, one.service_port, ports):
            kinds = found.setdefault(_hosts(one), collections.defaultdict(set))
            kinds[_kind(one)].add((one.start, one.end) if one.timed else _ALWAYS)
    return {hosts: {kind: _Spans(spans) for kind, spans in kinds.items()} for hosts, kinds in found.items()}


_ALWAYS = (-(2**62), 2**62)


def _kind(one: Transmission) -> _Kind:
    opener = one.sender_ip if one.opened_by is OpenedBy.SENDER else one.receiver_ip
    read = one.app == "ftp" and one.tls_version is None and not one.begun_before
    return _Kind(one.service_port or 0, opener, one.ref.source if read else None, clear=one.clear is True)


def _hosts(one: Transmission) -> _Hosts:
    return _ordered(one.sender_ip, one.receiver_ip)


def _ordered(*hosts: str) -> _Hosts:
    return tuple(sorted(hosts))


def _beside(one: Transmission, between: dict[_Hosts, _Running]) -> Transmission:
    running = between.get(_hosts(one)) if may_be_announced(one.proto, one.app) else None
    if running is None:
        return one
    found = {_control(kind, one) for kind, spans in running.items() if not one.timed or spans.at(one.start)}
    return msgspec.structs.replace(one, controls=tuple(sorted(found))) if found else one


def _with_columns(sent: Transmissions, ports: Sequence[PortRange]) -> Transmissions:
    """The same of columns: asked once of all that have the same ends, source and application between two edges."""
    columns, row = sent.columns, sent.columns.row
    flows = columns.flows
    told = each(flows, _ANNOUNCING, lambda one: may_announce(one.proto, one.app, one.dst_port, ports))
    data = each(flows, _ANNOUNCED, lambda one: may_be_announced(one.proto, one.app))
    between = _between(_picked(sent, np.flatnonzero(told[row])), ports)
    addresses, src, dst = columns.addresses, columns.src, columns.dst
    hosts = together([np.minimum(src, dst), np.maximum(src, dst)], len(flows))
    near = np.flatnonzero((data & isin(hosts, hosts[told]))[row])
    flow = row[near]
    spell = np.zeros(len(near), np.int64)
    for _, places in by_value(hosts[flow]):
        first = flow[places[0]]
        running = between.get(_ordered(addresses[src[first]], addresses[dst[first]]), {})
        edges = {min(max(edge, EARLIEST), LATEST) for spans in running.values() for edge in spans.edges}
        spell[places] = np.searchsorted(np.array(sorted(edges), np.int64), columns.start[flow[places]], side="right")
    what = (numbers(flows["source"]), numbers(flows["app"]), columns.timed.astype(np.int64))
    sides = (src[flow], dst[flow], columns.forth[near].astype(np.int64))
    alike = together([*(one[flow] for one in what), *sides, spell], len(near))
    known: dict[tuple[Control, ...], int] = {(): 0}
    found = (_beside(one, between).controls for one in _picked(sent, near[firsts(alike)]))
    number = np.array([known.setdefault(one, len(known)) for one in found], np.int64)
    controls = np.zeros(len(sent), np.int64)
    controls[near] = number[alike]
    kinds = list(known)

    def made(places: Numbers) -> list[Transmission]:
        those = zip(sent.pick(places), controls[places].tolist(), strict=True)
        return [msgspec.structs.replace(one, controls=kinds[kind]) if kind else one for one, kind in those]

    return Transmissions(msgspec.structs.replace(columns, controls=controls), made)


def _picked(sent: Transmissions, places: Numbers) -> Iterator[Transmission]:
    """Those at the places, made a portion at a time."""
    for begin in range(0, len(places), _PORTION):
        yield from sent.pick(places[begin : begin + _PORTION])


def _control(kind: _Kind, one: Transmission) -> Control:
    opened = OpenedBy.SENDER if kind.opener == one.sender_ip else OpenedBy.RECEIVER
    return Control(kind.port, opened, read=kind.read_in == one.ref.source and (kind.clear or one.app != "tls"))
