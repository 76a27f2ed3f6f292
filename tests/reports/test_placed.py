from flowwatch.model import Fact, Place
from flowwatch.reports import placed


def test_the_three_facts_of_a_place_are_never_merged():
    place = Place(address="192.0.2.1", registered=(Fact("XB", "db"),), asn=(Fact("64500", "db"),))
    assert placed.place(place) == "located indeterminate; registered XB; operated AS64500"
    assert placed.place(None) == "not looked up"
