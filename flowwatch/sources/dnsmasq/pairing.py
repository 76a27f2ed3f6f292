r"""Answers to the question they belong to: the trap of raw names closed.

An answer `reply NAME is VALUE` counts only where NAME is the name that was asked, or the next of the chain that began
with it, and where VALUE is of the type that was asked for (a text may be all that an address may be, so where both were
asked for without a key it is neither's). With `log-queries=extra` its question has the same process,
serial, client and port. Without, it is the latest open question of the same process, name and type: all lines of one
reply stand together, and a question that stays without its answer (one asked twice at once is answered once, some are
never) takes none that came to a later one. An answer without such a question names nothing.

Source: dnsmasq's `log_query` (cache.c) and `reply_query` (forward.c), 2.80 to 2.93.
"""

import re
from collections import OrderedDict, deque
from collections.abc import Iterator

import msgspec

from flowwatch.sources import text
from flowwatch.sources.dnsmasq.grammar import Line, blocked

MOST_OPEN = 1 << 16
"""Questions that wait for their answer; the oldest is given up for a new one."""
_MOST_ANSWERS = 1 << 10
_MOST_ALIKE = 1 << 8
"""Questions without a key that ask for one name at once; the oldest is given up for a new one."""
_MOST_ALIASES = 1 << 6
"""Of one reply; a message of 64 KiB may hold more, a chain that somebody follows does not."""
_LONGEST_NAME = 1024
"""Characters of a name as dnsmasq prints it (MAXDNAME)."""
_RCODES = {"NXDOMAIN": "NXDOMAIN", "SERVFAIL": "SERVFAIL", "REFUSED": "REFUSED", "NOTIMP": "NOTIMP",
           "not implemented": "NOTIMP"}  # fmt: skip
_NUMBER = re.compile(r"\d{1,4}", re.ASCII)
_EMPTY = ("NODATA", "NODATA-IPv4", "NODATA-IPv6")
_NUMBERED = {"1": "FORMERR", "4": "NOTIMP", "9": "NOTAUTH"}
_UNSPECIFIED = ("0.0.0.0", "::")  # noqa: S104 - an answer that leads nowhere


class Question(msgspec.Struct):
    """A question, and what was answered."""

    number: int
    offset: int
    asked: str | None
    line: Line
    answer_number: int | None = None
    answer_offset: int | None = None
    answered: str | None = None
    rcode: str | None = None
    answers: list[dict[str, str | None]] | None = None
    policy: str | None = None
    done: bool = False
    """Nothing more of its answer is to come, once another line follows."""


class _Run(msgspec.Struct):
    """Lines of one reply, which stand together."""

    question: Question
    names: list[str]
    """The name asked and the chain from it, as printed."""
    chained: bool = False
    """The last line led to another name, which is still to be told."""
    said: set[str] = msgspec.field(default_factory=set)
    """The addresses, as they were told; a reply tells none twice."""


class Waiting(msgspec.Struct, frozen=True):
    """What goes over to another reader of the same log."""

    questions: list[Question]
    runs: dict[str, _Run]


class Pairs:
    """Takes the lines of one log in order; `done` are the questions to be told."""

    def __init__(self) -> None:
        self.done: list[Question] = []
        self.given_up = 0
        """Questions told before their answer for want of room; counts where the log has answers at all."""
        self._open: OrderedDict[int, Question] = OrderedDict()
        self._by_key: dict[tuple[object, ...], Question] = {}
        self._by_name: dict[tuple[str, str], deque[Question]] = {}
        self._runs: dict[str, _Run] = {}

    def leave(self, most: int) -> Waiting:
        """The youngest questions that wait, and the replies that go on."""
        return Waiting(list(self._open.values())[-most:], self._runs)

    def resume(self, waiting: Waiting) -> None:
        """Goes on where another left."""
        for one in waiting.questions:
            self._wait(one)
        self._runs = waiting.runs
        for run in self._runs.values():
            run.question = self._open.get(run.question.number, run.question)

    def ask(self, number: int, offset: int, line: Line) -> None:
        """A question."""
        self.pause(line)
        self._wait(Question(number, offset, line.time, line))
        if len(self._open) > MOST_OPEN:
            self.given_up += 1
            self._tell(next(iter(self._open.values())))

    def _wait(self, one: Question) -> None:
        line = one.line
        if line.key is not None:
            before = self._by_key.pop((line.pid, line.key), None)
            if before is not None:
                self._tell(before)
            self._by_key[line.pid, line.key] = one
        else:
            for name in _asked_names(one):
                alike = self._by_name.setdefault((line.pid, name.lower()), deque())
                if len(alike) == _MOST_ALIKE:
                    self.given_up += 1
                    self._tell(alike[0])
                    alike = self._by_name[line.pid, name.lower()]
                alike.append(one)
        self._open[one.number] = one

    def answer(self, number: int, offset: int, line: Line) -> bool:
        """An answer, or an error; whether it belongs to a question."""
        run = self._continued(line) or self._begun(line)
        if run is None:
            return False
        question = run.question
        if question.answer_number is None:
            question.answer_number, question.answer_offset, question.answered = number, offset, line.time
        if line.kind == "error":
            _fail(question, line.word)
        else:
            self._take(run, line)
        return True

    def pause(self, line: Line) -> None:
        """A line of the process that is no answer: the reply before it is whole."""
        run = self._runs.pop(line.pid, None)
        if run is not None and run.question.done:
            self._tell(run.question)

    def end(self) -> None:
        """Nothing more comes."""
        for one in list(self._open.values()):
            self._tell(one)

    def _tell(self, one: Question) -> None:
        if self._open.pop(one.number, None) is None:
            return
        self.done.append(one)
        line = one.line
        if line.key is not None and self._by_key.get((line.pid, line.key)) is one:
            del self._by_key[line.pid, line.key]
        for name in _asked_names(one) if line.key is None else ():
            waiting = self._by_name[line.pid, name.lower()]
            waiting.remove(one)
            if not waiting:
                del self._by_name[line.pid, name.lower()]

    def _continued(self, line: Line) -> _Run | None:
        """The reply this line goes on with."""
        run = self._runs.get(line.pid)
        if run is None or run.question.line.key != line.key or line.kind == "error":
            return None
        if len(run.names) > _MOST_ALIASES or line.said in run.said:
            return None
        values = [_value(line.said, name) for name in run.names]
        kind = run.question.line.word
        if run.chained or any(one is not None and (line.key or _fits(kind, one)) for one in values):
            return run
        return None

    def _begun(self, line: Line) -> _Run | None:
        """The reply that this line begins."""
        self.pause(line)
        question = self._by_key.get((line.pid, line.key)) if line.key else self._latest(line)
        if question is None or (line.kind == "answer" and not _answers(line.said, question)):
            return None
        if question.answers is not None and question.rcode is None:
            question.answers = None  # the chain that was cached is told again as a whole
        run = _Run(question, _asked_names(question))
        self._runs[line.pid] = run
        return run

    def _latest(self, line: Line) -> Question | None:
        """Of the questions without a key the latest whose name and type the line fits; an error fits none."""
        for name in _possible_names(line.said):
            waiting = [one for one in self._by_name.get((line.pid, name.lower()), ()) if not one.done]
            fitting = [one for one in waiting if _fits(one.line.word, line.said[len(name) + 4 :])]
            texts = [one for one in fitting if one.line.word == "TXT"]
            if fitting and len(texts) in (0, len(fitting)):
                return fitting[-1]
            for one in texts:  # it may be theirs; none of them keeps an address from a later question
                self._tell(one)
        return None

    def _take(self, run: _Run, line: Line) -> None:
        question = run.question
        name = next((one for one in run.names if _value(line.said, one) is not None), None)
        if name is None:
            name = line.said.rpartition(" is ")[0]
            _aim(question, name)
            run.names.append(name)
        value = line.said[len(name) + 4 :]
        run.chained = value == "<CNAME>"
        if line.key is None and text.address(value):
            run.said.add(line.said)
        if blocked(line.word):
            question.policy = text.printable(line.word.encode("latin-1"))
        _add(question, name, value)


def _asked_names(question: Question) -> list[str]:
    """The name as it was asked; of a reverse lookup its address too, which is what is printed."""
    name = question.line.said
    address = _reversed(name) if question.line.word == "PTR" else None
    return [name] if address is None else [name, address]


def _answers(said: str, question: Question) -> bool:
    """Whether the line is of the name that was asked, and of its type."""
    values = [_value(said, name) for name in _asked_names(question)]
    return any(value is not None and _fits(question.line.word, value) for value in values)


def _value(said: str, name: str) -> str | None:
    """What is said of the name; None where the line is of another."""
    begin = f"{name} is "
    return said[len(begin) :] if said[: len(begin)].lower() == begin.lower() else None


def _possible_names(said: str) -> Iterator[str]:
    """What before an ` is ` may be the name, the longest first."""
    at = said.rfind(" is ", 0, _LONGEST_NAME + 4)
    while at >= 0:
        yield said[:at]
        at = said.rfind(" is ", 0, at)


def _fits(asked: str, value: str) -> bool:
    address = text.address(value)
    if address is None:
        return value != "NODATA-IPv6" or asked == "AAAA"
    return asked in ("ANY", "TXT", "AAAA" if ":" in address else "A") or address in _UNSPECIFIED


def _add(question: Question, name: str, value: str) -> None:
    asked, address = question.line.word, text.address(value)
    if value in _RCODES:
        question.rcode, question.done = _RCODES[value], True
        question.answers = question.answers or []
        return
    found = question.answers = question.answers or []
    if value == "<CNAME>":
        if not any(one["type"] == "CNAME" and one["name"] == _name(name) for one in found):
            _put(found, name, "CNAME", None)
        return
    question.rcode, question.done = question.rcode or "NOERROR", True
    if address is not None and asked in ("A", "AAAA", "ANY"):
        kind = "AAAA" if ":" in address else "A"
        if address in _UNSPECIFIED:
            question.policy = question.policy or "blocked"
        elif asked in ("ANY", kind):
            _put(found, name, kind, address)
    elif value.startswith("<") and value.endswith(">") and value[1:-1].isalnum():
        _put(found, name, value[1:-1], None)
    elif value not in _EMPTY and asked == "PTR":
        _put(found, question.line.said, "PTR", _name(value))
    elif value not in _EMPTY:
        _put(found, name, asked, text.quoted(value.encode("latin-1")))


def _put(found: list[dict[str, str | None]], name: str, kind: str, data: str | None) -> None:
    if len(found) < _MOST_ANSWERS:
        found.append({"name": _name(name), "type": kind, "data": data, "ttl": None})


def _aim(question: Question, target: str) -> None:
    """Names where the last alias leads."""
    for one in reversed(question.answers or []):
        if one["type"] == "CNAME" and one["data"] is None:
            one["data"] = _name(target)
            return


def _fail(question: Question, said: str) -> None:
    word = said.split(" ", 1)[0]
    question.rcode = _RCODES.get(word) or _NUMBERED.get(word)
    if question.rcode is None and _NUMBER.fullmatch(word):
        question.rcode = f"RCODE{word}"
    question.answers, question.done = question.answers or [], True


def _name(printed: str) -> str:
    return text.name(printed.removesuffix(".").encode("latin-1")) if printed != "." else "."


def _reversed(name: str) -> str | None:
    """The address of a reverse name (RFC 1035 3.5, RFC 3596 2.5)."""
    parts = name.lower().split(".")
    if parts[-2:] == ["in-addr", "arpa"] and len(parts) == 6:
        return text.address(".".join(reversed(parts[:4])))
    if parts[-2:] == ["ip6", "arpa"] and len(parts) == 34:
        digits = "".join(reversed(parts[:32]))
        return text.address(":".join(digits[at : at + 4] for at in range(0, 32, 4)))
    return None
