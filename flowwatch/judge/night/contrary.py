"""Whether one transmission is what a claim rules out: true, false or unseen, and what is missing where it is unseen.

Promises: where something went is told by addresses, every one it went to first: the far ends of the tunnels around it
and the receiver. What went on through a proxy, or within a tunnel that cannot be read, is never said to have gone
nowhere else. A place counts only where every candidate agrees and that is well founded (`judge.location`).
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from flowwatch.judge.labels import labels_of, read_in_clear
from flowwatch.judge.location import announced_by, located_in
from flowwatch.judge.observation import observe
from flowwatch.judge.rulebook import Rulebook, listed
from flowwatch.judge.sensors import Vantage
from flowwatch.judge.transmission import Locate
from flowwatch.judge.truth import FALSE, TRUE, UNSEEN, disjunction, known
from flowwatch.model import Candidate, Decision, Instant, Place, Transmission, Truth
from flowwatch.policy.terms import Claim, Excluded, Role


class Missing(msgspec.Struct, frozen=True, order=True, gc=False):
    """What is missing of a transmission, in words; `detail` tells several of a kind apart."""

    what: str
    detail: str = ""


class Told(msgspec.Struct, frozen=True, gc=False):
    """The truth with what is missing where it is unseen."""

    truth: Truth
    missing: tuple[Missing, ...] = ()

    def __and__(self, other: "Told") -> "Told":
        """Both hold."""
        if self.truth is TRUE or other.truth is FALSE:
            return other
        if other.truth is TRUE or self.truth is FALSE:
            return self
        return Told(UNSEEN, (*self.missing, *other.missing))


_MEMO = 65_536
_DAY = 86_400 * 10**9
_YES, _NO = Told(TRUE), Told(FALSE)
_NOT = {TRUE: FALSE, FALSE: TRUE, UNSEEN: UNSEEN}


def _told(truth: Truth, missing: str, detail: str = "") -> Told:
    """The truth, and where it is unseen what is missing."""
    return Told(UNSEEN, (Missing(missing, detail),)) if truth is UNSEEN else _YES if truth is TRUE else _NO


class Contrary:
    """One claim, held against what its zones sent."""

    def __init__(self, claim: Claim, book: Rulebook, locate: Locate) -> None:
        self._claim, self._book, self._locate = claim, book, locate
        self._placed: dict[tuple[str, str | None, int], tuple[Place, Told]] = {}
        self._countries = {zone.id: zone.location.country for zone in book.policy.zones if zone.location is not None}

    def went(self, decision: Decision) -> Told:
        """It went where the claim says nothing goes."""
        sent = decision.transmission
        vantage = self._book.vantages.of(sent.ref.source)
        if self._claim.only_to:
            return self._elsewhere(sent, vantage)
        if self._claim.no is not None:
            found = [self._excluded(self._claim.no, one, sent, vantage) for one in receivers(sent, vantage)]
        else:
            found = [*self._at_server(sent, vantage)]
        truth = disjunction(one.truth for one in found)
        missing = dict.fromkeys([*self._hidden(decision), *(part for one in found for part in one.missing)])
        return Told(truth) if truth is TRUE else Told(UNSEEN, tuple(missing)) if missing else _NO

    def carried(self, sent: Transmission, zones: tuple[str, ...]) -> Told:
        """It carried payload, of the labels the claim speaks of; `zones` are the sender's."""
        amount = TRUE if sent.sent.least else FALSE if sent.sent.most == 0 else UNSEEN
        return _told(amount, "of which it was not recorded whether anything was sent") & self._labelled(sent, zones)

    def _labelled(self, sent: Transmission, zones: tuple[str, ...]) -> Told:
        """It bears one of the labels; what could not be read may bear any."""
        wanted = self._claim.labels
        if not wanted:
            return _YES
        policy = self._book.policy
        truth = labels_of(sent, policy, zones).bears(wanted)
        small = sent.sent.most is not None and sent.sent.most < policy.defaults.unread_min
        if truth is FALSE and not (sent.attempted or small or read_in_clear(sent)):
            truth = UNSEEN
        return _told(truth, "with content that could not be read")

    def _hidden(self, decision: Decision) -> Iterator[Missing]:
        """Why it may have gone further than was seen."""
        sent = decision.transmission
        asked = decision.via is not None or sent.http_method == "CONNECT" or sent.app == "socks"
        if asked or (decision.far_end is not None and self._book.proxies.lookup(sent.receiver_ip) is not None):
            yield _PROXIED
        if sent.app in _SEALED or sent.proto in _WRAPPED:
            yield _OPAQUE

    def _excluded(self, no: Excluded, address: str, sent: Transmission, vantage: Vantage) -> Told:
        if no.cidrs:
            return Told(known(any(cidr.covers(address) for cidr in no.cidrs)))
        place, zone = self._locate(address, sent.start), vantage.zone(address)
        key = (address, zone, sent.start // _DAY)
        known_at, found = self._placed.get(key, (None, _NO))
        if known_at is not place:
            if len(self._placed) >= _MEMO:
                self._placed.clear()
            found = self._there(no, place, address, zone, sent.start)
            self._placed[key] = place, found
        return found

    def _there(self, no: Excluded, place: Place, address: str, zone: str | None, at: Instant) -> Told:
        """The address is in that country or network."""
        if no.asn is not None:
            truth = announced_by(place, no.asn, at)
            return _told(truth, f"to an address that AS{no.asn} may announce", f"{address} {_network(place)}")
        assert no.country is not None  # noqa: S101  # one of the three is given
        own = None if place.located or place.anycast else self._own_country(zone)
        truth = located_in(place, no.country, at) if own is None else known(own == no.country)
        return _told(truth, f"to an address that may be in {no.country}", f"{address} {_where(place)}")

    def _own_country(self, zone: str | None) -> str | None:
        """Where the zone is declared to be, or the innermost around it of which that is said."""
        chain = self._book.chain(zone)
        return next((country for zone in chain if (country := self._countries.get(zone)) is not None), None)

    def _elsewhere(self, sent: Transmission, vantage: Vantage) -> Told:
        """It left the zones, and not to one of those named."""
        first = next(iter(receivers(sent, vantage)))
        zones = set(self._book.chain(vantage.zone(first)))
        if not zones.isdisjoint(self._claim.from_) and not zones.isdisjoint(
            set(self._book.chain(vantage.sender_zone(sent))).intersection(self._claim.from_)
        ):
            return _NO
        allowed = []
        for to in self._claim.only_to:
            zone = to.removeprefix("zone:")
            allowed.append(known(zone in zones) if zone != to else self._is_server(to, first, sent))
        truth = disjunction(allowed)
        return _told(_NOT[truth], _SHARED)

    def _at_server(self, sent: Transmission, vantage: Vantage) -> Iterator[Told]:
        """One end of it is the server."""
        assert self._claim.server is not None  # noqa: S101  # neither `no` nor `only_to` is given
        for address in (*receivers(sent, vantage), sent.sender_ip):
            yield _told(self._is_server(self._claim.server, address, sent), _SHARED)

    def _is_server(self, server: str, address: str, sent: Transmission) -> Truth:
        """The address is the server's; where it may serve others, the names used say whom."""
        matcher, listing = self._book.matchers[server], self._book.servers[server]
        if not matcher.address(address):
            return FALSE
        if listing.dedicated or not listing.match.names or listing.role in _ALONE:
            return TRUE
        used = observe(sent, self._book).used if address == sent.receiver_ip else ()
        return TRUE if used and all(matcher.name(one.text) for one in used) else UNSEEN


def receivers(sent: Transmission, vantage: Vantage) -> tuple[str, ...]:
    """Every address it went to, first to last: the far ends of the tunnels around it, then the receiver."""
    outer = (layer.receiver for layer in vantage.layers(sent)) if sent.tunnel else ()
    return (*(one for one in outer if one is not None), sent.receiver_ip)


def _where(place: Place) -> str:
    """Why its country is not certain."""
    if place.anycast:
        return "(anycast)"
    if not place.located:
        return f"({place.why or place.confidence})"
    countries = listed(dict.fromkeys(one.country or "unknown" for one in place.located))
    return f"{countries} ({place.confidence}{_dated(place.located)})"


def _network(place: Place) -> str:
    told = listed(dict.fromkeys(f"AS{fact.value}" for fact in place.asn))
    return f"{told} ({place.confidence}{_dated(place.located)})"


def _dated(located: tuple[Candidate, ...]) -> str:
    dates = sorted({one.source_date[:10] for one in located if one.source_date})
    return f", data of {listed(dates)}" if dates else ""


_PROXIED = Missing("through a proxy, so where it went on to was not seen")
_OPAQUE = Missing("in a tunnel that could not be read")
_SHARED = "to or from an address of a listed server that may serve others, under no name of that server"
_ALONE: Final = frozenset({Role.PROXY, Role.TUNNEL, Role.RESOLVER})
"""Known by address alone: names used on the way to them are others'."""
_SEALED: Final = frozenset({"esp", "ipcomp", "wireguard", "openvpn"})
"""What sources call a conversation that is a tunnel nobody but its ends can read."""
_WRAPPED: Final = frozenset({"4", "41", "47", "50", "51", "94", "97", "98", "108", "115", "137"})
"""IANA protocol numbers of encapsulations that were not opened."""
