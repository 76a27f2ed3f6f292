"""One data frame as the DNS message it holds and what is said of it (dnstap.pb, `dnstap.proto`).

Promises: what is not of the schema is refused with a reason, never guessed: fields of another wire type, said twice, or
cut. Fields that are not needed, or of a later schema, are passed over. Refuses what its few wire types do not need:
groups, packed lists, merged messages.
"""

import msgspec

_OTHERS = {
    1: "AUTH_QUERY", 2: "AUTH_RESPONSE", 9: "STUB_QUERY", 10: "STUB_RESPONSE", 11: "TOOL_QUERY", 12: "TOOL_RESPONSE",
    13: "UPDATE_QUERY", 14: "UPDATE_RESPONSE",
}  # fmt: skip
_READ = frozenset({3, 4, 5, 6, 7, 8})
"""Resolver, client and forwarder; a query is odd, its response the next number."""
_CLIENT = frozenset({5, 6})
_TRANSPORTS = {1: "udp", 2: "tcp", 3: "dot", 4: "doh", 7: "doq"}
"""By protocol; DNSCrypt (5, 6) has no word of ours."""
_ACTIONS = {1: "NXDOMAIN", 2: "NODATA", 3: "PASSTHRU", 4: "DROP", 5: "TRUNCATE", 6: "LOCAL_DATA"}
"""What a policy did; `PASS` by the word that other sources have for it."""
_VARINT, _BYTES, _FIXED64, _FIXED32 = 0, 2, 1, 5
_DNSTAP = {1: _BYTES, 14: _BYTES, 15: _VARINT}
_MESSAGE = {
    1: _VARINT, 2: _VARINT, 3: _VARINT, 4: _BYTES, 5: _BYTES, 6: _VARINT, 7: _VARINT, 8: _VARINT, 9: _FIXED32,
    10: _BYTES, 12: _VARINT, 13: _FIXED32, 14: _BYTES, 15: _BYTES,
}  # fmt: skip
_POLICY = {3: _VARINT}
_ADDRESS_BYTES = {1: 4, 2: 16}
_NANO = 1_000_000_000
_LATEST = 1 << 32
"""Seconds since 1970 at which times end, as in `moments`."""


class Message(msgspec.Struct, gc=False):
    """What one frame says of one DNS message."""

    number: int
    """Of the frame, from 1."""
    offset: int
    """Of the frame in the input."""
    party: tuple[bytes, int, int, bytes | None, int | None]
    """What a question and its response share: server's identity, sort, protocol, address and port of who asked."""
    response: bool
    wire: bytes
    client: bytes | None
    client_port: int | None
    server: bytes | None
    server_port: int | None
    transport: str | None
    vantage: str
    asked: int | None
    """Nanoseconds since 1970."""
    answered: int | None
    policy: str | None

    @property
    def time(self) -> int | None:
        """When it was sent or received."""
        return self.answered if self.response else self.asked

    @property
    def field(self) -> str:
        """Where in the frame it stands."""
        return "response_message" if self.response else "query_message"


class Noise(msgspec.Struct, frozen=True):
    """A frame that is known and no lookup."""

    note: str


class _RefusedError(Exception):
    """The frame cannot be read; `args[0]` is the reason code."""


def message(frame: bytes, number: int, offset: int) -> Message | Noise | str:
    """The message of a frame that stands there, what is known and no lookup, or the reason code for refusing it."""
    try:
        return _read(frame, number, offset)
    except _RefusedError as refused:
        return str(refused)


def _read(frame: bytes, number: int, offset: int) -> Message | Noise:
    outer = _fields(frame, _DNSTAP)
    kind = _number(outer, 15)
    if kind is not None and kind != 1:
        return Noise("frame of dnstap that is no message")
    told = _fields(_bytes(outer, 14), _MESSAGE)
    kind = _number(told, 1) if kind else None
    if kind is None:
        raise _RefusedError("not_dnstap")
    if kind not in _READ:
        return Noise(f"message of type {_OTHERS.get(kind, 'unknown')}, not read")
    return _message(_bytes(outer, 1), number, offset, kind, told)


def _message(identity: bytes, number: int, offset: int, kind: int, told: "_Fields") -> Message:
    response = not kind & 1
    protocol = _number(told, 3) or 0
    client, client_port = _address(told, 4, "query_address"), _port(told, 6, "query_port")
    made = Message(
        number=number,
        offset=offset,
        party=(identity, (kind + 1) // 2, protocol, client, client_port),
        response=response,
        wire=_bytes(told, 14 if response else 10),
        client=client,
        client_port=client_port,
        server=_address(told, 5, "response_address"),
        server_port=_port(told, 7, "response_port"),
        transport=_TRANSPORTS.get(protocol),
        vantage="client" if kind in _CLIENT else "upstream",
        asked=_time(told, 8, 9),
        answered=_time(told, 12, 13) if response else None,
        policy=_ACTIONS.get(_number(_fields(_bytes(told, 15), _POLICY), 3) or 0),
    )
    if not made.wire:
        raise _RefusedError(f"bad_field:{made.field}")
    return made


def _address(told: "_Fields", field: int, name: str) -> bytes | None:
    found = _bytes(told, field)
    if not found:
        return None
    if len(found) != _ADDRESS_BYTES.get(_number(told, 2) or 0, len(found)) or len(found) not in (4, 16):
        raise _RefusedError(f"bad_field:{name}")
    return found


def _port(told: "_Fields", field: int, name: str) -> int | None:
    found = _number(told, field)
    if found is not None and found > 0xFFFF:
        raise _RefusedError(f"bad_field:{name}")
    return found


def _time(told: "_Fields", seconds: int, nanoseconds: int) -> int | None:
    whole, part = _number(told, seconds), _number(told, nanoseconds) or 0
    if whole is None:
        return None
    if whole >= _LATEST or part >= _NANO:
        raise _RefusedError("bad_timestamp")
    return whole * _NANO + part


_Fields = dict[int, int | bytes]


def _bytes(told: _Fields, field: int) -> bytes:
    """A field's bytes, none where it is not there."""
    found = told.get(field)
    return found if isinstance(found, bytes) else b""


def _number(told: _Fields, field: int) -> int | None:
    found = told.get(field)
    return found if isinstance(found, int) else None


def _fields(data: bytes, wanted: dict[int, int]) -> _Fields:
    """The wanted fields by number, each of its wire type. Raises _RefusedError where the bytes are no such message."""
    found: _Fields = {}
    at, end = 0, len(data)
    try:
        while at < end:
            tag, at = _varint(data, at)
            field, wire = tag >> 3, tag & 7
            value: int | bytes = 0
            if wire == _BYTES:
                size, at = _varint(data, at)
                value = data[at : at + size]
                at += size
            elif wire == _VARINT:
                value, at = _varint(data, at)
            elif wire == _FIXED32:
                value = int.from_bytes(data[at : at + 4], "little")
                at += 4
            elif wire == _FIXED64:
                at += 8
            else:
                raise _RefusedError("not_dnstap")
            if wanted.get(field, wire) != wire or field in found or not field:
                raise _RefusedError("not_dnstap")
            if field in wanted:
                found[field] = value
    except IndexError:
        raise _RefusedError("not_dnstap") from None
    if at != end:
        raise _RefusedError("not_dnstap")
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of at most 64 bits and where it ends. Raises IndexError, _RefusedError."""
    byte = data[at]
    if byte < 0x80:
        return byte, at + 1
    value, shift = byte & 0x7F, 7
    while byte >= 0x80:
        at += 1
        byte = data[at]
        value |= (byte & 0x7F) << shift
        shift += 7
        if shift > 70:
            raise _RefusedError("not_dnstap")
    if value >> 64:
        raise _RefusedError("not_dnstap")
    return value, at + 1
