"""Records of MMDB files, whatever their vendor's schema, as one.

Promises: an adapter looks only at which fields are present, `country_code` first (some vendors' `country` is the name
then); a value of the wrong type is as good as absent; "country" that is no ISO 3166-1 alpha-2 code is none (`ZZ`, `EU`
and `AP` name no country). Located, registered and operated are read from their own fields only.

Known schemas: MaxMind and DB-IP (nested: `country.iso_code`), IP2Location (nested or flat), IPinfo (flat: `country` or
`country_code`, `asn` as `AS64500`), ip-location-db and other flat ones (`country_code`, `autonomous_system_number`).
"""

from collections.abc import Iterable
from typing import Any

import msgspec


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What one database says of an address; None where it says nothing."""

    country: str | None = None
    region: str | None = None
    city: str | None = None
    radius_km: int | None = None
    registered: str | None = None
    asn: str | None = None
    organisation: str | None = None
    anycast: bool | None = None


def from_record(record: object) -> Said:
    """A record of any schema; nothing in it is trusted to be of the right type."""
    if not isinstance(record, dict):
        return Said()
    country = _country(record)
    return Said(
        country=country,
        region=_region(record, country),
        city=_text(_first(record, "city.names.en", "city.name", "city", "city_name")),
        radius_km=_kilometres(_first(record, "location.accuracy_radius", "accuracy_radius", "radius")),
        registered=_code(_first(record, "registered_country.iso_code", "registered_country_code")),
        asn=_asn(_first(record, *_either("autonomous_system_number"), "asn", "as_number", "as.number")),
        organisation=_text(
            _first(
                record, *_either("autonomous_system_organization"), "as_name", "as.name", "organization", "org", "as"
            )
        ),
        anycast=_flag(_first(record, *_either("is_anycast"), "anycast")),
    )


def _either(field: str) -> tuple[str, str]:
    """The field itself, or where MaxMind's schema has it."""
    return field, f"traits.{field}"


def _country(record: dict[str, Any]) -> str | None:
    candidates = (
        _at(record, path) for path in ("country_code", "country.iso_code", "country_iso_code", "country.code")
    )
    return next((code for value in candidates if (code := _code(value))), None) or _code(record.get("country"))


def _region(record: dict[str, Any], country: str | None) -> str | None:
    """ISO 3166-2 where the schema has the code, else the name it gives."""
    divisions = record.get("subdivisions")
    largest = divisions[0] if isinstance(divisions, list) and divisions else None
    code = _text(largest.get("iso_code") if isinstance(largest, dict) else record.get("region_code"))
    if code and country:
        return code if code.startswith(f"{country}-") else f"{country}-{code}"
    return _text(_first(record, "region", "region_name", "state1", "state"))


def _first(record: dict[str, Any], *paths: str) -> object:
    """The first value present that is no table itself."""
    values = (_at(record, path) for path in paths)
    return next((value for value in values if value is not None and not isinstance(value, dict | list)), None)


def _at(record: dict[str, Any], path: str) -> object:
    value: object = record
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _text(value: object) -> str | None:
    return value.strip()[:_LONGEST] or None if isinstance(value, str) else None


_LONGEST = 256


def _code(value: object) -> str | None:
    text = value.strip().upper() if isinstance(value, str) else ""
    is_code = len(text) == 2 and text.isascii() and text.isalpha()
    return text if is_code and text not in _NO_COUNTRY else None


_NO_COUNTRY = frozenset({"ZZ", "EU", "AP"})


def _asn(value: object) -> str | None:
    """Decimal text of an AS number written as 64500, "64500" or "AS64500"; 0 is none."""
    text = str(value).strip().upper().removeprefix("AS") if isinstance(value, int | str) else ""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else 0
    return str(number) if 0 < number < 1 << 32 else None


def _kilometres(value: object) -> int | None:
    """A radius that lies on the earth."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 20_040 else None


def _flag(value: object) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False, "1": True, "0": False}.get(value.strip().lower())
    return bool(value) if isinstance(value, bool | int) else None


def vendor(words: Iterable[str]) -> str:
    """Whose data it is, from a database's type and description; "" when they do not tell.

    Databases of one vendor, and all whose vendor is unknown, count as one source: they do not corroborate each other.
    """
    text = " ".join(words).lower()
    return next((name for name, marks in _VENDORS if any(mark in text for mark in marks)), "")


_VENDORS = (
    ("MaxMind", ("geolite", "geoip2", "maxmind")),
    ("DB-IP", ("dbip", "db-ip")),
    ("IPinfo", ("ipinfo",)),
    ("IP2Location", ("ip2location", "ip2lite")),
    ("IPLocate", ("iplocate",)),
    ("IPtoASN", ("iptoasn",)),
)
