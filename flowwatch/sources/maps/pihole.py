"""Pi-hole's query database (FTL, SQLite) as rows of the map `pihole-ftl`: schemas 1 to 21.

A record is a row, told by its id. The database is not trusted: it is opened for reading only, nothing of its own is
executed (no view, trigger, function or extension: an authorizer allows reading the known tables alone), and the steps
and lengths of a statement are bounded. Refuses what has no path, since a database that FTL still writes has a second
file, and every SQLite database of another schema.
Source: pi-hole/FTL, src/database/query-table.h and src/enums.h.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flowwatch.model.records import Skip
from flowwatch.sources import text
from flowwatch.sources.logs import Batches
from flowwatch.sources.maps.splitting import Row
from flowwatch.sources.maps.whole import WholeFile

_MAGIC = b"SQLite format 3\x00"
_NAME = "pihole-ftl"
_PAGE = 1 << 12
"""Rows read at once."""
_MOST_STEPS = 1000
"""Thousands of steps of SQLite's machine that a page may take; an honest one takes about a hundred."""
_NEEDED = ("id", "timestamp", "type", "status", "domain", "client")
_COLUMNS = (*_NEEDED, "reply_type")
_LINKED = {"domain": ("domain_by_id", "domain"), "client": ("client_by_id", "ip")}
"""Columns that hold the id of a row elsewhere, since schema 12."""
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 1 << 14,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 1 << 14,
    sqlite3.SQLITE_LIMIT_COLUMN: 100,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 20,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 2,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 10_000,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 8,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 50,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 10,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
"""As https://www.sqlite.org/security.html advises."""
_IANA = {1: 1, 2: 28, 3: 255, 4: 33, 5: 6, 6: 12, 7: 16, 8: 35, 9: 15, 10: 43, 11: 46, 12: 48, 13: 2, 15: 64, 16: 65}
"""FTL's numbers of query types by those of the DNS; from 100 on they are the DNS's and 100."""
_OTHER = 100
_TABLES = frozenset({"query_storage", "queries", *(table for table, _ in _LINKED.values())})
_MORE = "rows that the file does not hold yet were read from the one beside it (-wal), which the digest does not cover"
_SMALLEST, _LARGEST = -(1 << 63), (1 << 63) - 1


def is_sqlite(head: bytes) -> int:
    """100 where the bytes begin as an SQLite database does, else 0."""
    return 100 if head.startswith(_MAGIC) else 0


class PiholeRecords(WholeFile):
    """Rows of one database, read once; `coverage` is complete after the last batch."""

    def __iter__(self) -> Batches:
        try:
            path = self._path("SQLite")
            if path is not None:
                yield from self._read(path)
        except (OSError, sqlite3.Error, ValueError, MemoryError) as error:
            self._error = Skip("read_error", f"not to be read as an SQLite database: {str(error)[:200]}")

    def _read(self, path: str) -> Batches:
        with closing(_connected(path)) as database:
            statement = _statement(database)
            if statement is None:
                self._error = Skip(
                    "unknown_format", "an SQLite database, but not Pi-hole's (FTL) of a schema that is known"
                )
                return
            if _has_more(path):
                self._notes = (_MORE,)
            account = self._begin(next(one for one in self._maps if one.name == _NAME))
            database.set_authorizer(_allowed)
            database.text_factory = bytes
            for page in _pages(database, statement):
                rows = [(row[0], None, _told(row)) for row in page if row[0] >= 0]
                yield from account.take(rows, [(0, 0, "bad_field:id") for row in page if row[0] < 0])


def _connected(path: str) -> sqlite3.Connection:
    name = quote(os.fsencode(Path(path).absolute()))
    database = sqlite3.connect(
        f"file:{name}?mode=ro&immutable=0", uri=True, isolation_level=None, check_same_thread=False
    )
    for limit, most in _LIMITS.items():
        database.setlimit(limit, most)
    for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0", "query_only=ON"):
        database.execute(f"PRAGMA {pragma}")
    return database


def _statement(database: sqlite3.Connection) -> str | None:
    """What reads a page of rows from an id on; None where the schema is none of FTL's."""
    for table, linked in (("query_storage", _LINKED), ("queries", {})):
        columns = _columns(database, table)
        if columns.issuperset(_NEEDED) and all(column in _columns(database, name) for name, column in linked.values()):
            return _select(table, columns, linked)
    return None


def _columns(database: sqlite3.Connection, table: str) -> frozenset[str]:
    """The stored columns of a table with an integer key `id`; none where it is a view, virtual, or another."""
    found = database.execute("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)).fetchone()
    if not found or not str(found[0]).upper().startswith("CREATE TABLE"):
        return frozenset()
    told = database.execute(f"PRAGMA table_xinfo({table})").fetchall()
    if ("id", "INTEGER", 1) not in [(name, kind, key) for _, name, kind, _, _, key, _ in told]:
        return frozenset()
    return frozenset(name for _, name, _, _, _, _, hidden in told if not hidden)


def _select(table: str, columns: frozenset[str], linked: Mapping[str, tuple[str, str]]) -> str:
    wanted = [f"q.{name}" if name in columns else "NULL" for name in _COLUMNS]
    wanted += [f"{of}.{column}" for of, column in linked.values()]
    joins = [f"LEFT JOIN {of} ON {of}.id = q.{name}" for name, (of, _) in linked.items()]
    return f"SELECT {', '.join(wanted)} FROM {table} q {' '.join(joins)} WHERE q.id >= ? ORDER BY q.id LIMIT {_PAGE}"  # noqa: S608 - names of ours


def _pages(database: sqlite3.Connection, statement: str) -> Iterator[list[tuple[Any, ...]]]:
    start = _SMALLEST
    while True:
        database.set_progress_handler(_after(_MOST_STEPS), 1000)
        page = database.execute(statement, (start,)).fetchall()
        if not page:
            return
        yield page
        if page[-1][0] == _LARGEST:
            return
        start = page[-1][0] + 1


def _after(most: int) -> Callable[[], bool]:
    """True when it has been asked more often than that, which ends a statement."""
    asked = count(1)
    return lambda: next(asked) > most


def _allowed(action: int, table: str | None, _column: str | None, _database: str | None, within: str | None) -> int:
    """Reading the known tables and nothing else, and that not from within a view or trigger."""
    known = table in _TABLES and within is None
    allowed = action == sqlite3.SQLITE_SELECT or (action == sqlite3.SQLITE_READ and known)
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _told(values: tuple[Any, ...]) -> Row:
    row = dict(zip((*_COLUMNS, *(f"{name}_by_id" for name in _LINKED)), values, strict=False))
    for name in _LINKED:
        if isinstance(row[name], int) and f"{name}_by_id" in row:
            row[name] = row[f"{name}_by_id"]
    if isinstance(row["domain"], bytes) and row["domain"]:
        row["domain"] = text.name(row["domain"])  # raw as it was asked, nothing in it is an escape
    kind = row["type"]
    if isinstance(kind, int):
        row["type"] = kind - _OTHER if kind >= _OTHER else _IANA.get(kind)
    return {name: text.printable(value) if isinstance(value, bytes) else value for name, value in row.items()}


def _has_more(path: str) -> bool:
    """Whether FTL holds rows in a second file."""
    log = Path(f"{path}-wal")
    return log.is_file() and log.stat().st_size > 0
