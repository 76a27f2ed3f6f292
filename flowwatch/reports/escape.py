r"""One escaping function per sink: what observed text may do to a reader is nothing.

Promises: what comes out shows on the sink and does nothing else there; every function can be undone (`\u{...}` stands
for one code point and for nothing else), so two different texts never look alike by escaping. A JSON line escapes by
`json` itself, a CSV cell is guarded where tables are written (`flowwatch.tables`).
Refuses: to decode what a source escaped already (`\DDD`, `\xNN`); that is shown as it is.
"""

import re

_NOT_TERMINAL = re.compile(r"[^\x20-\x7e]|\\(?=u\{)")
_UNDO = re.compile(r"\\u\{([0-9a-f]*)\}")
_NOT_CODE = re.compile(r"[`|]|^ | $")
_EMPTY = "\\u{}"
"""A span must hold something; no other text is escaped so."""
_PROSE = re.compile(r"(?!\d+[.)])[A-Za-z0-9][A-Za-z0-9 ,;:.()/%>=-]*")
_LINKED = re.compile(r"www\.|://|mailto:|GH-\d|\b[0-9a-f]{40,}\b|:[a-z]+:", re.IGNORECASE)
"""What GitHub and the like make links or pictures of without any markup."""
_BLANK_BUT_PRINTABLE = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"  # joiners and fillers without a glyph
    + "".join(
        map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
    )  # variation selectors
)


def terminal(text: str) -> str:
    r"""The text in printable ASCII: every other code point as `\u{hex}` (C0, C1, DEL, bidi, zero-width, letters).

    A line stays a line, so it serves for log lines too.
    """
    return _NOT_TERMINAL.sub(_code_point, text)


def html(text: str) -> str:
    r"""The text with everything invisible as `\u{hex}`; letters stay. Markup is the business of jinja2's autoescape.

    Invisible: control, format (bidi, zero-width), separator, private and unassigned code points, and fillers.
    """
    if text.isascii() and text.isprintable() and "\\u{" not in text:
        return text
    return "".join(
        one if _shows(one) and not (one == "\\" and text.startswith("u{", at + 1)) else f"\\u{{{ord(one):x}}}"
        for at, one in enumerate(text)
    )


def code(text: str) -> str:
    r"""The text as a Markdown code span, where nothing is markup, a link, a mention or the end of a table's cell.

    Beside everything invisible, what could end the span or the cell is `\u{hex}`: backtick, `|`, blanks at the ends;
    `\u{}` is the empty text.
    """
    return f"`{_NOT_CODE.sub(_code_point, html(text)) or _EMPTY}`"


def prose(text: str) -> str:
    """The text as it is where no Markdown dialect finds anything in it to mark up or to link, else as a code span.

    For sentences of ours that hold what the operator wrote, or an address: names of strangers always take `code`.
    """
    return text if _PROSE.fullmatch(text) and not _LINKED.search(text) else code(text)


def undo(text: str) -> str:
    """The text that `terminal` or `html` was given, or that stands in a span of `code`."""
    return _UNDO.sub(lambda found: chr(int(found[1], 16)) if found[1] else "", text)


def _code_point(found: re.Match[str]) -> str:
    return f"\\u{{{ord(found[0]):x}}}"


def _shows(one: str) -> bool:
    return one.isprintable() and one not in _BLANK_BUT_PRINTABLE
