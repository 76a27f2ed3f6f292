"""The names of a receiver, each with its evidence, strongest first.

Promises: names the flow used (SNI, Host) and names that belong to the address (certificate, live answers) are kept
apart by class; a name stands under its strongest class of answers, with every chain and resolver of that class; every
name that was live for the sender is kept up to `MOST_LIVE`, and it is said when more were. Names that only others
asked for, or whose answer had ended, are circumstance: the newest `MOST_CIRCUMSTANTIAL` of each are kept. Refuses IP
literals, and certificate names of TLS 1.3, which nobody but the client can see.
"""

import functools
import itertools
from collections.abc import Iterable, Iterator

from flowwatch.model import Instant, NameClass, SeenName
from flowwatch.transmissions.addresses import canonical, one_text
from flowwatch.transmissions.answers import Answers, Bound
from flowwatch.transmissions.rows import FlowRow

MOST_LIVE = 64
MOST_CIRCUMSTANTIAL = 16
_MOST_LOOKED_AT = 1024
_MOST_KEPT = 1 << 16


def responder_names(row: FlowRow) -> list[SeenName]:
    """Names the flow itself gives its responder: certificate, SNI, Host, or the log's own."""
    ref = row.named_by or row.ref
    used = [SeenName(name=name, evidence=kind, ref=ref, outer=outer) for name, kind, outer in _used(row)]
    shown = [SeenName(name=name, evidence=NameClass.CERTIFICATE, ref=ref) for name in _certified(row, used)]
    return [*shown[:MOST_LIVE], *used]


class BoundNames:
    """Names that DNS answers give to addresses.

    `by_zone`: another client's answer may bind too, so it is told when those are cut as well.
    """

    def __init__(self, answers: Answers, *, by_zone: bool) -> None:
        self._answers = answers
        self._by_zone = by_zone
        self._made: dict[tuple[int, NameClass, bool], SeenName] = {}
        """Flows share names: an answer (which lives as long as `answers`) is told once."""

    def at(self, address: str, client: str, start: Instant, *, before: bool) -> tuple[list[SeenName], bool]:
        """(names of the address for that client at that time, whether live ones had to be left out).

        `before`: the flow had begun before the recording.
        """
        where, who = one_text(address), one_text(client)
        if not self._answers.names(where):
            return [], False
        own, live, cut = self._live(where, who, start)
        known = {one.name for one in itertools.chain(own, live)}
        ended, _ = _taken(_newest(self._answers.ended(where, start)), MOST_CIRCUMSTANTIAL, known)
        names = [self._seen(one, NameClass.ANSWER_STALE, before) for one in ended]
        return [*self._classed(own, live, before=before), *names], cut

    def binding(self, address: str, client: str, start: Instant, *, before: bool) -> tuple[list[SeenName], bool]:
        """Those of `at` that can bind: what the client got and, where others' count, what they got."""
        own, live, cut = self._live(one_text(address), one_text(client), start, others=self._by_zone)
        return self._classed(own, live, before=before), cut

    def _live(
        self, where: str, who: str, start: Instant, *, others: bool = True
    ) -> tuple[list[Bound], list[Bound], bool]:
        """(live answers to the client, to others, whether some that may bind had to be left out)."""
        own, own_cut = _taken(self._answers.same_client(where, who, start), MOST_LIVE, set())
        if not others:
            return own, [], own_cut
        every = (one for one in self._answers.any_client(where, start) if one.client != who)
        most = MOST_LIVE if self._by_zone else MOST_CIRCUMSTANTIAL
        live, live_cut = _taken(every, most, {one.name for one in own})
        return own, live, own_cut or (self._by_zone and live_cut)

    def _classed(self, own: Iterable[Bound], live: Iterable[Bound], *, before: bool) -> list[SeenName]:
        classes = ((own, NameClass.ANSWER_SAME_CLIENT), (live, NameClass.ANSWER_OTHER_CLIENT))
        return [self._seen(one, kind, before) for found, kind in classes for one in found]

    def _seen(self, one: Bound, kind: NameClass, before: bool) -> SeenName:  # noqa: FBT001 - part of the key
        key = (id(one), kind, before)
        if key not in self._made:
            self._made[key] = _seen(one, kind, before=before)
        return self._made[key]


def _taken(found: Iterator[Bound], most: int, known: set[str]) -> tuple[list[Bound], bool]:
    """The first `most` whose name is not yet known, and whether there were more."""
    taken: list[Bound] = []
    for one in itertools.islice(found, _MOST_LOOKED_AT):
        if one.name not in known:
            if len(taken) == most:
                return taken, True
            taken.append(one)
    return taken, next(found, None) is not None


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
    hosts = [(host, NameClass.HTTP_HOST) for host in (row.http_host, *(row.http_hosts or ()))]
    told = (row.name, NameClass.SNI if row.name_source == "sni" else NameClass.HTTP_HOST)
    asked = [(row.sni, NameClass.SNI), *hosts, told]
    seen: set[tuple[str, NameClass]] = set()
    for text, kind in asked:
        name = _told(text or "", kind)
        if name and (name, kind) not in seen:
            seen.add((name, kind))
            yield name, kind, kind is NameClass.SNI and bool(row.ech)


@functools.lru_cache(_MOST_KEPT)
def _told(text: str, kind: NameClass) -> str | None:
    """The name a table's text tells, whose last dot its source has stripped; None for an address.

    A dot that is left, and a colon in an SNI (which has no port, RFC 6066 3), are escaped: the name is malformed.
    """
    if text.endswith(".") and text != ".":
        text = text[:-1] + "\\x2e"
    if kind is NameClass.SNI and host_name(text) is not None:
        text = text.replace(":", "\\x3a")
    return host_name(text)


def host_name(authority: str) -> str | None:
    """The host name of `host`, `host:port` or `[address]:port`, lower-case without a last dot; None for an address."""
    host = authority.lower()
    if host.startswith("["):
        inner, _, port = host[1:].partition("]")
        return None if canonical(inner) is not None and port[:1] in ("", ":") else host
    if canonical(host) is not None:
        return None
    before, colon, port = host.rpartition(":")
    if colon and (port.isdigit() or not port):
        host = before
    host = host.removesuffix(".")
    return None if not host or canonical(host) is not None else host


def _certified(row: FlowRow, used: list[SeenName]) -> list[str]:
    """Names the certificate shows, those the flow used first; a wildcard (RFC 9525) only as the used name under it."""
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


_CERTIFICATE_IN_CLEAR = frozenset({"1.2", "1.1", "1.0", "3.0", "2.0", "SSLv3", "SSLv2"})
