"""The answers to a policy's claims in short plain phrases, the same on the screen, in Markdown and on the web page."""

from collections.abc import Sequence

from flowwatch.model import ClaimAnswer, ClaimOutcome, Group
from flowwatch.reports.phrases import number, plural, utc, words


def told(answers: Sequence[ClaimAnswer]) -> str:
    """`3: 1 does not hold, 1 cannot tell, 1 no contrary observation`."""
    counts = {outcome: sum(one.outcome is outcome for one in answers) for outcome in ClaimOutcome}
    gravest = (ClaimOutcome.DOES_NOT_HOLD, ClaimOutcome.CANNOT_TELL, ClaimOutcome.NO_CONTRARY_OBSERVATION)
    parts = ", ".join(f"{number(counts[outcome])} {words(outcome)}" for outcome in gravest if counts[outcome])
    return f"{number(len(answers))}: {parts}" if parts else "none"


def group(outcome: ClaimOutcome) -> Group:
    """The group whose colour it bears; a claim is of no group."""
    return {
        ClaimOutcome.DOES_NOT_HOLD: Group.VIOLATES,
        ClaimOutcome.CANNOT_TELL: Group.CANNOT_TELL,
        ClaimOutcome.NO_CONTRARY_OBSERVATION: Group.CONFORMS,
    }[outcome]


def time(one: ClaimAnswer) -> str:
    """For which time it was answered, and whether the policy names it."""
    if one.start is None or one.end is None:
        return "of no recorded time"
    whose = "as declared" if one.time_declared else "the time recorded: the claim names no beginning"
    return f"{utc(one.start)} until {utc(one.end)}, {whose}"


def counts(one: ClaimAnswer) -> str:
    """What it rests on: how many were sent, and how many of them count against it or cannot be told."""
    parts = [f"{number(one.contrary)} contrary", f"{number(one.undetermined)} could not be told"]
    tried = f"; {plural(one.attempts, 'attempt')} that carried nothing" if one.attempts else ""
    return f"{plural(one.transmissions, 'transmission')}, of them {', '.join(parts)}{tried}"
