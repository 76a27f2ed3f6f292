"""A log that syslog wrote for several programs: each line is read as the format of the program that wrote it.

Promises: every line is booked once, with its own number and offset; lines of programs that no format names are noise.
A line without a frame goes to the first format.
"""

import functools
import re
from collections.abc import Iterator, Sequence

import msgspec

from flowwatch.model.records import Refused
from flowwatch.sources import syslog
from flowwatch.sources.formats import Format, of_log
from flowwatch.sources.ledger import OTHER_PROGRAM, Ledger
from flowwatch.sources.lines import Block
from flowwatch.sources.logs import Batches, Left, Log
from flowwatch.sources.moments import Clock

_FRAME = re.compile(syslog.PARTS.encode(), re.DOTALL)


def by_program(among: Sequence[Format], head: bytes) -> Iterator[tuple[Format, bytes]]:
    """Each format whose programs wrote lines of these first bytes, with those lines."""
    lines = head.rpartition(b"\n")[0].split(b"\n") if b"\n" in head else [head]
    written = [(program(line), line) for line in lines]
    for one in among:
        if own := [line for tag, line in written if tag in one.tags]:
            yield one, b"\n".join(own) + b"\n"


def of_programs(head: bytes) -> bool:
    """Whether syslog framed any of these lines."""
    return any(program(line) is not None for line in head.split(b"\n"))


def program(line: bytes) -> str | None:
    """The program that wrote the line, as syslog's frame says; None where it has none."""
    found = _FRAME.match(line)
    return (found["app"] or found["program"]).decode("utf-8", "replace") if found else None


def mixed(found: Sequence[Format]) -> Format:
    """One format that reads the lines of all of these."""
    if len(found) == 1 or any(one.log is None for one in found):
        return found[0]
    name = "+".join(one.name for one in found)
    return of_log(name, "lines of several programs", lambda _: 0, functools.partial(MixedLog, name, tuple(found)))


class MixedLog:
    """Such a log while it is read."""

    def __init__(
        self, name: str, found: Sequence[Format], source: str, clock: Clock, refused: Refused | None = None
    ) -> None:
        self.name = name
        self._logs: list[Log] = [one.log(source, clock, refused) for one in found if one.log]
        self._of = {tag: at for at, one in reversed(list(enumerate(found))) for tag in one.tags}
        self._foreign = 0
        self._blank = [0] * len(self._logs)
        """How many lines of others each was given as blank."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Of all of them."""
        return tuple(dict.fromkeys(note for log in self._logs for note in log.notes))

    @property
    def ledger(self) -> Ledger:
        """The accounts of all of them as one, without the lines that were not theirs."""
        told = Ledger()
        for log, blank in zip(self._logs, self._blank, strict=True):
            told.absorb(log.ledger, blank=blank)
        told.records += self._foreign
        told.noise += self._foreign
        told.notes.update({OTHER_PROGRAM: self._foreign} if self._foreign else {})
        return told

    def take(self, block: Block) -> Batches:
        """Rows of the block, format by format."""
        lines = block.data.split(b"\n")
        owners = [self._owner(line) for line in lines]
        outer = tuple(block.offsets())
        self._foreign += owners.count(None)
        for at, log in enumerate(self._logs):
            if not block.ended and at not in owners:
                continue  # a last line that nothing ends is held back by its reader, and by no other
            own = [line if owner == at else b"" for line, owner in zip(lines, owners, strict=True)]
            self._blank[at] += len(lines) - owners.count(at)
            part = Block(b"\n".join(own), block.offset, block.number, block.ended, outer)
            log.ledger.block = part
            yield from log.take(part)

    def end(self) -> Batches:
        """What was begun in any of them."""
        for log in self._logs:
            yield from log.end()

    def leave(self, most: int) -> Left:
        """What is begun and open in each of them."""
        left = [log.leave(most) for log in self._logs]
        return Left(msgspec.msgpack.encode([one.state for one in left]), tuple(at for one in left for at in one.open))

    def resume(self, state: bytes) -> None:
        """Goes on where another left."""
        for log, one in zip(self._logs, msgspec.msgpack.decode(state, type=list[bytes]), strict=True):
            log.resume(one)

    def _owner(self, line: bytes) -> int | None:
        """Which log reads the line; None where none does."""
        tag = program(line)
        return 0 if tag is None else self._of.get(tag)
