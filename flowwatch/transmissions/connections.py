"""Rows of one connection become one flow.

Promises: rows that share a connection id and both ends are one (Zeek's conn row with its ssl rows, Suricata's flow with
its handshake and its requests, from whatever files); the counts are one row's, never a sum, so a log that is read twice
counts once; of what several say the earliest counts, but every host asked for is kept; the order of rows changes
nothing. Refuses to join rows whose ends differ, or that carry no connection id. The protocol is
the counting row's: a log of TLS does not know over what it ran. What it was wrapped in is one row's as a whole.
"""

from collections.abc import Iterable

import msgspec

from flowwatch.transmissions.rows import FlowRow

_Ends = tuple[str, str, int | None, str, int | None]


def connections(rows: Iterable[FlowRow]) -> list[FlowRow]:
    """One row a connection, ordered by source and record, so that a flow's number is the same in every run."""
    alone: list[FlowRow] = []
    joined: dict[_Ends, list[FlowRow]] = {}
    for row in rows:
        if row.conn_id is None:
            alone.append(row)
        else:
            ends = (row.conn_id, row.src_ip, row.src_port, row.dst_ip, row.dst_port)
            joined.setdefault(ends, []).append(row)
    alone.extend(_one(parts) if len(parts) > 1 else parts[0] for parts in joined.values())
    return sorted(alone, key=_position)


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
        start=_least(counting.start, others),
        end=counting.end if counting.end is not None else _first("end", others),
        tunnel=wrapped.tunnel,
        tunnel_ends=wrapped.tunnel_ends,
        named_by=next((row.ref for row in told if _names(row)), None),
    )


def _standing(row: FlowRow) -> tuple[object, ...]:
    """Sorts the row that counts the connection first: with counts, then ended last, then as it stands in its source."""
    counts = (row.src_payload, row.src_bytes, row.bytes_total, row.src_packets, row.dst_packets, row.state)
    return (all(count is None for count in counts), -(row.end or 0), *_position(row))


def _begun(row: FlowRow) -> tuple[object, ...]:
    """Sorts the row that began first to the front; one without a time comes last."""
    return (row.start is None, row.start or 0, *_position(row))


def _hosts(rows: list[FlowRow]) -> list[str] | None:
    """Every host asked for, in the order of the rows; None where none of them could say.

    Only the first target keeps its port; where CONNECT asked for several (`host:port`, RFC 9110 9.3.6), all are told.
    """
    told = [row.http_hosts for row in rows if row.http_hosts is not None]
    targets = {row.http_path: None for row in rows if row.http_method == "CONNECT" and row.http_path}
    if len(targets) > 1:
        told.append(list(targets))
    return list(dict.fromkeys(host for hosts in told for host in hosts)) if told else None


def _position(row: FlowRow) -> tuple[object, ...]:
    ends = (row.proto, row.src_ip, _number(row.src_port), row.dst_ip, _number(row.dst_port))
    counts = (_number(row.start), _number(row.src_payload), _number(row.dst_payload))
    return (row.source, row.first_record, _number(row.last_record), *ends, *counts, row.conn_id or "")


def _number(value: int | None) -> int:
    return -1 if value is None else value


def _first(field: str, rows: list[FlowRow]) -> object:
    return next((value for row in rows if (value := getattr(row, field)) is not None), None)


def _least(start: int | None, others: list[FlowRow]) -> int | None:
    return start if start is not None else min((row.start for row in others if row.start is not None), default=None)


def _names(row: FlowRow) -> bool:
    return any((row.sni, row.http_host, row.http_hosts, row.cert_names, row.name))


_COUNTED = frozenset(
    {"source", "first_record", "last_record", "first_offset", "start", "end", "named_by"}
    | {"src_packets", "dst_packets", "src_bytes", "dst_bytes", "bytes_scope", "bytes_total"}
    | {"src_payload", "dst_payload", "src_acked", "dst_acked", "state", "sampled", "direction_basis"}
    | {"tunnel", "tunnel_ends", "http_hosts"}
)
_ENRICHED = tuple(field for field in FlowRow.__struct_fields__ if field not in _COUNTED)
