"""Expectations of country, region and AS: they never approve, and fail only on well founded data."""

import pytest

from flowwatch.model import Basis, Confidence, Fact
from flowwatch.places import Locator

EXPECT = "expect = { countries = ['XA', 'XB'] }\n"
UNPROVEN = ("indeterminate", "location.unproven")
DIFFERS = ("deviation", "location.country_unexpected")
HOLDS = ("approved", "channel.approved")


def _told(make, place, expect=EXPECT, defaults=""):
    text = make.PRIMARY.replace("[[channel]]", expect + "[[channel]]") + defaults
    return make.court(text, locate=lambda _address, _at: place).told(make.sent())


@pytest.mark.parametrize(
    ("expected", "countries", "changes"),
    [
        (HOLDS, ["XA"], {}),
        (HOLDS, ["XA", "XB"], {"confidence": Confidence.DISPUTED}),
        (HOLDS, ["XA"], {"confidence": Confidence.SINGLE_SOURCE, "source_date": "2020-01-01"}),
        (DIFFERS, ["XC"], {}),
        (DIFFERS, ["XC"], {"source_date": "2026-09-19"}),
        (UNPROVEN, ["XC"], {"source_date": "2026-09-18"}),
        (UNPROVEN, ["XC"], {"source_date": "2026-12-19"}),
        (UNPROVEN, ["XC"], {"source_date": None}),
        (UNPROVEN, ["XC"], {"source_date": "soon"}),
        (DIFFERS, ["XC"], {"source_date": None, "basis": Basis.OPERATOR, "confidence": Confidence.STATED}),
        (UNPROVEN, ["XC"], {"confidence": Confidence.SINGLE_SOURCE}),
        (DIFFERS, ["XC", "XD"], {"confidence": Confidence.DISPUTED}),
        (UNPROVEN, ["XA", "XC"], {"confidence": Confidence.DISPUTED}),
        (UNPROVEN, ["XC", None], {}),
        (HOLDS, [None, "XA"], {"confidence": Confidence.SINGLE_SOURCE}),
        (UNPROVEN, ["XA"], {"confidence": Confidence.INDETERMINATE}),
        (UNPROVEN, ["XC"], {"confidence": Confidence.INDETERMINATE}),
        (UNPROVEN, [], {"confidence": Confidence.INDETERMINATE}),
        (UNPROVEN, [], {"confidence": Confidence.NOT_APPLICABLE}),
    ],
)
def test_country(make, expected, countries, changes):
    assert _told(make, make.place(*countries, **changes)) == expected


def test_one_expected_candidate_is_enough_under_any(make):
    place = make.place("XA", "XC", confidence=Confidence.DISPUTED)
    assert _told(make, place, defaults='[defaults]\nlocations = "any"\n') == HOLDS


def test_an_unknown_location_may_be_only_noted(make):
    place = make.place()
    text = make.PRIMARY.replace("[[channel]]", EXPECT + "[[channel]]") + '[defaults]\nunknown_location = "note"\n'
    court = make.court(text, locate=lambda _address, _at: place)
    assert court.told(make.sent()) == HOLDS
    assert court.notes(make.sent()) == ("location.unproven",)


def test_an_expected_place_never_approves(make):
    place = make.place("XA")
    court = make.court(make.PRIMARY.replace("[[channel]]", EXPECT + "[[channel]]"), locate=lambda _address, _at: place)
    assert court.told(make.sent(receiver_ip="203.0.113.9", names=()))[0] == "unapproved"


@pytest.mark.parametrize(
    ("expected", "provider", "region"),
    [
        ("approved", "cloudco", "xa-east-1"),
        ("deviation", "cloudco", "xc-west-1"),
        ("deviation", "other", "xa-east-1"),
        ("indeterminate", "cloudco", None),
        ("indeterminate", None, None),
    ],
)
def test_region(make, expected, provider, region):
    expect = "expect = { cloud = { provider = 'cloudco', regions = ['xa-east-1'] } }\n"
    stated = {"basis": Basis.PROVIDER_REGION, "confidence": Confidence.STATED}
    place = make.place("XA", provider=provider, provider_region=region, **stated)
    assert _told(make, place, expect)[0] == expected


@pytest.mark.parametrize(
    ("expected", "provider"), [("approved", "cloudco"), ("deviation", "other"), ("indeterminate", None)]
)
def test_a_provider_without_regions_is_expected_in_any_of_them(make, expected, provider):
    stated = {"basis": Basis.PROVIDER_REGION, "confidence": Confidence.STATED}
    place = make.place("XA", provider=provider, provider_region="xa-east-1", **stated)
    assert _told(make, place, "expect = { cloud = { provider = 'cloudco' } }\n")[0] == expected


@pytest.mark.parametrize(("country", "expected"), [("XA", "approved"), ("XB", "deviation")])
def test_the_operators_own_facts_tell_provider_and_region(make, country, expected):
    text = make.PRIMARY.replace(
        "[[channel]]", "expect = { cloud = { provider = 'cloudco', regions = ['xa-east-1'] } }\n[[channel]]"
    )
    region = f"{country.lower()}-east-1"
    text += f'[[place]]\ncidr = "198.51.100.20/32"\nprovider = "cloudco"\nprovider_region = "{region}"\n'
    with Locator(make.court(text).policies.versions[0].places) as locator:
        assert make.court(text, locate=locator.locate).told(make.sent())[0] == expected


@pytest.mark.parametrize(
    ("expected", "facts", "confidence"),
    [
        ("approved", [("64500", "db")], Confidence.SINGLE_SOURCE),
        ("deviation", [("64501", "policy")], Confidence.INDETERMINATE),
        ("indeterminate", [("64501", "db")], Confidence.CORROBORATED),
        ("indeterminate", [("64501", "db"), ("64501", "undated")], Confidence.CORROBORATED),
        ("indeterminate", [("64500", "db"), ("64501", "policy")], Confidence.CORROBORATED),
        ("indeterminate", [], Confidence.STATED),
    ],
)
def test_asn(make, expected, facts, confidence):
    place = make.place("XA", asn=tuple(Fact(*one) for one in facts), confidence=confidence)
    assert _told(make, place, "expect = { asns = [64500] }\n")[0] == expected


def test_the_operators_own_facts_are_named_as_places_names_them(make):
    text = make.PRIMARY.replace("[[channel]]", "expect = { asns = [64500] }\n[[channel]]")
    text += '[[place]]\ncidr = "198.51.100.20/32"\nasn = 64501\n'
    with Locator(make.court(text).policies.versions[0].places) as locator:
        told = make.court(text, locate=locator.locate).told(make.sent())
    assert told == ("deviation", "location.asn_unexpected")
