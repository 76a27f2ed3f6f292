"""Findings: stable ids, grouping, evidence, order."""

import msgspec
import pytest

from flowwatch.judge import judge
from flowwatch.model import OF_THE_WHOLE, Amount, Coverage, Place, Ref


@pytest.fixture
def found(make):
    def run(*transmissions, lookups=(), policy=None, coverage=()):
        court = make.court(make.PRIMARY if policy is None else policy)
        return judge(transmissions, lookups, court.policies, lambda address, _at: Place(address=address), coverage)

    return run


def _stranger(make, flow=1, **changes):
    return make.sent(**({"flow": flow, "receiver_ip": "203.0.113.9", "names": make.used("x.test")} | changes))


def test_the_same_finding_has_the_same_id_tomorrow(make, found):
    day = 24 * make.HOUR
    (today,) = found(_stranger(make)).findings
    later = _stranger(
        make, start=make.NOON + day, end=make.NOON + day, ref=Ref("other.pcap", 7, 7), sender_ip="192.0.2.30"
    )
    (tomorrow,) = found(later).findings
    assert today.id == tomorrow.id
    (elsewhere,) = found(_stranger(make, receiver_ip="203.0.113.10")).findings
    (other_port,) = found(_stranger(make, service_port=22)).findings
    assert len({today.id, elsewhere.id, other_port.id}) == 3


def test_an_id_does_not_depend_on_the_policys_version(make, found):
    newer = make.BASE.replace('version = "1"', 'version = "2"') + make.PRIMARY
    assert found(_stranger(make)).findings[0].id == found(_stranger(make), policy=newer).findings[0].id


def test_decisions_of_one_kind_are_one_finding(make, found):
    many = [
        _stranger(make, flow=n, sender_ip=f"192.0.2.{n}", ref=Ref("tap.pcap", n, n), start=make.NOON + n)
        for n in range(1, 31)
    ]
    (finding,) = found(*many, coverage=[Coverage(source="tap.pcap", sha256="ab")]).findings
    assert (finding.count, len(finding.senders), finding.bytes_sent) == (30, 30, 600_000)
    assert finding.evidence[0].record == 1
    assert {one.sha256 for one in finding.evidence} == {"ab"}
    assert len(finding.evidence) == 20
    assert finding.severity == "medium"
    assert finding.title == (
        "zone precincts sent to x.test at 203.0.113.9 (tcp/8443): the receiver is not on the approved list"
    )


def test_evidence_says_what_holds_the_record_and_which_flow_it_is(make, found):
    coverage = [Coverage(source="tap.pcap", sha256="ab", format="pcapng")]
    known = _stranger(make, ref=Ref("tap.pcap", 3, 4), community_id="1:abc=")
    (finding,) = found(known, coverage=coverage).findings
    assert [(one.format, one.community_id) for one in finding.evidence] == [("pcapng", "1:abc=")]
    (finding,) = found(known, coverage=[]).findings
    assert [(one.format, one.sha256) for one in finding.evidence] == [(None, None)]


def test_addresses_that_only_go_by_a_listed_name_stay_apart(make, found):
    named = [make.sent(flow=n, receiver_ip=f"203.0.113.{n}") for n in (1, 2)]
    assert len([one for one in found(*named).findings if one.kind not in OF_THE_WHOLE]) == 2


def test_most_severe_first_then_by_bytes(make, found):
    small = _stranger(make, flow=1, sent=Amount.exactly(5))
    large = _stranger(make, flow=2, receiver_ip="203.0.113.10", sent=Amount.exactly(10_000))
    larger = _stranger(make, flow=3, receiver_ip="203.0.113.11", sent=Amount.exactly(20_000))
    findings = found(small, large, larger).findings
    assert [one.receiver.address for one in findings] == ["203.0.113.11", "203.0.113.10", "203.0.113.9"]


def test_conforming_and_out_of_scope_are_no_findings(make, found):
    assert found(make.sent(), make.sent(flow=2, sender_ip="203.0.113.8")).findings == ()


def test_without_a_policy_all_is_listed_and_nothing_is_a_finding(make):
    judged = judge([make.sent(sender_ip="10.0.0.1")], [], None, lambda address, _at: Place(address=address), [])
    assert judged.findings == ()
    assert [one.address for one in judged.destinations] == ["198.51.100.20"]


def test_lookups_are_findings_of_their_own(make, found):
    asked = [make.asked("x.test", ref=Ref("dns.log", n, n)) for n in (1, 2)]
    (finding,) = found(lookups=asked).findings
    assert (finding.asked, finding.count, finding.bytes_sent, finding.receiver) == ("x.test", 2, 0, None)


def test_confidence_says_why(make, found):
    def sureness(**changes):
        return found(_stranger(make, **changes)).findings[0].confidence

    assert sureness() == "high"
    assert sureness(direction_basis="port") == "medium"
    assert sureness(sent=Amount(1, 9)) == "medium"
    (undecided,) = found(make.sent(names=())).findings
    assert undecided.confidence == "low"


def test_what_named_the_receiver_is_evidence(make, found):
    answer = make.answer("x.test", ref=Ref("dns.log", 4, 4))
    (finding,) = found(_stranger(make, names=answer)).findings
    assert [(one.source, one.how) for one in finding.evidence] == [
        ("tap.pcap", "transmission"),
        ("dns.log", "answer_same_client: x.test"),
    ]


def test_attempts_say_so(make, found):
    attempt = _stranger(make, attempted=True, sent=Amount.exactly(0))
    (finding,) = found(attempt).findings
    assert (finding.attempts, finding.title.split(" to ")[0]) == (1, "zone precincts tried")
    (both,) = found(attempt, _stranger(make, flow=2)).findings
    assert (both.count, both.attempts, both.severity) == (2, 1, "medium")


def test_findings_can_be_written_as_json(make, found):
    assert b"destination.unlisted" in msgspec.json.encode(found(_stranger(make)).findings)
