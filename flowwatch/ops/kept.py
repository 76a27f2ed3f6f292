"""Rows of both tables kept in the state: what is to be judged, and what may still bear on it.

A row is kept until `max_flow_age` has passed; a lookup whose answer leads nowhere only as long as names may carry data
together. What hangs together is found by keys: rows of one connection (both ends, a connection id, the ends before and
after address translation), a request without a port or a proxy's address beside the connections it may be of, a QUIC
flow beside an earlier one of the same client, data beside the connection that may have announced it. Judging a row with
all that its keys lead to within the idle times gives what judging everything at once would.

Promises: a row comes back as it was put in; a lookup that is answered later replaces the one without answer.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
import pyarrow as pa

from flowwatch.judge import below
from flowwatch.model import Answer, Instant, LookupsRecorded
from flowwatch.ops.state import State
from flowwatch.policy.match import Networks, PortRange
from flowwatch.policy.terms import DnsBinding, ProxyPlace
from flowwatch.transmissions import (
    ANNOUNCED_SOON,
    IDLE,
    OTHER_IDLE,
    PROXY_NAMES,
    may_announce,
    may_be_announced,
    one_text,
    resolved,
)

_ICMP = frozenset({"icmp", "icmp6"})
_QUIC_SOON = 30 * 10**9
_MOST_ROUNDS = 16
"""How often what was found leads to more; a chain that is longer is judged in pieces."""
STREAM, CURSOR = "stream", "cursor"
"""Keys under which a row has the id of its source and the number of its file, beside its columns."""
Row = dict[str, Any]


class Place(NamedTuple):
    """Where rows were read: the source's id and the number of its file's cursor."""

    stream: str
    cursor: int


class Kept:
    """The rows of a state."""

    def __init__(
        self,
        state: State,
        binding: DnsBinding,
        proxies: Sequence[ProxyPlace],
        age: int,
        control_ports: Sequence[PortRange] = (),
    ) -> None:
        self._db = state.db
        self._skew, self._grace = binding.skew.ns, binding.grace.ns
        self._age = age
        self._proxies = Networks((one.cidr, one) for one in proxies)
        self._control_ports = control_ports

    def add_flows(self, flows: pa.Table, place: Place) -> list[int]:
        """Keeps rows of FLOWS as not judged yet; their numbers."""
        told, joins = [], []
        for number, row in enumerate(_rows(flows), self._next("flows")):
            start, end = _span(row)
            ends = _host(row["src_ip"]), _host(row.get("dst_ip"))
            told.append((number, *place, *ends, start, end, _packed(row)))
            joins += [(key, start, number, end) for key in {key for key, _ in self._keys(row)}]
        self._db.executemany("INSERT INTO flows VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)", told)
        self._db.executemany("INSERT INTO joins VALUES (?, ?, ?, ?)", joins)
        return [one[0] for one in told]

    def _next(self, what: Literal["flows", "lookups"]) -> int:
        """The number of the next row."""
        return int(self._db.execute(_NEXT[what]).fetchone()[0])

    def flows(self, numbers: Iterable[int]) -> dict[int, Row]:
        """Rows by their numbers."""
        return self._at(_FLOWS, numbers)

    def together(self, numbers: Iterable[int]) -> dict[int, Row]:
        """The rows of these numbers and all that may be of the same connections, or bear on them."""
        fresh = self.flows(numbers)
        found = dict(fresh)
        for _ in range(_MOST_ROUNDS):
            linked = {number for row in fresh.values() for number in self._linked(row)} - found.keys()
            if not linked:
                break
            fresh = self.flows(linked)
            found |= fresh
        return found

    def _linked(self, row: Row) -> Iterator[int]:
        start, end = _span(row)
        for key, gap in self._asks(row):
            yield from (
                number
                for (number,) in self._db.execute(
                    "SELECT flow FROM joins WHERE key = ? AND start <= ? AND end >= ?", (key, end + gap, start - gap)
                )
            )

    def _keys(self, row: Row) -> Iterator[tuple[int, int]]:
        """Under which keys the row is found, each with how far off in time what asks for it may lie."""
        yield from self._same(row)
        src, dst = row["src_ip"], row.get("dst_ip")
        if dst is None:
            yield _key("asked", _host(src)), self._skew
            return
        yield _key("loose" if self._loose(row) else "firm", row["proto"], *sorted((src, dst))), self._skew
        if self._at_proxy(row):
            yield _key("talk", _host(src)), self._skew
        if row["proto"] == "udp":
            yield _key(_quic(row), src, row.get("dst_port")), _QUIC_SOON
        yield from ((_key(role, *sorted((src, dst))), ANNOUNCED_SOON) for role in self._announcing(row))

    def _asks(self, row: Row) -> Iterator[tuple[int, int]]:
        """Under which keys rows are found that bear on this one, or it on them."""
        yield from self._same(row)
        src, dst, skew = row["src_ip"], row.get("dst_ip"), self._skew
        if dst is None:
            yield from ((_key(role, _host(src)), skew) for role in ("talk", "asked"))
            return
        hosts = (row["proto"], *sorted((src, dst)))
        roles = ("loose", "firm") if self._loose(row) else ("loose",)
        yield from ((_key(role, *hosts), skew) for role in roles)
        if self._at_proxy(row):
            yield _key("asked", _host(src)), skew
        if row["proto"] == "udp":
            other = "moved" if _quic(row) == "quic" else "quic"
            yield _key(other, src, row.get("dst_port")), _QUIC_SOON
        for role in self._announcing(row):
            yield _key(_OTHER_ROLE[role], *sorted((src, dst))), ANNOUNCED_SOON

    def _announcing(self, row: Row) -> Iterator[str]:
        """Whether it may announce data, and whether it may be data that was announced."""
        if not self._control_ports:
            return
        proto, app = row["proto"], row.get("app")
        if may_announce(proto, app, row.get("dst_port"), self._control_ports):
            yield "announcing"
        if may_be_announced(proto, app):
            yield "announced"

    def _same(self, row: Row) -> Iterator[tuple[int, int]]:
        """The keys of its connection."""
        proto, gap = row["proto"], IDLE.get(row["proto"], OTHER_IDLE)
        if row.get("conn_id") is not None:
            yield _key("conn", row["conn_id"]), gap
        if row.get("dst_ip") is None:
            return
        ends = [(row[f"{side}_ip"], row.get(f"{side}_port")) for side in ("src", "dst")]
        yield _pair(proto, *ends), gap
        if "nat_src_ip" in row or "nat_dst_ip" in row:
            outside = [
                (row.get(f"nat_{side}_ip", ip), row.get(f"nat_{side}_port", port))
                for side, (ip, port) in zip(("src", "dst"), ends, strict=True)
            ]
            yield _pair(proto, *outside), gap

    def _loose(self, row: Row) -> bool:
        if row["proto"] in _ICMP:
            return False
        return row.get("src_port") is None or row.get("dst_port") is None or row.get("name_source") in PROXY_NAMES

    def _at_proxy(self, row: Row) -> bool:
        return row["proto"] == "tcp" and bool(self._proxies.all(row["dst_ip"]))

    def ripe(self, until: Instant | None, most: int) -> list[int]:
        """Rows not judged that began by then (None: whenever), earliest first."""
        bound = (1 << 63) - 1 if until is None else until
        statement = "SELECT id FROM flows WHERE judged = 0 AND start <= ? ORDER BY start, id LIMIT ?"
        return [number for (number,) in self._db.execute(statement, (bound, most))]

    def pending(self) -> int:
        """How many rows wait."""
        return int(self._db.execute("SELECT count(*) FROM flows WHERE judged = 0").fetchone()[0])

    def judged(self, numbers: Iterable[int]) -> None:
        """Marks rows as judged."""
        self._db.executemany("UPDATE flows SET judged = 1 WHERE id = ? AND judged = 0", [(one,) for one in numbers])

    def named_by(self, lookups: Iterable[int]) -> set[int]:
        """Judged rows that the answers of these lookups may name."""
        found = self._db.execute(_GIVEN, (_listed(lookups),)).fetchall()
        spans = [(address, since - self._skew, until + self._grace) for address, since, until in found]
        return self._of("SELECT id FROM flows WHERE dst = ? AND start BETWEEN ? AND ? AND judged = 1", spans)

    def of_clients(self, clients: Iterable[tuple[str, Instant]]) -> set[int]:
        """Judged rows of clients begun since a moment from which their lookups turn out to be recorded."""
        return self._of("SELECT id FROM flows WHERE src = ? AND start >= ? AND judged = 1", clients)

    def _of(self, statement: str, given: Iterable[tuple[object, ...]]) -> set[int]:
        return {number for one in given for (number,) in self._db.execute(statement, one)}

    def add_lookups(self, lookups: pa.Table, place: Place) -> list[int]:
        """Keeps rows of LOOKUPS; their numbers."""
        return self._add_lookups(list(_rows(lookups)), place)

    def _add_lookups(self, rows: Sequence[Row], place: Place) -> list[int]:
        numbers = list(range(first := self._next("lookups"), first + len(rows)))
        told = []
        for number, row in zip(numbers, rows, strict=True):
            client, name = _host(row.get("client_ip")), row.get("qname") or ""
            bound = int(bool(_ends(row)))
            told.append((number, *place, row["record"], _time(row), client, below(name), name, bound, _packed(row)))
        self._db.executemany(_KEEP_LOOKUP, told)
        self._bind(zip(numbers, rows, strict=True))
        return numbers

    def answer_lookups(self, answered: pa.Table, place: Place) -> list[int]:
        """Puts rows that have their answer now into the place of those that were kept without; their numbers."""
        return [self._answer_lookup(row, place) for row in _rows(answered)]

    def _answer_lookup(self, row: Row, place: Place) -> int:
        found = self._db.execute(
            "SELECT id, row FROM lookups WHERE cursor = ? AND record = ? AND qname = ? ORDER BY id",
            (place.cursor, row["record"], row.get("qname") or ""),
        )
        kept = [(id_, _unpacked(body)) for id_, body in found]
        alike = [("rcode" in one, "answers" in one, id_) for id_, one in kept if one.get("qtype") == row.get("qtype")]
        *_, number = min(alike, default=(None,))  # of its answer a part may have been told
        if number is None:  # what was kept of it is past its time
            return self._add_lookups([row], place)[0]
        bound = int(bool(_ends(row)))
        self._db.execute("UPDATE lookups SET row = ?, bound = ? WHERE id = ?", (_packed(row), bound, number))
        self._bind([(number, row)])
        return int(number)

    def _bind(self, rows: Iterable[tuple[int, Row]]) -> None:
        """Remembers to which addresses answers lead, and until when."""
        given = [
            (address, _time(row) + ttl * 10**9, number, _time(row))
            for number, row in rows
            for address, ttl in _ends(row).items()
        ]
        self._db.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", given)

    def lookups(self, numbers: Iterable[int]) -> dict[int, Row]:
        """Rows by their numbers."""
        return self._at(_LOOKUPS, numbers)

    def _at(self, statement: str, numbers: Iterable[int]) -> dict[int, Row]:
        found = self._db.execute(statement, (_listed(numbers),))
        return {number: _unpacked(row) | {STREAM: stream, CURSOR: cursor} for number, stream, cursor, row in found}

    def answers_for(self, rows: Iterable[Row]) -> dict[int, Row]:
        """The lookups whose answers lead to an end of these rows while they ran, and the last that had ended before."""
        times: dict[str, tuple[Instant, Instant]] = {}
        for row in rows:
            start, end = _span(row)
            for side in ("src_ip", "dst_ip", "nat_src_ip", "nat_dst_ip"):
                if address := _host(row.get(side)):
                    first, last = times.get(address, (start, end))
                    times[address] = (min(first, start), max(last, end))
        numbers = {number for address, span in times.items() for number in self._answers(address, *span)}
        return self.lookups(numbers)

    def _answers(self, address: str, first: Instant, last: Instant) -> Iterator[int]:
        begun = (address, first - self._grace, last + self._skew)
        yield from (number for (number,) in self._db.execute(_LIVE, begun))
        yield from (number for (number,) in self._db.execute(_ENDED, (address, first - self._grace)))

    def beside(self, numbers: Iterable[int], limit: int) -> set[int]:
        """Lookups of the hours around these that may together carry data in names below one domain."""
        groups = self._db.execute(_GROUPS, (_listed(numbers),)).fetchall()
        found: set[int] = set()
        for client, tail, first, last in groups:
            span = (client, tail, first - _HOUR, last + _HOUR)
            if (self._db.execute(_HELD, span).fetchone()[0] or 0) > limit:
                found |= {number for (number,) in self._db.execute(_BELOW, span)}
        return found

    def recorded(self, hosts: Iterable[str]) -> dict[str, tuple[LookupsRecorded, ...]]:
        """By client the sources that hold lookups of it, each with when it begins."""
        found = {}
        for host in set(hosts):
            rows = self._db.execute("SELECT source, since FROM clients WHERE client = ? ORDER BY source", (host,))
            found[host] = tuple(LookupsRecorded(source, since) for source, since in rows)
        return {host: told for host, told in found.items() if told}

    def clients(self, lookups: pa.Table, source: str, stream: str, since: Instant) -> list[tuple[str, Instant]]:
        """Remembers whose lookups a file of a source holds; the clients of which that was not known."""
        new = []
        for client in {host for one in lookups["client_ip"].unique().to_pylist() if (host := _host(one))}:
            known = self._db.execute("SELECT 1 FROM clients WHERE client = ? AND source = ?", (client, source))
            if known.fetchone() is None:
                self._db.execute("INSERT INTO clients VALUES (?, ?, ?, ?)", (client, source, stream, since))
                new.append((client, since))
        return new

    def unrecorded(self, stream: str) -> None:
        """After a gap in a source: whose lookups it holds is to be seen again."""
        self._db.execute("DELETE FROM clients WHERE stream = ?", (stream,))

    def forget(self, before: Instant) -> None:
        """Drops what ended before, save what was not judged."""
        for statement in _FORGET:
            self._db.execute(statement, (before,))
        self._db.execute("DELETE FROM lookups WHERE time < ? AND bound = 0", (before + self._age - 2 * _HOUR,))


_HOUR = 3600 * 10**9
_OTHER_ROLE = {"announcing": "announced", "announced": "announcing"}
_NEXT = {
    "flows": "SELECT coalesce(max(id), 0) + 1 FROM flows",
    "lookups": "SELECT coalesce(max(id), 0) + 1 FROM lookups",
}
_KEEP_LOOKUP = """
INSERT INTO lookups (id, stream, cursor, record, time, client, tail, qname, bound, row, verdict)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '')
"""
_LIVE = "SELECT lookup FROM answers WHERE address = ? AND until >= ? AND since <= ?"
_ENDED = "SELECT lookup FROM answers WHERE address = ? AND until < ? ORDER BY until DESC LIMIT 1024"
_GIVEN = "SELECT address, since, until FROM answers WHERE lookup IN (SELECT value FROM json_each(?))"
_FLOWS = "SELECT id, stream, cursor, row FROM flows WHERE id IN (SELECT value FROM json_each(?))"
_LOOKUPS = "SELECT id, stream, cursor, row FROM lookups WHERE id IN (SELECT value FROM json_each(?))"
_GROUPS = """
SELECT client, tail, min(time), max(time) FROM lookups
WHERE id IN (SELECT value FROM json_each(?)) AND client IS NOT NULL AND tail IS NOT NULL GROUP BY client, tail
"""
_HELD = """
SELECT sum(length(qname)) FROM (
    SELECT DISTINCT qname FROM lookups WHERE client = ? AND tail = ? AND time BETWEEN ? AND ?
)
"""
_BELOW = "SELECT id FROM lookups WHERE client = ? AND tail = ? AND time BETWEEN ? AND ?"
_FORGET = (
    "DELETE FROM decisions WHERE flow IN (SELECT id FROM flows WHERE end < ? AND judged = 1)",
    "DELETE FROM joins WHERE flow IN (SELECT id FROM flows WHERE end < ? AND judged = 1)",
    "DELETE FROM flows WHERE end < ? AND judged = 1",
    "DELETE FROM answers WHERE lookup IN (SELECT id FROM lookups WHERE time < ?)",
    "DELETE FROM lookups WHERE time < ?",
)


def _rows(table: pa.Table) -> Iterator[Row]:
    """Rows as they are packed: what is null left out, times as integers."""
    names = [name for name in table.column_names if table[name].null_count < len(table)]
    for values in zip(*(_plain(table[name]) for name in names), strict=True):
        yield {name: value for name, value in zip(names, values, strict=True) if value is not None}


def _plain(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_timestamp(column.type) or pa.types.is_duration(column.type):
        column = column.cast(pa.int64())
    values: list[Any] = column.to_pylist()
    return values


def table(rows: Iterable[Row], schema: pa.Schema) -> pa.Table:
    """Kept rows as a table again."""
    return pa.Table.from_pylist(list(rows), schema=schema)


def _span(row: Row) -> tuple[Instant, Instant]:
    start: Instant = row.get("start") or row.get("end") or 0
    return start, max(start, row.get("end") or start)


def _time(row: Row) -> Instant:
    time: Instant = row.get("time") or row.get("asked") or 0
    return time


def _quic(row: Row) -> str:
    """`quic` where the row shows a QUIC connection, `moved` where it shows none, which may continue one."""
    shown = row.get("app") == "quic" and any(row.get(name) for name in ("sni", "alpn", "tls_version"))
    return "quic" if shown else "moved"


def _ends(row: Row) -> dict[str, int]:
    """The addresses that the answer leads to, each with how many seconds it may be used."""
    if not row.get("answers") or row.get("rcode") not in (None, "NOERROR"):
        return {}
    told = [Answer(one["name"] or "", one["type"] or "", one["data"] or "", one["ttl"]) for one in row["answers"]]
    return {address: ttl or 0 for address, _, ttl in resolved(row.get("qname") or "", told)}


def _host(address: str | None) -> str | None:
    return None if address is None else one_text(address)


def _pair(proto: str, one: tuple[Any, Any], other: tuple[Any, Any]) -> int:
    ends = [(str(ip), "" if proto in _ICMP or port is None else str(port)) for ip, port in (one, other)]
    return _key("pair", proto, *(word for end in sorted(ends) for word in end))


def _key(*words: object) -> int:
    digest = hashlib.blake2b("\0".join(map(str, words)).encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


_packed = msgspec.msgpack.Encoder().encode
_unpacked = msgspec.msgpack.Decoder(Row).decode


def _listed(numbers: Iterable[int]) -> str:
    return json.dumps(list(numbers))
