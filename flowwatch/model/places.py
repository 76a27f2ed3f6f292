"""Where an address is: three facts, never merged, each with its basis."""

import enum

import msgspec


class Confidence(enum.StrEnum):
    """How sure a location is; fixed words with fixed rules, never a percentage."""

    STATED = "stated"
    CORROBORATED = "corroborated"
    SINGLE_SOURCE = "single_source"
    DISPUTED = "disputed"
    INDETERMINATE = "indeterminate"
    NOT_APPLICABLE = "not_applicable"


class Basis(enum.StrEnum):
    """What a location candidate rests on, strongest first."""

    OPERATOR = "operator"
    PROVIDER_REGION = "provider_region"
    DATABASE = "database"
    EMBEDDED = "embedded"


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One place an address may be in, with what says so and how old that is."""

    country: str | None
    """ISO 3166-1 alpha-2."""
    region: str | None = None
    city: str | None = None
    radius_km: int | None = None
    site: str | None = None
    provider: str | None = None
    provider_region: str | None = None
    precision: str = "country"
    basis: Basis
    source: str
    source_date: str | None = None
    """ISO date of the data; None for the operator's own statements."""
    source_sha256: str | None = None


class Fact(msgspec.Struct, frozen=True):
    """A value with what says so."""

    value: str
    source: str


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where an address is and who runs it: three facts, never merged."""

    address: str
    located: tuple[Candidate, ...] = ()
    confidence: Confidence = Confidence.INDETERMINATE
    registered: tuple[Fact, ...] = ()
    """Registry's country of assignment, by source."""
    asn: tuple[Fact, ...] = ()
    """AS numbers announced from (decimal text), by source."""
    organisation: tuple[Fact, ...] = ()
    anycast: bool | None = None
    """None: unknown."""
    special: str | None = None
    """Name of the IANA special-purpose block, or None."""
    inner: str | None = None
    """The address unwrapped from a mapped, NAT64, 6to4 or Teredo form; what was looked up."""
    why: str = ""
    """One phrase: why the confidence is what it is."""

    @property
    def countries(self) -> tuple[str, ...]:
        """Distinct candidate countries, in order of strength."""
        return tuple(dict.fromkeys(one.country for one in self.located if one.country))
