"""Dormancy: an approved server that was not seen for `[defaults] dormant_after`, and is used again.

Not seen is what no recording that was read shows, whether it was recorded or not. Told only where the policy sets the
span: between two elections every server is unseen for months.
"""

from collections.abc import Iterator, Mapping

from flowwatch.judge.past.met import Met, Server
from flowwatch.judge.past.told import Change, finding, observed
from flowwatch.judge.past.traits import said_of
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.transmission import Locate
from flowwatch.model import Check, Coverage, Finding, Instant, Place, Reason, Sureness, Trait, Truth
from flowwatch.policy.windows import written

_DAY = 86_400 * 10**9
_Last = tuple[Instant, str, Met | None]
"""When it was last seen, at which address, and what of this run shows that."""


def returned(
    server: Server, books: Mapping[str, Rulebook], locate: Locate, sources: Mapping[str, Coverage]
) -> Iterator[Finding]:
    """The first time in this run that it is used again after so long."""
    earlier = [one for one in server.before if one.trait is Trait.ADDRESS]
    reach: _Last | None = max(((one.last, one.value, None) for one in earlier), key=lambda one: one[:2], default=None)
    for one in server.met:
        rule = one.decision.rule
        span = books[rule.policy_version].policy.defaults.dormant_after if rule else None
        if reach is not None and span is not None and one.first - reach[0] >= span.ns:
            yield finding(_change(server.id, one, reach, str(span), locate), books, sources)
            return
        if reach is None or one.last >= reach[0]:
            reach = (one.last, one.address, one)


def _change(server: str, now: Met, reach: _Last, span: str, locate: Locate) -> Change:
    last, address, shown = reach
    declared = f"seen within {span}; {_operated(locate(address, last))} at {address}, last seen {written(last)}"
    seen = observed(_operated(now.place), now.address, now.first)
    days = f"not seen for {(now.first - last) // _DAY} days"
    return Change(
        server=server,
        reason=Reason.DORMANT_RETURNED,
        checks=(Check("seen before", Truth.FALSE, declared, f"{days}; {seen}", Reason.DORMANT_RETURNED),),
        shown_by=now,
        earlier=shown,
        sureness=Sureness.MEDIUM,
        why="nothing that was read shows it in between; what was not recorded is not known",
        lowered=True,
    )


def _operated(place: Place | None) -> str:
    """The network with who runs it."""
    return next((one.words for one in said_of(place) if one.trait is Trait.NETWORK), "network unknown")
