"""Pi-hole's database: what its rows tell, and that nothing a hostile one holds is executed."""

# ruff: noqa: S608 - the statements make databases of this file's own

import random
import sqlite3
from contextlib import closing

import pytest

from flowwatch.sources.maps import pihole
from flowwatch.sources.reading import Collected, collect

STORAGE = """
CREATE TABLE query_storage ( id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp INTEGER NOT NULL, type INTEGER NOT NULL,
  status INTEGER NOT NULL, domain INTEGER NOT NULL, client INTEGER NOT NULL, forward INTEGER, additional_info INTEGER,
  reply_type INTEGER, reply_time REAL, dnssec INTEGER, list_id INTEGER, ede INTEGER );
CREATE TABLE domain_by_id (id INTEGER PRIMARY KEY, domain TEXT NOT NULL);
CREATE TABLE client_by_id (id INTEGER PRIMARY KEY, ip TEXT NOT NULL, name TEXT);
CREATE VIEW queries AS SELECT id, timestamp, type, status, domain, client FROM query_storage;
INSERT INTO domain_by_id VALUES (1, 'Results.example'), (2, 'ads.example'), (3, 'hidden');
INSERT INTO client_by_id VALUES (1, '192.0.2.10', 'desk'), (2, '0.0.0.0', NULL);
"""
OLD = """
CREATE TABLE queries (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp INTEGER NOT NULL, type INTEGER NOT NULL,
  status INTEGER NOT NULL, domain TEXT NOT NULL, client TEXT NOT NULL, forward TEXT, additional_info TEXT);
"""
ROWS = """
INSERT INTO query_storage (timestamp, type, status, domain, client, reply_type) VALUES
  (1795333872, 1, 2, 1, 1, 4), (1795333873.25, 16, 3, 1, 1, 1), (1795333874, 1, 1, 2, 1, 4),
  (1795333875, 2, 2, 3, 2, 2), (1795333876, 165, 14, 'unlinked.example', 1, 12), (1795333877, 14, 0, 1, 2, NULL);
"""


@pytest.fixture
def made(tmp_path):
    """Reads a database that a script makes."""

    def make(script: str) -> Collected:
        path = tmp_path / "ftl?x=1#%41.db"
        with closing(sqlite3.connect(path)) as database:
            database.executescript("PRAGMA journal_mode=DELETE;" + script)
        found = collect([str(path)])
        law(found)
        return found

    return make


def law(found: Collected) -> None:
    told = found.coverage[0]
    assert told.records == told.events + told.noise + told.unattributable + told.rejected + told.held_back
    assert told.events == found.lookups.num_rows


def test_rows_tell_who_asked_what_when_and_what_was_blocked(made):
    found = made(STORAGE + ROWS)
    told = found.coverage[0]
    assert (told.format, told.records, told.unattributable, told.rejected) == ("pihole-ftl", 6, 1, 0)
    rows = found.lookups.to_pylist()
    assert [row["record"] for row in rows] == [1, 2, 3, 5, 6]
    assert [row["qname"] for row in rows] == [
        "results.example", "results.example", "ads.example", "unlinked.example", "results.example",
    ]  # fmt: skip
    assert [row["qtype"] for row in rows] == ["A", "HTTPS", "A", "HTTPS", None]
    assert [row["policy_action"] for row in rows] == [None, None, "gravity", None, None]
    assert [row["rcode"] for row in rows] == ["NOERROR", "NOERROR", "NOERROR", None, None]
    assert [row["client_ip"] for row in rows] == ["192.0.2.10"] * 4 + [None]
    assert str(rows[1]["time"]) == "2026-11-22 07:51:13.250000+00:00"
    assert {row["time_basis"] for row in rows} == {"explicit"}
    assert {row["answers"] is None and row["offset"] is None for row in rows} == {True}


def test_a_schema_before_12_is_one_table(made):
    found = made(
        OLD + "INSERT INTO queries VALUES (7, 1795333872, 2, 9, 'Results.example', '2001:DB8::1', NULL, NULL);"
    )
    (row,) = found.lookups.to_pylist()
    assert (row["record"], row["qname"], row["qtype"]) == (7, "results.example", "AAAA")
    assert (row["client_ip"], row["policy_action"], row["rcode"]) == ("2001:db8::1", "gravity_cname", None)


def test_pages_join_without_a_gap(made, monkeypatch):
    monkeypatch.setattr(pihole, "_PAGE", 3)
    ids = [1, 2, 3, 4, 6, 7, 100, (1 << 63) - 1]
    values = ", ".join(f"({id_}, 1795333872, 1, 2, 1, 1)" for id_ in ids)
    found = made(STORAGE + f"INSERT INTO query_storage (id, timestamp, type, status, domain, client) VALUES {values}")
    assert found.lookups["record"].to_pylist() == ids


def test_a_name_is_raw_as_it_was_asked(made):
    """What dnsmasq passes on: nothing in it is an escape."""
    found = made(
        STORAGE + "INSERT INTO query_storage (timestamp, type, status, domain, client) VALUES"
        r"(1795333872, 1, 2, 'A b\.c.example', 1), (1795333872, 1, 2, x'ff2e61', 1), (1795333872, 1, 2, '', 1)"
    )
    assert found.lookups["qname"].to_pylist() == [r"a\032b\092.c.example", r"\255.a"]
    assert found.coverage[0].unattributable == 1


def test_what_is_not_of_its_type_is_refused(made):
    found = made(
        STORAGE + "INSERT INTO query_storage (id, timestamp, type, status, domain, client) VALUES"
        "(-1, 1795333872, 1, 2, 1, 1), (2, 'now', 1, 2, 1, 1), (3, 1795333872, '!!', 2, 1, 1), (4, 1e300, 1, 2, 1, 1),"
        "(5, 1795333872, 1, 2, 99, 1), (6, 1795333872, 1, 2, 1, 'desk'), (7, 9999999999999999, 1, 2, 1, 1)"
    )
    told = found.coverage[0]
    assert (told.events, told.unattributable) == (0, 1)
    assert [one.code for one in told.rejects] == [
        "bad_field:id", "bad_timestamp", "bad_field:qtype", "bad_timestamp", "bad_field:client_ip", "bad_timestamp",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE cookies (id INTEGER PRIMARY KEY);",
        OLD.replace("id INTEGER PRIMARY KEY AUTOINCREMENT", "id TEXT"),
        OLD.replace("domain TEXT NOT NULL", "domain TEXT GENERATED ALWAYS AS (upper(client)) VIRTUAL"),
        "CREATE VIEW queries AS SELECT 1 id, 1 timestamp, 1 type, 2 status, 'a' domain, 'b' client;",
        "CREATE VIRTUAL TABLE queries USING fts5(id, timestamp, type, status, domain, client);",
        STORAGE.replace("CREATE TABLE domain_by_id (id INTEGER PRIMARY KEY, domain TEXT NOT NULL);", "").replace(
            "INSERT INTO domain_by_id VALUES (1, 'Results.example'), (2, 'ads.example'), (3, 'hidden');", ""
        )
        + "CREATE VIEW domain_by_id AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) "
        "SELECT id, 'a' domain FROM n;",
    ],
)
def test_another_schema_is_refused_and_none_of_its_expressions_runs(made, script):
    error = made(script).coverage[0].error
    assert error is not None
    assert error.code == "unknown_format"
    assert "Pi-hole" in error.message


def test_a_link_that_takes_too_long_ends_the_reading(made, monkeypatch):
    monkeypatch.setattr(pihole, "_MOST_STEPS", 5)
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000)"
    found = made(
        STORAGE + "INSERT INTO query_storage (timestamp, type, status, domain, client) "
        f"{many} SELECT 1795333872, 1, 2, 1, 1 FROM n"
    )
    assert found.coverage[0].error is not None
    assert "interrupted" in found.coverage[0].error.message


def test_rows_of_a_database_that_is_being_written_are_read_and_told(tmp_path):
    path = tmp_path / "live.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript("PRAGMA journal_mode=WAL;" + STORAGE + ROWS)
        found = collect([str(path)])
    assert found.lookups.num_rows == 5
    assert any("-wal" in note for note in found.coverage[0].notes)


def test_a_compressed_database_is_refused_with_what_to_do(tmp_path, packed):
    path = tmp_path / "packed"
    path.write_bytes(packed(b"SQLite format 3\x00" + bytes(5000)))
    error = collect([str(path)]).coverage[0].error
    assert error is not None
    assert "unpacked" in error.message


def test_whatever_the_bytes_nothing_raises(tmp_path):
    path = tmp_path / "whole.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript("PRAGMA page_size=512; PRAGMA journal_mode=DELETE;" + STORAGE + ROWS)
    data = path.read_bytes()
    for seed in range(300):
        chance = random.Random(seed)  # noqa: S311 - the same changes every time
        changed = bytearray(data[: chance.randrange(16, len(data))] if seed % 4 == 0 else data)
        for _ in range(1 + seed % 6):
            changed[chance.randrange(16, len(changed))] = chance.randrange(256)
        path.write_bytes(changed)
        law(collect([str(path)]))


def test_the_sample_of_the_current_schema(shared_logs):
    found = collect([str(shared_logs / "pihole-ftl" / "sample-schema-v21.db")])
    assert found.coverage[0].events == 5
    assert found.lookups["qname"].to_pylist()[2] == "telemetry.evil.test"
    assert found.lookups["policy_action"].to_pylist() == [None, None, None, "gravity", None]
