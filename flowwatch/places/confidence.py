"""How sure a location is: fixed words with fixed rules."""

from collections.abc import Sequence

from flowwatch.model import Candidate, Confidence
from flowwatch.places.table import Region


def of_statement(candidates: Sequence[Candidate]) -> tuple[Confidence, str]:
    """The operator's own facts are `stated`; facts that differ are `disputed`."""
    countries = {one.country for one in candidates}
    if len(countries) > 1:
        return Confidence.DISPUTED, f"the policy's facts differ: {_listed(candidates)}"
    return Confidence.STATED, "stated by the policy"


def of_region(
    published: Candidate, region: Region, found: Sequence[tuple[Candidate, str]]
) -> tuple[tuple[Candidate, ...], Confidence, str]:
    """What a provider publishes of the range stands alone as `stated`, whatever databases say; with its reason.

    An edge range has a provider and no place. A range published without a known country leaves the place to databases.
    A region with local zones abroad that the data does not tell apart is `disputed` where a database names one of them.
    """
    whose = " ".join(filter(None, [region.provider, region.name]))
    if region.edge:
        return (
            (published,),
            Confidence.INDETERMINATE,
            f"edge range of {whose} ({region.edge}): its place is not published",
        )
    if region.country is None:
        confidence, why = of_databases(found)
        without = f"{whose} is in no table of regions" if region.name else f"{whose} publishes no region of the range"
        return (published, *(one for one, _ in found)), confidence, f"{without}; {why}"
    zones = tuple(one for one, _ in found if one.country in region.elsewhere)
    if zones:
        why = f"{whose} has local zones abroad that its data does not tell apart: {_listed((published, *zones))}"
        return (published, *zones), Confidence.DISPUTED, why
    return (published,), Confidence.STATED, f"published by {region.provider}: {region.name or region.subdivision}"


def of_databases(found: Sequence[tuple[Candidate, str]]) -> tuple[Confidence, str]:
    """Databases that agree corroborate each other if they are of different known vendors.

    `found` has each candidate with its vendor, "" when unknown. Databases of one vendor are copies of the same data,
    and one of an unknown vendor may be a copy of any other, so neither corroborates.
    """
    candidates = [one for one, _ in found]
    if not candidates:
        return Confidence.INDETERMINATE, "no database has a location for the address"
    if len({one.country for one in candidates}) > 1:
        return Confidence.DISPUTED, f"databases differ: {_listed(candidates)}"
    independent = {vendor for _, vendor in found if vendor}
    if len(independent) > 1:
        return Confidence.CORROBORATED, f"{' and '.join(sorted(independent))} agree"
    sources = list(dict.fromkeys(one.source for one in candidates))
    return Confidence.SINGLE_SOURCE, f"only {' and '.join(sources)} say{'s' if len(sources) == 1 else ''} so"


def _listed(candidates: Sequence[Candidate]) -> str:
    told = (f"{one.source} says {one.country or one.region or one.site or 'another place'}" for one in candidates)
    return ", ".join(dict.fromkeys(told))
