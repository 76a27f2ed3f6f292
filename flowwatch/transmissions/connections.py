"""Rows of one connection become one flow, whoever tells of it.

Promises: rows that share a connection id and both ends are one (Zeek's conn row with its ssl rows, Suricata's flow with
its handshake and its requests, from whatever files); so are rows of several sources with the same ends, in either
order, that overlap in time, and a connection that files cut: it is counted once. What each source counted stays apart,
in its own scope (`FlowRow.told`); counts of two sources are never added unless they are files of one recorder that
follow one another. Of what several say the best counted row's stands, then the earliest's, but every host asked for is
kept; the order of rows changes nothing. Refuses to join rows of one source without a connection id: those are whole
(`parts`). The protocol is the counting row's: a log of TLS does not know over what it ran. What it was wrapped in is
one row's as a whole.
"""

import bisect
import collections
import itertools
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from flowwatch.model import MOST_COUNTED, Instant
from flowwatch.transmissions.directions import opening_seen
from flowwatch.transmissions.naming import host_name
from flowwatch.transmissions.parts import BASES, IDLE, OTHER_IDLE
from flowwatch.transmissions.rows import FlowRow

_Ends = tuple[str, str, int | None, str, int | None]
_Pair = tuple[object, ...]
_Span = tuple[Instant, Instant]


def connections(rows: Iterable[FlowRow], recorders: Mapping[str, object] | None = None, skew: int = 0) -> list[FlowRow]:
    """One row a connection, ordered by source and record, so that a flow's number is the same in every run.

    `recorders`: by source what recorded it, for files that follow one another; `skew`: by how many nanoseconds two
    recorders' clocks may differ.
    """
    return sorted(_across(_by_id(rows), recorders or {}, skew), key=_position)


def _by_id(rows: Iterable[FlowRow]) -> list[FlowRow]:
    alone: list[FlowRow] = []
    joined: dict[_Ends, list[FlowRow]] = {}
    for row in rows:
        if row.conn_id is None:
            alone.append(row)
        else:
            ends = (row.conn_id, row.src_ip, row.src_port, row.dst_ip, row.dst_port)
            joined.setdefault(ends, []).append(row)
    alone.extend(_by_scope(parts) if len(parts) > 1 else parts[0] for parts in _with_ports(joined).values())
    return alone


def _with_ports(joined: dict[_Ends, list[FlowRow]]) -> dict[_Ends, list[FlowRow]]:
    """The same, rows that know no port (Zeek's files.log before 5.1) beside those of their connection that do."""
    portless = [ends for ends in joined if ends[2::2] == (None, None)]
    if portless:
        ported = {_hosts_by_id(ends): ends for ends in joined if ends[2::2] != (None, None)}
        for ends in portless:
            if (same := ported.get(_hosts_by_id(ends))) is not None:
                joined[same] += joined.pop(ends)
    return joined


def _hosts_by_id(ends: _Ends) -> tuple[str, str, str]:
    conn_id, src, _, dst, _ = ends
    return conn_id, src, dst


def _by_scope(parts: list[FlowRow]) -> FlowRow:
    """The one row; what others count in another scope (the bodies that ran over it) is told beside it."""
    counting, *others = sorted(parts, key=_standing)
    beside = [[row] for row in others if _counts(row) and row.bytes_scope != counting.bytes_scope]
    best = _one(parts)
    return msgspec.structs.replace(best, told=[[counting], *beside]) if beside else best


def _beside(row: FlowRow) -> list[list[FlowRow]]:
    """What is told beside the row's own count."""
    return (row.told or [])[1:]


def _across(rows: list[FlowRow], recorders: Mapping[str, object], skew: int) -> Iterable[FlowRow]:
    """Each connection once, though several sources tell of it."""
    if len({row.source for row in rows}) < 2:
        return rows
    portless = [row for row in rows if _portless(row)]
    asked_for = {_hosts_of(row) for row in portless}
    by_pair: dict[_Pair, list[FlowRow]] = collections.defaultdict(list)
    for row in rows:
        if not asked_for or not _portless(row):
            by_pair[_pair(row)].append(row)
    whole: list[FlowRow] = []
    between: dict[_Pair, list[_Sighting]] = collections.defaultdict(list)
    for same in by_pair.values():
        hosts = _hosts_of(same[0])
        if hosts in asked_for:
            between[hosts].extend(_sightings(same, recorders, skew))
        elif all(row.source == same[0].source for row in same):
            whole.extend(same)
        else:
            whole.extend(one.row() for one in _sightings(same, recorders, skew))
    loose = _Loose(between, recorders, skew)
    for row in sorted(portless, key=lambda row: (row.span[0], *_position(row))):
        loose.add(row)
    whole.extend(one.row() for one in loose.sightings())
    return whole


def _portless(row: FlowRow) -> bool:
    """A log that leaves a port out: a proxy's leaves out its client's, and may leave out its own."""
    if row.proto in ICMP or (row.src_port is not None and row.dst_port is not None):
        return False
    return (row.src_port is None) != (row.dst_port is None) or row.name_source in PROXY_NAMES


def _hosts_of(row: FlowRow) -> _Pair:
    return (row.proto, *sorted((row.src_ip, row.dst_ip)))


class _Loose:
    """Rows without a port, each beside the connection between its hosts that is nearest in time.

    One of which another source read the same host stands before, one of which others were read behind the rest; so does
    one on which the same log has a tunnel already, over which nothing more is asked (RFC 9110 9.3.6).
    """

    def __init__(self, between: dict[_Pair, list["_Sighting"]], recorders: Mapping[str, object], skew: int) -> None:
        self._ported = {hosts: sorted(found, key=_Sighting.began) for hosts, found in between.items()}
        self._portless: dict[_Pair, list[_Sighting]] = collections.defaultdict(list)
        self._recorders, self._skew = recorders, skew

    def add(self, row: FlowRow) -> None:
        """Takes the next row in order of time."""
        hosts, recorder = _hosts_of(row), self._recorders.get(row.source, row.source)
        ported, portless = self._ported.get(hosts, []), self._portless[hosts]
        last = bisect.bisect_right(ported, row.span[1] + self._skew, key=_Sighting.began)
        begun = [*ported[max(0, last - _MOST_OPEN) : last], *portless[-_MOST_OPEN:]]
        found = [
            ((one.strangeness(row, recorder), *near), place)
            for place, one in enumerate(begun)
            if (near := one.apart(row, recorder, self._skew))
        ]
        if found:
            sighting = begun[min(found)[1]]
        else:
            sighting = _Sighting()
            portless.append(sighting)
        sighting.add(row, recorder)

    def sightings(self) -> Iterator["_Sighting"]:
        """Every connection between the hosts."""
        found = (*self._ported.values(), *self._portless.values())
        return itertools.chain.from_iterable(found)


def _pair(row: FlowRow) -> _Pair:
    """The protocol and both ends, in one order whoever is told as the initiator; ICMP has no ports."""
    ported = row.proto not in ICMP
    ends = [
        (ip, _number(port) if ported else 0) for ip, port in ((row.src_ip, row.src_port), (row.dst_ip, row.dst_port))
    ]
    return (row.proto, *sorted(ends))


class _Sighting:
    """What sources tell of one connection: by recorder its rows, in order of time."""

    __slots__ = ("_hosts", "_opened", "_rows", "_spans")

    def __init__(self) -> None:
        self._hosts: set[str] = set()
        """What was asked for on it, as far as read."""
        self._rows: dict[object, list[FlowRow]] = {}
        self._spans: dict[object, _Span] = {}
        self._opened: list[Instant] = []
        """When it was opened, by each row that shows that."""

    def add(self, row: FlowRow, recorder: object) -> None:
        """Takes a row of the connection."""
        since, until = span = row.span
        first, last = self._spans.get(recorder, span)
        self._spans[recorder] = (min(first, since), max(last, until))
        self._rows.setdefault(recorder, []).append(row)
        self._hosts.update(_hosts_asked(row))
        if opening_seen(row):
            self._opened.append(since)

    def gap(self, row: FlowRow, recorder: object, skew: int) -> int | None:
        """How far off in time the row is (0: it overlaps); None where it tells of another connection."""
        since, until = row.span
        opens = row.proto == "tcp" and opening_seen(row)
        if opens and any(abs(since - opened) > skew for opened in self._opened):
            return None
        own = self._spans.get(recorder)
        if own is None:
            gap = min(max(0, since - last, first - until) for first, last in self._spans.values())
            return gap if gap <= skew else None
        if opens or since < own[1]:
            return None
        others = (span for key, span in self._spans.items() if key != recorder)
        within = any(first - skew <= since and until <= last + skew for first, last in others)
        return since - own[1] if within or self._goes_on(row, recorder) else None

    def began(self) -> Instant:
        """When it began, as far as told."""
        return min(first for first, _ in self._spans.values())

    def apart(self, row: FlowRow, recorder: object, skew: int) -> tuple[int, int] | None:
        """How far off a row without a port is, and its beginning; None where it tells of another connection.

        Several requests of one connection have a row each; where no row has the port, only the same request is one.
        """
        since, until = row.span
        gap = min(max(0, since - last, first - until) for first, last in self._spans.values())
        known = next(iter(self._rows.values()))[0]
        another = _portless(known) and (recorder in self._spans or row.name != known.name)
        if gap > skew or another or not _ends_fit(row, known):
            return None
        return gap, min(abs(since - first) for first, _ in self._spans.values())

    def strangeness(self, row: FlowRow, recorder: object) -> tuple[int, bool]:
        """How little a request fits what was asked on it: 0 the same host, 1 nothing was read, 2 others; a tunnel."""
        hosts = _hosts_asked(row)
        other = 1 if not hosts or not self._hosts else 0 if hosts & self._hosts else 2
        own = self._rows.get(recorder, ())
        return other, any(one.name_source == "connect" and one.action != "deny" for one in own)

    def _goes_on(self, row: FlowRow, recorder: object) -> bool:
        """The recorder's next file goes on with the connection."""
        before = self._rows[recorder][-1]
        counted_whole = row.counter == "final" and row.direction_basis == "log"
        soon = row.span[0] - self._spans[recorder][1] <= IDLE.get(row.proto, OTHER_IDLE)
        return soon and not counted_whole and row.source != before.source

    def row(self) -> FlowRow:
        """The one row, turned as the row that knows the initiator best."""
        every = [row for parts in self._rows.values() for row in parts]
        if len(every) == 1:
            return every[0]
        oriented = min(every, key=lambda row: (BASES.index(row.direction_basis or BASES[-1]), *_begun(row)))
        told = [[_turned(row, oriented) for row in parts] for parts in self._rows.values()]
        told.sort(key=lambda parts: _standing(parts[0]))
        beside = [
            [_turned(row, oriented) for row in recorder] for parts in told for one in parts for recorder in _beside(one)
        ]
        best = _one([row for parts in told for row in parts])
        times = [row.span for row in told[0] if (row.start, row.end) != (None, None)]
        return msgspec.structs.replace(
            best,
            direction_basis=oriented.direction_basis,
            start=min((since for since, _ in times), default=best.start),
            end=max((until for _, until in times), default=best.end),
            **{field: _largest(field, told) for field in _CARRIED},
            state=_first("state", [best, *(row for parts in told for row in parts)]),
            told=[*told, *beside],
        )


_MOST_OPEN = 64
"""Connections between two ends that a row is compared with: those that began last."""


def _sightings(rows: list[FlowRow], recorders: Mapping[str, object], skew: int) -> list[_Sighting]:
    """The connections between two ends: rows by time, each to the nearest that it can belong to."""
    found: list[_Sighting] = []
    for row in sorted(rows, key=lambda row: (row.span[0], *_position(row))):
        recorder = recorders.get(row.source, row.source)
        near = [(gap, one) for one in found[-_MOST_OPEN:] if (gap := one.gap(row, recorder, skew)) is not None]
        if near:
            _, sighting = min(near, key=lambda one: one[0])
        else:
            sighting = _Sighting()
            found.append(sighting)
        sighting.add(row, recorder)
    return found


def _turned(row: FlowRow, like: FlowRow) -> FlowRow:
    """The row with source and destination as the other row has them."""
    if _same_end(row.src_ip, row.src_port, like.src_ip, like.src_port, row.proto):
        return row
    fields = [field.removeprefix("src_") for field in FlowRow.__struct_fields__ if field.startswith("src_")]
    ways = [(f"{ours}_{field}", f"{theirs}_{field}") for field in fields for ours, theirs in _BOTH]
    return msgspec.structs.replace(row, **{ours: getattr(row, theirs) for ours, theirs in ways})


def _same_end(ip: str, port: int | None, other_ip: str, other_port: int | None, proto: str) -> bool:
    return ip == other_ip and (proto in ICMP or port is None or other_port is None or port == other_port)


def _ends_fit(row: FlowRow, other: FlowRow) -> bool:
    """The ports that both know are the same, one way or the other."""
    ends = ((other.src_ip, other.src_port), (other.dst_ip, other.dst_port))
    return any(
        _same_end(row.src_ip, row.src_port, *src, row.proto) and _same_end(row.dst_ip, row.dst_port, *dst, row.proto)
        for src, dst in (ends, ends[::-1])
    )


_BOTH = (("src", "dst"), ("dst", "src"))
ICMP = ("icmp", "icmp6")
_CARRIED = ("src_packets", "dst_packets", "src_payload", "dst_payload", "src_acked", "dst_acked")


def _largest(field: str, told: list[list[FlowRow]]) -> int | None:
    """The largest count of a recorder; null where none has it."""
    counts = [[value for row in parts if (value := getattr(row, field)) is not None] for parts in told]
    return max((min(sum(one), MOST_COUNTED) for one in counts if one), default=None)


def _one(parts: list[FlowRow]) -> FlowRow:
    """The row that counts the connection, with what only the others say."""
    ranked = sorted(parts, key=_standing)
    counting, others = ranked[0], ranked[1:]
    told = [counting, *sorted(others, key=_begun)]
    wrapped = next((row for row in ranked if row.tunnel or row.tunnel_ends), counting)
    return msgspec.structs.replace(
        counting,
        **{field: found for field in _ENRICHED if (found := _first(field, told)) is not None},
        http_hosts=_hosts(told),
        **{field: _every(field, told) for field in _DIGESTS},
        start=_least(parts),
        end=counting.end if counting.end is not None else _first("end", others),
        tunnel=wrapped.tunnel,
        tunnel_ends=wrapped.tunnel_ends,
        named_by=next((row.ref for row in told if _names(row)), None),
    )


def _standing(row: FlowRow) -> tuple[object, ...]:
    """Sorts the row that counts the connection first: with counts nearest to payload, ended last, then by place."""
    scope = "payload" if row.src_payload is not None else row.bytes_scope or _SCOPES[-1]
    nearness = _SCOPES.index(scope) if scope in _SCOPES else len(_SCOPES)
    return (not _counts(row), nearness, -(row.end or 0), *_position(row))


_SCOPES = ("payload", "ip", "frame", "body", "unknown")
"""What bytes may be, nearest to transport payload first."""


def _begun(row: FlowRow) -> tuple[object, ...]:
    """Sorts the row that began first to the front; one without a time comes last."""
    return (row.start is None, row.start or 0, *_position(row))


def _counts(row: FlowRow) -> bool:
    """The row says how much was sent, or that it counted the connection."""
    counts = (row.src_payload, row.src_bytes, row.dst_bytes, row.bytes_total, row.src_packets, row.dst_packets)
    return row.state is not None or any(count is not None for count in counts)


def _every(field: str, rows: list[FlowRow]) -> list[str] | None:
    """Everything that a row tells, in order; None where none of them could say."""
    told = [values for row in rows if (values := getattr(row, field)) is not None]
    return sorted(set().union(*told)) if told else None


def _hosts(rows: list[FlowRow]) -> list[str] | None:
    """Every host asked for, in the order of the rows; None where none of them could say.

    Only the first target keeps its port; where CONNECT asked for several (`host:port`, RFC 9110 9.3.6), all are told.
    """
    told = [row.http_hosts for row in rows if row.http_hosts is not None]
    targets = {row.http_path: None for row in rows if row.http_method == "CONNECT" and row.http_path}
    if len(targets) > 1:
        told.append(list(targets))
    asked = {row.name: None for row in rows if row.name and row.name_source in PROXY_NAMES}
    if len(asked) > 1:
        told.append(list(asked))
    return list(dict.fromkeys(host for hosts in told for host in hosts)) if told else None


PROXY_NAMES = frozenset({"connect", "url"})
"""What `name_source` calls names that were asked of a proxy."""


def _hosts_asked(row: FlowRow) -> set[str]:
    """Hosts of the requests that the row tells of."""
    named = [row.name] if row.name_source in PROXY_NAMES else []
    told = [row.http_host, *(row.http_hosts or ()), *named]
    return {host for text in told if text and (host := host_name(text) or text)}


def _position(row: FlowRow) -> tuple[object, ...]:
    ends = (row.proto, row.src_ip, _number(row.src_port), row.dst_ip, _number(row.dst_port))
    counts = (_number(row.src_payload), _number(row.dst_payload))
    place = (row.source, row.first_record, row.ref.last_record, _number(row.start))
    return (*place, *ends, *counts, row.conn_id or "")


def _number(value: int | None) -> int:
    return -1 if value is None else value


def _first(field: str, rows: list[FlowRow]) -> object:
    return next((value for row in rows if (value := getattr(row, field)) is not None), None)


def _least(rows: list[FlowRow]) -> int | None:
    """When the connection began, as the first of its rows tells."""
    return min((row.start for row in rows if row.start is not None), default=None)


def _names(row: FlowRow) -> bool:
    return any((row.sni, row.http_host, row.http_hosts, row.cert_names, row.name))


_DIGESTS = ("src_payload_sha256", "dst_payload_sha256")
_COUNTED = frozenset(
    {"source", "first_record", "last_record", "first_offset", "start", "end", "named_by", "told"}
    | {"src_packets", "dst_packets", "src_bytes", "dst_bytes", "bytes_scope", "bytes_total"}
    | {"src_payload", "dst_payload", "src_acked", "dst_acked", "state", "sampled", "direction_basis"}
    | {"tunnel", "tunnel_ends", "http_hosts", "counter", *_DIGESTS}
)
_ENRICHED = tuple(field for field in FlowRow.__struct_fields__ if field not in _COUNTED)
