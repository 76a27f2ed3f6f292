"""What a flow to a proxy asks of it, and that flow taken apart: for itself, and once per host asked.

A name asked of a proxy is no name of the proxy's address. Hosts are told by requests in clear (Host lines, absolute
targets, CONNECT; RFC 9110 9.3.6 and RFC 9112 3.2), by a log that gives the name connected to, and by the SNI inside a
tunnel. What is asked of the proxy's own name or address is meant for it, as is the SNI of TLS towards it.

Promises: what may have been asked and was not read is said (`unread`), never passed over. Refuses: telling where a
name led from the proxy on (nobody before it can see that), and counting an upload once that the proxy's own records
show as well.
"""

from collections.abc import Iterable

import msgspec

from flowwatch.judge.considered import Considered
from flowwatch.judge.hosts import host_of
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
    """In order of host."""
    own: tuple[Used, ...]
    """Names of the proxy itself that the flow used."""
    inside: tuple[Used, ...]
    """The SNI of TLS inside the tunnel that was asked for."""
    read: bool
    """A request was read."""
    connect: bool
    """It asked for a tunnel (RFC 9110 9.3.6)."""
    unread: bool
    """Something was, or may have been, asked that could not be read."""


def requests_of(seen: Observation, book: Rulebook) -> Requests | None:
    """What was asked, where the receiver is a proxy by its address and the sender opened the flow; None elsewhere."""
    transmission = seen.transmission
    if transmission.attempted or not transmission.responder_is_receiver or transmission.proto not in _ASKED_OVER:
        return None
    via = tuple(sorted(set(book.proxies.all(transmission.receiver_ip))))
    if not via:
        return None
    connect = transmission.http_method == "CONNECT"
    hosts = _hosts(transmission)
    hello = {host_of(name.name): name.exact for name in transmission.names if name.used and _is_sni(name.evidence)}
    inside = hello if hosts or connect else {}
    ports = _ports(transmission, connect=connect)
    every = hosts | {name: exact for name, exact in inside.items() if name not in hosts}
    apart = {host for host in every if not _of_proxy(host, via, book)}
    own = {host: exact for host, exact in every.items() if host not in apart} | ({} if inside else hello)
    return Requests(
        via=via,
        asked=tuple(Asked(host, ports.get(host, ports.get("")), every[host]) for host in sorted(apart)),
        own=_used(own),
        inside=_used(inside),
        read=bool(hosts) or connect,
        connect=connect,
        unread=_unread(transmission, hosts, connect=connect, to_itself=not apart.issuperset(every)),
    )


def meant_for_another(channels: Iterable[Considered], requests: Requests, book: Rulebook) -> bool:
    """No request was read, and a channel allows the flow as one to another listed server at the proxy's address."""
    held = [one.server for one in channels if one.truth is TRUE and one.server is not None]
    return not requests.read and any(book.servers[one].role is not Role.PROXY for one in held)


def for_itself(seen: Observation, requests: Requests) -> Observation:
    """The flow as one to the proxy and no further: the names it used are the proxy's own.

    Where hosts were asked, its names are accounted for: that none is the proxy's says nothing unseen.
    """
    asks = bool(requests.asked)
    bound = tuple(name for name in seen.bound if not (requests.inside and _is_shown(name)))
    return msgspec.structs.replace(seen, used=requests.own, bound=bound, complete=seen.complete or asks, asks=asks)


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


def onward(seen: Observation, asked: Asked, requests: Requests, book: Rulebook) -> Observation:
    """The flow as it goes on to one host asked; of an address asked for, the SNI inside the tunnel is the name used."""
    zone = seen.vantage.zone(asked.host) if asked.literal else None
    return msgspec.structs.replace(
        seen,
        transmission=_onward(seen.transmission, asked, requests),
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


def _ports(transmission: Transmission, *, connect: bool) -> dict[str, int]:
    """By host the port written with it; under "" that of the CONNECT, which is the port of all that runs inside."""
    written = {host_of(text): port_of(text) for text in transmission.http_hosts or ()}
    if connect and transmission.http_path is not None:
        written[""] = port_of(transmission.http_path)
    return {host: port for host, port in written.items() if port is not None}


def port_of(authority: str) -> int | None:
    """The port written in `host:port` or `[address]:port` (RFC 3986 3.2.3); None where there is none."""
    host, colon, port = authority.rpartition(":")
    whole = not colon or address_key(authority) is not None or (":" in host and not host.endswith("]"))
    if whole or not (port.isascii() and port.isdigit() and len(port) <= 5):
        return None
    return int(port) if 0 < int(port) < 1 << 16 else None


def _of_proxy(host: str, via: tuple[str, ...], book: Rulebook) -> bool:
    """The host is the proxy itself, by one of its names or addresses."""
    return any(book.matchers[one].name(host) or book.matchers[one].address(host) for one in via)


def _unread(transmission: Transmission, hosts: dict[str, bool], *, connect: bool, to_itself: bool) -> bool:
    """No host was read; more may follow those that were; or a tunnel led to the proxy itself, and on from there."""
    broken_off = transmission.app == "http" and transmission.clear is False and not connect
    return not hosts or len(hosts) >= MOST_HOSTS or broken_off or (connect and to_itself)


def _used(names: dict[str, bool]) -> tuple[Used, ...]:
    return tuple(Used(text, exact) for text, exact in sorted(names.items()) if address_key(text) is None)
