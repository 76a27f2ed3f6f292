"""The database of the state: whole or not at all, brought up to date, its owner's alone."""

import sqlite3
import stat

import pytest

from flowwatch.ops import state as ops
from flowwatch.ops.state import FILE, State


def test_a_transaction_that_fails_leaves_nothing(tmp_path):
    with State.open(tmp_path / "state", alone=True) as state:
        with pytest.raises(KeyError):
            _put_and_fail(state)
        assert (state.get("one"), state.get("two")) == (None, None)


def _put_and_fail(state):
    with state.transaction():
        state.put("one", 1)
        with state.transaction():
            state.put("two", 2)
        raise KeyError


def test_what_is_not_to_be_kept_is_seen_within_and_gone_after(tmp_path):
    with State.open(tmp_path / "state", alone=True) as state:
        with state.transaction(keep=False):
            state.put("one", 1)
            assert state.get("one") == 1
        assert state.get("one") is None


def test_a_state_of_an_earlier_version_is_brought_up_to_date(tmp_path, monkeypatch):
    with State.open(tmp_path / "state", alone=True) as state, state.transaction():
        state.put("kept", "as it was")
    later = (*ops.MIGRATIONS, "CREATE TABLE more (id INTEGER PRIMARY KEY); INSERT INTO more VALUES (7)")
    monkeypatch.setattr(ops, "MIGRATIONS", later)
    for _ in range(2):
        with State.open(tmp_path / "state", alone=True) as state:
            assert state.get("kept") == "as it was"
            assert state.db.execute("SELECT id FROM more").fetchall() == [(7,)]


def test_a_step_to_the_next_version_that_fails_leaves_the_one_before(tmp_path, monkeypatch):
    State.open(tmp_path / "state", alone=True).close()
    broken = (*ops.MIGRATIONS, "CREATE TABLE more (id INTEGER PRIMARY KEY); INSERT INTO nowhere VALUES (7)")
    monkeypatch.setattr(ops, "MIGRATIONS", broken)
    with pytest.raises(ops.StateError):
        State.open(tmp_path / "state", alone=True)
    monkeypatch.undo()
    with State.open(tmp_path / "state", alone=True) as state:
        assert state.db.execute("SELECT name FROM sqlite_master WHERE name = 'more'").fetchall() == []


def test_nobody_but_its_owner_may_read_it(tmp_path):
    State.open(tmp_path / "state", alone=True).close()
    for path in (tmp_path / "state", tmp_path / "state" / FILE, tmp_path / "state" / "lock"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_faults_of_the_program_are_not_told_as_faults_of_the_state(tmp_path):
    with (
        State.open(tmp_path / "state", alone=True) as state,
        pytest.raises(sqlite3.IntegrityError),
        state.transaction(),
    ):
        state.db.execute("INSERT INTO meta VALUES (NULL, 1)")


def test_the_number_of_a_file_is_never_given_to_another(tmp_path):
    """Its rows go by it when the file itself is long gone."""
    with State.open(tmp_path / "state", alone=True) as state:
        add = "INSERT INTO cursors (source, body) VALUES ('x', '')"
        first = state.db.execute(add).lastrowid
        state.db.execute("DELETE FROM cursors")
        assert state.db.execute(add).lastrowid != first


def test_what_was_seen_of_servers_outlives_the_first_version(tmp_path, monkeypatch):
    first = ops.MIGRATIONS[:1]
    with monkeypatch.context() as then:
        then.setattr(ops, "MIGRATIONS", first)
        with State.open(tmp_path / "state", alone=True) as state, state.transaction():
            for what, value in (("sent_to", "198.51.100.20"), ("key", "aa"), ("asn", "64500"), ("answers", "x y")):
                state.db.execute("INSERT INTO seen VALUES ('primary', ?, ?, 1, 2)", (what, value))
    with State.open(tmp_path / "state", alone=True) as state:
        rows = state.db.execute("SELECT trait, value, first, last FROM sightings ORDER BY trait").fetchall()
    assert rows == [("address", "198.51.100.20", 1, 2), ("key", "aa", 1, 2)]
