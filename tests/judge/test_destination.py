"""Names and addresses: which name was used, whether it belongs to the address, and what neither shows."""

import pytest

from flowwatch.model import NameClass


@pytest.fixture
def primary(make):
    return make.court(make.PRIMARY)


@pytest.fixture
def cloud(make):
    return make.court(make.CLOUD)


def _to(make, **changes):
    """An upload to an address nobody lists."""
    return make.sent(**({"receiver_ip": "203.0.113.7"} | changes))


def test_listed_name_at_listed_address_is_approved(make, primary):
    assert primary.told(make.sent()) == ("approved", "channel.approved")


def test_listed_name_at_an_unlisted_address(make, primary):
    reason = "destination.name_listed_address_unlisted"
    assert primary.told(_to(make)) == ("unapproved", reason)
    answered = _to(make, names=make.answer("ingest.results.example"))
    assert primary.told(answered) == ("unapproved", reason)


def test_listed_address_under_another_name_is_a_deviation(make, primary):
    assert primary.told(make.sent(names=make.used("other.example"))) == ("deviation", "name.unlisted")


def test_every_used_name_must_be_listed(make, primary, cloud):
    both = make.used("ingest.results.example") + make.used("other.example", evidence=NameClass.HTTP_HOST)
    assert primary.told(make.sent(names=both)) == ("deviation", "name.unlisted")
    assert primary.told(make.sent(http_hosts=("Ingest.Results.Example:8443.", "other.example")))[0] == "deviation"
    bound = make.used("up.vendor.example", "other.example") + make.answer("up.vendor.example")
    assert cloud.told(_to(make, names=bound)) == ("deviation", "name.unlisted")


def test_an_address_asked_for_as_host_is_no_name(make, primary):
    bare = make.sent(names=(), http_hosts=("198.51.100.20:8443", "[2001:db8::1]:80"))
    assert primary.told(bare) == ("indeterminate", "name.unobserved")


def test_listed_address_without_a_name_is_indeterminate(make, primary):
    assert primary.told(make.sent(names=())) == ("indeterminate", "name.unobserved")


def test_an_ech_outer_name_is_none(make, primary):
    assert primary.told(make.sent(names=make.used("cdn.example", outer=True))) == ("indeterminate", "name.unobserved")


def test_a_dedicated_or_nameless_server_needs_no_name_and_it_is_noted(make):
    dedicated = make.PRIMARY.replace('id = "primary"', 'id = "primary"\ndedicated = true')
    nameless = make.PRIMARY.replace(', names = ["ingest.results.example"]', "")
    for text in (dedicated, nameless):
        court = make.court(text)
        assert court.told(make.sent(names=()))[0] == "approved"
        assert court.notes(make.sent(names=())) == ("name.unobserved",)
    assert make.court(dedicated).told(make.sent(names=make.used("other.example")))[0] == "deviation"


def test_answers_stand_in_for_a_name_that_was_not_used(make, primary):
    assert primary.told(make.sent(names=make.answer("ingest.results.example")))[0] == "approved"
    mixed = make.answer("ingest.results.example") + make.answer("other.example")
    assert primary.told(make.sent(names=mixed)) == ("indeterminate", "name.ambiguous")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"evidence": NameClass.ANSWER_OTHER_CLIENT, "client": "192.0.2.18"},
        {"evidence": NameClass.ANSWER_STALE},
        {"resolver": "203.0.113.53"},
        {"resolver": None},
        {"exact": False},
        {"name": "other.example"},
    ],
)
def test_names_only_needs_a_binding_of_that_very_name(make, cloud, changes):
    answer = make.answer("up.vendor.example", **changes)
    told = cloud.told(_to(make, names=make.used("up.vendor.example") + answer))
    expected = ("indeterminate", "dns.binding_unobserved") if changes else ("approved", "channel.approved")
    assert told == expected


def test_a_certificate_binds(make, cloud):
    for name in ("up.vendor.example", "*.vendor.example"):
        shown = make.used(name, evidence=NameClass.CERTIFICATE)
        assert cloud.told(_to(make, names=make.used("up.vendor.example") + shown))[0] == "approved"
    other = make.used("*.other.example", evidence=NameClass.CERTIFICATE)
    assert cloud.told(_to(make, names=make.used("up.vendor.example") + other))[0] == "indeterminate"


def test_a_certificate_alone_is_no_name_that_was_used(make, cloud):
    shown = make.used("up.vendor.example", evidence=NameClass.CERTIFICATE)
    assert cloud.told(_to(make, names=shown)) == ("indeterminate", "dns.binding_unobserved")


def test_under_same_zone_an_answer_to_another_client_of_the_zone_binds(make):
    court = make.court(make.CLOUD + '[defaults]\ndns_binding = { client = "same_zone" }\n')
    answer = {"evidence": NameClass.ANSWER_OTHER_CLIENT}
    near = make.answer("up.vendor.example", client="192.0.2.18", **answer)
    far = make.answer("up.vendor.example", client="192.0.2.200", **answer)
    used = make.used("up.vendor.example")
    assert court.told(_to(make, names=used + near))[0] == "approved"
    assert court.told(_to(make, names=used + far))[0] == "indeterminate"


def test_no_name_used_and_none_listed_fails_only_where_lookups_were_recorded(make, cloud):
    day = 24 * make.HOUR
    recorded = _to(make, names=(), lookups_recorded_since=make.NOON - day)
    assert cloud.told(recorded) == ("unapproved", "destination.unlisted")
    late = _to(make, names=(), lookups_recorded_since=make.NOON - day + 1)
    assert cloud.told(late) == ("indeterminate", "dns.binding_unobserved")
    cut = _to(make, names=(), lookups_recorded_since=make.NOON - day, names_cut=True)
    assert cloud.told(cut) == ("indeterminate", "dns.binding_unobserved")


def test_no_name_used_and_live_answers(make, cloud):
    assert cloud.told(_to(make, names=make.answer("up.vendor.example")))[0] == "approved"
    mixed = make.answer("up.vendor.example") + make.answer("other.example", resolver="203.0.113.53")
    assert cloud.told(_to(make, names=mixed)) == ("indeterminate", "name.ambiguous")
    cut = _to(make, names=make.answer("up.vendor.example"), names_cut=True)
    assert cloud.told(cut) == ("indeterminate", "name.ambiguous")


def test_an_unlisted_name_is_unapproved(make, cloud):
    assert cloud.told(_to(make, names=make.used("vendor.example"))) == ("unapproved", "destination.unlisted")


def test_a_chain_that_leaves_names_and_aliases(make):
    used = make.used("up.vendor.example")
    within = make.answer("up.vendor.example", chain=("edge.cdn.example",))
    astray = make.answer("up.vendor.example", chain=("edge.cdn.example", "host.elsewhere.example"))
    cloud = make.court(make.CLOUD)
    assert cloud.told(_to(make, names=used + within))[0] == "approved"
    assert cloud.told(_to(make, names=used + astray)) == ("deviation", "name.alias_unlisted")
    assert cloud.told(_to(make, names=astray)) == ("deviation", "name.alias_unlisted")
    loose = make.court(make.CLOUD + '[defaults]\ndns_binding = { cname = "asked_only" }\n')
    assert loose.told(_to(make, names=used + astray))[0] == "approved"


def test_a_certificate_does_not_stand_for_a_chain_that_leaves(make, cloud):
    names = make.used("up.vendor.example") + make.used("up.vendor.example", evidence=NameClass.CERTIFICATE)
    astray = make.answer("up.vendor.example", chain=("host.elsewhere.example",))
    assert cloud.told(_to(make, names=names))[0] == "approved"
    assert cloud.told(_to(make, names=names + astray)) == ("deviation", "name.alias_unlisted")


def test_a_chain_that_leaves_is_only_noted_with_a_listed_address(make, primary):
    astray = make.answer("ingest.results.example", chain=("host.elsewhere.example",))
    transmission = make.sent(names=make.used("ingest.results.example") + astray)
    assert primary.told(transmission)[0] == "approved"
    assert primary.notes(transmission) == ("name.alias_unlisted",)


def test_an_alias_is_never_approved_as_a_name_asked_for(make, cloud):
    names = make.used("edge.cdn.example") + make.answer("edge.cdn.example")
    assert cloud.told(_to(make, names=names))[0] == "unapproved"


def test_a_shared_address_is_told_apart_by_name(make):
    other = make.PRIMARY.replace("primary", "second").replace('"up"', '"up-2"').replace("ingest", "second")
    court = make.court(make.PRIMARY + other)
    assert court.derive(make.sent()).decision.server == "primary"
    assert court.derive(make.sent(names=make.used("second.results.example"))).decision.server == "second"
    assert court.told(make.sent(names=make.used("third.example"))) == ("deviation", "name.unlisted")


def test_malformed_and_lossy_names_never_approve(make, primary, cloud):
    malformed = make.sent(names=make.used("ingest.results.example\\000.elsewhere.test"))
    assert primary.told(malformed) == ("deviation", "name.unlisted")
    assert "name.malformed" in primary.notes(malformed)
    lossy = make.used("ingest.results.example", exact=False)
    assert primary.told(make.sent(names=lossy)) == ("indeterminate", "dns.name_lossy")
    shown = make.used("up.vendor.example", exact=False) + make.answer("up.vendor.example")
    assert cloud.told(_to(make, names=shown)) == ("indeterminate", "dns.name_lossy")


def test_a_mapped_address_is_its_inner_one(make, primary):
    assert primary.told(make.sent(receiver_ip="::ffff:198.51.100.20"))[0] == "approved"


def test_an_unbound_listed_name_on_another_port_is_unapproved(make):
    text = make.CLOUD + "service = { ports = [443] }\n"
    told = make.court(text).told(_to(make, names=make.used("up.vendor.example")))
    assert told == ("unapproved", "service.port", "dns.binding_unobserved")


def test_one_clean_answer_is_enough_where_no_name_was_used(make, cloud):
    """So that listing one more resolver never takes an approval away."""
    text = make.CLOUD.replace('["up.vendor.example"]', '["*.vendor.example"]')
    clean = make.answer("up.vendor.example")
    astray = make.answer("us.vendor.example", chain=("host.elsewhere.example",))
    assert make.court(text).told(_to(make, names=clean + astray))[0] == "approved"
    used = make.used("up.vendor.example", "us.vendor.example")
    assert make.court(text).told(_to(make, names=used + clean + astray)) == ("deviation", "name.alias_unlisted")
