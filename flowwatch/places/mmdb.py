"""The operator's MMDB files: GeoLite2 and GeoIP2 through `geoip2`, every other schema through `maxminddb`.

Promises: the bytes that answer are the bytes whose SHA-256 is told (the file is read whole, once, and never mapped: a
file that shrinks under a map ends the process); a damaged file raises nothing but PlacesError. Refuses files that are
no MMDB.
"""

import datetime as dt
import hashlib
import io
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from flowwatch.errors import PlacesError
from flowwatch.model import Basis, Candidate, ReferenceData
from flowwatch.places.schemas import Said, from_record, vendor
from flowwatch.places.special import Address

if TYPE_CHECKING:
    import maxminddb
_FIRST = 1000
"""Records that are looked at to know a schema."""
_NO_NAME = " (<<class '_io.BytesIO'>>)"
"""How the reader calls a database that it was given as bytes."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What a database says of itself."""

    name: str
    """Its `database_type`, else the file's name."""
    vendor: str
    kind: str
    date: str | None
    """Day it was built, ISO 8601."""
    sha256: str
    path: str
    ip_version: int


class Database:
    """One MMDB file, read whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _readable(path):
            content = path.read_bytes()
            self._reader = _opened(content)
            self.identity = _identity(self._reader, path, hashlib.sha256(content).hexdigest())
            self._said = self._adapter(content)

    def said(self, address: Address) -> Said | None:
        """What it says of the address; None when it has no record of it (nor can have one)."""
        if address.version > self.identity.ip_version:
            return None
        with _readable(self._path):
            return self._said(address)

    @property
    def tells(self) -> bool:
        """One of its first records says something that a place is made of; PlacesError when it is damaged."""
        with _readable(self._path):
            return any(from_record(record) != Said() for _, record in itertools.islice(self._reader, _FIRST))

    def candidate(self, said: Said) -> Candidate | None:
        """Where it says the address is; the city only with the radius it is good for."""
        if said.country is None:
            return None
        city = said.city if said.radius_km is not None else None
        return Candidate(
            country=said.country,
            region=said.region,
            city=city,
            radius_km=said.radius_km,
            precision="city" if city else "region" if said.region else "country",
            basis=Basis.DATABASE,
            source=self.identity.name,
            source_date=self.identity.date,
            source_sha256=self.identity.sha256,
        )

    @property
    def reference(self) -> ReferenceData:
        """How it is listed in a report."""
        one = self.identity
        return ReferenceData(
            name=one.name,
            kind=one.kind,
            date=one.date,
            sha256=one.sha256,
            path=one.path,
            attribution=_ATTRIBUTIONS.get(one.vendor) if _free(one) else None,
            fields=_FIELDS.get(one.kind, ()),
        )

    def close(self) -> None:
        """Lets go of the file's content."""
        self._reader.close()

    def _adapter(self, content: bytes) -> Callable[[Address], Said | None]:
        if self.identity.vendor == "MaxMind" and _model(self.identity.name):
            return _Models(content, self.identity.name).said
        return self._raw

    def _raw(self, address: Address) -> Said | None:
        record = self._reader.get(address)
        return None if record is None else from_record(record)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Models:
    """GeoLite2 and GeoIP2 records through MaxMind's own models, which say False of anycast where they know nothing."""

    def __init__(self, content: bytes, kind: str) -> None:
        import geoip2.database  # noqa: PLC0415 - start-up time
        import geoip2.errors  # noqa: PLC0415 - start-up time
        import maxminddb  # noqa: PLC0415 - start-up time

        self._none = geoip2.errors.AddressNotFoundError
        self._reader = geoip2.database.Reader(io.BytesIO(content), mode=maxminddb.MODE_FD)
        self._ask: Callable[[Address], Any] = getattr(self._reader, _model(kind))

    def said(self, address: Address) -> Said | None:
        try:
            model = self._ask(address)
        except self._none:
            return None
        said = from_record(model.to_dict())
        return said if said.anycast else msgspec.structs.replace(said, anycast=None)


_MODELS = (("City", "city"), ("Country", "country"), ("Enterprise", "enterprise"), ("ASN", "asn"), ("ISP", "isp"))


def _model(kind: str) -> str:
    return next((method for word, method in _MODELS if kind.startswith(("GeoIP2", "GeoLite2")) and word in kind), "")


def _opened(content: bytes) -> "maxminddb.Reader":
    import maxminddb  # noqa: PLC0415 - start-up time

    return maxminddb.open_database(io.BytesIO(content), mode=maxminddb.MODE_FD)


def _identity(reader: "maxminddb.Reader", path: Path, sha256: str) -> Identity:
    meta = reader.metadata()
    if meta.ip_version not in (4, 6):
        raise ValueError(f"IP version {meta.ip_version}")
    kind = str(meta.database_type).strip()
    described: object = meta.description
    descriptions = described.values() if isinstance(described, dict) else ()
    return Identity(
        name=kind or path.name,
        vendor=vendor([kind, *map(str, descriptions)]),
        kind=_kind(kind),
        date=dt.datetime.fromtimestamp(meta.build_epoch, dt.UTC).date().isoformat() if meta.build_epoch else None,
        sha256=sha256,
        path=str(path),
        ip_version=meta.ip_version,
    )


def _kind(database_type: str) -> str:
    text = database_type.lower()
    if any(word in text for word in ("city", "country", "location", "enterprise", "geo_")):
        return "location"
    return "network" if any(word in text for word in ("asn", "isp", "network")) else "database"


_FIELDS = {
    "location": ("country", "region", "city", "registered", "anycast"),
    "network": ("asn", "organisation"),
}
_ATTRIBUTIONS = {
    "MaxMind": "This product includes GeoLite Data created by MaxMind, available from https://www.maxmind.com",
    "DB-IP": "IP Geolocation by DB-IP (https://db-ip.com), CC BY 4.0",
    "IPinfo": "IP address data powered by IPinfo (https://ipinfo.io), CC BY-SA 4.0",
    "IP2Location": "This product includes IP2Location LITE data available from https://lite.ip2location.com",
    "IPLocate": "IP address data by IPLocate (https://iplocate.io), CC BY-SA 4.0",
}


def _free(one: Identity) -> bool:
    """The edition whose licence asks for attribution: all of a vendor's, or the one called lite."""
    return one.vendor in ("IPLocate", "IPinfo") or "lite" in f"{one.name} {one.path}".lower()


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turns whatever reading the file raises into PlacesError."""
    try:
        yield
    except PlacesError:
        raise
    except OSError as error:
        raise PlacesError(f"{path}: cannot be read: {error.strerror or error}", hint="give an .mmdb file") from error
    except _damage() as error:
        told = " ".join(str(error).replace(_NO_NAME, "").split())[:200]
        raise PlacesError(
            f"{path}: not a usable MMDB database: {told}", hint="fetch it again, or check that it is an .mmdb file"
        ) from error


def _damage() -> tuple[type[Exception], ...]:
    """What a damaged database makes its readers raise, MaxMind's models of a strange record included."""
    import maxminddb  # noqa: PLC0415 - start-up time

    wrong = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError, MemoryError)
    return (maxminddb.InvalidDatabaseError, *wrong)
