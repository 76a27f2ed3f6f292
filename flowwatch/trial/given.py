"""An observation written down in a policy, as what the judge reads.

Promises: what is not written is as small as can be: one byte sent, no name used, every lookup of the sender recorded
from the beginning of time with no answers but those given. Content is TLS where SNI, ECH or a TLS version is given,
HTTP (in clear) where a host or path is, else not recognised.
"""

import msgspec

from flowwatch.model import Amount, Instant, Lookup, Name, NameClass, OpenedBy, Ref, SeenName, Transmission
from flowwatch.policy.terms import Given, Policy, Role

_ALWAYS: Instant = -(2**62)
_NOWHERE = Ref("given", 1, 1)


class Supposed(msgspec.Struct, frozen=True):
    """A transmission and, where it answers, the direction that opened its flow."""

    transmission: Transmission
    opening: Transmission | None = None


def supposed(given: Given, policy: Policy) -> Supposed:
    """The transmission a `given` table describes; answers come from the policy's first listed resolver."""
    sent = _towards_responder(given, policy)
    if given.opened_by == "sender":
        return Supposed(sent)
    answer = msgspec.structs.replace(
        sent, opened_by=OpenedBy.RECEIVER, names=_answers(given, policy), sender_port=given.port, receiver_port=None
    )
    opening = msgspec.structs.replace(
        sent,
        sender_ip=given.dst,
        receiver_ip=given.src,
        names=_used(given),
        attempted=False,
        sent=Amount.exactly(1),
        clear=None,
    )
    return Supposed(answer, opening)


def lookup(given: Given) -> Lookup:
    """The lookup a `given` table with `lookup` describes; `answers` are not for lookups."""
    return Lookup(
        ref=_NOWHERE,
        time=given.time,
        client_ip=given.src,
        server_ip=given.dst,
        server_port=given.port,
        qname=str(Name.parse(given.lookup or "")),
        qtype="A",
    )


def _towards_responder(given: Given, policy: Policy) -> Transmission:
    app = _app(given)
    return Transmission(
        flow=1,
        ref=_NOWHERE,
        proto=given.proto,
        sender_ip=given.src,
        sender_port=None,
        receiver_ip=given.dst,
        receiver_port=given.port,
        service_port=given.port,
        opened_by=OpenedBy.SENDER,
        direction_basis="handshake",
        start=given.time,
        end=given.time if given.until is None else given.until,
        attempted=given.attempted,
        sent=Amount.exactly(0 if given.attempted else 1 if given.bytes_out is None else given.bytes_out),
        names=_used(given) + _answers(given, policy),
        lookups_recorded_since=_ALWAYS,
        app=app,
        tls_version=given.tls_version,
        ech=given.ech,
        http_path=given.http_path,
        clear=_clear(given, app),
    )


def _app(given: Given) -> str | None:
    if given.sni is not None or given.tls_version is not None or given.ech is not None:
        return "quic" if given.proto == "udp" else "tls"
    return "http" if given.http_host is not None or given.http_path is not None else None


def _clear(given: Given, app: str | None) -> bool | None:
    return given.clear if given.clear is not None or app is None else app == "http"


def _used(given: Given) -> tuple[SeenName, ...]:
    """SNI and Host as given."""
    outer = bool(given.ech)
    used = ((given.sni, NameClass.SNI, outer), (given.http_host, NameClass.HTTP_HOST, False))
    return tuple(SeenName(name=str(Name.parse(text)), evidence=kind, outer=out) for text, kind, out in used if text)


def _answers(given: Given, policy: Policy) -> tuple[SeenName, ...]:
    """The given answers, live, to this client, from the first listed resolver."""
    resolver = _resolver(policy)
    return tuple(
        SeenName(name=str(Name.parse(text)), evidence=NameClass.ANSWER_SAME_CLIENT, client=given.src, resolver=resolver)
        for text in given.answers
    )


def _resolver(policy: Policy) -> str | None:
    """The first address of the first listed resolver (by id); None when none is listed."""
    resolvers = sorted((one for one in policy.servers if one.role is Role.RESOLVER), key=lambda one: one.id)
    networks = (str(cidr) for server in resolvers for cidr in server.match.cidrs)
    return next((network.partition("/")[0] for network in networks), None)
