"""A declared sensor of which nothing was read is told, once, and only of a version in force."""

import pytest

from flowwatch.judge import judge
from flowwatch.model import Coverage, Place

SENSORS = """
[[sensor]]
id = "tap-1"
sources = ["county/**"]
sees = ["precincts"]
[[sensor]]
id = "tap-2"
sources = ["centre/**"]
sees = ["collection"]
"""


@pytest.fixture
def told(make):
    def run(*sources, header="", more="", **changes):
        policies = make.court(make.BASE.replace('version = "1"', f'version = "1"\n{header}') + SENSORS + more).policies
        fields = {"records": 1, "used": 1, "first": make.NOON, "last": make.NOON} | changes
        coverage = [Coverage(source=one, **fields) for one in sources]
        found = judge((), (), policies, lambda at, _: Place(address=at), coverage).findings
        assert all(one.severity == "info" and one.verdict == "indeterminate" and one.remedy for one in found)
        return [one.title for one in found]

    return run


def test_each_sensor_of_which_nothing_was_read_is_told(told):
    assert told("county/a.pcap") == [
        "sensor tap-2 (sees collection): nothing that was read was recorded by this declared sensor"
    ]
    assert told("county/a.pcap", "centre/b.pcap") == []
    assert len(told("elsewhere.pcap")) == 2


def test_an_empty_file_is_no_recording_and_of_an_empty_recording_nothing_is_said(told):
    assert told() == []
    assert told("county/a.pcap", records=0, first=None, last=None) == []


def test_a_version_that_was_not_in_force_declares_nothing(told):
    assert told("county/a.pcap", header="valid_from = 2026-11-04T00:00:00Z") == []
    assert told("county/a.pcap", header="valid_until = 2026-11-03T00:00:00Z") == []
    assert len(told("county/a.pcap", header="valid_from = 2026-11-03T12:00:00Z")) == 1
