r"""The lines of dnsmasq's log (`log-queries`, 2.80 to 2.93; Pi-hole's is the same).

    [Nov 22 07:37:29 ]dnsmasq[PID]: [SERIAL CLIENT/PORT ]EVENT

Names and texts are printed raw: a name may hold ` is 192.0.2.1` or ` from 192.0.2.2`, and a text may be all of it. So
a line is only taken apart here as far as its words are dnsmasq's own; what of the rest is a name is decided by the
question it answers (`pairing`).
"""

import re
from typing import Literal, NamedTuple

from flowwatch.sources import syslog, text
from flowwatch.sources.lines import LONGEST

_OWN = re.compile(r"(?:([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) )?dnsmasq\[(\d{1,10})\]: ", re.ASCII)
_FRAME = re.compile(syslog.PARTS, re.ASCII | re.DOTALL)
_KEY = re.compile(r"(\d{1,10}) ([0-9A-Fa-f:.%\w]{2,64})/(\d{1,5}) ", re.ASCII)
_QUERY = re.compile(r"(?:query|auth)\[(?:type=(\d{1,5})|([A-Za-z0-9-]{1,16}))\] (.*) from (\S+)", re.ASCII | re.DOTALL)
_ANSWER = re.compile(
    r"(reply|cached|cached-stale|config|DHCP|/\S+|gravity blocked|exactly denied|exactly blacklisted"
    r"|regex denied|regex blacklisted|blacklisted|special domain|database|rate-limited"
    r"|(?:gravity|exactly|regex|special) \w+ \(\w+\)) (.* is .*)",
    re.ASCII | re.DOTALL,
)
_NAMELESS = re.compile(
    r"(?:reply|config|cached) (?:error|opcode|query|truncated) is |forwarded |non-query |dnssec-|validation |nameserver"
    r"|query \(|opcode ",
    re.ASCII,
)
_BLOCKED = ("blocked", "denied", "blacklisted", "special domain")
PROGRAMS = ("dnsmasq", "pihole-FTL", "pihole")
Kind = Literal["query", "answer", "error", "other"]


class Line(NamedTuple):
    """A line of dnsmasq."""

    kind: Kind
    time: str | None
    pid: str
    key: tuple[str, str, int] | None
    """Serial, client and port, where they are logged (`log-queries=extra`)."""
    word: str = ""
    """Of a question its type, of an answer where it came from, of an error what it says."""
    said: str = ""
    """Of a question the name as printed, of an answer `NAME is VALUE`."""
    client: str | None = None


def line(data: bytes) -> Line | str | None:
    """What a line says; the reason code where it is none of dnsmasq, None where it is blank."""
    if len(data) > LONGEST:
        return "line_too_long"
    told = data.removesuffix(b"\r").decode("latin-1")
    if not told.strip():
        return None
    if own := _OWN.match(told):
        return _event(own[1], own[2], told[own.end() :])
    frame = _FRAME.match(told)
    return _framed(frame) if frame else _code(data)


def _framed(frame: re.Match[str]) -> Line | str:
    """A line behind syslog's frame, which is its own prefix too unless it has one."""
    said = frame["said"]
    if own := _OWN.match(said):
        return _event(frame["time"], own[2], said[own.end() :])
    if (frame["app"] or frame["program"]) in PROGRAMS:
        return _event(frame["time"], frame["pid"] or frame["process"] or "", said)
    return "other_program"


def _event(time: str | None, pid: str, said: str) -> Line:
    key = None
    if (found := _KEY.match(said)) and text.address(found[2]) and int(found[3]) <= 0xFFFF:
        key = (found[1], found[2], int(found[3]))
        said = said[found.end() :]
    if (asked := _QUERY.fullmatch(said)) and text.address(asked[4]):
        word = f"TYPE{asked[1]}" if asked[1] else asked[2]
        return Line("query", time, pid, key, word, asked[3], asked[4])
    if said.startswith(("reply error is ", "config error is ")):
        return Line("error", time, pid, key, said.partition(" is ")[2])
    if not _NAMELESS.match(said) and (answer := _ANSWER.fullmatch(said)):
        return Line("answer", time, pid, key, answer[1], answer[2])
    return Line("other", time, pid, key)


def blocked(word: str) -> bool:
    """Whether an answer from there is a refusal by policy (Pi-hole's lists)."""
    return any(one in word for one in _BLOCKED)


def _code(data: bytes) -> str:
    try:
        data.decode()
    except UnicodeDecodeError:
        return "not_utf8"
    return "foreign_line"


def score(head: bytes) -> int:
    """The share of dnsmasq's lines, 95 where all are; 0 where none is a question or an answer."""
    whole = head.removeprefix(b"\xef\xbb\xbf")
    found = [line(one) for one in (whole.rpartition(b"\n")[0] or whole).split(b"\n")[:400]]
    ours = [one for one in found if isinstance(one, Line)]
    lines = sum(one is not None for one in found)
    return 95 * len(ours) // max(lines, 1) if any(one.kind != "other" for one in ours) else 0
