"""Each row of the special-purpose registries, and addresses that hold another."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.places.special import BLOCKS, Covering, special, unwrapped


def address_of(version, value):
    return ipaddress.IPv4Address(value % 2**32) if version == 4 else ipaddress.IPv6Address(value)


def network_of(version, value, length):
    return ipaddress.ip_network((address_of(version, value), length % (33 if version == 4 else 129)), strict=False)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.cidr)
def test_every_row_holds_from_its_first_to_its_last_address(block):
    inner = [other.network for other in BLOCKS if other is not block and other.network.version == block.network.version]
    narrower = [other for other in inner if other.prefixlen > block.network.prefixlen]
    for address in (block.network[0], block.network[-1]):
        found = special(address)
        assert found is not None
        assert found == block or any(address in other for other in narrower)
    for beside in (int(block.network[0]) - 1, int(block.network[-1]) + 1):
        if 0 <= beside < 1 << block.network.max_prefixlen:
            assert special(type(block.network[0])(beside)) != block


def test_rows_are_networks_and_stand_once():
    assert len({block.network for block in BLOCKS}) == len(BLOCKS)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.0.9", "Port Control Protocol Anycast"),
        ("192.0.0.1", "IPv4 Service Continuity Prefix"),
        ("192.0.0.200", "IETF Protocol Assignments"),
        ("3fff:fff::1", "Documentation"),
        ("3fff:1000::1", None),
        ("2001:db8::1", "Documentation"),
        ("2001:20::1", "ORCHIDv2"),
        ("fe80::1%eth0", "Link-Local Unicast"),
        ("ff02::fb", "Multicast"),
        ("239.255.255.250", "Multicast"),
        ("255.255.255.255", "Limited Broadcast"),
        ("192.0.1.255", None),
        ("4000::1", None),
    ],
)
def test_the_narrowest_block_decides(address, name):
    block = special(ipaddress.ip_address(address))
    assert (block and block.name) == name


@pytest.mark.parametrize(
    ("address", "inner", "form"),
    [
        ("::ffff:198.51.100.7", "198.51.100.7", "IPv4-mapped"),
        ("64:ff9b::c633:6407", "198.51.100.7", "NAT64"),
        ("64:ff9b:1:abcd::c633:6407", "198.51.100.7", "NAT64"),
        ("64:ff9b:1:c633:64:700::", "198.51.100.7", "NAT64"),
        ("2002:c633:6407::1", "198.51.100.7", "6to4"),
        ("2001:0:c000:201:8000:63bf:39cc:9bf8", "198.51.100.7", "Teredo"),
    ],
)
def test_an_address_that_stands_for_another_is_unwrapped(address, inner, form):
    wrapped = unwrapped(ipaddress.ip_address(address))
    assert wrapped is not None
    assert (str(wrapped.inner), wrapped.form) == (inner, form)


@given(st.ip_addresses())
def test_only_the_six_forms_hold_another_address(address):
    known = (address.version == 6) and (address.ipv4_mapped or address.sixtofour or address.teredo)
    holds = unwrapped(address)
    assert bool(holds) == bool(known or address in ipaddress.ip_network("64:ff9b::/96") or _local_nat64(address))
    if holds and address.version == 6 and address.teredo:
        assert holds.inner == address.teredo[1]


def _local_nat64(address):
    return address.version == 6 and address in ipaddress.IPv6Network("64:ff9b:1::/48")


@given(
    st.lists(st.tuples(st.sampled_from([4, 6]), st.integers(0, 2**128 - 1), st.integers(0, 128)), max_size=12),
    st.sampled_from([4, 6]),
    st.integers(0, 2**128 - 1),
    st.integers(0, 11),
)
def test_the_narrowest_network_is_the_one_a_search_through_all_finds(drawn, version, value, near):
    networks = {network_of(*one) for one in drawn}
    known = [(network, str(network)) for network in networks]
    inside = [one for one in drawn if one[0] == version]
    if inside:  # an address near one of them
        value = inside[near % len(inside)][1] ^ (value & 0xFF)
    address = address_of(version, value)
    holding = [network for network in networks if network.version == version and address in network]
    expected = max(holding, key=lambda network: network.prefixlen, default=None)
    assert Covering(known).of(address) == (None if expected is None else str(expected))
