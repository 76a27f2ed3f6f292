"""Where an error of a policy is: a path inside a file, and (only on an error) the line that path is on.

Promises: finding a line never fails; a path that is not in the text (a missing key) has the line of the nearest table
or list around it. Refuses to judge the text: `tomllib` does that.
"""

import functools
import tomllib
from typing import TYPE_CHECKING

import msgspec

from flowwatch.errors import PolicyError

if TYPE_CHECKING:
    from tree_sitter import Node

Step = str | int
Path = tuple[Step, ...]


class Spot(msgspec.Struct, frozen=True):
    """A value in a policy file: which file, and the path to it; `spot / "to" / 0` goes deeper."""

    file: str
    """As the user named it."""
    text: bytes
    path: Path = ()

    def __truediv__(self, step: Step) -> "Spot":
        return Spot(self.file, self.text, (*self.path, step))

    def error(self, message: str, *, hint: str | None = None) -> PolicyError:
        """The error to raise for this value, with its line."""
        line = line_of(self.text, self.path) if self.path else None
        return PolicyError(message, file=self.file, line=line, path=str(self) or None, hint=hint)

    @property
    def key(self) -> str:
        """The path without positions, as `channel.service.ports`: what a message calls it."""
        return ".".join(_written(step) for step in self.path if isinstance(step, str))

    def __str__(self) -> str:
        text = "".join(f"[{step}]" if isinstance(step, int) else f".{_written(step)}" for step in self.path)
        return text.removeprefix(".")


def _written(key: str) -> str:
    """The key as TOML writes it: bare where that is allowed."""
    bare = key.isascii() and key.replace("-", "_").isidentifier()
    return key if bare else repr(key if len(key) <= 60 else key[:57] + "...")


def line_of(text: bytes, path: Path) -> int | None:
    """The line (from 1) the value at `path` is on, or that of the nearest value around it; None when there is none."""
    return _lines(text).of(path)


class _Lines:
    """Where the tables of a TOML text are."""

    def __init__(self, text: bytes) -> None:
        import tree_sitter  # noqa: PLC0415 - start-up time; only on an error
        import tree_sitter_toml  # noqa: PLC0415 - start-up time

        root = tree_sitter.Parser(tree_sitter.Language(tree_sitter_toml.language())).parse(text).root_node
        self._tables: dict[Path, list[Node]] = {(): [root]}
        self._headers: dict[Path, int] = {}
        positions: dict[Path, int] = {}
        for node in root.named_children:
            if node.type in ("table", "table_array_element"):
                self._add(node, positions)

    def _add(self, table: "Node", positions: dict[Path, int]) -> None:
        """Counts a `[a.b]` or `[[a.b]]` under its path; its header also stands for the tables it implies."""
        key = next((child for child in table.named_children if child.type.endswith("key")), None)
        if key is None:
            return
        here = _header(_keys(key), positions, counts=table.type == "table_array_element")
        self._tables.setdefault(here, []).append(table)
        for length in range(1, len(here) + 1):
            self._headers.setdefault(here[:length], table.start_point.row + 1)

    def of(self, path: Path) -> int | None:
        """The line of the deepest part of the path that is written."""
        best = (0, 0)
        for length in range(len(path) + 1):
            here = path[:length]
            found = [(length, self._headers.get(here, 0))]
            for table in self._tables.get(here, ()):
                pairs = [_in_pair(child, path[length:]) for child in table.named_children if child.type == "pair"]
                found += [(length + depth, line) for depth, line in pairs]
            best = max(best, *found, key=lambda one: one[0] if one[1] else 0)
        return best[1] or None


_lines = functools.lru_cache(maxsize=2)(_Lines)


def _header(keys: Path, positions: dict[Path, int], *, counts: bool) -> Path:
    """The path a table header stands for, the positions of the arrays of tables on its way filled in."""
    here: Path = ()
    for number, key in enumerate(keys):
        here = (*here, key)
        if counts and number == len(keys) - 1:
            positions[here] = positions.get(here, -1) + 1
        if here in positions:
            here = (*here, positions[here])
    return here


def _in_pair(pair: "Node", path: Path) -> tuple[int, int]:
    """(steps of `path` found, line) within `key = value`."""
    key, value = pair.named_children[0], pair.named_children[-1]
    keys = _keys(key)
    shared = _shared(keys, path)
    if shared < min(len(keys), len(path)) or not shared:
        return 0, 0
    depth, line = _in_value(value, path[shared:])
    return (shared + depth, line) if depth else (shared, pair.start_point.row + 1)


def _in_value(value: "Node", path: Path) -> tuple[int, int]:
    """(steps of `path` found, line) within a list or an inline table."""
    if not path:
        return 0, 0
    inner = [child for child in value.named_children if child.type != "comment"]
    if value.type == "inline_table":
        return max((_in_pair(child, path) for child in inner if child.type == "pair"), default=(0, 0))
    if value.type == "array" and isinstance(path[0], int) and path[0] < len(inner):
        depth, line = _in_value(inner[path[0]], path[1:])
        return (1 + depth, line) if depth else (1, inner[path[0]].start_point.row + 1)
    return 0, 0


def _keys(key: "Node") -> Path:
    """The steps of a bare, quoted or dotted key; a quoted one is read by the TOML reader itself."""
    if key.type == "dotted_key":
        return tuple(step for child in key.named_children for step in _keys(child))
    text = (key.text or b"").decode("utf-8", "replace")
    if key.type == "bare_key":
        return (text,)
    try:
        return tuple(tomllib.loads(f"{text} = 0"))
    except ValueError:
        return (text,)


def _shared(one: Path, other: Path) -> int:
    """How many steps both begin with."""
    pairs = zip(one, other, strict=False)
    return next((number for number, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
