"""What is judged: transmissions and lookups, as facts without policy."""

import enum
from collections.abc import Iterable
from typing import Self

import msgspec

from flowwatch.model.names import SeenName
from flowwatch.model.records import Ref
from flowwatch.model.time import Instant


class Amount(msgspec.Struct, frozen=True):
    """A number of bytes known exactly (`least == most`) or as a range; `most` None: no upper bound known."""

    least: int
    most: int | None

    @classmethod
    def exactly(cls, count: int) -> Self:
        """A known count."""
        return cls(count, count)

    @classmethod
    def total(cls, amounts: Iterable["Amount"]) -> Self:
        """Their sum; 0 of none."""
        least, most = 0, 0
        bounded = True
        for one in amounts:
            least += one.least
            bounded &= one.most is not None
            most += one.most or 0
        return cls(least, most if bounded else None)

    @property
    def weight(self) -> int:
        """One figure to draw and sort by: the most where that is known, else the least."""
        return self.least if self.most is None else self.most

    @property
    def exact(self) -> int | None:
        """The count, or None when it is only a range."""
        return self.least if self.least == self.most else None


class OpenedBy(enum.StrEnum):
    """Who opened the flow a transmission ran in."""

    SENDER = "sender"
    RECEIVER = "receiver"


class Encapsulation(msgspec.Struct, frozen=True, gc=False):
    """One layer a transmission was wrapped in: kind as `gre`, `vxlan:100`, and its outer addresses, sender's first.

    The addresses are None where the layer has none of its own (`pppoe`).
    """

    kind: str
    sender: str | None = None
    receiver: str | None = None


class Control(msgspec.Struct, frozen=True, order=True, gc=False):
    """A control connection between the two hosts of a transmission that may have announced it (FTP)."""

    port: int
    """Its responder's."""
    opened_by: OpenedBy
    """Who opened it: sender or receiver of the transmission."""
    read: bool
    """Its commands were read from the beginning, in clear, by the transmission's source: it would have told."""


class LookupsRecorded(msgspec.Struct, frozen=True, gc=False):
    """A source that holds lookups of a client, and when it starts."""

    source: str
    start: Instant


class Account(msgspec.Struct, frozen=True, gc=False):
    """What one source's records tell of a transmission, in the source's own measure."""

    ref: Ref
    scope: str | None
    """What its bytes are, as the column `bytes_scope`; None where it counts none."""
    counted: int | None
    """Bytes of the sender; None where the source does not count them by sender."""


_OPAQUE = frozenset({"esp", "ipcomp", "ipsec", "wireguard", "openvpn"})


class Transmission(msgspec.Struct, frozen=True, kw_only=True):
    """One direction of a flow that carried payload (or an attempt to open one), from its sender to its receiver."""

    flow: int
    """Number of the flow within this run: its two transmissions share it."""
    ref: Ref
    proto: str
    sender_ip: str
    sender_port: int | None
    receiver_ip: str
    receiver_port: int | None
    service_port: int | None
    """The responder's port, whichever side sends; what `service.ports` compares."""
    icmp_type: int | None = None
    """Type of the flow's first message; None for every other protocol."""
    opened_by: OpenedBy
    direction_basis: str
    start: Instant
    end: Instant
    timed: bool = True
    """False: the source tells no time of it; `start` and `end` only say where it stands among the others."""
    begun_before: bool = False
    """The flow had begun before the recording (no opening seen): its lower edge in time is unseen."""
    attempted: bool = False
    """An opening without sender payload (TCP, SCTP), recorded by a sensor that sees both directions."""
    sent: Amount
    """Transport payload bytes of the sender."""
    acked: int | None = None
    """Payload bytes the receiver acknowledged; None when that was not recorded."""
    state: str | None = None
    names: tuple[SeenName, ...] = ()
    """Every name of the receiver (of the responder's names only when it is the receiver), strongest first."""
    names_cut: bool = False
    """More names were bound to the receiver than are kept, so `names` is not complete."""
    lookups_recorded_since: Instant | None = None
    """Since when the sender's DNS lookups are covered by the recording; None when none of its lookups were seen."""
    lookups_recorded: tuple[LookupsRecorded, ...] = ()
    """The same by source, in order; empty where the sources are not told apart."""
    app: str | None = None
    controls: tuple[Control, ...] = ()
    """The control connections that may have announced it, as far as a policy asks for them."""
    sni: str | None = None
    """What the opener's ClientHello asked for, whichever side sends; None under ECH, whose outer name is none."""
    alpn: tuple[str, ...] = ()
    tls_version: str | None = None
    ech: bool | None = None
    cert_spki_sha256: str | None = None
    cert_issuer: str | None = None
    cert_names: tuple[str, ...] | None = None
    http_method: str | None = None
    http_path: str | None = None
    http_hosts: tuple[str, ...] | None = None
    clear: bool | None = None
    """Payload of this direction was read in clear; None: could not be told."""
    markers: tuple[str, ...] | None = None
    """Ids of the markers found in clear in this direction; None: none were looked for, or nothing could be read."""
    payload_sha256: tuple[str, ...] | None = None
    tunnel: tuple[Encapsulation, ...] = ()
    """What the conversation was wrapped in, outer to inner; addresses are of this transmission's direction."""
    community_id: str | None = None
    conn_id: str | None = None
    accounts: tuple[Account, ...] = ()
    """Every source's, where several tell of it (the one at `ref` among them); figures of two are never added."""

    @property
    def encrypted_dns(self) -> bool:
        """It carried DNS that cannot be read, as `asks_sealed` tells; an attempt carried nothing."""
        return not self.attempted and asks_sealed(self.proto, self.service_port, self.alpn, self.http_path)

    @property
    def opaque(self) -> bool:
        """It ran in a tunnel that cannot be read: by what its source calls it, or ESP (50), IPComp (108) by number."""
        return is_opaque(self.proto, self.app)

    @property
    def ported(self) -> bool:
        """Its protocol has ports, so that one which is not given is unseen; ICMP has none."""
        return self.proto not in ("icmp", "icmp6")

    @property
    def responder_is_receiver(self) -> bool:
        """The receiver is the side that was connected to, so SNI, Host and answers name it."""
        return self.opened_by is OpenedBy.SENDER


def asks_sealed(proto: str, port: int | None, alpn: Iterable[str], path: str | None) -> bool:
    """What runs there is DNS that cannot be read: by its port, ALPN or a path that was read.

    Port 853 (DNS over TLS, RFC 7858; over QUIC, RFC 9250), ALPN `dot` or `doq`, the path `/dns-query` (RFC 8484 4.1.1).
    Any other DNS over HTTPS looks like HTTPS: a resolver's name as SNI is no proof of it.
    """
    at_port = proto in ("tcp", "udp") and port == 853
    return at_port or asks_by_path(path) or not {"dot", "doq"}.isdisjoint(alpn)


def asks_by_path(path: str | None) -> bool:
    """The path is that of DNS over HTTPS (RFC 8484 4.1.1)."""
    return (path or "").partition("?")[0] == "/dns-query"


def is_opaque(proto: str, app: str | None) -> bool:
    """A tunnel that cannot be read: by what its source calls it, or ESP (50), IPComp (108) by number."""
    return app in _OPAQUE or proto in ("50", "108")


class Answer(msgspec.Struct, frozen=True):
    """One record of a DNS answer section, in message order; `ttl` in seconds where the source has it."""

    name: str
    type: str
    data: str
    ttl: int | None = None


_LET_THROUGH = frozenset({"", "none", "alert", "allow", "allowed", "log", "passthru", "tcp-only"})
"""Actions of DNS firewalls that leave the answer as it is: of RPZ, Umbrella, Route 53 and others, in lower case."""


class Lookup(msgspec.Struct, frozen=True, kw_only=True):
    """One DNS question with its answer where the source has it: a row of LOOKUPS as the judge reads it."""

    ref: Ref
    time: Instant | None
    client_ip: str | None
    server_ip: str | None
    server_port: int | None = None
    transport: str | None = None
    qname: str
    qtype: str
    name_exact: bool = True
    rcode: str | None = None
    answers: tuple[Answer, ...] | None = None
    flags: tuple[str, ...] = ()
    policy_action: str | None = None
    recursion: bool = False
    """A resolver asked, nobody says for whom, where the source tells the clients' own questions too."""

    @property
    def withheld(self) -> bool:
        """A resolver or DNS firewall withheld or rewrote the answer: the name was not contacted."""
        return (self.policy_action or "").lower() not in _LET_THROUGH or "refused_by_policy" in self.flags
