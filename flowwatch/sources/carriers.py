r"""Logs that carry lines of another: taken off, so that every reader sees the lines it knows.

Forms: Docker's `json-file` (`{"log": "..\\n", "stream": "stdout", "time": ".."}`), CRI of Kubernetes
(`TIME stdout F ..`), journald's JSON (`MESSAGE`, `__REALTIME_TIMESTAMP`), and JSON behind syslog's frame. A line that
was carried is given as syslog would frame it, `TIME HOST APP[PID]: ..`, so that its time is not lost; JSON is given
bare.

Promises: as many lines as before, each at its own number and offset. What a carrier cut in parts (`P`, a `log` without
its line end) stands whole where its last part stood, and the parts before are blank; parts that never end are bounded.
A line end within a message is written `#012`, so that nothing carried can pass for a line of its own.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

import msgspec

from flowwatch.sources import lines, syslog
from flowwatch.sources.lines import BLOCK, LONGEST, Block

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?\d*(?:Z|[+-]\d\d:?\d\d)", re.ASCII)
_CRI = re.compile(rb"(\d{4}-\d\d-\d\dT\S{9,30}) (stdout|stderr) ([FP])(?::\S*)? (.*)", re.DOTALL)
_WORD = re.compile(r"[\w./-]{1,100}", re.ASCII)
_FRAMED = re.compile(syslog.PARTS.encode(), re.DOTALL)
_COOKIE = b"@cee:"
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MOST_BEGUN = 4
"""Messages that may be begun at once: one a stream."""


class Carried(msgspec.Struct, frozen=True):
    """A line that was carried."""

    text: bytes
    frame: str = ""
    """What syslog would put in front of it."""
    stream: str = ""
    whole: bool = True
    """False: it goes on with the next of its stream."""


class Begun(NamedTuple):
    """A message of which parts are still to come."""

    text: bytearray
    number: int
    offset: int


class Left(msgspec.Struct, frozen=True):
    """What goes over to another reader of the same log."""

    carrier: int | None = None
    """Place among the forms; -1: nothing carries the lines; None: there was none yet."""
    begun: dict[str, Begun] = {}


_Take = Callable[[bytes], Carried | None]


class _Docker(msgspec.Struct):
    log: str
    time: str
    stream: str = ""


class _Journal(msgspec.Struct):
    message: str | list[int] = msgspec.field(name="MESSAGE")
    time: str = msgspec.field(name="__REALTIME_TIMESTAMP")
    host: str = msgspec.field(name="_HOSTNAME", default="")
    app: str = msgspec.field(name="SYSLOG_IDENTIFIER", default="")
    pid: str = msgspec.field(name="_PID", default="")


_DOCKER = msgspec.json.Decoder(_Docker)
_JOURNAL = msgspec.json.Decoder(_Journal)


def blocks(stream: BinaryIO, size: int = BLOCK) -> Iterator[Block]:
    """The input as blocks of whole lines (`lines.blocks`), those that were carried taken out. Raises OSError."""
    carrying = Carrying()
    for block in lines.blocks(stream, size):
        yield carrying.bare(block)
    yield from carrying.end()


class Carrying:
    """Takes the blocks of one log in order; keeps messages of which parts are still to come."""

    def __init__(self) -> None:
        self._carrier: int | None = None
        self._begun: dict[str, Begun] = {}

    def bare(self, block: Block) -> Block:
        """The block without what carries its lines."""
        if self._carrier is None and block.data.strip():
            take = carrier(block.data)
            self._carrier = -1 if take is None else _FORMS.index(take)
        if self._carrier is None or self._carrier < 0:
            return block
        return _taken(block, _FORMS[self._carrier], self._begun)

    def end(self) -> Iterator[Block]:
        """The messages that never ended."""
        for left in self._begun.values():
            yield Block(_one_line(left.text), left.offset, left.number, ended=False, outer=(left.offset,))

    def leave(self) -> Left:
        """What was told and begun so far, for another to go on with."""
        return Left(self._carrier, self._begun)

    def resume(self, left: Left) -> None:
        """Goes on where another left. Raises ValueError where that was another version."""
        if left.carrier is not None and not -1 <= left.carrier < len(_FORMS):
            raise ValueError(left.carrier)
        self._carrier, self._begun = left.carrier, left.begun


def plain(head: bytes) -> bytes:
    """The first bytes of an input without what carries them."""
    take = carrier(head)
    return head if take is None else _taken(Block(head, 0, 1), take, {}).data


def carrier(head: bytes) -> _Take | None:
    """What takes the carrier off the lines of a log with these first bytes; None where nothing carries them."""
    first = head.removeprefix(lines.MARK).lstrip().split(b"\n", 1)[0][:LONGEST]
    return next((take for take in _FORMS if take(first) is not None), None)


def _taken(block: Block, take: _Take, begun: dict[str, Begun]) -> Block:
    outer = tuple(block.offsets())
    found = [
        _line(line, take, begun, number, offset)
        for number, (offset, line) in enumerate(zip(outer, block.data.split(b"\n"), strict=True), block.number)
    ]
    return Block(b"\n".join(found), block.offset, block.number, block.ended, outer)


def _line(line: bytes, take: _Take, begun: dict[str, Begun], number: int, offset: int) -> bytes:
    one = take(line) if len(line) <= LONGEST else None
    if one is None:
        return line
    before = begun.pop(one.stream, None)
    text = before.text if before else bytearray()
    text += one.text
    if not one.whole and len(text) <= LONGEST and len(begun) < _MOST_BEGUN:
        begun[one.stream] = Begun(text, number, offset)
        return b""
    found = _one_line(text)
    return found if found.lstrip()[:1] == b"{" else one.frame.encode() + found


def _one_line(text: bytearray) -> bytes:
    """A message without its line end, those within it written out."""
    return bytes(text).replace(b"\r\n", b"\n").rstrip(b"\n").replace(b"\n", b"#012")


def _docker(line: bytes) -> Carried | None:
    if not line.startswith(b"{"):
        return None
    try:
        found = _DOCKER.decode(line)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    if not _TIME.fullmatch(found.time):
        return None
    text = found.log.encode("utf-8", "replace")
    return Carried(text, f"{found.time} - -: ", found.stream, text.endswith(b"\n"))


def _cri(line: bytes) -> Carried | None:
    found = _CRI.fullmatch(line)
    if found is None or not _TIME.fullmatch(time := found[1].decode("latin-1")):
        return None
    return Carried(found[4], f"{time} - -: ", found[2].decode(), found[3] == b"F")


def _journal(line: bytes) -> Carried | None:
    if not line.startswith(b"{"):
        return None
    try:
        found = _JOURNAL.decode(line)
        text = found.message.encode("utf-8", "replace") if isinstance(found.message, str) else bytes(found.message)
        time = _EPOCH + dt.timedelta(microseconds=int(found.time))
    except (msgspec.DecodeError, ValueError, OverflowError, RecursionError):
        return None
    host, app = (one if _WORD.fullmatch(one) else "-" for one in (found.host, found.app))
    pid = f"[{found.pid}]" if found.pid.isdecimal() and found.pid.isascii() else ""
    return Carried(text, f"{time:%Y-%m-%dT%H:%M:%S.%fZ} {host} {app}{pid}: ")


def _json(line: bytes) -> Carried | None:
    """JSON that syslog carries, alone or behind the cookie of CEE."""
    if line.startswith(b"{"):
        return None
    found = _FRAMED.match(line)
    said = found["said"].removeprefix(_COOKIE).lstrip() if found else b""
    return Carried(said) if said.startswith(b"{") and said.rstrip().endswith(b"}") else None


_FORMS: tuple[_Take, ...] = (_docker, _cri, _journal, _json)
