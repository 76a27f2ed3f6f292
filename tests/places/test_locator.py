"""Where an address is: precedence, fixed words of confidence, facts kept apart."""

import functools
import ipaddress
import itertools
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.model import Basis, Confidence, Fact
from flowwatch.places import Locator as AnyLocator
from flowwatch.places.embedded import Embedded
from flowwatch.places.table import Region, file_of
from flowwatch.policy.match import Cidr
from flowwatch.policy.terms import PlaceFact
from tests.places.mmdb_writer import mmdb

HERE = "192.0.1.1"
"""An address that the registries do not set apart."""
Locator = functools.partial(AnyLocator, embedded=None)
MAXMIND = ("GeoLite2-Country", {"country": {"iso_code": "XA"}})
MAXMIND_CITY = ("GeoIP2-City", {"country": {"iso_code": "XA"}})
MAXMIND_ELSE = ("GeoLite2-City", {"country": {"iso_code": "XB"}})
DBIP = ("DBIP-Country", {"country_code": "XA"})
DBIP_ELSE = ("DBIP-Country", {"country_code": "XB"})
DBIP_ANYCAST = ("DBIP-Country", {"country_code": "XA", "is_anycast": True})
IPINFO = ("ipinfo", {"country": "XA"})
OWN = ("Own", {"country_code": "XA"})


def fact(cidr: str, **said) -> PlaceFact:
    return PlaceFact(cidr=Cidr.parse(cidr), **said)


@pytest.fixture
def databases(tmp_path):
    """Writes databases: {type: record for 192.0.1.0/24}, in order."""

    def write(*given: tuple[str, dict[str, Any]]) -> list[Path]:
        paths = [tmp_path / f"{number}.mmdb" for number in range(len(given))]
        for path, (kind, record) in zip(paths, given, strict=True):
            path.write_bytes(mmdb({"192.0.1.0/24": record}, kind))
        return paths

    return write


def confidence(paths, facts=(), address=HERE):
    with Locator(facts, paths) as locator:
        return locator.locate(address, None).confidence


def test_without_data_every_place_is_indeterminate_and_says_why():
    place = Locator().locate(HERE, None)
    assert (place.confidence, place.located, place.why) == (Confidence.INDETERMINATE, (), "no location data in use")
    assert (place.registered, place.asn, place.anycast) == ((), (), None)


@pytest.mark.parametrize("text", ["", "host.example", "1.2.3", "192.0.1.1/8"])
def test_text_that_is_no_address_is_indeterminate(text):
    assert Locator().locate(text, None).why == "not an IP address"


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ([MAXMIND], Confidence.SINGLE_SOURCE),
        ([MAXMIND, DBIP], Confidence.CORROBORATED),
        ([MAXMIND, DBIP_ELSE], Confidence.DISPUTED),
        ([MAXMIND, MAXMIND_CITY], Confidence.SINGLE_SOURCE),
        ([DBIP, OWN], Confidence.SINGLE_SOURCE),
        ([MAXMIND, MAXMIND_ELSE], Confidence.DISPUTED),
        ([DBIP_ANYCAST, IPINFO], Confidence.INDETERMINATE),
        ([("DBIP-ASN", {"asn": 64500})], Confidence.INDETERMINATE),
    ],
)
def test_confidence_is_a_fixed_word_by_a_fixed_rule(databases, given, word):
    assert confidence(databases(*given)) is word


def test_the_order_of_databases_changes_no_confidence(databases):
    words = {confidence(databases(*order)) for order in itertools.permutations([MAXMIND, OWN, IPINFO])}
    assert words == {Confidence.CORROBORATED}


def test_disputed_places_are_all_shown_with_their_source_and_date(databases):
    with Locator((), databases(DBIP_ELSE, IPINFO)) as locator:
        place = locator.locate(HERE, None)
    assert place.countries == ("XB", "XA")
    assert [(one.source, one.basis, one.source_date) for one in place.located] == [
        ("DBIP-Country", Basis.DATABASE, "2026-09-21"),
        ("ipinfo", Basis.DATABASE, "2026-09-21"),
    ]
    assert place.why == "databases differ: DBIP-Country says XB, ipinfo says XA"


def test_registration_and_operator_are_told_apart_and_never_stand_for_a_location(databases):
    record = {"registered_country": {"iso_code": "XB"}}
    asn = {"autonomous_system_number": 64500, "autonomous_system_organization": "Example Net"}
    with Locator((), databases(("GeoLite2-Country", record), ("GeoLite2-ASN", asn))) as locator:
        place = locator.locate(HERE, None)
    assert (place.located, place.confidence) == ((), Confidence.INDETERMINATE)
    assert place.registered == (Fact("XB", "GeoLite2-Country"),)
    assert place.asn == (Fact("64500", "GeoLite2-ASN"),)
    assert place.organisation == (Fact("Example Net", "GeoLite2-ASN"),)


def test_the_policy_beats_the_special_table_which_beats_databases(databases, tmp_path):
    paths = databases(DBIP_ELSE)
    (tmp_path / "d.mmdb").write_bytes(mmdb({"192.0.2.0/24": {"country_code": "XB", "asn": 64500}}, "ipinfo"))
    paths.append(tmp_path / "d.mmdb")
    with Locator((), paths) as locator:
        place = locator.locate("192.0.2.1", None)
        assert (place.confidence, place.located, place.asn) == (Confidence.NOT_APPLICABLE, (), ())
    with Locator([fact("192.0.2.0/24", country="XA"), fact("192.0.1.0/24", country="XA")], paths) as locator:
        for address in ("192.0.2.1", HERE):
            place = locator.locate(address, None)
            assert (place.countries, place.confidence) == (("XA",), Confidence.STATED)
            assert place.located[0].basis is Basis.OPERATOR


def test_what_the_policy_leaves_open_databases_still_say(databases):
    paths = databases(("DBIP-City", {"country_code": "XA", "asn": 64500}))
    with Locator([fact("192.0.1.0/24", organisation="Own words")], paths) as locator:
        place = locator.locate(HERE, None)
    assert place.organisation == (Fact("Own words", "policy"),)
    assert place.asn == (Fact("64500", "DBIP-City"),)
    assert place.confidence is Confidence.SINGLE_SOURCE


def test_the_longest_prefix_that_says_something_decides_for_each_fact():
    facts = [
        fact("10.0.0.0/8", country="XA", asn=64500),
        fact("10.1.0.0/16", country="XB"),
        fact("10.1.1.0/24", asn=64501),
    ]
    for order in itertools.permutations(facts):
        place = Locator(order).locate("10.1.1.1", None)
        assert (place.countries, place.asn) == (("XB",), (Fact("64501", "policy"),))


def test_facts_differ_by_date_and_hold_until_before_their_end():
    locator = Locator([fact("10.0.0.0/8", country="XA", until=100), fact("10.0.0.0/8", country="XB", from_=100)])
    assert [locator.locate("10.0.0.1", at).countries for at in (99, 100, 0)] == [("XA",), ("XB",), ("XA",)]
    undated = locator.locate("10.0.0.1", None)
    assert undated.confidence is Confidence.DISPUTED
    assert set(undated.countries) == {"XA", "XB"}


def test_anycast_stated_without_a_place_leaves_it_indeterminate(databases):
    paths = databases(DBIP)
    with Locator([fact("192.0.1.0/24", anycast=True)], paths) as locator:
        place = locator.locate(HERE, None)
    assert (place.anycast, place.confidence, place.countries) == (True, Confidence.INDETERMINATE, ("XA",))
    with Locator([fact("192.0.1.0/24", anycast=False)], paths) as locator:
        assert locator.locate(HERE, None).confidence is Confidence.SINGLE_SOURCE


@pytest.mark.parametrize("address", ["::ffff:192.0.1.1", "64:ff9b::c000:101", "2002:c000:101::", "2001::3fff:fefe"])
def test_an_inner_address_is_looked_up_and_this_is_said(databases, address):
    with Locator((), databases(DBIP)) as locator:
        place = locator.locate(address, None)
    assert (place.inner, place.countries, place.special) == (HERE, ("XA",), None)
    assert f"address of {HERE}: only DBIP-Country says so" in place.why


def test_an_inner_address_may_be_special_or_stated_itself():
    place = Locator().locate("::ffff:192.168.0.1", None)
    assert (place.special, place.confidence) == ("Private-Use", Confidence.NOT_APPLICABLE)
    facts = [fact("192.168.0.0/16", country="XA"), fact("2002:c0a8::/32", country="XB")]
    assert Locator(facts).locate("::ffff:192.168.0.1", None).countries == ("XA",)
    assert Locator(facts).locate("2002:c0a8:1::1", None).countries == ("XB",)


def test_a_special_address_says_which_block_it_is_in():
    place = Locator().locate("fe80::1%eth0", None)
    assert (place.special, place.why) == ("Link-Local Unicast", "special-purpose address: Link-Local Unicast, RFC 4291")


_facts = st.lists(
    st.builds(
        lambda prefix, country, begins, lasts: fact(
            f"{'10.0.0.0' if prefix < 32 else '10.0.0.1'}/{prefix}", country=country, from_=begins, until=begins + lasts
        ),
        st.sampled_from([8, 16, 24, 32]),
        st.sampled_from(["XA", "XB", "XC"]),
        st.integers(0, 9),
        st.integers(1, 9),
    ),
    max_size=6,
)


@given(_facts, st.integers(0, 20))
def test_facts_at_a_time_are_those_of_a_reference_that_looks_at_each(facts, at):
    place = Locator(facts).locate("10.0.0.1", at)
    live = [one for one in facts if (one.from_ or 0) <= at < (one.until or 0)]
    longest = max((one.cidr.prefix for one in live), default=None)
    assert set(place.countries) == {one.country for one in live if one.cidr.prefix == longest}


@given(_facts, st.lists(st.one_of(st.none(), st.integers(0, 20)), max_size=8))
def test_what_was_asked_before_changes_no_answer(facts, times):
    locator = Locator(facts)
    for at in times:
        assert locator.locate("10.0.0.1", at) == Locator(facts).locate("10.0.0.1", at)


SOURCES = [
    {
        "kind": kind,
        "source": name,
        "version": "1",
        "date": "2026-11-01",
        "sha256": "0" * 64,
        "licence": "",
        "attribution": "",
    }
    for kind, name in [
        ("provider", "Ranges"),
        ("location", "Lite"),
        ("network", "Numbers"),
        ("registration", "Registry"),
    ]
]


@pytest.fixture
def located(tmp_path, databases):
    """The Place of an address under an embedded table that says one thing of 192.0.1.0/24, beside databases."""
    start, end = int(ipaddress.ip_address("192.0.1.0")), int(ipaddress.ip_address("192.0.2.0"))

    def locate(*given, region=None, country="XA", facts=()):
        values = {"provider4": 1 if region else 0, "country4": 1 if country else 0, "registered4": 2, "asn4": 64500}
        ranges = {name: [(start, value), (end, 0)] for name, value in values.items()}
        content = file_of(
            (country or "", "XR"), (region,) if region else (), ranges, {"organisation": {64500: "Example Net"}}
        )
        (tmp_path / "places.bin").write_bytes(content)
        (tmp_path / "sources.json").write_bytes(msgspec.json.encode({"sources": SOURCES}))
        with AnyLocator(facts, databases(*given), embedded=Embedded(tmp_path)) as locator:
            return locator.locate(HERE, None)

    return locate


EAST = Region(provider="example", name="xa-east-1", country="XA")
ABROAD = Region(provider="example", name="xa-east-1", country="XA", elsewhere=("XB",))


def test_the_embedded_table_alone_is_one_source_with_its_date_and_digest(located):
    place = located()
    (one,) = place.located
    assert (one.country, one.basis, one.source, one.source_date) == ("XA", Basis.EMBEDDED, "Lite", "2026-11-01")
    assert (one.source_sha256, one.provider) == ("0" * 64, None)
    assert (place.confidence, place.why) == (Confidence.SINGLE_SOURCE, "only Lite says so")
    assert place.registered == (Fact("XR", "Registry"),)
    assert (place.asn, place.organisation) == ((Fact("64500", "Numbers"),), (Fact("Example Net", "Numbers"),))
    assert place.anycast is None


@pytest.mark.parametrize(
    ("given", "word", "countries"),
    [
        ([MAXMIND], Confidence.CORROBORATED, ("XA",)),
        ([("GeoLite2-Country", {"country": {"iso_code": "XB"}})], Confidence.DISPUTED, ("XB", "XA")),
        ([DBIP], Confidence.SINGLE_SOURCE, ("XA",)),
        ([DBIP_ELSE], Confidence.SINGLE_SOURCE, ("XB",)),
        ([OWN], Confidence.SINGLE_SOURCE, ("XA",)),
        ([DBIP_ANYCAST], Confidence.INDETERMINATE, ("XA",)),
        ([DBIP, MAXMIND], Confidence.CORROBORATED, ("XA",)),
    ],
)
def test_the_embedded_country_counts_beside_databases_but_not_beside_its_own_vendors(located, given, word, countries):
    place = located(*given)
    assert (place.confidence, place.countries) == (word, countries)


def test_a_registration_of_the_same_country_supports_no_location(located):
    assert located(country=None).confidence is Confidence.INDETERMINATE
    record = {"country": {"iso_code": "XA"}, "registered_country": {"iso_code": "XR"}}
    assert located(("GeoLite2-Country", record), country=None).confidence is Confidence.SINGLE_SOURCE


@pytest.mark.parametrize("given", [[], [DBIP_ELSE], [MAXMIND, DBIP_ELSE]])
def test_a_providers_region_stands_alone_whatever_databases_say(located, given):
    place = located(*given, region=EAST, country="XB")
    (one,) = place.located
    assert (one.country, one.provider, one.provider_region) == ("XA", "example", "xa-east-1")
    assert (one.basis, one.source, one.source_date) == (Basis.PROVIDER_REGION, "Ranges", "2026-11-01")
    assert (place.confidence, place.why) == (Confidence.STATED, "published by example: xa-east-1")
    assert place.registered == (Fact("XR", "Registry"),)


def test_the_operator_beats_the_providers_region(located):
    place = located(region=EAST, facts=[fact("192.0.1.0/24", country="XC")])
    assert (place.countries, place.located[0].basis) == (("XC",), Basis.OPERATOR)


def test_an_edge_range_has_a_provider_and_no_place_and_says_why(located):
    place = located(MAXMIND, region=Region(provider="example", edge="cdn"))
    assert [(one.country, one.provider, one.precision) for one in place.located] == [(None, "example", "edge")]
    assert place.confidence is Confidence.INDETERMINATE
    assert place.why == "edge range of example (cdn): its place is not published"


@pytest.mark.parametrize(
    ("region", "why"),
    [
        (Region(provider="example"), "example publishes no region of the range; only Lite says so"),
        (Region(provider="example", name="xz-9"), "example xz-9 is in no table of regions; only Lite says so"),
    ],
)
def test_a_range_without_a_known_country_keeps_its_provider_and_leaves_the_place_to_databases(located, region, why):
    place = located(region=region)
    assert [(one.provider, one.country) for one in place.located] == [("example", None), (None, "XA")]
    assert (place.confidence, place.why) == (Confidence.SINGLE_SOURCE, why)


def test_a_region_with_untold_zones_abroad_is_disputed_where_a_database_names_one(located):
    place = located(region=ABROAD, country="XB")
    assert (place.countries, place.confidence) == (("XA", "XB"), Confidence.DISPUTED)
    assert "local zones abroad" in place.why
    for country in ("XA", "XC", None):
        assert located(region=ABROAD, country=country).confidence is Confidence.STATED


def test_the_reference_lists_databases_then_each_embedded_source(databases):
    with AnyLocator((), databases(MAXMIND)) as locator:
        assert [one.kind for one in locator.reference] == [
            "location",
            "provider",
            "location",
            "network",
            "registration",
        ]
    assert Locator().reference == ()


def test_the_stamp_changes_with_the_data_and_with_the_policy_s_facts(databases):
    fact, other = (PlaceFact(cidr=Cidr.parse("198.51.100.0/24"), asn=asn) for asn in (64500, 64501))
    data = databases(MAXMIND)
    stamps = []
    for facts, bodies in (((), ()), ((fact,), ()), ((other,), ()), ((fact, other), ()), ((), data)):
        with Locator(facts, bodies) as locator, Locator(facts[::-1], bodies) as again:
            assert locator.stamp == again.stamp
            stamps.append(locator.stamp)
    assert len(set(stamps)) == len(stamps)
    assert stamps[0].startswith("undated/")
