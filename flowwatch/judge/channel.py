"""Channels held against one transmission: who may send what to which server, how and when.

A zone `within` another inherits its channels, as sender and as receiver. Omitted `when`, `service` do not restrict;
omitted `carries` carries no labelled data.
"""

from collections.abc import Callable, Iterator, Sequence

from flowwatch.judge.conditions import carries_check, opened_by_check, service_checks, window_check
from flowwatch.judge.considered import Considered
from flowwatch.judge.destination import Recognition, Standing, recognise
from flowwatch.judge.location import location_checks
from flowwatch.judge.observation import Observation
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.tls import tls_checks
from flowwatch.judge.truth import FALSE, TRUE, compared
from flowwatch.model import Check, Place, Reason
from flowwatch.policy.terms import Channel, Expectation, Server

Locate = Callable[[], Place]
"""The place of the receiver, asked for only where a server has expectations."""

_NOWHERE = Expectation()


def leads_from(channel: Channel, zones: Sequence[str], address: str | None) -> bool:
    """The channel starts in one of the sender's zones or at its address."""
    if any(zone in channel.from_ for zone in zones):
        return True
    return address is not None and any(cidr.covers(address) for cidr in channel.from_cidrs)


def channels_considered(seen: Observation, book: Rulebook, locate: Locate) -> Iterator[Considered]:
    """Every channel from this sender, once a target, in order of id."""
    for channel in book.channels:
        if leads_from(channel, seen.zones, seen.transmission.sender_ip):
            for target in sorted(channel.to):
                yield _considered(channel, target, seen, book, locate)


def _considered(channel: Channel, target: str, seen: Observation, book: Rulebook, locate: Locate) -> Considered:
    server = book.servers.get(target)
    found = _to_zone(target, seen) if server is None else _to_server(server, seen, book)
    checks, notes = found.checks, found.notes
    if found.standing in (Standing.IS, Standing.MAY_BE):
        checks += _how(channel, seen, book)
        if server is not None:
            place_checks, place_notes = _where(server, seen, book, locate)
            sealed_checks, sealed_notes = tls_checks(server.tls, seen.transmission)
            checks += place_checks + sealed_checks
            notes += place_notes + sealed_notes
    return Considered.of(
        book.rule("channel", channel.id),
        checks,
        notes,
        server=None if server is None else server.id,
        standing=found.standing,
        carries=channel.carries,
    )


def _to_server(server: Server, seen: Observation, book: Rulebook) -> Recognition:
    inspect = book.policy.defaults.dns_binding.cname == "inspect_all"
    return recognise(book.matchers[server.id], seen, dedicated=server.dedicated, inspect=inspect)


def _to_zone(target: str, seen: Observation) -> Recognition:
    there = target.removeprefix("zone:") in seen.receiver_zones
    observed = seen.receiver_zone or "no declared zone"
    check = compared("zone", TRUE if there else FALSE, target, observed, Reason.ZONE_UNLISTED)
    return Recognition(Standing.IS if there else Standing.IS_NOT, (check,))


def _how(channel: Channel, seen: Observation, book: Rulebook) -> tuple[Check, ...]:
    """The channel's own conditions."""
    transmission = seen.transmission
    return (
        opened_by_check(channel.opened_by, transmission),
        *service_checks(channel.service, transmission),
        carries_check(channel.carries, seen),
        window_check(channel.when, transmission, book.policy.policy.timezone),
    )


def _where(
    server: Server, seen: Observation, book: Rulebook, locate: Locate
) -> tuple[tuple[Check, ...], tuple[Reason, ...]]:
    if server.expect == _NOWHERE:
        return (), ()
    return location_checks(server.expect, locate(), seen.transmission.start, book.policy.defaults)
