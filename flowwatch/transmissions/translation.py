"""Address translation undone: who really sent, and to whom.

A firewall's row that has both pairs (`src_*`, `dst_*` as its inside sees them, `nat_*` as its outside does) tells it of
its own flow and of every other row of the same conversation, inside or outside, that overlaps it in time.

Promises: afterwards the sender is the inside one and the receiver the real peer; rows without a translation stay as
they are. Refuses to guess: without a firewall's row an outside flow keeps the translated address.
"""

import bisect
import collections
from collections.abc import Sequence

import msgspec

from flowwatch.model import Instant
from flowwatch.transmissions.rows import FlowRow

_End = tuple[str, int | None]
_Key = tuple[str, frozenset[_End]]


class _Translation(msgspec.Struct, frozen=True, gc=False):
    """What the ends of a conversation really are while it lasts."""

    since: Instant
    until: Instant
    ends: dict[_End, _End]


def untranslated(rows: Sequence[FlowRow], skew: int) -> Sequence[FlowRow]:
    """The rows with their real ends, in the same order; `skew` is by how many nanoseconds clocks may differ."""
    told: dict[_Key, list[_Translation]] = collections.defaultdict(list)
    for row in rows:
        for key, translation in _translations(row):
            told[key].append(translation)
    for translations in told.values():
        translations.sort(key=lambda one: (one.since, one.until, sorted(map(str, one.ends.values()))))
    return [_undone(row, told, skew) for row in rows] if told else rows


_MOST_LASTING = 64
"""Translations of one pair of ends that a row is compared with: those that began last before it ended."""


def _translations(row: FlowRow) -> list[tuple[_Key, _Translation]]:
    """How the conversation looks inside and outside, each with what its ends really are."""
    if row.nat_src_ip is None and row.nat_dst_ip is None:
        return []
    inside: tuple[_End, _End] = ((row.src_ip, row.src_port), (row.dst_ip, row.dst_port))
    outside = (
        _translated(inside[0], row.nat_src_ip, row.nat_src_port),
        _translated(inside[1], row.nat_dst_ip, row.nat_dst_port),
    )
    real = (inside[0], outside[1])
    since, until = row.span
    looks = {(row.proto, frozenset(ends)): dict(zip(ends, real, strict=True)) for ends in (inside, outside)}
    return [(key, _Translation(since, until, ends)) for key, ends in looks.items()]


def _translated(end: _End, ip: str | None, port: int | None) -> _End:
    return (end[0] if ip is None else ip, end[1] if port is None else port)


def _undone(row: FlowRow, told: dict[_Key, list[_Translation]], skew: int) -> FlowRow:
    src, dst = (row.src_ip, row.src_port), (row.dst_ip, row.dst_port)
    since, until = row.span
    found = told.get((row.proto, frozenset((src, dst))), [])
    last = bisect.bisect_right(found, until + skew, key=lambda one: one.since)
    lasting = [one for one in found[max(0, last - _MOST_LASTING) : last] if since - one.until <= skew]
    if not lasting:
        return row
    ends = min(lasting, key=lambda one: (max(0, since - one.until), abs(since - one.since))).ends
    (src_ip, src_port), (dst_ip, dst_port) = ends[src], ends[dst]
    if (src, dst) == (ends[src], ends[dst]):
        return row
    return msgspec.structs.replace(row, src_ip=src_ip, src_port=src_port, dst_ip=dst_ip, dst_port=dst_port)
