"""What a transmission was wrapped in: every outer receiver in a zone or listed as a tunnel, whatever runs inside.

Promises: a layer that leads to another place makes it unapproved, though the conversation inside be approved, excepted
or out of scope; what a prohibition covers stays prohibited. A layer whose ends the source does not give is unseen, so
what would conform is indeterminate. Layers without addresses of their own, and those the sensor wraps its recordings in
(`strip`), lead nowhere.
"""

import msgspec

from flowwatch.judge.considered import Considered
from flowwatch.judge.observation import Observation
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.truth import FALSE, TRUE, UNSEEN, compared, worst_first
from flowwatch.judge.verdict import Conclusion
from flowwatch.model import Check, Encapsulation, Group, Reason, Verdict


def tunnels_considered(seen: Observation, book: Rulebook) -> tuple[Considered, ...]:
    """Every layer that leads somewhere, outer to inner, held against the zones and the listed tunnel ends."""
    return tuple(
        _considered(one.kind, one.receiver, seen, book) if one.receiver is not None else _unseen(one.kind, book)
        for one in _leading(seen)
    )


def far_end(tunnels: tuple[Considered, ...], seen: Observation) -> Encapsulation | None:
    """The outermost layer that leads from one's own zones to a place not listed: where the data went first."""
    if seen.zone is None:
        return None
    return next((one for one, held in zip(_leading(seen), tunnels, strict=True) if held.truth is FALSE), None)


def _leading(seen: Observation) -> tuple[Encapsulation, ...]:
    """The layers that lead somewhere, outer to inner."""
    if not seen.transmission.tunnel:
        return ()
    layers = seen.vantage.layers(seen.transmission)
    return tuple(
        one for one in layers if one.receiver is not None or one.kind.partition(":")[0] not in _WITHOUT_ADDRESSES
    )


def leads_astray(tunnels: tuple[Considered, ...], seen: Observation) -> bool:
    """One of the layers leads, or may lead, from one's own zones to a place that is not listed."""
    return seen.zone is not None and any(one.truth is not TRUE for one in tunnels)


def wrapped(found: Conclusion, tunnels: tuple[Considered, ...], scope: Reason | None, book: Rulebook) -> Conclusion:
    """The conclusion with what its layers say; `scope`: why what runs inside would not be judged for itself."""
    checks = worst_first(check for one in tunnels for check in one.checks)
    if all(check.truth is TRUE for check in checks):
        return msgspec.structs.replace(found, checks=found.checks + checks) if checks else found
    judged = scope is None
    if all(check.truth is not FALSE for check in checks):
        return _perhaps_astray(found, checks, judged=judged)
    if found.verdict is Verdict.PROHIBITED:
        reasons = (*found.reasons, Reason.TUNNEL_UNLISTED)
        return msgspec.structs.replace(found, reasons=reasons, checks=found.checks + checks)
    differs = found.reasons if judged and found.verdict.group is Group.VIOLATES else ()
    doubt = (Reason.PROHIBITION_UNSEEN,) if Reason.PROHIBITION_UNSEEN in found.reasons else ()
    return Conclusion(
        verdict=Verdict.UNAPPROVED,
        reasons=(Reason.TUNNEL_UNLISTED, *differs),
        rule=book.rule("defaults", "unlisted"),
        checks=worst_first((*checks, *(found.checks if judged else ()))),
        notes=found.notes + doubt,
        server=found.server,
    )


def _perhaps_astray(found: Conclusion, checks: tuple[Check, ...], *, judged: bool) -> Conclusion:
    """Where a layer leads was not seen: what violates stays as it is, all else is indeterminate."""
    if found.verdict is Verdict.PROHIBITED or (judged and found.verdict.group is Group.VIOLATES):
        return msgspec.structs.replace(found, checks=worst_first(found.checks + checks))
    undecided = judged and found.verdict is Verdict.INDETERMINATE
    return msgspec.structs.replace(
        found,
        verdict=Verdict.INDETERMINATE,
        reasons=tuple(dict.fromkeys((*(found.reasons if undecided else ()), Reason.UNSEEN))),
        checks=worst_first((*checks, *(found.checks if judged else ()))),
    )


def _unseen(kind: str, book: Rulebook) -> Considered:
    """A layer that has ends, of which the source tells none."""
    check = compared("tunnel", UNSEEN, _LISTED, f"{kind} to an end that was not told", Reason.TUNNEL_UNLISTED)
    return Considered.of(book.rule("defaults", "unlisted"), (check,))


def _considered(kind: str, receiver: str, seen: Observation, book: Rulebook) -> Considered:
    server, zone = book.tunnels.lookup(receiver), seen.vantage.zone(receiver)
    if server is not None:
        rule = book.rule("server", server)
    else:
        rule = book.rule("defaults", "unlisted") if zone is None else book.rule("zone", zone)
    held = FALSE if server is None and zone is None else TRUE
    check: Check = compared("tunnel", held, _LISTED, f"{kind} to {receiver}", Reason.TUNNEL_UNLISTED)
    return Considered.of(rule, (check,), server=server)


_LISTED = "a zone or a server of role tunnel"
_WITHOUT_ADDRESSES = frozenset({"mpls", "ppp", "pppoe", "qinq", "vlan"})
"""Encapsulations of a link, which have no internet addresses."""
