"""Records of every known schema say the same thing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.places.schemas import Said, from_record, vendor

MAXMIND_CITY = {
    "country": {"iso_code": "XA", "names": {"en": "Exampleland"}},
    "registered_country": {"iso_code": "XB"},
    "subdivisions": [{"iso_code": "07", "names": {"en": "County"}}],
    "city": {"names": {"en": "Sampleton"}},
    "location": {"accuracy_radius": 20, "latitude": 1.5},
    "traits": {"is_anycast": True},
}


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (
            MAXMIND_CITY,
            Said(country="XA", registered="XB", region="XA-07", city="Sampleton", radius_km=20, anycast=True),
        ),
        ({"country_code": "XA", "country": "Exampleland"}, Said(country="XA")),
        ({"country": "XA", "country_name": "Exampleland"}, Said(country="XA")),
        ({"country": "Exampleland"}, Said()),
        (
            {"country_code": "xa", "state1": "County", "city": "Sampleton"},
            Said(country="XA", region="County", city="Sampleton"),
        ),
        ({"country_code": "ZZ"}, Said()),
        ({"country_code": "EU"}, Said()),
        ({"country_code": "-"}, Said()),
        (
            {"autonomous_system_number": 64500, "autonomous_system_organization": "Example Net"},
            Said(asn="64500", organisation="Example Net"),
        ),
        (
            {"asn": "AS64500", "as_name": "Example Net", "country": "XA"},
            Said(country="XA", asn="64500", organisation="Example Net"),
        ),
        ({"asn": "AS0"}, Said()),
        ({"asn": 1 << 32}, Said()),
        ({"is_anycast": "false"}, Said(anycast=False)),
        ({"registered_country": {"iso_code": "XB"}}, Said(registered="XB")),
        ({"location": {"accuracy_radius": True}}, Said()),
        ([], Said()),
        (None, Said()),
    ],
)
def test_a_record_is_read_by_the_fields_it_has(record, said):
    assert from_record(record) == said


_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(),
        st.text(max_size=4),
        st.sampled_from(["XA"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.sampled_from(["iso_code", "code", "names", "en", "accuracy_radius", "is_anycast"]), inner),
    ),
    max_leaves=6,
)
_fields = [
    "country",
    "country_code",
    "city",
    "subdivisions",
    "asn",
    "traits",
    "location",
    "registered_country",
    "radius",
    "as",
]


@given(st.dictionaries(st.sampled_from(_fields), _values))
def test_no_record_raises_and_what_is_said_is_well_formed(record):
    said = from_record(record)
    assert said.country is None or (len(said.country) == 2 and said.country.isupper())
    assert said.asn is None or 0 < int(said.asn) < 1 << 32


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["GeoLite2-City"], "MaxMind"),
        (["GeoIP2-Enterprise"], "MaxMind"),
        (["DBIP-Country-Lite"], "DB-IP"),
        (["ip-location-db", "dbip-country (ip-location-db)"], "DB-IP"),
        (["ipinfo generic_country_free.mmdb"], "IPinfo"),
        (["IP2LITE-IP-COUNTRY"], "IP2Location"),
        (["own"], ""),
    ],
)
def test_the_vendor_is_told_by_type_or_description(words, name):
    assert vendor(words) == name
