"""Where an error of a policy is: a path inside a file, and (only on an error) the line that path is on.

Promises: finding a line never fails; a path that is not in the text (a missing key) has the line of the nearest table
or list around it. Refuses to judge the text: `tomllib` does that.
"""

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
    import tree_sitter  # noqa: PLC0415 - start-up time; only on an error
    import tree_sitter_toml  # noqa: PLC0415 - start-up time

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_toml.language()))
    best: tuple[int, int] = (0, 0)
    positions: dict[Path, int] = {}
    for node in parser.parse(text).root_node.named_children:
        if node.type == "pair":
            depth, line = _in_pair(node, path)
        else:
            depth, line = _in_table(node, path, positions)
        if depth > best[0]:
            best = (depth, line)
    return best[1] if best[0] else None


def _in_table(table: "Node", path: Path, positions: dict[Path, int]) -> tuple[int, int]:
    """(steps of `path` found, line) within `[a.b]` or `[[a.b]]`; counts the positions of arrays of tables."""
    keys = [child for child in table.named_children if child.type.endswith("key")]
    if not keys:
        return 0, 0
    here = _header(_keys(keys[0]), positions, counts=table.type == "table_array_element")
    shared = _shared(here, path)
    if shared < min(len(here), len(path)):
        return 0, 0  # another table; one around the value counts, by its own header
    best = (shared, table.start_point.row + 1)
    for child in table.named_children:
        if child.type == "pair" and shared == len(here):
            depth, line = _in_pair(child, path[shared:])
            best = max(best, (shared + depth, line), key=lambda one: one[0])
    return best


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
