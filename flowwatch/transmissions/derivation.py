"""From both tables to transmissions: the room's one story."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pyarrow as pa

from flowwatch.model import (
    Account,
    Amount,
    Coverage,
    Encapsulation,
    Instant,
    Lookup,
    LookupsRecorded,
    NameClass,
    OpenedBy,
    SeenName,
    Transmission,
)
from flowwatch.policy.terms import DnsBinding
from flowwatch.transmissions.addresses import canonical
from flowwatch.transmissions.answers import Answers
from flowwatch.transmissions.connections import PROXY_NAMES, connections
from flowwatch.transmissions.directions import Sent, Side, begun_before, both_seen, sent
from flowwatch.transmissions.naming import BoundNames, responder_names
from flowwatch.transmissions.parts import whole
from flowwatch.transmissions.questions import questions
from flowwatch.transmissions.recorders import recorders
from flowwatch.transmissions.rows import FlowRow, flow_rows
from flowwatch.transmissions.translation import untranslated

_DEFAULT = DnsBinding()
Recorded = Mapping[str, tuple[LookupsRecorded, ...]]
"""By client the sources that hold its lookups, each with when it begins."""


def derive(
    flows: pa.Table,
    lookups: pa.Table,
    coverage: Sequence[Coverage],
    binding: DnsBinding = _DEFAULT,
    recorded: Recorded | None = None,
) -> tuple[Transmission, ...]:
    """One Transmission for each direction that carried payload, and each attempt, ordered by flow.

    `flows` and `lookups` have the schemas FLOWS and LOOKUPS; their order changes nothing. A flow's number is its place
    in the order of (source, first record). Both of a flow stand together, the initiator's first. `recorded`: of which
    clients sources hold lookups, where `lookups` are not all that were recorded; None: those tell it.
    """
    skew = binding.skew.ns
    rows = connections(untranslated(flow_rows(whole(flows)), skew), recorders(coverage), skew)
    asked = questions(lookups)
    told = _lookups_recorded(asked, coverage) if recorded is None else recorded
    recording = _Recording(rows, asked, coverage, binding, told)
    return tuple(one for number, row in enumerate(rows) for one in recording.transmissions(number, row))


class _Recording:
    """What is known of the whole recording while its flows are told one by one."""

    def __init__(
        self,
        rows: Iterable[FlowRow],
        asked: Sequence[Lookup],
        coverage: Sequence[Coverage],
        binding: DnsBinding,
        recorded: Recorded,
    ) -> None:
        self._bound = BoundNames(Answers(asked, binding), by_zone=binding.client == "same_zone")
        self._recorded = recorded
        self._both = {row.source for row in rows if both_seen(row)} | _both_by_coverage(coverage)
        self._firsts = {one.source: one.first for one in coverage}

    def transmissions(self, number: int, row: FlowRow) -> Iterator[Transmission]:
        """The two, one or none of a flow."""
        for side in Side:
            told, amount = sent(row, side, both_recorded=self._records_both(row))
            if told is not Sent.NOTHING:
                yield self._transmission(number, row, side, amount, attempted=told is Sent.ATTEMPT)

    def _transmission(self, number: int, row: FlowRow, side: Side, amount: Amount, *, attempted: bool) -> Transmission:
        forth = side is Side.SRC
        ends = ((row.src_ip, row.src_port), (row.dst_ip, row.dst_port))
        (sender, sender_port), (receiver, receiver_port) = ends if forth else ends[::-1]
        start, before = self._start(row), begun_before(row)
        names, cut = self._names(row, sender, receiver, start, forth=forth, before=before)
        recorded = self._recorded.get(canonical(sender) or sender, ())
        ported = row.proto not in _ICMP
        digests = row.src_payload_sha256 if forth else row.dst_payload_sha256
        return Transmission(
            flow=number,
            ref=row.ref,
            proto=row.proto,
            sender_ip=sender,
            sender_port=sender_port if ported else None,
            receiver_ip=receiver,
            receiver_port=receiver_port if ported else None,
            service_port=row.dst_port if ported else None,
            icmp_type=None if ported else row.src_port,
            opened_by=OpenedBy.SENDER if forth else OpenedBy.RECEIVER,
            direction_basis=row.direction_basis or "first_record",
            start=start,
            end=start if row.end is None else max(row.end, start),
            timed=(row.start, row.end) != (None, None),
            begun_before=before,
            attempted=attempted,
            sent=amount,
            acked=row.src_acked if forth else row.dst_acked,
            state=row.state,
            names=names,
            names_cut=cut,
            lookups_recorded_since=min((one.start for one in recorded), default=None),
            lookups_recorded=recorded,
            app=row.app,
            alpn=tuple(row.alpn or ()),
            tls_version=row.tls_version,
            ech=row.ech,
            cert_spki_sha256=row.cert_spki_sha256,
            cert_issuer=row.cert_issuer,
            cert_names=_tuple(row.cert_names),
            http_method=row.http_method,
            http_path=row.http_path,
            sni=None if row.ech else row.sni,
            http_hosts=_asked(row),
            clear=row.src_clear if forth else row.dst_clear,
            markers=_tuple(row.src_markers if forth else row.dst_markers),
            payload_sha256=_tuple(digests),
            tunnel=tuple(_encapsulations(row, forth=forth)) if row.tunnel or row.tunnel_ends else (),
            community_id=row.community_id,
            conn_id=row.conn_id,
            accounts=tuple(_accounts(row, side)),
        )

    def _names(
        self, row: FlowRow, sender: str, receiver: str, start: Instant, *, forth: bool, before: bool
    ) -> tuple[tuple[SeenName, ...], bool]:
        own = responder_names(row) if forth else []
        bound, cut = self._bound.at(receiver, sender, start, before=before)
        return tuple(sorted([*own, *bound], key=lambda one: _RANK[one.evidence])), cut

    def _records_both(self, row: FlowRow) -> bool:
        rows = [row] if row.told is None else [one for parts in row.told for one in parts]
        return any(one.source in self._both for one in rows)

    def _start(self, row: FlowRow) -> Instant:
        """The row's first time; where it has none, its last, else (`timed` is false) the source's first, else 1970."""
        times = (row.start, row.end, self._firsts.get(row.source))
        return next((time for time in times if time is not None), 0)


def _lookups_recorded(asked: Iterable[Lookup], coverage: Sequence[Coverage]) -> dict[str, tuple[LookupsRecorded, ...]]:
    """By client: the sources that hold a lookup of that client, each with when it begins."""
    firsts = {one.source: one.first for one in coverage}
    since: dict[str, dict[str, Instant]] = {}
    for lookup in asked:
        source = lookup.ref.source
        first = firsts.get(source)
        begun = lookup.time if first is None else first
        if begun is not None and lookup.client_ip is not None:
            sources = since.setdefault(canonical(lookup.client_ip) or lookup.client_ip, {})
            sources[source] = min(begun, sources.get(source, begun))
    return {client: tuple(itertools.starmap(LookupsRecorded, sorted(found.items()))) for client, found in since.items()}


def _both_by_coverage(coverage: Iterable[Coverage]) -> set[str]:
    """Sources that count one-way flows and hold others too."""
    return {one.source for one in coverage if 0 < one.one_way_flows < one.flows}


def _encapsulations(row: FlowRow, *, forth: bool) -> Iterator[Encapsulation]:
    """The layers around a flow, their ends turned to the direction."""
    for kind, ends in itertools.zip_longest(row.tunnel or (), row.tunnel_ends or ()):
        src, dst = (ends["src"], ends["dst"]) if ends else (None, None)
        yield Encapsulation(kind or "unknown", *((src, dst) if forth else (dst, src)))


def _accounts(row: FlowRow, side: Side) -> Iterator[Account]:
    """What each source tells of the side, where several do."""
    for one in itertools.chain.from_iterable(row.told or ()):
        payload, octets = (getattr(one, f"{side.value}_{what}") for what in ("payload", "bytes"))
        scope, counted = ("payload", payload) if payload is not None else (one.bytes_scope, octets)
        yield Account(one.ref, scope if counted is not None else None, counted)


def _asked(row: FlowRow) -> tuple[str, ...] | None:
    """The hosts asked for, with what a log says was asked of a proxy, an address among them."""
    named = [row.name] if row.name and row.name_source in PROXY_NAMES else []
    return tuple(dict.fromkeys([*(row.http_hosts or ()), *named])) if named else _tuple(row.http_hosts)


def _tuple(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)


_RANK = {kind: kind.rank for kind in NameClass}
_ICMP = frozenset({"icmp", "icmp6"})
