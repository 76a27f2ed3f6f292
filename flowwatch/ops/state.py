"""The state of a scheduled check: one SQLite database in a folder of its own.

Promises: everything that belongs together moves in one transaction, written through to the disk (WAL, synchronous
FULL), so that a crash at any instant leaves the state before or the state after; a schema of an earlier version is
brought up to date when it is opened; only its owner may read it, since it holds what was read. Refuses a state of a
later version, one that is damaged, and one that another check is working on.
"""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from flowwatch.errors import UsageError

FILE = "state.sqlite3"
_LOCK = "lock"
_BUSY = 30.0
"""Seconds to wait for another process that is writing: a delivery, not a check."""

_OURS = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError)
"""Faults of the program, not of the state."""

_VERSION_1 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
CREATE TABLE cursors (
    id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE TABLE streams (source TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE hours (
    source TEXT NOT NULL, hour INTEGER NOT NULL, records INTEGER NOT NULL, PRIMARY KEY (source, hour)
) STRICT, WITHOUT ROWID;
CREATE TABLE flows (
    id INTEGER PRIMARY KEY, stream TEXT NOT NULL, cursor INTEGER NOT NULL, src TEXT NOT NULL, dst TEXT,
    start INTEGER NOT NULL, end INTEGER NOT NULL, judged INTEGER NOT NULL, row BLOB NOT NULL
) STRICT;
CREATE INDEX flows_dst ON flows (dst, start);
CREATE INDEX flows_src ON flows (src, start);
CREATE INDEX flows_pending ON flows (start) WHERE judged = 0;
CREATE INDEX flows_end ON flows (end);
CREATE TABLE joins (
    key INTEGER NOT NULL, start INTEGER NOT NULL, flow INTEGER NOT NULL, end INTEGER NOT NULL,
    PRIMARY KEY (key, start, flow)
) STRICT, WITHOUT ROWID;
CREATE INDEX joins_flow ON joins (flow);
CREATE TABLE lookups (
    id INTEGER PRIMARY KEY, stream TEXT NOT NULL, cursor INTEGER NOT NULL, record INTEGER NOT NULL,
    time INTEGER NOT NULL, client TEXT, tail TEXT, qname TEXT NOT NULL, bound INTEGER NOT NULL, row BLOB NOT NULL,
    verdict TEXT NOT NULL, reason TEXT, finding TEXT, share TEXT
) STRICT;
CREATE INDEX lookups_place ON lookups (cursor, record);
CREATE INDEX lookups_below ON lookups (client, tail, time);
CREATE INDEX lookups_time ON lookups (time, bound);
CREATE TABLE answers (
    address TEXT NOT NULL, until INTEGER NOT NULL, lookup INTEGER NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY (address, until, lookup)
) STRICT, WITHOUT ROWID;
CREATE INDEX answers_lookup ON answers (lookup);
CREATE TABLE clients (
    client TEXT NOT NULL, source TEXT NOT NULL, stream TEXT NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY (client, source)
) STRICT, WITHOUT ROWID;
CREATE TABLE decisions (
    flow INTEGER NOT NULL, side TEXT NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL, finding TEXT,
    share TEXT NOT NULL, judged_at INTEGER NOT NULL, PRIMARY KEY (flow, side)
) STRICT, WITHOUT ROWID;
CREATE TABLE changes (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, stream TEXT NOT NULL, record INTEGER NOT NULL, time INTEGER NOT NULL,
    before TEXT NOT NULL, after TEXT NOT NULL, finding_before TEXT, finding_after TEXT
) STRICT;
CREATE TABLE tallies (
    day INTEGER NOT NULL, what TEXT NOT NULL, verdict TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (day, what, verdict)
) STRICT, WITHOUT ROWID;
CREATE TABLE findings (
    id TEXT PRIMARY KEY, body TEXT NOT NULL, share TEXT NOT NULL, severity TEXT NOT NULL, life TEXT NOT NULL,
    first_check INTEGER NOT NULL, last_check INTEGER NOT NULL, last_seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE told (
    channel TEXT NOT NULL, finding TEXT NOT NULL, at INTEGER NOT NULL, severity TEXT NOT NULL, verdict TEXT NOT NULL,
    quiet INTEGER NOT NULL,
    PRIMARY KEY (channel, finding)
) STRICT, WITHOUT ROWID;
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY, delivery TEXT NOT NULL, channel TEXT NOT NULL, alert TEXT NOT NULL,
    created INTEGER NOT NULL, due INTEGER NOT NULL, tries INTEGER NOT NULL, state TEXT NOT NULL, fault TEXT
) STRICT;
CREATE UNIQUE INDEX outbox_delivery ON outbox (channel, delivery);
CREATE INDEX outbox_due ON outbox (due) WHERE state = 'waiting';
CREATE TABLE seen (
    server TEXT NOT NULL, what TEXT NOT NULL, value TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (server, what, value)
) STRICT, WITHOUT ROWID;
CREATE TABLE checks (
    number INTEGER PRIMARY KEY, started INTEGER NOT NULL, ended INTEGER, exit INTEGER, words TEXT
) STRICT;
"""
_USES = """
CREATE TABLE uses (
    kind TEXT NOT NULL, id TEXT NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
"""
_SIGHTINGS = """
CREATE TABLE sightings (
    server TEXT NOT NULL, trait TEXT NOT NULL, value TEXT NOT NULL, at TEXT NOT NULL, placed_by TEXT NOT NULL,
    operator TEXT, first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (server, trait, value, at, placed_by)
) STRICT, WITHOUT ROWID;
INSERT INTO sightings SELECT server, 'address', value, value, '', NULL, first, last FROM seen WHERE what = 'sent_to';
INSERT INTO sightings SELECT server, 'key', value, 'an address not kept', '', NULL, first, last FROM seen
    WHERE what = 'key';
DROP TABLE seen;
"""
MIGRATIONS = (_VERSION_1, _USES, _SIGHTINGS)
"""What brings a state from each version to the next; never edited, only added to."""


class StateError(UsageError):
    """The state cannot be used: exit 2, nothing is judged, nothing is lost."""


class State:
    """The database, open for one process; a context manager."""

    def __init__(self, db: sqlite3.Connection, folder: Path, lock: int | None) -> None:
        self.db = db
        self.folder = folder
        self._lock = lock

    @classmethod
    def open(cls, folder: Path, *, alone: bool) -> Self:
        """The state in a folder, made where there is none.

        `alone`: no other process may work on it so at the same time. Raises StateError.
        """
        lock: int | None = None
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = _locked(folder) if alone else None
            db = _connected(folder / FILE)
        except (OSError, sqlite3.Error) as error:
            if lock is not None:
                os.close(lock)
            raise _unusable(folder, error) from error
        state = cls(db, folder, lock)
        try:
            state._migrate()
        except sqlite3.Error as error:
            state.close()
            raise _unusable(folder, error) from error
        except StateError:
            state.close()
            raise
        return state

    def _migrate(self) -> None:
        version = int(self.one("PRAGMA user_version"))
        if version > len(MIGRATIONS):
            raise StateError(
                f"{self.folder / FILE} is of a later version of flowwatch (state {version}, this one knows "
                f"{len(MIGRATIONS)})",
                hint="update flowwatch, or name another folder as `state`",
            )
        for number, statements in enumerate(MIGRATIONS[version:], version + 1):
            with self.transaction():
                for statement in filter(str.strip, statements.split(";")):
                    self.db.execute(statement)
                self.db.execute(f"PRAGMA user_version = {number}")

    @contextlib.contextmanager
    def transaction(self, *, keep: bool = True) -> Iterator[None]:
        """What is done within is kept whole or not at all; `keep` false: not at all. Raises StateError.

        Within another it is part of that.
        """
        if self.db.in_transaction:
            yield
            return
        try:
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # a full disk has ended it already
                    self.db.execute("ROLLBACK")
                raise
            self.db.execute("COMMIT" if keep else "ROLLBACK")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                self.db.execute("ROLLBACK")
            if isinstance(error, _OURS):
                raise
            raise _unusable(self.folder, error) from error

    def one(self, statement: str, *given: Any) -> Any:  # noqa: ANN401 - a value of the database
        """The first column of the first row; None where there is none."""
        row = self.db.execute(statement, given).fetchone()
        return None if row is None else row[0]

    def get(self, key: str) -> Any:  # noqa: ANN401 - a value of the database
        """A value kept under a key; None where there is none."""
        return self.one("SELECT value FROM meta WHERE key = ?", key)

    def put(self, key: str, value: int | str) -> None:
        """Keeps a value under a key."""
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    @property
    def size(self) -> int:
        """Bytes of the database."""
        return int(self.one("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"))

    def close(self) -> None:
        """Lets go of the database and of the lock."""
        self.db.close()
        if self._lock is not None:
            fcntl.flock(self._lock, fcntl.LOCK_UN)  # a process that is just being started may have a copy of it
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _locked(folder: Path) -> int:
    """The lock of the folder, held until it is closed, or the process ends however that may be."""
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        other = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
        os.close(lock)
        who = f" (process {other})" if other.isdecimal() else ""
        raise StateError(
            f"another check is working with {folder}{who}", hint="nothing was read; the next check goes on"
        ) from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    return lock


def _connected(file: Path) -> sqlite3.Connection:
    if not file.exists():
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    db = sqlite3.connect(file, timeout=_BUSY, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA wal_autocheckpoint = 4000")
        db.execute("PRAGMA temp_store = MEMORY")
        db.execute("PRAGMA cache_size = -32768")
    except sqlite3.Error:
        db.close()
        raise
    return db


def _unusable(folder: Path, error: OSError | sqlite3.Error) -> StateError:
    """What is wrong, and what to do."""
    file, words = folder / FILE, str(getattr(error, "strerror", None) or error)
    code = getattr(error, "sqlite_errorname", "") or ""
    if code.startswith("SQLITE_FULL") or getattr(error, "errno", None) == 28:
        return StateError(
            f"{file} cannot be written: the disk is full", hint="nothing is lost: make room and run again"
        )
    if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        hint = "move the folder away, restore a copy of it, or begin anew with `check --since TIME`"
        return StateError(f"{file} is damaged: {words}", hint=hint)
    if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")) or isinstance(error, PermissionError):
        return StateError(f"{file} cannot be written: {words}", hint="the check needs a folder of its own as `state`")
    if code.startswith("SQLITE_BUSY"):
        return StateError(f"{file} is in use for too long: {words}", hint="nothing is lost: run again")
    return StateError(f"{file} cannot be used: {words}", hint="nothing is lost: mend it and run again")
