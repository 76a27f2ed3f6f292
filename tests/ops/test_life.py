"""Findings over many checks, and what of them is put into the outbox."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.model import AlertKind, Life, Reason, Severity
from flowwatch.ops.config import Config, Notify, Source
from flowwatch.ops.deliveries import Outbox
from flowwatch.ops.life import Findings, Share
from flowwatch.ops.state import State
from flowwatch.ops.streams import lack
from flowwatch.policy.match import Span

HOUR = 3600 * 10**9
ONE = Share(count=1, least=5, most=5)


def finding(name="resolver", severity=Severity.MEDIUM):
    return msgspec.structs.replace(lack(name, Reason.SILENT, f"source {name}", 1), severity=severity)


def known_in(state):
    found = Findings(state).get(finding().id)
    assert found is not None
    return found


def config(*channels, storm=50):
    source = Source(id="resolver", paths=("x",))
    return Config(schema="", policy="", state="", source=(source,), notify=channels, storm=storm)


@pytest.fixture
def state(tmp_path):
    with State.open(tmp_path / "state", alone=True) as opened, opened.transaction():
        yield opened


def alerts(state):
    return [one.alert for one in Outbox(state).due(["syslog-1"], None)]


SYSLOG = Notify(type="syslog", host="localhost", repeat_interval=Span.parse("24h"))


def tell(state, settings, now):
    box = Outbox(state)
    before = len(alerts(state))
    box.tell_findings(settings, list(Findings(state).all()), None, now)
    return [one.life or one.kind for one in alerts(state)[before:]]


def test_a_finding_is_new_then_repeated_then_quiet_then_told_at_once_when_it_is_seen_again(state):
    known, settings = Findings(state), config(SYSLOG)
    known.seen(finding(), ONE, check=1)
    assert known_in(state).life is Life.NEW
    assert tell(state, settings, now=1) == [Life.NEW]
    known.seen(finding(), ONE, check=2)
    known.hush(2, after=3)
    assert known_in(state).life is Life.REPEATED
    assert tell(state, settings, now=HOUR) == []
    assert tell(state, settings, now=25 * HOUR) == [Life.REPEATED]
    for check in (3, 4, 5):
        assert known_in(state).life is Life.REPEATED
        known.hush(check, after=3)
        state.db.execute("INSERT INTO checks (number, started, ended) VALUES (?, 0, 1)", (check,))
    assert known_in(state).life is Life.QUIET
    assert tell(state, settings, now=26 * HOUR) == [Life.QUIET]
    assert tell(state, settings, now=60 * HOUR) == []
    known.seen(finding(), ONE, check=6)
    assert tell(state, settings, now=61 * HOUR) == [Life.REPEATED]
    assert known_in(state).finding.count == 3


def test_a_rise_in_severity_is_told_at_once(state):
    known, settings = Findings(state), config(SYSLOG)
    known.seen(finding(), ONE, check=1)
    tell(state, settings, now=1)
    known.seen(finding(severity=Severity.HIGH), ONE, check=2)
    assert known_in(state).life is Life.RAISED
    assert tell(state, settings, now=2) == [Life.RAISED]


def test_what_later_evidence_takes_back_is_told_as_changed_once(state):
    known, settings = Findings(state), config(SYSLOG)
    known.seen(finding(), ONE, check=1)
    tell(state, settings, now=1)
    known.taken_back(finding().id, ONE)
    assert known_in(state).finding.count == 0
    assert tell(state, settings, now=2) == [Life.CHANGED]
    assert tell(state, settings, now=3) == []


def test_what_was_taken_back_before_it_was_told_is_not_told(state):
    known = Findings(state)
    known.seen(finding(), ONE, check=1)
    known.taken_back(finding().id, ONE)
    assert tell(state, config(SYSLOG), now=2) == []


def test_many_new_findings_are_one_summary_and_all_are_kept(state):
    known = Findings(state)
    for number in range(20):
        known.seen(finding(f"source-{number}"), ONE, check=1)
    assert tell(state, config(SYSLOG, storm=10), now=1) == [AlertKind.SUMMARY]
    assert tell(state, config(SYSLOG, storm=10), now=2) == []
    assert len(list(known.all())) == 20


def test_a_failure_is_told_once_an_interval_and_another_one_at_once(state):
    box, settings = Outbox(state), config(SYSLOG)
    for words, now, count in (("a", 0, 1), ("a", HOUR, 1), ("b", 2 * HOUR, 2), ("b", 27 * HOUR, 3)):
        box.tell_failure(settings, "failed", words, now)
        assert len(alerts(state)) == count


def test_delivery_ids_are_never_given_out_twice(state):
    box = Outbox(state)
    assert len({box.delivery() for _ in range(100)}) == 100


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20))
def test_shares_that_are_taken_back_leave_what_the_others_add(sizes):
    shares = [Share(count=1, least=least, most=least + more) for least, more in sizes]
    total = Share()
    for one in shares:
        total = total.plus(one)
    for one in shares[::2]:
        total = total.plus(one, -1)
    expected = Share()
    for one in shares[1::2]:
        expected = expected.plus(one)
    assert total == expected
