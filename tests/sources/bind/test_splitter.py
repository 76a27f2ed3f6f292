"""The core takes the same questions from a block as their grammar, written as a regular expression, part by part."""

import re

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from flowwatch._native import split_bind  # noqa: TID251 - the core itself is asked
from flowwatch.sources import syslog
from flowwatch.sources.bind.grammar import _NAME, _TIME

ADDRESS = r"([0-9a-fA-F:.]{2,45})(?:%[\w.-]+)?"
CLIENT = rf"client (?:@0x[0-9a-f]+ )?{ADDRESS}#(\d{{1,5}})(?:/key {_NAME})? "
FLAGS = r"([+-]S?(?:E\(\d{1,3}\))?T?D?C?[VK]?)"
CLASS = r"(IN|CH|HS|NONE|ANY|RESERVED0|CLASS\d{1,5})"
WANTED = rf"{CLASS} ([A-Z][A-Z0-9-]*) {FLAGS} \({ADDRESS}\)(?: \[ECS [0-9a-fA-F:./]+\])?\r?"
QUERY = rf"\(({_NAME})\): (?:view ([^:\n]{{1,255}}): )?query: \5 {WANTED}"
FRAME = syslog.frame(r"[\w./-]{0,64}named[\w.-]{0,32}")
QUESTION = re.compile(rf"(?:{FRAME})?{_TIME}(?:queries: )?(?:info: )?{CLIENT}{QUERY}", re.ASCII | re.DOTALL)
PARTS = ("frame", "time", "client", "port", "name", "view", "class", "type", "flags", "server")
LINE = (
    "22-Nov-2026 07:35:23.545 queries: info: client @0x7f1 192.0.2.1#53 ({0}): view v: query: {0} IN A +SE(0)TDCK (::1)"
)
TIMES = ("22-Nov-2026 07:35:23.545 ", "2026-11-22T07:35:23.545 ", "2026-11-22T07:35:23.545Z ")
ENDS = ("192.0.2.1", "2001:db8::1%eth0", "#53", "#123456", " (::1)", " [ECS 0/0]")
NAMES = ("/key k", " (", "a.example", "A\\032\\(b", "\\256", "\\", "): ")
ASKED = ("view in\xe9: ", "query: ", " IN", " CLASS7", " TYPE1", " AAAA", " +", " -E(0)K")
FRAMES = (
    "Nov 22 07:35:23 ns named[5]: ",
    "<1>1 2026-11-22T07:35:23,5+0100 ns x/named 5 - [a b] ",
    "<30>",
    "Nov  2 07:35:23 n x: ",
)
OTHERS = ("queries: ", "info: ", "client ", "@0x7f ", " ", "\r", "\n", "\x00", "x")
PIECES = st.sampled_from((*FRAMES, *TIMES, *ENDS, *NAMES, *ASKED, *OTHERS))


def told(block):
    questions, others = map(pa.record_batch, split_bind(block))
    rows = {row["line"]: tuple(row[part] for part in PARTS) for row in questions.to_pylist()}
    starts = {row["line"]: row["start"] for row in questions.to_pylist()}
    spans = {row["line"]: block[row["start"] : row["end"]] for row in others.to_pylist()}
    return rows, starts, spans


def check(block):
    rows, starts, spans = told(block)
    lines = block.split(b"\n")
    assert sorted([*rows, *spans]) == list(range(len(lines)))
    for number, line in enumerate(lines):
        found = QUESTION.fullmatch(line.decode("latin-1"))
        if found and found[5]:
            assert rows[number] == tuple(part or None for part in found.groups())
            assert block[starts[number] :].startswith(line)
        else:
            assert spans[number] == line


@settings(deadline=None, max_examples=300)
@given(st.lists(PIECES, max_size=40).map("".join))
def test_any_pieces(text):
    check(text.encode("latin-1"))


@settings(deadline=None, max_examples=500)
@given(
    st.sampled_from(("", *FRAMES)),
    st.text(st.sampled_from('a.\\0 ("$@;:\xe9'), min_size=1, max_size=8),
    st.integers(0, 190),
    st.sampled_from("\r\n a0(:T[<>"),
)
def test_a_question_of_any_name_and_one_other_character(frame, name, place, character):
    line = frame + LINE.format(name)
    check(line.encode("latin-1"))
    check((line[:place] + character + line[place + 1 :]).encode("latin-1"))


def test_frames_are_taken():
    rows, _, _ = told("\n".join(frame + LINE.format("a.example") for frame in FRAMES).encode())
    assert [rows[number][0] for number in (0, 1)] == ["Nov 22 07:35:23", "2026-11-22T07:35:23,5+0100"]
    assert len(rows) == 2
