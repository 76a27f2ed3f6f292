"""How much a verdict matters: by verdict and label, as the policy says or by default.

Defaults: unapproved results critical, bulk high, unread medium, none low (`public` low, any other label medium);
deviation and indeterminate the same one step lower; prohibited high; lookups low, but data in names as `bulk`
unapproved. An attempt is one step lower still.
"""

from collections.abc import Iterable
from typing import assert_never

from flowwatch.model import Label, Severity, Verdict
from flowwatch.policy.terms import Severities

_UNAPPROVED = {
    "results": Severity.CRITICAL,
    "bulk": Severity.HIGH,
    "unread": Severity.MEDIUM,
    "none": Severity.LOW,
    "public": Severity.LOW,
}


def severity_of(
    verdict: Verdict,
    labels: Iterable[Label],
    table: Severities,
    *,
    attempted: bool = False,
    own: Severity | None = None,
) -> Severity:
    """The worst severity among the labels; `own` is what the deciding entry says for itself."""
    each = [own or _of(verdict, label.name, table) for label in labels]
    worst = max(each, key=lambda severity: severity.rank, default=Severity.INFO)
    return worst.lowered() if attempted else worst


def _of(verdict: Verdict, label: str, table: Severities) -> Severity:
    match verdict:
        case Verdict.OUT_OF_SCOPE | Verdict.APPROVED | Verdict.EXCEPTED:
            return Severity.INFO
        case Verdict.PROHIBITED:
            return table.prohibited.get(label, Severity.HIGH)
        case Verdict.UNAPPROVED:
            return _unapproved(label, table)
        case Verdict.DEVIATION:
            return table.deviation.get(label, _unapproved(label, table).lowered())
        case Verdict.INDETERMINATE:
            return table.indeterminate.get(label, _unapproved(label, table).lowered())
        case _:
            assert_never(verdict)


def _unapproved(label: str, table: Severities) -> Severity:
    return table.unapproved.get(label, _UNAPPROVED.get(label, Severity.MEDIUM))
