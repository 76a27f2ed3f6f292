"""Claims: nothing contrary only where everything was recorded and is certain; contradicted by one sure record."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowwatch.judge import judge
from flowwatch.model import (
    Amount,
    Basis,
    ClaimOutcome,
    Confidence,
    Coverage,
    Encapsulation,
    OpenedBy,
    Place,
    Reason,
    Ref,
    Severity,
    Skip,
)
from flowwatch.reports import phrases

MINUTE = 60 * 10**9
NIGHT = "between = [2026-11-03T12:00:00Z, 2026-11-03T13:00:00Z]\n"
SERVERS = """
[[server]]
id = "primary"
match = { cidrs = ["198.51.100.20/32"], names = ["ingest.results.example"] }
[[server]]
id = "site"
match = { cidrs = ["198.51.100.80/32"] }
[[server]]
id = "squid"
role = "proxy"
match = { cidrs = ["198.51.100.30/32"] }
"""
COUNTRY = 'no = { country = "XB" }\nfrom = ["precincts"]\n'
NETWORK = 'no = { asn = 64500 }\nfrom = ["precincts"]\n'
CIDRS = 'no = { cidrs = ["198.51.100.64/26"] }\nfrom = ["precincts"]\n'
ONLY = 'only_to = ["primary", "zone:collection"]\nfrom = ["precincts"]\n'
SERVER = 'server = "site"\n'
NONE, CONTRARY, UNTOLD = "no_contrary_observation", "does_not_hold", "cannot_tell"
NOTHING = {"sent": Amount.exactly(0), "acked": 0}
ATTEMPT = {"attempted": True, "state": "S0"} | NOTHING
ABROAD = "198.51.100.66"


@pytest.fixture
def judged(make):
    """The judgement on what was sent (fields of each transmission, `at` in minutes after noon) by one claim."""

    def run(claim, *sent, places=None, coverage=None, policy="", time=NIGHT):
        text = f'{SERVERS}{policy}\n[[claim]]\nid = "c"\n{claim}{time}'
        return judge(
            [_sent(make, flow, **one) for flow, one in enumerate(sent, 1)],
            (),
            make.court(text).policies,
            lambda address, _at: (places or {}).get(address) or make.place("XA", address=address),
            [tap(make)] if coverage is None else coverage,
        )

    return run


@pytest.fixture
def told(judged):
    """The outcome and what is missing."""

    def run(*args, **named):
        (answer,) = judged(*args, **named).claims
        assert bool(answer.missing) is (answer.outcome is ClaimOutcome.CANNOT_TELL)
        assert len(set(answer.missing)) == len(answer.missing)
        return (answer.outcome.value, *answer.missing)

    return run


def tap(make, first=0, last=60, **changes):
    fields: dict[str, Any] = {"source": "tap.pcap", "flows": 1, "used": 1}
    times = {"first": make.NOON + first * MINUTE, "last": make.NOON + last * MINUTE}
    return Coverage(**fields | times | changes)


def _sent(make, flow, at=10, **changes):
    start = make.NOON + int(at * MINUTE)
    return make.sent(
        **{"flow": flow, "ref": Ref("tap.pcap", flow, flow), "start": start, "end": start + 10**9} | changes
    )


def to(receiver, **changes):
    return {"receiver_ip": receiver} | changes


def test_nothing_contrary_where_all_was_recorded_and_is_elsewhere(told):
    assert told(COUNTRY, {}) == (NONE,)
    assert told(COUNTRY) == (NONE,)


def test_what_went_there_contradicts_it_with_its_record(judged, make):
    one = judged(COUNTRY, {}, to(ABROAD), to(ABROAD, at=20), places={ABROAD: make.place("XB")})
    (answer,) = one.claims
    assert (answer.outcome, answer.transmissions, answer.contrary) == (CONTRARY, 3, 2)
    assert [(item.record, item.how) for item in answer.evidence] == [(2, f"sent to {ABROAD}"), (3, f"sent to {ABROAD}")]
    (found,) = (found for found in one.findings if found.kind is Reason.CLAIM_CONTRADICTED)
    assert (found.id, found.severity, found.count, found.bytes_sent) == (answer.finding, Severity.HIGH, 2, 40_000)
    assert (found.sender_zone, found.receiver.address, found.place.countries) == ("precincts", ABROAD, ("XB",))


def test_its_severity_is_what_the_claim_says(judged, make):
    one = judged(COUNTRY + 'severity = "low"\n', to(ABROAD), places={ABROAD: make.place("XB")})
    assert [found.severity for found in one.findings if found.kind is Reason.CLAIM_CONTRADICTED] == [Severity.LOW]


def test_several_destinations_are_one_finding(judged):
    one = judged(CIDRS, to(ABROAD), to("198.51.100.80", at=20, service_port=443))
    (found,) = (found for found in one.findings if found.kind is Reason.CLAIM_CONTRADICTED)
    assert (found.receiver, found.service, found.place) == (None, None, None)
    assert found.checks[0].observed == f"sent to {ABROAD}; 198.51.100.80"
    assert phrases.receiver(found) == "several destinations, or one in a tunnel"


def test_what_could_not_be_told_has_its_earliest_records(judged, make):
    doubtful = {ABROAD: make.place("XA", "XB", confidence=Confidence.DISPUTED)}
    (answer,) = judged(COUNTRY, *(to(ABROAD, at=59 - at / 100) for at in range(1_100)), places=doubtful).claims
    assert answer.undetermined == 1_100
    assert [one.record for one in answer.evidence] == list(range(1_100, 1_080, -1))


def test_what_was_approved_contradicts_it_all_the_same(judged, make):
    channel = '[[channel]]\nid = "up"\nfrom = ["precincts"]\nto = ["site"]\n'
    one = judged(COUNTRY, to("198.51.100.80"), places={"198.51.100.80": make.place("XB")}, policy=channel)
    assert one.decisions[0].verdict == "approved"
    assert [found.kind for found in one.findings] == [Reason.CLAIM_CONTRADICTED]


@pytest.mark.parametrize(
    ("countries", "changes", "outcome"),
    [
        (["XB"], {"confidence": Confidence.STATED, "basis": Basis.OPERATOR, "source_date": None}, CONTRARY),
        (["XB"], {"confidence": Confidence.SINGLE_SOURCE}, UNTOLD),
        (["XA"], {"confidence": Confidence.SINGLE_SOURCE}, UNTOLD),
        (["XA", "XB"], {"confidence": Confidence.DISPUTED}, UNTOLD),
        (["XA", "XC"], {"confidence": Confidence.DISPUTED}, UNTOLD),
        (["XA", None], {}, UNTOLD),
        (["XB"], {"anycast": True}, UNTOLD),
        (["XA"], {"anycast": True}, UNTOLD),
        ([], {"confidence": Confidence.INDETERMINATE}, UNTOLD),
        (["XB"], {"source_date": "2026-06-01"}, UNTOLD),
        (["XA"], {"source_date": "2026-06-01"}, UNTOLD),
        (["XC"], {}, NONE),
    ],
)
def test_only_a_certain_place_decides(told, make, countries, changes, outcome):
    found = told(COUNTRY, to(ABROAD), places={ABROAD: make.place(*countries, **changes)})
    assert found[0] == outcome
    assert outcome != UNTOLD or found[1].startswith(f"1 transmission to an address that may be in XB: {ABROAD} ")


def test_a_zone_is_where_its_location_says(told):
    inside, nowhere = to("192.0.2.70"), {"192.0.2.70": Place(address="192.0.2.70")}
    located = '[[zone]]\nid = "there"\ncidrs = ["192.0.2.64/28"]\nwithin = "collection"\nlocation = { country = "X" }\n'
    assert told(COUNTRY, inside, places=nowhere)[0] == UNTOLD
    assert told(COUNTRY, inside, places=nowhere, policy=located.replace('"X"', '"XA"')) == (NONE,)
    assert told(COUNTRY, inside, places=nowhere, policy=located.replace('"X"', '"XB"')) == (CONTRARY,)


def test_a_network_is_told_by_every_source(told, make):
    def asn(*facts, **changes):
        return {ABROAD: make.place("XA", asn=tuple(make.fact(value, by) for value, by in facts), **changes)}

    stated = asn(("64500", "policy"))
    assert told(NETWORK, to(ABROAD), places=stated) == (CONTRARY,)
    assert told(NETWORK, to(ABROAD), places=asn(("64501", "policy"))) == (NONE,)
    assert told(NETWORK, to(ABROAD), places=asn(("64500", "db")))[0] == UNTOLD
    assert told(NETWORK, to(ABROAD), places=asn(("64500", "policy"), ("64501", "policy")))[0] == UNTOLD
    assert told(NETWORK, to(ABROAD))[0] == UNTOLD


def test_addresses_are_certain(told):
    assert told(CIDRS, to("198.51.100.63")) == (NONE,)
    assert told(CIDRS, to("198.51.100.64")) == (CONTRARY,)


def test_what_leaves_goes_to_these_first(told):
    assert told(ONLY, {}, to("192.0.2.70"), to("192.0.2.18")) == (NONE,)
    assert told(ONLY, {}, to("198.51.100.80")) == (CONTRARY,)
    assert told(ONLY, to("192.0.2.130")) == (CONTRARY,)
    assert told(ONLY, to("198.51.100.80", sender_ip="192.0.2.70")) == (NONE,)
    shared = told(ONLY, {"names": ()})
    assert shared[0] == UNTOLD
    assert "may serve others" in shared[1]


def test_a_tunnel_leads_to_its_far_end_first(told, make):
    through = {"tunnel": (Encapsulation("gre", "192.0.2.17", "192.0.2.70"),)}
    assert told(ONLY, to(ABROAD, **through)) == (NONE,)
    assert told(COUNTRY, to(ABROAD, **through), places={ABROAD: make.place("XB")}) == (CONTRARY,)
    assert told(COUNTRY, to(ABROAD, **through), places={"192.0.2.70": make.place("XB")}) == (CONTRARY,)
    assert told(COUNTRY, to(ABROAD, **through)) == (NONE,)


def test_a_server_carries_nothing_to_it_or_from_it(told):
    own = '[[server]]\nid = "web"\nmatch = { cidrs = ["192.0.2.70/32"] }\n'
    assert told(SERVER, {}) == (NONE,)
    assert told(SERVER, to("198.51.100.80")) == (CONTRARY,)
    pulled = to(ABROAD, sender_ip="192.0.2.70", opened_by=OpenedBy.RECEIVER)
    assert told('server = "web"\n', pulled, policy=own) == (CONTRARY,)
    assert told('server = "primary"\n', {}) == (CONTRARY,)
    assert told('server = "primary"\n', {"names": ()})[0] == UNTOLD


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (to("198.51.100.30", http_method="CONNECT", http_hosts=("up.example:443",), app="http"), "through a proxy"),
        (to("198.51.100.40", http_method="CONNECT", app="http"), "through a proxy"),
        (to("198.51.100.40", app="socks"), "through a proxy"),
        (to("198.51.100.40", proto="udp", app="wireguard"), "in a tunnel that could not be read"),
        (to("198.51.100.40", proto="50", app="esp"), "in a tunnel that could not be read"),
        (to("198.51.100.40", proto="47"), "in a tunnel that could not be read"),
    ],
)
@pytest.mark.parametrize("claim", [COUNTRY, CIDRS, SERVER])
def test_what_may_have_gone_further_cannot_be_told(told, claim, changes, words):
    (outcome, *missing) = told(claim, changes)
    assert (outcome, len(missing)) == (UNTOLD, 1)
    assert words in missing[0]


def test_an_amount_that_may_be_nothing_cannot_be_told(told):
    unknown = to("198.51.100.80", sent=Amount(0, None))
    missing = "1 transmission of which it was not recorded whether anything was sent"
    assert told(SERVER, unknown) == (UNTOLD, missing)
    assert told(COUNTRY, unknown) == (NONE,)


def test_an_attempt_carried_nothing_and_is_counted(judged, make):
    (answer,) = judged(COUNTRY, {}, to(ABROAD, **ATTEMPT), places={ABROAD: make.place("XB")}).claims
    assert (answer.outcome, answer.transmissions, answer.attempts) == (NONE, 1, 1)


def test_labels_restrict_it_and_what_could_not_be_read_may_bear_any(told, make):
    results = '[[classifier]]\nid = "r"\nlabel = "results"\nany = [{ sni = "ingest.results.example" }]\n'
    claim, there = COUNTRY + 'labels = ["results"]\n', {ABROAD: make.place("XB")}
    assert told(claim, to(ABROAD), places=there, policy=results) == (CONTRARY,)
    unread = told(claim, to(ABROAD, names=()), places=there, policy=results)
    assert unread == (UNTOLD, "1 transmission with content that could not be read")
    assert told(claim, to(ABROAD, names=(), clear=True), places=there, policy=results) == (NONE,)
    assert told(claim, to(ABROAD, names=(), sent=Amount.exactly(100)), places=there, policy=results) == (NONE,)


def test_it_is_half_open_and_across_its_edges_cannot_be_told(told):
    edge = "1 transmission across an edge of the time"
    assert told(CIDRS, to(ABROAD, at=-1)) == (NONE,)
    assert told(CIDRS, to(ABROAD, at=60)) == (NONE,)
    assert told(CIDRS, to(ABROAD, at=59.999)) == (UNTOLD, edge)
    assert told(CIDRS, to(ABROAD, at=-0.001)) == (UNTOLD, edge)
    assert told(CIDRS, to(ABROAD, timed=False)) == (UNTOLD, "1 transmission without a time")
    late = '[[sensor]]\nid = "t"\nsources = ["tap.pcap"]\nclock_error = "1m"\n'
    assert told(CIDRS, to(ABROAD, at=59.5), policy=late) == (UNTOLD, edge)
    assert told(CIDRS, to(ABROAD, at=60.5), policy=late) == (UNTOLD, edge)


def test_every_zone_must_have_been_recorded_throughout(told, make):
    every = 'no = { country = "XB" }\n'
    gap = "zone precincts not recorded in full from 2026-11-03T12:20:00Z to 2026-11-03T12:40:00Z"
    assert told(COUNTRY, coverage=[tap(make, 0, 20), tap(make, 40, 60)]) == (UNTOLD, gap)
    assert told(COUNTRY, coverage=[tap(make, 0, 31), tap(make, 29, 60, source="b.pcap")]) == (NONE,)
    sensor = '[[sensor]]\nid = "t"\nsources = ["tap.pcap"]\nsees = ["precincts"]\n'
    assert told(COUNTRY, policy=sensor) == (NONE,)
    unseen = "zones collection; office not recorded in full from 2026-11-03T12:00:00Z to 2026-11-03T13:00:00Z"
    assert told(every, policy=sensor) == (UNTOLD, unseen)
    assert told(COUNTRY, coverage=[tap(make, drops=1)])[2] == "not read in full: tap.pcap"
    assert told(COUNTRY, coverage=[tap(make, drops=1), tap(make, source="b.pcap")]) == (NONE,)
    one_way = tap(make, flows=3, one_way_flows=3)
    assert told(COUNTRY, coverage=[one_way])[2] == "perhaps only one direction recorded: tap.pcap"
    assert told(COUNTRY, coverage=[one_way, tap(make, source="b.pcap")]) == (NONE,)
    assert told(COUNTRY, coverage=[]) == (UNTOLD, "nothing was recorded")
    only = "only lookups were recorded, which do not show what was sent"
    assert told(COUNTRY, coverage=[tap(make, flows=0, lookups=5)]) == (UNTOLD, only)


def test_without_its_own_time_it_is_that_of_the_recordings(judged, told, make):
    (answer,) = judged(COUNTRY, time="").claims
    assert (answer.outcome, answer.time_declared) == (NONE, False)
    assert (answer.start, answer.end) == (make.NOON, make.NOON + 60 * MINUTE + 1)
    before = "before = 2026-11-03T12:30:00Z\n"
    assert told(CIDRS, to(ABROAD, at=40), time=before) == (NONE,)
    assert told(CIDRS, to(ABROAD), time=before) == (CONTRARY,)
    early = "nothing was recorded before 2026-11-03T11:00:00Z"
    assert told(CIDRS, time="before = 2026-11-03T11:00:00Z\n") == (UNTOLD, early)
    broken = Coverage(source="b.pcap", error=Skip("x", "x"))
    assert told(CIDRS, time="", coverage=[tap(make), broken]) == (UNTOLD, "not read in full: b.pcap")


VERSION = """
schema = "flowwatch.policy/1"
[policy]
id = "county"
version = "{}"
{}
[[zone]]
id = "precincts"
cidrs = ["192.0.2.0/26"]
[[claim]]
id = "c"
no = {{ cidrs = ["198.51.100.64/26"] }}
"""
FIRST, SECOND = "valid_until = 2026-11-03T12:30:00Z", "valid_from = 2026-11-03T12:30:00Z"


def test_each_version_answers_for_its_own_time(make):
    def answers(*texts, at=()):
        sent = [_sent(make, flow, receiver_ip=ABROAD, at=one) for flow, one in enumerate(at, 1)]
        locate = lambda address, _at: Place(address=address)  # noqa: E731
        return judge(sent, (), make.court(*texts).policies, locate, [tap(make)]).claims

    both = [VERSION.format(1, FIRST) + NIGHT, VERSION.format(2, SECOND) + NIGHT]
    assert [one.outcome for one in answers(*both)] == [NONE, NONE]
    assert [one.outcome for one in answers(*both, at=[40])] == [NONE, CONTRARY]
    assert [one.rule.policy_version for one in answers(*both)] == ["1", "2"]
    (alone,) = answers(both[0])
    assert alone.missing == ("the policy that makes the claim is in force until 2026-11-03T12:30:00Z only",)
    (never,) = answers(VERSION.format(1, "valid_until = 2026-11-03T11:00:00Z") + NIGHT)
    assert (never.outcome, never.evidence) == (UNTOLD, ())


def test_a_translated_address_that_zones_share_cannot_be_told(told):
    zones = '[[zone]]\nid = "county"\ncidrs = ["203.0.113.0/25"]\nnat = ["203.0.113.200/32"]\n'
    zones += '[[zone]]\nid = "site"\ncidrs = ["203.0.113.0/28"]\nwithin = "county"\n'
    claim = CIDRS.replace("precincts", "site")
    assert told(claim, to(ABROAD, sender_ip="203.0.113.5"), policy=zones) == (CONTRARY,)
    assert told(claim, to(ABROAD, sender_ip="203.0.113.77"), policy=zones) == (NONE,)
    shared = "1 transmission from a translated address that zones share"
    assert told(claim, to(ABROAD, sender_ip="203.0.113.200"), policy=zones) == (UNTOLD, shared)


PLACES = {ABROAD: ["XB"], "198.51.100.80": ["XA", "XB"], "203.0.113.9": []}
OBSERVED = st.fixed_dictionaries(
    {
        "receiver_ip": st.sampled_from(["198.51.100.20", "198.51.100.30", "192.0.2.70", *PLACES]),
        "at": st.sampled_from([-5, 0, 10, 30, 59.999, 61]),
        "sender_ip": st.sampled_from(["192.0.2.17", "192.0.2.70", "192.0.2.130"]),
        "names": st.just(()),
        "sent": st.sampled_from([Amount.exactly(20_000), Amount(0, None), Amount(1, None)]),
        "app": st.sampled_from(["tls", "wireguard"]),
    }
)
SPANS = st.lists(st.tuples(st.sampled_from([0, 20, 40]), st.sampled_from([25, 45, 60])), max_size=4)
CLAIMS = st.sampled_from([COUNTRY, NETWORK, CIDRS, ONLY, SERVER, 'no = { country = "XB" }\n'])
LAWS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def answered(judged, make):
    """The answer with these spans of time recorded."""

    def run(claim, sent, spans):
        places = {address: make.place(*countries) for address, countries in PLACES.items()}
        coverage = [tap(make, *span, source=f"{at}.pcap") for at, span in enumerate(spans)]
        (answer,) = judged(claim, *sent, places=places, coverage=coverage).claims
        return answer

    return run


@LAWS
@given(CLAIMS, st.lists(OBSERVED, max_size=5), st.lists(OBSERVED, max_size=3), SPANS)
def test_more_observations_never_take_a_contradiction_away(answered, claim, sent, more, spans):
    fewer, all_of_it = answered(claim, sent, spans).outcome, answered(claim, sent + more, spans).outcome
    assert fewer != CONTRARY or all_of_it == CONTRARY
    assert fewer != UNTOLD or all_of_it != NONE


@LAWS
@given(CLAIMS, st.lists(OBSERVED, max_size=3), SPANS, st.integers(0, 3))
def test_less_coverage_never_makes_it_certain(answered, claim, sent, spans, gone):
    less = spans[:gone] + spans[gone + 1 :]
    all_of_it, fewer = answered(claim, sent, spans).outcome, answered(claim, sent, less).outcome
    assert all_of_it != UNTOLD or fewer != NONE
    assert (all_of_it == CONTRARY) is (fewer == CONTRARY)


@LAWS
@given(CLAIMS, st.lists(OBSERVED, max_size=5).flatmap(lambda one: st.tuples(st.just(one), st.permutations(one))), SPANS)
def test_order_does_not_matter(make, claim, both, spans):
    one, other = both

    def answer(sent, spans):
        numbered = [_sent(make, one.index(fields) + 1, **fields) for fields in sent]
        policies = make.court(f'{SERVERS}\n[[claim]]\nid = "c"\n{claim}{NIGHT}').policies
        coverage = [tap(make, *span, source=f"{span}.pcap") for span in spans]
        return judge(
            numbered, (), policies, lambda address, _at: make.place(*PLACES.get(address, ["XA"])), coverage
        ).claims

    assert answer(one, spans) == answer(other, spans[::-1])
