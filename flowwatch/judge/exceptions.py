"""Exceptions held against one transmission, at the time of the traffic.

An exception covers deviations too, only the labels it lists, and lifts a prohibition only by naming it.
"""

from flowwatch.judge.conditions import carries_check, service_checks, span_check
from flowwatch.judge.considered import Considered
from flowwatch.judge.destination import recognise
from flowwatch.judge.observation import Observation
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.truth import FALSE, TRUE, together
from flowwatch.model import Check, Reason
from flowwatch.policy.terms import PolicyException


def exceptions_considered(seen: Observation, book: Rulebook, *, every: bool) -> tuple[Considered, ...]:
    """The exceptions, in order of id: `every` one, or those that are not about another zone."""
    return tuple(_considered(one, seen, book) for one in (book.exceptions if every else book.exceptions_of(seen.zones)))


def expired(considered: Considered) -> bool:
    """The exception would cover the transmission, had it been in force at the time."""
    others = [check for check in considered.checks if check.what != "time"]
    in_time = considered.truth is not FALSE
    return not in_time and all(check.truth is TRUE for check in others)


def _considered(exception: PolicyException, seen: Observation, book: Rulebook) -> Considered:
    """With its conditions up to the first of zone and receiver that does not hold."""
    checks, notes = _covers(exception, seen, book)
    if together(checks) is not FALSE:
        in_force, by_clock = span_check(exception.from_, exception.until, seen)
        service = service_checks(exception.applies.service, seen)
        checks = (*checks, *service, carries_check(exception.carries, seen), in_force)
        notes += by_clock
    rule = book.rule("exception", exception.id)
    return Considered.of(rule, checks, notes, carries=exception.carries, lifts=exception.lifts)


def _covers(
    exception: PolicyException, seen: Observation, book: Rulebook
) -> tuple[tuple[Check, ...], tuple[Reason, ...]]:
    """Zone and receiver."""
    zone = () if exception.applies.zone is None else (zone_check(exception.applies.zone, seen),)
    if together(zone) is FALSE:
        return zone, ()
    to = book.conditions.get(f"exception:{exception.id}")
    if to is None:
        return zone, ()
    found = recognise(to, seen, inspect=book.policy.defaults.dns_binding.cname == "inspect_all")
    return (*zone, *found.checks), found.notes


def zone_check(zone: str, seen: Observation) -> Check:
    """The sender is in the zone, or in one that lies within it."""
    return Check("from", TRUE if zone in seen.zones else FALSE, zone, seen.zone or "no declared zone")
