"""Exit codes: one contract, one file."""

import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowwatch.model import Coverage, Report, Severity


class Exit(enum.IntEnum):
    """What the process says when it ends."""

    DONE = 0
    FINDINGS = 1
    USAGE = 2
    INCOMPLETE = 3
    INTERNAL = 70
    INTERRUPTED = 130
    PIPE = 141


def of_report(report: "Report", fail_on: "Severity", allow_undecided: int) -> Exit:
    """1 for findings at or above `fail_on`, 3 when the run is incomplete, 0 otherwise."""
    if any(finding.severity.rank >= fail_on.rank for finding in report.findings):
        return Exit.FINDINGS
    return Exit.INCOMPLETE if shortcomings(report, allow_undecided) else Exit.DONE


def shortcomings(report: "Report", allow_undecided: int) -> tuple[str, ...]:
    """Why the run is incomplete, in words; empty when it is not. An audit of nothing is never a pass."""
    from flowwatch.model import OF_THE_WHOLE, ONLY_TOLD, ClaimOutcome, Group, Verdict
    from flowwatch.reports.phrases import plural

    undecided = report.group(Group.CANNOT_TELL).count
    untold = OF_THE_WHOLE - ONLY_TOLD
    whole = sum(one.kind in untold and one.verdict is Verdict.INDETERMINATE for one in report.findings)
    claims = sum(one.outcome is ClaimOutcome.CANNOT_TELL for one in report.claims)
    asked = sum(n for verdict, n in report.lookup_verdicts.items() if verdict is not Verdict.OUT_OF_SCOPE)
    reasons = {
        "no policy in force": not report.policies,
        **dict.fromkeys(unread(report.coverage), True),
        "nothing in scope": not report.judged and not asked,
        f"{plural(undecided, 'transmission')} could not be told": undecided > allow_undecided,
        f"{plural(whole, 'finding')} of the recording as a whole could not be told": whole > 0,
        f"{claims} of {plural(len(report.claims), 'claim')} could not be told": claims > 0,
    }
    return tuple(words for words, holds in reasons.items() if holds)


def unread(coverage: "Sequence[Coverage]") -> tuple[str, ...]:
    """That sources were not read in full, in words; empty when all were."""
    short = [one.source for one in coverage if one.incomplete]
    return (f"input not read in full: {len(short)} of {len(coverage)} sources{_first(short)}",) if short else ()


def _first(short: list[str]) -> str:
    """Which source to look at first."""
    return f" ({short[0]}{', ...' if len(short) > 1 else ''})" if short else ""
