"""What a flow to a proxy asks of it, and that flow taken apart: for itself, and once per host asked.

A name asked of a proxy is no name of the proxy's address. Hosts are told by requests in clear (Host lines, absolute
targets, CONNECT; RFC 9110 9.3.6 and RFC 9112 3.2), by a log that gives the name connected to, and by the SNI inside a
tunnel. What is asked of the proxy's own name or of the very address is meant for it, as is the SNI of TLS towards it;
a name that a server of another role is listed by is asked of it.

Promises: what may have been asked and was not read is said (`unread`), never passed over; a port belongs to the host it
was written with, and one that was not told is unseen. What runs inside a tunnel says nothing of the way to the proxy.
Refuses: telling where a name led from the proxy on (nobody before it can see that), and counting an upload once that
the proxy's own records show as well.
"""

from collections.abc import Iterable, Sized

import msgspec

from flowwatch.judge.conditions import opener_guessed
from flowwatch.judge.considered import Considered
from flowwatch.judge.hosts import host_of
from flowwatch.judge.labels import Labels, labels_of
from flowwatch.judge.observation import Asked, Observation, Used
from flowwatch.judge.rulebook import Rulebook, listed
from flowwatch.judge.truth import TRUE, UNSEEN
from flowwatch.judge.verdict import Conclusion
from flowwatch.model import Check, NameClass, Reason, SeenName, Transmission, Verdict
from flowwatch.policy.match import address_key
from flowwatch.policy.terms import Role

MOST_HOSTS = 64
"""Hosts that a source tells of one flow; from so many on, others may have been asked for."""


_ASKED_OVER = frozenset({"tcp", "udp"})
"""What else reaches a proxy (ICMP, say) asks nothing of it."""


class Requests(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What was asked on one flow to a proxy."""

    via: tuple[str, ...]
    """Ids of the proxies at the receiver's address, in order."""
    asked: tuple[Asked, ...]
    """In order of host and port."""
    own: tuple[Used, ...]
    """Names of the proxy itself that the flow used."""
    inside: tuple[Used, ...]
    """The SNI of TLS inside the tunnel that was asked for."""
    read: bool
    """A request was read."""
    connect: bool
    """It asked for a tunnel (RFC 9110 9.3.6)."""
    onward_only: bool
    """Hosts were asked, and nothing was asked of the proxy itself."""
    unread: bool
    """Something was, or may have been, asked that could not be read."""


def requests_of(seen: Observation, book: Rulebook) -> Requests | None:
    """What was asked, where the receiver is a proxy by its address and the sender opened the flow; None elsewhere.

    Where who opened it is only guessed, the sender may have.
    """
    transmission = seen.transmission
    opened = transmission.responder_is_receiver or opener_guessed(transmission)
    silent = transmission.attempted and not transmission.http_hosts  # what a proxy denied was asked all the same
    if silent or not opened or transmission.proto not in _ASKED_OVER:
        return None
    via = tuple(sorted(set(book.proxies.all(transmission.receiver_ip))))
    if not via:
        return None
    connect = transmission.http_method == "CONNECT"
    hosts = _hosts(transmission)
    hello = {host_of(name.name): name.exact for name in transmission.names if name.used and _is_sni(name.evidence)}
    inside = hello if hosts or connect else {}
    ports, usual = _ports(transmission, hosts), None if connect or transmission.http_method is None else HTTP_PORT
    every = hosts | {name: exact for name, exact in inside.items() if name not in hosts}
    apart = {host: exact for host, exact in every.items() if not _of_proxy(host, transmission, via, book)}
    own = {host: exact for host, exact in every.items() if host not in apart} | ({} if inside else hello)
    to_itself = len(apart) < len(every)
    return Requests(
        via=via,
        asked=tuple(
            Asked(host, port, exact, usual if port is None and host in hosts else None)
            for host, exact in sorted(apart.items())
            for port in ports.get(host) or ports.get(_INSIDE) or (None,)
        ),
        own=_used(own),
        inside=_used(inside),
        read=bool(hosts) or connect,
        connect=connect,
        onward_only=bool(apart) and not to_itself,
        unread=_unread(transmission, hosts, connect=connect, to_itself=to_itself),
    )


def meant_for_another(channels: Iterable[Considered], requests: Requests, book: Rulebook) -> bool:
    """No request was read, and a channel allows the flow as one to another listed server at the proxy's address."""
    held = [one.server for one in channels if one.truth is TRUE and one.server is not None]
    return not requests.read and any(book.servers[one].role is not Role.PROXY for one in held)


def for_itself(seen: Observation, requests: Requests) -> Observation:
    """The flow as one to the proxy and no further: the names it used are the proxy's own.

    Where hosts were asked, its names are accounted for: that none is the proxy's says nothing unseen.
    """
    bound = tuple(name for name in seen.bound if not (requests.inside and _is_shown(name)))
    return msgspec.structs.replace(
        seen,
        transmission=_outside(seen.transmission, requests),
        used=requests.own,
        bound=bound,
        complete=seen.complete or bool(requests.asked),
        asks=requests.onward_only,
    )


def _outside(transmission: Transmission, requests: Requests) -> Transmission:
    """Without the TLS that runs inside the tunnel; where requests were read, that is all there was."""
    if not requests.read or transmission.app not in _READ_IN_CLEAR:
        return transmission
    return msgspec.structs.replace(
        transmission, tls_version=None, cert_spki_sha256=None, cert_issuer=None, cert_names=None
    )


_READ_IN_CLEAR = frozenset({"http", "socks"})
"""What a source calls a flow whose requests to a proxy it read."""


def requests_unread(requests: Requests, book: Rulebook) -> Conclusion:
    """What is said where not all that was asked could be read."""
    observed = f"{listed(one.host for one in requests.asked)}; more may have been asked for"
    check = Check("asked", UNSEEN, "hosts the channels lead to", observed, Reason.PROXY_UNREAD)
    return Conclusion(
        verdict=Verdict.INDETERMINATE,
        reasons=(Reason.PROXY_UNREAD,),
        rule=book.rule("server", requests.via[0]),
        checks=(check,),
        server=requests.via[0],
    )


def onward(seen: Observation, requests: Requests, book: Rulebook, given: tuple[str, ...] | None) -> list[Observation]:
    """The flow as it goes on to each host asked.

    It is labelled by what can be told of it on either part of its way, which at one port is the same for all hosts.
    """
    labels: dict[int | None, Labels] = {}
    for asked in requests.asked:
        if asked.port not in labels:
            further = _onward(seen.transmission, asked, requests)
            labels[asked.port] = seen.labels | labels_of(further, book.policy, seen.zones, given)
    return [_to(asked, labels[asked.port], seen, requests, book) for asked in requests.asked]


def _to(asked: Asked, labels: Labels, seen: Observation, requests: Requests, book: Rulebook) -> Observation:
    """The flow as it goes on to one host; of an address asked for, the SNI inside the tunnel is the name used."""
    zone = seen.vantage.zone(asked.host) if asked.literal else None
    return msgspec.structs.replace(
        seen,
        transmission=_onward(seen.transmission, asked, requests),
        labels=labels,
        receiver_zone=zone,
        receiver_zones=book.chain(zone),
        used=requests.inside if asked.literal else (Used(asked.host, asked.exact),),
        bound=tuple(name for name in seen.bound if requests.inside and _is_shown(name)),
        live=(),
        complete=True,
        asked=asked,
        via=requests.via,
    )


def _onward(transmission: Transmission, asked: Asked, requests: Requests) -> Transmission:
    """Inside a tunnel only TLS is told by what was read; the tunnel's own HTTP is not what runs in it."""
    tls = transmission.tls_version is not None or bool(requests.inside)
    tunnelled = requests.connect or transmission.http_method is None
    return msgspec.structs.replace(
        transmission,
        proto="tcp",
        sender_port=None,
        receiver_ip=asked.host,
        receiver_port=asked.port,
        service_port=asked.port,
        app="tls" if tls else None if tunnelled else transmission.app,
    )


def _hosts(transmission: Transmission) -> dict[str, bool]:
    """Every host asked in the requests read, and whether its source writes it exactly."""
    told = {host_of(text): True for text in transmission.http_hosts or ()}
    named = [name for name in transmission.names if name.used and not _is_sni(name.evidence)]
    found = told | {host_of(name.name): name.exact for name in named}
    return {host: exact for host, exact in found.items() if host}


def _is_sni(evidence: NameClass) -> bool:
    return evidence is NameClass.SNI


def _is_shown(name: SeenName) -> bool:
    """A certificate showed it: within a tunnel that of the host asked, else the proxy's."""
    return name.evidence is NameClass.CERTIFICATE


def _ports(transmission: Transmission, hosts: Sized) -> dict[str, list[int]]:
    """By host the ports it was asked at, in order; under `_INSIDE` that of a CONNECT, where no other host was asked."""
    written = [(host_of(text), text) for text in transmission.http_hosts or ()]
    if transmission.http_method == "CONNECT" and transmission.http_path is not None:
        within = (host_of(transmission.http_path), *([_INSIDE] if len(hosts) == 1 else []))
        written += [(host, transmission.http_path) for host in within]
    found: dict[str, set[int]] = {}
    for host, text in written:
        if (port := port_of(text)) is not None:
            found.setdefault(host, set()).add(port)
    return {host: sorted(ports) for host, ports in found.items()}


_INSIDE = ""
"""Stands for whatever runs inside a tunnel; no host is called so."""
HTTP_PORT = 80
"""The port of a request for an `http` target that has none written (RFC 9110 4.2.1)."""


def port_of(authority: str) -> int | None:
    """The port written in `host:port` or `[address]:port` (RFC 3986 3.2.3); None where there is none."""
    host, colon, port = authority.rpartition(":")
    whole = not colon or address_key(authority) is not None or (":" in host and not host.endswith("]"))
    if whole or not (port.isascii() and port.isdigit() and len(port) <= 5):
        return None
    return int(port) if 0 < int(port) < 1 << 16 else None


def _of_proxy(host: str, transmission: Transmission, via: tuple[str, ...], book: Rulebook) -> bool:
    """The host is the proxy itself: its very address, or one of its names that only proxies are listed by."""
    key = address_key(host)
    if key is not None:
        return key == address_key(transmission.receiver_ip)
    others = (one for one, server in book.servers.items() if server.role is not Role.PROXY)
    return any(book.matchers[one].name(host) for one in via) and not any(
        book.matchers[one].name(host) for one in others
    )


def _unread(transmission: Transmission, hosts: dict[str, bool], *, connect: bool, to_itself: bool) -> bool:
    """No host was read; more may follow those that were; or a tunnel led to the proxy itself, and on from there."""
    broken_off = transmission.app == "http" and transmission.clear is False and not connect
    return not hosts or len(hosts) >= MOST_HOSTS or broken_off or (connect and to_itself)


def _used(names: dict[str, bool]) -> tuple[Used, ...]:
    return tuple(Used(text, exact) for text, exact in sorted(names.items()) if address_key(text) is None)
