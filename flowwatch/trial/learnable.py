"""Whether and by what name one observation can be learned of: the questions `lesson` asks of decisions.

Promises: pure. Refuses to learn what was only attempted, what is prohibited, what was asked of a proxy, and what a
listed server's own conditions refuse: that is for a person. Observed text stands for a name only where it is a plain
host name.
"""

from collections.abc import Callable

import msgspec

from flowwatch.judge import Rulebook, observe, ties
from flowwatch.model import Decision, Group, LookupDecision, Name, NameClass, Reason, Transmission, Verdict
from flowwatch.policy.forms import Proto
from flowwatch.policy.match import NamePattern

WITH_PORTS = frozenset({"tcp", "udp", "sctp"})
_UNLISTED = frozenset({Reason.DESTINATION_UNLISTED, Reason.ZONE_UNLISTED, Reason.QUIC_MIGRATION})
_ANOTHER_WAY = frozenset({Reason.NONE_FROM_ZONE, Reason.OPENED_BY, Reason.PROTO, Reason.PORT})


def refusal(decision: Decision, own: Callable[[str], bool]) -> str | None:
    """Why a transmission that does not conform is not learned of, in words; None where it is.

    `own` says whether an entry was learned, rather than written by a person.
    """
    if decision.verdict.group in (Group.CONFORMS, Group.OUT_OF_SCOPE):
        return "it conforms or is out of scope"
    sent = decision.transmission
    for words, holds in (
        ("attempts that carried nothing", sent.attempted),
        ("prohibited by the policy begun with", decision.verdict is Verdict.PROHIBITED),
        ("asked of a proxy", decision.via is not None),
        ("of a protocol or at a port that the source does not tell", decision.far_end is None and not _served(sent)),
        ("refused or left undecided by an entry of the policy begun with", not _open(decision, own)),
    ):
        if holds:
            return words
    return None


def _served(sent: Transmission) -> bool:
    """Its service can be written down without allowing more than was seen."""
    try:
        msgspec.convert(sent.proto, Proto)
    except msgspec.ValidationError:
        return False
    return sent.service_port is not None or sent.proto not in WITH_PORTS


def _open(decision: Decision, own: Callable[[str], bool]) -> bool:
    """No entry that a person wrote speaks against it."""
    rule, reasons = decision.rule, set(decision.reasons)
    if decision.far_end is not None or (rule is not None and own(rule.id)):
        return True
    if rule is None or rule.kind == "defaults":
        return bool(reasons & _UNLISTED)
    return another_way(decision)


def another_way(decision: Decision) -> bool:
    """A listed server is reached in a way that no channel leads: one more channel is to be thought about."""
    return set(decision.reasons) <= _ANOTHER_WAY


def bound_name(sent: Transmission, book: Rulebook) -> NamePattern | None:
    """The one plain name that it used, or was answered for its address, and that is bound to it; None without."""
    seen = observe(sent, book)
    if seen.used:
        used = {one.text for one in seen.used if one.exact and any(ties(name, one.text) for name in seen.bound)}
        return plain(*used) if len(used) == len(seen.used) == 1 else None
    answered = {one.name for one in seen.bound if one.evidence is not NameClass.CERTIFICATE}
    return plain(*answered) if len(answered) == 1 and answered == {one.name for one in seen.live} else None


def plain(text: str) -> NamePattern | None:
    """The text as the name of a host; None where it holds anything that none may hold."""
    name = Name.parse(text)
    if name.malformed:
        return None
    try:
        return NamePattern.parse(str(name))
    except ValueError:
        return None


def resolves(one: LookupDecision) -> bool:
    """A resolver answered a client of a zone (RFC 1035 4.1.1: RA is set where recursion is available)."""
    lookup = one.lookup
    recursive = not lookup.flags or "ra" in lookup.flags
    judged = one.verdict is not Verdict.OUT_OF_SCOPE and one.sender_zone is not None
    return judged and lookup.answers is not None and recursive and lookup.server_ip is not None


def lookup_name(one: LookupDecision) -> NamePattern | None:
    """The plain name of a lookup that no entry allows; None where it is allowed, or counts as data in names."""
    wanted = one.verdict is Verdict.UNAPPROVED and one.reasons[0] is Reason.LOOKUP_UNAPPROVED
    return plain(one.lookup.qname) if wanted and one.lookup.name_exact else None
