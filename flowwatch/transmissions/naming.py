"""The names of a receiver, each with its evidence, strongest first.

Promises: names the flow used (SNI, Host) and names that belong to the address (certificate, live answers) are kept
apart by class; a name stands under its strongest class of answers, with every chain and resolver of that class; every
name that was live for the sender is kept up to `MOST_LIVE`, and it is said when more were. Names that only others
asked for, or whose answer had ended, are circumstance: the newest `MOST_CIRCUMSTANTIAL` of each are kept. Refuses IP
literals, and certificate names of TLS 1.3, which nobody but the client can see.
"""

import itertools
from collections.abc import Iterator

from flowwatch.model import Instant, NameClass, SeenName
from flowwatch.transmissions.addresses import canonical
from flowwatch.transmissions.answers import Answers, Bound
from flowwatch.transmissions.rows import FlowRow

MOST_LIVE = 64
MOST_CIRCUMSTANTIAL = 16
_MOST_LOOKED_AT = 1024


def responder_names(row: FlowRow) -> list[SeenName]:
    """Names the flow itself gives its responder: certificate, SNI, Host, or the log's own."""
    ref = row.named_by or row.ref
    used = [SeenName(name=name, evidence=kind, ref=ref, outer=outer) for name, kind, outer in _used(row)]
    shown = [SeenName(name=name, evidence=NameClass.CERTIFICATE, ref=ref) for name in _certified(row, used)]
    return [*shown[:MOST_LIVE], *used]


def bound_names(
    answers: Answers, address: str, client: str, start: Instant, *, begun_before: bool, by_zone: bool
) -> tuple[list[SeenName], bool]:
    """Names that DNS answers give the address, as (names, whether live ones had to be left out).

    `client` is the sender; `by_zone`: another client's answer may bind too, so cutting those is told as well.
    """
    where, who = canonical(address) or address, canonical(client) or client
    own = _taken(answers.same_client(where, who, start), MOST_LIVE, set())
    others = answers.any_client(where, start)
    live = _taken(others, MOST_LIVE if by_zone else MOST_CIRCUMSTANTIAL, {one.name for one in own[0]})
    known = {one.name for one in itertools.chain(own[0], live[0])}
    ended = _taken(_newest(answers.ended(where, start)), MOST_CIRCUMSTANTIAL, known)
    classes = (NameClass.ANSWER_SAME_CLIENT, own), (NameClass.ANSWER_OTHER_CLIENT, live), (NameClass.ANSWER_STALE, ended)
    names = [_seen(one, kind, before=begun_before) for kind, (found, _) in classes for one in found]
    return names, own[1] or (by_zone and live[1])


def _taken(found: Iterator[Bound], most: int, known: set[str]) -> tuple[list[Bound], bool]:
    """The first `most` whose name is not yet known, and whether there were more."""
    fresh = (one for one in itertools.islice(found, _MOST_LOOKED_AT) if one.name not in known)
    taken = list(itertools.islice(fresh, most + 1))
    return taken[:most], len(taken) > most or next(found, None) is not None


def _newest(found: Iterator[Bound]) -> Iterator[Bound]:
    """The first of each name."""
    names: set[str] = set()
    for one in itertools.islice(found, _MOST_LOOKED_AT):
        if one.name not in names:
            names.add(one.name)
            yield one


def _seen(one: Bound, kind: NameClass, *, before: bool) -> SeenName:
    return SeenName(
        name=one.name,
        evidence=kind,
        ref=one.ref,
        chain=one.chain,
        live_from=one.since,
        live_until=one.until,
        client=one.client or None,
        resolver=one.resolver or None,
        exact=one.exact,
        from_before_capture=before,
    )


def _used(row: FlowRow) -> Iterator[tuple[str, NameClass, bool]]:
    """(name, class, whether it is an ECH outer name), each once."""
    told = row.name if row.name_source is not None else None
    asked = [(row.sni, NameClass.SNI), *((host, NameClass.HTTP_HOST) for host in (row.http_host, *(row.http_hosts or ())))]
    asked.append((told, NameClass.SNI if row.name_source == "sni" else NameClass.HTTP_HOST))
    seen: set[tuple[str, NameClass]] = set()
    for text, kind in asked:
        name = host_name(text or "")
        if name and (name, kind) not in seen:
            seen.add((name, kind))
            yield name, kind, kind is NameClass.SNI and bool(row.ech)


def host_name(authority: str) -> str | None:
    """The host name of `host`, `host:port` or `[address]:port`, lower-case without a last dot; None for an address."""
    host = authority.strip().lower()
    if host.startswith("["):
        return None
    if canonical(host) is not None:
        return None
    before, colon, port = host.rpartition(":")
    if colon and (port.isdigit() or not port):
        host = before
    host = host.removesuffix(".")
    return None if not host or canonical(host) is not None else host


def _certified(row: FlowRow, used: list[SeenName]) -> list[str]:
    """Names the certificate shows, those the flow used first; a wildcard (RFC 9525) only where a used name is under it."""
    if row.tls_version is None or row.tls_version not in _CERTIFICATE_IN_CLEAR:
        return []
    shown = [name.lower().removesuffix(".") for name in row.cert_names or ()]
    asked = [one.name for one in used if not one.outer and any(_covers(pattern, one.name) for pattern in shown)]
    plain = [name for name in shown if "*" not in name and canonical(name) is None]
    return list(dict.fromkeys([*asked, *plain]))


def _covers(pattern: str, name: str) -> bool:
    if pattern.startswith("*."):
        return name.partition(".")[2] == pattern[2:]
    return pattern == name


_CERTIFICATE_IN_CLEAR = frozenset({"1.2", "1.1", "1.0", "SSLv3", "SSLv2"})
