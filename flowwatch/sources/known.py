"""Formats this version does not read but can name, so that a refusal says what the input is and what to do with it.

By content only: first bytes, the keys of the first JSON object, or the share of lines of a known form. Naming is a
guess with a score of 0 to 100, never a reason to read.
"""

import re

import msgspec

from flowwatch.sources.zeek.sniff import first_object


class Guess(msgspec.Struct, frozen=True):
    """What an input may be: name, score of 0 to 100, what to do with it."""

    name: str
    score: int
    hint: str = ""


_TWICE = "it is compressed twice, of which one is undone here: {} FILE | flowwatch scan -"
_MAGIC = (
    (b"\x1f\x8b", "gzip", _TWICE.format("gzip -dc")),
    (b"\x28\xb5\x2f\xfd", "zstd", _TWICE.format("zstd -dc")),
    (b"\xfd7zXZ\x00", "xz", _TWICE.format("xz -dc")),
    (b"BZh", "bzip2", _TWICE.format("bzip2 -dc")),
    (b"\x04\x22\x4d\x18", "lz4", _TWICE.format("lz4 -dc")),
    (b"PK\x03\x04", "zip", "unpack it first: unzip FILE"),
)
_KEYS = (
    ({"type", "schema", "flowwatch"}, "flowwatch report"),
    ({"source", "first_record"}, "flowwatch flows"),
    ({"source", "record", "name_exact"}, "flowwatch lookups"),
    ({"@timestamp"}, "ECS JSON"),
)
_LINES = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"^\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d\.\d{3} [a-z-]+: ", "BIND log"),
        (r"^\S+ \S+ \S+ \[\d\d/[A-Z][a-z]{2}/\d{4}:", "web access log"),
        (r"^\d+\|\d{10,13}\|", "nfdump text"),
        (r"^\[ *\d+\.\d{6}\] |^\[[A-Z][a-z]{2} [A-Z][a-z]{2} [^]]+\] |^\d{4}-\d\d-\d\dT[\d:]+,\d{6}\S+ ", "kernel log"),
    )
)
_FIRST_LINE = ((re.compile(r"Date first seen"), "nfdump text"),)
_HINTS = {"nfdump text": "write it as JSON, which has exact counts: TZ=UTC nfdump -r FILE -o json"}
_SYSLOG = re.compile(r"^(<\d{1,3}>)?(1 )?([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+) \S+ ")
_MOST_LINES, _LONGEST = 200, 4096
FAINTEST = 2
"""Scores below are not told."""


def guesses(head: bytes) -> tuple[Guess, ...]:
    """What the first bytes of an input look like, best first; empty where nothing known."""
    found = _by_magic(head) or _by_text(head)
    return tuple(sorted(found, key=lambda guess: -guess.score))


def _by_magic(head: bytes) -> list[Guess]:
    return [Guess(name, 100, hint) for magic, name, hint in _MAGIC if head.startswith(magic)]


def _by_text(head: bytes) -> list[Guess]:
    if b"\x00" in head[:1024]:
        return []
    text = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").lstrip()
    if text.startswith(("{", "[{", "[\n", "[\r", "[ {")):
        keys = set(first_object(text))
        names = dict.fromkeys(name for needed, name in _KEYS if needed <= keys)
        return [Guess(name, 90) for name in names] + [Guess("JSON", 10)]
    lines = [line[:_LONGEST] for line in text.splitlines() if line.strip()][:_MOST_LINES]
    found = [Guess(name, 90, _HINTS.get(name, "")) for pattern, name in _FIRST_LINE if pattern.match(text)]
    found += [Guess(name, _share(pattern, lines), _HINTS.get(name, "")) for pattern, name in _LINES]
    found.append(Guess("syslog", _share(_SYSLOG, lines) // 3))
    return [guess for guess in found if guess.score >= FAINTEST]


def _share(pattern: re.Pattern[str], lines: list[str]) -> int:
    """Percentage of the lines that fit, 95 where all do."""
    return 95 * sum(1 for line in lines if pattern.search(line)) // max(len(lines), 1)
