"""Channels held against one transmission: who may send what to which server, how and when.

A zone `within` another inherits its channels, as sender and as receiver. Omitted `when`, `service` do not restrict;
omitted `carries` carries no labelled data.

`any` in place of a server leads to every receiver. What lies above its `bytes_out_per_flow` is then not its own, and
what could not be read is not shown to bear no label that it does not carry.

A host asked of a proxy is approved only by a channel that names the proxy in `via`; of a name asked, the address and
what goes with it (place, AS, key) was not seen and is not compared. A proxy is passed: what its own channel `carries`
says nothing of what was asked to be passed on.
"""

from collections.abc import Callable, Iterator, Sequence

from flowwatch.judge.conditions import carries_check, opened_by_check, service_checks, window_check
from flowwatch.judge.considered import Considered
from flowwatch.judge.destination import Recognition, Standing, near, recognise
from flowwatch.judge.labels import UNREAD
from flowwatch.judge.location import location_checks
from flowwatch.judge.observation import Observation
from flowwatch.judge.related import related_check
from flowwatch.judge.rulebook import Rulebook, listed
from flowwatch.judge.tls import tls_checks
from flowwatch.judge.truth import FALSE, TRUE, UNSEEN, compared, known, together
from flowwatch.model import Check, Place, Reason
from flowwatch.policy.terms import ANY, Channel, Expectation, Role, Server

Locate = Callable[[], Place]
"""The place of the receiver, asked for only where a server has expectations."""

_NOWHERE = Expectation()


def leads_from(channel: Channel, zones: Sequence[str], address: str | None) -> bool:
    """The channel starts in one of the sender's zones or at its address."""
    for zone in zones:
        if zone in channel.from_:
            return True
    return bool(channel.from_cidrs) and address is not None and any(cidr.covers(address) for cidr in channel.from_cidrs)


def channels_considered(seen: Observation, book: Rulebook, locate: Locate, *, every: bool) -> Iterator[Considered]:
    """The channels from this sender, once a target, in order of id: `every` one, or those that can decide anything."""
    servers = book.servers.keys() if every else near(seen, book)
    for channel in book.channels_of(seen.zones):
        if leads_from(channel, seen.zones, seen.transmission.sender_ip):
            for target in channel.to:
                if target in servers or target not in book.servers:
                    yield _considered(channel, target, seen, book, locate)


def _considered(channel: Channel, target: str, seen: Observation, book: Rulebook, locate: Locate) -> Considered:
    server = book.servers.get(target)
    found = _to_other(target, seen) if server is None else _to_server(server, seen, book)
    checks, notes = found.checks, found.notes
    if found.standing in (Standing.IS, Standing.MAY_BE, Standing.ANY):
        how, how_notes = _how(channel, server, seen, book)
        checks, notes = checks + how, notes + how_notes
        if server is not None:
            place_checks, place_notes = _where(server, seen, book, locate)
            sealed_checks, sealed_notes = _sealed(server, seen)
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


def _to_other(target: str, seen: Observation) -> Recognition:
    if target == ANY:
        return Recognition(Standing.ANY, (Check("to", TRUE, ANY, seen.transmission.receiver_ip),))
    there = target.removeprefix("zone:") in seen.receiver_zones
    observed = seen.receiver_zone or "no declared zone"
    check = compared("zone", TRUE if there else FALSE, target, observed, Reason.ZONE_UNLISTED)
    return Recognition(Standing.IS if there else Standing.IS_NOT, (check,))


def _how(
    channel: Channel, server: Server | None, seen: Observation, book: Rulebook
) -> tuple[tuple[Check, ...], tuple[Reason, ...]]:
    """The channel's own conditions, and what is told beside them."""
    in_time, notes = window_check(channel.when, seen, book.policy.policy.timezone)
    return (
        *_service(channel, seen),
        *_carries(channel, server, seen),
        in_time,
        *_via(channel, seen),
    ), notes


def _service(channel: Channel, seen: Observation) -> tuple[Check, ...]:
    """Opener, protocol and port; of related data those of the control connection, unless its own fit as they are."""
    own = (opened_by_check(channel.opened_by, seen.transmission), *service_checks(channel.service, seen))
    related = related_check(channel, seen)
    if related is None or (related.truth is UNSEEN and together(own) is TRUE):
        return own
    return (related,)


def _carries(channel: Channel, server: Server | None, seen: Observation) -> tuple[Check, ...]:
    """The labels; not those of what a proxy was asked to pass on: the channels to the hosts asked carry them."""
    passed_on = seen.asks and server is not None and server.role is Role.PROXY
    if passed_on:
        return ()
    return (carries_check(channel.carries, seen), *(_unlimited(channel, seen) if ANY in channel.to else ()))


def _unlimited(channel: Channel, seen: Observation) -> tuple[Check, ...]:
    """What else is asked of that which may go to whomever: that it was read, and is no more than a flow may have."""
    unread = UNREAD in (label.name for label in seen.labels.shown)
    read = compared("read", UNSEEN if unread else TRUE, "not unread", str(seen.labels), Reason.UNREAD, Reason.UNREAD)
    most = None if channel.limits is None else channel.limits.bytes_out_per_flow
    if most is None:
        return (read,)
    sent = seen.transmission.sent
    within = True if sent.most is not None and sent.most <= most else None if sent.least <= most else False
    observed = f"{sent.least}" if sent.exact is not None else f"{sent.least} to {sent.most or 'unknown'}"
    size = compared("bytes", known(within), f"at most {most}", observed, Reason.VOLUME)
    return read, size


def _via(channel: Channel, seen: Observation) -> tuple[Check, ...]:
    """It may run through the proxy that was asked."""
    if seen.asked is None:
        return ()
    named = TRUE if any(one in channel.via for one in seen.via) else FALSE
    return (compared("via", named, listed(channel.via), listed(seen.via), Reason.VIA),)


def _sealed(server: Server, seen: Observation) -> tuple[tuple[Check, ...], tuple[Reason, ...]]:
    """What TLS showed; through a proxy a certificate that was not seen is only noted."""
    checks, notes = tls_checks(server.tls, seen.transmission)
    if seen.asked is None:
        return checks, notes
    shown = tuple(check for check in checks if check.reason is not Reason.TLS_KEY_UNOBSERVED)
    return shown, notes if len(shown) == len(checks) else (*notes, Reason.TLS_KEY_UNOBSERVED)


def _where(
    server: Server, seen: Observation, book: Rulebook, locate: Locate
) -> tuple[tuple[Check, ...], tuple[Reason, ...]]:
    if server.expect == _NOWHERE or seen.by_name:
        return (), ()
    return location_checks(server.expect, locate(), seen.transmission.start, book.policy.defaults)
