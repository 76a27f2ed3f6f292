"""Judging one lookup: a name this zone may use is approved; asking is an intent, never a sending."""

import pytest

from flowwatch.model import Answer

LOOKUP = '[[lookup]]\nnames = ["**.county.example"]\nfrom = ["office"]\n'


@pytest.fixture
def court(make):
    return make.court(make.PRIMARY + make.CLOUD + LOOKUP)


def _told(decision):
    return (decision.verdict.value, *(reason.value for reason in decision.reasons), decision.severity.value)


def test_the_name_of_a_server_this_zone_may_use(make, court):
    assert _told(court.asked(make.asked("ingest.results.example"))) == ("approved", "dns.approved_lookup", "info")
    elsewhere = make.asked("ingest.results.example", client_ip="192.0.2.70")
    assert _told(court.asked(elsewhere)) == ("unapproved", "dns.unapproved_lookup", "low")


def test_a_name_of_the_lookup_table(make, court):
    assert court.asked(make.asked("a.county.example", client_ip="192.0.2.140")).rule.id == "lookup-1"
    assert court.asked(make.asked("a.county.example")).verdict == "unapproved"
    assert court.asked(make.asked("county.example", client_ip="192.0.2.140")).verdict == "unapproved"


@pytest.mark.parametrize(
    "changes",
    [{"rcode": "NXDOMAIN"}, {"policy_action": "NXDOMAIN"}, {"flags": ("refused_by_policy",)}],
)
def test_one_step_lower_when_it_was_blocked_or_did_not_exist(make, court, changes):
    assert _told(court.asked(make.asked("x.example", **changes))) == ("unapproved", "dns.unapproved_lookup", "info")
    assert _told(court.asked(make.asked("x.example", rcode="SERVFAIL")))[2] == "low"


@pytest.mark.parametrize("action", ["Allowed", "ALERT", "PASSTHRU", ""])
def test_an_action_that_lets_the_answer_through_lowers_nothing(make, court, action):
    assert _told(court.asked(make.asked("x.example", policy_action=action)))[2] == "low"


def test_an_approved_name_answered_with_an_unlisted_address(make, court):
    right = make.asked("ingest.results.example", answers=(Answer("ingest.results.example", "A", "198.51.100.20"),))
    wrong = make.asked("ingest.results.example", answers=(Answer("ingest.results.example", "A", "203.0.113.9"),))
    by_name = make.asked("up.vendor.example", answers=(Answer("up.vendor.example", "A", "203.0.113.9"),))
    assert court.asked(right).verdict == "approved"
    assert _told(court.asked(wrong)) == ("deviation", "dns.answer_unlisted_address", "medium")
    assert court.asked(by_name).verdict == "approved"


@pytest.mark.parametrize("changes", [{"flags": ("refused_by_policy",)}, {"rcode": "REFUSED"}, {"policy_action": "x"}])
def test_an_unlisted_address_is_told_whatever_the_answer_says_of_itself(make, court, changes):
    answers = (Answer("ingest.results.example", "A", "203.0.113.9"),)
    told = _told(court.asked(make.asked("ingest.results.example", answers=answers, **changes)))
    assert told == ("deviation", "dns.answer_unlisted_address", "medium")


def test_an_address_of_another_owner_is_an_alias(make, court):
    """As under a DNAME without its CNAME; a source that gives no owners says nothing of it."""

    def owned(owner):
        return court.asked(make.asked("up.vendor.example", answers=(Answer(owner, "A", "203.0.113.9"),)))

    assert _told(owned("up.elsewhere.example"))[:2] == ("deviation", "name.alias_unlisted")
    assert {owned(owner).verdict for owner in ("", "up.vendor.example", "edge.cdn.example")} == {"approved"}


def test_a_cname_that_leaves_the_listed_names(make, court):
    def led(name, alias, address):
        answers = (Answer(name, "CNAME", alias), Answer(alias, "A", address))
        return court.asked(make.asked(name, answers=answers))

    assert led("up.vendor.example", "edge.cdn.example", "203.0.113.9").verdict == "approved"
    astray = led("up.vendor.example", "host.elsewhere.example", "203.0.113.9")
    assert _told(astray) == ("deviation", "name.alias_unlisted", "medium")
    listed = led("ingest.results.example", "host.elsewhere.example", "198.51.100.20")
    assert (listed.verdict, listed.notes) == ("approved", ("name.alias_unlisted",))


def test_a_lossy_or_malformed_name_never_approves(make, court):
    lossy = make.asked("ingest.results.example", name_exact=False)
    assert _told(court.asked(lossy))[:2] == ("indeterminate", "dns.name_lossy")
    strange = court.asked(make.asked("ingest\\046results.example"))
    assert (strange.verdict, strange.notes) == ("unapproved", ("name.malformed",))


def test_out_of_scope(make, court):
    assert court.asked(make.asked("x.example", client_ip="203.0.113.9")).reasons == ("scope.sender_outside",)
    assert court.asked(make.asked("x.local", transport="mdns")).reasons == ("scope.multicast",)
    assert court.asked(make.asked("x", server_ip="224.0.0.252")).reasons == ("scope.multicast",)


def test_an_unknown_client_is_judged_as_every_zone(make, court):
    assert court.asked(make.asked("x.example", client_ip=None)).verdict == "unapproved"
    assert court.asked(make.asked("ingest.results.example", client_ip=None)).verdict == "indeterminate"
    everywhere = make.court('[[lookup]]\nnames = ["a.example"]\n')
    assert everywhere.asked(make.asked("a.example", client_ip=None)).verdict == "approved"


def test_a_channel_may_start_at_the_clients_address(make):
    court = make.court(make.PRIMARY.replace('["precincts"]', '["192.0.2.70/32"]'))
    assert court.asked(make.asked("ingest.results.example", client_ip="192.0.2.70")).verdict == "approved"
    assert court.asked(make.asked("ingest.results.example")).verdict == "unapproved"


def test_a_question_on_behalf_of_a_client_is_not_judged_again(make, court):
    assert _told(court.asked(make.asked("x.example", client_ip=None, recursion=True)))[:2] == (
        "out_of_scope",
        "scope.recursion",
    )
