"""Country codes: which was meant, and which no location data can hold."""

import pytest

from flowwatch.policy import countries


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Germany", "did you mean 'DE', Germany?"),
        ("germny", "did you mean 'DE', Germany?"),
        ("gb", "did you mean 'GB', Britain (UK)?"),
        ("xa", "write 'XA'"),
        ("Korea", "did you mean 'KP', Korea (North) or 'KR', Korea (South)?"),
        ("islands", None),
        ("", None),
        ("Exland", None),
    ],
)
def test_what_was_meant(written, said):
    assert countries.meant(written) == said


def test_codes_left_to_users_and_registries_are_none_to_warn_of():
    assert all(map(countries.assigned, ("DE", "XA", "XZ", "QM", "AA", "ZZ", "EU", "AP")))
    assert not any(map(countries.assigned, ("UK", "YY", "QL", "xa", "XAA", "")))
