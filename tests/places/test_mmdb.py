"""The operator's MMDB files: both kinds of schema, every record size, and damage."""

import hashlib
import ipaddress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowwatch.errors import PlacesError
from flowwatch.places.mmdb import Database
from flowwatch.places.schemas import Said
from tests.places.mmdb_writer import mmdb

CITY = {
    "country": {"iso_code": "XA"},
    "registered_country": {"iso_code": "XB"},
    "city": {"names": {"en": "Sampleton"}},
    "location": {"accuracy_radius": 20},
}
FLAT = {"country_code": "XA", "country": "Exampleland"}
ASN = {"autonomous_system_number": 64500, "autonomous_system_organization": "Example Net"}
ADDRESS = ipaddress.ip_address("198.51.100.1")
IPV6 = ipaddress.ip_address("2001:db8::1")


def database(folder: Path, *given, name="x.mmdb", **meta) -> Database:
    (folder / name).write_bytes(mmdb(*given, **meta))
    return Database(folder / name)


@pytest.mark.parametrize("size", [24, 28, 32])
@pytest.mark.parametrize(("kind", "record"), [("GeoLite2-City", CITY), ("DBIP-City", CITY), ("Own-Country", FLAT)])
def test_nested_and_flat_schemas_of_every_record_size_are_read(tmp_path, size, kind, record):
    with database(tmp_path, {"198.51.100.0/24": record, "2001:db8::/32": record}, kind, size=size) as one:
        for address in (ADDRESS, IPV6):
            said = one.said(address)
            assert said is not None
            assert said.country == "XA"
            assert said.registered == ("XB" if record is CITY else None)
        assert one.said(ipaddress.ip_address("203.0.113.1")) is None


@pytest.mark.parametrize("kind", ["GeoLite2-ASN", "DBIP-ASN-Lite", "Own"])
def test_networks_are_read_through_models_and_raw_alike(tmp_path, kind):
    with database(tmp_path, {"198.51.100.0/24": ASN}, kind) as one:
        assert one.said(ADDRESS) == Said(asn="64500", organisation="Example Net")


def test_narrower_networks_win_and_an_ipv4_database_knows_no_ipv6(tmp_path):
    given = {"198.51.100.0/24": FLAT, "198.51.100.0/28": {"country_code": "XB"}}
    with database(tmp_path, given, ip_version=4) as one:
        told = [one.said(ipaddress.ip_address(text)) for text in ("198.51.100.1", "198.51.100.77", "2001:db8::1")]
        assert [said and said.country for said in told] == ["XB", "XA", None]


def test_maxminds_models_say_false_of_anycast_where_they_know_nothing(tmp_path):
    known = CITY | {"traits": {"is_anycast": True}}
    with database(tmp_path, {"198.51.100.0/24": CITY, "203.0.113.0/24": known}, "GeoIP2-City") as one:
        told = [one.said(ipaddress.ip_address(text)) for text in ("198.51.100.1", "203.0.113.1")]
        assert [said and said.anycast for said in told] == [None, True]


def test_a_city_is_told_only_with_its_radius(tmp_path):
    with database(tmp_path, {"198.51.100.0/24": FLAT}) as one:
        assert one.candidate(Said(country="XA", city="Sampleton")).city is None  # type: ignore[union-attr]
        with_radius = one.candidate(Said(country="XA", city="Sampleton", radius_km=9))
        assert with_radius is not None
        assert (with_radius.city, with_radius.precision) == ("Sampleton", "city")


def test_the_reference_names_the_database_its_date_digest_and_attribution(tmp_path):
    with database(tmp_path, {"198.51.100.0/24": FLAT}, "DBIP-Country-Lite", build_epoch=1_793_577_600) as one:
        told = one.reference
        assert (told.name, told.kind, told.date) == ("DBIP-Country-Lite", "location", "2026-11-02")
        assert told.sha256 == hashlib.sha256((tmp_path / "x.mmdb").read_bytes()).hexdigest()
        assert told.attribution == "IP Geolocation by DB-IP (https://db-ip.com), CC BY 4.0"
        candidate = one.candidate(Said(country="XA"))
        assert candidate is not None
        assert (candidate.source_date, candidate.source_sha256) == (told.date, told.sha256)


def test_a_paid_edition_asks_for_no_attribution(tmp_path):
    with database(tmp_path, {"198.51.100.0/24": CITY}, "GeoIP2-City") as one:
        assert one.reference.attribution is None


@pytest.mark.parametrize("content", [b"", b"not a database", b"\xab\xcd\xefMaxMind.com", bytes(4096)])
def test_what_is_no_database_is_a_places_error_that_names_the_file(tmp_path, content):
    (tmp_path / "x.mmdb").write_bytes(content)
    with pytest.raises(PlacesError, match=r"x\.mmdb: .*fetch it again"):
        Database(tmp_path / "x.mmdb")


def test_what_is_no_database_is_told_in_words_of_no_program(tmp_path):
    odd = tmp_path / "odd.mmdb"
    odd.write_bytes(b"no database")
    with pytest.raises(PlacesError) as told:
        Database(odd)
    assert "<class" not in str(told.value)


def test_a_missing_file_and_a_folder_are_places_errors(tmp_path):
    for path in (tmp_path / "none.mmdb", tmp_path):
        with pytest.raises(PlacesError, match="cannot be read"):
            Database(path)


@pytest.mark.parametrize(
    "meta", [{"build_epoch": 1 << 62}, {"record_size": 7}, {"node_count": 1 << 30}, {"description": "x"}]
)
def test_strange_metadata_never_escapes_as_another_error(tmp_path, meta):
    (tmp_path / "x.mmdb").write_bytes(mmdb({"198.51.100.0/24": FLAT}, **meta))
    _look_up(tmp_path / "x.mmdb")


@pytest.mark.parametrize("record", [{"country": "XA"}, {"country": ["XA"]}, {"traits": "x"}, "text", ["list"], 7])
@pytest.mark.parametrize("kind", ["GeoLite2-Country", "GeoLite2-City", "GeoIP2-ISP"])
def test_a_record_the_models_do_not_expect_is_damage_or_nothing(tmp_path, kind, record):
    (tmp_path / "x.mmdb").write_bytes(mmdb({"198.51.100.0/24": record}, kind))
    _look_up(tmp_path / "x.mmdb")


_SOUND = [
    mmdb({"198.51.100.0/24": CITY, "2001:db8::/32": CITY}, "GeoLite2-City"),
    mmdb({"198.51.100.0/24": FLAT | ASN}, "Own"),
]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(_SOUND),
    st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=8),
    st.one_of(st.none(), st.integers(0, 1 << 16)),
)
def test_a_damaged_database_raises_nothing_but_a_places_error(tmp_path, sound, changes, cut):
    content = bytearray(sound)
    for place, value in changes:
        content[place % len(content)] = value
    (tmp_path / "x.mmdb").write_bytes(content[: None if cut is None else cut % len(content)])
    _look_up(tmp_path / "x.mmdb")


def _look_up(path: Path) -> None:
    try:
        with Database(path) as one:
            for address in (ADDRESS, ipaddress.ip_address("203.0.113.1"), IPV6):
                one.said(address)
            assert one.reference.path == str(path)
    except PlacesError as error:
        assert str(path) in str(error)  # noqa: PT017 - either outcome is right
