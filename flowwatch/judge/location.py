"""Where a server is expected to be, compared with the place of its address; an expectation never approves.

Promises: three facts are never merged: country and provider region are compared with where the address is located, AS
numbers with who announces it. It holds where all candidates are expected (or one, under `any`). It fails only where
none is expected *and* that is well founded: stated or corroborated (or databases that dispute the country, every one of
them outside the expected set), with data dated within 45 days of the traffic; the operator's own facts need no date.
All else is `location.unproven`. The registry's country of assignment counts for nothing.
"""

import datetime as dt
from collections.abc import Iterable, Sequence

from flowwatch.judge.rulebook import listed
from flowwatch.judge.truth import FALSE, TRUE, UNSEEN, compared
from flowwatch.model import Basis, Candidate, Check, Confidence, Instant, Place, Reason, Truth
from flowwatch.policy.terms import CloudExpectation, Defaults, Expectation

FRESH = dt.timedelta(days=45)
"""How far location data may be dated from the traffic and still show that an address is elsewhere."""
_DAY = 86_400 * 10**9
_EPOCH = dt.date(1970, 1, 1)
_SURE = frozenset({Confidence.STATED, Confidence.CORROBORATED})
_FOUNDED = _SURE | {Confidence.DISPUTED}


def location_checks(
    expect: Expectation, place: Place, at: Instant, defaults: Defaults
) -> tuple[tuple[Check, ...], tuple[Reason, ...]]:
    """The expectations as conditions, and `location.unproven` as a note where the policy says so."""
    checks = []
    if expect.countries:
        checks.append(_country(expect.countries, place, at, defaults.locations))
    if expect.cloud is not None:
        checks.append(_region(expect.cloud, place, at, defaults.locations))
    if expect.asns:
        checks.append(_asn(expect.asns, place, at, defaults.locations))
    if defaults.unknown_location == "note" and any(check.truth is UNSEEN for check in checks):
        return tuple(check for check in checks if check.truth is not UNSEEN), (Reason.LOCATION_UNPROVEN,)
    return tuple(checks), ()


def located_in(place: Place, country: str, at: Instant) -> Truth:
    """The address is in the country: true or false only where every candidate agrees and that is well founded.

    An anycast address is in many places, so that cannot be told.
    """
    countries = {one.country for one in place.located}
    if not countries or place.anycast or place.confidence not in _SURE:
        return UNSEEN
    if None in countries or not all(_fresh(one, at) for one in place.located):
        return UNSEEN
    return TRUE if countries == {country} else UNSEEN if country in countries else FALSE


def announced_by(place: Place, asn: int, at: Instant) -> Truth:
    """The address is announced by the AS: true or false only where every source agrees and that is well founded."""
    told = {fact.value for fact in place.asn}
    if not told or not _founded_asn(place, at):
        return UNSEEN
    return TRUE if told == {str(asn)} else UNSEEN if str(asn) in told else FALSE


def _country(expected: Sequence[str], place: Place, at: Instant, locations: str) -> Check:
    """Only candidates that name a country speak for the expected one; one that names none may still be there."""
    truth = UNSEEN
    spoken = [one for one in place.located if one.country is not None]
    if spoken and place.confidence is not Confidence.INDETERMINATE:
        fits = [one.country in expected for one in spoken]
        silent = len(spoken) < len(place.located)
        truth = _agree(fits, locations, founded=not silent and _founded(place, spoken, at))
    observed = f"{listed(place.countries)} ({place.confidence})"
    return _compared("location.country", truth, listed(expected), observed, Reason.COUNTRY_UNEXPECTED)


def _region(expected: CloudExpectation, place: Place, at: Instant, locations: str) -> Check:
    """Provider and region: only candidates that name a provider speak of it."""
    spoken = [one for one in place.located if one.provider is not None]
    fits = [_in_cloud(one, expected) for one in spoken]
    truth = _agree(fits, locations, founded=_founded(place, spoken, at)) if spoken else UNSEEN
    declared = " ".join([expected.provider, *expected.regions])
    observed = listed(dict.fromkeys(f"{one.provider} {one.provider_region or '?'}" for one in spoken))
    return _compared("location.region", truth, declared, observed, Reason.REGION_UNEXPECTED)


def _in_cloud(one: Candidate, expected: CloudExpectation) -> bool | None:
    if one.provider != expected.provider:
        return False
    if not expected.regions:
        return True
    return None if one.provider_region is None else one.provider_region in expected.regions


def _asn(expected: Sequence[int], place: Place, at: Instant, locations: str) -> Check:
    """AS numbers by source; one database that says otherwise proves nothing, the operator or corroborating ones do."""
    wanted = {str(number) for number in expected}
    fits = [fact.value in wanted for fact in place.asn]
    truth = _agree(fits, locations, founded=_founded_asn(place, at)) if fits else UNSEEN
    declared = listed(f"AS{number}" for number in expected)
    observed = listed(f"AS{fact.value} ({fact.source})" for fact in place.asn)
    return _compared("location.asn", truth, declared, observed, Reason.ASN_UNEXPECTED)


def _founded_asn(place: Place, at: Instant) -> bool:
    sources = {fact.source for fact in place.asn}
    if sources == {_OPERATOR}:
        return True
    dated = {one.source for one in place.located if _fresh(one, at)}
    return place.confidence is Confidence.CORROBORATED and len(sources) > 1 and sources <= dated


_OPERATOR = "policy"
"""The source of a fact the operator states in `[[place]]`."""


def _agree(fits: Sequence[bool | None], locations: str, *, founded: bool) -> Truth:
    """All (or, under `any`, one) expected: holds; none, well founded: fails; all else is unseen. None: not told."""
    held = any(fits) if locations == "any" else all(fits)
    if held:
        return TRUE
    return FALSE if founded and all(one is False for one in fits) else UNSEEN


def _founded(place: Place, candidates: Iterable[Candidate], at: Instant) -> bool:
    return place.confidence in _FOUNDED and all(_fresh(one, at) for one in candidates)


def _fresh(one: Candidate, at: Instant) -> bool:
    """Dated within 45 days of the traffic, or the operator's own statement."""
    if one.basis is Basis.OPERATOR:
        return True
    try:
        dated = dt.date.fromisoformat((one.source_date or "")[:10])
    except ValueError:
        return False
    return abs(_EPOCH + dt.timedelta(days=at // _DAY) - dated) <= FRESH


def _compared(what: str, truth: Truth, declared: str, observed: str, differs: Reason) -> Check:
    return compared(what, truth, declared, observed, differs, Reason.LOCATION_UNPROVEN)
