"""One log of dnsmasq as rows of LOOKUPS, with its account: the story of `sources.dnsmasq`, top to bottom."""

import re

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.model.records import LOOKUPS, Refused
from flowwatch.sources import syslog, text
from flowwatch.sources.columns import batch, instants
from flowwatch.sources.dnsmasq.grammar import Line, line
from flowwatch.sources.dnsmasq.pairing import Pairs, Question, Waiting
from flowwatch.sources.ledger import OTHER_PROGRAM, Ledger
from flowwatch.sources.lines import Block
from flowwatch.sources.logs import Batches, Left, Span
from flowwatch.sources.mnemonics import spelt
from flowwatch.sources.moments import Clock

_EXACT = re.compile(r"[!-;=?-\[\]-~]+", re.ASCII)
"""A name that dnsmasq printed as it was: no space, no backslash, no angle brackets."""
_OTHER = "line of dnsmasq that names nothing asked or answered"
_UNASKED = "answer to no question of this log: it names nothing"
_GIVEN_UP = "questions given up for newer ones"
_UNKEYED = "answer without the key of its question: given to the latest that asked for the name"


class _State(msgspec.Struct, frozen=True):
    """What goes over to another reader."""

    waiting: Waiting
    answered: bool
    last: int | None


class DnsmasqLog:
    """A log of dnsmasq while it is read."""

    name = "dnsmasq"
    notes = ("names are printed raw: one with a space or an unprintable byte is not exact",)

    def __init__(self, source: str, clock: Clock, refused: Refused | None = None) -> None:
        self.ledger = Ledger(refused)
        self._source = source
        self._clock = clock
        self._pairs = Pairs()
        self._answered = False
        self._asked: list[str | None] = []
        """Times of the questions of a block, as printed."""
        self._span = Span(self.ledger)

    def take(self, block: Block) -> Batches:
        """The lookups that are whole by the end of the block; books all of its lines."""
        refusals: list[tuple[int, int, str]] = []
        lines = block.data.split(b"\n")
        self.ledger.records += len(lines)
        for number, (offset, data) in enumerate(zip(block.offsets(), lines, strict=True), block.number):
            found = line(data)
            if isinstance(found, Line) and (block.ended or found.kind == "query"):
                code = self._book(number, offset, found)
            else:
                code = self._no_line(found, ended=block.ended)
            if code:
                refusals.append((number, offset, code))
        self.ledger.refuse(refusals, ended=block.ended)
        self._note_times()
        yield from self._told()

    def end(self) -> Batches:
        """The lookups that no answer was seen of."""
        self._pairs.end()
        yield from self._told()
        if self._answered and self._pairs.given_up:
            self.ledger.limits[_GIVEN_UP] = self._pairs.given_up

    def leave(self, most: int) -> Left:
        """The youngest questions that wait."""
        state = _State(self._pairs.leave(most), self._answered, self._span.last)
        places = tuple((one.number, one.offset) for one in state.waiting.questions)
        return Left(msgspec.msgpack.encode(state), places)

    def resume(self, state: bytes) -> None:
        """Goes on where another left."""
        left = msgspec.msgpack.decode(state, type=_State)
        self._pairs.resume(left.waiting)
        self._answered, self._span.last = left.answered, left.last

    def _book(self, number: int, offset: int, found: Line) -> str | None:
        """Books a line of dnsmasq; the reason code where its time is none."""
        if found.time is not None and not syslog.is_time(found.time, self._clock):
            return "bad_timestamp"
        ledger = self.ledger
        if found.kind == "query":
            self._pairs.ask(number, offset, found)
            self._asked.append(found.time)
            ledger.events += 1
        elif found.kind == "other" or (found.kind == "error" and found.key is None):
            self._pairs.pause(found)
            ledger.noise += 1
            ledger.notes[_OTHER] += 1
        elif self._pairs.answer(number, offset, found):
            self._answered = True
            ledger.events += 1
            ledger.notes.update({} if found.key else {_UNKEYED: 1})
        else:
            ledger.unattributable += 1
            ledger.notes[_UNASKED] += 1
        return None

    def _no_line(self, found: Line | str | None, *, ended: bool) -> str | None:
        """Books what is no line of dnsmasq; the reason code where it is refused."""
        if isinstance(found, Line):
            return "foreign_line"
        if found is None or found == "other_program":
            if not ended:
                return "foreign_line"
            self.ledger.noise += 1
            self.ledger.notes.update({OTHER_PROGRAM: 1} if found else {})
            return None
        return found

    def _note_times(self) -> None:
        """Books when the questions of a block were asked, each once whenever it is told."""
        asked, self._asked = pa.array(self._asked, pa.utf8()), []
        times, basis = syslog.times(asked, self._clock)
        self.ledger.note_times(pc.fill_null(basis, "none"), self._clock)
        self._span.add(times)

    def _told(self) -> Batches:
        done, self._pairs.done = self._pairs.done, []
        if not done:
            return
        made = self._rows(sorted(done, key=lambda one: one.number))
        self.ledger.lookups += made.num_rows
        yield "lookups", made

    def _rows(self, done: list[Question]) -> pa.RecordBatch:
        count = len(done)
        asked, basis = syslog.times(pa.array([one.asked for one in done], pa.utf8()), self._clock)
        answered, _ = syslog.times(pa.array([one.answered for one in done], pa.utf8()), self._clock)
        clients = [text.address(one.line.key[1] if one.line.key else one.line.client or "") for one in done]
        names = [text.name(one.line.said.removesuffix(".").encode("latin-1")) for one in done]
        exact = [
            bool(_EXACT.fullmatch(one.line.said)) and text.exact(name) for one, name in zip(done, names, strict=True)
        ]
        blocked = [["refused_by_policy"] if one.policy else [] for one in done]
        columns = {
            "source": pa.repeat(pa.scalar(self._source), count).dictionary_encode(),
            "record": pa.array([one.number for one in done], pa.uint64()),
            "offset": pa.array([one.offset for one in done], pa.uint64()),
            "time": instants(pc.coalesce(answered, asked)),
            "asked": instants(pc.if_else(pc.is_valid(answered), asked, None)),
            "client_ip": pa.array(clients, pa.utf8()).dictionary_encode(),
            "client_port": pa.array([one.line.key[2] if one.line.key else None for one in done], pa.uint16()),
            "qname": pa.array(names, pa.utf8()),
            "qtype": pa.array([spelt(one.line.word) for one in done], pa.utf8()),
            "qclass": pa.repeat("IN", count),
            "name_exact": pa.array(exact, pa.bool_()),
            "vantage": pa.repeat("client", count),
            "answer_record": pa.array([one.answer_number for one in done], pa.uint64()),
            "answer_offset": pa.array([one.answer_offset for one in done], pa.uint64()),
            "rcode": pa.array([one.rcode for one in done], pa.utf8()),
            "answers": pa.array([one.answers for one in done], LOOKUPS.field("answers").type),
            "flags": pa.array(blocked, pa.list_(pa.utf8())),
            "policy_action": pa.array([one.policy for one in done], pa.utf8()),
            "time_basis": pc.fill_null(basis, "none"),
        }
        return batch(columns, LOOKUPS, pa.repeat(pa.scalar(value=True), count))
