"""The files of one policy: the file itself, the parts it includes, the lists it names, and one digest over all.

Promises: a part or list lies below the folder of the file that names it; no cycle, no file twice; every byte read is
under the digest. Refuses files of more than 16 MiB, text that is not UTF-8, TOML that is none.
"""

import hashlib
import re
import tomllib
from collections.abc import Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

import msgspec

from flowwatch.errors import PolicyError
from flowwatch.model import PolicyInfo
from flowwatch.policy.decode import decode
from flowwatch.policy.document import SCHEMA, Document, Tables
from flowwatch.policy.line import Spot
from flowwatch.policy.match import Cidr

_MOST_BYTES = 16 * 2**20
_MOST_FILES = 256


class Part(msgspec.Struct, frozen=True):
    """One file with its tables; `spot` is its top."""

    spot: Spot
    tables: Tables


class Files:
    """What a policy was read from, in order: `take` reads one more file, `sha256` covers all taken.

    `alone`: the policy is a text, not a file, and can name no others.
    """

    def __init__(self, *, alone: bool = False) -> None:
        self._alone = alone
        self._taken: dict[Path, tuple[str, str, bytes]] = {}

    def hold(self, file: str, content: bytes) -> None:
        """Counts a text that is not a file."""
        self._taken[Path(file)] = (file, hashlib.sha256(content).hexdigest(), content)

    def take(self, path: Path) -> bytes:
        """The bytes of the policy itself."""
        return self._read(path, None)

    def part(self, written: str, by: Spot) -> tuple[str, bytes]:
        """(how errors call it, bytes) of an included part, which is read once; `by` is the value that names it."""
        path = self._below(written, by)
        if path.resolve() in self._taken:
            raise by.error(f"{path} is read already; a file is included once, and never by itself")
        return str(path), self._read(path, by)

    def listed(self, written: str, by: Spot) -> tuple[str, bytes]:
        """(how errors call it, bytes) of a list file; several rules may name one."""
        path = self._below(written, by)
        taken = self._taken.get(path.resolve())
        return str(path), taken[2] if taken else self._read(path, by)

    def _read(self, path: Path, by: Spot | None) -> bytes:
        if by is not None and len(self._taken) >= _MOST_FILES:
            raise by.error(f"more than {_MOST_FILES} files make up this policy")
        try:
            content = _content(path)
        except (OSError, ValueError) as fault:
            raise _unread(fault, path, by) from None
        self._taken[path.resolve()] = (str(path), hashlib.sha256(content).hexdigest(), content)
        return content

    def _below(self, written: str, by: Spot) -> Path:
        """The path a policy file writes relative to its own folder."""
        if self._alone:
            raise by.error("a policy that is not a file names no other files")
        folder, relative = Path(by.file).parent, PurePosixPath(written)
        try:
            inside = (folder / relative).resolve().is_relative_to(folder.resolve())
        except (OSError, ValueError, RuntimeError):
            raise by.error(f"{written[:80]!r} is not a file name") from None
        if relative.is_absolute() or not inside:
            hint = "write a path relative to this file, without `..`"
            raise by.error(f"{written[:80]!r} is not below the folder of this file", hint=hint)
        return folder / relative

    @property
    def names(self) -> tuple[str, ...]:
        """The files as errors call them, in the order they were read."""
        return tuple(named for named, _, _ in self._taken.values())

    @property
    def sha256(self) -> str:
        """Of the bytes when there is one file; of the files' hex digests, one a line in order, when there are more."""
        return _over([digest for _, digest, _ in self._taken.values()])


def unchanged(info: PolicyInfo) -> tuple[tuple[str, bytes], ...]:
    """The files of a policy with their bytes, where all are still those it was read from; else nothing."""
    try:
        found = tuple((file, _content(Path(file))) for file in info.files)
    except (OSError, ValueError):
        return ()
    same = found and _over([hashlib.sha256(content).hexdigest() for _, content in found]) == info.sha256
    return found if same else ()


def _over(digests: Sequence[str]) -> str:
    """One digest over those of the files in order; of one file its own."""
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("".join(f"{digest}\n" for digest in digests).encode()).hexdigest()


def _content(path: Path) -> bytes:
    if path.is_dir():
        raise ValueError("it is a folder")
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError(f"it is longer than {_MOST_BYTES // 2**20} MiB")
    return content


def _unread(fault: OSError | ValueError, path: Path, by: Spot | None) -> PolicyError:
    words = (fault.strerror if isinstance(fault, OSError) else None) or str(fault)
    words = words[:1].lower() + words[1:]
    if by is None:
        return PolicyError(f"cannot be read: {words}", file=str(path))
    name = path.name.removesuffix(".toml")
    command = f"`flowwatch policy classifiers {name} > {path}` prints the shipped one"
    hint = command if name in shipped() else f"paths begin in the folder of {by.file}"
    return by.error(f"{path} cannot be read: {words}", hint=hint)


def shipped() -> dict[str, Traversable]:
    """The classifiers that come with flowwatch, by name: each a file to be kept beside a policy and included."""
    shelf = resources.files("flowwatch.policy").joinpath("classifiers")
    return {one.name.removesuffix(".toml"): one for one in shelf.iterdir() if one.name.endswith(".toml")}


def parts_of(content: bytes, file: str, files: Files) -> tuple[Document, list[Part]]:
    """The policy document and all its parts, itself first, each include with its own before the next."""
    spot = Spot(file, content)
    raw = toml(spot)
    _require_schema(raw, spot)
    if "policy" not in raw:
        raise spot.error("the [policy] table is missing", hint="write [policy] with `id` and `version`")
    document = decode(Document, raw, spot)
    parts = [Part(spot, document)]
    _include(parts, parts[0], files)
    return document, parts


def _include(parts: list[Part], part: Part, files: Files) -> None:
    for number, written in enumerate(part.tables.include):
        spot = Spot(*files.part(written, part.spot / "include" / number))
        raw = toml(spot)
        if "policy" in raw:
            raise (spot / "policy").error("an included part holds no [policy] table")
        if "schema" in raw:
            _require_schema(raw, spot)
        parts.append(Part(spot, decode(Tables, raw, spot)))
        _include(parts, parts[-1], files)


def _require_schema(raw: dict[str, object], spot: Spot) -> None:
    hint = f'write schema = "{SCHEMA}" as the first line'
    if "schema" not in raw:
        raise PolicyError("`schema` is missing", file=spot.file, line=1, hint=hint)
    if raw["schema"] != SCHEMA:
        raise (spot / "schema").error(f"{raw['schema']!r} is no schema of this version", hint=hint)


def toml(spot: Spot) -> dict[str, object]:
    """The text as TOML; PolicyError with the line otherwise."""
    try:
        return tomllib.loads(_decoded(spot))
    except RecursionError:
        raise PolicyError("not TOML: nested too deeply", file=spot.file) from None
    except ValueError as fault:
        raise _not_toml(str(fault), spot) from None


def _decoded(spot: Spot) -> str:
    if spot.text.startswith(b"\xef\xbb\xbf"):
        raise PolicyError("begins with a byte order mark", file=spot.file, line=1, hint="save it as UTF-8 without one")
    try:
        return spot.text.decode()
    except UnicodeDecodeError as fault:
        line = spot.text.count(b"\n", 0, fault.start) + 1
        raise PolicyError("is not UTF-8 text", file=spot.file, line=line, hint="save it as UTF-8") from None


def _not_toml(words: str, spot: Spot) -> PolicyError:
    """The reader's words with the place taken out of them."""
    found = _PLACE.search(words)
    line = int(found[1]) if found and found[1] else spot.text.count(b"\n") + 1 if found else None
    said = _PLACE.sub("", words) if found else "a number has too many digits"
    column = f", column {found[2]}" if found and found[2] else ", at the end of the file" if found else ""
    return PolicyError(f"not TOML{column}: {said[:1].lower()}{said[1:]}", file=spot.file, line=line, hint=_hint(said))


def _hint(said: str) -> str | None:
    return next((hint for start, hint in _HINTS.items() if said.startswith(start)), None)


_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)")
_HINTS = {
    "Invalid value": 'a value is "text" in quotes, a number, true, false, a date-time, a list or a table',
    "Illegal character '\\n'": "a text ends with its quote on the same line",
    "Unclosed array": "a list ends with `]`; look at the lines above",
    "Unclosed inline table": "a table in braces ends with `}`; look at the lines above",
    "Cannot overwrite": "the key stands here twice",
    "Cannot declare": "the table stands here twice; write [[name]] for one more of a kind",
}


def digests(content: bytes, file: str) -> frozenset[str]:
    """The SHA-256 digests of a list file: the first word of each line, `#` to the end of the line ignored."""
    found: set[str] = set()
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        words = line.partition("#")[0].split()
        if words and not _SHA256.fullmatch(words[0]):
            hint = "one digest of 64 hex digits a line"
            raise PolicyError(f"{words[0][:80]!r} is not a SHA-256", file=file, line=number, hint=hint)
        found.update(word.lower() for word in words[:1])
    return frozenset(found)


def senders(content: bytes, file: str) -> tuple[Cidr, ...]:
    """The networks of a list file, each once: the first word of each line, `#` to the end of the line ignored."""
    found: dict[Cidr, None] = {}
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        words = line.partition("#")[0].split()
        try:
            found.update({Cidr.parse(word): None for word in words[:1]})
        except ValueError as fault:
            raise PolicyError(str(fault), file=file, line=number) from None
    return tuple(found)


_SHA256 = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
