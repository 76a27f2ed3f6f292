"""The location data that flowwatch ships: providers' regions, country, AS and organisation, country of assignment.

Promises: the file is read at the first look-up, not before; located, registered and operated come from tables of their
own, each with its source and that source's date and digest. Refuses nothing an operator's own data says: it only adds.
"""

import functools
from importlib import resources
from importlib.resources.abc import Traversable

import msgspec

from flowwatch.errors import PlacesError
from flowwatch.model import Basis, Candidate, ReferenceData
from flowwatch.places import data
from flowwatch.places.special import Address
from flowwatch.places.table import HINT, Region, TableFile

VENDOR = "DB-IP"
"""Whose the embedded countries are; a database of the same vendor stands for them."""
TABLE, SOURCES = "places.bin", "sources.json"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where one kind of fact is from."""

    kind: str
    """`provider`, `location`, `network` or `registration`."""
    source: str
    version: str
    date: str | None
    sha256: str
    """Of the package it was built from."""
    licence: str
    attribution: str


class _Table(msgspec.Struct, frozen=True):
    file: str = TABLE
    """In the same folder."""
    sha256: str | None = None


class _Sources(msgspec.Struct, frozen=True):
    sources: tuple[Source, ...]
    table: _Table = _Table()


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the table says of an address; None where it says nothing."""

    region: Region | None = None
    country: str | None = None
    registered: str | None = None
    asn: str | None = None
    organisation: str | None = None


NOTHING = Told()


class Embedded:
    """The table and its sources in a folder, by default the one flowwatch ships."""

    def __init__(self, folder: Traversable | None = None) -> None:
        self._folder = folder if folder is not None else resources.files(data)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where each kind of fact is from; PlacesError when that cannot be read."""
        return self._told.sources

    @property
    def file(self) -> str:
        """The name of the table's file; PlacesError when that cannot be read."""
        return self._told.table.file

    @property
    def sha256(self) -> str | None:
        """What the table's digest is said to be; PlacesError when that cannot be read."""
        return self._told.table.sha256

    def renamed(self, file: str) -> bytes:
        """The content of SOURCES for a table of another name; PlacesError when it cannot be read."""
        told = msgspec.structs.replace(self._told, table=_Table(file, self.sha256))
        return msgspec.json.format(msgspec.json.encode(told)) + b"\n"

    @functools.cached_property
    def _told(self) -> _Sources:
        try:
            told = msgspec.json.decode((self._folder / SOURCES).read_bytes(), type=_Sources)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise PlacesError(f"{SOURCES}: not usable: {error}", hint=HINT) from error
        if "/" in told.table.file:
            raise PlacesError(f"{SOURCES}: not usable: its table lies elsewhere", hint=HINT)
        return told

    @property
    def reference(self) -> tuple[ReferenceData, ...]:
        """How the sources are listed in a report."""
        return tuple(
            ReferenceData(
                name=one.source,
                kind=one.kind,
                version=one.version,
                date=one.date,
                sha256=one.sha256,
                attribution=one.attribution,
                fields=_FIELDS.get(one.kind, ()),
            )
            for one in self.sources
        )

    def told(self, address: Address) -> Told:
        """What the table says of an address; PlacesError when it turns out to be damaged."""
        key, version = int(address), address.version
        asn = self._table.value(f"asn{version}", key)
        return Told(
            region=self._table.region(f"provider{version}", key),
            country=self._table.country(f"country{version}", key),
            registered=self._table.country(f"registered{version}", key),
            asn=str(asn) if asn else None,
            organisation=self._table.text("organisation", asn) if asn else None,
        )

    def name(self, kind: str) -> str:
        """The name of the source of a kind of fact."""
        return self._source(kind).source

    def located(self, country: str) -> Candidate:
        """The candidate that the country of the location data is."""
        return self._candidate("location", country=country, basis=Basis.EMBEDDED)

    def published(self, region: Region) -> Candidate:
        """The candidate that a provider's range is: its country where the provider publishes one."""
        precision = "edge" if region.edge else "region" if region.name or region.country else "provider"
        return msgspec.structs.replace(
            self._candidate("provider", country=region.country, basis=Basis.PROVIDER_REGION),
            region=region.subdivision,
            provider=region.provider,
            provider_region=region.name,
            precision=precision,
        )

    def _candidate(self, kind: str, *, country: str | None, basis: Basis) -> Candidate:
        one = self._source(kind)
        return Candidate(
            country=country, basis=basis, source=one.source, source_date=one.date, source_sha256=one.sha256
        )

    def _source(self, kind: str) -> Source:
        try:
            return next(one for one in self.sources if one.kind == kind)
        except StopIteration:
            raise PlacesError(f"{SOURCES}: no source of kind {kind}", hint=HINT) from None

    @functools.cached_property
    def _table(self) -> TableFile:
        try:
            content = (self._folder / self.file).read_bytes()
        except OSError as error:
            raise PlacesError(f"{self.file}: cannot be read: {error.strerror}", hint=HINT) from error
        return TableFile(content, self.file)


_FIELDS = {
    "provider": ("provider", "provider_region", "country"),
    "location": ("country",),
    "network": ("asn", "organisation"),
    "registration": ("registered",),
}
SHIPPED = Embedded()
