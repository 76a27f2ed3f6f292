"""What is learned of recordings as entries of a policy: servers, channels, lookups.

Promises: an entry allows no more than was seen (these ports, this direction, these labels, from this zone); observed
text becomes part of an entry only where it is a plain host name, an address or a known protocol. Bounded: what is
beyond the most servers, names, aliases or ports is not learned.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from flowwatch.judge import Rulebook
from flowwatch.model import Decision, Lookup, LookupDecision, OpenedBy, Transmission
from flowwatch.policy.check import RESERVED_LABELS
from flowwatch.policy.match import Cidr, NamePattern, PortRange
from flowwatch.policy.terms import Channel, LookupRule, Policy, Role, Server, ServerMatch, Service
from flowwatch.trial.learnable import WITH_PORTS, another_way, bound_name, lookup_name, plain, refusal, resolves

MOST_SERVERS = 1_000
MOST_NAMES = 5_000
_MOST_ALIASES = 64
_MOST_PORTS = 1_000

_NOT_ID = re.compile(r"[^A-Za-z0-9._]+")

Aliases = Mapping[str, set[str]]
"""By the name asked for where its CNAMEs led."""


class Way(NamedTuple):
    """What one channel is learned for."""

    zone: str
    server: str
    opened_by: OpenedBy
    proto: str


class Lesson:
    """What is learned so far, on top of the policy one begins with."""

    def __init__(self, base: Policy) -> None:
        self._base = base
        self._servers: dict[str, Server] = {}
        """By what they are recognised by: a name, an address."""
        self._written = frozenset(
            one.id
            for table in (base.servers, base.channels, base.lookups, base.prohibitions, base.exceptions)
            for one in table
        )
        self._ids = set(self._written)
        self._channels: dict[Way, Channel] = {}
        self.lookups: tuple[LookupRule, ...] = ()

    @property
    def servers(self) -> tuple[Server, ...]:
        """The learned servers, in order of id."""
        return tuple(sorted(self._servers.values(), key=lambda one: one.id))

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The learned channels, in order of id."""
        return tuple(sorted(self._channels.values(), key=lambda one: one.id))

    @property
    def policy(self) -> Policy:
        """The policy one began with and all that is learned."""
        base = self._base
        return msgspec.structs.replace(
            base,
            servers=base.servers + self.servers,
            channels=base.channels + self.channels,
            lookups=base.lookups + self.lookups,
        )

    def resolvers(self, asked: Iterable[LookupDecision]) -> None:
        """Learn who answers the zones' questions."""
        for address in sorted({one.lookup.server_ip or "" for one in asked if resolves(one)}):
            if not self._listed(address) and not self._full:
                self._address(address, Role.RESOLVER)

    def ways(self, decisions: Iterable[Decision], book: Rulebook, aliases: Aliases) -> bool:
        """Learn the servers and channels of what did not conform; returns whether there was any.

        What opens a flow comes first: its answers may conform by it.
        """
        missing = [one for one in decisions if refusal(one, self.own) is None]
        opening = [one for one in missing if one.far_end or one.transmission.opened_by is OpenedBy.SENDER]
        return self._learned(opening, book, aliases) or self._learned(missing, book, aliases)

    def _learned(self, decisions: Iterable[Decision], book: Rulebook, aliases: Aliases) -> bool:
        standing = dict(self._channels)
        new = [self._way(one, book, aliases, standing) for one in decisions]
        return any(new)

    def names(self, asked: Iterable[LookupDecision]) -> None:
        """Learn the names that zones ask for beyond those of their servers; one rule a zone."""
        found: dict[str, dict[NamePattern, None]] = {}
        for one in asked:
            pattern = lookup_name(one)
            if pattern is not None and sum(map(len, found.values())) < MOST_NAMES:
                found.setdefault(one.sender_zone or "", {})[pattern] = None
        self.lookups = tuple(
            LookupRule(
                id=self._id(f"{zone or 'every-zone'}-asks"), names=tuple(sorted(names)), from_=(zone,) if zone else ()
            )
            for zone, names in sorted(found.items())
        )

    def keep(self, used: Iterable[str]) -> None:
        """Forget channels whose id is not among those used, and the servers that they alone led to."""
        ids = set(used)
        self._channels = {way: one for way, one in self._channels.items() if one.id in ids}
        led_to = {way.server for way in self._channels}
        always = (Role.TUNNEL, Role.RESOLVER)
        self._servers = {key: one for key, one in self._servers.items() if one.id in led_to or one.role in always}

    def ask(self, zone: str, server: Server, lookup: Lookup) -> None:
        """Learn the channel to a resolver of which the questions were recorded, but no flows."""
        proto = lookup.transport if lookup.transport in ("tcp", "udp") else "udp"
        self._channel(Way(zone, server.id, OpenedBy.SENDER, proto), lookup.server_port or 53, frozenset())

    def own(self, id_: str) -> bool:
        """The entry of this id is learned."""
        return id_ in self._ids and id_ not in self._written

    @property
    def _full(self) -> bool:
        return len(self._servers) >= MOST_SERVERS

    def _way(self, decision: Decision, book: Rulebook, aliases: Aliases, standing: Mapping[Way, Channel]) -> bool:
        """Learn of one transmission what `standing`, which judged it, does not hold; returns whether that is new."""
        sent = decision.transmission
        if decision.far_end is not None:
            return self._address(decision.far_end.receiver or "", Role.TUNNEL) is not None
        listed = decision.server if another_way(decision) and not self.own(decision.server or "") else None
        labels = frozenset(one.name for one in decision.labels) - RESERVED_LABELS
        for server in (listed,) if listed else self._servers_for(sent, book, aliases):
            way = Way(decision.sender_zone or "", server, sent.opened_by, sent.proto)
            if self._channel(way, sent.service_port, labels, standing.get(way)):
                return True
        return False

    def _servers_for(self, sent: Transmission, book: Rulebook, aliases: Aliases) -> Iterator[str]:
        """Ids of the servers by which it may be known: by its bound name, then, where that does not do, by address."""
        name = bound_name(sent, book)
        if name is not None and (server := self._named(name, aliases.get(str(name), set()))) is not None:
            yield server
        known = self._servers.get(sent.receiver_ip)
        server = known.id if known else self._address(sent.receiver_ip, Role.OTHER)
        if server is not None:
            yield server

    def _named(self, name: NamePattern, aliases: set[str]) -> str | None:
        """The id of the server of that name."""
        key = str(name)
        if key not in self._servers and self._full:
            return None
        if key not in self._servers:
            led = sorted(pattern for one in aliases if (pattern := plain(one)) is not None and pattern != name)
            match = ServerMatch(names=(name,), aliases=tuple(led[:_MOST_ALIASES]))
            self._servers[key] = Server(id=self._id(key), match=match)
        return self._servers[key].id

    def _address(self, address: str, role: Role) -> str | None:
        """The id of a new server at that address; None where it is known, none, or one too many."""
        if address in self._servers or self._full:
            return None
        try:
            cidr = Cidr.parse(address)
        except ValueError:
            return None
        match = ServerMatch(cidrs=(cidr,))
        dedicated = role is Role.RESOLVER
        prefix = "server" if role is Role.OTHER else str(role)
        self._servers[address] = Server(
            id=self._id(f"{prefix}-{cidr.address}"), role=role, match=match, dedicated=dedicated
        )
        return self._servers[address].id

    def _listed(self, address: str) -> bool:
        return any(cidr.covers(address) for server in self._base.servers for cidr in server.match.cidrs)

    def _channel(self, way: Way, port: int | None, labels: frozenset[str], standing: Channel | None = None) -> bool:
        """Let the channel of that way allow it; False where it did so already, or would have too many ports."""
        port = port if way.proto in WITH_PORTS else None
        if standing is not None and _allows(standing, port, labels):
            return False
        known = self._channels.get(way) or Channel(
            id=self._id(_way_id(way)),
            from_=(way.zone,),
            to=(way.server,),
            opened_by="sender" if way.opened_by is OpenedBy.SENDER else "receiver",
            service=Service(proto=way.proto),
        )
        if not _allows(known, port, labels):
            ports = known.service.ports if port is None else _with(known.service.ports, port)
            if len(ports) > _MOST_PORTS:
                return False
            service = msgspec.structs.replace(known.service, ports=ports)
            carries = tuple(sorted({*known.carries, *labels}))
            known = msgspec.structs.replace(known, service=service, carries=carries)
        self._channels[way] = known
        return True

    def _id(self, wanted: str) -> str:
        """The id, or one like it that is free."""
        plain_ = _NOT_ID.sub("-", wanted).strip("-._")[:80] or "entry"
        free = plain_
        count = 1
        while free in self._ids:
            count += 1
            free = f"{plain_}-{count}"
        self._ids.add(free)
        return free


def _way_id(way: Way) -> str:
    pulled = "" if way.opened_by is OpenedBy.SENDER else "-pulled"
    return f"{way.zone[:30]}-to-{way.server[:40]}{pulled}"


def _allows(channel: Channel, port: int | None, labels: frozenset[str]) -> bool:
    """The channel names the port and carries the labels."""
    return labels.issubset(channel.carries) and (port is None or any(port in one for one in channel.service.ports))


def _with(ports: Iterable[PortRange], port: int) -> tuple[PortRange, ...]:
    """The ranges with one port more, and no others."""
    runs: list[PortRange] = []
    for one in sorted((*ports, PortRange(port, port))):
        if runs and runs[-1].last == one.first - 1:
            runs[-1] = PortRange(runs[-1].first, one.last)
        else:
            runs.append(one)
    return tuple(runs)
