"""One transmission as the rules look at it: its zones, the names it used and had bound, its labels.

Promises: which name a flow *used* (SNI, Host) and whether a name is *bound* to the address (certificate, or a live
answer to this client from a listed resolver) are kept apart; an answer for another name proves nothing.
"""

import functools
import re

import msgspec

from flowwatch.judge.labels import Labels, labels_of
from flowwatch.judge.rulebook import Rulebook
from flowwatch.model import Name, NameClass, SeenName, Transmission
from flowwatch.policy.match import address_key


class Used(msgspec.Struct, frozen=True, gc=False):
    """A name the flow itself used; `exact` False where the source writes names lossily."""

    text: str
    exact: bool = True


class Observation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A transmission with what the rulebook's zones, resolvers and classifiers say of it."""

    transmission: Transmission
    zone: str | None
    zones: tuple[str, ...]
    """The sender's zone and the zones it lies within."""
    receiver_zone: str | None
    receiver_zones: tuple[str, ...]
    used: tuple[Used, ...]
    bound: tuple[SeenName, ...]
    """What ties a name to the address: certificates, and exact live answers from listed resolvers."""
    live: tuple[SeenName, ...]
    """Every live answer to this client for the address, from whatever resolver."""
    complete: bool
    """The sender's lookups were recorded for `ttl_cap` before the start, and no name was cut: absence counts."""
    labels: Labels


def observe(transmission: Transmission, book: Rulebook, given: tuple[str, ...] | None = None) -> Observation:
    """The transmission seen through the rulebook; `given` labels stand in for the classifiers'."""
    zone, receiver_zone = book.zone(transmission.sender_ip), book.zone(transmission.receiver_ip)
    used = _used(transmission)
    live = tuple(name for name in transmission.names if _answers(name, zone, book))
    certificates = tuple(name for name in transmission.names if name.evidence is NameClass.CERTIFICATE)
    return Observation(
        transmission=transmission,
        zone=zone,
        zones=book.chain(zone),
        receiver_zone=receiver_zone,
        receiver_zones=book.chain(receiver_zone),
        used=used,
        bound=certificates + tuple(name for name in live if _from_listed_resolver(name, book)),
        live=live,
        complete=_complete(transmission, book),
        labels=labels_of(transmission, book.policy, book.chain(zone), given),
    )


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
    found = {_host(seen.name): seen.exact for seen in transmission.names if seen.used}
    found = {_host(text): True for text in transmission.http_hosts or ()} | found
    return tuple(Used(text, exact) for text, exact in sorted(found.items()) if text and address_key(text) is None)


@functools.lru_cache(maxsize=65_536)
def _host(text: str) -> str:
    """A host as named, lower-case, without port, brackets and trailing dot."""
    split = _WITH_PORT.fullmatch(text)
    return str(Name.parse(split[1] or split[2] if split else text))


_WITH_PORT = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([^:]*))(?::\d*)?")


def _answers(name: SeenName, zone: str | None, book: Rulebook) -> bool:
    """A live answer that reached this client: its own, or under `same_zone` one of its zone."""
    if name.evidence is NameClass.ANSWER_SAME_CLIENT:
        return True
    shared = book.policy.defaults.dns_binding.client == "same_zone" and name.evidence is NameClass.ANSWER_OTHER_CLIENT
    return shared and zone is not None and name.client is not None and book.zone(name.client) == zone


def _from_listed_resolver(name: SeenName, book: Rulebook) -> bool:
    return name.exact and name.resolver is not None and book.resolvers.lookup(name.resolver) is not None


def _complete(transmission: Transmission, book: Rulebook) -> bool:
    since = transmission.lookups_recorded_since
    cap = book.policy.defaults.dns_binding.ttl_cap.ns
    return since is not None and since <= transmission.start - cap and not transmission.names_cut
