"""Prohibitions held against one transmission: they override channels; only an exception that names one lifts it.

A prohibition on a name holds as soon as the flow used it, bound to the address or not. `cleartext = true` holds only
where payload was read in clear, as it was where a marker was found in it. To which address a name asked of a proxy led
is unseen.
"""

from flowwatch.judge.conditions import service_checks
from flowwatch.judge.considered import Considered
from flowwatch.judge.exceptions import zone_check
from flowwatch.judge.labels import read_in_clear
from flowwatch.judge.observation import Observation
from flowwatch.judge.rulebook import Matcher, Rulebook, listed
from flowwatch.judge.truth import FALSE, TRUE, UNSEEN, conjunction, known
from flowwatch.model import Check, Transmission, Truth
from flowwatch.policy.terms import Prohibited


def prohibitions_considered(seen: Observation, book: Rulebook) -> tuple[Considered, ...]:
    """Every prohibition, in order of id."""
    return tuple(_considered(one, seen, book) for one in book.prohibitions)


def _considered(prohibited: Prohibited, seen: Observation, book: Rulebook) -> Considered:
    when = prohibited.when
    checks: list[Check] = []
    if when.zone is not None:
        checks.append(zone_check(when.zone, seen))
    if when.labels:
        checks.append(Check("labels", seen.labels.bears(when.labels), listed(when.labels), str(seen.labels)))
    if when.cleartext is not None:
        checks.append(_cleartext(seen.transmission, wanted=when.cleartext))
    if (to := book.conditions.get(f"prohibited:{prohibited.id}")) is not None:
        checks.append(Check("to", _leads_to(to, seen), str(to), _receiver(seen)))
    checks.extend(service_checks(when.service, seen))
    return Considered.of(book.rule("prohibited", prohibited.id), tuple(_plain(check) for check in checks))


def _cleartext(transmission: Transmission, *, wanted: bool) -> Check:
    clear = read_in_clear(transmission)
    truth = known(bool(clear)) if wanted else known(None if clear is None else not clear)
    observed = "could not be told" if clear is None else "read in clear" if clear else "not in clear"
    return Check("cleartext", truth, str(wanted).lower(), observed)


def _leads_to(to: Matcher, seen: Observation) -> Truth:
    """The receiver falls under the table's addresses and names, as far as each is given."""
    address = known(None if seen.by_name else to.address(seen.transmission.receiver_ip)) if to.match.cidrs else TRUE
    return conjunction((address, _goes_by(to, seen) if to.match.names else TRUE))


def _goes_by(to: Matcher, seen: Observation) -> Truth:
    if seen.used:
        held = any(to.name(used.text) for used in seen.used)
        return TRUE if held else FALSE if all(used.exact for used in seen.used) else UNSEEN
    answered = {to.name(name.name) for name in seen.live}
    if answered == {True}:
        return TRUE
    shown = any(to.name(name.name) for name in seen.bound)
    return UNSEEN if shown or True in answered or not seen.complete else FALSE


def _receiver(seen: Observation) -> str:
    return listed(dict.fromkeys([seen.transmission.receiver_ip, *(used.text for used in seen.used)]))


def _plain(check: Check) -> Check:
    """A prohibition's conditions carry no reasons: that one of them does not hold is no difference to report."""
    return Check(check.what, check.truth, check.declared, check.observed)
