"""What was seen of each approved server, kept from check to check within the caller's transaction."""

from collections.abc import Iterable

from flowwatch.model import History, Sighting, Trait
from flowwatch.ops.state import State


class Sightings:
    """The history of a state; of each server it is read once, then grows as it is added to."""

    def __init__(self, state: State) -> None:
        self._db = state.db
        self._known: dict[str, History] = {}

    def of(self, servers: Iterable[str]) -> History:
        """What was seen of these servers."""
        return History(tuple(one for server in sorted(set(servers)) for one in self._of(server).sightings))

    def add(self, seen: Iterable[Sighting]) -> None:
        """Keeps what was seen."""
        rows = list(seen)
        for server in {one.server for one in rows}:
            self._known[server] = self._of(server).plus(one for one in rows if one.server == server)
        self._db.executemany(
            _ADD,
            [(*one.key, one.operator, one.first, one.last) for one in rows],
        )

    def _of(self, server: str) -> History:
        if server not in self._known:
            rows = self._db.execute(_OF, (server,)).fetchall()
            self._known[server] = History.of(_sighting(server, *row) for row in rows)
        return self._known[server]


_OF = "SELECT trait, value, at, placed_by, operator, first, last FROM sightings WHERE server = ?"
_ADD = """
INSERT INTO sightings (server, trait, value, at, placed_by, operator, first, last)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT DO UPDATE SET operator = iif(?8 > last, ?6, operator), first = min(first, ?7), last = max(last, ?8)
"""


def _sighting(
    server: str, trait: str, value: str, at: str, by: str, operator: str | None, first: int, last: int
) -> Sighting:
    return Sighting(
        server=server, trait=Trait(trait), value=value, at=at, by=by, operator=operator, first=first, last=last
    )
