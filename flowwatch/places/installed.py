"""What location data is meant where a folder is named.

Promises: a folder stands for every `*.mmdb` in it and for the table of flowwatch's own kind, where its `sources.json`
names one. Refuses a folder without location data: a run would seem to use what it does not.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from flowwatch.errors import PlacesError
from flowwatch.places.embedded import SOURCES, Embedded


def databases(named: Iterable[Path]) -> tuple[Path, ...]:
    """The MMDB files that are meant: a folder stands for every `*.mmdb` in it, in the order of their names.

    Raises PlacesError for a folder that cannot be read or holds no location data.
    """
    return tuple(file for path in named for file in (_inside(path) if _is_folder(path) else [path]))


def table(named: Sequence[Path]) -> Embedded | None:
    """The table of flowwatch's own kind in one of the folders; None: there is none. Raises PlacesError for two."""
    found = [path for path in named if _is_folder(path) and os.path.exists(path / SOURCES)]  # noqa: PTH110 - false, not a fault
    if len(found) > 1:
        raise PlacesError(f"{found[0]} and {found[1]} both hold a table", hint="name one of them")
    return Embedded(found[0]) if found else None


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - false, not a fault, where it cannot be looked at


def _inside(folder: Path) -> list[Path]:
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix == ".mmdb")
        held = found or (folder / SOURCES).exists()
    except OSError as error:
        raise PlacesError(f"{folder}: cannot be read: {error.strerror}", hint="name a file") from error
    if not held:
        hint = f"`flowwatch places update FILE --to {folder}` puts some there"
        raise PlacesError(f"{folder}: there is no location data in it", hint=hint)
    return found
