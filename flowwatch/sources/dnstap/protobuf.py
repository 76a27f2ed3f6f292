"""The wire format of Protocol Buffers, as far as schemas of DNS servers need it: numbers and byte strings by tag.

A tag is the number of the field and how its value is written (`protobuf.dev/programming-guides/encoding`). Promises:
what is cut, said twice, or written in another way than the schema has it is refused, never guessed; fields that are not
known are passed over. Refuses groups.
"""

from collections.abc import Mapping
from types import MappingProxyType

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_NONE: Mapping[int, list[bytes]] = MappingProxyType({})


class BadMessage(ValueError):  # noqa: N818 - a message that is bad
    """The bytes are no message of the schema."""


def tag(field: int, wire: int) -> int:
    """The tag of a field that is written in that way."""
    return field << 3 | wire


def fields(
    data: bytes, known: frozenset[int], many: Mapping[int, list[bytes]] = _NONE
) -> tuple[dict[int, int], dict[int, bytes]]:
    """Numbers and byte strings by tag; `known` are the schema's.

    Byte strings that the schema has any number of times are added to those of their tag in `many`. Raises BadMessage.
    """
    numbers: dict[int, int] = {}
    texts: dict[int, bytes] = {}
    at, end, count = 0, len(data), 0
    try:
        while at < end:
            count += 1
            one = data[at]
            at += 1
            if one > 0x7F:
                one, at = _varint(data, at - 1)
            wire = one & 7
            if wire == BYTES:
                size = data[at]
                at += 1
                if size > 0x7F:
                    size, at = _varint(data, at - 1)
                if one in many:
                    many[one].append(data[at : at + size])
                    count -= 1
                else:
                    texts[one] = data[at : at + size]
                at += size
            elif wire == VARINT:
                numbers[one], at = _varint(data, at)
            else:
                size = _FIXED[wire]
                numbers[one] = int.from_bytes(data[at : at + size], "little")
                at += size
    except (IndexError, KeyError):
        raise BadMessage from None
    if at != end or len(numbers) + len(texts) != count:
        raise BadMessage
    if not (known.issuperset(numbers) and known.issuperset(texts)):
        _check({*numbers, *texts} - known, known)
    return numbers, texts


_FIXED = {FIXED64: 8, FIXED32: 4}


def _check(others: set[int], known: frozenset[int]) -> None:
    """Raises BadMessage where a field of the schema is written in another way, or a field has no number."""
    if {one >> 3 for one in others} & {0, *(one >> 3 for one in known)}:
        raise BadMessage


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of at most 64 bits and where it ends. Raises IndexError, BadMessage."""
    byte = data[at]
    value, shift = byte & 0x7F, 7
    while byte > 0x7F:
        at += 1
        byte = data[at]
        value |= (byte & 0x7F) << shift
        shift += 7
        if shift > 70:
            raise BadMessage
    if value >> 64:
        raise BadMessage
    return value, at + 1
