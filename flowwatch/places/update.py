"""How newer location data gets into a folder (`installed.py` says what a folder is read as).

Promises: at any instant the folder holds the old data or the new, whole; the data before stays beside it, under a name
nobody reads; the bytes that were looked at are the bytes installed. Nothing is fetched.
Refuses: what flowwatch cannot use, and (unless forced) data older than that of the same kind in the folder.

In the folder: `*.mmdb`, one a database type, and the table of flowwatch's own kind: `sources.json`, which names its
file. Replacing that one file is what installs a table.
"""

import contextlib
import hashlib
import re
from pathlib import Path

import msgspec

from flowwatch.durable import replacing
from flowwatch.errors import PlacesError
from flowwatch.model import ReferenceData
from flowwatch.places.embedded import SHIPPED, SOURCES, Embedded
from flowwatch.places.mmdb import Database
from flowwatch.places.table import MAGIC, TableFile

_PACKED = (b"\x1f\x8b", b"PK\x03\x04", b"\xfd7zXZ", b"BZh", b"\x28\xb5\x2f\xfd")
"""gzip, ZIP, xz, bzip2, Zstandard."""
_BEFORE = ".previous"


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an update."""

    new: ReferenceData
    """`path`: where it is now."""
    before: ReferenceData | None
    """What it took the place of; None: there was none that could be read."""
    kept: Path | None
    """Where that is now."""
    changed: bool
    """False: the same bytes were there already."""


def update(file: Path, folder: Path, *, force: bool = False) -> Update:
    """Installs a database or a table in a folder, which is made where there is none. Raises PlacesError.

    `force`: an older one too. A table is given by its `places.bin`, with its `sources.json` beside it.
    """
    content = _read(file)
    if content.startswith(_PACKED):
        raise PlacesError(f"{file}: it is packed", hint="unpack it first")
    try:
        if content.startswith(MAGIC):
            return _update_table(file, content, folder, force=force)
        return _update_database(file, content, folder, force=force)
    except OSError as error:
        raise PlacesError(f"{folder}: cannot be used: {error.strerror}", hint="choose another with --to") from error


def _update_database(file: Path, content: bytes, folder: Path, *, force: bool) -> Update:
    new = _usable(file, hashlib.sha256(content).hexdigest())
    target, before = _place_of(new, folder)
    if before is not None and before.sha256 == new.sha256:
        return Update(new=before, before=before, kept=None, changed=False)
    _not_older(new, before, force=force)
    kept = target.with_name(target.name + _BEFORE)
    had = target.exists()
    if had:
        _put(kept, target.read_bytes())
    _put(target, content)
    new = msgspec.structs.replace(new, path=str(target))
    return Update(new=new, before=before, kept=kept if had else None, changed=True)


def _usable(file: Path, sha256: str) -> ReferenceData:
    """What the database is; PlacesError where nothing in it says what a place is made of."""
    with Database(file) as database:
        if not database.tells:
            hint = "records of a known schema name a country, an AS or an organisation"
            raise PlacesError(f"{file}: its records say nothing of a place", hint=hint)
        if database.identity.sha256 != sha256:
            raise PlacesError(f"{file}: it changed while it was read", hint="try again when it is whole")
        return database.reference


def _place_of(new: ReferenceData, folder: Path) -> tuple[Path, ReferenceData | None]:
    """The file in the folder that holds the same type, and what it is; else a new one, named by the type."""
    same = {path: one for path in sorted(folder.glob("*.mmdb")) if (one := _reference(path)) and one.name == new.name}
    if len(same) > 1:
        names = " and ".join(path.name for path in same)
        raise PlacesError(f"{folder}: {names} are the same type, {new.name}", hint="keep one of them")
    for path, one in same.items():
        return path, one
    return folder / f"{_file_name(new.name)}.mmdb", None


def _reference(path: Path) -> ReferenceData | None:
    """What a database is; None where it cannot be used, which whoever names it is told."""
    with contextlib.suppress(PlacesError), Database(path) as database:
        return database.reference
    return None


def _file_name(database_type: str) -> str:
    """A file's name made of what a database calls itself."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", database_type).strip("-.")[:100] or "database"


def _update_table(file: Path, content: bytes, folder: Path, *, force: bool) -> Update:
    TableFile(content, str(file))
    given = Embedded(file.parent)
    new = _of_table(given, file)
    if given.sha256 != hashlib.sha256(content).hexdigest():
        raise PlacesError(f"{file}: the {SOURCES} beside it tells of another table", hint="take both from one build")
    there = (folder / SOURCES).exists()
    before = _of_table(Embedded(folder), folder / SOURCES) if there else _of_table(SHIPPED, None)
    if there and before.sha256 == new.sha256:
        return Update(new=before, before=before, kept=None, changed=False)
    _not_older(new, before, force=force)
    named = f"places-{new.sha256}.bin"
    _put(folder / named, content)
    kept = folder / f"{SOURCES}{_BEFORE}"
    if there:
        _put(kept, (folder / SOURCES).read_bytes())
    _put(folder / SOURCES, given.renamed(named))
    _forget(folder, keep={named, Path(before.path).name if there and before.path else ""})
    new = msgspec.structs.replace(new, path=str(folder / named))
    return Update(new=new, before=before if there else None, kept=kept if there else None, changed=True)


def _of_table(one: Embedded, path: Path | None) -> ReferenceData:
    """A table as one body of data, as new as the newest part of it."""
    dates = [part.date for part in one.sources if part.date]
    file = str(path.with_name(one.file)) if path else None
    name, newest = "flowwatch table", max(dates, default=None)
    return ReferenceData(name=name, kind="table", date=newest, sha256=one.sha256, path=file)


def _forget(folder: Path, keep: set[str]) -> None:
    """Removes tables older than the one before."""
    for path in folder.glob("places-*.bin"):
        if path.name not in keep:
            path.unlink()


def _not_older(new: ReferenceData, before: ReferenceData | None, *, force: bool) -> None:
    if force or before is None or before.date is None or (new.date is not None and new.date >= before.date):
        return
    raise PlacesError(
        f"{new.name} of {new.date or 'an unknown date'} is not newer than what is installed, of {before.date}",
        hint="--force installs it all the same",
    )


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(content)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise PlacesError(f"{file}: cannot be read: {error.strerror}", hint="give a file") from error
