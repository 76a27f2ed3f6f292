"""EVE `dns`: questions and answers, one message a record, paired to lookups across the whole log.

| version | question | answer | `src` of an answer |
|---|---|---|---|
| 1 (Suricata up to 4.0) | `query`, `rrname` | `answer`, one of its records each | either |
| 2 (Suricata 5 to 7) | `query`, `rrname` | `answer`, `rrname` | the asker |
| 3 (Suricata 8) | `request`, `queries` | `response`, `queries` | the resolver; over HTTP/2 the asker |

Question and answer belong together by conversation, message id, name and type (version 1: without the last two, for
there the answer does not repeat them); the first question that waits is the one answered. An answer without its
question is a row, and so is a question without an answer. The records of a version 1 answer follow one another, of one
time. The class of a question EVE does not say. Messages of other operations than QUERY are noise.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources.columns import instants
from flowwatch.sources.eve.cells import Cells
from flowwatch.sources.eve.messages import ANSWERING, ASKING, Key, Questions, joined, keys, questions, rows, starts

MOST_WAITING = 1 << 16
"""Questions that wait for their answer; beyond, the oldest is told as unanswered."""
_PATIENCE = 60 * 10**9
"""Nanoseconds after which a question that gives way to others would not have been answered any more."""
_NOT_QUERY = "DNS message of another operation than QUERY"

_ENDS = ["client_ip", "client_port", "server_ip", "server_port", "transport"]
_OF_QUESTION = ["record", "offset", "time", *_ENDS, "qname", "qtype", "name_exact"]
_OF_ANSWER = ["record", "offset", "time", "name_exact", "flags", "rcode", "answers"]
"""What a lookup has from its question, and from its answer, as far as there are both."""
_Places = Sequence[int | None]


class Waiting(msgspec.Struct, frozen=True):
    """What goes over to another reader of the same log."""

    rows: bytes | None
    """The questions that wait, as an Arrow stream."""
    places: list[tuple[Key, list[int]]] = []
    open: tuple[bytes, list[Key]] | None = None


class Lookups:
    """Takes the messages of one log in order; keeps the questions whose answer has not come."""

    def __init__(self) -> None:
        self._rows: pa.RecordBatch | None = None
        """The questions that wait."""
        self._waiting: dict[Key, list[int]] = {}
        """Their places there."""
        self._count = 0
        self._open: tuple[pa.RecordBatch, list[Key]] | None = None
        """An answer of version 1 of which more records may come."""
        self.limits: Counter[str] = Counter()
        """Limits that were hit: questions told as unanswered too early, questions of a message left out."""
        self.unattributable = 0
        """Messages without a name."""
        self.noise: Counter[str] = Counter()
        """Messages that are no lookup, by what they are."""

    @property
    def booked(self) -> int:
        """Messages that gave no row."""
        return self.unattributable + self.noise.total()

    def take(self, cells: Cells, times: pa.Int64Array) -> dict[str, pa.Array]:
        """The lookups that are complete with these messages, in their order; refused records are passed over."""
        asked = self._booked(cells)
        found = self._told(*self._whole(rows(cells, times, asked), list(keys(cells, asked))))
        self._forget()
        return columns(*found)

    def end(self) -> dict[str, pa.Array]:
        """What was still open, and the questions that were never answered."""
        if self._rows is None:
            return {}
        found, questions, answers = self._told(*self._whole(self._rows.slice(0, 0), [], ended=True))
        left = [place for waiting in self._waiting.values() for place in waiting]
        self._waiting.clear()
        return columns(found, [*questions, *left], [*answers, *[None] * len(left)])

    def leave(self, most: int) -> tuple[Waiting, tuple[tuple[int, int], ...]]:
        """The youngest questions that wait, and where they stand; before `end`."""
        if self._rows is None:
            return Waiting(None), ()
        records = self._rows["record"].to_pylist()
        oldest = sorted((place for waiting in self._waiting.values() for place in waiting), key=records.__getitem__)
        kept = {place: at for at, place in enumerate(oldest[-most:])}
        rows = self._rows.take(pa.array(list(kept), pa.int64()))
        told = [rows] if self._open is None else [rows, self._open[0]]
        waiting = [(key, [kept[one] for one in places if one in kept]) for key, places in self._waiting.items()]
        left = Waiting(
            _stored(rows),
            [(key, places) for key, places in waiting if places],
            None if self._open is None else (_stored(self._open[0]), self._open[1]),
        )
        places = (zip(one["record"].to_pylist(), one["offset"].to_pylist(), strict=True) for one in told)
        return left, tuple(chain.from_iterable(places))

    def resume(self, left: Waiting) -> None:
        """Goes on where another left."""
        if left.rows is not None:
            self._rows = _read(left.rows)
        self._waiting = dict(left.places)
        self._count = sum(map(len, self._waiting.values()))
        if left.open is not None:
            self._open = _read(left.open[0]), left.open[1]

    def _whole(self, new: pa.RecordBatch, names: list[Key], *, ended: bool = False) -> tuple[pa.RecordBatch, list[Key]]:
        """The messages with the records of each answer of version 1 brought together; keeps one that may go on."""
        if self._open is not None:
            new, names = pa.concat_batches([self._open[0], new]), [*self._open[1], *names]
            self._open = None
        if not pc.any(new["partial"]).as_py():
            return new, names
        begun = starts(new, names)
        if not ended and new["partial"][begun[-1]].as_py():
            last = begun.pop()
            self._open = new.slice(last), names[last:]
            new = new.slice(0, last)
        return joined(new, begun), [names[place] for place in begun]

    def _told(self, new: pa.RecordBatch, names: list[Key]) -> tuple[pa.RecordBatch, list[int | None], list[int | None]]:
        """All rows at hand, and the places of the question and the answer of each lookup that is complete."""
        kept = self._rows if self._rows is not None else new.slice(0, 0)
        found = self._rows = pa.concat_batches([kept, new])
        return found, *self._pairs(names, kept.num_rows)

    def _booked(self, cells: Cells) -> Questions:
        """The questions of the messages; books the messages that have none."""
        left = pc.is_null(cells.refused)
        for sentence, mask in _no_lookups(cells):
            found = pc.sum(pc.and_(mask, left)).as_py()
            self.noise.update({sentence: found} if found else {})
            left = pc.and_not(left, mask)
        asked = questions(cells, left)
        self.unattributable += left.true_count - pc.count_distinct(asked.message).as_py()
        self.limits.update({"questions_per_message": asked.left_out} if asked.left_out else {})
        return asked

    def _pairs(self, found: Iterable[Key], first: int) -> tuple[list[int | None], list[int | None]]:
        """Each answer with its question, where that was seen, and each question that waits no longer."""
        assert self._rows is not None  # noqa: S101
        waiting = self._waiting
        asked: list[int | None] = []
        answered: list[int | None] = []
        asks = self._rows["asks"].slice(first).to_pylist()
        for place, (key, is_asking) in enumerate(zip(found, asks, strict=True), first):
            before = waiting.get(key)
            if not is_asking:
                asked.append(None if before is None else self._first(key, before))
                answered.append(place)
                continue
            if before is None:
                waiting[key] = [place]
            else:
                before.append(place)
            self._count += 1
            if self._count > MOST_WAITING:
                asked.append(self._oldest(place))
                answered.append(None)
        return asked, answered

    def _first(self, key: Key, waiting: list[int]) -> int:
        self._count -= 1
        if len(waiting) == 1:
            del self._waiting[key]
        return waiting.pop(0)

    def _oldest(self, now: int) -> int:
        """The question that gives way to one that was asked now."""
        assert self._rows is not None  # noqa: S101
        oldest = self._first(*next(iter(self._waiting.items())))
        asked, last = (self._rows["time"][place].as_py() for place in (oldest, now))
        self.limits.update({"waiting_questions": 1} if last - asked < _PATIENCE else {})
        return oldest

    def _forget(self) -> None:
        """Keeps of the rows only the questions that wait."""
        places = [place for waiting in self._waiting.values() for place in waiting]
        self._rows = self._rows and self._rows.take(pa.array(places, pa.int64()))
        place = count()
        self._waiting = {key: [next(place) for _ in waiting] for key, waiting in self._waiting.items()}


def _stored(rows: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as out:
        out.write_batch(rows)
    return bytes(sink.getvalue())


def _read(stored: bytes) -> pa.RecordBatch:
    with pa.ipc.open_stream(stored) as stream:
        return stream.read_next_batch()


def columns(found: pa.RecordBatch, questions: _Places, answers: _Places) -> dict[str, pa.Array]:
    """Columns of LOOKUPS from the question and the answer of each row, or one of them; empty where there is no row."""
    if not questions:
        return {}
    asked, answered = pa.array(questions, pa.int64()), pa.array(answers, pa.int64())
    first = found.select(_OF_QUESTION).take(pc.coalesce(asked, answered))
    last = found.select(_OF_ANSWER).take(pc.coalesce(answered, asked))
    paired = pc.and_(pc.is_valid(asked), pc.is_valid(answered))
    begun = pc.if_else(paired, first["time"], None)
    return {
        **{name: first[name] for name in _OF_QUESTION},
        **{name: last[name] for name in ("flags", "rcode", "answers")},
        "time": instants(last["time"]),
        "name_exact": pc.and_(first["name_exact"], last["name_exact"]),
        "asked": instants(begun),
        "answer_record": pc.if_else(paired, last["record"], None),
        "answer_offset": pc.if_else(paired, last["offset"], None),
        "latency": pc.subtract(last["time"], begun),
        "vantage": pa.repeat("client", len(questions)),
        "time_basis": pa.repeat("explicit", len(questions)),
    }


def checked(cells: Cells) -> pa.Int64Array:
    """Times of the messages; one without, or without its ends, is refused."""
    for field in ("src_ip", "dest_ip"):
        cells.address(field)
    known = pc.is_in(cells.values("dns.type"), pa.concat_arrays([ASKING, ANSWERING]))
    cells.refuse(pc.invert(known), "bad_field:dns.type")
    return cells.time("timestamp")


def _no_lookups(cells: Cells) -> Iterator[tuple[str, pa.BooleanArray]]:
    """Messages that are no lookup, and what they are."""
    yield _NOT_QUERY, pc.fill_null(pc.not_equal(cells.values("dns.opcode"), 0), fill_value=False)
