"""The tables of a policy as frozen values: what `flowwatch.policy.load` returns and `judge` reads.

Promises: a value of these types is well-formed (addresses, patterns, spans and ports are parsed, ids resolve); knows
nothing of files. Field names are the TOML keys; `from` is `from_` and `any` is `any_` in Python.
"""

import datetime as dt
import enum
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from flowwatch.model import Instant, Marker, PolicyInfo, Severity, Sureness
from flowwatch.policy.forms import (
    DERIVED,
    SOME,
    Asn,
    Country,
    Day,
    Deadline,
    Encapsulation,
    HexBytes,
    Id,
    LabelName,
    Literal_,
    Port,
    Proto,
    Sha256,
    Text,
    TlsVersion,
    When,
)
from flowwatch.policy.inline import Test
from flowwatch.policy.match import Cidr, Clock, NamePattern, PortRange, Span
from flowwatch.policy.table import Table


class Approval(Table, frozen=True, kw_only=True):
    """Who approved a policy, when, and under which reference."""

    name: Text
    on: dt.date | None = None
    ref: str | None = None


class Header(Table, frozen=True, kw_only=True):
    """The `[policy]` table."""

    id: Id
    version: Text
    title: str = ""
    owner: str = ""
    approved_by: tuple[Approval, ...] = ()
    valid_from: When | None = None
    """None: from the beginning of time; TOML instants (with an offset) become nanoseconds."""
    valid_until: When | None = None
    timezone: str = "UTC"


class DnsBinding(Table, frozen=True, kw_only=True):
    """How a DNS answer ties a name to an address."""

    client: Literal["same", "same_zone"] = "same"
    ttl_cap: Span = Span.parse("24h")
    grace: Span = Span.parse("5m")
    skew: Span = Span.parse("5s")
    cname: Literal["inspect_all", "asked_only"] = "inspect_all"


class Defaults(Table, frozen=True, kw_only=True):
    """The `[defaults]` table."""

    unknown_location: Literal["indeterminate", "note"] = "indeterminate"
    locations: Literal["all", "any"] = "all"
    dns_binding: DnsBinding = DnsBinding()
    unread_min: Annotated[int, msgspec.Meta(ge=0)] = 4096
    """Payload bytes from which content that could not be read is labelled `unread`."""
    dns_name_bytes: Annotated[int, msgspec.Meta(ge=1)] = 2048
    """Distinct label bytes per client, registrable domain and hour from which asking counts as sending."""
    exception_max_days: Annotated[int, msgspec.Meta(ge=1)] = 90
    """Exceptions longer than this are told by `policy check`."""
    dormant_after: Span | None = None
    """A server that was not seen for so long and is used again is told; None: none is."""


class Sensor(Table, frozen=True, kw_only=True):
    """Where recordings were taken and what can be seen there; a source of no sensor is its own and sees all zones."""

    id: Id
    sources: Annotated[tuple[Text, ...], SOME]
    """Globs over source paths as given; `**` crosses folders."""
    sees: tuple[str, ...] = ()
    """Zone ids; empty: all zones."""
    side: Literal["inside", "outside"] | None = None
    """Of the address translation; None: not said."""
    clock_error: Span = Span.parse("0s")
    strip: tuple[Encapsulation, ...] = ()
    """Mirroring encapsulations of the sensor itself: the outermost layers, each as often as it is written here."""


class ZoneLocation(Table, frozen=True, kw_only=True):
    """Where a zone is, for people."""

    country: Country | None = None
    site: str | None = None


class Zone(Table, frozen=True, kw_only=True):
    """A declared part of one's own network; the longest prefix wins, `within` inherits the outer zone's channels."""

    id: Id
    cidrs: Annotated[tuple[Cidr, ...], SOME]
    nat: tuple[Cidr, ...] = ()
    """How the zone looks from outside the address translation."""
    within: str | None = None
    location: ZoneLocation | None = None


class Role(enum.StrEnum):
    """What a listed server is for."""

    COLLECTION_PRIMARY = "collection_primary"
    COLLECTION_BACKUP = "collection_backup"
    DATABASE = "database"
    PUBLISHING = "publishing"
    INFRASTRUCTURE = "infrastructure"
    RESOLVER = "resolver"
    PROXY = "proxy"
    TUNNEL = "tunnel"
    OTHER = "other"


class ServerMatch(Table, frozen=True, kw_only=True):
    """How a server is recognised; `cidrs` and `names` both given: both must hold."""

    cidrs: tuple[Cidr, ...] = ()
    names: tuple[NamePattern, ...] = ()
    aliases: tuple[NamePattern, ...] = ()


class CloudExpectation(Table, frozen=True, kw_only=True):
    """Provider and regions a server is expected in."""

    provider: Text
    regions: tuple[str, ...] = ()


class Expectation(Table, frozen=True, kw_only=True):
    """Where a server is expected to be; an expectation never approves."""

    countries: tuple[Country, ...] = ()
    asns: tuple[Asn, ...] = ()
    cloud: CloudExpectation | None = None


class TlsRule(Table, frozen=True, kw_only=True):
    """What is required of TLS towards a server."""

    required: bool = False
    min_version: TlsVersion | None = None
    spki_sha256: tuple[Sha256, ...] = ()
    """Digests of the server's public key, lower-case hex."""
    issuers: tuple[str, ...] = ()
    names: tuple[NamePattern, ...] = ()


class Server(Table, frozen=True, kw_only=True):
    """One approved server."""

    id: Id
    role: Role = Role.OTHER
    owner: str = ""
    match: ServerMatch
    dedicated: bool = False
    """The addresses serve nobody else, so a bare address is enough."""
    expect: Expectation = Expectation()
    tls: TlsRule = TlsRule()


class Term(Table, frozen=True, kw_only=True):
    """One alternative of a classifier: every key given must hold."""

    sni: NamePattern | None = None
    http_host: NamePattern | None = None
    http_path: str | None = None
    """A literal prefix of the request path."""
    dst_port: Port | None = None
    payload_contains: Literal_ | None = None
    """Text, as its UTF-8 bytes, in payload read in clear."""
    payload_hex: HexBytes | None = None
    """Bytes in payload read in clear."""
    markers: Annotated[tuple[Marker, ...], DERIVED] = ()
    """What `payload_contains` and `payload_hex` look for, under the ids a source reports them by."""
    file_sha256_list: str | None = None
    """Path of a list file as written; its digests are in `digests`."""
    digests: Annotated[frozenset[str], DERIVED] = frozenset()
    """Lower-case hex."""
    bytes_out_min: Annotated[int, msgspec.Meta(ge=1)] | None = None
    from_zone: str | None = None


class Classifier(Table, frozen=True, kw_only=True):
    """What makes a transmission bear a label: any of its terms."""

    id: Id
    label: LabelName
    confidence: Sureness = Sureness.HIGH
    any_: Annotated[tuple[Term, ...], SOME] = msgspec.field(name="any")


class Service(Table, frozen=True, kw_only=True):
    """Protocol and ports of a channel or exception; omitted parts do not restrict."""

    proto: Proto | None = None
    ports: tuple[PortRange, ...] = ()
    related: bool = False
    """Of a channel: `ports` are those of FTP's control connections; the data connections they announce are of it."""


class Window(Table, frozen=True, kw_only=True):
    """One span of time: instants `[from, until)`, or days with local clock times in the policy's zone."""

    from_: When | None = msgspec.field(name="from", default=None)
    until: When | None = None
    days: tuple[Day, ...] = ()
    start: Clock | None = None
    end: Clock | None = None
    note: str = ""


class Limits(Table, frozen=True, kw_only=True):
    """How much may run on a channel, over all its senders; an hour is any 60 minutes; omitted: not limited."""

    bytes_out_per_flow: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Payload bytes of the sender."""
    bytes_out_per_hour: Annotated[int, msgspec.Meta(ge=1)] | None = None
    flows_per_hour: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Flows that carried payload, counted when they begin; attempts are none."""


class Presence(Table, frozen=True, kw_only=True):
    """What must have been heard on a channel: silence is a finding, too."""

    min_flows: Annotated[int, msgspec.Meta(ge=1)] = 1
    """Flows of which something was acknowledged."""
    per: Literal["channel", "sender"] = "channel"
    """Over all senders together, or of each one listed in `senders`."""
    senders: Text | None = None
    """Path of a list file as written, an address or network a line; its senders are in `listed`."""
    listed: Annotated[tuple[Cidr, ...], DERIVED] = ()
    by: Deadline
    """When they must have been heard, since the windows of the channel last opened: an instant, or a local time of day
    at which one of its daily windows is open or closes, for each day it opened."""


ANY = "any"
"""In place of a server: whoever the receiver is."""


class Channel(Table, frozen=True, kw_only=True):
    """Who may send what to which server, how and when."""

    id: Id
    from_: Annotated[tuple[str, ...], SOME] = msgspec.field(name="from")
    """Zone ids or CIDRs as written; `from_cidrs` holds the parsed CIDRs among them."""
    from_cidrs: Annotated[tuple[Cidr, ...], DERIVED] = ()
    to: Annotated[tuple[str, ...], SOME]
    """Server ids or `zone:ID`; or `any` alone, which needs `service` and `limits`."""
    opened_by: Literal["sender", "receiver", "either"] = "sender"
    service: Service = Service()
    via: tuple[str, ...] = ()
    """Ids of servers of role `proxy` through which it may run; then its servers are told by name."""
    carries: tuple[LabelName, ...] = ()
    when: tuple[Window, ...] = ()
    limits: Limits | None = None
    stage: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Its place in the order of the night, for people; what must come before it stands in `after`."""
    after: tuple[str, ...] = ()
    """Ids of channels: it may be used only once all of them have carried acknowledged data."""
    only_when_down: tuple[str, ...] = ()
    """Ids of the primary channels it stands in for: it may be used only while all of them are down."""
    expected: Presence | None = None
    agreement: Text | None = None
    """What it rests on, as a number or name that people look up; told with everything the channel decides."""

    @property
    def of_the_whole(self) -> bool:
        """It says something that only a whole recording can be held against."""
        return bool(self.limits or self.after or self.only_when_down or self.expected)


class LookupRule(Table, frozen=True, kw_only=True):
    """Names that zones may ask for beyond those of their servers."""

    id: Id = ""
    """Given by its position (`lookup-1`) when not written."""
    names: Annotated[tuple[NamePattern, ...], SOME]
    from_: tuple[str, ...] = msgspec.field(name="from", default=())
    """Zone ids; empty: every zone."""


class ProhibitedWhen(Table, frozen=True, kw_only=True):
    """Conditions of a prohibition; all given must hold."""

    labels: tuple[LabelName, ...] = ()
    cleartext: bool | None = None
    zone: str | None = None
    to: ServerMatch | None = None
    service: Service | None = None


class Prohibited(Table, frozen=True, kw_only=True):
    """Overrides channels; only an exception that names it lifts it."""

    id: Id
    when: ProhibitedWhen
    severity: Severity | None = None


class Applies(Table, frozen=True, kw_only=True):
    """What an exception covers."""

    zone: str | None = None
    to: ServerMatch | None = None
    service: Service | None = None


class PolicyException(Table, frozen=True, kw_only=True):
    """A time-limited permission with its reason and owner."""

    id: Id
    applies: Applies
    carries: tuple[LabelName, ...] = ()
    lifts: tuple[str, ...] = ()
    reason: Text
    owner: str = ""
    ticket: str = ""
    approved_by: str = ""
    from_: When = msgspec.field(name="from")
    until: When


class PlaceFact(Table, frozen=True, kw_only=True):
    """The operator's own facts about addresses; facts may differ by date."""

    cidr: Cidr
    country: Country | None = None
    region: str | None = None
    city: str | None = None
    site: str | None = None
    provider: str | None = None
    provider_region: str | None = None
    registered: Country | None = None
    asn: Asn | None = None
    organisation: str | None = None
    anycast: bool | None = None
    from_: When | None = msgspec.field(name="from", default=None)
    until: When | None = None


class Excluded(Table, frozen=True, kw_only=True):
    """Where nothing goes, by one of these."""

    country: Country | None = None
    """Where an address is located; where it is registered counts for nothing."""
    asn: Asn | None = None
    """Who announces it."""
    cidrs: tuple[Cidr, ...] = ()


class Claim(Table, frozen=True, kw_only=True):
    """A statement to be tested over the recordings: one of `no`, `only_to` and `server`."""

    id: Id
    no: Excluded | None = None
    """Nothing goes there."""
    only_to: tuple[str, ...] = ()
    """Whatever leaves the zones in `from` goes to one of these first: server ids or `zone:ID`."""
    server: str | None = None
    """Nothing goes to this server or comes from it."""
    from_: tuple[str, ...] = msgspec.field(name="from", default=())
    """Zone ids; empty: every zone."""
    labels: tuple[LabelName, ...] = ()
    """Only what bears one of these labels; empty: whatever is sent."""
    between: Annotated[tuple[When, ...], msgspec.Meta(min_length=2, max_length=2)] | None = None
    """From the first instant until before the second; without it the time that was recorded."""
    before: When | None = None
    """Of the time that was recorded, what lies before this instant."""
    severity: Severity = Severity.HIGH
    """Of the finding where it does not hold."""


class Severities(Table, frozen=True, kw_only=True):
    """Severity by verdict and label; what is not written has a default (see `judge`)."""

    prohibited: dict[str, Severity] = msgspec.field(default_factory=dict)
    unapproved: dict[str, Severity] = msgspec.field(default_factory=dict)
    deviation: dict[str, Severity] = msgspec.field(default_factory=dict)
    indeterminate: dict[str, Severity] = msgspec.field(default_factory=dict)


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a policy, ready to judge by."""

    info: PolicyInfo
    policy: Header
    defaults: Defaults = Defaults()
    sensors: tuple[Sensor, ...] = ()
    zones: tuple[Zone, ...] = ()
    servers: tuple[Server, ...] = ()
    classifiers: tuple[Classifier, ...] = ()
    channels: tuple[Channel, ...] = ()
    lookups: tuple[LookupRule, ...] = ()
    prohibitions: tuple[Prohibited, ...] = ()
    exceptions: tuple[PolicyException, ...] = ()
    places: tuple[PlaceFact, ...] = ()
    claims: tuple[Claim, ...] = ()
    severity: Severities = Severities()
    tests: tuple[Test, ...] = ()

    @property
    def entries(self) -> tuple[tuple[str, str], ...]:
        """Kind and id of each entry whose use is counted, by kind, then id."""
        kinds: dict[str, list[str]] = {
            "zone": [one.id for one in self.zones],
            "server": [one.id for one in self.servers],
            "channel": [one.id for one in self.channels],
            "lookup": [one.id for one in self.lookups],
            "prohibited": [one.id for one in self.prohibitions],
            "exception": [one.id for one in self.exceptions],
        }
        return tuple((kind, id_) for kind, ids in kinds.items() for id_ in sorted(ids))


class ProxyPlace(msgspec.Struct, frozen=True, order=True):
    """Where a proxy of a policy is."""

    cidr: Cidr
    port: int
    """The one port at which channels lead to it; 0: they name none, or several."""


class PolicySet(msgspec.Struct, frozen=True):
    """The versions of one policy id, in order of validity, which never overlaps."""

    versions: tuple[Policy, ...]

    def in_force(self, at: Instant) -> Policy | None:
        """The version valid at that instant (half-open), or None."""
        for one in self.versions:
            begun = one.policy.valid_from is None or one.policy.valid_from <= at
            if begun and (one.policy.valid_until is None or at < one.policy.valid_until):
                return one
        return None

    @property
    def dns_binding(self) -> DnsBinding:
        """How answers bind, before versions are chosen: the newest's way, for whole zones where any version binds so.

        Each version still looks only at what it lets bind.
        """
        newest = self.versions[-1].defaults.dns_binding
        by_zone = any(one.defaults.dns_binding.client == "same_zone" for one in self.versions)
        return msgspec.structs.replace(newest, client="same_zone") if by_zone else newest

    @property
    def markers(self) -> tuple[Marker, ...]:
        """What the classifiers of every version look for in payload, each once, by id."""
        terms = (term for one in self.versions for classifier in one.classifiers for term in classifier.any_)
        return tuple(sorted({marker for term in terms for marker in term.markers}))

    @property
    def wants_digests(self) -> bool:
        """Whether a classifier of any version compares what was sent with a list of digests."""
        terms = (term for one in self.versions for classifier in one.classifiers for term in classifier.any_)
        return any(term.file_sha256_list is not None for term in terms)

    @property
    def control_ports(self) -> tuple[PortRange, ...]:
        """The ports of control connections whose data is related, of every version, each once."""
        channels = (channel for one in self.versions for channel in one.channels if channel.service.related)
        return tuple(sorted({span for channel in channels for span in channel.service.ports}))

    @property
    def proxies(self) -> tuple[ProxyPlace, ...]:
        """Where every version's proxies are, each once."""
        return tuple(sorted({place for one in self.versions for place in _proxy_places(one)}))

    @property
    def place_facts(self) -> tuple[PlaceFact, ...]:
        """The operator's facts of every version, each for the time its version is in force."""
        return tuple(_while_in_force(fact, one.policy) for one in self.versions for fact in one.places)


def _proxy_places(version: Policy) -> Iterator[ProxyPlace]:
    for server in version.servers:
        if server.role is Role.PROXY:
            services = [channel.service for channel in version.channels if server.id in channel.to]
            ports = {span for one in services if one.proto in (None, "tcp") for span in one.ports}
            (span,) = ports if len(ports) == 1 else (None,)
            port = span.first if span is not None and span.first == span.last else 0
            yield from (ProxyPlace(cidr, port) for cidr in server.match.cidrs)


def _while_in_force(fact: PlaceFact, version: Header) -> PlaceFact:
    begins = [at for at in (fact.from_, version.valid_from) if at is not None]
    ends = [at for at in (fact.until, version.valid_until) if at is not None]
    return msgspec.structs.replace(fact, from_=max(begins, default=None), until=min(ends, default=None))
