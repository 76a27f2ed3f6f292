"""What of each source's traffic bears no name, hides its names or cannot be read, added to its Coverage."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import pyarrow as pa

from flowwatch.alike import Flags, Numbers, at_once, flags, shared, sums
from flowwatch.model import Coverage, TransmissionColumns, Transmissions, asks_sealed, is_opaque
from flowwatch.transmissions.naming import responder_names
from flowwatch.transmissions.rows import FlowRow, each

_NO_PROXY = "requests to a proxy whose address neither this log nor the policy tells (role proxy)"
_ASSUMED = "{} x request to a proxy nobody saw: taken as the only one that the policy names"
_NONE: Mapping[str, int] = {}


def with_names(
    coverage: Sequence[Coverage],
    sent: Transmissions,
    left_out: Mapping[str, int] = _NONE,
    assumed: Mapping[str, int] = _NONE,
) -> tuple[Coverage, ...]:
    """The same Coverage with flows and bytes to nameless receivers, encrypted-DNS and ECH flows filled in.

    `left_out`: by source the requests to a proxy that nobody names, which makes the source incomplete; `assumed`: those
    taken as to the only one that the policy names.

    Counted are flows by their initiator's transmission (a responder's peer has no name to expect); bytes are payload
    sent, the least known.
    """
    counted = _Unseen(sent.columns)
    return tuple(_asked(counted.told(one), left_out.get(one.source, 0), assumed.get(one.source, 0)) for one in coverage)


def _asked(coverage: Coverage, left_out: int, assumed: int) -> Coverage:
    """With what is to be told of the requests in a proxy's log."""
    limits = coverage.limits | ({_NO_PROXY: left_out} if left_out else {})
    notes = (*coverage.notes, *([_ASSUMED.format(assumed)] if assumed else []))
    return msgspec.structs.replace(coverage, limits=limits, notes=notes)


class _Unseen:
    """Counts by source."""

    def __init__(self, sent: TransmissionColumns) -> None:
        texts, (by_flow,) = shared(sent.flows["source"])
        self._places = {source: place for place, source in enumerate(texts)}
        source = by_flow[sent.row]
        named, encrypted, opaque = at_once(lambda of: of(sent.flows), (_named, _encrypted_dns, _opaque))
        unnamed = sent.forth & (sent.answers < 0) & ~named[sent.row]
        self._unnamed = self._flows(source, sent.row, unnamed)
        self._unnamed_bytes = sums(sent.least[unnamed], source[unnamed], len(self._places))
        self._encrypted_dns = self._flows(source, sent.row, encrypted[sent.row] & ~sent.attempted)
        self._ech = self._flows(source, sent.row, flags(sent.flows["ech"])[sent.row])
        self._opaque = self._flows(source, sent.row, opaque[sent.row])
        self._cut = self._flows(source, sent.row, sent.names_cut)

    def _flows(self, source: Numbers, row: Numbers, those: Flags) -> Numbers:
        """By source the flows of those transmissions: they follow one another."""
        first = those & ~np.concatenate(([False], (row[1:] == row[:-1]) & those[:-1]))[: len(row)]
        return np.bincount(source[first], minlength=len(self._places))

    def told(self, coverage: Coverage) -> Coverage:
        """The source's Coverage with the counts."""
        place = self._places.get(coverage.source)
        if place is None:
            return coverage
        limits = dict(coverage.limits)
        if self._cut[place]:
            limits["names_per_receiver"] = int(self._cut[place])
        return msgspec.structs.replace(
            coverage,
            unnamed_flows=int(self._unnamed[place]),
            unnamed_bytes=self._unnamed_bytes[place],
            encrypted_dns_flows=int(self._encrypted_dns[place]),
            ech_flows=int(self._ech[place]),
            opaque_tunnels=max(coverage.opaque_tunnels, int(self._opaque[place])),
            limits=limits,
        )


def _named(flows: pa.Table) -> Flags:
    """The flow itself names its responder."""
    return each(
        flows, ("sni", "ech", "http_host", "http_hosts", "name", "name_source", "tls_version", "cert_names"), _has_name
    )


def _has_name(row: FlowRow) -> bool:
    return bool(responder_names(row))


def _encrypted_dns(flows: pa.Table) -> Flags:
    """It carries DNS that cannot be read, if it carries anything."""
    columns = ("proto", "dst_port", "alpn", "http_path")
    return each(flows, columns, lambda row: asks_sealed(row.proto, row.dst_port, row.alpn or (), row.http_path))


def _opaque(flows: pa.Table) -> Flags:
    return each(flows, ("proto", "app"), lambda row: is_opaque(row.proto, row.app))
