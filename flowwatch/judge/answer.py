"""The answering direction of a flow: approved with the flow unless it bears a label that is not carried.

Promises: every channel or exception that permits the opening direction is asked, so that declaring one more never takes
a permission away. An opening by a sender outside every zone permits nothing: the answer is judged as sent to it.

Data that a control connection announced answers that one where its receiver opened it, whoever opened the data
connection (active mode of FTP); it is then permitted by nothing but the channel of that control connection.
"""

import msgspec

from flowwatch.judge.conditions import carries_check
from flowwatch.judge.considered import Considered
from flowwatch.judge.derivation import Derivation
from flowwatch.judge.observation import Observation
from flowwatch.judge.related import RELATED
from flowwatch.judge.truth import FALSE, TRUE, UNSEEN
from flowwatch.model import Amount, Check, Encapsulation, Group, OpenedBy, Reason, Transmission


def permitting(opening: Derivation | None) -> tuple[Derivation | None, ...]:
    """What an answer is held against, the worst of them standing: the opening or, of a proxy, each host asked."""
    if opening is None or not opening.asked:
        return (opening,)
    return tuple(msgspec.structs.replace(part, decision=opening.decision) for part in opening.asked)


def answers_considered(opening: Derivation | None, seen: Observation) -> tuple[Considered, ...]:
    """The entries that permit (or may permit) the opening direction, held against what the answer bears."""
    group = Group.OUT_OF_SCOPE if opening is None else opening.decision.verdict.group
    if opening is None or group not in (Group.CONFORMS, Group.CANNOT_TELL):
        return ()
    permits = [entry for entry in (*opening.channels, *opening.exceptions) if entry.truth is not FALSE]
    if seen.transmission.opened_by is OpenedBy.SENDER:
        permits = [entry for entry in permits if any(check.what == RELATED for check in entry.checks)]
    return tuple(_considered(entry, opening, seen) for entry in permits)


def _considered(entry: Considered, opening: Derivation, seen: Observation) -> Considered:
    verdict = opening.decision.verdict
    settled = entry.truth is TRUE and verdict.group is Group.CONFORMS
    why = None if settled else next(iter(opening.decision.reasons), Reason.UNSEEN)
    flow = Check("flow", TRUE if settled else UNSEEN, "the flow it answers is approved", verdict.value, why)
    return Considered.of(entry.rule, (flow, carries_check(entry.carries, seen)), carries=entry.carries)


def opening_of(answer: Transmission) -> Transmission | None:
    """What opened the flow that it answers, where that direction was not recorded; None of what answers nothing."""
    if answer.opened_by is OpenedBy.RECEIVER:
        return unrecorded_opening(answer)
    if any(control.opened_by is OpenedBy.RECEIVER for control in answer.controls):
        return msgspec.structs.replace(unrecorded_opening(answer), sent=Amount.exactly(0))
    return None


def unrecorded_opening(answer: Transmission) -> Transmission:
    """The opening direction of a flow whose answer alone was recorded: its size, names and content are unseen."""
    return msgspec.structs.replace(
        answer,
        sender_ip=answer.receiver_ip,
        sender_port=answer.receiver_port,
        receiver_ip=answer.sender_ip,
        receiver_port=answer.sender_port,
        opened_by=OpenedBy.SENDER,
        sent=Amount(0, None),
        tunnel=tuple(Encapsulation(one.kind, one.receiver, one.sender) for one in answer.tunnel),
        acked=None,
        names=(),
        controls=tuple(msgspec.structs.replace(one, opened_by=_OTHER[one.opened_by]) for one in answer.controls),
        lookups_recorded_since=None,
        http_method=None,
        http_path=None,
        http_hosts=None,
        clear=None,
        markers=None,
        payload_sha256=None,
    )


_OTHER = {OpenedBy.SENDER: OpenedBy.RECEIVER, OpenedBy.RECEIVER: OpenedBy.SENDER}
