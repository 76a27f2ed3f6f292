"""Many conforming addresses of one server are one line; what does not conform keeps its own."""

import io

import msgspec
import pytest

from flowwatch.model import Place, Verdict
from flowwatch.reports import write_text
from flowwatch.reports.gathered import APART_MOST, gathered


@pytest.fixture
def approved(rich):
    """Addresses of one server, all approved, at one place."""
    one = next(one for one in rich.destinations if one.worst is Verdict.APPROVED)
    one = msgspec.structs.replace(one, server="network", via=None, asked=None, bytes_sent=10, bytes_most=10)

    def make(count, **changes):
        places = (Place(address=f"203.0.113.{n}") for n in range(count))
        return [
            msgspec.structs.replace(one, **({"address": place.address, "place": place} | changes)) for place in places
        ]

    return make


def test_from_more_than_three_on_they_are_one_line_with_their_sums(approved):
    assert [line.addresses for line in gathered(approved(APART_MOST))] == [1] * APART_MOST
    (line,) = gathered(approved(APART_MOST + 1))
    told = line.told
    assert (told.address, line.addresses, told.bytes_sent) == ("4 addresses", 4, 40)
    assert told.transmissions == 4 * approved(1)[0].transmissions
    assert told.place is not None


def test_other_ways_and_what_does_not_conform_stay_apart(approved):
    assert [line.addresses for line in gathered([*approved(9), *approved(2, port=22)])] == [9, 1, 1]
    assert len(gathered(approved(9, worst=Verdict.UNAPPROVED))) == 9
    assert len(gathered(approved(9, server=None))) == 9


def test_a_place_that_is_not_the_same_is_not_told_as_theirs(approved):
    places = approved(5)
    other = Place(address="203.0.113.0", special="elsewhere")
    mixed = [msgspec.structs.replace(places[0], place=other), *places[1:]]
    assert gathered(mixed)[0].told.place is None


def test_the_screen_counts_what_stands_behind_its_lines(rich, approved):
    report = msgspec.structs.replace(rich, destinations=(*approved(48), *approved(45, worst=Verdict.UNAPPROVED)))
    file = io.BytesIO()
    write_text(report, file)
    shown = file.getvalue().decode()
    assert "48 addresses" in shown
    assert "... and 6 more" in shown
