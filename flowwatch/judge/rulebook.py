"""One policy version made ready to judge by: zones by address, servers and channels by zone, matching memoised.

Promises: the order in which a policy writes its entries changes nothing (entries are sorted by id). Refuses nothing:
a loaded policy is well-formed.
"""

from collections.abc import Iterable, Iterator
from typing import Self, TypeVar

import msgspec

from flowwatch.judge.sensors import Vantages
from flowwatch.model import Name, PolicyInfo, Rule
from flowwatch.policy.match import Cidr, NamePattern, Networks
from flowwatch.policy.terms import (
    Channel,
    Header,
    LookupRule,
    Policy,
    PolicyException,
    Prohibited,
    Role,
    Server,
    ServerMatch,
    Zone,
)

_MEMO = 65_536
_T = TypeVar("_T")


class Matcher:
    """A `match` or `to` table with its answers remembered: hostile input repeats itself, never fills the memory."""

    def __init__(self, match: ServerMatch) -> None:
        self.match = match
        self.cidrs = listed(match.cidrs)
        """As declared, in words; likewise `names` and `aliases`."""
        self.names = listed(match.names)
        self.aliases = listed([*match.names, *match.aliases])
        self.names_only = not match.cidrs
        """Recognised by name alone."""
        self._addresses: dict[str, bool] = {}
        self._names: dict[str, bool] = {}
        self._aliases: dict[str, bool] = {}

    def address(self, text: str) -> bool:
        """The address lies in one of `cidrs`."""
        found = self._addresses.get(text)
        return _keep(self._addresses, text, any(c.covers(text) for c in self.match.cidrs)) if found is None else found

    def name(self, text: str) -> bool:
        """One of `names` covers the name."""
        found = self._names.get(text)
        return _keep(self._names, text, covered(self.match.names, text)) if found is None else found

    def alias(self, text: str) -> bool:
        """One of `names` or `aliases` covers the name: a CNAME may lead there."""
        found = self._aliases.get(text)
        if found is None:
            found = _keep(self._aliases, text, self.name(text) or covered(self.match.aliases, text))
        return found

    def __str__(self) -> str:
        return listed([*self.match.cidrs, *self.match.names])


class Rulebook(msgspec.Struct, frozen=True, kw_only=True):
    """A policy version with what judging looks up again and again."""

    policy: Policy
    vantages: Vantages
    """How each source's sensor sees, the zones by address among it."""
    chains: dict[str, tuple[str, ...]]
    """Of each zone id: itself, then the zones it lies `within`, innermost first."""
    servers: dict[str, Server]
    matchers: dict[str, Matcher]
    """By server id."""
    names_only: frozenset[str]
    """Ids of the servers that have no addresses."""
    conditions: dict[str, Matcher]
    """The `to` of `prohibited:ID` and `exception:ID`."""
    addresses: Networks[str]
    """Server ids by their addresses."""
    by_zones: dict[tuple[str, ...], tuple[Channel, ...]]
    """What `channels_of` found."""
    excepted: dict[tuple[str, ...], tuple[PolicyException, ...]]
    """What `exceptions_of` found."""
    by_name: dict[str, tuple[str, ...]]
    """What `listed_names` found."""
    resolvers: Networks[str]
    proxies: Networks[str]
    tunnels: Networks[str]
    """Server ids by the addresses of the listed tunnel ends; likewise `resolvers` and `proxies`."""
    broadcasts: frozenset[tuple[int, int]]
    """Directed broadcast addresses of the declared zones (RFC 919)."""
    channels: tuple[Channel, ...]
    """In order of id, their targets sorted."""
    agreements: dict[str, str]
    """By the id of the channel that rests on it."""
    prohibitions: tuple[Prohibited, ...]
    exceptions: tuple[PolicyException, ...]
    lookups: tuple[LookupRule, ...]

    @classmethod
    def of(cls, policy: Policy) -> Self:
        """The rulebook of a loaded policy."""
        servers = {server.id: server for server in sorted(policy.servers, key=lambda one: one.id)}
        rules = {f"prohibited:{one.id}": one.when.to for one in policy.prohibitions}
        rules |= {f"exception:{one.id}": one.applies.to for one in policy.exceptions}
        return cls(
            policy=policy,
            vantages=Vantages(policy),
            chains=_chains(policy.zones),
            servers=servers,
            matchers={name: Matcher(server.match) for name, server in servers.items()},
            names_only=frozenset(name for name, server in servers.items() if not server.match.cidrs),
            conditions={name: Matcher(to) for name, to in rules.items() if to is not None},
            addresses=Networks(_addresses(servers)),
            by_zones={},
            excepted={},
            by_name={},
            resolvers=Networks(_addresses(servers, Role.RESOLVER)),
            proxies=Networks(_addresses(servers, Role.PROXY)),
            tunnels=Networks(_addresses(servers, Role.TUNNEL)),
            broadcasts=frozenset(_broadcasts(policy.zones)),
            channels=tuple(_by_target(one) for one in sorted(policy.channels, key=lambda one: one.id)),
            agreements={one.id: one.agreement for one in policy.channels if one.agreement is not None},
            prohibitions=tuple(sorted(policy.prohibitions, key=lambda one: one.id)),
            exceptions=tuple(sorted(policy.exceptions, key=lambda one: one.id)),
            lookups=tuple(sorted(policy.lookups, key=lambda one: one.id)),
        )

    @classmethod
    def without_policy(cls) -> Self:
        """What stands in when no policy is given: private addresses are zone `local`, nothing is listed."""
        info = PolicyInfo(id="none", version="none", title="", sha256="", files=())
        zone = Zone(id="local", cidrs=tuple(Cidr.parse(text) for text in PRIVATE))
        return cls.of(Policy(info=info, policy=Header(id="none", version="none"), zones=(zone,)))

    @property
    def given(self) -> bool:
        """It was read from a policy, rather than standing in for one."""
        return bool(self.policy.info.sha256)

    def zone(self, address: str, source: str) -> str | None:
        """Id of the zone the address is in, as the sensor of that source sees it, or None."""
        return self.vantages.of(source).zone(address)

    def chain(self, zone: str | None) -> tuple[str, ...]:
        """The zone and the zones it lies within."""
        return self.chains.get(zone, (zone,)) if zone is not None else ()

    def listed_addresses(self, address: str) -> tuple[str, ...]:
        """Ids of the servers whose `cidrs` hold the address."""
        return tuple(sorted(set(self.addresses.all(address))))

    def channels_of(self, zones: tuple[str, ...]) -> tuple[Channel, ...]:
        """The channels that start in one of the zones, or at addresses."""
        found = self.by_zones.get(zones)
        if found is None:
            found = tuple(one for one in self.channels if one.from_cidrs or not set(zones).isdisjoint(one.from_))
            self.by_zones[zones] = found
        return found

    def exceptions_of(self, zones: tuple[str, ...]) -> tuple[PolicyException, ...]:
        """The exceptions for one of the zones, or for any."""
        found = self.excepted.get(zones)
        if found is None:
            found = tuple(one for one in self.exceptions if one.applies.zone is None or one.applies.zone in zones)
            self.excepted[zones] = found
        return found

    def listed_names(self, name: str) -> tuple[str, ...]:
        """Ids of the servers whose `names` cover the name."""
        found = self.by_name.get(name)
        if found is None:
            parsed = Name.parse(name)
            found = tuple(one.id for one in self.servers.values() if any(p.covers(parsed) for p in one.match.names))
            _keep(self.by_name, name, found)
        return found

    def rule(self, kind: str, id_: str) -> Rule:
        """The entry as a Rule of this policy version."""
        agreement = self.agreements.get(id_) if kind == "channel" else None
        return Rule(kind, id_, self.policy.policy.id, self.policy.policy.version, agreement)


PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "fc00::/7", "::1/128")
"""RFC 1918, RFC 6598, RFC 4193 and loopback."""


def covered(patterns: tuple[NamePattern, ...], text: str) -> bool:
    """One of the patterns covers the name."""
    name = Name.parse(text)
    return any(pattern.covers(name) for pattern in patterns)


def listed(values: Iterable[object]) -> str:
    """Values in words, `none` for none."""
    return ", ".join(str(value) for value in values) or "none"


def _keep(memo: dict[str, _T], key: str, found: _T) -> _T:
    if len(memo) >= _MEMO:
        memo.clear()
    memo[key] = found
    return found


def _by_target(channel: Channel) -> Channel:
    return msgspec.structs.replace(channel, to=tuple(sorted(channel.to)))


def _addresses(servers: dict[str, Server], role: Role | None = None) -> Iterator[tuple[Cidr, str]]:
    """The networks of the servers of a role, or of all, with their ids."""
    for name, server in servers.items():
        if role is None or server.role is role:
            yield from ((cidr, name) for cidr in server.match.cidrs)


def _chains(zones: tuple[Zone, ...]) -> dict[str, tuple[str, ...]]:
    outer = {zone.id: zone.within for zone in zones}
    chains = {}
    for zone in outer:
        chain: dict[str, None] = {}
        at: str | None = zone
        while at is not None and at not in chain:
            chain[at] = None
            at = outer.get(at)
        chains[zone] = tuple(chain)
    return chains


def _broadcasts(zones: tuple[Zone, ...]) -> set[tuple[int, int]]:
    return {(4, cidr.last) for zone in zones for cidr in zone.cidrs if cidr.version == 4 and cidr.prefix <= 30}
