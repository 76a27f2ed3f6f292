"""What an earlier run saw of approved servers, read back from its report in JSON lines.

Promises: only a whole report is taken, and of it only the lines of type `sighting`. Refuses, as UsageError with the
line: what is no such report, one that is cut, one without them, and one by another policy, whose ids are other servers.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Never

import msgspec

from flowwatch.errors import UsageError
from flowwatch.model import History, Instant, Sighting
from flowwatch.reports.jsonl import SCHEMA

_LONGEST = 1 << 24
"""Bytes of a line; a longer one is none of ours."""
_HINT = "give the report of an earlier scan: flowwatch scan ... --format jsonl -o earlier.jsonl"


class _Policy(msgspec.Struct, frozen=True):
    id: str


class _Head(msgspec.Struct, frozen=True):
    """What is looked at of the first line."""

    schema: str
    lines: dict[str, int]
    policies: tuple[_Policy, ...] = ()


def history(path: Path, policy: str) -> History:
    """The history that the report holds; `policy` is the id of the one to judge by. Raises UsageError."""
    try:
        with path.open("rb") as file:
            return History.of(_sightings(path, _lines(path, file), policy))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}", hint=_HINT) from error


def _lines(path: Path, file: Any) -> Iterator[tuple[int, bytes]]:  # noqa: ANN401  # a binary file
    number = 0
    while line := file.readline(_LONGEST):
        number += 1
        if not line.endswith(b"\n"):
            _refuse(path, number, "the line has no end: the report is cut, or is none")
        yield number, line


def _sightings(path: Path, lines: Iterator[tuple[int, bytes]], policy: str) -> Iterator[Sighting]:
    head = _head(path, next(lines, (1, b""))[1])
    ids = {one.id for one in head.policies}
    if ids != {policy}:
        named = ", ".join(sorted(ids)) or "none"
        raise UsageError(
            f"{path} was judged by policy {named}, this run by {policy}: their servers are not the same",
            hint="compare runs by versions of one policy",
        )
    if "sighting" not in head.lines:
        raise UsageError(f"{path} was written before reports held what was seen of servers", hint=_HINT)
    kinds = list(head.lines)  # in the order of the lines
    before = sum(head.lines[kind] for kind in kinds[: kinds.index("sighting")])
    wanted = head.lines["sighting"]
    found = 0
    for number, line in islice(lines, before, before + wanted):
        found += 1
        yield _sighting(path, number, line)
    if found < wanted:
        raise UsageError(f"{path} is cut: it holds {found} of {wanted} sightings", hint=_HINT)


def _head(path: Path, line: bytes) -> _Head:
    try:
        head = msgspec.json.decode(line, type=_Head)
    except (msgspec.DecodeError, UnicodeDecodeError):
        _refuse(path, 1, "is no report of flowwatch in JSON lines")
    if head.schema != SCHEMA:
        _refuse(path, 1, f"is of another schema than {SCHEMA}")
    return head


def _sighting(path: Path, number: int, line: bytes) -> Sighting:
    try:
        row = msgspec.json.decode(line, type=dict[str, Any])
        if row.get("type") != "sighting":
            _refuse(path, number, "is no sighting where the first line counts one")
        return msgspec.convert(row | {key: _instant(row[key]) for key in ("first", "last")}, Sighting)
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, ValueError, TypeError):
        _refuse(path, number, "is no sighting as reports write them")


def _refuse(path: Path, number: int, words: str) -> Never:
    raise UsageError(f"{path}:{number}: {words}", hint=_HINT)


_WRITTEN = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\.(\d{9})Z", re.ASCII)


def _instant(text: str) -> Instant:
    """As `jsonl.rfc3339` writes it."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return int(datetime.fromisoformat(found[1] + "+00:00").timestamp()) * 10**9 + int(found[2])
