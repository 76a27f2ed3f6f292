"""Matching by value: laws over made-up addresses, names, ports, spans and clocks, with oracles beside them."""

import ipaddress
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.model import Name
from flowwatch.policy.match import Cidr, Clock, NamePattern, Networks, PortRange, Span, address_key

MINUTE = 60 * 10**9

v4 = st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address)
v6 = st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address)
label = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8)
suffix = st.lists(label, min_size=1, max_size=2).map(lambda labels: (*labels, "site", "example"))


@st.composite
def networks(draw):
    """A network of either family, in its own text, with short prefixes as often as long ones."""
    address = draw(st.one_of(v4, v6))
    prefix = draw(st.integers(0, address.max_prefixlen))
    return str(ipaddress.ip_network((address, prefix), strict=False))


def unwrapped(address):
    """The oracle's view: an IPv4-mapped address is its IPv4."""
    return getattr(address, "ipv4_mapped", None) or address


class TestCidr:
    @given(networks(), st.one_of(v4, v6))
    def test_covers_what_the_standard_library_says_is_within(self, text, address):
        network = ipaddress.ip_network(text)
        if network.version == 6 and network.prefixlen >= 96 and network.network_address.ipv4_mapped:
            return
        inner = unwrapped(address)
        assert Cidr.parse(text).covers(str(address)) == (inner.version == network.version and inner in network)

    @given(networks(), st.integers(0, 2**128))
    def test_covers_its_own_addresses_and_not_the_next(self, text, offset):
        network, cidr = ipaddress.ip_network(text), Cidr.parse(text)
        kind = type(network.network_address)
        inside = kind(int(network.network_address) + offset % network.num_addresses)
        assert cidr.covers(str(inside)) == (unwrapped(inside).version == cidr.version)
        if cidr.last + 1 < 2**network.max_prefixlen and cidr.version == network.version:
            assert not cidr.covers(str(kind(cidr.last + 1)))

    @given(v4)
    def test_a_mapped_address_counts_as_its_inner_one(self, address):
        assert Cidr.parse(f"{address}/32").covers(f"::ffff:{address}")
        assert not Cidr.parse("::/0").covers(f"::ffff:{address}")
        assert Cidr.parse(f"::ffff:{address}") == Cidr.parse(str(address))

    @given(networks())
    def test_text_and_value_are_one(self, text):
        assert Cidr.parse(str(Cidr.parse(text))) == Cidr.parse(text)

    @given(networks(), networks())
    def test_holds_and_overlaps_agree_with_the_standard_library(self, one, other):
        a, b = ipaddress.ip_network(one), ipaddress.ip_network(other)
        if a.version == b.version:
            within = a.network_address <= b.network_address and b.broadcast_address <= a.broadcast_address  # type: ignore[operator]
            assert Cidr.parse(one).holds(Cidr.parse(other)) == within
            assert Cidr.parse(one).overlaps(Cidr.parse(other)) == a.overlaps(b)

    @given(st.text(max_size=20))
    def test_text_that_is_no_address_is_covered_by_nothing(self, text):
        if address_key(text) is None:
            assert not Cidr.parse("0.0.0.0/0").covers(text)
            assert not Cidr.parse("::/0").covers(text)

    @given(st.text(max_size=24) | networks().map(lambda text: text + "x"))
    def test_parse_gives_a_network_or_a_value_error(self, text):
        try:
            cidr = Cidr.parse(text)
        except ValueError:
            return
        assert cidr.first <= cidr.last

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("192.0.2.9/25", "write 192.0.2.0/25 for the network or 192.0.2.9 for one address"),
            ("2001:db8::1/64", "write 2001:db8::/64 for the network"),
            ("192.0.2.0/33", "the prefix length is 0 to 32, not 33"),
            ("192.0.2.0/0.0.0.255", "write an address and a prefix length"),
            ("192.0.2.0/", "write an address and a prefix length"),
            ("192.0.2.1.2/24", "'192.0.2.1.2' is not an address"),
            ("fe80::1%eth0/64", "write an address and a prefix length"),
            ("", "write an address and a prefix length"),
        ],
    )
    def test_refusals_say_what_to_write(self, text, words):
        with pytest.raises(ValueError, match=r".") as refused:
            Cidr.parse(text)
        assert words in str(refused.value)


class TestNetworks:
    @given(st.lists(networks(), max_size=12), st.one_of(v4, v6))
    def test_agrees_with_trying_every_network(self, texts, address):
        cidrs = [Cidr.parse(text) for text in texts]
        index = Networks((cidr, number) for number, cidr in enumerate(cidrs))
        covering = [number for number, cidr in enumerate(cidrs) if cidr.covers(str(address))]
        expected = tuple(sorted(covering, key=lambda number: (-cidrs[number].prefix, number)))
        for _ in range(2):  # the second answer is the remembered one
            assert index.all(str(address)) == expected
            assert index.lookup(str(address)) == (expected[0] if expected else None)

    @given(networks(), networks())
    def test_the_longest_prefix_wins_whatever_the_order(self, one, other):
        first, second = Cidr.parse(one), Cidr.parse(other)
        pairs = [(first, "first"), (second, "second")]
        address = str(ipaddress.ip_network(one).network_address)
        if first.prefix != second.prefix:
            assert Networks(pairs).lookup(address) == Networks(reversed(pairs)).lookup(address)

    @given(st.lists(networks(), max_size=12), v4)
    def test_a_nat64_address_is_covered_as_its_ipv4_too(self, texts, address):
        cidrs = [Cidr.parse(text) for text in [*texts, "64:ff9b::/96", "::/0"]]
        translated = f"64:ff9b::{address}"
        index = Networks((cidr, cidr) for cidr in cidrs)
        assert set(index.all(translated)) == {cidr for cidr in cidrs if cidr.covers(translated)}
        inner = [cidr for cidr in index.all(translated) if cidr.version == 4]
        assert inner == list(index.all(str(address)))
        lengths = [cidr.prefix + 96 * (cidr.version == 4) for cidr in index.all(translated)]
        assert lengths == sorted(lengths, reverse=True)

    def test_what_is_no_address_has_no_value(self):
        assert Networks([(Cidr.parse("0.0.0.0/0"), 1)]).lookup("example.org") is None


class TestNamePattern:
    @given(suffix, st.lists(label, max_size=4))
    def test_stars_count_labels_and_never_cover_the_apex(self, apex, more):
        name, text = Name.parse(".".join([*more, *apex])), ".".join(apex)
        assert NamePattern.parse(text).covers(name) == (len(more) == 0)
        assert NamePattern.parse(f"*.{text}").covers(name) == (len(more) == 1)
        assert NamePattern.parse(f"**.{text}").covers(name) == (len(more) >= 1)

    @given(suffix, label)
    def test_labels_are_never_cut(self, apex, prefix):
        glued = Name.parse(prefix + ".".join(apex))
        for pattern in (".".join(apex), f"*.{'.'.join(apex)}", f"**.{'.'.join(apex)}"):
            assert not NamePattern.parse(pattern).covers(glued)

    @given(suffix, st.sampled_from(["", "*.", "**."]), st.booleans())
    def test_case_and_one_trailing_dot_do_not_matter(self, apex, star, upper):
        text = ".".join(apex)
        other = (text.upper() if upper else text) + "."
        assert NamePattern.parse(star + other) == NamePattern.parse(star + text)
        assert NamePattern.parse(text).covers(Name.parse(other))

    @given(suffix, st.sampled_from(["", "*.", "**."]))
    def test_text_and_value_are_one(self, apex, star):
        pattern = NamePattern.parse(star + ".".join(apex))
        assert NamePattern.parse(str(pattern)) == pattern

    @given(suffix, st.sampled_from([".", "\0", "\\046", " ", "é", "/"]), label)
    def test_a_malformed_name_falls_under_no_pattern(self, apex, wrong, host):
        name = Name.parse(f"{host}{wrong}.{'.'.join(apex)}")
        assert not NamePattern.parse(f"**.{'.'.join(apex)}").covers(name)

    @given(st.lists(st.sampled_from("ab"), max_size=3), st.lists(st.sampled_from("ab"), max_size=3), st.data())
    def test_holds_and_overlaps_agree_with_trying_names(self, one, other, data):
        stars = st.sampled_from(["", "*.", "**."])
        a = NamePattern.parse(data.draw(stars) + ".".join([*one, "x", "example"]))
        b = NamePattern.parse(data.draw(stars) + ".".join([*other, "x", "example"]))
        names = [Name((*more, "x", "example")) for more in _sequences("abc", 5)]
        under_a, under_b = [a.covers(name) for name in names], [b.covers(name) for name in names]
        assert a.overlaps(b) == any(x and y for x, y in zip(under_a, under_b, strict=True))
        assert a.holds(b) == all(x or not y for x, y in zip(under_a, under_b, strict=True))

    @given(st.text(max_size=30))
    def test_parse_gives_a_pattern_or_a_value_error(self, text):
        try:
            pattern = NamePattern.parse(text)
        except ValueError:
            return
        assert not Name(pattern.labels).malformed
        assert not Name.parse(".".join(pattern.labels)).malformed

    @pytest.mark.parametrize(
        ("text", "labels"),
        [
            ("Bücher.example", ("xn--bcher-kva", "example")),
            ("straße.example", ("xn--strae-oqa", "example")),  # IDNA 2008 keeps the sharp s (2003 made it ss)
            ("\uff37\uff37\uff37\u3002example", ("www", "example")),  # UTS 46: full width, ideographic stop
            ("_dmarc.example.org", ("_dmarc", "example", "org")),
            ("r3---sn.cdn.example", ("r3---sn", "cdn", "example")),
            ("localhost", ("localhost",)),
        ],
    )
    def test_names_become_a_labels_once(self, text, labels):
        assert NamePattern.parse(text).labels == labels

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("*.org", "under the public suffix 'org'"),
            ("**.co.uk", "under the public suffix 'co.uk'"),
            ("**.github.io", "under the public suffix 'github.io'"),
            ("*.example", "under the public suffix 'example'"),
            ("*", "a star stands only at the front"),
            ("**", "a star stands only at the front"),
            ("*.", "it has an empty label"),
            ("", "it has an empty label"),
            ("a.*.example.org", "a star stands only at the front"),
            ("***.example.org", "a star stands only at the front"),
            ("*a.example.org", "a star stands only at the front"),
            ("192.0.2.1", "is an address, not a name"),
            ("2001:db8::1", "a label holds only"),
            ("a..example.org", "it has an empty label"),
            ("-a.example.org", "a label holds only"),
            ("a b.example.org", "a label holds only"),
            ("https://a.example.org/x", "write the host alone, as 'a.example.org'"),
            ("a" * 64 + ".example.org", "at most 63 characters"),
            (".".join(["abcdefghi"] * 26), "longer than a name may be"),
            ("☃.example.org", "under IDNA 2008"),
        ],
    )
    def test_refusals_say_what_is_wrong(self, text, words):
        with pytest.raises(ValueError, match=r".") as refused:
            NamePattern.parse(text)
        assert words in str(refused.value)


def _sequences(letters, most):
    """Every sequence of letters up to that length."""
    found: list[tuple[str, ...]] = [()]
    for one in found:
        if len(one) < most:
            found.extend((letter, *one) for letter in letters)
    return found


class TestSmallValues:
    @given(st.integers(0, 65_535), st.integers(0, 65_535), st.integers(0, 65_535))
    def test_a_range_holds_its_ends_and_what_is_between(self, one, other, port):
        first, last = sorted((one, other))
        ports = PortRange.parse(f"{first}-{last}")
        assert (port in ports) == (first <= port <= last)
        assert PortRange.parse(str(ports)) == ports
        assert PortRange.parse(first) == PortRange.parse(str(first)) == PortRange(first, first)

    @pytest.mark.parametrize("text", ["", "80-", "-80", "70000", "1-70000", "20-10", "http", "80 ", "\uff18\uff10", -1])
    def test_what_is_no_port_is_refused(self, text):
        with pytest.raises(ValueError, match=r"port|range"):
            PortRange.parse(text)

    @given(
        st.integers(0, 10**9 - 1),
        st.sampled_from([("ms", 10**6), ("s", 10**9), ("m", 60 * 10**9), ("h", 3600 * 10**9)]),
    )
    def test_spans_are_exact_and_write_back(self, count, unit):
        span = Span.parse(f"{count}{unit[0]}")
        assert span.ns == count * unit[1]
        assert Span.parse(str(span)) == span or len(str(span)) > 11

    @given(st.integers(0, 24 * 60))
    def test_clocks_write_back(self, minutes):
        assert Clock.parse(str(Clock(minutes))) == Clock(minutes)

    @pytest.mark.parametrize("text", ["9:00", "09:60", "24:01", "25:00", "09:00:00", "", "0900", "\uff10\uff19:00"])
    def test_what_is_no_clock_is_refused(self, text):
        with pytest.raises(ValueError, match="'00:00' to '24:00'"):
            Clock.parse(text)
