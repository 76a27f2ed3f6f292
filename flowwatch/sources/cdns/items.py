"""The items of a block as DNS messages: the question and the answer of each, put together from the block's tables.

Keys are numbers and differ between RFC 8618 and the draft 0.2, as its files say, whose indexes count from 1. Names and
data of records stand in the tables as on the wire (RFC 8618 7.3.2.3).
"""

import functools
import struct
from typing import Any

import msgspec

from flowwatch.sources.dnstap.message import Message, RefusedError, address, instant, port

BAD = "not_cdns"


class Keys(msgspec.Struct, frozen=True):
    """The numbers of what is read, and how indexes count."""

    base: int
    earliest: int
    present: int
    opcode: int
    flags: int
    classtype: int
    questions: int
    rcode: int
    extended: int


RFC = Keys(base=0, earliest=0, present=4, opcode=5, flags=6, classtype=8, questions=9, rcode=16, extended=12)
DRAFT = Keys(base=1, earliest=1, present=3, opcode=4, flags=5, classtype=7, questions=8, rcode=15, extended=10)
_TIME, _CLIENT, _CLIENT_PORT, _ID, _SIGNATURE, _DELAY, _QNAME = 0, 1, 2, 3, 4, 6, 7
_SERVER, _SERVER_PORT, _TRANSPORT = range(3)
_ADDRESSES, _CLASSTYPES, _NAMES, _SIGNATURES, _LISTS, _RECORDS = 0, 1, 2, 3, 6, 7
_ANSWER = 1
_TRANSPORTS = ("udp", "tcp", "dot", None, "doh")
_QR = 0x8000
_NANO = 10**9
_LONGEST_WIRE, _LONGEST_NAME, _LONGEST_LABEL = 0xFFFF, 255, 63
_HEADER = struct.Struct(">HHHHHH")
_FIXED = struct.Struct(">HHIH")


class Storage(msgspec.Struct, frozen=True):
    """What the file says of how its blocks were stored."""

    keys: Keys
    ticks: int
    """A second."""
    answers: bool
    """Whether records of answers were kept."""
    shortened: bool
    """Whether addresses of clients were."""


class Item(msgspec.Struct, frozen=True):
    """A question, an answer, or both."""

    messages: tuple[Message, ...]
    """None where nothing is named."""
    answers: bool
    """Whether the records of the answer are known."""
    opcode: int


class BlockItems:
    """Reads the items of one block; `items` are they. Raises RefusedError where it is no block."""

    def __init__(self, block: Any, storage: Storage) -> None:  # noqa: ANN401 - any CBOR
        try:
            self.items: list[Any] = block.get(3, [])
            self.malformed = len(block.get(5, []))
            self._tables: dict[int, Any] = block.get(2, {})
            seconds, ticks = map(_number, block[0][storage.keys.earliest])
            self._begin = (seconds * storage.ticks + ticks, storage.ticks)
        except (AttributeError, KeyError, TypeError, ValueError, IndexError):
            raise RefusedError(BAD) from None
        if not (isinstance(self.items, list) and isinstance(self._tables, dict)):
            raise RefusedError(BAD)
        self._storage = storage
        self._records = functools.lru_cache(maxsize=1 << 8)(self._packed)

    def item(self, item: Any, number: int) -> Item | str:  # noqa: ANN401 - any CBOR
        """One item as its messages, or the reason code for refusing it."""
        try:
            return self._read(item, number)
        except RefusedError as refused:
            return str(refused)
        except (AttributeError, KeyError, TypeError, ValueError, IndexError, OverflowError, struct.error):
            return BAD

    def _read(self, item: Any, number: int) -> Item:  # noqa: ANN401 - any CBOR
        keys = self._storage.keys
        signature = self._at(_SIGNATURES, item[_SIGNATURE])
        if not (self._has(item.get(_QNAME)) and self._has(signature.get(keys.classtype))):
            return Item((), answers=False, opcode=0)
        present, transport = signature.get(keys.present, 0), signature.get(_TRANSPORT)
        opcode, flags = signature.get(keys.opcode, 0) & 0xF, signature.get(keys.flags, 0)
        client = None if self._storage.shortened else self._address(item.get(_CLIENT))
        shared: dict[str, Any] = {
            "number": number,
            "offset": 0,
            "party": (b"", 1, 0, client, None),
            "client": client,
            "client_port": _port(item.get(_CLIENT_PORT)),
            "server": self._address(signature.get(_SERVER)),
            "server_port": _port(signature.get(_SERVER_PORT)),
            "transport": self._transport(transport),
            "vantage": "client",
            "policy": None,
        }
        question = self._question(item, signature)
        head = opcode << 11
        asked = self._time(item.get(_TIME))
        messages = []
        if present & 1:
            wire = _HEADER.pack(item.get(_ID, 0), head | (flags & 0x7F) << 4, 1, 0, 0, 0) + question
            messages.append(Message(response=False, wire=wire, asked=asked, answered=None, **shared))
        kept = False
        if present & 2:
            delay = item.get(_DELAY)
            answered = self._time(None if delay is None else item[_TIME] + delay) if present & 1 else asked
            rcode = signature.get(keys.rcode, 0)
            extended = item.get(keys.extended) or {}
            kept = _ANSWER in extended or self._storage.answers
            count, records = self._records(extended[_ANSWER]) if _ANSWER in extended else (0, b"")
            low = _QR | head | (flags >> 8 & 0x7F) << 4 | rcode & 0xF
            wire = _HEADER.pack(item.get(_ID, 0), low, 1, count, 0, rcode > 0xF) + question + records
            wire += _extended(rcode) if rcode > 0xF else b""
            messages.append(Message(response=True, wire=wire, asked=None, answered=answered, **shared))
        if not messages:
            raise RefusedError(BAD)
        return Item(tuple(messages), kept, opcode)

    def _question(self, item: Any, signature: Any) -> bytes:  # noqa: ANN401 - any CBOR
        kind = self._at(_CLASSTYPES, signature[self._storage.keys.classtype])
        return _name(self._at(_NAMES, item[_QNAME])) + struct.pack(">HH", kind[0], kind[1])

    def _packed(self, index: int) -> tuple[int, bytes]:
        """How many records a list has, and they as on the wire."""
        listed = self._at(_LISTS, index)
        made = bytearray()
        for each in listed:
            record = self._at(_RECORDS, each)
            kind, data = self._at(_CLASSTYPES, record[1]), self._at(_NAMES, record[3])
            made += _name(self._at(_NAMES, record[0])) + _FIXED.pack(kind[0], kind[1], record.get(2, 0), len(data))
            made += data
            if len(made) > _LONGEST_WIRE:
                raise RefusedError(BAD)
        return len(listed), bytes(made)

    def _at(self, table: int, index: int) -> Any:  # noqa: ANN401 - any CBOR
        """What stands there in a table."""
        place = index - self._storage.keys.base
        if place < 0:
            raise IndexError
        return self._tables[table][place]

    def _address(self, index: int | None) -> bytes | None:
        if not self._has(index):
            return None
        found = self._at(_ADDRESSES, index or 0)
        if not isinstance(found, bytes):
            raise RefusedError(BAD)
        return address(found)

    def _has(self, index: int | None) -> bool:
        """Whether an index says something: None where it was left out, in the draft also 0."""
        return index is not None and index >= self._storage.keys.base

    def _transport(self, flags: int | None) -> str | None:
        """By RFC 8618; the draft's flags are others."""
        known = flags is not None and not self._storage.keys.base
        number = (flags or 0) >> 1 & 0xF
        return _TRANSPORTS[number] if known and number < len(_TRANSPORTS) else None

    def _time(self, offset: int | None) -> int | None:
        if offset is None:
            return None
        begin, ticks = self._begin
        seconds, rest = divmod(begin + _number(offset), ticks)
        if seconds < 0:
            raise RefusedError("bad_timestamp")
        return instant(seconds, rest * _NANO // ticks)


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise RefusedError(BAD)
    return value


def _port(value: object) -> int | None:
    if value is not None and _number(value) < 0:
        raise RefusedError("bad_field:port")
    return port(None if value is None else _number(value))


def _name(data: object) -> bytes:
    """A name as on the wire, whole and without pointers."""
    at = 0
    if not isinstance(data, bytes):
        raise RefusedError("bad_field:name")
    while at < len(data) and 0 < data[at] <= _LONGEST_LABEL:
        at += data[at] + 1
    if at + 1 != len(data) or data[at] or at >= _LONGEST_NAME:
        raise RefusedError("bad_field:name")
    return data


def _extended(rcode: int) -> bytes:
    """The upper bits of a code, in an OPT record (RFC 6891 6.1.3)."""
    return struct.pack(">BHHBBHH", 0, 41, 512, rcode >> 4, 0, 0, 0)
