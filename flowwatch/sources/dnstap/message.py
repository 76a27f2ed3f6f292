"""One data frame as the DNS message it holds and what is said of it (dnstap.pb, `dnstap.proto`).

Promises: what is not of the schema is refused with a reason, never guessed. Refuses messages that are not between a
resolver and its client, or its upstream: authoritative servers', stubs', tools' and updates are noise.
"""

import msgspec

from flowwatch.sources.dnstap.protobuf import BYTES, FIXED32, VARINT, BadMessage, fields, tag

_OTHERS = {
    1: "AUTH_QUERY", 2: "AUTH_RESPONSE", 9: "STUB_QUERY", 10: "STUB_RESPONSE", 11: "TOOL_QUERY", 12: "TOOL_RESPONSE",
    13: "UPDATE_QUERY", 14: "UPDATE_RESPONSE",
}  # fmt: skip
_READ = frozenset({3, 4, 5, 6, 7, 8})
"""Resolver, client and forwarder; a query is odd, its response the next number."""
_CLIENT = frozenset({5, 6})
TRANSPORTS = {1: "udp", 2: "tcp", 3: "dot", 4: "doh", 7: "doq"}
"""By protocol; DNSCrypt (5, 6) has no word of ours."""
_ACTIONS = {1: "NXDOMAIN", 2: "NODATA", 3: "PASSTHRU", 4: "DROP", 5: "TRUNCATE", 6: "LOCAL_DATA"}
"""What a policy did; `PASS` by the word that other sources have for it."""
_IDENTITY, _VERSION, _EXTRA, _HELD = (tag(field, BYTES) for field in (1, 2, 3, 14))
_SORT = tag(15, VARINT)
_DNSTAP = frozenset({_IDENTITY, _VERSION, _EXTRA, _HELD, _SORT})
_TYPE, _FAMILY, _PROTOCOL, _CLIENT_PORT, _SERVER_PORT, _ASKED, _ANSWERED = (
    tag(field, VARINT) for field in (1, 2, 3, 6, 7, 8, 12)
)
_ASKED_PART, _ANSWERED_PART = tag(9, FIXED32), tag(13, FIXED32)
_CLIENT_IP, _SERVER_IP, _QUERY, _ZONE, _RESPONSE, _POLICY = (tag(field, BYTES) for field in (4, 5, 10, 11, 14, 15))
_MESSAGE = frozenset({
    _TYPE, _FAMILY, _PROTOCOL, _CLIENT_PORT, _SERVER_PORT, _ASKED, _ANSWERED, _ASKED_PART, _ANSWERED_PART,
    _CLIENT_IP, _SERVER_IP, _QUERY, _ZONE, _RESPONSE, _POLICY,
})  # fmt: skip
_ACTION = tag(3, VARINT)
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


class RefusedError(Exception):
    """The frame cannot be read; `args[0]` is the reason code."""


def message(frame: bytes, number: int, offset: int) -> Message | Noise | str:
    """The message of a frame that stands there, what is known and no lookup, or the reason code for refusing it."""
    try:
        return _read(frame, number, offset)
    except BadMessage:
        return "not_dnstap"
    except RefusedError as refused:
        return str(refused)


def _read(frame: bytes, number: int, offset: int) -> Message | Noise:
    numbers, texts = fields(frame, _DNSTAP)
    if numbers.get(_SORT, 1) != 1:
        return Noise("frame of dnstap that is no message")
    told, held = fields(texts.get(_HELD, b""), _MESSAGE)
    if _SORT not in numbers or _TYPE not in told:
        raise BadMessage
    kind = told[_TYPE]
    if kind not in _READ:
        return Noise(f"message of type {_OTHERS.get(kind, 'unknown')}, not read")
    response = not kind & 1
    wire = held.get(_RESPONSE if response else _QUERY)
    if not wire:
        raise RefusedError("bad_field:response_message" if response else "bad_field:query_message")
    protocol = told.get(_PROTOCOL, 0)
    client, client_port = address(held.get(_CLIENT_IP)), port(told.get(_CLIENT_PORT))
    return Message(
        number=number,
        offset=offset,
        party=(texts.get(_IDENTITY, b""), (kind + 1) // 2, protocol, client, client_port),
        response=response,
        wire=wire,
        client=client,
        client_port=client_port,
        server=address(held.get(_SERVER_IP)),
        server_port=port(told.get(_SERVER_PORT)),
        transport=TRANSPORTS.get(protocol),
        vantage="client" if kind in _CLIENT else "upstream",
        asked=instant(told.get(_ASKED), told.get(_ASKED_PART, 0)),
        answered=instant(told.get(_ANSWERED), told.get(_ANSWERED_PART, 0)) if response else None,
        policy=_policy(held[_POLICY]) if _POLICY in held else None,
    )


def address(packed: bytes | None) -> bytes | None:
    """Told by its length, else RefusedError: of two addresses of one message the family is that of either."""
    if packed and len(packed) not in (4, 16):
        raise RefusedError("bad_field:address")
    return packed or None


def port(number: int | None) -> int | None:
    """A port; RefusedError where it is none."""
    if number is not None and number > 0xFFFF:
        raise RefusedError("bad_field:port")
    return number


def instant(seconds: int | None, nanoseconds: int) -> int | None:
    """Nanoseconds since 1970; RefusedError where they are no time."""
    if seconds is None:
        return None
    if seconds >= _LATEST or nanoseconds >= _NANO:
        raise RefusedError("bad_timestamp")
    return seconds * _NANO + nanoseconds


def _policy(data: bytes) -> str | None:
    """What the policy did; None where it does not say."""
    numbers, _ = fields(data, frozenset({_ACTION}))
    action = numbers.get(_ACTION)
    return None if action is None else _ACTIONS.get(action, f"ACTION{action}")
