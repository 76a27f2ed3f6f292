"""CEF (ArcSight) and LEEF 1.0 and 2.0 (QRadar): a header of columns, then keys with values that may hold spaces.

A key of CEF is what stands between a space and an equals sign; a value may hold both behind a backslash. Of LEEF the
pairs are separated by tabs, or by what the header of 2.0 names; some write bars, which 1.0 has no room to name.
Refuses a line in which a key stands twice with two values: what a client wrote may look like one.
"""

import re
from collections.abc import Iterable

_HEADER = re.compile(r"\b(CEF|LEEF):(?=\d)")
_KEY = re.compile(r"(?:^|(?<=\s))([A-Za-z_][\w.\-]{0,63})(?<!\\)=", re.ASCII)
_FIELD = re.compile(r"((?:[^|\\]|\\.)*+)\|", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_NAMES = ("cef.format", "cef.vendor", "cef.product", "cef.version", "cef.id", "cef.name", "cef.severity")
_HEX = re.compile(r"(?:0x|x)([0-9A-Fa-f]{2,4})", re.ASCII)


def pairs(text: str) -> dict[str, str] | str:
    """The header and the pairs of a line; the reason code where it is of neither form."""
    begins = _HEADER.search(text)
    if begins is None:
        return "foreign_line"
    header: list[str] = []
    at = begins.end()
    count = 7 if begins[1] == "CEF" else 6 if text.startswith("2", at) else 5
    while len(header) < count and (field := _FIELD.match(text, at)):
        header.append(_plain(field[1]))
        at = field.end()
    spaced, rest = begins[1] == "CEF", text[at:]
    if len(header) < (7 if spaced else 5):
        return "foreign_line"
    told = _spaced(rest) if spaced else _separated(rest, _separator(header[5:], rest))
    row = dict(zip(_NAMES, header if spaced else header[:5], strict=False))
    return row if all(row.setdefault(key, value) == value for key, value in told) else "double_key"


def _spaced(text: str) -> Iterable[tuple[str, str]]:
    keys = list(_KEY.finditer(text))
    ends = [*(key.start() for key in keys[1:]), len(text)]
    return ((key[1], _plain(text[key.end() : end].strip())) for key, end in zip(keys, ends, strict=False))


def _separator(named: list[str], pairs: str) -> str:
    if not named or not named[0]:
        return "\t" if named or "\t" in pairs or "|" not in pairs else "|"
    told = _HEX.fullmatch(named[0])
    return chr(int(told[1], 16)) if told else named[0][0]


def _separated(text: str, separator: str) -> Iterable[tuple[str, str]]:
    found = (one.partition("=") for one in text.split(separator))
    return ((key.strip(), value) for key, equals, value in found if equals and key.strip())


def _plain(text: str) -> str:
    return _ESCAPED.sub(lambda one: {"n": "\n", "r": "\r"}.get(one[1], one[1]), text) if "\\" in text else text
