"""What could not be seen of what was sent: encrypted lookups, hidden names, tunnels that cannot be read.

Encrypted lookups are told by port 853, by ALPN `dot` or `doq`, by the path of DNS over HTTPS where it was read (RFC
8484), and by any service other than port 53 at a server whose role is `resolver`; no list of resolvers is shipped.

Promises: verdicts stay; a finding is `info` where everything it tells of conforms, else `low`, and leaves nothing
undecided. Looks at a recording only where its coverage counts such flows, or the policy lets a resolver be asked so.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from flowwatch.judge.findings import findings_of
from flowwatch.judge.night.heard import Night
from flowwatch.judge.rulebook import Rulebook
from flowwatch.model import (
    Check,
    Coverage,
    Decision,
    Finding,
    Group,
    OpenedBy,
    Reason,
    Rule,
    Severity,
    Sureness,
    Truth,
    Verdict,
    one_by_one,
)
from flowwatch.policy.terms import Role

_DNS = 53
_WEB = 443
CONFIDENCE: Final = {
    Reason.ENCRYPTED_DNS: (Sureness.MEDIUM, "port, protocol or path say so; what was asked was not read"),
    Reason.ECH: (Sureness.LOW, "the extension was there; whether it hid a name or was for show cannot be told"),
    Reason.OPAQUE_TUNNEL: (Sureness.HIGH, "its form is that of such a tunnel"),
}


def hidden(night: Night, coverage: Iterable[Coverage]) -> Iterator[Finding]:
    """One finding a zone, destination and service for each kind of thing that was not seen."""
    coverage = list(coverage)
    counted = {one.source for one in coverage if one.encrypted_dns_flows or one.ech_flows or one.opaque_tunnels}
    anywhere = any(map(_asks_in_private, night.books.values()))
    anew = []
    hiding = night.where(lambda one: _is_told(one) and any(_unseen(one, night))) if counted or anywhere else []
    for one in hiding:
        if anywhere or one.transmission.ref.source in counted:
            anew += [_told(one, reason) for reason in _unseen(one, night)]
    for finding in findings_of(one_by_one(anew), (), coverage):
        sureness, why = CONFIDENCE[finding.kind]
        check = Check("content", Truth.UNSEEN, "readable", finding.kind.sentence, finding.kind)
        yield msgspec.structs.replace(finding, confidence=sureness, confidence_why=why, checks=(check,))


def _asks_in_private(book: Rulebook) -> bool:
    """A channel leads to a resolver by a service that may be DNS over HTTPS."""
    return any(
        any(server in book.servers and book.servers[server].role is Role.RESOLVER for server in channel.to)
        and (not channel.service.ports or any(one.first <= _WEB <= one.last for one in channel.service.ports))
        for channel in book.channels
    )


def _is_told(one: Decision) -> bool:
    sent = one.transmission
    opened = sent.opened_by is OpenedBy.SENDER and sent.responder_is_receiver and not sent.attempted
    return opened and one.verdict is not Verdict.OUT_OF_SCOPE and one.rule is not None


def _unseen(one: Decision, night: Night) -> Iterator[Reason]:
    sent = one.transmission
    if sent.encrypted_dns or (sent.service_port != _DNS and sent.proto in ("tcp", "udp") and _at_resolver(one, night)):
        yield Reason.ENCRYPTED_DNS
    if sent.ech:
        yield Reason.ECH
    if sent.opaque:
        yield Reason.OPAQUE_TUNNEL


def _at_resolver(one: Decision, night: Night) -> bool:
    """It conforms and its receiver is a listed resolver."""
    book = night.books.get(one.rule.policy_version) if one.rule is not None else None
    server = book.servers.get(one.server or "") if book is not None else None
    return one.verdict.group is Group.CONFORMS and server is not None and server.role is Role.RESOLVER


def _told(one: Decision, reason: Reason) -> Decision:
    assert one.rule is not None  # noqa: S101  # asked before
    return msgspec.structs.replace(
        one,
        verdict=Verdict.INDETERMINATE,
        reasons=(reason,),
        severity=Severity.INFO if one.verdict.group is Group.CONFORMS else Severity.LOW,
        rule=Rule("defaults", "visibility", one.rule.policy_id, one.rule.policy_version),
        notes=(),
    )
