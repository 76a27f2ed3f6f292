"""QUIC connections that may have moved: indeterminate, and nothing else is."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowwatch.judge import judge
from flowwatch.judge.migration import SOON
from flowwatch.model import Amount, Encapsulation, Place, Ref, Severity, Verdict

SECOND = 10**9
MOVED = "quic.migration_possible"
POLICY = """
[[server]]
id = "web"
match = { cidrs = ["198.51.100.20/32"], names = ["ingest.results.example"] }
[[channel]]
id = "up"
from = ["precincts"]
to = ["web"]
service = { proto = "udp", ports = [443] }
[[prohibited]]
id = "never"
when = { to = { cidrs = ["203.0.113.66/32"] } }
"""


@pytest.fixture
def quic(make):
    """An approved QUIC flow; `changes` make the flow that may continue it, begun ten seconds after its end."""

    def flow(number=1, **changes):
        approved = {"flow": number, "ref": Ref("tap.pcap", number, number), "proto": "udp", "service_port": 443}
        return make.sent(**(approved | {"app": "quic"} | changes))

    return flow


@pytest.fixture
def moved(make, quic):
    def flow(number=2, **changes):
        silent = {"receiver_ip": "203.0.113.9", "names": (), "app": None, "tls_version": None, "clear": None}
        late = {"start": make.NOON + 11 * SECOND, "end": make.NOON + 12 * SECOND}
        return quic(number, **(silent | late | changes))

    return flow


@pytest.fixture
def told(make):
    def judged(*sent, policy=POLICY):
        found = judge(sent, [], make.court(policy).policies, _nowhere).decisions
        return {one.transmission.flow: (one.verdict.value, one.reasons[0].value) for one in found}

    return judged


def test_datagrams_without_an_initial_soon_after_an_approved_quic_flow_may_continue_it(make, quic, moved):
    judged = judge([quic(), moved()], [], make.court(POLICY).policies, _nowhere)
    first, second = judged.decisions
    assert first.verdict is Verdict.APPROVED
    assert (second.verdict, second.reasons) == (Verdict.INDETERMINATE, (MOVED, "destination.unlisted"))
    assert second.severity is Severity.LOW
    assert (second.checks[0].what, second.checks[0].truth) == ("migration", "unseen")
    assert judged.verdicts[Verdict.UNAPPROVED].count == 0
    assert [one.kind for one in judged.findings] == [MOVED]


def test_alone_they_are_unapproved(told, moved):
    assert told(moved()) == {2: ("unapproved", "destination.unlisted")}


def test_a_long_header_without_a_hello_is_no_initial(told, quic, moved):
    assert told(quic(), moved(app="quic"))[2] == ("indeterminate", MOVED)


@pytest.mark.parametrize(
    "changes",
    [
        {"proto": "tcp"},
        {"app": "dns"},
        {"service_port": 8443},
        {"sender_ip": "192.0.2.18"},
        {"app": "quic", "sni": "x.test"},
        {"app": "quic", "alpn": ("h3",)},
        {"app": "quic", "tls_version": "1.3"},
        {"app": "quic", "ech": True},
        {"tunnel": (Encapsulation("gre", "192.0.2.1", "203.0.113.70"),)},
    ],
)
def test_what_shows_something_else_is_judged_for_itself(told, quic, moved, changes):
    assert told(quic(), moved(**changes))[2][0] == "unapproved"


@pytest.mark.parametrize("read", [{"markers": ("m",)}, {"clear": True}])
def test_what_was_read_in_clear_in_either_direction_is_no_quic(make, quic, moved, read):
    there = moved(receiver_ip="192.0.2.70", **read)
    silent = {"app": None, "tls_version": None, "start": there.start}
    for pair in (
        (there, make.reply(there, **silent)),
        (moved(receiver_ip="192.0.2.70"), make.reply(there, **silent, **read)),
    ):
        found = judge([quic(), *pair], [], make.court(POLICY).policies, _nowhere).decisions
        assert [one.verdict.value for one in found] == ["approved", "unapproved", "unapproved"]


@pytest.mark.parametrize(
    ("after", "verdict"),
    [(-2 * SECOND, "unapproved"), (0, "indeterminate"), (SOON, "indeterminate"), (SOON + 1, "unapproved")],
)
def test_soon_is_thirty_seconds_after_its_end_and_not_before_its_start(make, told, quic, moved, after, verdict):
    start = make.NOON + SECOND + after
    assert told(quic(), moved(start=start, end=start))[2][0] == verdict


def test_one_that_begins_with_the_approved_flow_counts(make, told, quic, moved):
    assert told(quic(), moved(start=make.NOON, end=make.NOON))[2][0] == "indeterminate"


def test_a_longer_flow_before_a_later_short_one_still_counts(make, told, quic, moved):
    long = quic(1, end=make.NOON + 100 * SECOND)
    short = quic(3, start=make.NOON + SECOND, end=make.NOON + SECOND)
    at = make.NOON + 120 * SECOND
    assert told(long, short, moved(start=at, end=at))[2][0] == "indeterminate"


def test_only_an_approved_flow_opened_by_the_client_is_one_to_continue(told, make, quic, moved):
    assert told(quic(receiver_ip="203.0.113.8"), moved())[2][0] == "unapproved"
    assert told(quic(app=None, tls_version=None), moved())[2][0] == "unapproved"
    pulled = POLICY.replace('to = ["web"]', 'to = ["web"]\nopened_by = "either"')
    assert told(make.reply(quic(sender_ip="198.51.100.20", receiver_ip="192.0.2.17")), moved(), policy=pulled)[2][
        0
    ] == ("unapproved")


def test_prohibited_stays_prohibited(told, quic, moved):
    assert told(quic(), moved(receiver_ip="203.0.113.66"))[2][0] == "prohibited"


def test_a_deviation_may_be_one_too(told, quic, moved):
    server = '[[server]]\nid = "other"\nmatch = { cidrs = ["203.0.113.9/32"] }\n'
    channel = '[[channel]]\nid = "o"\nfrom = ["precincts"]\nto = ["other"]\nservice = { proto = "tcp" }\n'
    assert told(moved(), policy=POLICY + server + channel)[2] == ("deviation", "service.proto")
    assert told(quic(), moved(), policy=POLICY + server + channel)[2] == ("indeterminate", MOVED)


def test_its_answers_are_as_uncertain(make, quic, moved):
    there = moved(receiver_ip="192.0.2.70")
    back = make.reply(there, app=None, tls_version=None, start=there.start)
    found = judge([quic(), there, back], [], make.court(POLICY).policies, _nowhere).decisions
    assert [one.verdict.value for one in found] == ["approved", "indeterminate", "indeterminate"]
    assert found[2].reasons[0] == MOVED
    alone = judge([there, back], [], make.court(POLICY).policies, _nowhere).decisions
    assert [one.verdict.value for one in alone] == ["unapproved", "unapproved"]


def _nowhere(address, _at):
    return Place(address=address)


LAWS = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FLOWS = st.lists(
    st.fixed_dictionaries(
        {
            "second": st.integers(0, 80),
            "lasts": st.integers(0, 40),
            "sender_ip": st.sampled_from(["192.0.2.17", "192.0.2.18"]),
            "receiver_ip": st.sampled_from(["198.51.100.20", "203.0.113.9", "203.0.113.66"]),
            "app": st.sampled_from(["quic", None]),
            "sent": st.sampled_from([Amount(0, None), Amount.exactly(5)]),
        }
    ),
    min_size=2,
    max_size=6,
)


@LAWS
@given(flows=FLOWS, order=st.randoms())
def test_the_order_changes_nothing_and_every_verdict_follows_from_the_flows(make, quic, moved, flows, order):
    sent = [_of(make, quic if one["app"] == "quic" else moved, n, dict(one)) for n, one in enumerate(flows)]
    mixed = sent[:]
    order.shuffle(mixed)
    court = make.court(POLICY)
    judged = judge(sent, [], court.policies, _nowhere)
    assert judged == judge(mixed, [], court.policies, _nowhere)
    approved = [one for one in sent if court.derive(one).decision.verdict is Verdict.APPROVED]
    for one in judged.decisions:
        plain = court.derive(one.transmission).decision
        soft = plain.verdict is Verdict.UNAPPROVED and one.transmission.app is None
        soft = soft and any(
            before.sender_ip == one.transmission.sender_ip
            and before.start <= one.transmission.start <= before.end + SOON
            for before in approved
        )
        assert one.verdict is (Verdict.INDETERMINATE if soft else plain.verdict)


def _of(make, kind, number, one):
    start = make.NOON + one.pop("second") * SECOND
    return kind(number, start=start, end=start + one.pop("lasts") * SECOND, **one)
