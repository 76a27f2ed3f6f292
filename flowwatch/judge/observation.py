"""One transmission as the rules look at it: its zones, the names it used and had bound, its labels.

An opening without payload, recorded where neither end can be seen, is no attempt: what was sent is unknown.

Promises: which name a flow *used* (SNI, Host) and whether a name is *bound* to the address (certificate, or a live
answer to this client from a listed resolver) are kept apart; an answer for another name proves nothing.
"""

import msgspec

from flowwatch.judge.hosts import host_of
from flowwatch.judge.labels import Labels, labels_of
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.sensors import Vantage
from flowwatch.model import Amount, Instant, NameClass, SeenName, Transmission
from flowwatch.policy.match import address_key


class Used(msgspec.Struct, frozen=True, gc=False):
    """A name the flow itself used; `exact` False where the source writes names lossily."""

    text: str
    exact: bool = True


class Asked(msgspec.Struct, frozen=True, gc=False):
    """A host asked of a proxy, and the port where that was seen; `exact` as of `Used`."""

    host: str
    """A name or an address as `host_of` gives it."""
    port: int | None = None
    exact: bool = True
    usual: int | None = None
    """The port it was asked at unless another was written that the source leaves out; None where nothing says so."""

    @property
    def literal(self) -> bool:
        """It is an address rather than a name."""
        return address_key(self.host) is not None


class Observation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A transmission with what the rulebook's zones, resolvers and classifiers say of it."""

    transmission: Transmission
    vantage: Vantage
    """How the sensor sees that recorded it."""
    zone: str | None
    zones: tuple[str, ...]
    """The sender's zone (in a tunnel perhaps that of an outer sender) and the zones it lies within."""
    receiver_zone: str | None
    receiver_zones: tuple[str, ...]
    used: tuple[Used, ...]
    bound: tuple[SeenName, ...]
    """What ties a name to the address: certificates, and exact live answers from listed resolvers."""
    live: tuple[SeenName, ...]
    """Every live answer to this client for the address, from whatever resolver."""
    complete: bool
    """The sender's lookups were recorded for `ttl_cap` before the start where its zone is seen, and no name was cut.

    Only then absence counts.
    """
    labels: Labels
    asks: bool = False
    """The receiver is a proxy that hosts were asked of: each is judged apart, and what it carries goes on to them."""
    asked: Asked | None = None
    """Set where one such host is judged: the transmission is then as it goes on to that host, its address unseen."""
    via: tuple[str, ...] = ()
    """Ids of the proxies the receiver may be, where a host asked of it is judged."""

    @property
    def by_name(self) -> bool:
        """A host asked of a proxy by name is judged: no address can be compared."""
        return self.asked is not None and not self.asked.literal


def observe(transmission: Transmission, book: Rulebook, given: tuple[str, ...] | None = None) -> Observation:
    """The transmission seen through the rulebook; `given` labels stand in for the classifiers'."""
    vantage = book.vantages.of(transmission.ref.source)
    zone, receiver_zone = vantage.sender_zone(transmission), vantage.zone(transmission.receiver_ip)
    zones, receiver_zones = book.chain(zone), book.chain(receiver_zone)
    if transmission.attempted and not vantage.sees((*zones, *receiver_zones)):
        transmission = unattempted(transmission)
    used = _used(transmission)
    live = tuple(name for name in transmission.names if _answers(name, zone, transmission.ref.source, book))
    certificates = tuple(name for name in transmission.names if name.evidence is NameClass.CERTIFICATE)
    return Observation(
        transmission=transmission,
        vantage=vantage,
        zone=zone,
        zones=zones,
        receiver_zone=receiver_zone,
        receiver_zones=receiver_zones,
        used=used,
        bound=certificates + tuple(name for name in live if _from_listed_resolver(name, book)),
        live=live,
        complete=lookups_complete(transmission, zones, book),
        labels=labels_of(transmission, book.policy, zones, given),
    )


def unattempted(transmission: Transmission) -> Transmission:
    """The attempt as one of which neither end can be seen: what was sent is unknown."""
    return msgspec.structs.replace(transmission, attempted=False, sent=Amount(0, None))


def ties(seen: SeenName, name: str) -> bool:
    """The evidence is for this very name; a certificate's `*.` stands for one label (RFC 6125 6.4.3)."""
    if seen.evidence is NameClass.CERTIFICATE and seen.name.startswith("*."):
        return seen.name[2:] == name.partition(".")[2] and "*" not in name
    return seen.name == name


def _used(transmission: Transmission) -> tuple[Used, ...]:
    """The distinct names the flow used, an address being none.

    They name the responder, so only a transmission towards it has any.
    """
    if not transmission.responder_is_receiver:
        return ()
    found = {host_of(seen.name): seen.exact for seen in transmission.names if seen.used}
    found = {host_of(text): True for text in transmission.http_hosts or ()} | found
    return tuple(Used(text, exact) for text, exact in sorted(found.items()) if text and address_key(text) is None)


def _answers(name: SeenName, zone: str | None, source: str, book: Rulebook) -> bool:
    """A live answer that reached this client: its own, or under `same_zone` one of its zone."""
    if name.evidence is NameClass.ANSWER_SAME_CLIENT:
        return True
    shared = book.policy.defaults.dns_binding.client == "same_zone" and name.evidence is NameClass.ANSWER_OTHER_CLIENT
    if not shared or zone is None or name.client is None:
        return False
    return book.zone(name.client, source if name.ref is None else name.ref.source) == zone


def _from_listed_resolver(name: SeenName, book: Rulebook) -> bool:
    return name.exact and name.resolver is not None and book.resolvers.lookup(name.resolver) is not None


def lookups_complete(transmission: Transmission, zones: tuple[str, ...], book: Rulebook) -> bool:
    """The sender's lookups were recorded for `ttl_cap` before it where its zone is seen, and no name was cut."""
    since = _recorded_since(transmission, zones, book)
    cap = book.policy.defaults.dns_binding.ttl_cap.ns
    return since is not None and since <= transmission.start - cap and not transmission.names_cut


def _recorded_since(transmission: Transmission, zones: tuple[str, ...], book: Rulebook) -> Instant | None:
    """Since when the sender's lookups were recorded by a sensor that sees its zone; None when none was."""
    told = transmission.lookups_recorded
    if not told:
        return transmission.lookups_recorded_since
    return min((one.start for one in told if book.vantages.of(one.source).sees(zones)), default=None)
