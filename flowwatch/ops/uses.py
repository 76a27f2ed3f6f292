"""When each policy entry was last used by something that a check judged.

Promises: entries are known by kind and id, whatever the version of the policy; the time is that of the traffic. What no
check judged says nothing of use, so `since` tells from when there is an account.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from flowwatch.errors import UsageError
from flowwatch.model import Instant, Use
from flowwatch.ops.state import FILE, State

_SINCE = "uses_since"


class LastUses(msgspec.Struct, frozen=True):
    """The last use of entries by (kind, id), and since when uses are kept; None: by no check yet."""

    since: Instant | None
    entries: dict[tuple[str, str], Instant]


def keep(state: State, uses: Iterable[Use], now: Instant) -> None:
    """Adds the uses to those of earlier checks, within the caller's transaction."""
    state.db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (_SINCE, now))
    state.db.executemany(
        "INSERT INTO uses VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET last = max(last, ?3)",
        [(one.rule.kind, one.rule.id, one.last) for one in uses if one.last is not None],
    )


def last_uses(folder: Path) -> LastUses:
    """What the state in a folder knows. Raises UsageError where there is none."""
    if not (folder / FILE).is_file():
        raise UsageError(f"there is no state in {folder}", hint="name the folder that `state` of flowwatch.toml names")
    with State.open(folder, alone=False) as state:
        found = state.db.execute("SELECT kind, id, last FROM uses").fetchall()
        return LastUses(state.get(_SINCE), {(kind, id_): last for kind, id_, last in found})
