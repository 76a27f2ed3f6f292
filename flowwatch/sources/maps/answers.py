"""The answer sections of a map's records: objects, records in text, addresses, chains, whole DNS messages.

What was cut by whoever carried the log is left out, and told (`cut`).
"""

import base64
import functools
import re
from collections.abc import Callable
from typing import NamedTuple

from flowwatch.sources import text
from flowwatch.sources.maps.language import Answers, Field, Writing
from flowwatch.sources.maps.splitting import Row, at_path
from flowwatch.sources.maps.words import as_text, count, record_type
from flowwatch.sources.mnemonics import class_word, rcode_word, type_word

_RECORD = re.compile(r"(\S+)\s+(\d{1,10})\s+(?:in|ch|hs)\s+(\S+)\s+(.*\S)", re.ASCII | re.IGNORECASE)
_TYPED = re.compile(r"type:\s*+(\d{1,5})(?:\s++(.*))?", re.ASCII)


def answers_of(value: object, one: Field) -> list[dict[str, object]] | None:
    """The answer section that a value tells, as `one` says it is written; None where it is none."""
    if one.answers in _WRITTEN:
        return _WRITTEN[one.answers](value) if isinstance(value, str) else None
    if one.answers == "addresses" and isinstance(value, str):
        value = re.split(r"[,;\s]+", value.strip())
    taken = value if isinstance(value, list) else [value]
    if not isinstance(value, list | dict):
        return None
    if one.answers == "addresses":
        found = [text.address(item) if isinstance(item, str) else None for item in taken]
        return [_answer(None, "AAAA" if ":" in item else "A", item, None) for item in found if item]
    return [_of_object(item, one.names) for item in taken if isinstance(item, dict)]


def _of_object(item: Row, names: dict[str, str]) -> dict[str, object]:
    told = {part: as_text(at_path(item, names[part])) if part in names else None for part in _PARTS}
    kind = record_type(told["type"]) if told["type"] else None
    ttl = count(told["ttl"]) if told["ttl"] else None
    return _answer(text.printed_name(told["name"]) if told["name"] else None, kind, told["data"], ttl)


_PARTS = ("name", "type", "data", "ttl")


def _records(value: str) -> list[dict[str, object]] | None:
    """Resource records in text, one a line; one that is cut (`...`) is left out. None where a line is none."""
    lines = [line.strip() for line in value.split("\n")]
    found = [_RECORD.fullmatch(line) for line in lines if line and not line.endswith("...")]
    if not all(found):
        return None
    return [_answer(text.printed_name(one[1]), record_type(one[3]), one[4], count(one[2])) for one in found if one]


def _chain(value: str) -> list[dict[str, object]]:
    """Aliases and addresses in the order of a resolution, `type: 5 NAME;ADDRESS;`; none of them has its owner."""
    found = []
    for item in filter(None, map(str.strip, value.split(";"))):
        typed = _TYPED.fullmatch(item)
        if typed:
            found.append(_answer(None, record_type(typed[1]), typed[2], None))
        else:
            address = text.address(item)
            plain = address and address.removeprefix("::ffff:")
            kind = None if plain is None else "A" if "." in plain else "AAAA"
            found.append(_answer(None, kind, plain or item, None))
    return found


def _ended(value: str) -> list[dict[str, object]] | None:
    """Resource records in text, each ended by `;`; what is not ended was cut and is left out."""
    return _records("\n".join(one[1] for one in _PIECE.finditer(value) if one[2]))


def _typed(value: str) -> list[dict[str, object]] | None:
    """Resource records in text as `TTL TYPE DATA `, without their names; None where it does not begin with one.

    One that no space ends was cut and is left out. What stands in quotes is one word: no text passes for a record.
    """
    words = _WORDS.findall(value)
    begins = [at for at in range(len(words) - 2) if words[at].isdecimal() and _MNEMONIC.fullmatch(words[at + 1])]
    whole = value.endswith(" ")
    if words and begins[:1] != [0]:
        return None if whole or begins else []
    spans = list(zip(begins, [*begins[1:], len(words)], strict=False))
    return [
        _answer(None, record_type(words[begin + 1]), " ".join(words[begin + 2 : end]), count(words[begin]))
        for begin, end in (spans if whole else spans[:-1])
    ]


def cut(value: object, answers: Answers) -> bool:
    """Whether the last record was cut."""
    if not isinstance(value, str) or not value.strip():
        return False
    if answers == "typed":
        return not value.endswith(" ")
    return any(one[1].strip() and not one[2] for one in _PIECE.finditer(value))


_PIECE = re.compile(r'((?:"(?:[^"\\]|\\.)*+"|\\.|[^;\\])*+)(;?)', re.DOTALL)
"""Up to the next `;` that stands neither in quotes nor behind a backslash; it fits everywhere, so that nothing is tried
twice."""
_WORDS = re.compile(r'"(?:[^"\\]|\\.)*+"|\S++')
_MNEMONIC = re.compile(r"[A-Z][A-Z0-9-]{0,15}", re.ASCII)
_WRITTEN: dict[str, Callable[[str], list[dict[str, object]] | None]] = {
    "records": _records, "ended": _ended, "typed": _typed, "chain": _chain,
}  # fmt: skip


class Message(NamedTuple):
    """What a DNS message says, by column."""

    qname: str | None
    qtype: str | None
    qclass: str | None
    rcode: str
    answers: list[dict[str, object]]


@functools.lru_cache(maxsize=1 << 12)
def message_of(value: str, writing: Writing | None) -> Message | None:
    """A DNS message (RFC 1035 4.1) of the value; None where it is none."""
    import dns.exception  # noqa: PLC0415 - start-up time
    import dns.message  # noqa: PLC0415

    try:
        data = bytes.fromhex(value.removeprefix("0x")) if writing == "hex" else base64.b64decode(value, validate=True)
        message = dns.message.from_wire(data, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError):
        return None
    answers = [
        _answer(text.printed_name(some.name.to_text()), type_word(some.rdtype), one.to_text(), some.ttl)
        for some in message.answer
        for one in some
    ]
    rcode = rcode_word(message.rcode())
    if not message.question:
        return Message(None, None, None, rcode, answers)
    asked = message.question[0]
    kinds = type_word(asked.rdtype), class_word(asked.rdclass)
    return Message(text.printed_name(asked.name.to_text()), *kinds, rcode, answers)


def _answer(name: str | None, kind: str | None, data: str | None, ttl: int | None) -> dict[str, object]:
    if data is not None:
        if kind in ("A", "AAAA"):
            data = text.address(data) or text.printable(data.encode())
        else:
            data = (text.printed_name(data) if kind in ("CNAME", "NS", "PTR") else None) or text.printable(
                data.encode()
            )
    return {"name": name, "type": kind, "data": data, "ttl": ttl if ttl is None or ttl < 1 << 32 else None}
