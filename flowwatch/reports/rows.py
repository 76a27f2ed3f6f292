"""What the rows of the page's long tables hold, for the template and for the data block the page's script reads.

Promises: a row made by the script from `packed` says the same as the one the template makes; texts pass
`escape.html`, and no `<` is left in the block, so that nothing in it ends or opens an element. A block stops at its
budget; how many rows it holds is returned, so that the rest can be told.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from flowwatch.model import Destination, Finding, OpenedBy
from flowwatch.reports import escape, phrases, placed

NAMES_TOLD = 8
"""Names of one destination or finding."""

_Word = Callable[[str], int]


class Packed(msgspec.Struct, frozen=True):
    """JSON of rows whose texts are numbers into one list of words, and how many rows it is; empty for none."""

    text: str
    held: int


class _Words:
    """Texts by number, each kept once."""

    def __init__(self) -> None:
        self.texts: dict[str, int] = {}
        self.size = 0

    def number(self, text: str) -> int:
        """The number of the text, escaped."""
        shown = escape.html(text)
        if shown not in self.texts:
            self.size += len(_json(shown))
        return self.texts.setdefault(shown, len(self.texts))


def destinations(rows: Iterable[Destination], budget: int) -> Packed:
    """The rows of the destinations table, in at most `budget` bytes."""
    return _packed(rows, _destination, budget)


def findings(rows: Iterable[Finding], budget: int) -> Packed:
    """Findings in short, without derivation and evidence, in at most `budget` bytes."""
    return _packed(rows, _finding, budget)


def notes(one: Destination) -> list[str]:
    """What is said below a destination's address."""
    return [
        phrases.endpoint(None, one.port, one.proto),
        *([phrases.through(one.via, one.asked)] if one.via else []),
        *([phrases.server(one.server, one.worst)] if one.server else []),
        *([f"zone {one.zone}"] if one.zone else []),
        *([phrases.OPENED_ITSELF] if one.opened_by is OpenedBy.RECEIVER else []),
    ]


def names(one: Destination | Finding) -> list[tuple[str, str]]:
    """Names with their evidence classes, the last line counting those left out."""
    found = phrases.names(one.names)
    left = len(found) - NAMES_TOLD
    return [*found[:NAMES_TOLD], ("", f"and {phrases.number(left)} more")] if left > 0 else found


def place(one: Destination) -> list[str]:
    """Located, registered, operated; one line alone where there is no place, why."""
    if one.place is None:
        return [placed.unplaced(one)]
    return [placed.located(one.place), placed.registered(one.place), placed.operated(one.place)]


def _destination(one: Destination, word: _Word) -> list[Any]:
    return [
        word(one.worst.group),
        word(phrases.words(one.worst)),
        one.worst.rank,
        word(one.address),
        [word(note) for note in notes(one)],
        [[word(name), word(classes)] for name, classes in names(one)],
        [word(fact) for fact in place(one)],
        one.transmissions,
        one.sent.least,
        one.sent.most,
        one.bytes_acked,
        one.attempts,
    ]


def _finding(one: Finding, word: _Word) -> list[Any]:
    return [
        word(one.verdict.group),
        word(one.severity),
        word(phrases.bounded(one.title)),
        word(one.id),
        word(phrases.how_often(one)),
        word(phrases.sent(one.sent)) if one.sent.weight else None,
        one.sent.weight,
        one.count,
        seen(one),
        [[word(what), word(told)] for what, told in _short_facts(one)],
    ]


def seen(one: Finding) -> int:
    """When it was first seen, in seconds, for sorting; 0 for an unknown time."""
    return (one.first_seen or 0) // 1_000_000_000


def _short_facts(one: Finding) -> list[tuple[str, str]]:
    facts = [
        ("Verdict", phrases.words(one.verdict)),
        ("Reason", f"{one.kind.sentence} ({one.kind})"),
        ("Seen", phrases.how_much(one)),
        ("From", phrases.senders(one)),
        ("To", phrases.receiver(one)),
        ("Names", ", ".join(f"{name} ({classes})" for name, classes in names(one))),
        ("Located", placed.located(one.place) if one.place else placed.unplaced(one) if one.receiver else ""),
        ("Rule", phrases.rule(one.rule)),
        ("Finding", one.id),
    ]
    return [(what, told) for what, told in facts if told]


def _packed(rows: Iterable[Any], make: Callable[[Any, _Word], list[Any]], budget: int) -> Packed:
    words = _Words()
    made: list[str] = []
    size, kept = len('{"words":[],"rows":[]}'), 0
    for row in rows:
        text = _json(make(row, words.number))
        size += len(text) + 1
        if size + words.size + len(words.texts) > budget:
            break
        made.append(text)
        kept = len(words.texts)
    if not made:
        return Packed("", 0)
    text = f'{{"words":{_json(list(words.texts)[:kept])},"rows":[{",".join(made)}]}}'
    return Packed(text, len(made))


def _json(value: Any) -> str:  # noqa: ANN401  # builtins in
    """In ASCII, with `<` as an escape: nothing in it can end the element it stands in."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
