"""How sure a location is: fixed words with fixed rules."""

from collections.abc import Sequence

from flowwatch.model import Candidate, Confidence


def of_statement(candidates: Sequence[Candidate]) -> tuple[Confidence, str]:
    """The operator's own facts are `stated`; facts that differ are `disputed`."""
    countries = {one.country for one in candidates}
    if len(countries) > 1:
        return Confidence.DISPUTED, f"the policy's facts differ: {_listed(candidates)}"
    return Confidence.STATED, "stated by the policy"


def of_databases(candidates: Sequence[Candidate], vendors: Sequence[str]) -> tuple[Confidence, str]:
    """Databases that agree corroborate each other if they are of different known vendors.

    `vendors` has the vendor of each candidate, "" when unknown. Databases of one vendor are copies of the same data,
    and one of an unknown vendor may be a copy of any other, so neither corroborates.
    """
    if not candidates:
        return Confidence.INDETERMINATE, "no database has a location for the address"
    if len({one.country for one in candidates}) > 1:
        return Confidence.DISPUTED, f"databases differ: {_listed(candidates)}"
    independent = {vendor for vendor in vendors if vendor}
    if len(independent) > 1:
        return Confidence.CORROBORATED, f"{' and '.join(sorted(independent))} agree"
    return Confidence.SINGLE_SOURCE, f"only {' and '.join(dict.fromkeys(one.source for one in candidates))} says so"


def _listed(candidates: Sequence[Candidate]) -> str:
    told = (f"{one.source} says {one.country or one.region or one.site or 'another place'}" for one in candidates)
    return ", ".join(dict.fromkeys(told))
