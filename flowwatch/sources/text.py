r"""Bytes seen on the wire as the text of the two tables: escaped once, at this border.

In DNS names what is not printable ASCII, and `.`, space and backslash within a label, becomes `\DDD` (RFC 1035 5.1);
elsewhere what is not printable ASCII, and the backslash, becomes `\xNN`. How a log writes bytes is its reader's affair.
"""

import functools
import ipaddress
import re
from itertools import zip_longest

_LONGEST_LABEL = 63
LONGEST_NAME = 253
_LONGEST_ADDRESS = 45
_KEPT = 4 * LONGEST_NAME
"""Bytes of the longest name that is remembered: what a log holds in its place may be of any length."""
_LONGEST_PRINTED = 1024
_ESCAPED = re.compile(r"\\\d{3}")
_PRINTED = re.compile(r"\\(?:(\d{3})|(.))", re.ASCII)
PLAIN_NAME = r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*"
"""A name that needs no change to be one of the tables (RE2's grammar and Python's)."""
_PLAIN_LABELS = re.compile(r"[^.\\]{1,63}(?:\.[^.\\]{1,63})*")


def printable(data: bytes) -> str:
    r"""The bytes with what is not printable ASCII, and the backslash, as `\xNN`."""
    return "".join(chr(byte) if 0x20 <= byte < 0x7F and byte != 0x5C else f"\\x{byte:02x}" for byte in data)


def label(data: bytes) -> str:
    r"""One label of a DNS name: ASCII letters in lower case, what is special as `\DDD`."""
    return "".join(chr(byte) if 0x20 < byte < 0x7F and byte not in b".\\" else f"\\{byte:03d}" for byte in data.lower())


def name(data: bytes) -> str:
    """A DNS name whose labels are joined with dots; a dot within a label cannot be told. The root is `.`."""
    return _name(data) if len(data) <= _KEPT else _name.__wrapped__(data)


@functools.lru_cache(maxsize=1 << 16)
def _name(data: bytes) -> str:
    return ".".join(map(label, data.split(b"."))) or "."


def printed_name(value: str) -> str | None:
    r"""A name as a log prints it, in lower case, without the last dot, what stood as `\DDD` or `\X` escaped as here.

    None where it is no name, or an escape no byte (`\256`).
    """
    plain = value.removesuffix(".") if not value.endswith("\\.") else value
    if not value or len(plain) > _LONGEST_PRINTED:
        return None
    try:
        parts = _PRINTED.split(plain.encode().decode("latin-1"))
        kept = [name(part.encode("latin-1")) if part else "" for part in parts[::3]]
        escaped = [
            label(bytes([int(digits) if digits else ord(one)])) for digits, one in zip(*_escapes(parts), strict=True)
        ]
    except ValueError:
        return None
    return "".join(map("".join, zip_longest(kept, escaped, fillvalue=""))) or "."


def _escapes(parts: list[str]) -> tuple[list[str], list[str]]:
    """The digits and the characters that stood behind backslashes."""
    return parts[1::3], parts[2::3]


def exact(escaped: str) -> bool:
    """Whether a name of joined labels can be what was asked.

    A source that joins labels with dots does not mark a dot inside one; an empty or overlong label shows that it
    happened.
    """
    if escaped == "." or (len(escaped) <= LONGEST_NAME and _PLAIN_LABELS.fullmatch(escaped)):
        return True
    sizes = [len(_ESCAPED.sub("x", part)) for part in escaped.split(".")]
    return sum(sizes) + len(sizes) - 1 <= LONGEST_NAME and all(0 < size <= _LONGEST_LABEL for size in sizes)


def quoted(data: bytes) -> str:
    r"""A DNS character-string in quotes: `"` and `\` behind a backslash, what is not printable ASCII as `\DDD`."""
    return '"' + "".join(map(_character, data)) + '"'


def _character(byte: int) -> str:
    if byte in b'"\\':
        return "\\" + chr(byte)
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03d}"


def address(text: str) -> str | None:
    """The address in canonical form (RFC 5952, a mapped IPv4 address in dotted form), or None where it is none."""
    return _address(text) if len(text) <= _LONGEST_ADDRESS else None


@functools.lru_cache(maxsize=1 << 16)
def _address(text: str) -> str | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.scope_id is not None:
        return None
    return f"::ffff:{found.ipv4_mapped}" if found.ipv4_mapped else str(found)
