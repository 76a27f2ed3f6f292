"""Three-valued conditions: true, false or unseen; null in a source means unseen.

Promises Kleene's strong logic (1938): a conjunction with a false part is false however much is unseen, so an unseen
part never makes a rule hold.
"""

from collections.abc import Iterable

from flowwatch.model import Check, Reason, Truth

TRUE, FALSE, UNSEEN = Truth.TRUE, Truth.FALSE, Truth.UNSEEN


def conjunction(truths: Iterable[Truth]) -> Truth:
    """False where any is false, else unseen where any is unseen, else true; true of none."""
    found = TRUE
    for truth in truths:
        if truth is FALSE:
            return FALSE
        if truth is UNSEEN:
            found = UNSEEN
    return found


def disjunction(truths: Iterable[Truth]) -> Truth:
    """True where any is true, else unseen where any is unseen, else false; false of none."""
    found = set(truths)
    return TRUE if TRUE in found else UNSEEN if UNSEEN in found else FALSE


def known(value: bool | None) -> Truth:  # noqa: FBT001  # a value of the source, not a switch
    """The truth of a value that a source may not have."""
    return UNSEEN if value is None else TRUE if value else FALSE


def compared(
    what: str, truth: Truth, declared: str, observed: str, differs: Reason, unseen: Reason = Reason.UNSEEN
) -> Check:
    """The condition as looked at; its reason is `differs` when false, `unseen` when unseen, none when it holds."""
    reason = None if truth is TRUE else differs if truth is FALSE else unseen
    return Check(what, truth, declared, observed, reason)


def together(checks: Iterable[Check]) -> Truth:
    """Whether all the conditions hold."""
    return conjunction([check.truth for check in checks])


def worst_first(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Failing conditions, then unseen ones, then those that hold; otherwise in the given order."""
    order = {FALSE: 0, UNSEEN: 1, TRUE: 2}
    return tuple(sorted(checks, key=lambda check: order[check.truth]))


def reasons_of(checks: Iterable[Check], *truths: Truth) -> tuple[Reason, ...]:
    """The distinct reasons of the conditions with these truths, in order."""
    return tuple(dict.fromkeys(check.reason for check in checks if check.truth in truths and check.reason))
