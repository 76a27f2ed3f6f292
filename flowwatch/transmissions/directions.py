"""What each side of a flow sent, and whether a flow without payload was an attempt.

Promises: an exact amount only where the source counts transport payload itself; a range where it counts something
else; a direction of a connection that was not recorded is at least what its peer acknowledged, and never nothing.

TCP and SCTP without a sender's payload:

| opening | directions | what comes out |
|---|---|---|
| seen | the source records both | an attempt, whatever the other side sent |
| seen | no flow of the source has both | an unknown amount: the rest may have run past the sensor |
| not seen | the sender's was recorded | nothing: keep-alives and bare acknowledgements carry no payload |
| not seen | the sender's was not | unknown if its peer sent payload or answered an opening, else nothing |

What every source says was denied, with nothing from the other side, is an attempt: a firewall counts what it dropped.

An unanswered datagram says nothing of another direction, so UDP and ICMP never give an unknown one. In a capture the
basis of direction tells whether a TCP handshake was seen (`SF` there only says that both sides closed); in a log that
speaks of initiators the `conn_state` word does. Of SCTP neither is known: a flow without payload counts as an opening.
"""

import enum
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.alike import Flags, Numbers, among, plain, words
from flowwatch.model import Amount
from flowwatch.transmissions.rows import FlowRow, each


class Side(enum.Enum):
    """A side of a flow, as its columns are prefixed."""

    SRC = "src"
    DST = "dst"


class Sent(enum.Enum):
    """What one side of a flow is to be told as."""

    NOTHING = "nothing"
    ATTEMPT = "attempt"
    PAYLOAD = "payload"


def sent(row: FlowRow, side: Side, *, both_recorded: bool) -> tuple[Sent, Amount]:
    """What that side sent and how much; `both_recorded`: the source records both directions of some flow."""
    if _denied(row):
        other = Side.DST if side is Side.SRC else Side.SRC
        asked = row.http_method is not None  # and the reply says that it was denied
        tried = side is Side.SRC if asked or _silent(row, side) == _silent(row, other) else not _silent(row, side)
        return (Sent.ATTEMPT if tried else Sent.NOTHING), Amount.exactly(0)
    amount = _counted(row, side)
    unrecorded = _get(row, side, "packets") == 0
    if row.proto not in _CONNECTED:
        nothing = amount.most == 0 or (unrecorded and amount.least == 0)
        return (Sent.NOTHING if nothing else Sent.PAYLOAD), amount
    if unrecorded and _took_part(row, side):
        return Sent.PAYLOAD, Amount(max(amount.least, _get(row, side, "acked") or 0), None)
    if amount.most != 0:
        return Sent.PAYLOAD, amount
    if side is Side.DST or not opening_seen(row):
        return Sent.NOTHING, amount
    return (Sent.ATTEMPT, amount) if both_recorded else (Sent.PAYLOAD, Amount(0, None))


class Plain(NamedTuple):
    """What `sent` says of rows where that is plain: counted payload, none, or octets that bound it."""

    known: Flags
    """The rest is to be asked of `sent`."""
    payload: Flags
    attempts: Flags
    least: Numbers
    most: Numbers
    """-1: no upper bound."""


def sent_columns(flows: pa.Table, side: Side, *, openings: Flags, both_recorded: Flags) -> Plain:
    """The same as `sent` for all rows that are plain; `openings` is `opening_seen` of each."""
    here, peer = side.value, "dst" if side is Side.SRC else "src"
    payload, packets, octets, acked, others = (
        counts(flows[name])
        for name in (f"{here}_payload", f"{here}_packets", f"{here}_bytes", f"{here}_acked", f"{peer}_payload")
    )
    usual = (
        ~among(flows["action"], ["deny"])
        & ~among(flows["counter"], ["single_packet"])
        & (counts(flows["sampled"]) <= 1)
    )
    connected = among(flows["proto"], sorted(_CONNECTED))
    counted = usual & (payload > 0) & (packets != 0)
    most = octets - packets * _header_lengths(flows)
    bounded = usual & (payload < 0) & among(flows["bytes_scope"], ["ip", "frame"]) & (octets >= 0) & (most > 0)
    bounded &= (
        (packets > 0)
        & (packets < 1 << 40)
        & ~(among(flows["proto"], ["tcp"]) & among(flows["state"], sorted(_UNANSWERED)))
    )
    silent = usual & (payload == 0)
    if side is Side.DST:
        nothing = silent & (~connected | (packets != 0) | ((acked <= 0) & (others <= 0)))
        tried = unknown = np.zeros(len(flows), np.bool_)
    else:
        opened = silent & connected & (packets != 0)
        nothing = (silent & ~connected) | (opened & ~openings)
        tried, unknown = opened & openings & both_recorded, opened & openings & ~both_recorded
    return Plain(
        known=counted | bounded | nothing | tried | unknown,
        payload=counted | bounded | unknown,
        attempts=tried,
        least=np.where(counted, payload, 0),
        most=np.where(counted, payload, np.where(bounded, most, np.where(unknown, -1, 0))),
    )


def openings_seen(flows: pa.Table) -> Flags:
    """`opening_seen` of every row."""
    return each(flows, ("proto", "direction_basis", "state"), opening_seen)


def both_sides_seen(flows: pa.Table) -> Flags:
    """`both_seen` of every row."""
    counted = [counts(flows[f"{side.value}_{what}"]) for side in Side for what in ("packets", "payload")]
    return each(flows, ("state",), both_seen, [np.sign(count) + 1 for count in counted])


def counts(column: pa.ChunkedArray) -> Numbers:
    """The counts; -1 for null."""
    if column.null_count == len(column):
        return np.full(len(column), -1, np.int64)
    return plain(pc.fill_null(column.cast(pa.int64()), -1))


def _header_lengths(flows: pa.Table) -> Numbers:
    """`_least_headers` of every row."""
    addresses, which = words(flows["src_ip"])
    lengths = np.array([*(40 if ":" in address else 20 for address in addresses), 20], np.int64)[which]
    for proto, header in _HEADERS.items():
        lengths = lengths + np.where(among(flows["proto"], [proto]), header, 0)
    return lengths


def opening_seen(row: FlowRow) -> bool:
    """The opening of the connection, or an answer to it, lies in the recording."""
    if row.proto != "tcp" or row.direction_basis == "handshake":
        return True
    if row.direction_basis == "log":
        return row.state != "OTH"
    return row.state in _OPENING


def begun_before(row: FlowRow) -> bool:
    """The TCP connection had begun before the recording."""
    return not opening_seen(row)


def both_seen(row: FlowRow) -> bool:
    """The row shows packets of both directions, so its source records both."""
    if row.src_packets is not None and row.dst_packets is not None:
        return row.src_packets > 0 and row.dst_packets > 0
    return bool(row.src_payload and row.dst_payload) or row.state in _BOTH_SEEN


def _denied(row: FlowRow) -> bool:
    """A firewall let nothing of it through."""
    parts = [part for recorder in row.told for part in recorder] if row.told else [row]
    return all(part.action == "deny" for part in parts) and not any(map(both_seen, parts))


def _silent(row: FlowRow, side: Side) -> bool:
    """Nothing of the side was counted."""
    return not any(_get(row, side, what) for what in ("packets", "bytes", "payload"))


def _counted(row: FlowRow, side: Side) -> Amount:
    """The side's transport payload as its sources count it."""
    if row.told is None:
        return _figure(row, side)
    recorded = [parts for parts in row.told if any(_get(part, side, "packets") != 0 for part in parts)]
    return _agreed([_added(parts, side) for parts in recorded or row.told])


def _added(parts: list[FlowRow], side: Side) -> Amount:
    """What one recorder counted in rows that follow one another."""
    figures = [_figure(part, side) for part in parts]
    if not any(part.counter == "cumulative" for part in parts):
        return Amount.total(figures)
    most = [figure.most for figure in figures if figure.most is not None]
    return Amount(max(figure.least for figure in figures), max(most) if len(most) == len(figures) else None)


def _agreed(figures: list[Amount]) -> Amount:
    """What several recorders' figures leave open: from the lowest to the highest of those that count payload itself.

    Where none does, the most that one proves and the highest bound: a recorder that lost packets counts too little.
    """
    exact = [figure.least for figure in figures if figure.exact is not None]
    if exact:
        return Amount(min(exact), max(exact))
    least = max(figure.least for figure in figures)
    bounds = [figure.most for figure in figures if figure.most is not None]
    return Amount(least, max(least, *bounds) if bounds else None)


def _figure(row: FlowRow, side: Side) -> Amount:
    """The side's transport payload as one row counts it."""
    payload, octets, packets = (_get(row, side, what) for what in ("payload", "bytes", "packets"))
    if row.counter == "single_packet":
        return Amount(payload or 0, None)
    if payload is None and row.bytes_scope == "payload":
        payload = octets
    if payload is None and (packets == 0 or (row.proto == "tcp" and row.state in _UNANSWERED)):
        payload = 0
    if row.sampled is not None and row.sampled > 1:
        return Amount(payload or 0, None)
    if payload is not None:
        return Amount.exactly(payload)
    if row.bytes_scope in ("ip", "frame") and octets is not None:
        return Amount(0, max(0, octets - (packets or 0) * _least_headers(row)))
    return Amount(_opening_least(row, side, octets), row.bytes_total)


def _least_headers(row: FlowRow) -> int:
    """Bytes of every packet that are certainly no payload: the shortest IP and transport headers."""
    return (40 if ":" in row.src_ip else 20) + _HEADERS.get(row.proto, 0)


def _opening_least(row: FlowRow, side: Side, octets: int | None) -> int:
    """The least an uncounted side sent: a body's bytes, or the ClientHello or request that gave the flow its name."""
    if row.bytes_scope == "body" and octets is not None:
        return octets
    spoke = side is Side.SRC and (row.sni is not None or row.tls_version is not None or row.http_method is not None)
    return 1 if spoke and row.bytes_total is None else 0


def _took_part(row: FlowRow, side: Side) -> bool:
    """The peer shows that the side sent something: it acknowledged, answered an opening, or sent payload itself."""
    peer = Side.DST if side is Side.SRC else Side.SRC
    answered = side is Side.SRC and row.direction_basis in ("handshake", "log") and row.state in _ANSWER_ONLY
    told = _get(row, side, "acked") or _get(row, side, "payload") or _get(row, peer, "payload")
    return answered or bool(told)


def _get(row: FlowRow, side: Side, what: str) -> int | None:
    value: int | None = getattr(row, f"{side.value}_{what}")
    return value


_HEADERS = {"tcp": 20, "udp": 8, "sctp": 12, "icmp": 8, "icmp6": 8}
"""Shortest headers: RFC 9293 3.1, RFC 768, RFC 9260 3, RFC 792, RFC 4443 2.1."""
_CONNECTED = frozenset({"tcp", "sctp"})
_OPENING = frozenset({"S0", "S1", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "SH"})
"""Words that only a recorded SYN gives."""
_ANSWER_ONLY = frozenset({"SHR", "RSTRH"})
"""Words of a connection of which the responder's answer was recorded and the originator's SYN was not."""
_UNANSWERED = frozenset({"S0", "REJ", "RSTOS0", "SH"})
"""Words of one that was not established: a payload count its source leaves out is then none."""
_BOTH_SEEN = frozenset({"S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR"})
