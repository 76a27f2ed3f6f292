"""Verdicts, reasons and decisions: what is said of one transmission or lookup, and why."""

import enum
from typing import Self

import msgspec

from flowwatch.model.places import Place
from flowwatch.model.traffic import Encapsulation, Lookup, Transmission


class Verdict(enum.StrEnum):
    """What is said of one transmission or lookup, mildest first."""

    OUT_OF_SCOPE = "out_of_scope"
    APPROVED = "approved"
    EXCEPTED = "excepted"
    INDETERMINATE = "indeterminate"
    DEVIATION = "deviation"
    UNAPPROVED = "unapproved"
    PROHIBITED = "prohibited"

    @property
    def group(self) -> "Group":
        """The group every summary counts it in."""
        return _GROUPS[self]

    @property
    def rank(self) -> int:
        """Grows with how bad it is; the worst of several stands."""
        return _VERDICT_RANKS[self]


class Group(enum.StrEnum):
    """The four groups of verdicts; "cannot tell" never counts as a pass."""

    CONFORMS = "conforms"
    VIOLATES = "violates"
    CANNOT_TELL = "cannot_tell"
    OUT_OF_SCOPE = "out_of_scope"


_VERDICT_RANKS = {verdict: rank for rank, verdict in enumerate(Verdict)}
_GROUPS = {
    Verdict.APPROVED: Group.CONFORMS,
    Verdict.EXCEPTED: Group.CONFORMS,
    Verdict.DEVIATION: Group.VIOLATES,
    Verdict.UNAPPROVED: Group.VIOLATES,
    Verdict.PROHIBITED: Group.VIOLATES,
    Verdict.INDETERMINATE: Group.CANNOT_TELL,
    Verdict.OUT_OF_SCOPE: Group.OUT_OF_SCOPE,
}


class Reason(enum.StrEnum):
    """A stable dotted code for why a verdict is what it is, each with one neutral sentence."""

    sentence: str

    def __new__(cls, code: str, sentence: str) -> Self:
        """The code as text, carrying its sentence."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.sentence = sentence
        return member

    APPROVED = "channel.approved", "a channel of the policy allows it"
    ANSWER_OF_APPROVED = "channel.answer", "it answers an approved flow and bears no label the channel does not carry"
    EXCEPTED = "exception.applies", "an exception in force at that time covers it"
    EXCEPTION_EXPIRED = "exception.expired", "the exception that would cover it was not in force at that time"
    PROHIBITED = "prohibited.matched", "a prohibition of the policy covers it"
    PROHIBITION_UNSEEN = "prohibited.unseen", "whether a prohibition covers it could not be seen"
    DESTINATION_UNLISTED = "destination.unlisted", "the receiver is not on the approved list"
    NAME_LISTED_ADDRESS_UNLISTED = (
        "destination.name_listed_address_unlisted",
        "the name is on the approved list, the address it went to is not",
    )
    NONE_FROM_ZONE = "channel.none_from_zone", "the receiver is listed, but no channel leads to it from this zone"
    ZONE_UNLISTED = "channel.none_to_zone", "no channel leads from this zone to the receiving zone"
    OPENED_BY = "channel.opened_by", "the flow was opened by the other side than declared"
    PROTO = "service.proto", "the protocol differs from the declared value"
    PORT = "service.port", "the port differs from the declared value"
    RELATION_UNSEEN = (
        "service.relation_unseen",
        "whether a control connection of the channel announced it could not be seen",
    )
    NOT_CARRIED = "label.not_carried", "it bears a label that the channel does not carry"
    UNREAD = "label.unread", "its payload could not be read, so that it bears no other label could not be shown"
    OUTSIDE_WINDOW = "time.outside_window", "it ran outside the declared times"
    ENDS_OUTSIDE = "time.ends_outside", "it began within the declared times and ended outside them"
    BEGUN_BEFORE = "time.begun_before_recording", "it had begun before the recording, so its start was not seen"
    NAME_UNLISTED = "name.unlisted", "the address is listed, the name the flow used is not"
    NAME_UNOBSERVED = "name.unobserved", "no name was seen for the listed address"
    NAME_AMBIGUOUS = "name.ambiguous", "listed and unlisted names were live for the address"
    NAME_MALFORMED = "name.malformed", "a name holds bytes that no host name may hold and matches no pattern"
    ALIAS_UNLISTED = "name.alias_unlisted", "the name led through an alias that is not on the approved list"
    BINDING_UNOBSERVED = "dns.binding_unobserved", "nothing seen ties the name the flow used to the address"
    COUNTRY_UNEXPECTED = "location.country_unexpected", "the address is located outside the expected countries"
    REGION_UNEXPECTED = "location.region_unexpected", "the address is in another provider region than expected"
    ASN_UNEXPECTED = "location.asn_unexpected", "the address is announced by another network than expected"
    LOCATION_UNPROVEN = "location.unproven", "that the address is where it is expected could not be shown"
    TLS_REQUIRED = "tls.required", "TLS is required and was not used"
    TLS_UNOBSERVED = "tls.unobserved", "whether TLS was used as required could not be seen"
    TLS_VERSION = "tls.version_below", "the TLS version is below the declared minimum"
    TLS_KEY_UNEXPECTED = "tls.key_unexpected", "the server's key differs from the declared value"
    TLS_ISSUER_UNEXPECTED = "tls.issuer_unexpected", "the certificate's issuer differs from the declared value"
    TLS_NAME_UNEXPECTED = "tls.name_unexpected", "the certificate does not bear the declared name"
    TLS_KEY_UNOBSERVED = "tls.key_unobserved", "the certificate was not visible, so the declared key was not compared"
    TUNNEL_UNLISTED = "tunnel.endpoint_unlisted", "it ran in a tunnel whose far end is not on the approved list"
    VIA = "channel.via", "it ran through a proxy that the channel does not name"
    PROXY_ADDRESS = (
        "proxy.address_unobserved",
        "it ran through a proxy and is told by name: the address it went on to was not seen",
    )
    PROXY_UNREAD = "proxy.requests_unread", "what was asked of the proxy could not be read"
    QUIC_MIGRATION = "quic.migration_possible", "it may continue an approved QUIC connection that moved here"
    CLOCK = "time.within_clock_error", "whether it ran within the declared times depends on the sensor's clock error"
    DATA_IN_NAMES = (
        "dns.data_in_names",
        "so many different names were asked for below one domain that they count as data sent",
    )
    VOLUME = "volume.exceeded", "more ran on the channel than its limits allow"
    VOLUME_UNSEEN = "volume.unseen", "whether more ran on the channel than its limits allow could not be told"
    OUT_OF_ORDER = "stage.out_of_order", "it ran before the channels it comes after had carried acknowledged data"
    ORDER_UNSEEN = (
        "stage.order_unseen",
        "whether the channels it comes after had carried acknowledged data could not be told",
    )
    PRIMARY_UP = "stage.backup_while_primary_up", "a backup channel was used while a primary it stands in for was up"
    STATE_UNSEEN = "stage.state_unseen", "whether the primary it stands in for was up or down could not be told"
    NOT_HEARD = "presence.silent", "what was expected on the channel by that time was not heard"
    PRESENCE_UNSEEN = "presence.unseen", "whether what was expected on the channel was heard could not be told"
    DORMANT_RETURNED = (
        "presence.dormant_returned",
        "an approved server was used again that had not been seen for longer than declared",
    )
    DRIFT_NETWORK = "drift.network", "an approved server is announced by another network than it was seen in before"
    DRIFT_COUNTRY = "drift.country", "an approved server is located in another country than it was seen in before"
    DRIFT_REGION = "drift.region", "an approved server is in another provider region than it was seen in before"
    DRIFT_KEY = "drift.key", "an approved server shows another key than it was seen with before"
    DRIFT_ANSWERS = "drift.answers", "a listed name was answered with an address that was not among its answers before"
    REFERENCE_CHANGED = (
        "reference.changed",
        "newer location data places an approved server otherwise; whether it changed itself could not be told",
    )
    CLAIM_CONTRADICTED = "claim.contradicted", "what a claim of the policy rules out was observed"
    REPEATED = "fanout.repeated", "one sender's uploads, alike or the same, went to several places within ten minutes"
    NOT_ASKED_FOR = (
        "dns.no_lookup_before_connection",
        "the sender's lookups were recorded, and no answer before it gave that address",
    )
    ENCRYPTED_DNS = "visibility.encrypted_dns", "lookups ran encrypted, so the names asked for were not seen"
    ECH = "visibility.ech", "it offered an encrypted hello (ECH), so the name it asked for was not seen"
    OPAQUE_TUNNEL = (
        "visibility.opaque_tunnel",
        "it ran in a tunnel that cannot be read, so what was sent inside, and to whom, was not seen",
    )
    SEEN_AFTER = "policy.seen_after_traffic", "the policy is younger than traffic that it judges"
    UNSEEN = "condition.unseen", "a condition of the rule could not be seen"
    NONE_GIVEN = "policy.none_given", "no policy was given to judge by"
    NONE_IN_FORCE = "policy.none_in_force", "no version of the policy was in force at that time"
    SENDER_OUTSIDE = "scope.sender_outside", "the sender is in no declared zone"
    WITHIN_ZONE = "scope.within_zone", "sender and receiver are in the same zone"
    MULTICAST = "scope.multicast", "the receiver is a multicast address"
    BROADCAST = "scope.broadcast", "the receiver is a broadcast address"
    LINK_LOCAL = "scope.link_local", "sender or receiver is a link-local address"
    DHCP = "scope.dhcp", "it is address configuration"
    RECURSION = "scope.recursion", "a resolver asked on behalf of a client, whose own question is judged"
    ICMP_ERROR = "scope.icmp_error", "it is an ICMP error message"
    LOOKUP_APPROVED = "dns.approved_lookup", "the name is one this zone may ask for"
    LOOKUP_UNAPPROVED = "dns.unapproved_lookup", "the name asked for is not on the approved list"
    ANSWER_UNLISTED = "dns.answer_unlisted_address", "a listed name was answered with an address that is not listed"
    LOSSY_NAME = "dns.name_lossy", "the source writes this name lossily, so it cannot be compared"
    SENSOR_ABSENT = "coverage.sensor_absent", "nothing that was read was recorded by this declared sensor"
    GAP = "coverage.gap", "records were lost to reading: the file that held them is gone"
    SILENT = "coverage.silent", "nothing was recorded for longer than declared"
    MISSING = "coverage.missing", "a declared source has no file"
    EMPTY = "coverage.empty", "a declared source has never held a record"
    BELOW_RATE = "coverage.below_rate", "fewer records of an hour than declared"
    UNREADABLE = "coverage.unreadable", "a file of a declared source cannot be read"
    FORMAT_CHANGED = "coverage.format_changed", "a source is written in another format than before"
    PLACES_STALE = "coverage.places_stale", "location data that judges is older than declared"


OF_THE_WHOLE = frozenset(
    {
        Reason.VOLUME,
        Reason.VOLUME_UNSEEN,
        Reason.OUT_OF_ORDER,
        Reason.ORDER_UNSEEN,
        Reason.PRIMARY_UP,
        Reason.STATE_UNSEEN,
        Reason.NOT_HEARD,
        Reason.PRESENCE_UNSEEN,
        Reason.DORMANT_RETURNED,
        Reason.DRIFT_NETWORK,
        Reason.DRIFT_COUNTRY,
        Reason.DRIFT_REGION,
        Reason.DRIFT_KEY,
        Reason.DRIFT_ANSWERS,
        Reason.REFERENCE_CHANGED,
        Reason.CLAIM_CONTRADICTED,
        Reason.REPEATED,
        Reason.NOT_ASKED_FOR,
        Reason.ENCRYPTED_DNS,
        Reason.ECH,
        Reason.OPAQUE_TUNNEL,
        Reason.SEEN_AFTER,
        Reason.SENSOR_ABSENT,
    }
)
"""Reasons that only the recording as a whole can give: no single transmission's verdict has them."""
ONLY_TOLD = frozenset(
    {
        Reason.REFERENCE_CHANGED,
        Reason.ENCRYPTED_DNS,
        Reason.ECH,
        Reason.OPAQUE_TUNNEL,
        Reason.SEEN_AFTER,
        Reason.SENSOR_ABSENT,
    }
)
"""Of these, what leaves nothing undecided: how far recording, policy and places reach, beside verdicts that stand."""


class Severity(enum.StrEnum):
    """How much a finding matters, least first."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info, 4 for critical."""
        return _SEVERITY_RANKS[self]

    def lowered(self) -> "Severity":
        """One step lower, info at the least."""
        return list(Severity)[max(self.rank - 1, 0)]


_SEVERITY_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Sureness(enum.StrEnum):
    """Confidence in a label or a finding."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Label(msgspec.Struct, frozen=True, gc=False):
    """What a transmission carries, as classified; `none` and `unread` have no classifier."""

    name: str
    sureness: Sureness = Sureness.HIGH
    classifier: str | None = None


class Truth(enum.StrEnum):
    """A condition is true, false or unseen; null in a source means unseen."""

    TRUE = "true"
    FALSE = "false"
    UNSEEN = "unseen"


class Check(msgspec.Struct, frozen=True, gc=False):
    """One condition that was looked at: what was declared, what observed, and the reason if it did not hold."""

    what: str
    truth: Truth
    declared: str
    observed: str
    reason: Reason | None = None


class Rule(msgspec.Struct, frozen=True, gc=False):
    """The policy entry that decided: kind (`channel prohibited exception server lookup defaults claim`) and id."""

    kind: str
    id: str
    policy_id: str
    policy_version: str
    agreement: str | None = None
    """What a channel rests on, as its policy says."""


class Decision(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The verdict on one transmission with its whole derivation."""

    transmission: Transmission
    verdict: Verdict
    reasons: tuple[Reason, ...]
    """The deciding one first."""
    severity: Severity
    sender_zone: str | None
    receiver_zone: str | None = None
    server: str | None = None
    """Id of the listed server the receiver is or resembles."""
    via: str | None = None
    """Id of the proxy the receiver is, where what was asked of it was judged."""
    asked: str | None = None
    """The host asked of that proxy on which the verdict stands; None where the flow to the proxy itself decided."""
    far_end: Encapsulation | None = None
    """The outermost tunnel that leads to a place not listed: the first address the data went to, of which then `place`
    speaks; `server`, `receiver_zone`, `via` and `asked` are then None.
    """
    labels: tuple[Label, ...]
    place: Place | None = None
    rule: Rule | None = None
    checks: tuple[Check, ...] = ()
    """Conditions of the deciding (or nearest) rule, failing and unseen ones first."""
    notes: tuple[Reason, ...] = ()
    """Reasons that are told but do not decide (`name.unobserved`, `tls.key_unobserved`)."""
    other_channels: tuple[str, ...] = ()
    """Ids of the channels that approve it as the deciding one does."""

    @property
    def destination(self) -> tuple[str, int | None, str]:
        """Where it went first: address, service port and protocol; of an unlisted tunnel its far end and its kind."""
        if self.far_end is not None and self.far_end.receiver is not None:
            return self.far_end.receiver, None, self.far_end.kind
        sent = self.transmission
        return sent.receiver_ip, sent.service_port, sent.proto


class LookupDecision(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The verdict on one lookup."""

    lookup: Lookup
    verdict: Verdict
    reasons: tuple[Reason, ...]
    severity: Severity
    sender_zone: str | None
    server: str | None = None
    rule: Rule | None = None
    notes: tuple[Reason, ...] = ()
    carried_below: str | None = None
    """The registrable domain below which its name carried data (`dns.data_in_names`); None for any other lookup."""
