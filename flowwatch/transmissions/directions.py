"""What each side of a flow sent, and whether a flow without payload was an attempt.

Promises: an exact amount only where the source counts transport payload itself; a range where it counts something
else; a direction that was not recorded, though it must have been there, is `Amount(0, None)` so that nobody takes it
for nothing.

The cases of TCP and SCTP without a sender's payload:

| opening | other direction | what comes out |
|---|---|---|
| seen (a SYN; `S0 REJ S1 SF ...`) | the source records both directions | an attempt, whatever the other side sent |
| seen | no flow of the source has both directions | an unknown amount: the rest may have run past the sensor |
| not seen (`OTH`), the sender recorded | either | nothing: keep-alives and bare acknowledgements carry no payload |
| not seen, the sender not recorded | its peer sent payload or answered an opening | at least what was acknowledged |

An unanswered datagram says nothing of another direction, so UDP and ICMP never give an unknown one.
"""

import enum

from flowwatch.model import Amount
from flowwatch.transmissions.rows import FlowRow


class Side(enum.Enum):
    """A side of a flow, as its columns are prefixed."""

    SRC = "src"
    DST = "dst"


class Sent(enum.Enum):
    """What one side of a flow is to be told as."""

    NOTHING = "nothing"
    ATTEMPT = "attempt"
    PAYLOAD = "payload"


OPENING_SEEN = frozenset({"S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "SH"})
"""`conn_state` words that say the originator's SYN was recorded."""
ANSWER_SEEN = frozenset({"SHR", "RSTRH"})
"""Words that say only the responder's SYN-ACK was: the opening fell into the recording, its sender was not recorded."""
UNANSWERED = frozenset({"S0", "REJ", "RSTOS0", "SH"})
"""Words that say no connection was established: a payload count the source leaves out is then none."""
_BOTH_SEEN = frozenset({"S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR"})


def sent(row: FlowRow, side: Side, *, both_recorded: bool) -> tuple[Sent, Amount]:
    """What that side sent and how much; `both_recorded`: the source records both directions of some flow."""
    amount = _counted(row, side)
    if row.proto not in _CONNECTED:
        unrecorded = amount.least == 0 and _get(row, side, "packets") == 0
        return (Sent.NOTHING if amount.most == 0 or unrecorded else Sent.PAYLOAD), amount
    if amount.most == 0 and _unrecorded(row, side):
        return Sent.PAYLOAD, Amount(_acked(row, side) or 0, None)
    if amount.most != 0:
        return Sent.PAYLOAD, amount
    if side is Side.DST or not opening_seen(row):
        return Sent.NOTHING, amount
    return (Sent.ATTEMPT, amount) if both_recorded else (Sent.PAYLOAD, Amount(0, None))


def opening_seen(row: FlowRow) -> bool:
    """The originator's opening lies in the recording."""
    if row.state in _KNOWN:
        return row.state in OPENING_SEEN
    return row.direction_basis in ("handshake", "log")


def begun_before(row: FlowRow) -> bool:
    """The flow had begun before the recording: no opening (nor an answer to one) was seen. Connected protocols only."""
    return row.proto in _CONNECTED and not opening_seen(row) and row.state not in ANSWER_SEEN


def both_seen(row: FlowRow) -> bool:
    """The row shows packets of both directions, so its source records both."""
    if row.src_packets is not None and row.dst_packets is not None:
        return row.src_packets > 0 and row.dst_packets > 0
    return bool(row.src_payload and row.dst_payload) or row.state in _BOTH_SEEN


def _counted(row: FlowRow, side: Side) -> Amount:
    """The side's transport payload as its source counts it."""
    payload, octets, packets = (_get(row, side, what) for what in ("payload", "bytes", "packets"))
    if payload is None and row.bytes_scope == "payload":
        payload = octets
    if payload is None and (packets == 0 or (row.proto == "tcp" and row.state in UNANSWERED)):
        payload = 0
    if row.sampled is not None and row.sampled > 1:
        return Amount(payload or 0, None)
    if payload is not None:
        return Amount.exactly(payload)
    if row.bytes_scope in ("ip", "frame") and octets is not None:
        return Amount(0, octets)
    return Amount(_opening_least(row, side, octets), row.bytes_total)


def _opening_least(row: FlowRow, side: Side, octets: int | None) -> int:
    """The least an uncounted side sent: a body's bytes, or the ClientHello or request that gave the flow its name."""
    if row.bytes_scope == "body" and octets is not None:
        return octets
    spoke = side is Side.SRC and (row.sni is not None or row.tls_version is not None or row.http_method is not None)
    return 1 if spoke and row.bytes_total is None else 0


def _unrecorded(row: FlowRow, side: Side) -> bool:
    """No packet of the side was recorded, though its peer shows that it took part."""
    if _get(row, side, "packets") != 0:
        return False
    peer = Side.DST if side is Side.SRC else Side.SRC
    answered = side is Side.SRC and row.state in ANSWER_SEEN
    return answered or bool(_acked(row, side)) or bool(_get(row, peer, "payload"))


def _acked(row: FlowRow, side: Side) -> int | None:
    return _get(row, side, "acked")


def _get(row: FlowRow, side: Side, what: str) -> int | None:
    value: int | None = getattr(row, f"{side.value}_{what}")
    return value


_CONNECTED = frozenset({"tcp", "sctp"})
_KNOWN = OPENING_SEEN | ANSWER_SEEN | {"OTH"}
