"""A log of lines read on from a position, step by step: the story of `sources.resume`, top to bottom.

Each step has a reader of its own. What the one before left begun and open is its state: carried lines that go on, an
object that spans lines, the header in force, questions that wait for their answer.
"""

import io
from collections.abc import Iterator

import msgspec

from flowwatch import __version__
from flowwatch.model.records import Coverage, ReadOptions, Skip
from flowwatch.sources import carriers
from flowwatch.sources.formats import Format
from flowwatch.sources.lines import BLOCK, Block, Pieces
from flowwatch.sources.logs import Left, LogRecords
from flowwatch.sources.opened import Opened
from flowwatch.sources.positions import Position, Step
from flowwatch.sources.told import Told

MOST_OPEN = 1 << 12
"""Lookups whose answer is waited for from step to step."""
_BUFFER = 1 << 16
_SHRUNK = "the file is shorter than what was read of it"
_ANEW = "state of another version: the log was read from its beginning to go on"
_GIVEN_UP = "lookup without an answer that is not waited for any longer, since too many are younger"


class _State(msgspec.Struct, frozen=True):
    """`Position.state`."""

    version: str
    format: str
    carried: carriers.Left
    log: bytes


class Onward:
    """The steps over one file, to be iterated once; `ended`: nothing more will come to it."""

    def __init__(
        self, opened: Opened, found: Format, position: Position, options: ReadOptions, most: int, *, ended: bool
    ) -> None:
        self._opened = opened
        self._found = found
        self._position = position
        self._options = options
        self._most = max(most, 1)
        self._ended = ended
        self._pieces = Pieces(position.offset, position.record + 1)
        self._carrying = carriers.Carrying()
        self._state: bytes | None = None
        """What the reader of the step before left; None: what stands in the position."""
        self._stream = io.BufferedReader(opened, _BUFFER)
        self._left: int | None = None
        """Bytes until the end of the file as it was when opened; None where they are packed."""
        self._at_end = False
        self._error: Skip | None = None
        self._note: str | None = None

    def __iter__(self) -> Iterator[Step]:
        self._skip()
        if self._error:
            yield Step.empty(self._account(None, Told()), self._position)
            return
        while True:
            step = self._step()
            self._position = step.position
            yield step
            if step.at_end:
                return

    def _skip(self) -> None:
        """Passes over what was read before."""
        offset = self._position.offset
        try:
            if self._opened.compression is None:
                self._left = max((self._opened.stored.length or 0) - offset, 0)
            if self._opened.skip(offset) < offset:
                self._error = self._opened.error or Skip("shrunk", _SHRUNK, offset)
        except OSError as error:
            self._error = Skip("read_error", error.strerror or str(error), offset)

    def _step(self) -> Step:
        records: LogRecords | None = None
        told = Told(self._position.open)
        for block in self._blocks():
            records = records or self._reader()
            told.take(records.take(self._carrying.bare(block)))
        if self._ended and self._at_end and self._error is None:
            records = records or self._reader()
            for block in self._last():
                told.take(records.take(block))
            told.take(records.end())
            after = self._after(told, b"")
        elif records is not None:
            left = records.log.leave(MOST_OPEN)
            told.end(records.end(), left.open)
            after = self._after(told, self._left_by(left))
        else:
            after = msgspec.structs.replace(self._position, format=self._found.name)
        return told.step(self._account(records, told), after, at_end=self._at_end)

    def _blocks(self) -> Iterator[Block]:
        """The whole lines of a step."""
        start = self._pieces.offset
        while not self._at_end and self._pieces.offset - start < self._most:
            yield from self._pieces.add(self._read())

    def _read(self) -> bytes:
        size = min(BLOCK, self._most)
        try:
            data = self._stream.read(size if self._left is None else min(size, self._left))
        except OSError as error:
            self._error, data = Skip("read_error", error.strerror or str(error), self._pieces.offset), b""
        if self._left is not None:
            self._left -= len(data)
        self._at_end = not data or self._left == 0
        return data

    def _last(self) -> Iterator[Block]:
        """The line that nothing ends, and carried ones of which parts did not come."""
        unended = bool(self._pieces.begun)
        for block in self._pieces.end():
            yield self._carrying.bare(block)
        yield from self._carrying.end()
        self._carrying = carriers.Carrying()
        self._pieces.offset -= unended
        """There is no line end behind it."""

    def _reader(self) -> LogRecords:
        """A reader that goes on where the one before left."""
        try:
            return self._resumed()
        except (msgspec.MsgspecError, ValueError):
            self._state, self._note = self._wound(), _ANEW
            return self._resumed()

    def _resumed(self) -> LogRecords:
        records = self._new(self._opened, self._options)
        if self._state is None:
            self._state = self._taken_up()
        if self._state:
            records.log.resume(self._state)
        return records

    def _new(self, opened: Opened, options: ReadOptions) -> LogRecords:
        records = self._found.read(opened, options, None)
        assert isinstance(records, LogRecords)  # noqa: S101 - `steps` comes here with such a format only
        return records

    def _taken_up(self) -> bytes:
        """The state that stands in the position. Raises ValueError where another version wrote it."""
        if not self._position.state:
            return b""
        state = msgspec.msgpack.decode(self._position.state, type=_State)
        if (state.version, state.format) != (__version__, self._found.name):
            raise ValueError(state.version)
        self._carrying.resume(state.carried)
        return state.log

    def _wound(self) -> bytes:
        """The state at the position, found by reading all before it. Raises OSError."""
        pieces, self._carrying = Pieces(), carriers.Carrying()
        left = self._position.offset
        with Opened(self._opened.source, digest=False) as again:
            records = self._new(again, msgspec.structs.replace(self._options, rejects=None))
            stream = io.BufferedReader(again, _BUFFER)
            while left and (data := stream.read(min(BLOCK, left))):
                left -= len(data)
                for block in pieces.add(data):
                    for _ in records.take(self._carrying.bare(block)):
                        pass
        return records.log.leave(MOST_OPEN).state

    def _left_by(self, left: Left) -> bytes:
        self._state = left.state
        return msgspec.msgpack.encode(_State(__version__, self._found.name, self._carrying.leave(), left.state))

    def _after(self, told: Told, state: bytes) -> Position:
        pieces = self._pieces
        return Position(pieces.offset, pieces.number - 1, self._found.name, tuple(told.open), state)

    def _account(self, records: LogRecords | None, told: Told) -> Coverage:
        opened = self._opened
        account = records.coverage if records else Coverage(source=opened.name, format=self._found.name)
        held = int(self._at_end and bool(self._pieces.begun))
        notes = (*account.notes, *([f"{told.given_up} x {_GIVEN_UP}"] if told.given_up else []))
        notes, self._note = (notes if self._note is None else (*notes, self._note)), None
        return msgspec.structs.replace(
            account,
            size=opened.stored.length,
            compression=opened.compression,
            sha256=None,
            bytes=self._pieces.offset - self._position.offset,
            records=account.records + held,
            held_back=account.held_back + held,
            flows=told.flows.count,
            lookups=told.lookups.count,
            notes=notes,
            error=self._error or opened.error,
        )
