import math
from importlib.resources import files

import msgspec
import pytest

from flowwatch.model import Basis, Candidate, Confidence, Group, Place, Verdict
from flowwatch.reports import world


def located(*countries, confidence=Confidence.SINGLE_SOURCE):
    candidates = tuple(Candidate(country=one, basis=Basis.DATABASE, source="x") for one in countries)
    return Place(address="203.0.113.9", located=candidates, confidence=confidence)


@pytest.fixture
def there(rich):
    def made(*countries, **change):
        confidence = Confidence.DISPUTED if len(countries) > 1 else Confidence.SINGLE_SOURCE
        change = {"place": located(*countries, confidence=confidence)} | change
        return msgspec.structs.replace(rich.destinations[-1], **change)

    return made


def marks(*destinations):
    drawn = world.drawn(destinations)
    return {one.code or one.name: one for one in (*drawn.placed, *drawn.unplaced)}


def test_every_destination_is_told_at_each_of_its_countries_or_with_why_it_has_none(rich):
    found = marks(*rich.destinations)
    assert {name: one.destinations for name, one in found.items()} == {
        "XA": 1,
        "XB": 1,
        "XC": 1,
        "could not be located": 1,
        "known to a proxy by name only": 1,
        "not looked up": 1,
    }
    assert all(one.at is None for one in found.values())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"place": None}, "not looked up"),
        ({"place": None, "via": "squid", "asked": "up.example"}, "known to a proxy by name only"),
        ({"place": located(), "zone": "branch"}, "in a zone of the policy"),
        ({"place": located(confidence=Confidence.NOT_APPLICABLE)}, "special-purpose addresses"),
        ({"place": located(confidence=Confidence.INDETERMINATE)}, "could not be located"),
    ],
)
def test_what_has_no_country_says_why(there, change, why):
    assert list(marks(there(**change))) == [why]


def test_a_disputed_destination_is_counted_at_every_candidate_and_marked(there):
    found = marks(there("DE", "FR"), there("FR"))
    assert (found["DE"].disputed, found["DE"].destinations) == (1, 1)
    assert (found["FR"].disputed, found["FR"].destinations) == (1, 2)


def test_a_country_is_marked_by_its_worst_verdict_and_counts_all(there):
    found = marks(there("SE"), there("SE", worst=Verdict.UNAPPROVED), there("SE", worst=Verdict.INDETERMINATE))["SE"]
    assert found.group is Group.VIOLATES
    assert found.groups == {Group.CONFORMS: 1, Group.VIOLATES: 1, Group.CANNOT_TELL: 1}


def test_small_states_and_codes_without_a_shape_are_dots_and_unknown_codes_are_beside(there):
    found = marks(*(there(code) for code in ("NO", "MT", "GI", "XA", "EU", "??")))
    assert {code: (one.at is not None, bool(one.shape)) for code, one in found.items()} == {
        "NO": (True, True),
        "MT": (True, False),
        "GI": (True, False),
        "XA": (False, False),
        "EU": (False, False),
        "??": (False, False),
    }
    assert found["XA"].name == "user-assigned code"
    assert found["EU"].name == "a code the map does not know"


def test_circles_grow_with_the_root_of_the_bytes(there):
    found = marks(there("SE", bytes_sent=0), there("NO", bytes_sent=250_000), there("FI", bytes_sent=1_000_000))
    least, half, most = (found[code].radius for code in ("SE", "NO", "FI"))
    assert half - least == pytest.approx((most - least) / 2, abs=0.06)
    assert marks(there("SE", bytes_sent=0))["SE"].radius == least


def test_no_code_is_written_over_a_circle_or_another_code(there):
    codes = ["NL", "BE", "LU", "DE", "FR", "CH", "AT", "CZ", "US", "BR"]
    placed = world.drawn([there(code, bytes_sent=10**at) for at, code in enumerate(codes)]).placed
    assert {one.code for one in placed if one.label is not None} >= {"US", "BR"}
    for one in placed:
        for other in placed:
            if one is not other and one.label is not None and one.at and other.at:
                near = one.at[0] + one.label
                far = near + math.copysign(18, one.label)
                left, right = min(near, far), max(near, far)
                apart = right <= other.at[0] - other.radius or left >= other.at[0] + other.radius
                assert apart or abs(one.at[1] - other.at[1]) >= 7 + other.radius


def test_the_shapes_name_their_source_and_every_centre_is_on_the_map():
    shapes = world._world()
    assert "Natural Earth" in shapes.source
    assert shapes.licence == "public domain"
    centres = [(x, y) for _, x, y, _, _ in shapes.countries.values()]
    centres += [(x, y) for _, x, y in shapes.points.values()]
    assert all(0 <= x <= shapes.w and 0 <= y <= shapes.h for x, y in centres)


def test_every_country_code_in_use_has_a_shape_or_a_point():
    tzdata = pytest.importorskip("tzdata")
    lines = (files(tzdata) / "zoneinfo" / "iso3166.tab").read_text("utf-8").splitlines()
    codes = {line.split("\t")[0] for line in lines if line and not line.startswith("#")}
    shapes = world._world()
    assert codes <= shapes.countries.keys() | shapes.points.keys()
