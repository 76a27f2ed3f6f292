r"""Zeek's text to ours: its `\xHH` undone to bytes, and escaped again once by the rules of the two tables.

Zeek writes a byte it will not print as `\xHH` and, in tab-separated logs, a backslash as `\\` (Log::WRITER_ASCII).
"""

import re

from flowwatch.sources import text as ours

_ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|\\)")
_PLAIN_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")


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
    return ours.printable(unescaped(text))


def alone(text: str) -> list[str] | None:
    """A list of the one word; None where empty."""
    return [printable(text)] if text else None


def host(text: str) -> str | None:
    """A host name from SNI: lower-case, one trailing dot stripped; None where empty."""
    return printable(text).lower().removesuffix(".") or None


def name(text: str) -> str:
    """A DNS name: lower-case, one trailing dot stripped, escaped; the root is `.`."""
    if _PLAIN_NAME.fullmatch(text):
        return text
    return ours.name(unescaped(text).removesuffix(b"."))
