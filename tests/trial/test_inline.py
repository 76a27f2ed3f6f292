"""Inline tests are judged by the real judge."""

import pytest

from flowwatch.errors import PolicyError
from flowwatch.model import Place
from flowwatch.policy import parse
from flowwatch.policy.terms import PolicySet
from flowwatch.trial import run_tests

POLICY = """
schema = "flowwatch.policy/1"
[policy]
id = "county"
version = "1"
[[zone]]
id = "precincts"
cidrs = ["192.0.2.0/25"]
[[zone]]
id = "collection"
cidrs = ["192.0.2.128/25"]
[[server]]
id = "dns"
role = "resolver"
match = { cidrs = ["198.51.100.53/32"] }
[[server]]
id = "primary"
match = { cidrs = ["198.51.100.20/32"], names = ["ingest.results.example"] }
expect = { countries = ["XA"] }
tls = { required = true, min_version = "1.2" }
[[server]]
id = "cloud"
match = { names = ["up.vendor.example"] }
[[channel]]
id = "up"
from = ["precincts"]
to = ["primary", "cloud"]
carries = ["results"]
[[channel]]
id = "hand-in"
from = ["precincts"]
to = ["zone:collection"]
[[classifier]]
id = "big"
label = "bulk"
any = [{ bytes_out_min = 1_000 }]
[[place]]
cidr = "198.51.100.20/32"
country = "XA"
"""
FILES = """
[[server]]
id = "files"
match = { cidrs = ["198.51.100.21/32"] }
tls = { required = true }
[[channel]]
id = "files"
from = ["precincts"]
to = ["files"]
opened_by = "either"
service = { ports = [21], related = true }
"""
ANY = 'time = 2026-11-04T01:30:00Z, src = "192.0.2.17"'


@pytest.mark.parametrize(
    ("given", "verdict", "reason"),
    [
        (
            'dst = "203.0.113.99", port = 8443, sni = "ingest.results.example", labels = ["results"]',
            "unapproved",
            "destination.name_listed_address_unlisted",
        ),
        ('dst = "198.51.100.20", port = 8443, sni = "Ingest.Results.Example.", tls_version = "1.3"', "approved", None),
        ('dst = "198.51.100.20", port = 8443, sni = "ingest.results.example"', "indeterminate", "tls.unobserved"),
        ('dst = "198.51.100.20", port = 80, http_host = "ingest.results.example"', "deviation", "tls.required"),
        ('dst = "198.51.100.20", port = 8443, tls_version = "1.3"', "indeterminate", "name.unobserved"),
        ('dst = "198.51.100.20", port = 8443, ech = true, sni = "cdn.example"', "indeterminate", "name.unobserved"),
        ('dst = "203.0.113.9", sni = "up.vendor.example", answers = ["up.vendor.example"]', "approved", None),
        ('dst = "203.0.113.9", sni = "up.vendor.example"', "indeterminate", "dns.binding_unobserved"),
        ('dst = "203.0.113.9", port = 22', "unapproved", "destination.unlisted"),
        ('dst = "203.0.113.9", attempted = true', "unapproved", "destination.unlisted"),
        (
            'dst = "203.0.113.9", sni = "up.vendor.example", answers = ["up.vendor.example"], bytes_out = 1000',
            "deviation",
            "label.not_carried",
        ),
        ('dst = "192.0.2.130", port = 22', "approved", None),
        ('dst = "192.0.2.18"', "out_of_scope", "scope.within_zone"),
        ('dst = "198.51.100.53", lookup = "Up.Vendor.Example"', "approved", "dns.approved_lookup"),
        ('dst = "198.51.100.53", lookup = "x.test"', "unapproved", "dns.unapproved_lookup"),
    ],
)
def test_given_and_expected(given, verdict, reason):
    reasons = f', reasons = ["{reason}"]' if reason else ""
    written = f'[[test]]\nname = "t"\ngiven = {{ {ANY}, {given} }}\nexpect = {{ verdict = "{verdict}"{reasons} }}\n'
    (result,) = run_tests(PolicySet((parse(POLICY + written),)))
    assert result.passed, result.got
    assert result.decision.verdict == verdict


def _one(given, expect):
    written = f'[[test]]\nname = "t"\ngiven = {{ {given} }}\nexpect = {{ {expect} }}\n'
    (result,) = run_tests(PolicySet((parse(POLICY + written),)))
    return result


def test_an_answer_is_judged_with_the_flow_it_answers():
    answer = 'time = 2026-11-04T01:30:00Z, src = "192.0.2.130", dst = "192.0.2.17", port = 22, opened_by = "receiver"'
    result = _one(answer, 'verdict = "approved", reasons = ["channel.answer"], rule = "hand-in"')
    assert result.passed, result.got
    pulled = answer.replace("192.0.2.17", "203.0.113.9")
    assert _one(pulled, 'verdict = "unapproved"').passed


@pytest.mark.parametrize(
    "expect",
    [
        'verdict = "approved"',
        'verdict = "unapproved", reasons = ["name.unlisted"]',
        'verdict = "unapproved", rule = "up"',
    ],
)
def test_a_test_that_does_not_hold_fails(expect):
    result = _one(f'{ANY}, dst = "203.0.113.9"', expect)
    assert not result.passed
    assert result.got.verdict == "unapproved"
    assert result.got.reasons == ("destination.unlisted",)


def test_the_callers_places_are_used_where_given():
    given = f'{ANY}, dst = "198.51.100.20", sni = "ingest.results.example", tls_version = "1.3"'
    written = f'[[test]]\nname = "t"\ngiven = {{ {given} }}\nexpect = {{ verdict = "indeterminate" }}\n'
    (result,) = run_tests(PolicySet((parse(POLICY + written),)), lambda address, _at: Place(address=address))
    assert result.passed
    assert result.got.reasons == ("location.unproven",)


MARKED = """
[[classifier]]
id = "document"
label = "results"
any = [{ payload_contains = "<results county=" }, { payload_hex = "ff00ff00" }, { payload_hex = "504b0304" }]
[[prohibited]]
id = "no-cleartext"
when = { labels = ["results"], cleartext = true }
[[server]]
id = "way-out"
role = "proxy"
match = { cidrs = ["198.51.100.99/32"] }
dedicated = true
[[server]]
id = "gate"
role = "tunnel"
match = { cidrs = ["198.51.100.90/32"] }
[[channel]]
id = "through"
from = ["precincts"]
to = ["cloud"]
via = ["way-out"]
[[channel]]
id = "to-proxy"
from = ["precincts"]
to = ["way-out"]
"""
DOCUMENT = 'contains = ["<?xml?><results county=7>"]'


@pytest.mark.parametrize(
    ("given", "verdict", "reason"),
    [
        (f'dst = "192.0.2.130", port = 22, {DOCUMENT}', "prohibited", "prohibited.matched"),
        (f'dst = "192.0.2.130", port = 22, opened_by = "receiver", {DOCUMENT}', "prohibited", "prohibited.matched"),
        ('dst = "192.0.2.130", port = 22, contains = ["PK\\u0003\\u0004"]', "prohibited", "prohibited.matched"),
        ('dst = "192.0.2.130", port = 22, contains = ["<results"]', "approved", None),
        ('dst = "192.0.2.130", port = 22, clear = true', "approved", None),
        ('dst = "198.51.100.99", asked = ["up.vendor.example:443"]', "approved", "proxy.address_unobserved"),
        ('dst = "198.51.100.99", asked = ["up.vendor.example"]', "approved", "proxy.address_unobserved"),
        ('dst = "198.51.100.99", asked = ["up.vendor.example", "x.test"]', "unapproved", None),
        (f'dst = "198.51.100.99", asked = ["up.vendor.example"], {DOCUMENT}', "prohibited", None),
        (
            'dst = "192.0.2.130", port = 22, tunnel = [{ kind = "gre", src = "192.0.2.1", dst = "203.0.113.9" }]',
            "unapproved",
            "tunnel.endpoint_unlisted",
        ),
        (
            'dst = "192.0.2.130", port = 22, tunnel = [{ kind = "gre", src = "192.0.2.1", dst = "198.51.100.90" }]',
            "approved",
            None,
        ),
    ],
)
def test_what_it_contains_asks_for_and_is_wrapped_in(given, verdict, reason):
    reasons = f', reasons = ["{reason}"]' if reason else ""
    written = f'[[test]]\nname = "t"\ngiven = {{ {ANY}, {given} }}\nexpect = {{ verdict = "{verdict}"{reasons} }}\n'
    (result,) = run_tests(PolicySet((parse(POLICY + MARKED + written),)))
    assert result.passed, result.got


def test_the_source_decides_the_sensor():
    nat = POLICY.replace('cidrs = ["192.0.2.0/25"]', 'cidrs = ["192.0.2.0/25"]\nnat = ["203.0.113.5/32"]')
    nat += '[[sensor]]\nid = "in"\nsources = ["in/*"]\nside = "inside"\n'
    given = 'time = 2026-11-04T01:30:00Z, src = "203.0.113.5", dst = "192.0.2.130", port = 22, source = "{}"'
    expect = 'expect = { verdict = "approved" }'
    tests = "".join(
        f'[[test]]\nname = "{source}"\ngiven = {{ {given.format(source)} }}\n{expect}\n' for source in ("in/a", "out/a")
    )
    inside, outside = run_tests(PolicySet((parse(nat + tests),)))
    assert (inside.got.verdict, outside.got.verdict) == ("out_of_scope", "approved")


def test_one_name_may_be_more_than_the_limit():
    given = f'{ANY}, dst = "198.51.100.53", lookup = "{"d" * 60}.x.test"'
    written = f'[[test]]\nname = "t"\ngiven = {{ {given} }}\nexpect = {{ verdict = "unapproved" }}\n'
    (result,) = run_tests(PolicySet((parse(POLICY + "[defaults]\ndns_name_bytes = 59\n" + written),)))
    assert (result.passed, result.got.reasons[0]) == (True, "dns.data_in_names")


@pytest.mark.parametrize(
    ("src", "sent", "expect", "passes"),
    [
        ("192.0.2.17", 2_000, 'labels = ["bulk"]', True),
        ("192.0.2.17", 200, 'labels = ["bulk"]', False),
        ("192.0.2.17", 200, 'labels = ["none"]', True),
        ("203.0.113.5", 2_000, 'labels = ["bulk"]', True),
        ("203.0.113.5", 2_000, 'verdict = "out_of_scope", labels = ["bulk"]', True),
        ("203.0.113.5", 2_000, 'verdict = "approved", labels = ["bulk"]', False),
    ],
)
def test_labels_may_be_expected_whatever_the_verdict(src, sent, expect, passes):
    given = f'time = 2026-11-04T01:30:00Z, src = "{src}", dst = "198.51.100.99", port = 443, bytes_out = {sent}'
    written = f'[[test]]\nname = "t"\ngiven = {{ {given} }}\nexpect = {{ {expect} }}\n'
    (result,) = run_tests(PolicySet((parse(POLICY + written),)))
    assert result.passed is passes, result.got


@pytest.mark.parametrize(
    ("given", "expect", "said"),
    [
        (f'{ANY}, dst = "198.51.100.99"', "", "nothing is expected"),
        (f'{ANY}, dst = "198.51.100.53", lookup = "a.example"', 'labels = ["bulk"]', "a lookup bears no labels"),
    ],
)
def test_an_expectation_that_could_not_fail_is_an_error(given, expect, said):
    with pytest.raises(PolicyError, match=said):
        parse(POLICY + f'[[test]]\nname = "t"\ngiven = {{ {given} }}\nexpect = {{ {expect} }}\n')


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        ('announced_on = 21, tls_version = "1.3"', "approved"),
        ('announced_on = 21, tls_version = "1.3", opened_by = "receiver"', "approved"),
        ("announced_on = 21", "deviation"),
        ('announced_on = 2121, tls_version = "1.3"', "deviation"),
        ('tls_version = "1.3"', "deviation"),
    ],
)
def test_data_that_was_announced(given, verdict):
    text = f'{POLICY}{FILES}[[test]]\nname = "t"\ngiven = {{ {ANY}, dst = "198.51.100.21", port = 50010, {given} }}\n'
    (result,) = run_tests(PolicySet((parse(text + f'expect = {{ verdict = "{verdict}" }}\n'),)))
    assert result.passed, result.got
