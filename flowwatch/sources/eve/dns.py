"""EVE `dns`: questions and answers, one message a record, paired to lookups across the whole log.

| version | question | answer | `src` of an answer |
|---|---|---|---|
| 2 (Suricata 5 to 7) | `query`, `rrname` | `answer`, `rrname` | the asker |
| 3 (Suricata 8) | `request`, `queries` | `response`, `queries` | the resolver; over HTTP/2 the asker |

Question and answer belong together by conversation, message id, name and type; the first question that waits is the
one answered. An answer without its question is a row, and so is a question without an answer. The class of a question
EVE does not say. Messages of other operations than QUERY are noise, as are answers of version 1, one record each.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.model.records import LOOKUPS
from flowwatch.sources import text
from flowwatch.sources.eve import words
from flowwatch.sources.eve.answers import Answer, answers
from flowwatch.sources.eve.cells import Cells
from flowwatch.sources.eve.events import Dns, Event, Question

MOST_WAITING = 1 << 16
"""Questions that wait for their answer; beyond, the oldest is told as unanswered."""
MOST_QUESTIONS = 8
"""Questions of one message that become rows; real messages have one."""
_PATIENCE = 60 * 10**9
"""Nanoseconds after which a question that gives way to others would not have been answered any more."""
_ASKING = frozenset({"query", "request"})
_ANSWERING = frozenset({"answer", "response"})
_DNS_PORTS = frozenset({53, 5353, 5355})
_LOCAL = {5353: "mdns", 5355: "llmnr"}
_NOT_QUERY = "DNS message of another operation than QUERY"
_VERSION_1 = "DNS answer of version 1 (before Suricata 4.1)"


class Lookup(msgspec.Struct, gc=False):
    """One row of LOOKUPS while its answer may still come."""

    record: int
    offset: int
    time: int
    client_ip: str
    client_port: int | None
    server_ip: str
    server_port: int | None
    transport: str
    qname: str
    name_exact: bool
    qtype: str | None
    flags: tuple[str, ...] | None
    asked: int | None = None
    answer_record: int | None = None
    answer_offset: int | None = None
    latency: int | None = None
    rcode: str | None = None
    answers: list[Answer] | None = None


_Key = tuple[object, int | None, str, str | None]


class Lookups:
    """Takes the messages of one log in order; keeps the questions whose answer has not come."""

    def __init__(self) -> None:
        self._waiting: dict[_Key, list[Lookup]] = {}
        self._count = 0
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

    def take(self, cells: Cells, times: pa.Int64Array) -> list[Lookup]:
        """The lookups that are complete with these messages, in their order; refused records are passed over."""
        done: list[Lookup] = []
        refused = cells.refused.is_valid().to_pylist()
        places = zip(cells.number.to_pylist(), cells.offset.to_pylist(), times.to_pylist(), strict=True)
        for event, place, bad in zip(cells.events, places, refused, strict=True):
            if not bad and event.dns is not None:
                done += self._message(event, event.dns, place)
        return done

    def end(self) -> list[Lookup]:
        """The questions that were never answered."""
        left = [one for waiting in self._waiting.values() for one in waiting]
        self._waiting.clear()
        return left

    def _message(self, event: Event, dns: Dns, place: tuple[int, int, int]) -> Iterator[Lookup]:
        why = _not_a_lookup(dns)
        questions = _questions(dns)
        if len(questions) > MOST_QUESTIONS:
            self.limits["questions_per_message"] += len(questions) - MOST_QUESTIONS
        if why:
            self.noise[why] += 1
        elif not questions:
            self.unattributable += 1
        elif dns.type in _ASKING:
            for question in questions[:MOST_QUESTIONS]:
                yield from self._asked(_key(event, dns, question), _lookup(event, dns, question, place))
        else:
            told = answers(dns)
            for question in questions[:MOST_QUESTIONS]:
                yield self._answered(_key(event, dns, question), _lookup(event, dns, question, place), dns, told)

    def _asked(self, key: _Key, question: Lookup) -> Iterator[Lookup]:
        self._waiting.setdefault(key, []).append(question)
        self._count += 1
        if self._count > MOST_WAITING:
            oldest = self._first(next(iter(self._waiting)))
            if question.time - oldest.time < _PATIENCE:
                self.limits["waiting_questions"] += 1
            yield oldest

    def _answered(self, key: _Key, answer: Lookup, dns: Dns, told: list[Answer] | None) -> Lookup:
        """The answer's row, with its question where that was seen."""
        answer.rcode = words.rcode(dns.rcode or "")
        answer.answers = told
        if key not in self._waiting:
            return answer
        asked = self._first(key)
        return msgspec.structs.replace(
            asked,
            time=answer.time,
            flags=answer.flags,
            name_exact=asked.name_exact and answer.name_exact,
            asked=asked.time,
            answer_record=answer.record,
            answer_offset=answer.offset,
            latency=answer.time - asked.time,
            rcode=answer.rcode,
            answers=told,
        )

    def _first(self, key: _Key) -> Lookup:
        waiting = self._waiting[key]
        self._count -= 1
        if len(waiting) == 1:
            del self._waiting[key]
        return waiting.pop(0)


def columns(rows: Iterable[Lookup]) -> dict[str, pa.Array]:
    """The lookups as columns of LOOKUPS."""
    kept = list(rows)
    made: dict[str, pa.Array] = {}
    for name in Lookup.__struct_fields__:
        kind: Any = LOOKUPS.field(name).type
        plain = kind.value_type if pa.types.is_dictionary(kind) else kind
        made[name] = pa.array(map(attrgetter(name), kept), plain)
    made["vantage"] = pa.repeat("client", len(kept))
    made["time_basis"] = pa.repeat("explicit", len(kept))
    return made


def checked(cells: Cells) -> pa.Int64Array:
    """Times of the messages; one without, or without its ends, is refused."""
    for field in ("src_ip", "dest_ip"):
        cells.address(field)
    known = pc.is_in(cells.values("dns.type"), pa.array(sorted(_ASKING | _ANSWERING)))
    cells.refuse(pc.invert(known), "bad_field:dns.type")
    return cells.time("timestamp")


def _not_a_lookup(dns: Dns) -> str | None:
    if dns.opcode:
        return _NOT_QUERY
    return _VERSION_1 if dns.version is None and dns.type == "answer" else None


def _questions(dns: Dns) -> list[Question]:
    """What was asked, in either version's form."""
    told = dns.queries
    if told is None:
        told = [Question(dns.rrname, dns.rrtype, dns.rrname_truncated)]
    return [one for one in told if one.rrname is not None]


def _key(event: Event, dns: Dns, question: Question) -> _Key:
    if event.flow_id is not None:
        return event.flow_id, dns.id, question.rrname or "", question.rrtype
    ends = frozenset({(event.src_ip, event.src_port), (event.dest_ip, event.dest_port)})
    return ends, dns.id, question.rrname or "", question.rrtype


def _lookup(event: Event, dns: Dns, question: Question, place: tuple[int, int, int]) -> Lookup:
    """The row of one question, as far as this message tells it."""
    name, exact = words.name(question.rrname or "")
    src = (text.address(event.src_ip or "") or "", event.src_port)
    dst = (text.address(event.dest_ip or "") or "", event.dest_port)
    client, server = (dst, src) if _from_resolver(event, dns) else (src, dst)
    return Lookup(
        *place,
        *client,
        *server,
        transport=_transport(event),
        qname=name,
        name_exact=exact and not question.rrname_truncated,
        qtype=words.record_type(question.rrtype or ""),
        flags=words.header_flags(dns.flags) if dns.flags else None,
    )


def _from_resolver(event: Event, dns: Dns) -> bool:
    """Whether `src` is who was asked: in answers of version 3 that did not come over HTTP."""
    if dns.type != "response" or event.http is not None:
        return False
    return event.dest_port not in _DNS_PORTS or event.src_port in _DNS_PORTS


def _transport(event: Event) -> str:
    if event.http is not None:
        return "doh"
    for port in (event.src_port, event.dest_port):
        if port in _LOCAL:
            return _LOCAL[port]
    return "tcp" if words.protocol(event.proto or "") == "tcp" else "udp"
