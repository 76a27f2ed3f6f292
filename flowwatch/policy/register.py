"""The register of exceptions: each with its reason and who stands for it, its age, what is left of it, its last use.

Promises: reads nothing but the policies it is given; every exception of every version, in order of when it ends.
"""

import enum
from collections.abc import Mapping

import msgspec

from flowwatch.model import Instant
from flowwatch.policy.terms import PolicyException, PolicySet

_DAY = 86_400 * 10**9


class Standing(enum.StrEnum):
    """Where an exception is at an instant; its time is half-open."""

    NOT_BEGUN = "not begun"
    IN_FORCE = "in force"
    EXPIRED = "expired"


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """One exception of one version, as of an instant."""

    exception: PolicyException
    version: str
    standing: Standing
    age_days: int
    """Whole days since it began; negative before."""
    days_left: int
    """Whole days until it ends; negative after."""
    lasts_days: int
    """Days from its beginning to its end, a begun one counted."""
    too_long: bool
    """It lasts longer than `exception_max_days` of its version."""
    last_used: Instant | None
    """None: nothing used it, as far as is known."""


def register(policies: PolicySet, at: Instant, last_used: Mapping[str, Instant]) -> tuple[Registered, ...]:
    """Every exception as of an instant; `last_used` by its id."""
    found = [
        _registered(one, policy.policy.version, policy.defaults.exception_max_days, at, last_used.get(one.id))
        for policy in policies.versions
        for one in policy.exceptions
    ]
    return tuple(sorted(found, key=lambda one: (one.exception.until, one.exception.id, one.version)))


def _registered(one: PolicyException, version: str, most: int, at: Instant, last: Instant | None) -> Registered:
    lasts = -((one.from_ - one.until) // _DAY)
    return Registered(
        exception=one,
        version=version,
        standing=_standing(one, at),
        age_days=_whole_days(at - one.from_),
        days_left=_whole_days(one.until - at),
        lasts_days=lasts,
        too_long=lasts > most,
        last_used=last,
    )


def _standing(one: PolicyException, at: Instant) -> Standing:
    if at < one.from_:
        return Standing.NOT_BEGUN
    return Standing.IN_FORCE if at < one.until else Standing.EXPIRED


def _whole_days(span: int) -> int:
    """Rounded towards none."""
    return span // _DAY if span >= 0 else -(-span // _DAY)
