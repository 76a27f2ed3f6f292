"""One file of frames from its bytes to batches, with its account: the story of `sources.dnstap`, top to bottom.

What else holds DNS messages in frames (`sources.powerdns`) is read by the same story, with a `Schema` of its own.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, Protocol

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.model.records import LOOKUPS, Coverage, Refused, Skip
from flowwatch.sources.columns import batch
from flowwatch.sources.dnstap import rows
from flowwatch.sources.dnstap.frames import BLOCK, Block, Frames
from flowwatch.sources.dnstap.message import Message, Noise, message
from flowwatch.sources.dnstap.pairing import One, Pairs
from flowwatch.sources.ledger import Ledger
from flowwatch.sources.logs import Batches, Span
from flowwatch.sources.opened import Opened

_NOT_QUERY = "DNS message of another operation than QUERY"
_NAMELESS = "DNS message that names nothing"
_UNTIMED = "lookup without a time"
_Refusal = tuple[int, int, str]


class Framed(Protocol):
    """The frames of one input, read once."""

    error: Skip | None
    """Why reading stopped before the end."""

    def __iter__(self) -> Iterator[Block]:
        """Blocks of whole frames. Raises OSError."""


class Schema(msgspec.Struct, frozen=True):
    """How messages lie in frames, and frames in a file."""

    name: str
    """Of the format."""
    frames: Callable[[BinaryIO, int], Framed]
    message: Callable[[bytes, int, int], Message | Noise | str]
    """Of a frame, its number and offset."""
    said: Callable[[Sequence[Message]], pa.RecordBatch]
    """What messages say themselves, as `rows.of_wire` has it."""


DNSTAP = Schema("dnstap", Frames, message, rows.of_wire)


class DnstapRecords:
    """Rows of one file, read once; `coverage` is complete after the last batch."""

    def __init__(
        self, opened: Opened, refused: Refused | None = None, *, block: int = BLOCK, schema: Schema = DNSTAP
    ) -> None:
        self._opened = opened
        self._schema = schema
        self._frames = schema.frames(io.BufferedReader(opened, block), block)
        self._ledger = Ledger(refused)
        self._span = Span(self._ledger)
        self._pairs = Pairs()
        self._times: list[int | None] = []
        self._serial = 0
        self._waiting: pa.Table | None = None
        """Messages whose partner may still come."""
        self._error: Skip | None = None

    @property
    def coverage(self) -> Coverage:
        """The account so far."""
        opened, error = self._opened, self._error or self._frames.error
        return self._ledger.coverage(opened.name, self._schema.name, opened.size, opened.sha256, error)

    def __iter__(self) -> Batches:
        for block in self._blocks():
            self._ledger.block = block
            yield from self._take(block)
        self._ledger.block = None
        self._pairs.end()
        if self._waiting is not None:
            yield from self._whole(self._waiting)
        if self._pairs.given_up:
            self._ledger.limits["waiting_messages"] = self._pairs.given_up

    def _blocks(self) -> Iterator[Block]:
        try:
            yield from self._frames
            self._opened.drain()
        except OSError as error:
            self._error = Skip("read_error", error.strerror or str(error), self._opened.size)

    def _take(self, block: Block) -> Batches:
        """The lookups that are whole by the end of the block; books all of its frames."""
        self._ledger.records += len(block.frames)
        messages, refusals = self._messages(block)
        if messages:
            told = rows.told(messages, self._schema.said(messages), self._serial)
            self._serial += told.num_rows
            refusals += self._given(messages, told)
            yield from self._whole(told if self._waiting is None else pa.concat_tables([self._waiting, told]))
        self._ledger.refuse(refusals)

    def _messages(self, block: Block) -> tuple[list[Message], list[_Refusal]]:
        """The messages of the frames, and what is refused; books the noise."""
        messages: list[Message] = []
        refusals: list[_Refusal] = []
        for number, (frame, offset) in enumerate(zip(block.frames, block.offsets, strict=True), block.number):
            found = "frame_too_long" if frame is None else self._schema.message(frame, number, offset)
            if isinstance(found, Message):
                messages.append(found)
            elif isinstance(found, Noise):
                self._noise(found.note)
            else:
                refusals.append((number, offset, found))
        return messages, refusals

    def _given(self, messages: list[Message], told: pa.Table) -> list[_Refusal]:
        """Gives what was asked and answered to the pairing; books the messages, and gives those to refuse."""
        refusals: list[_Refusal] = []
        booked: Message | None = None
        for index, said in rows.said(told):
            one = messages[index]
            what = self._part(one, said)
            if one is booked:
                continue
            booked = one
            if isinstance(what, str):
                refusals.append((one.number, one.offset, what))
            elif isinstance(what, Noise):
                self._noise(what.note)
            else:
                self._event(one, said, named=what)
        return refusals

    def _part(self, one: Message, said: rows.Said) -> Noise | str | bool:
        """Gives one question or answer to the pairing; False where nothing names it."""
        if said.id is None or said.response != one.response:
            return f"bad_field:{one.field}"
        if said.opcode:
            return Noise(_NOT_QUERY)
        given = One(said.serial, (one.party, said.id), one.party[1], (said.qname, said.qtype), one.time)
        if one.response:
            return self._pairs.answer(given)
        if said.qname is not None:
            self._pairs.question(given)
        return said.qname is not None

    def _event(self, one: Message, said: rows.Said, *, named: bool) -> None:
        ledger = self._ledger
        if not named:
            ledger.unattributable += 1
            ledger.notes[_NAMELESS] += 1
            return
        ledger.events += 1
        if said.cut:
            ledger.limits["dns_answers"] += 1
        self._times.append(one.time)

    def _noise(self, note: str) -> None:
        self._ledger.noise += 1
        self._ledger.notes[note] += 1

    def _whole(self, told: pa.Table) -> Batches:
        """The lookups that are whole; the others wait."""
        done, self._pairs.done = self._pairs.done, []
        left = pc.is_in(told["serial"], pa.array(self._pairs.waiting, pa.uint64()))
        self._waiting = told.filter(left)
        self._span.add(pa.array(self._times, pa.int64()))
        self._times.clear()
        if not done:
            return
        first, last = (pa.array(serials, pa.uint64()) for serials in zip(*done, strict=True))
        columns = rows.lookups(told, *(pc.index_in(one, told["serial"]) for one in (first, last)))
        columns["source"] = pa.repeat(pa.scalar(self._opened.name), len(done)).dictionary_encode()
        untimed = pc.sum(pc.equal(columns["time_basis"], "none")).as_py()
        self._ledger.notes.update({_UNTIMED: untimed} if untimed else {})
        self._ledger.lookups += len(done)
        yield "lookups", batch(columns, LOOKUPS, pa.repeat(pa.scalar(value=True), len(done)))
