"""To which proxy requests went that its own log tells: it names the client and the host asked, and not the proxy.

Promises: a request (a row of FLOWS without `dst_ip`) is of a proxy the policy names. Which one, and at which port, is
told by what other sources saw the same client do at that time; of several the one that most requests of the log fit.
Where nobody saw it, it is the only address the policy names, and the only port its channels lead there at, which is
told. Refuses to guess among several: such requests are left out and counted.
"""

import bisect
import collections
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.model import FLOWS
from flowwatch.policy.match import Networks
from flowwatch.policy.terms import ProxyPlace
from flowwatch.transmissions.addresses import one_text
from flowwatch.transmissions.rows import FlowRow, flow_rows

_End = tuple[str, int | None]
_MOST_OPEN = 64
"""Connections of one client that a request is compared with: those that began last before it ended."""


class Placed(NamedTuple):
    """Flows that all have a receiver."""

    flows: pa.Table
    left_out: Mapping[str, int] = {}
    """By source how many requests are of a proxy that nobody names."""
    assumed: Mapping[str, int] = {}
    """By source how many are of the only proxy that the policy names, though nobody saw it."""


def placed(flows: pa.Table, proxies: Sequence[ProxyPlace], skew: int) -> Placed:
    """The flows with the proxy as the receiver of every request that can be told.

    `flows` has the schema FLOWS; `skew` is by how many nanoseconds two recorders' clocks may differ.
    """
    if not flows["dst_ip"].null_count:
        return Placed(flows)
    unplaced = pc.is_null(flows["dst_ip"])
    requests, flows = flows.filter(unplaced), flows.filter(pc.invert(unplaced))
    rows = flow_rows(requests)
    ends, seen = _ends(rows, _talks(flows, proxies), proxies, skew)
    for at, name in enumerate(("dst_ip", "dst_port")):
        column = pa.array([end[at] for end in ends], FLOWS.field(name).type)
        requests = requests.set_column(FLOWS.get_field_index(name), FLOWS.field(name), column)
    left_out = collections.Counter(row.source for row, end in zip(rows, ends, strict=True) if end[0] is None)
    assumed = collections.Counter(
        row.source for row, end, one in zip(rows, ends, seen, strict=True) if end[0] is not None and not one
    )
    known = requests.filter(pc.is_valid(requests["dst_ip"]))
    return Placed(pa.concat_tables([flows, known]).unify_dictionaries(), left_out, assumed)


def _talks(flows: pa.Table, proxies: Sequence[ProxyPlace]) -> dict[str, list[FlowRow]]:
    """By client its connections to proxies, at the port the policy names if it does, by their beginning."""
    networks = Networks((one.cidr, one) for one in proxies)
    known = [ip for ip in flows["dst_ip"].unique().to_pylist() if networks.all(ip)]
    towards = pc.and_(
        pc.is_in(flows["dst_ip"].cast(pa.utf8()), pa.array(known, pa.utf8())), pc.equal(flows["proto"], "tcp")
    )
    found: dict[str, list[FlowRow]] = collections.defaultdict(list)
    for row in flow_rows(flows.filter(towards)):
        listening = any(place.port in (0, row.dst_port) for place in networks.all(row.dst_ip))
        if listening and (row.start, row.end) != (None, None):
            found[one_text(row.src_ip)].append(row)
    for rows in found.values():
        rows.sort(key=lambda row: row.span[0])
    return found


def _ends(
    requests: list[FlowRow], talks: Mapping[str, list[FlowRow]], proxies: Sequence[ProxyPlace], skew: int
) -> tuple[list[tuple[str | None, int | None]], list[set[_End]]]:
    """Request by request address and port of the proxy, and the proxies that the client was seen to be connected to."""
    seen = [set(_seen(row, talks.get(one_text(row.src_ip), []), skew)) for row in requests]
    fits: dict[str, collections.Counter[_End]] = collections.defaultdict(collections.Counter)
    for row, ends in zip(requests, seen, strict=True):
        fits[row.source].update(ends)
    found: list[tuple[str | None, int | None]] = []
    for row, ends in zip(requests, seen, strict=True):
        best = max(ends, key=lambda end: (fits[row.source][end], end[0], end[1] or 0), default=None)
        found.append(best or _only(row, fits[row.source], proxies))
    return found, seen


def _seen(row: FlowRow, talks: list[FlowRow], skew: int) -> Iterator[_End]:
    """The proxies the client was connected to when it asked."""
    if (row.start, row.end) == (None, None):
        return
    since, until = row.span
    last = bisect.bisect_right(talks, until + skew, key=lambda talk: talk.span[0])
    for talk in talks[max(0, last - _MOST_OPEN) : last]:
        same = row.src_port is None or talk.src_port is None or row.src_port == talk.src_port
        if same and talk.span[1] + skew >= since:
            yield talk.dst_ip, talk.dst_port


def _only(row: FlowRow, fits: Mapping[_End, int], proxies: Sequence[ProxyPlace]) -> tuple[str | None, int | None]:
    """The only proxy that the policy names of the client's IP version; nothing where it names several, or a network."""
    version = 6 if ":" in one_text(row.src_ip) else 4
    among = {one.cidr for one in proxies if one.cidr.version == version}
    if len(among) != 1 or (cidr := among.pop()).first != cidr.last:
        return None, None
    ports = collections.Counter({port: count for (ip, port), count in fits.items() if port and cidr.covers(ip)})
    named = {one.port for one in proxies if one.cidr == cidr} - {0}
    port = max(ports, key=lambda port: (ports[port], port), default=None) or (named.pop() if len(named) == 1 else None)
    return cidr.address, port
