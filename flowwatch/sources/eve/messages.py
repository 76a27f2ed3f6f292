"""EVE `dns` records as rows of LOOKUPS, one a question, each as far as its own message tells it."""

from collections.abc import Iterator
from itertools import accumulate, count
from operator import eq

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources import text
from flowwatch.sources.columns import by_value
from flowwatch.sources.eve import answers, words
from flowwatch.sources.eve.cells import Cells
from flowwatch.sources.eve.events import Question, Record

MOST_RECORDS = 1 << 10
"""Records of one answer of version 1 that are brought together."""
MOST_QUESTIONS = 8
"""Questions of one message that become rows; real messages have one."""
ASKING = pa.array(["query", "request"])
ANSWERING = pa.array(["answer", "response"])
_DNS_PORTS = pa.array([53, 5353, 5355], pa.uint16())
_LOCAL = {5353: "mdns", 5355: "llmnr"}
_FLAGS = pa.list_(pa.utf8())
_QUESTIONS = msgspec.json.Decoder(list[list[Question] | None])
_RECORDS = msgspec.json.Decoder(list[list[Record] | None])
_CONVERSATION = ("src_ip", "src_port", "dest_ip", "dest_port")
_Asked = tuple[int, str, str | None, bool]
"""Place of the message, name and type as logged, whether the name was cut."""

_Ends = frozenset[tuple[str | None, int | None]]
Key = tuple[int | _Ends, int | None, str, str | None]
"""What question and answer have in common: conversation, message id, name, type."""


class Questions(msgspec.Struct, frozen=True):
    """The questions of messages, in their order."""

    message: pa.Int64Array
    """Place of the message of each."""
    name: pa.StringArray
    """As logged, and so is the type."""
    type: pa.StringArray
    cut: pa.BooleanArray
    """Whether the name goes on."""
    one_each: bool
    """Whether every message has one."""
    left_out: int = 0
    """Questions beyond the most that a message may have."""

    def told(self, column: pa.Array) -> pa.Array:
        """A column of the messages, by question."""
        return column if self.one_each else column.take(self.message)


def questions(cells: Cells, wanted: pa.BooleanArray) -> Questions:
    """What the wanted messages ask, in either version's form."""
    own = [cells.values(f"dns.{field}") for field in ("rrname", "rrtype", "rrname_truncated")]
    lists = cells.decoded("dns.queries", _QUESTIONS)
    if lists is None:
        message = pc.indices_nonzero(pc.and_(wanted, pc.is_valid(own[0])))
        name, kind, cut = (column.take(message) for column in own)
        cut = pc.fill_null(cut, fill_value=False)
        return Questions(message, name, kind, cut, one_each=len(message) == len(cells))
    left_out = 0
    asked: list[_Asked] = []
    columns = [column.to_pylist() for column in (wanted, *own)]
    for place, (is_wanted, name, kind, cut) in enumerate(zip(*columns, strict=True)):
        if is_wanted:
            told = lists[place]
            found = [Question(name, kind, bool(cut))] if told is None else told
            named = [(place, one.rrname, one.rrtype, one.rrname_truncated) for one in found if one.rrname is not None]
            left_out += max(len(named) - MOST_QUESTIONS, 0)
            asked += named[:MOST_QUESTIONS]
    message, name, kind, cut = zip(*asked, strict=True) if asked else ((),) * 4
    kinds = (pa.array(name, pa.utf8()), pa.array(kind, pa.utf8()), pa.array(cut, pa.bool_()))
    one_each = len(message) == len(cells) and all(map(eq, message, count()))
    return Questions(pa.array(message, pa.int64()), *kinds, one_each, left_out)


def keys(cells: Cells, asked: Questions) -> Iterator[Key]:
    """By what each finds its answer, or its question."""
    flows = asked.told(cells.values("flow_id")).to_pylist()
    if None in flows:
        parts = (asked.told(cells.values(field)).to_pylist() for field in _CONVERSATION)
        ends = (frozenset({(src, sport), (dst, dport)}) for src, sport, dst, dport in zip(*parts, strict=True))
        flows = [both if flow is None else flow for flow, both in zip(flows, ends, strict=True)]
    first = asked.told(_is_first(cells))
    name, kind = pc.if_else(first, "", asked.name), pc.if_else(first, None, asked.type)
    ids = asked.told(cells.values("dns.id"))
    return zip(flows, *(column.to_pylist() for column in (ids, name, kind)), strict=True)


def rows(cells: Cells, times: pa.Int64Array, asked: Questions) -> pa.RecordBatch:
    """One a question: what its message tells, whether it asks (`asks`) or is a record of an answer (`partial`)."""
    kind = cells.values("dns.type")
    asks = pc.is_in(kind, ASKING)
    partial = pc.and_not(_is_first(cells), asks)
    of_message = {
        "record": cells.number,
        "offset": cells.offset,
        "time": times,
        **_ends(cells, pc.if_else(partial, "partial", kind)),
        "transport": _transport(cells),
        "flags": cells.each("dns.flags", words.header_flags, _FLAGS),
        "rcode": pc.if_else(asks, None, cells.each("dns.rcode", words.rcode)),
        "answers": _answers(cells, asks, partial),
        "asks": asks,
        "partial": partial,
    }
    names = asked.name.dictionary_encode()
    ours = [words.name(name) for name in names.dictionary.to_pylist()]
    name, exact = (pa.array([one[at] for one in ours], one_kind).take(names.indices) for at, one_kind in _NAME)
    of_question = {
        "qname": name,
        "name_exact": pc.and_not(exact, asked.cut),
        "qtype": pc.if_else(asked.told(partial), None, by_value(asked.type, words.record_type)),
    }
    told = {name: asked.told(column) for name, column in of_message.items()}
    return pa.RecordBatch.from_pydict(told | of_question)


_NAME = ((0, pa.utf8()), (1, pa.bool_()))


def starts(messages: pa.RecordBatch, names: list[Key]) -> list[int]:
    """Places where a message begins: the records of an answer of version 1 are one."""
    found: list[int] = []
    columns = (messages[name].to_pylist() for name in ("partial", "time"))
    told = list(zip(names, *columns, strict=True))
    for place, (key, is_partial, time) in enumerate(told):
        goes_on = found and is_partial and told[found[-1]] == (key, True, time)
        if not goes_on or place - found[-1] == MOST_RECORDS:
            found.append(place)
    return found


def joined(messages: pa.RecordBatch, begun: list[int]) -> pa.RecordBatch:
    """The messages that begin at these places, each with the answers of all rows up to the next."""
    told = messages["answers"]
    ends = [0, *accumulate(pc.fill_null(pc.list_value_length(told), 0).to_pylist())]
    nulls = told.is_null().to_pylist()
    offsets = [None if nulls[place] else ends[place] for place in begun]
    whole = pa.ListArray.from_arrays(pa.array([*offsets, ends[-1]], pa.int32()), told.flatten(), type=told.type)
    taken = messages.take(pa.array(begun, pa.int64()))
    return taken.set_column(taken.schema.get_field_index("answers"), "answers", whole)


def _is_first(cells: Cells) -> pa.BooleanArray:
    """Messages of version 1, which names itself seldom: it has no lists."""
    listed = pc.coalesce(*(cells.values(f"dns.{name}") for name in ("queries", "answers", "grouped")))
    named = pc.fill_null(pc.equal(cells.values("dns.version"), 1), fill_value=True)
    alike = pc.is_in(cells.values("dns.type"), pa.array(["query", "answer"]))
    return pc.and_(pc.and_(named, alike), pc.is_null(listed))


def _ends(cells: Cells, kind: pa.StringArray) -> dict[str, pa.Array]:
    """Who asked and who was asked: `src` of answers of version 3 is the latter, unless they came over HTTP.

    Of version 1 (`partial`) it is one or the other, so that a port of DNS has to tell.
    """
    src, dst = (cells.values(f"{side}_port", pa.uint16()) for side in ("src", "dest"))
    asked, answered = (pc.is_in(port, _DNS_PORTS) for port in (dst, src))
    back = pc.and_not(pc.equal(pc.fill_null(kind, ""), "response"), cells.values("http"))
    back = pc.and_(back, pc.or_(pc.invert(asked), answered))
    back = pc.or_(back, pc.and_(pc.equal(pc.fill_null(kind, ""), "partial"), pc.and_not(answered, asked)))
    src_ip, dst_ip = (cells.each(f"{side}_ip", text.address) for side in ("src", "dest"))
    return {
        "client_ip": pc.if_else(back, dst_ip, src_ip),
        "client_port": pc.if_else(back, dst, src),
        "server_ip": pc.if_else(back, src_ip, dst_ip),
        "server_port": pc.if_else(back, src, dst),
    }


def _transport(cells: Cells) -> pa.StringArray:
    local = (cells.each(f"{side}_port", _LOCAL.get) for side in ("src", "dest"))
    tcp = pc.fill_null(pc.equal(cells.each("proto", words.protocol), "tcp"), fill_value=False)
    return pc.if_else(cells.values("http"), "doh", pc.coalesce(*local, pc.if_else(tcp, "tcp", "udp")))


def _answers(cells: Cells, asks: pa.BooleanArray, partial: pa.BooleanArray) -> pa.ListArray:
    """The answer section of each message that answers; of version 1 the record that is told."""
    records = cells.decoded("dns.answers", _RECORDS) or [None] * len(cells)
    groups = cells.values("dns.grouped").to_pylist()
    told: list[list[Record] | None] = [
        None if is_asking else some if some is not None else answers.grouped(group or "null")
        for is_asking, some, group in zip(asks.to_pylist(), records, groups, strict=True)
    ]
    for place in pc.indices_nonzero(pc.and_(partial, pc.is_valid(cells.values("dns.rdata")))).to_pylist():
        name, kind, ttl, rdata = (cells.values(f"dns.{field}")[place].as_py() for field in _RECORD)
        told[place] = [Record(rrname=name, rrtype=kind, ttl=ttl, rdata=rdata)]
    return answers.column(told)


_RECORD = ("rrname", "rrtype", "ttl", "rdata")
