r"""The lines of BIND's logs: which is a question, which is known to be none.

A question counts only as a whole line, from its first byte to its last, and only when both of its names are the same.
BIND escapes in names what could end one (`\032`, `\.`, `\(`), so nothing a client asks can look like another line. TIME
is local (`22-Nov-2026 07:35:23.545`), ISO 8601 local or with `Z`, or absent; all may stand behind syslog's own frame.
"""

import re

import msgspec
import pyarrow as pa

from flowwatch.sources import syslog
from flowwatch.sources.ledger import OTHER_PROGRAM
from flowwatch.sources.lines import LONGEST

_PLAIN = r"[!#%-'*-:<-?A-\[\]-~]"
_NAME = rf"(?=[^ ])(?>{_PLAIN}*+(?:\\(?:[0-9]{{3}}|[!-/:-~]){_PLAIN}*+)*+)"
_TIME = r"(?:(\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d\.\d{3}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z?) )?"
_FRAME = syslog.frame(r"(?:[\w./-]{0,64}named[\w.-]{0,32}|-)")
_OWN = re.compile(
    rf"(?P<frame>{_FRAME})?(?P<time>{_TIME})(?P<category>[a-z-]+: )?(?P<severity>(?:debug \d+|[a-z]+): )?(?P<said>.*)",
    re.ASCII | re.DOTALL,
)
_NAMES = re.compile(rf".* \((?P<one>{_NAME})\): .*query: (?P<other>{_NAME}) ", re.ASCII)
_KINDS = (
    (" rpz ", "BIND's line of a rewrite (RPZ), not read: its question stands as asked"),
    (" response: ", "BIND's line of a response, which has no addresses"),
    (" query failed ", "BIND's line of a query that failed"),
)
_OTHER_LINE = "line of BIND that is no question"
_ANSWERED = (" response: ", " answer: ")
"""Words of lines that tell an answer, BIND's own and those of appliances made from it."""
_CERTAIN = 95
_LONGEST_COMPARED = 4096
"""Characters of a refused line whose names are compared to say why; a name has at most 1,016 as printed."""


class Noise(msgspec.Struct, frozen=True):
    """A line that is known and no question; `note` says what it is."""

    note: str = ""


class Parted(msgspec.Struct, frozen=True):
    """The lines of a block."""

    questions: pa.RecordBatch
    """`line` (from 0), `start` (byte), and the parts as printed: `frame`, `time`, `client`, `port`, `name`, `view`,
    `class`, `type`, `flags`, `server`; null where the line has none."""
    others: list[tuple[int, int, str]]
    """Lines that are no question: number from 0, first byte, text."""


def parted(data: bytes) -> Parted:
    """The lines, those that are questions taken apart by the core."""
    from flowwatch._native import split_bind  # noqa: PLC0415, TID251 - start-up time; the border

    questions, others = map(pa.record_batch, split_bind(data))
    places = zip(*(others[name].to_pylist() for name in ("line", "start", "end")), strict=True)
    told = [(line, start, data[start:end].decode("latin-1")) for line, start, end in places]
    return Parted(questions, told)


def other(line: str) -> Noise | str:
    """What a line is that is no question: known, or the reason code for refusing it."""
    if len(line) > LONGEST:
        return "line_too_long"
    if not line.strip():
        return Noise()
    own = _OWN.match(line)
    if own is None or (own["frame"] is None and syslog.ANY.match(line)):
        return Noise(OTHER_PROGRAM)
    said = own["said"]
    if own["category"] == "queries: ":
        return _unlike(said)
    if said.startswith("client "):
        return _client_line(said)
    known = own["frame"] or own["time"] or (own["category"] and own["severity"])
    return Noise(_OTHER_LINE) if known and said.isprintable() else _foreign(line)


def _client_line(said: str) -> Noise | str:
    """A line about a client: it has to be a question's if it looks like one."""
    if "query: " in said.partition("): ")[2]:
        return _unlike(said)
    if not said.rstrip("\r").isprintable():
        return _foreign(said)
    return Noise(next((note for word, note in _KINDS if word in said), _OTHER_LINE))


def _unlike(said: str) -> str:
    if _foreign(said) == "not_utf8":
        return "not_utf8"
    names = _NAMES.match(said) if len(said) <= _LONGEST_COMPARED else None
    return "names_differ" if names and names["one"] != names["other"] else "query_line"


def _foreign(line: str) -> str:
    try:
        line.encode("latin-1").decode()
    except UnicodeDecodeError:
        return "not_utf8"
    return "foreign_line"


def _answered(line: str) -> bool:
    return "client " in line and any(word in line for word in _ANSWERED)


def score(head: bytes) -> int:
    """The share of questions among the lines of the first bytes that are not noise, 95 where all are.

    Lines of answers count here, so that a log which has them is left to a format that reads them.
    """
    text = head.removeprefix(b"\xef\xbb\xbf")
    whole = text.rpartition(b"\n")[0] or text
    found = parted(whole)
    asked = int(found.questions.num_rows)
    strange = sum(1 for _, _, line in found.others if not isinstance(other(line), Noise) or _answered(line))
    return min(_CERTAIN, 100 * asked // max(asked + strange, 1))
