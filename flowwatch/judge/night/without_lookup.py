"""Addresses that a sender went to without having asked for them.

Said only where it says something: of what its sender opened to an address that is on no list, where all the lookups of
the sender were recorded for `ttl_cap` before, and no answer to anybody gave that address, live or not. Refuses to speak
of what is reached by address as a rule (resolvers, clocks), of other zones, of proxies and of what ran in tunnels.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from flowwatch.judge.findings import findings_of
from flowwatch.judge.night.heard import Night
from flowwatch.judge.observation import lookups_complete
from flowwatch.model import (
    Check,
    Coverage,
    Decision,
    Finding,
    NameClass,
    OpenedBy,
    Reason,
    Rule,
    Severity,
    Sureness,
    Truth,
    Verdict,
    one_by_one,
)

BY_ADDRESS: Final = frozenset({53, 123, 853})
"""Ports of DNS, NTP and DNS over TLS: programs learn these addresses from DHCP or their settings."""
_CONNECTS = frozenset({"tcp", "udp", "sctp"})
_ANSWERED = frozenset({NameClass.ANSWER_SAME_CLIENT, NameClass.ANSWER_OTHER_CLIENT, NameClass.ANSWER_STALE})
_WHY = "nobody asked for it here; programs learn addresses in other ways, too"


def without_lookup(night: Night, coverage: Iterable[Coverage]) -> Iterator[Finding]:
    """One finding a zone, address and service that was reached so; low, whatever was sent."""
    anew = [_told(one) for one in night.unlisted if _is_told(one) and _unanswered(night, one)]
    for finding in findings_of(one_by_one(anew), (), coverage):
        check = Check("answer", Truth.FALSE, "an answer that gives the address", "none", Reason.NOT_ASKED_FOR)
        yield msgspec.structs.replace(finding, confidence=Sureness.LOW, confidence_why=_WHY, checks=(check,))


def _is_told(one: Decision) -> bool:
    """It is on no list and known by its address alone."""
    sent = one.transmission
    apart = one.server is None and one.via is None and one.receiver_zone is None and one.far_end is None
    opened = sent.opened_by is OpenedBy.SENDER and sent.responder_is_receiver and sent.proto in _CONNECTS
    return one.verdict is Verdict.UNAPPROVED and apart and opened and sent.service_port not in BY_ADDRESS


def _unanswered(night: Night, one: Decision) -> bool:
    """No answer gave the address, though all of them were recorded."""
    book = night.books.get(one.rule.policy_version) if one.rule is not None else None
    if book is None or any(name.evidence in _ANSWERED for name in one.transmission.names):
        return False
    return lookups_complete(one.transmission, book.chain(one.sender_zone), book)


def _told(one: Decision) -> Decision:
    assert one.rule is not None  # noqa: S101  # asked before
    return msgspec.structs.replace(
        one,
        reasons=(Reason.NOT_ASKED_FOR,),
        severity=Severity.INFO if one.transmission.attempted else Severity.LOW,
        rule=Rule("defaults", "lookups", one.rule.policy_id, one.rule.policy_version),
        notes=(),
    )
