r"""Zeek's text to ours: its `\xHH` undone to bytes, and escaped again once by the rules of the two tables.

Zeek writes a byte it will not print as `\xHH` and, in tab-separated logs, a backslash as `\\` (Log::WRITER_ASCII). In
DNS names what is not printable ASCII, and space and backslash, becomes `\DDD` (RFC 1035 5.1); elsewhere `\xNN`.
"""

import functools
import ipaddress
import re

_ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|\\)")
_PLAIN_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_LONGEST_LABEL = 63
_LONGEST_NAME = 253


def unescaped(text: str) -> bytes:
    """The bytes Zeek saw."""
    data = text.encode("utf-8", "surrogatepass")
    return _ESCAPE.sub(_byte, data) if b"\\" in data else data


def _byte(match: re.Match[bytes]) -> bytes:
    digits: bytes | None = match[1]
    return bytes.fromhex(digits.decode()) if digits else b"\\"


def printable(text: str) -> str:
    r"""The text with what is not printable ASCII, and the backslash, as `\xNN`."""
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    return "".join(chr(byte) if 0x20 <= byte < 0x7F and byte != 0x5C else f"\\x{byte:02x}" for byte in unescaped(text))


def host(text: str) -> str | None:
    """A host name from SNI: lower-case, one trailing dot stripped; None where empty."""
    return printable(text).lower().removesuffix(".") or None


def name(text: str) -> str:
    """A DNS name: lower-case, one trailing dot stripped, escaped; the root is `.`."""
    if _PLAIN_NAME.fullmatch(text):
        return text
    labels = unescaped(text).removesuffix(b".").split(b".")
    return ".".join(map(_label, labels)) or "."


def exact(escaped: str) -> bool:
    """Whether a name as `name` gives it can be what was asked.

    Zeek joins labels with dots and does not mark a dot inside one; an empty or overlong label shows that it happened.
    """
    if escaped == ".":
        return True
    sizes = [len(_ESCAPED.sub("x", label)) for label in escaped.split(".")]
    return sum(sizes) + len(sizes) - 1 <= _LONGEST_NAME and all(0 < size <= _LONGEST_LABEL for size in sizes)


_ESCAPED = re.compile(r"\\\d{3}")


def _label(label: bytes) -> str:
    return "".join(chr(byte) if 0x20 < byte < 0x7F and byte != 0x5C else f"\\{byte:03d}" for byte in label.lower())


def quoted(data: bytes) -> str:
    r"""A DNS character-string in quotes: `"` and `\` behind a backslash, what is not printable ASCII as `\DDD`."""
    return '"' + "".join(map(_character, data)) + '"'


def _character(byte: int) -> str:
    if byte in b'"\\':
        return "\\" + chr(byte)
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03d}"


@functools.lru_cache(maxsize=1 << 16)
def address(text: str) -> str | None:
    """The address in canonical form (RFC 5952, a mapped IPv4 address in dotted form), or None where it is none."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.scope_id is not None:
        return None
    return f"::ffff:{found.ipv4_mapped}" if found.ipv4_mapped else str(found)
