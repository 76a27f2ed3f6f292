"""The table flowwatch ships: right of nearly every provider prefix, its sources told, damage a PlacesError."""

import hashlib
import ipaddress
import json
import lzma
from pathlib import Path

import pytest

from flowwatch.errors import PlacesError
from flowwatch.model import Basis, Confidence
from flowwatch.places import Locator
from flowwatch.places.embedded import SHIPPED, SOURCES, TABLE, Embedded, Told

ROOT = Path(__file__).parent.parent.parent
DATA = ROOT / "flowwatch" / "places" / "data"
TRUTH = Path(__file__).parent / "provider_truth.csv.xz"
"""An address of each provider prefix that names a region, and that region's country: from the providers' own rows and
the table of regions, never from the packed table (`flowwatch.places.build.truth`)."""
ATTRIBUTION = "IP Geolocation by DB-IP (https://db-ip.com), CC BY 4.0; RouteViews, CC BY 4.0; NRO, CC BY 4.0"


@pytest.fixture(scope="module")
def truth() -> list[tuple[str, str]]:
    lines = lzma.decompress(TRUTH.read_bytes()).decode().split()
    return [(address, country) for address, country in (line.split(",") for line in lines)]


def test_one_address_of_each_provider_prefix_gives_the_regions_country(truth):
    with Locator() as locator:
        right = [locator.locate(address, None).countries == (country,) for address, country in truth]
    assert len(truth) > 60_000
    assert sum(":" in address for address, _ in truth) > 20_000
    assert sum(right) / len(right) >= 0.99


def test_provider_regions_do_better_than_the_other_data_by_far(truth):
    """What the design rests on; a table whose columns were swapped would not hold it."""
    told = [(SHIPPED.told(ipaddress.ip_address(address)), country) for address, country in truth[::10]]
    located = sum(one.country == country for one, country in told) / len(told)
    registered = sum(one.registered == country for one, country in told) / len(told)
    assert 0.85 < located < 0.99
    assert 0.2 < registered < 0.5


def test_sources_are_told_with_date_digest_licence_and_attribution():
    told = json.loads((DATA / SOURCES).read_bytes())
    assert told["table"]["sha256"] == hashlib.sha256((DATA / TABLE).read_bytes()).hexdigest()
    assert [one.kind for one in SHIPPED.sources] == ["provider", "location", "network", "registration"]
    for one, listed in zip(SHIPPED.sources, SHIPPED.reference, strict=True):
        assert (one.source, one.kind, one.date, one.sha256, one.attribution) == (
            (listed.name, listed.kind, listed.date, listed.sha256, listed.attribution)
        )
        assert len(one.sha256) == 64
        assert one.date is not None
    assert ATTRIBUTION in [one.attribution for one in SHIPPED.sources]


def test_the_notice_has_every_source_with_its_licence_and_attribution():
    notice = (ROOT / "NOTICE").read_text()
    assert ATTRIBUTION in notice
    for one in SHIPPED.sources:
        assert one.source in notice
        assert one.licence in notice


def test_the_table_is_small():
    assert (DATA / TABLE).stat().st_size < 3_500_000


@pytest.mark.parametrize(
    ("address", "provider", "region", "country"),
    [
        ("3.120.0.1", "aws", "eu-central-1", "DE"),
        ("2a05:d014::1", "aws", "eu-central-1", "DE"),
        ("20.61.0.1", "azure", "westeurope", "NL"),
        ("34.90.0.1", "gcp", "europe-west4", "NL"),
    ],
)
def test_a_providers_region_is_stated_with_its_date(address, provider, region, country):
    place = Locator().locate(address, None)
    (one,) = place.located
    assert (one.provider, one.provider_region, one.country, one.basis) == (
        (provider, region, country, Basis.PROVIDER_REGION)
    )
    assert (one.source, one.source_date) == (SHIPPED.sources[0].source, SHIPPED.sources[0].date)
    assert place.confidence is Confidence.STATED
    assert place.asn


@pytest.mark.parametrize("address", ["104.16.1.1", "151.101.1.1", "2606:4700::1", "2a04:4e42::1", "13.107.246.1"])
def test_an_edge_range_has_a_provider_and_no_place(address):
    place = Locator().locate(address, None)
    assert (place.countries, place.confidence) == ((), Confidence.INDETERMINATE)
    assert [one.precision for one in place.located] == ["edge"]
    assert place.why


@pytest.mark.parametrize("address", ["0.0.0.1", "255.255.255.255", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"])
def test_the_first_and_the_last_address_can_be_asked(address):
    assert isinstance(SHIPPED.told(ipaddress.ip_address(address)), Told)


def test_nothing_is_read_before_it_is_asked_for(tmp_path):
    with Locator(embedded=Embedded(tmp_path)) as locator:
        assert locator.locate("10.0.0.1", None).confidence is Confidence.NOT_APPLICABLE


@pytest.mark.parametrize("damaged", [TABLE, SOURCES])
@pytest.mark.parametrize("content", [None, b"", b"\xff{}", b'{"sources": []}'])
def test_a_missing_or_damaged_file_is_a_places_error_that_names_it(tmp_path, damaged, content):
    for name in (TABLE, SOURCES):
        (tmp_path / name).write_bytes((DATA / name).read_bytes())
    (tmp_path / damaged).unlink()
    if content is not None:
        (tmp_path / damaged).write_bytes(content)
    with pytest.raises(PlacesError, match=f"{damaged}: .*install flowwatch again"):
        Locator(embedded=Embedded(tmp_path)).locate("3.120.0.1", None)
