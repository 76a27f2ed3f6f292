"""What a report tells of each step of a scenario."""

from collections.abc import Iterable

from flowwatch.model import Decision, OpenedBy, Report, Verdict

SECOND = 10**9


def judged(report: Report, step: dict[str, object], shift: float = 0) -> list[Decision]:
    """The decisions on what the step's client sent; `shift`: by how many seconds the source was recorded later."""
    return [one for one in report.decisions if _is_of(one, step, shift)]


def _is_of(decision: Decision, step: dict[str, object], shift: float) -> bool:
    sent = decision.transmission
    start, end = (float(str(step[name])) + shift for name in ("start", "end"))
    return (
        sent.opened_by is OpenedBy.SENDER
        and sent.receiver_ip == step["ip"]
        and sent.sender_ip == step.get("client_ip", sent.sender_ip)
        and sent.proto == step["proto"]
        and sent.receiver_port in (step["port"], None)
        and (step["client_port"] is None or sent.sender_port in (step["client_port"], None))
        and (sent.sender_port is not None or decision.asked in (None, step["name"]))
        and sent.start <= (end + 1) * SECOND
        and sent.end >= (start - 1) * SECOND
    )


def verdict(decisions: Iterable[Decision]) -> str:
    """`verdict reason` of the only decision; what is wrong with their number else."""
    found = list(decisions)
    if len(found) != 1:
        return f"{len(found)} transmissions"
    return f"{found[0].verdict} {found[0].reasons[0]}"


def asked(report: Report, ending: str) -> set[str]:
    """The verdicts on lookups of names with that ending, by clients in scope."""
    found = {one.verdict for one in report.lookups if one.lookup.qname.endswith(ending)}
    return {one.value for one in found - {Verdict.OUT_OF_SCOPE}}
