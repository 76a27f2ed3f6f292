"""One BIND query log as rows of LOOKUPS, with its account: the story of `sources.bind`, top to bottom."""

from collections.abc import Iterator

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.model.records import LOOKUPS, Refused
from flowwatch.sources.bind.grammar import Noise, other, parted
from flowwatch.sources.bind.rows import Columns
from flowwatch.sources.columns import batch
from flowwatch.sources.ledger import Ledger
from flowwatch.sources.lines import Block
from flowwatch.sources.logs import Batches, Left, Span
from flowwatch.sources.moments import Clock


class BindLog:
    """A log of BIND while it is read."""

    name = "bind-query"
    notes = ()

    def __init__(self, source: str, clock: Clock, refused: Refused | None = None) -> None:
        self.ledger = Ledger(refused)
        self._source = source
        self._clock = clock
        self._span = Span(self.ledger)

    def take(self, block: Block) -> Batches:
        """The questions of a block; books all of its lines."""
        found = parted(block.data)
        self.ledger.records += found.questions.num_rows + len(found.others)
        lines = found.questions["line"]
        number = pc.add(lines.cast(pa.uint64()), pa.scalar(block.number, pa.uint64()))
        offset = block.placed(lines, found.questions["start"])
        table = Columns(found.questions, number, offset, self._clock)
        refusals = list(self._others(found.others, block))
        left = pc.is_null(table.refused)
        if left.false_count:
            bad = pc.invert(left)
            refusals += zip(*(one.filter(bad).to_pylist() for one in (number, offset, table.refused)), strict=True)
        self.ledger.refuse(refusals, ended=block.ended)
        made = self._booked(table.columns, left)
        if made.num_rows:
            yield "lookups", made

    def end(self) -> Batches:
        """Nothing: no question spans lines."""
        return iter(())

    def leave(self, most: int) -> Left:
        """The time of the last question."""
        del most  # none waits for an answer
        return Left(msgspec.msgpack.encode(self._span.last))

    def resume(self, state: bytes) -> None:
        """Goes on where another left."""
        self._span.last = msgspec.msgpack.decode(state, type=int | None)

    def _others(self, others: list[tuple[int, int, str]], block: Block) -> Iterator[tuple[int, int, str]]:
        """Books the lines that are no question; gives those to refuse, or to hold back where nothing ends them."""
        for line, start, text in others:
            what = other(text)
            if isinstance(what, Noise) and block.ended:
                self.ledger.noise += 1
                self.ledger.notes.update({what.note: 1} if what.note else {})
            else:
                code = "foreign_line" if isinstance(what, Noise) else what
                yield block.number + line, block.outer[line] if block.outer else block.offset + start, code

    def _booked(self, columns: dict[str, pa.Array], left: pa.BooleanArray) -> pa.RecordBatch:
        ledger = self.ledger
        columns["source"] = pa.repeat(pa.scalar(self._source), len(left)).dictionary_encode()
        made = batch(columns, LOOKUPS, left)
        ledger.events += made.num_rows
        ledger.lookups += made.num_rows
        ledger.note_times(made["time_basis"], self._clock)
        self._span.add(made["time"].cast(pa.int64()))
        return made
