"""When this state judged by a policy first, and what it judged that had run before.

Promises: a policy is its digest, so whatever changes in its file makes it another one. It may have lain ready since the
last check before; what was judged and began earlier than that ran before the policy was known here.

Refuses to speak of the first policies of a state, which has seen nothing before, and to take the times of files for
proof.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from flowwatch.judge import remedy_of
from flowwatch.model import Finding, Instant, Reason, Severity, Sureness, Verdict
from flowwatch.ops.state import State
from flowwatch.policy.terms import Policy
from flowwatch.policy.windows import written


def keep(state: State, versions: Sequence[Policy], now: Instant) -> None:
    """Remembers of each digest that was never used before that it is used now; the first are as old as may be."""
    since = 0 if state.one("SELECT 1 FROM meta WHERE key LIKE 'policy %' LIMIT 1") is None else now
    for one in versions:
        if state.get(_key(one)) is None:
            state.put(_key(one), since)


def younger(state: State, versions: Sequence[Policy], earliest: Mapping[str, Instant]) -> Iterator[Finding]:
    """A finding for each version that judged what had begun before it was known; `earliest` by version, of a check."""
    for one in versions:
        first = int(state.get(_key(one)))
        before = state.one("SELECT max(started) FROM checks WHERE started < ?", first)
        began = earliest.get(one.policy.version)
        if before is not None and began is not None and began < before:
            yield _finding(one, first, began)


def _key(version: Policy) -> str:
    return f"policy {version.info.sha256}"


def _finding(version: Policy, first: Instant, began: Instant) -> Finding:
    header, reason = version.policy, Reason.SEEN_AFTER
    seen = f"policy {header.id} {header.version} was seen first at {written(first)}"
    return Finding(
        id=hashlib.sha256(f"policy\0{version.info.sha256}\0{reason.value}".encode()).hexdigest()[:16],
        kind=reason,
        verdict=Verdict.INDETERMINATE,
        severity=Severity.INFO,
        confidence=Sureness.HIGH,
        confidence_why="this state had judged by another policy before",
        title=f"{seen} and judged what began at {written(began)}: {reason.sentence}",
        first_seen=began,
        last_seen=first,
        count=1,
        remedy=remedy_of(reason),
    )
