"""Copies: never of what is approved alone, the same data by digest only, however the recording is ordered."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowwatch.judge import judge
from flowwatch.judge.night.fanout import OVERHEAD, SHARE, SIZE_LEAST, SPAN
from flowwatch.model import Amount, Place, Ref

SECOND = 10**9
POLICY = """
[[server]]
id = "primary"
match = { cidrs = ["198.51.100.20/32"] }
[[server]]
id = "backup"
match = { cidrs = ["198.51.100.36/32"] }
[[channel]]
id = "up"
from = ["precincts"]
to = ["primary", "backup"]
"""
PRIMARY, BACKUP, XB, XC = "198.51.100.20", "198.51.100.36", "203.0.113.80", "203.0.113.140"
DIGEST = ("ab" * 32,)


@pytest.fixture
def told(make):
    """Judges uploads (receiver, seconds after noon, bytes); gives what is told of copies."""

    def run(*uploads, policy=POLICY, **changes):
        return copies(make, [upload(make, n, *one, **changes) for n, one in enumerate(uploads, 1)], policy)

    return run


def upload(make, number, receiver, at, size, **changes):
    start = make.NOON + round(at * SECOND)
    fields = {"flow": number, "ref": Ref("tap.pcap", number, number), "receiver_ip": receiver, "names": ()}
    fields |= {"start": start, "end": start + SECOND, "sent": Amount.exactly(size)}
    return make.sent(**(fields | changes))


def judged(make, sent, policy=POLICY):
    return judge(sent, (), make.court(policy).policies, lambda address, _at: Place(address=address))


def copies(make, sent, policy=POLICY):
    return [one for one in judged(make, sent, policy).findings if one.kind == "fanout.repeated"]


def test_uploads_alike_to_several_destinations_are_told_with_every_copy(told):
    (one,) = told((PRIMARY, 0, 30_000), (XB, 20, 30_100), (XC, 45, 29_950))
    assert (one.verdict, one.severity, one.confidence) == ("unapproved", "medium", "medium")
    assert (one.count, one.bytes_sent, one.senders) == (2, 60_050, ("192.0.2.17",))
    assert one.title.startswith(
        "zone precincts sent uploads alike in size to 3 destinations, 2 of them not on the approved list: "
    )
    assert [check.observed for check in one.checks] == [
        f"30,100 bytes to {XB} (unapproved) at 2026-11-03T12:00:20Z from 192.0.2.17",
        f"29,950 bytes to {XC} (unapproved) at 2026-11-03T12:00:45Z from 192.0.2.17",
        f"30,000 bytes to primary at {PRIMARY} (approved) at 2026-11-03T12:00:00Z from 192.0.2.17",
    ]
    assert [evidence.record for evidence in one.evidence] == [1, 2, 3]
    assert one.rule is not None
    assert (one.rule.kind, one.rule.id, one.receiver) == ("defaults", "fanout", None)
    assert one.remedy


def test_two_alike_may_be_chance_so_the_finding_is_one_step_milder(told):
    (one,) = told((PRIMARY, 0, 30_000), (XB, 20, 30_000))
    assert (one.severity, one.confidence) == ("low", "low")


def test_the_same_data_is_said_of_equal_digests_only(make):
    sent = [upload(make, n, to, n, 2_000 * n, payload_sha256=DIGEST) for n, to in enumerate((PRIMARY, XB), 1)]
    (one,) = copies(make, sent)
    assert "the same data" in one.title
    assert (one.confidence, one.confidence_why) == ("high", "the digests of what was sent are equal")
    other = msgspec.structs.replace(sent[0], payload_sha256=("cd" * 32,))
    assert copies(make, [other, sent[1]]) == []
    small = [msgspec.structs.replace(one, sent=Amount.exactly(1_000)) for one in sent]
    assert copies(make, small) == [], "empty bodies are equal everywhere"


def test_a_destination_that_got_the_same_data_is_not_told_again_for_the_size(make):
    sent = [upload(make, n, to, n, 30_000, payload_sha256=DIGEST) for n, to in enumerate((XB, XC), 1)]
    third = upload(make, 3, PRIMARY, 3, 30_000)
    assert [one.title.partition(" destinations")[0] for one in sorted(copies(make, [*sent, third]), key=_title)] == [
        "zone precincts sent the same data to 2",
        "zone precincts sent uploads alike in size to 3",
    ]
    assert len(copies(make, sent)) == 1


def _title(finding):
    return finding.title


@pytest.mark.parametrize("other", [30_000 + 30_000 // (SHARE - 1), 30_000 - 30_000 // SHARE])
def test_alike_ends_at_two_in_a_hundred(told, other):
    assert told((PRIMARY, 0, 30_000), (XB, 1, other))
    beyond = other + (1 if other > 30_000 else -1)
    assert told((PRIMARY, 0, 30_000), (XB, 1, beyond)) == []
    assert told((PRIMARY, 0, beyond), (XB, 1, 30_000)) == []


def test_small_uploads_are_alike_by_what_names_and_headers_make_of_them_and_the_smallest_not_compared(told):
    assert told((PRIMARY, 0, SIZE_LEAST), (XB, 1, SIZE_LEAST + OVERHEAD))
    assert told((PRIMARY, 0, SIZE_LEAST), (XB, 1, SIZE_LEAST + OVERHEAD + 1)) == []
    assert told((PRIMARY, 0, SIZE_LEAST - 1), (XB, 1, SIZE_LEAST - 1)) == []


def test_copies_begin_within_ten_minutes(told):
    for first in (0, 1, 599, 7_201):
        assert told((PRIMARY, first, 30_000), (XB, first + SPAN / SECOND, 30_000))
        assert told((XB, first, 30_000), (PRIMARY, first + SPAN / SECOND + 1, 30_000)) == []


def test_what_is_approved_is_never_the_cause(told):
    assert told((PRIMARY, 0, 30_000), (BACKUP, 5, 30_000)) == []
    assert told((PRIMARY, 0, 30_000), (XB, 5, 40_000), (BACKUP, 6, 30_000)) == []


def test_an_approved_server_reached_in_another_way_is_no_copy_elsewhere(told):
    policy = POLICY + "service = { ports = [443] }\n"
    assert told((PRIMARY, 0, 30_000), (BACKUP, 5, 30_000), policy=policy) == []


def test_one_address_and_one_name_of_several_addresses_are_one_destination(make, told):
    assert told((XB, 0, 30_000), (XB, 9, 30_000)) == []
    name = make.answer("files.partner.example")
    sent = [upload(make, n, to, n, 30_000, names=name) for n, to in enumerate((XB, XC), 1)]
    assert copies(make, sent) == []
    assert copies(make, [*sent, upload(make, 3, PRIMARY, 3, 30_000, names=name)]), "an approved name excuses nobody"
    claimed = [upload(make, n, to, n, 30_000, names=make.used("x.example")) for n, to in enumerate((XB, XC), 1)]
    assert copies(make, claimed), "anyone can write any name"


def test_what_cannot_be_compared_is_not(told, make):
    pair = ((XB, 0, 30_000), (XC, 5, 30_000))
    assert told(*pair)
    assert told(*pair, timed=False) == []
    assert told(*pair, attempted=True) == []
    assert told(*pair, begun_before=True) == []
    assert told(*pair, sent=Amount(0, None)) == []
    assert told(*pair, sent=Amount(20_000, 30_000))[0].confidence == "low"
    ranged = upload(make, 1, XB, 0, 0, sent=Amount(30_000, 30_001))
    assert copies(make, [ranged, upload(make, 2, XC, 1, 30_000)]) == [], "a bound is no size"


def test_other_senders_and_what_others_fetch_are_no_copies(make):
    ours, theirs = upload(make, 1, XB, 0, 30_000), upload(make, 2, XC, 1, 30_000, sender_ip="192.0.2.18")
    assert copies(make, [ours, theirs]) == []
    fetched = [
        make.reply(make.sent(flow=n, sender_ip=to, receiver_ip="192.0.2.17", names=()), sent=Amount.exactly(30_000))
        for n, to in enumerate((XB, XC), 1)
    ]
    assert copies(make, fetched) == []


def test_behind_a_translation_senders_are_told_apart_by_digest_only(make, monkeypatch):
    monkeypatch.setattr(make, "BASE", make.BASE.replace('26"]', '26"]\nnat = ["203.0.113.5/32"]', 1))
    policy = make.BASE + POLICY
    sent = [upload(make, n, to, n, 30_000, sender_ip="203.0.113.5") for n, to in enumerate((XB, XC), 1)]
    assert copies(make, sent, policy) == []
    known = [msgspec.structs.replace(one, payload_sha256=DIGEST) for one in sent]
    assert [one.confidence for one in copies(make, known, policy)] == ["high"]


UPLOADS = st.lists(
    st.tuples(
        st.sampled_from([PRIMARY, BACKUP, XB, XC]),
        st.integers(0, 15).map(lambda slot: slot * 100),
        st.sampled_from([8_192, 8_700, 8_705, 30_000, 30_600, 31_300]),
        st.sampled_from([None, DIGEST, ("cd" * 32,)]),
        st.sampled_from(["192.0.2.17", "192.0.2.18"]),
    ),
    max_size=7,
)
_SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _sent(make, uploads):
    return [
        upload(make, n, to, at, size, payload_sha256=digest, sender_ip=sender)
        for n, (to, at, size, digest, sender) in enumerate(uploads, 1)
    ]


@_SLOW
@given(uploads=UPLOADS)
def test_law_copies_are_those_of_an_oracle_that_holds_every_pair_against_each_other(make, uploads):
    def copied(one, two):
        larger = max(one[2], two[2])
        apart, soon = one[0] != two[0], abs(one[1] - two[1]) * SECOND <= SPAN
        difference = abs(one[2] - two[2])
        alike = difference <= OVERHEAD or difference * SHARE <= larger
        same = one[3] is not None and one[3] == two[3]
        return apart and soon and one[4] == two[4] and (same or alike), same

    causes: dict[bool, set[int]] = {True: set(), False: set()}
    for n, one in enumerate(uploads):
        if one[0] not in (PRIMARY, BACKUP):
            found = [(two[0], copied(one, two)) for two in uploads]
            same = {to for to, (is_copy, by_digest) in found if is_copy and by_digest}
            alike = {to for to, (is_copy, by_digest) in found if is_copy and not by_digest} - same
            causes[True] |= {n} if same else set()
            causes[False] |= {n} if alike else set()
    told = {"the same data" in one.title: one.count for one in copies(make, _sent(make, uploads))}
    assert told == {same: len(found) for same, found in causes.items() if found}


@_SLOW
@given(uploads=UPLOADS, others=UPLOADS, data=st.data())
def test_law_order_is_nothing_and_what_is_unrelated_takes_nothing_away(make, uploads, others, data):
    """Unrelated is what another sends, or the same an hour later."""
    sent = _sent(make, uploads)
    unrelated = [
        upload(make, 20 + n, to, at + 7_200 * (sender == "192.0.2.17"), size, payload_sha256=digest, sender_ip=by)
        for n, (to, at, size, digest, sender) in enumerate(others)
        for by in ["192.0.2.17" if sender == "192.0.2.17" else "192.0.2.20"]
    ]
    whole = judged(make, [*sent, *unrelated])
    assert msgspec.json.encode(judged(make, data.draw(st.permutations([*sent, *unrelated])))) == msgspec.json.encode(
        whole
    )
    counts = {one.id: one.count for one in whole.findings}
    assert all(counts[one.id] >= one.count for one in copies(make, sent))


@_SLOW
@given(uploads=UPLOADS)
def test_law_approved_alone_is_never_a_fan_out(make, uploads):
    assert copies(make, [one for one in _sent(make, uploads) if one.receiver_ip in (PRIMARY, BACKUP)]) == []


def test_the_work_is_bounded_by_what_is_not_approved(make):
    """Thousands of uploads of one size to one place and others: each is held against a few."""
    sent = [upload(make, n, f"203.0.113.{1 + n % 200}", n / 10, 30_000) for n in range(2_000)]
    (one,) = copies(make, sent)
    assert (one.count, len(one.checks), len(one.evidence)) == (2_000, 20, 20)
