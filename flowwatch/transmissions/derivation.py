"""From both tables to transmissions: the room's one story."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.alike import (
    Flags,
    Numbers,
    among,
    at_once,
    by_value,
    firsts,
    flags,
    numbered,
    plain,
    shared,
    together,
    words,
)
from flowwatch.model import (
    EARLIEST,
    MOST_COUNTED,
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
    TransmissionColumns,
    Transmissions,
)
from flowwatch.policy.terms import DnsBinding
from flowwatch.transmissions.addresses import one_text
from flowwatch.transmissions.answers import Answers
from flowwatch.transmissions.connections import ICMP, PROXY_NAMES
from flowwatch.transmissions.directions import (
    Plain,
    Sent,
    Side,
    both_sides_seen,
    counts,
    openings_seen,
    sent,
    sent_columns,
)
from flowwatch.transmissions.joining import Joined, joined
from flowwatch.transmissions.naming import BoundNames, responder_names
from flowwatch.transmissions.parts import whole
from flowwatch.transmissions.questions import questions
from flowwatch.transmissions.recorders import recorders
from flowwatch.transmissions.rows import FlowRow

_DEFAULT = DnsBinding()
_PORTION = 1 << 18
_LOOKED_AT = ("proto", "state", "direction_basis", "bytes_scope", "action", "counter")
"""Texts that tell what was sent."""
_NONE = np.zeros(0, np.int32)
_Kind = TypeVar("_Kind", bound=np.generic)
Recorded = Mapping[str, tuple[LookupsRecorded, ...]]
"""By client the sources that hold its lookups, each with when it begins."""


def derive(
    flows: pa.Table,
    lookups: pa.Table,
    coverage: Sequence[Coverage],
    binding: DnsBinding = _DEFAULT,
    recorded: Recorded | None = None,
) -> Transmissions:
    """One Transmission for each direction that carried payload, and each attempt, ordered by flow.

    `flows` and `lookups` have the schemas FLOWS and LOOKUPS; their order changes nothing. A flow's number is its place
    in the order of (source, first record). Both of a flow stand together, the initiator's first. `recorded`: of which
    clients sources hold lookups, where `lookups` are not all that were recorded; None: those tell it.
    """
    rows = joined(whole(flows), recorders(coverage), binding.skew.ns)
    asked = questions(lookups)
    told = _lookups_recorded(asked, coverage) if recorded is None else recorded
    recording = _Recording(rows, asked, coverage, binding, told)
    return Transmissions(recording.columns, recording.made)


class _Told(NamedTuple):
    """Columns of `TransmissionColumns` that hang on the flow alone."""

    start: Numbers
    end: Numbers
    timed: Flags
    begun_before: Flags
    row: Numbers
    forth: Flags
    attempted: Flags
    least: Numbers
    most: Numbers
    acked: Numbers


class _Recording:
    """What is known of the whole recording while its flows are told."""

    def __init__(
        self,
        rows: Joined,
        asked: Sequence[Lookup],
        coverage: Sequence[Coverage],
        binding: DnsBinding,
        recorded: Recorded,
    ) -> None:
        self._rows = rows
        self._answers = Answers(asked, binding)
        self._by_zone = binding.client == "same_zone"
        self._bound = BoundNames(self._answers, by_zone=self._by_zone)
        self._recorded = recorded
        self._firsts = {one.source: one.first for one in coverage}
        self._both = _recording_both(rows, coverage)
        self._several = np.array(sorted(rows.told), np.int64)
        self.columns = self._columns()

    def _columns(self) -> TransmissionColumns:
        """The transmissions as columns: every flow's two sides, those that sent nothing left out."""
        flows = self._rows.flows
        told = at_once(self._told, enumerate(_portions(flows)))
        every = _Told(*(np.concatenate(parts) for parts in zip(*told, strict=True)))
        addresses, (src, dst) = shared(flows["src_ip"], flows["dst_ip"])
        columns = TransmissionColumns(
            **every._asdict(),
            flows=flows,
            addresses=addresses,
            src=src,
            dst=dst,
            answers=_NONE,
            names_cut=_NONE.astype(np.bool_),
            recorded=_NONE,
            recorded_since=frozenset(one.start for told in self._recorded.values() for one in told),
            controls=np.broadcast_to(np.int64(0), len(every.row)),
        )
        answers, cut = self._answered(columns)
        return msgspec.structs.replace(columns, answers=answers, names_cut=cut, recorded=self._held(columns))

    def _told(self, portion: tuple[int, pa.Table]) -> "_Told":
        """What is known of each flow of a portion by itself."""
        number, flows = portion
        flows = numbered(flows, _LOOKED_AT)
        begin = number * _PORTION
        rows = np.arange(begin, begin + len(flows), dtype=np.int32)
        openings, both = openings_seen(flows), self._records_both(flows, begin)
        sides = [self._side(flows, side, begin, openings, both) for side in Side]
        kept = np.column_stack([one.payload | one.attempts for one in sides]).ravel()
        start, end, timed = self._times(flows)

        return _Told(
            start=start,
            end=end,
            timed=timed,
            begun_before=~openings,
            row=_of_both([rows, rows], kept),
            forth=np.tile([True, False], len(flows))[kept],
            attempted=_of_both([one.attempts for one in sides], kept),
            least=_of_both([one.least for one in sides], kept),
            most=_of_both([one.most for one in sides], kept),
            acked=_of_both([counts(flows[f"{side.value}_acked"]) for side in Side], kept),
        )

    def _side(self, flows: pa.Table, side: Side, begin: int, openings: Flags, both: Flags) -> Plain:
        """What that side of every flow sent, as `sent` tells it."""
        found = sent_columns(flows, side, openings=openings, both_recorded=both)
        found.known[self._put_together(flows, begin) - begin] = False
        rest = np.flatnonzero(~found.known)
        for place, row in zip(rest, self._rows.rows(rest + begin), strict=True):
            told, amount = sent(row, side, both_recorded=bool(both[place]))
            found.payload[place], found.attempts[place] = told is Sent.PAYLOAD, told is Sent.ATTEMPT
            found.least[place] = min(amount.least, MOST_COUNTED)
            found.most[place] = -1 if amount.most is None else min(amount.most, MOST_COUNTED)
        return found

    def _records_both(self, flows: pa.Table, begin: int) -> Flags:
        """Whether a source of the flow records both directions, by flow."""
        found = among(flows["source"], sorted(self._both))
        for place in self._put_together(flows, begin).tolist():
            parts = itertools.chain.from_iterable(self._rows.told[place].told or ())
            found[place - begin] |= any(one.source in self._both for one in parts)
        return found

    def _put_together(self, flows: pa.Table, begin: int) -> Numbers:
        """The places of those of these flows that several rows tell of."""
        first, last = np.searchsorted(self._several, [begin, begin + len(flows)])
        return self._several[first:last]

    def _times(self, flows: pa.Table) -> tuple[Numbers, Numbers, Flags]:
        """Begin and end of each flow, and whether its source tells any.

        The row's first time; where it has none, its last, else the source's first, else 1970.
        """
        since, until = (flows[name].cast(pa.int64()) for name in ("start", "end"))
        sources, which = words(flows["source"])
        firsts = pa.array([self._firsts.get(source) for source in sources], pa.int64())
        source_firsts = firsts.take(pa.array(which)) if since.null_count else pa.nulls(len(flows), pa.int64())
        start = plain(pc.fill_null(pc.coalesce(since, until, source_firsts), 0))
        end = np.maximum(start, plain(pc.fill_null(until, EARLIEST)))
        return start, end, flags(pc.is_valid(pc.coalesce(since, until)))

    def _answered(self, columns: TransmissionColumns) -> tuple[Numbers, Flags]:
        """What answers say of each receiver for its sender then, as numbers, and whether more was said than is kept."""
        found, cuts = np.full(len(columns.row), -1, np.int32), np.zeros(len(columns.row), np.bool_)
        answered = np.array([self._answers.names(one_text(one)) for one in columns.addresses], np.bool_)
        receiver = columns.receivers()
        asked = np.flatnonzero(answered[receiver]) if len(answered) else found
        if not len(asked):
            return found, cuts
        row, receiver, sender = columns.row[asked], receiver[asked], columns.senders(asked)
        start, before = columns.start[row], columns.begun_before[row]
        since = self._since(columns.addresses, receiver, sender, start)
        same = together([receiver, sender, since, before.astype(np.int32)], len(asked))
        said: dict[object, int] = {}
        told, more = np.zeros(int(same.max()) + 1, np.int32), np.zeros(int(same.max()) + 1, np.bool_)
        for number, place in enumerate(firsts(same)):
            ends = columns.addresses[receiver[place]], columns.addresses[sender[place]]
            names, more[number] = self._bound.binding(*ends, int(start[place]), before=bool(before[place]))
            if names:
                told[number] = said.setdefault((self._saying(names), bool(more[number])), len(said) + 1)
            elif not since[place]:
                told[number] = -1
        found[asked], cuts[asked] = told[same], more[same]
        return found, cuts

    def _since(self, addresses: Sequence[str], receiver: Numbers, sender: Numbers, start: Numbers) -> Numbers:
        """How many times what answers say of the receiver for the sender had changed by the start."""
        pair = together([receiver, sender if not self._by_zone else np.zeros_like(sender)], len(start))
        pairs = firsts(pair)
        changes = [
            self._answers.changes(one_text(addresses[address]), None if self._by_zone else one_text(addresses[client]))
            for address, client in zip(receiver[pairs], sender[pairs], strict=True)
        ]
        once = np.array([len(one) == 1 for one in changes], np.bool_)
        found = (start >= np.array([one[0] for one in changes], np.int64)[pair]).astype(np.int32)
        often = np.flatnonzero(~once[pair])
        for one, places in by_value(pair[often]):
            found[often[places]] = np.searchsorted(np.array(changes[one], np.int64), start[often[places]], side="right")
        return found

    def _saying(self, names: Iterable[SeenName]) -> object:
        """What of the answers a judgement can rest on: those the sender got, or where zones count, any live one."""
        own = (one for one in names if one.evidence is NameClass.ANSWER_SAME_CLIENT)
        others = [one for one in names if one.evidence is NameClass.ANSWER_OTHER_CLIENT] if self._by_zone else []
        return (*map(_said, own), *((*_said(one), one.client, one.ref and one.ref.source) for one in others))

    def _held(self, columns: TransmissionColumns) -> Numbers:
        """Which sources hold the lookups of each sender, as numbers."""
        known: dict[tuple[LookupsRecorded, ...], int] = {(): 0}
        held = (self._recorded.get(one_text(one), ()) for one in columns.addresses)
        numbers = np.array([known.setdefault(one, len(known)) for one in held], np.int32)
        return numbers[columns.senders()]

    def made(self, places: Numbers) -> list[Transmission]:
        """The transmissions at the places."""
        columns = self.columns
        rows = self._rows.rows(columns.row[places])
        return [self._transmission(int(place), row) for place, row in zip(places, rows, strict=True)]

    def _transmission(self, place: int, row: FlowRow) -> Transmission:
        columns = self.columns
        number, forth = int(columns.row[place]), bool(columns.forth[place])
        ends = ((row.src_ip, row.src_port), (row.dst_ip, row.dst_port))
        (sender, sender_port), (receiver, receiver_port) = ends if forth else ends[::-1]
        start, before = int(columns.start[number]), bool(columns.begun_before[number])
        names, cut = self._names(row, sender, receiver, start, forth=forth, before=before)
        recorded = self._recorded.get(one_text(sender), ())
        most = int(columns.most[place])
        ported = row.proto not in ICMP
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
            end=int(columns.end[number]),
            timed=bool(columns.timed[number]),
            begun_before=before,
            attempted=bool(columns.attempted[place]),
            sent=Amount(int(columns.least[place]), None if most < 0 else most),
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
            accounts=tuple(_accounts(row, Side.SRC if forth else Side.DST)),
        )

    def _names(
        self, row: FlowRow, sender: str, receiver: str, start: Instant, *, forth: bool, before: bool
    ) -> tuple[tuple[SeenName, ...], bool]:
        own = responder_names(row) if forth else []
        bound, cut = self._bound.at(receiver, sender, start, before=before)
        return tuple(sorted([*own, *bound], key=lambda one: _RANK[one.evidence])), cut


def _said(one: SeenName) -> tuple[object, ...]:
    return one.name, one.chain, one.resolver, one.exact, one.from_before_capture


def _recording_both(rows: Joined, coverage: Sequence[Coverage]) -> set[str]:
    """Sources that record both directions."""
    found = _both_by_coverage(coverage)
    for flows in _portions(rows.flows):
        found.update(flows["source"].filter(pa.array(both_sides_seen(flows))).unique().to_pylist())
    return found


def _of_both(columns: list[npt.NDArray[_Kind]], kept: Flags) -> npt.NDArray[_Kind]:
    """Columns of both sides as one of transmissions."""
    return np.column_stack(columns).ravel()[kept]


def _portions(flows: pa.Table) -> Iterator[pa.Table]:
    """Some rows after the others: what is made of few is soon given back, and the next take its memory."""
    for begin in range(0, max(len(flows), 1), _PORTION):
        yield flows.slice(begin, _PORTION)


def _lookups_recorded(asked: Iterable[Lookup], coverage: Sequence[Coverage]) -> dict[str, tuple[LookupsRecorded, ...]]:
    """By client: the sources that hold a lookup of that client, each with when it begins."""
    firsts = {one.source: one.first for one in coverage}
    since: dict[str, dict[str, Instant]] = {}
    for lookup in asked:
        source = lookup.ref.source
        first = firsts.get(source)
        begun = lookup.time if first is None else first
        if begun is not None and lookup.client_ip is not None:
            sources = since.setdefault(one_text(lookup.client_ip), {})
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
