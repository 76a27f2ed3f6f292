r"""One frame as the question or answer it tells (PowerDNS/pdns, `dnsmessage.proto`: PBDNSMessage).

The message is not held as it went over the wire: name, type and class of the question are told, and of the answer the
code and the records of the types that the server exports (A, AAAA, CNAME unless it is set otherwise). Addresses are
bytes; other data is text as the server prints it, of MX the name alone.

Promises: what is not of the schema is refused with a reason, never guessed; a name is exact, for the server escapes it.
"""

import functools
import ipaddress

import msgspec

from flowwatch.sources import text
from flowwatch.sources.dnstap.message import TRANSPORTS, Message, RefusedError, address, instant, port
from flowwatch.sources.dnstap.protobuf import BYTES, VARINT, BadMessage, fields, tag
from flowwatch.sources.mnemonics import class_word, rcode_word, type_word
from flowwatch.sources.text import printed_name

_KINDS = {1: (1, False), 2: (1, True), 3: (2, False), 4: (2, True)}
"""Type of a message: 1 between a client and the server, 2 between it and its upstream; whether it is an answer."""
_TYPE, _FAMILY, _PROTOCOL, _SIZE, _SECONDS, _MICROSECONDS, _ID, _CLIENT_PORT, _SERVER_PORT = (
    tag(field, VARINT) for field in (1, 4, 5, 8, 9, 10, 11, 20, 21)
)
_MESSAGE_ID, _IDENTITY, _CLIENT_IP, _SERVER_IP, _QUESTION, _RESPONSE = (
    tag(field, BYTES) for field in (2, 3, 6, 7, 12, 13)
)
_META, _TRACE = tag(22, BYTES), tag(23, BYTES)
_MESSAGE = frozenset({
    _TYPE, _FAMILY, _PROTOCOL, _SIZE, _SECONDS, _MICROSECONDS, _ID, _CLIENT_PORT, _SERVER_PORT,
    _MESSAGE_ID, _IDENTITY, _CLIENT_IP, _SERVER_IP, _QUESTION, _RESPONSE,
})  # fmt: skip
_NAME, _QTYPE, _QCLASS = tag(1, BYTES), tag(2, VARINT), tag(3, VARINT)
_ASKED_NAME = frozenset({_NAME, _QTYPE, _QCLASS})
_RCODE, _ASKED, _ASKED_PART, _POLICY = (tag(field, VARINT) for field in (1, 5, 6, 10))
_RECORD, _TAG = tag(2, BYTES), tag(4, BYTES)
_ANSWER = frozenset({_RCODE, _ASKED, _ASKED_PART, _POLICY})
_TTL, _DATA = tag(4, VARINT), tag(5, BYTES)
_RECORD_FIELDS = frozenset({_NAME, _QTYPE, _QCLASS, _TTL, _DATA})
_UUID = 16
_MICRO = 1000
_LAST_RCODE = 0xFFF
"""Higher codes are the server's own: 65536 where the upstream could not be reached."""
_A, _AAAA = 1, 28
_NAMES = frozenset({2, 5, 12, 15, 39})
"""Types whose data is told as a name: NS, CNAME, PTR, MX, DNAME."""
_ACTIONS = {1: "PASSTHRU", 2: "DROP", 3: "NXDOMAIN", 4: "NODATA", 5: "TRUNCATE", 6: "LOCAL_DATA"}
"""What a policy did, by the words that other sources have for it: NoAction is PASSTHRU, Custom LOCAL_DATA."""

Answer = dict[str, str | int]
"""One record, as `answers` of LOOKUPS has it."""


class Told(Message, gc=False):
    """A message that says in fields of its own what it asks and answers."""

    id: int
    qname: str | None
    qtype: str | None
    qclass: str | None
    rcode: str | None
    answers: list[Answer] | None
    """None where no record is told: the server exports chosen types alone."""


class _Answered(msgspec.Struct, frozen=True):
    rcode: str | None = None
    answers: list[Answer] | None = None
    asked: int | None = None
    policy: str | None = None


def message(frame: bytes, number: int, offset: int) -> Told | str:
    """What the frame that stands there tells, or the reason code for refusing it."""
    try:
        return _read(frame, number, offset)
    except BadMessage:
        return "not_powerdns"
    except RefusedError as refused:
        return str(refused)


def _read(frame: bytes, number: int, offset: int) -> Told:
    numbers, texts = fields(frame, _MESSAGE, {_META: [], _TRACE: []})
    uuid = texts.get(_MESSAGE_ID, b"")
    if numbers.get(_TYPE) not in _KINDS or len(uuid) not in (0, _UUID):
        raise BadMessage
    sort, response = _KINDS[numbers[_TYPE]]
    protocol = numbers.get(_PROTOCOL, 0)
    client, client_port = address(texts.get(_CLIENT_IP)), port(numbers.get(_CLIENT_PORT))
    time = instant(numbers.get(_SECONDS), numbers.get(_MICROSECONDS, 0) * _MICRO)
    qname, qtype, qclass = _question(texts.get(_QUESTION))
    answered = _answered(texts.get(_RESPONSE, b"")) if response else _Answered()
    return Told(
        number=number,
        offset=offset,
        party=(texts.get(_IDENTITY, b"") + uuid, sort, protocol, client, client_port),
        response=response,
        wire=b"",
        client=client,
        client_port=client_port,
        server=address(texts.get(_SERVER_IP)),
        server_port=port(numbers.get(_SERVER_PORT)),
        transport=TRANSPORTS.get(protocol),
        vantage="client" if sort == 1 else "upstream",
        asked=answered.asked if response else time,
        answered=time if response else None,
        policy=answered.policy,
        id=_within(numbers.get(_ID, 0), 0xFFFF, "id"),
        qname=qname,
        qtype=qtype,
        qclass=qclass,
        rcode=answered.rcode,
        answers=answered.answers,
    )


def _question(data: bytes | None) -> tuple[str, str, str] | tuple[None, None, None]:
    """Name, type and class in words; all None where no name is told."""
    if data is None:
        return None, None, None
    numbers, texts = fields(data, _ASKED_NAME)
    if _NAME not in texts or _QTYPE not in numbers:
        return None, None, None
    kind = _within(numbers[_QTYPE], 0xFFFF, "qType")
    return _name(texts[_NAME]), type_word(kind), class_word(_within(numbers.get(_QCLASS, 1), 0xFFFF, "qClass"))


def _answered(data: bytes) -> _Answered:
    many: dict[int, list[bytes]] = {_RECORD: [], _TAG: []}
    numbers, _ = fields(data, _ANSWER, many)
    rcode, action = numbers.get(_RCODE), numbers.get(_POLICY)
    return _Answered(
        rcode=None if rcode is None or rcode > _LAST_RCODE else rcode_word(rcode),
        answers=list(map(_record, many[_RECORD])) or None,
        asked=instant(numbers.get(_ASKED), numbers.get(_ASKED_PART, 0) * _MICRO),
        policy=None if action is None else _ACTIONS.get(action, f"ACTION{action}"),
    )


def _record(data: bytes) -> Answer:
    numbers, texts = fields(data, _RECORD_FIELDS)
    if _NAME not in texts or _QTYPE not in numbers:
        raise RefusedError("bad_field:rrs")
    kind = _within(numbers[_QTYPE], 0xFFFF, "rrs")
    told: Answer = {"name": _name(texts[_NAME]), "type": type_word(kind), "data": _data(kind, texts.get(_DATA, b""))}
    if _TTL in numbers:
        told["ttl"] = _within(numbers[_TTL], 0xFFFFFFFF, "ttl")
    return told


@functools.lru_cache(maxsize=1 << 14)
def _name(data: bytes) -> str:
    """A name as the server prints it, in the tables' own form."""
    made = printed_name(data.decode("ascii")) if data.isascii() else None
    if made is None or not text.exact(made):
        raise RefusedError("bad_field:name")
    return made


def _data(kind: int, data: bytes) -> str:
    r"""What a record holds; `\# length hex` (RFC 3597) where it is not sound."""
    if kind in (_A, _AAAA):
        sound = len(data) == (4 if kind == _A else 16)
        made = _address(data) if sound else None
    elif kind in _NAMES:
        try:
            made = _name(data)
        except RefusedError:
            made = None
    else:
        made = data.decode("ascii") if data.isascii() and data.decode("ascii").isprintable() and data else None
    return made or f"\\# {len(data)} {data.hex()}".rstrip()


@functools.lru_cache(maxsize=1 << 14)
def _address(packed: bytes) -> str | None:
    return text.address(str(ipaddress.ip_address(packed)))


def _within(value: int, most: int, field: str) -> int:
    if value > most:
        raise RefusedError(f"bad_field:{field}")
    return value
