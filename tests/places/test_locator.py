"""Where an address is: precedence, fixed words of confidence, facts kept apart."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.model import Basis, Confidence, Fact
from flowwatch.places import Locator
from flowwatch.policy.match import Cidr
from flowwatch.policy.terms import PlaceFact
from tests.places.mmdb_writer import mmdb

HERE = "192.0.1.1"
"""An address that the registries neither set apart nor assign to anybody."""
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
