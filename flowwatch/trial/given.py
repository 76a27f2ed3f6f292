"""An observation written down in a policy, as what the judge reads.

Promises: what is not written is as small as can be: one byte sent, no name used, every lookup of the sender recorded
from the beginning of time with no answers but those given. Content is FTP data where it was announced, TLS where SNI,
ECH or a TLS version is given, HTTP (in clear, but for a CONNECT) where a host, path or what is asked of a proxy is,
else not recognised; what it contains was read in clear, whatever it is.
"""

import re
from typing import Any

import msgspec

from flowwatch.model import (
    Amount,
    Control,
    Encapsulation,
    Instant,
    Lookup,
    LookupsRecorded,
    Name,
    NameClass,
    OpenedBy,
    Ref,
    SeenName,
    Transmission,
)
from flowwatch.policy.inline import Given
from flowwatch.policy.terms import Policy, Role

_ALWAYS: Instant = -(2**62)
_WITH_PORT = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[^:]+):[0-9]{1,5}")


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
        sent,
        opened_by=OpenedBy.RECEIVER,
        names=_answers(given, policy),
        controls=_controls(given),
        sender_port=given.port,
        receiver_port=None,
    )
    opening = msgspec.structs.replace(
        sent,
        sender_ip=given.dst,
        receiver_ip=given.src,
        names=_used(given),
        attempted=False,
        sent=Amount.exactly(1),
        clear=None,
        markers=None,
        tunnel=tuple(Encapsulation(one.kind, one.receiver, one.sender) for one in sent.tunnel),
    )
    return Supposed(answer, opening)


def lookup(given: Given) -> Lookup:
    """The lookup a `given` table with `lookup` describes; `answers` are not for lookups."""
    return Lookup(
        ref=_place(given),
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
        ref=_place(given),
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
        lookups_recorded=(LookupsRecorded(given.source, _ALWAYS),),
        app=app,
        controls=_controls(given, OpenedBy.SENDER),
        tls_version=given.tls_version,
        ech=given.ech,
        **_requested(given),
        clear=_clear(given, app),
        markers=_markers(given, policy),
        tunnel=tuple(Encapsulation(layer.kind, layer.src, layer.dst) for layer in given.tunnel),
    )


def _requested(given: Given) -> dict[str, Any]:
    """What was asked over HTTP: method, path and hosts."""
    connect = _connect(given)
    method = None if not given.asked else "GET" if connect is None else "CONNECT"
    path = connect if given.http_path is None else given.http_path
    return {"http_method": method, "http_path": path, "http_hosts": given.asked or None}


def _connect(given: Given) -> str | None:
    """What a CONNECT asks for, which alone is written with its port (RFC 9110 9.3.6); nothing else of a method matters.

    None where there is none.
    """
    return next((one for one in given.asked if _WITH_PORT.fullmatch(one)), None)


def _place(given: Given) -> Ref:
    return Ref(given.source, 1, 1)


def _controls(given: Given, opened_by: OpenedBy | None = None) -> tuple[Control, ...]:
    """What announced it; None: opened by whom the observation was."""
    if given.announced_on is None:
        return ()
    return (Control(given.announced_on, opened_by or OpenedBy(given.opened_by), read=True),)


def _app(given: Given) -> str | None:
    if given.announced_on is not None:
        return "ftp-data"
    if given.asked:
        return "http"
    if given.sni is not None or given.tls_version is not None or given.ech is not None:
        return "quic" if given.proto == "udp" else "tls"
    return "http" if given.http_host is not None or given.http_path is not None else None


def _clear(given: Given, app: str | None) -> bool | None:
    if given.contains or given.clear is not None or app is None:
        return True if given.contains else given.clear
    if app == "ftp-data":
        return given.tls_version is None
    return app == "http" and _connect(given) is None


def _markers(given: Given, policy: Policy) -> tuple[str, ...] | None:
    """Ids of the markers that the given texts hold, as a source would find them; None: there was nothing to read."""
    if not given.contains:
        return None
    texts = [text.encode() for text in given.contains]
    looked_for = {marker for one in policy.classifiers for term in one.any_ for marker in term.markers}
    return tuple(sorted(marker.id for marker in looked_for if any(marker.pattern in text for text in texts)))


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
