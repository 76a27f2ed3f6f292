"""Known anycast services, and nothing said of the rest."""

import ipaddress

import pytest

from flowwatch.places.anycast import known_anycast
from flowwatch.places.data import rows_of
from flowwatch.places.table import Region


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("198.41.0.4", "root server a"),
        ("2001:dc3::35", "root server m"),
        ("1.1.1.1", "Cloudflare DNS"),
        ("8.8.8.8", "Google Public DNS"),
        ("2620:fe::fe", "Quad9"),
        ("198.41.0.5", None),
        ("3.120.0.1", None),
        ("::808:808", None),
    ],
)
def test_a_known_service_is_named_and_the_rest_is_unknown(address, what):
    assert known_anycast(ipaddress.ip_address(address), None) == what


def test_all_thirteen_root_servers_are_there_by_both_versions():
    rows = [(row["what"], ipaddress.ip_network(row["cidr"]).version) for row in rows_of("anycast.csv")]
    for letter in "abcdefghijklm":
        assert [version for what, version in rows if what == f"root server {letter}"] == [4, 6]


@pytest.mark.parametrize(
    ("region", "what"),
    [
        (Region(provider="cloudflare", edge="cdn"), "cloudflare cdn"),
        (Region(provider="aws", edge="GLOBALACCELERATOR"), "aws GLOBALACCELERATOR"),
        (Region(provider="aws", edge="CLOUDFRONT"), None),
        (Region(provider="aws", name="xa-east-1", country="XA"), None),
    ],
)
def test_only_edge_networks_known_to_be_anycast_are(region, what):
    assert known_anycast(ipaddress.ip_address("192.0.1.1"), region) == what
