"""Now against before: under one set of location data, order-free, and silent without a past."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowwatch.judge import judge
from flowwatch.model import Answer, Basis, Candidate, Confidence, Fact, History, Place, Ref

DAY = 86_400 * 10**9
HOUR = 3600 * 10**9
POLICY = """
[defaults]
dormant_after = "30d"
[[server]]
id = "primary"
match = { cidrs = ["198.51.100.0/25"], names = ["ingest.results.example"] }
[[server]]
id = "pool"
match = { names = ["pool.vendor.example"] }
[[channel]]
id = "up"
from = ["precincts"]
to = ["primary", "pool"]
carries = ["results"]
"""
NETWORK, COUNTRY, REGION = "drift.network", "drift.country", "drift.region"
KEY, ANSWERS, CHANGED, DORMANT = "drift.key", "drift.answers", "reference.changed", "presence.dormant_returned"
HERE, THERE = ("64500", "XA", "xa-east-1"), ("64501", "XB", "xb-west-1")


class World:
    """Where addresses are, by what the operator states from a time on and by a database that says the same always."""

    def __init__(self, stated=(), database=()):
        self.stated, self.database = dict(stated), dict(database)

    def locate(self, address, at):
        facts = [place for since, place in self.stated.get(address, ()) if at is None or since <= at]
        said = facts[-1] if facts else self.database.get(address)
        if said is None:
            return Place(address=address)
        asn, country, region = said
        source = "policy" if facts else "db"
        located = Candidate(
            country=country,
            provider="cloud",
            provider_region=region,
            basis=Basis.OPERATOR if facts else Basis.DATABASE,
            source=source,
        )
        return Place(
            address=address,
            located=(located,),
            confidence=Confidence.STATED if facts else Confidence.SINGLE_SOURCE,
            asn=(Fact(asn, source),),
            organisation=(Fact(f"Carrier {asn}", source),),
        )


NOWHERE = World()


@pytest.fixture
def run(make):
    """Judges uploads as (days after noon, last of the address, changes); gives the judgement."""

    def run(*uploads, world=NOWHERE, stamp="a", asked=(), policy=POLICY, history=None, order=list):
        sent = []
        for flow, (at, last, *changes) in enumerate(uploads, 1):
            start = make.NOON + int(at * DAY)
            fields = {"flow": flow, "ref": Ref("tap.pcap", flow, flow), "start": start, "end": start + 10**9}
            sent.append(make.sent(**fields | {"receiver_ip": f"198.51.100.{last}"} | (changes[0] if changes else {})))
        past = None if history is None else History(tuple(history))
        policies = make.court(policy).policies
        return judge(order(sent), asked, policies, world.locate, history=past, stamp=stamp)

    return run


def kinds(judged):
    return sorted(one.kind.value for one in judged.findings)


MIDNIGHT = 1_793_750_400 * 10**9
MOVED = World(stated={"198.51.100.20": [(0, HERE), (MIDNIGHT, THERE)]})
"""Another owner from twelve hours after NOON."""


def test_a_server_that_moves_between_two_nights_drifts_in_each_trait(run):
    before = run((0, 20, {"cert_spki_sha256": "aa"}), world=MOVED)
    assert before.findings == ()
    night = run((7, 20, {"cert_spki_sha256": "bb"}), world=MOVED, history=before.seen)
    assert kinds(night) == [COUNTRY, KEY, NETWORK, REGION]
    (one,) = (one for one in night.findings if one.kind == NETWORK)
    (check,) = one.checks
    assert (
        check.declared == "AS64500 (Carrier 64500) at 198.51.100.20, seen 2026-11-03T12:00:00Z to 2026-11-03T12:00:01Z"
    )
    assert check.observed.startswith("AS64501 (Carrier 64501) at 198.51.100.20, seen 2026-11-10T12:00:00Z")
    assert one.confidence == "high"


def test_two_nights_of_one_recording_are_compared_alike(run):
    uploads = [(0, 20, {"cert_spki_sha256": "aa"}), (7, 20, {"cert_spki_sha256": "bb"})]
    before = run(uploads[0], world=MOVED)
    apart = run(uploads[1], world=MOVED, history=before.seen)
    together = run(*uploads, world=MOVED)
    assert {one.id for one in together.findings} == {one.id for one in apart.findings}
    assert History.of((*before.seen, *apart.seen)).sightings == together.seen
    (one,) = (one for one in together.findings if one.kind == KEY)
    assert [record.how for record in one.evidence] == ["seen now", "seen before"]


def test_without_an_earlier_sighting_nothing_is_said(run):
    first = run((0, 20, {"cert_spki_sha256": "bb"}), world=MOVED, history=())
    assert first.findings == ()
    assert first.unknown == ("primary",)
    assert run((7, 20), world=MOVED, history=first.seen).unknown == ()


def test_the_same_again_is_no_drift(run):
    first, second = (0, 20, {"cert_spki_sha256": "aa"}), (1 / 24, 21)
    world = World(database={"198.51.100.20": HERE, "198.51.100.21": THERE})
    before = run(first, second, world=world)
    assert before.findings == ()  # two addresses from the start
    assert run((7, *first[1:]), (7.1, *second[1:]), world=world, history=before.seen).findings == ()


def test_other_location_data_alone_is_no_drift(run):
    old, new = World(database={"198.51.100.20": HERE}), World(database={"198.51.100.20": THERE})
    before = run((0, 20), world=old, stamp="2026-09-01/old")
    after = run((7, 20), world=new, stamp="2026-10-01/new", history=before.seen)
    (one,) = after.findings
    assert (one.kind, one.verdict, one.severity) == (CHANGED, "indeterminate", "info")
    assert [check.what for check in one.checks] == ["network as before", "country as before", "region as before"]
    assert "by data 2026-09-01/old" in one.checks[0].declared
    assert "by data 2026-10-01/new" in one.checks[0].observed
    both = History.of((*before.seen, *after.seen)).sightings
    assert run((8, 20), world=new, stamp="2026-10-01/new", history=both).findings == ()


def test_other_data_and_another_address_are_told_apart(run):
    """The data moved the earlier address too: both lie in one network by today's data."""
    old = World(database={"198.51.100.20": HERE, "198.51.100.21": HERE})
    new = World(database={"198.51.100.20": THERE, "198.51.100.21": THERE})
    before = run((0, 20), world=old, stamp="old")
    assert kinds(run((7, 21), world=new, stamp="new", history=before.seen)) == [CHANGED]
    apart = World(database={"198.51.100.20": HERE, "198.51.100.21": THERE})
    assert kinds(run((7, 21), world=apart, stamp="new", history=before.seen)) == [COUNTRY, NETWORK, REGION]


def test_what_the_operator_states_since_is_not_compared_with_what_data_said_before(run, make):
    """A fact that holds from a day on says nothing of the days before."""
    stated = {"198.51.100.20": [(make.NOON + 5 * DAY, THERE)]}
    world = World(stated=stated, database={"198.51.100.20": HERE})
    before = run((0, 20), world=world)
    assert kinds(run((7, 20), world=world, history=before.seen)) == [CHANGED]


def test_a_key_or_place_that_is_not_seen_is_neither_old_nor_new(run):
    before = run((0, 20, {"cert_spki_sha256": "aa"}), world=World(database={"198.51.100.20": HERE}))
    hidden = run((7, 20), history=before.seen)
    assert hidden.findings == ()
    assert run((14, 20, {"cert_spki_sha256": "aa"}), history=hidden.seen).findings == ()
    answer = {"cert_spki_sha256": "bb", "attempted": True, "acked": 0}
    assert run((7, 20, answer), history=before.seen).findings == ()


def test_what_the_policy_declares_of_the_server_is_no_drift(run):
    declared = POLICY.replace(
        'names = ["ingest.results.example"] }',
        'names = ["ingest.results.example"] }\nexpect = { countries = ["XA", "XB"], asns = [64500, 64501] }'
        f'\ntls = {{ spki_sha256 = ["{"aa" * 32}", "{"bb" * 32}"] }}',
    )
    before = run((0, 20, {"cert_spki_sha256": "aa" * 32, "tls_version": "1.2"}), world=MOVED, policy=declared)
    uploads = (7, 20, {"cert_spki_sha256": "bb" * 32, "tls_version": "1.2"})
    assert kinds(run(uploads, world=MOVED, policy=declared, history=before.seen)) == [REGION]


def answered(make, at, *addresses, name="ingest.results.example"):
    answers = tuple(Answer(name, "A", one) for one in addresses)
    return make.asked(name, time=make.NOON + int(at * DAY), answers=answers)


def test_an_address_new_among_the_answers_is_told_of_a_server_with_addresses(run, make):
    first = answered(make, 0, "198.51.100.20", "198.51.100.21")
    before = run(asked=[first])
    assert before.findings == ()
    again = answered(make, 7, "198.51.100.21")
    other = answered(make, 7, "198.51.100.21", "198.51.100.22")
    assert run(asked=[again], history=before.seen).findings == ()
    (one,) = run(asked=[other], history=before.seen).findings
    assert (one.kind, one.asked, one.severity) == (ANSWERS, "ingest.results.example", "info")
    assert one.checks[0].observed.startswith("198.51.100.22 at ingest.results.example")


def test_answers_that_take_turns_or_are_without_number_are_not_compared(run, make):
    wide = POLICY.replace('names = ["ingest.results.example"]', 'names = ["**.results.example"]')
    assert run(asked=[answered(make, 0, "203.0.113.1", name="pool.vendor.example")]).seen == ()
    assert run(asked=[answered(make, 0, "198.51.100.20")], policy=wide).seen == ()
    blocked = msgspec.structs.replace(answered(make, 0, "198.51.100.20"), policy_action="blocked")
    assert run(asked=[blocked]).seen == ()


def test_a_server_that_was_not_seen_for_long_returns(run):
    before = run((0, 20), world=MOVED)
    assert kinds(run((29, 20), history=before.seen)) == []
    assert kinds(run((31, 20), history=before.seen)) == [DORMANT]
    (one,) = run((0, 20), (20, 20), (51, 20), (52, 20)).findings
    assert one.kind == DORMANT
    assert "not seen for 30 days" in one.checks[0].observed
    assert run((31, 20), history=before.seen, policy=POLICY.replace('dormant_after = "30d"', "")).findings == ()


def test_names_alone_show_no_server(run):
    """It goes by the name at an address that is not listed: nothing is learned of the server."""
    assert run((0, 220)).seen == ()


UPLOADS = st.lists(
    st.tuples(
        st.sampled_from([0, 1 / 48, 1, 7, 7.5, 40]),
        st.sampled_from([20, 21]),
        st.sampled_from([{}, {"cert_spki_sha256": "aa"}, {"cert_spki_sha256": "bb"}]),
    ),
    max_size=6,
)
TWO = World(
    stated={"198.51.100.20": MOVED.stated["198.51.100.20"]},
    database={"198.51.100.20": HERE, "198.51.100.21": THERE},
)
LAWS = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@LAWS
@given(uploads=UPLOADS, data=st.data())
def test_the_order_of_what_was_seen_changes_nothing(run, uploads, data):
    before = run(*uploads, world=TWO)
    mixed = run(*uploads, world=TWO, order=lambda sent: data.draw(st.permutations(sent)))
    assert before.findings == mixed.findings
    assert before.seen == mixed.seen
    history = data.draw(st.permutations(before.seen))
    again = [run(*uploads, world=TWO, history=each).findings for each in (before.seen, history)]
    assert again[0] == again[1]


@LAWS
@given(uploads=UPLOADS)
def test_what_is_history_already_is_never_told_again(run, uploads):
    before = run(*uploads, world=TWO)
    told = [kind for kind in kinds(run(*uploads, world=TWO, history=before.seen)) if kind != DORMANT]
    assert told == []
    fresh = [(at + 60, *rest) for at, *rest in uploads]
    anew = World(database={"198.51.100.20": THERE, "198.51.100.21": HERE})
    keyless = [msgspec.structs.replace(one) for one in before.seen if one.trait != "key"]
    drift = run(*((at, last) for at, last, _ in fresh), world=anew, stamp="new", history=keyless).findings
    new = {one[1] for one in fresh} - {one[1] for one in uploads}
    assert new or not [one for one in drift if one.kind.startswith("drift.")]


@LAWS
@given(uploads=UPLOADS, other=UPLOADS)
def test_histories_merge_whatever_their_order_and_repetition(run, uploads, other):
    one, two = run(*uploads, world=TWO).seen, run(*other, world=TWO, stamp="b").seen
    assert History.of((*one, *two)) == History.of((*two, *one, *one))
