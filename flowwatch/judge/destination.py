"""Whether the receiver is a listed server, by address and name; the two questions about names are kept apart.

Promises: a server approves only where every name the flow used is listed *and* the address is its own, by `cidrs` or by
a binding of that very name. Unseen never stands for listed; only a name asked of a proxy is compared without an
address, which is noted. Names that hold what no host name may hold, and names written lossily, never approve.
"""

import enum

import msgspec

from flowwatch.judge.observation import Observation, Used, ties
from flowwatch.judge.rulebook import Matcher, Rulebook, listed
from flowwatch.judge.truth import FALSE, TRUE, UNSEEN, compared
from flowwatch.model import Check, Name, NameClass, Reason, SeenName, Truth


class Standing(enum.Enum):
    """How the receiver stands to a listed server."""

    IS = "is"
    """Its address is listed, or a listed name is bound to it."""
    MAY_BE = "may_be"
    """What was not seen would decide."""
    NAMED = "named"
    """It goes by a listed name at an address that is not listed."""
    IS_NOT = "is_not"
    ANY = "any"
    """The entry leads to whomever, so that it is no server's."""


class Recognition(msgspec.Struct, frozen=True, gc=False):
    """The standing with the conditions it rests on and what is told beside them."""

    standing: Standing
    checks: tuple[Check, ...]
    notes: tuple[Reason, ...] = ()


def recognise(matcher: Matcher, seen: Observation, *, dedicated: bool = False, inspect: bool = True) -> Recognition:
    """The receiver against one `match` table; `inspect`: the CNAME chains are looked at (`cname = inspect_all`)."""
    if seen.by_name:
        return _by_asked_name(matcher, seen)
    if matcher.names_only:
        return _by_name(matcher, seen, inspect=inspect)
    address = seen.transmission.receiver_ip
    if not matcher.address(address):
        standing = Standing.NAMED if goes_by_listed_name(matcher, seen) else Standing.IS_NOT
        differs = _UNLISTED[standing]
        return Recognition(standing, (compared("address", FALSE, matcher.cidrs, address, differs),))
    held = Check("address", TRUE, matcher.cidrs, address)
    if not matcher.match.names:
        unnamed = () if seen.used or seen.bound else (Reason.NAME_UNOBSERVED,)
        return Recognition(Standing.IS, (held,), unnamed)
    check, notes = _name_at_listed_address(matcher, seen, dedicated=dedicated)
    if inspect and not _led_within(matcher, seen):
        notes += (Reason.ALIAS_UNLISTED,)
    return Recognition(Standing.IS, (held, check), notes)


def near(seen: Observation, book: Rulebook) -> set[str]:
    """Ids of the servers that the receiver is or may be, or whose name it goes by: of no other can it be any of that.

    Others may be among them. A server known by name alone may be any receiver of which no name was seen.
    """
    names = {one.text for one in seen.used} | {one.name for one in (*seen.bound, *seen.live)}
    found = set(book.listed_addresses(seen.transmission.receiver_ip))
    found.update(*(book.listed_names(name) for name in names))
    return found if seen.used or seen.complete else found | book.names_only


_UNLISTED = {
    Standing.NAMED: Reason.NAME_LISTED_ADDRESS_UNLISTED,
    Standing.IS_NOT: Reason.DESTINATION_UNLISTED,
}


def goes_by_listed_name(matcher: Matcher, seen: Observation) -> bool:
    """The flow used a listed name, or used none and a listed one was bound to the address."""
    if not seen.used:
        return any(matcher.name(name.name) for name in seen.bound if name.evidence is not NameClass.CERTIFICATE)
    return any(matcher.name(used.text) for used in seen.used)


def _name_at_listed_address(
    matcher: Matcher, seen: Observation, *, dedicated: bool
) -> tuple[Check, tuple[Reason, ...]]:
    """The name condition where the address is listed, and notes."""
    if seen.used:
        return _used_names(matcher, seen)
    answers = [name for name in seen.bound if name.evidence is not NameClass.CERTIFICATE]
    if dedicated:
        return Check("name", TRUE, matcher.names, "no name seen"), (Reason.NAME_UNOBSERVED,)
    check = _answered_names(matcher, seen, answers, none=UNSEEN, absent=Reason.NAME_UNOBSERVED)
    return check, ()


def _by_name(matcher: Matcher, seen: Observation, *, inspect: bool) -> Recognition:
    """The receiver against a table of names alone."""
    return _by_used_name(matcher, seen, inspect=inspect) if seen.used else _by_answers(matcher, seen, inspect=inspect)


def _by_asked_name(matcher: Matcher, seen: Observation) -> Recognition:
    """A name asked of a proxy: it alone is compared, since the address it led to was not seen."""
    if not goes_by_listed_name(matcher, seen):
        return _goes_by_another(matcher, seen)
    check, notes = _used_names(matcher, seen)
    return Recognition(Standing.IS, (check,), (*notes, Reason.PROXY_ADDRESS))


def _goes_by_another(matcher: Matcher, seen: Observation) -> Recognition:
    """None of the names the flow used is listed."""
    names = [used.text for used in seen.used]
    check = Check("name", FALSE, matcher.names, ", ".join(names) or "none", Reason.DESTINATION_UNLISTED)
    return Recognition(Standing.IS_NOT, (check,))


def _by_used_name(matcher: Matcher, seen: Observation, *, inspect: bool) -> Recognition:
    """Names were used: they must be listed and bound to the address."""
    ours = [used for used in seen.used if matcher.name(used.text)]
    if not ours:
        return _goes_by_another(matcher, seen)
    check, notes = _used_names(matcher, seen)
    loose = [used for used in ours if not any(ties(name, used.text) for name in seen.bound)]
    binding = compared(
        "binding",
        UNSEEN if loose else TRUE,
        "a certificate or a live answer from a listed resolver",
        f"none for {listed(used.text for used in loose)}" if loose else _told(seen.bound),
        Reason.BINDING_UNOBSERVED,
        Reason.BINDING_UNOBSERVED,
    )
    standing = Standing.MAY_BE if len(loose) == len(ours) else Standing.IS
    return Recognition(standing, (check, binding, *_aliases(matcher, seen, inspect=inspect)), notes + _noted(seen))


def _by_answers(matcher: Matcher, seen: Observation, *, inspect: bool) -> Recognition:
    """No name was used: the live answers for the address must all be listed."""
    none = FALSE if seen.complete else UNSEEN
    answers = [name for name in seen.bound if name.evidence is not NameClass.CERTIFICATE]
    check = _answered_names(matcher, seen, answers, none=none, absent=Reason.BINDING_UNOBSERVED)
    standing = {TRUE: Standing.IS, UNSEEN: Standing.MAY_BE, FALSE: Standing.IS_NOT}[check.truth]
    aliases = _aliases(matcher, seen, inspect=inspect) if check.truth is TRUE else ()
    return Recognition(standing, (check, *aliases), _noted(seen))


def _used_names(matcher: Matcher, seen: Observation) -> tuple[Check, tuple[Reason, ...]]:
    """Every name the flow used is listed."""
    observed = listed(used.text for used in seen.used)
    strange = [used for used in seen.used if not matcher.name(used.text)]
    lossy = [used for used in seen.used if not used.exact]
    truth = FALSE if strange else UNSEEN if lossy else TRUE
    check = compared("name", truth, matcher.names, observed, Reason.NAME_UNLISTED, Reason.LOSSY_NAME)
    return check, tuple(dict.fromkeys(note for used in strange for note in _defects(used)))


def _defects(used: Used) -> tuple[Reason, ...]:
    malformed = (Reason.NAME_MALFORMED,) if Name.parse(used.text).malformed else ()
    return malformed if used.exact else (*malformed, Reason.LOSSY_NAME)


def _answered_names(
    matcher: Matcher, seen: Observation, answers: list[SeenName], *, none: Truth, absent: Reason
) -> Check:
    """The live answers for the address, where the flow used no name: all listed, mixed, or none."""
    declared = matcher.names
    ours = sorted({name.name for name in answers if matcher.name(name.name)})
    others = sorted({name.name for name in seen.live if not matcher.name(name.name)})
    if ours and (others or seen.transmission.names_cut):
        return Check("name", UNSEEN, declared, f"live answers: {listed(ours + others)}", Reason.NAME_AMBIGUOUS)
    if ours:
        return Check("name", TRUE, declared, f"live answers: {listed(ours)}")
    observed = f"no name used; live answers: {listed(others)}"
    unlisted = none is FALSE and not any(matcher.name(name.name) for name in seen.live)
    if unlisted:
        return Check("name", FALSE, declared, observed, Reason.DESTINATION_UNLISTED)
    return Check("name", UNSEEN, declared, observed, absent)


def _aliases(matcher: Matcher, seen: Observation, *, inspect: bool) -> tuple[Check, ...]:
    """Where the CNAMEs led, for a server known by name alone."""
    if not inspect:
        return ()
    chains = sorted({alias for name in _relied(matcher, seen) for alias in name.chain})
    truth = TRUE if _led_within(matcher, seen) else FALSE
    return (compared("alias", truth, matcher.aliases, listed(chains), Reason.ALIAS_UNLISTED),)


def _led_within(matcher: Matcher, seen: Observation) -> bool:
    """Every name the flow used has a binding whose chain stays within names and aliases.

    Where it used none, one answered name is enough; without a binding there is nothing to leave. A certificate shows
    no chain, so it does not stand for one that was seen.
    """
    by_name: dict[str, bool] = {}
    for name in _relied(matcher, seen):
        if name.evidence is NameClass.CERTIFICATE:
            continue
        clean = all(matcher.alias(alias) for alias in name.chain)
        by_name[name.name] = by_name.get(name.name, False) or clean
    return all(by_name.values()) if seen.used else any(by_name.values()) or not by_name


def _relied(matcher: Matcher, seen: Observation) -> list[SeenName]:
    """The bindings of listed names that the flow used or, without one, that were answered."""
    used = {used.text for used in seen.used}
    return [name for name in seen.bound if matcher.name(name.name) and (not used or name.name in used)]


def _told(bound: tuple[SeenName, ...]) -> str:
    return listed(dict.fromkeys(f"{name.name} ({name.evidence})" for name in bound))


def _noted(seen: Observation) -> tuple[Reason, ...]:
    """Told where an answer was seen only after a flow had begun before the recording."""
    return (Reason.BEGUN_BEFORE,) if any(name.from_before_capture for name in seen.bound) else ()
