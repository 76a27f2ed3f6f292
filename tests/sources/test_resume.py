"""A file that grows: all steps over it tell what one reading of the whole tells, wherever it was cut between them."""

import gzip
import json
import os
import random
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowwatch.errors import UsageError
from flowwatch.model.records import ReadOptions
from flowwatch.sources import collect, onward
from flowwatch.sources.detect import named
from flowwatch.sources.lines import LONGEST, Pieces
from flowwatch.sources.rejects import Rejects
from flowwatch.sources.resume import Position, go_on, steps
from tests.sources import growth
from tests.sources.conftest import jsonl_of, rows_of, tsv_of
from tests.sources.eve.conftest import RECORDS
from tests.sources.eve.test_dns import RESOLVER
from tests.sources.maps.test_maps import SAMPLES
from tests.sources.test_carriers import cri, docker, journal
from tests.sources.test_mixed import BIND, DNSMASQ, FRAME, KERNEL, UNBOUND
from tests.sources.test_samples import _samples

AT = "Nov 22 07:37:29 dnsmasq[7]: "
ASKED = "query[A] a.example from 192.0.2.10"
CHAIN = (ASKED, "reply a.example is <CNAME>", "reply b.example is 198.51.100.7", "reply b.example is 198.51.100.8")
ALIKE = [
    ASKED,
    "query[A] a.example from 192.0.2.11",
    "query[AAAA] a.example from 192.0.2.11",
    "query[TXT] c.example from 192.0.2.11",
    *CHAIN[1:],
    "cached a.example is <CNAME>",
    "forwarded a.example to 192.0.2.53",
    "reply a.example is 198.51.100.9",
    "reply a.example is NODATA-IPv6",
    "reply c.example is 198.51.100.9",
    "reply error is SERVFAIL",
    "started",
]
KEYED = [f"{serial} 192.0.2.10/4000{serial} {line}" for serial in (1, 2) for line in ALIKE]


def eve(kind, **change):
    """One line: a usual record with the change, of its inner object too."""
    made = json.loads(json.dumps(RECORDS[kind]))
    for key, value in change.items():
        made[key] = made[key] | value if isinstance(value, dict) and key in made else value
    return json.dumps({key: value for key, value in made.items() if value is not None}) + "\n"


def first_version(**dns):
    """A record of an answer of version 1."""
    made = json.loads(eve("answer", **RESOLVER))
    for name in ("version", "answers", "grouped", "rrtype"):
        del made["dns"][name]
    made["dns"] |= dns
    return json.dumps(made) + "\n"


EVE = [
    *map(eve, RECORDS),
    eve("query", flow_id=None),
    eve("answer", flow_id=None),
    eve("query", dns={"version": None}),
    first_version(rrtype="A", rdata="198.51.100.7", ttl=1),
    first_version(rrtype="A", rdata="198.51.100.8", ttl=1),
    first_version(rcode="NXDOMAIN"),
    eve("request", dns={"queries": [{"rrname": f"{name}.example", "rrtype": "A"} for name in "ab"]}),
    eve("response", dns={"queries": [{"rrname": "b.example", "rrtype": "A"}]}),
    *(eve("stats", stats={"capture": {"kernel_drops": drops}}) for drops in (3, 9, 1)),
    "\n",
    "nonsense\n",
]
PRETTY = [json.dumps(json.loads(line), indent=1) + "\n" for line in EVE[: len(RECORDS)]]
QUOTED = [
    SAMPLES["umbrella-dns"].partition("\n")[0] + "\n",
    *(line + "\n" for line in SAMPLES["umbrella-dns"].split("\n")),
    SAMPLES["umbrella-dns"].replace("api.vendor.test.", "api.\nvendor.test.") + "\n",
    '"open\n',
    "\n",
]
POOLS: dict[str, tuple[str, list[str]]] = {
    "bind": ("bind-query", [BIND + "\n", BIND.replace("query: a", "query: x") + "\n", KERNEL + "\n", "no\n", "\n"]),
    "dnsmasq": ("dnsmasq", [AT + line + "\n" for line in ALIKE] + ["\n", "no\n", KERNEL + "\n"]),
    "dnsmasq-keyed": ("dnsmasq", [AT + line + "\n" for line in KEYED]),
    "eve": ("eve", EVE),
    "eve-pretty": ("eve", [*PRETTY, "{\n", '"timestamp"']),
    "zeek-dns": ("zeek-dns", jsonl_of(rows_of("dns", {}, {"query": "b.example"})).decode().splitlines(keepends=True)),
    "zeek-pretty": (
        "zeek-dns",
        [json.dumps(one, indent=1) + ",\n" for one in rows_of("dns", {}, {"rcode": 3})] + ["["],
    ),
    "zeek-conn": (
        "zeek-conn",
        [
            tsv_of("conn", rows_of("conn", {})).decode(),
            tsv_of("conn", rows_of("conn", {})[:1]).decode().replace("\tproto\t", "\tprotocol\t"),
            *tsv_of("conn", rows_of("conn", {}, {"ts": "1.000000"})).decode().splitlines(keepends=True)[-2:],
            "#close\n",
            "short\n",
        ],
    ),
    "mixed": ("bind-query+dnsmasq+unbound", [line + "\n" for line in (BIND, UNBOUND, DNSMASQ, KERNEL, "", FRAME)]),
    "quoted": ("umbrella-dns", QUOTED),
    **{
        f"{wrap.__name__}-parts": (
            "dnsmasq",
            [
                wrap(f"dnsmasq[7]: {line[:at]}", ended=False).replace("stdout", stream) + "\n" + wrap(line[at:]) + "\n"
                for line in CHAIN
                for at, stream in ((0, "stdout"), (7, "stdout"), (7, "stderr"))
            ]
            + [wrap(f"dnsmasq[7]: {line}") + "\n" for line in CHAIN],
        )
        for wrap in (docker, cri, journal)
    },
}
TOLD_BY_ITS_BEGINNING = "windows-dns-debug"
LOGS = sorted(set(SAMPLES) - {TOLD_BY_ITS_BEGINNING})


def law(path, data, ends, most, options):
    """The steps over the file as it grew are the whole."""
    path.write_bytes(data)
    expected, _ = growth.whole(str(path), options)
    told, position = growth.grown(path, data, ends, most, options)
    growth.same(told, expected)
    assert (position.offset, position.open, position.state) == (len(data), (), b"")


def cuts(data):
    return st.lists(st.integers(0, len(data)), max_size=6).map(sorted)


MOST = st.sampled_from([1, 40, 300, 1 << 23])


@pytest.mark.parametrize("name", POOLS)
@settings(max_examples=40)
@given(st.data())
def test_steps_over_made_up_logs_are_the_whole(tmp_path_factory, name, data):
    form, pool = POOLS[name]
    head = pool[0] if form.startswith("zeek-conn") else ""
    log = (head + "".join(data.draw(st.lists(st.sampled_from(pool), max_size=14)))).encode()
    if data.draw(st.booleans()):
        log = log.removesuffix(b"\n")
    path = tmp_path_factory.mktemp("grown") / "log"
    law(path, log, data.draw(cuts(log)), data.draw(MOST), ReadOptions(input_format=form))


@pytest.mark.parametrize("name", LOGS)
@settings(max_examples=8)
@given(st.data())
def test_steps_over_logs_of_every_map_are_the_whole(tmp_path_factory, name, data):
    lines = [line + "\n" for line in SAMPLES[name].split("\n")]
    more = data.draw(st.lists(st.sampled_from([*lines, "no\n", '"'])))
    log = "".join(lines + more).encode()
    path = tmp_path_factory.mktemp("grown") / "log"
    law(path, log, data.draw(cuts(log)), data.draw(MOST), ReadOptions(input_format=name))


def test_steps_over_every_sample_are_the_whole(shared_logs, tmp_path):
    chance = random.Random(1)  # noqa: S311
    seen = 0
    path = tmp_path / "log"
    for _, sample in _samples(shared_logs):
        (coverage,) = collect([str(sample)], ReadOptions(digest=False)).coverage
        data = sample.read_bytes()
        if coverage.format is None or coverage.compression or not reads_lines(coverage.format) or len(data) > 1 << 18:
            continue
        ends = sorted(chance.randrange(len(data) + 1) for _ in range(3))
        most = chance.choice([len(data) // 50 + 1, len(data) // 5 + 1, 1 << 23])
        law(path, data, ends, most, ReadOptions(input_format=coverage.format))
        seen += 1
    assert seen > 60


def reads_lines(name):
    return name.startswith("zeek-") or named(name).log is not None


# What one step is


UIDS = [f"C{at:x}" for at in range(3000)]


def changed(name: str, values: Iterable[object]) -> list[dict[str, object]]:
    """A change of the usual row for each value."""
    return [{name: value} for value in values]


def code(step):
    """Of its error."""
    return step.coverage.error and step.coverage.error.code


def told(put, *lines, **options):
    return go_on(put("".join(lines).encode()), None, ReadOptions(**options))


def test_an_empty_file_and_one_line_begun_wait(put):
    for data, held in ((b"", 0), (b"\n \n", 0), (BIND.encode()[:30], 1), (BIND.encode(), 1), (b"no", 1)):
        step = go_on(put(data), None)
        coverage = step.coverage
        assert (coverage.error, coverage.records, coverage.held_back, coverage.size) == (None, held, held, len(data))
        assert (step.position, step.at_end, step.whole, step.lookups.num_rows) == (Position(), True, False, 0)


@pytest.mark.parametrize("line", [BIND, UNBOUND, AT + CHAIN[0], eve("flow").strip()])
def test_a_last_line_without_its_end_waits_even_where_it_would_do_for_a_record(put, line):
    begun = (line + "\n" + line).encode()
    step = go_on(put(begun), None)
    assert (step.position.offset, step.position.record) == (len(line) + 1, 1)
    assert (step.coverage.records, step.coverage.events, step.coverage.held_back) == (2, 1, 1)
    assert not any("without its end" in note for note in step.coverage.notes)
    again = go_on(put(begun), step.position)
    assert (again.position, again.coverage.records, again.coverage.held_back) == (step.position, 1, 1)
    last = go_on(put(begun), step.position, ended=True)
    assert (last.coverage.records, last.coverage.held_back, last.position.offset) == (
        1,
        last.coverage.held_back,
        2 * len(line) + 1,
    )


def test_an_answer_that_comes_later_replaces_the_open_lookup_once(put):
    lines = [f"{AT}{line}\n" for line in (ASKED, CHAIN[1], CHAIN[2], "started")]
    first = told(put, *lines[:1])
    assert first.lookups.num_rows == 1
    assert first.lookups["answers"].to_pylist() == [None]
    assert [one.record for one in first.position.open] == [1]
    nothing = go_on(put(lines[0].encode()), first.position)
    assert (nothing.answered.num_rows, nothing.position) == (0, first.position)
    second = go_on(put("".join(lines[:3]).encode()), first.position)
    (row,) = second.answered.to_pylist()
    assert (row["record"], row["answer_record"], [one["data"] for one in row["answers"]]) == (
        1,
        2,
        ["b.example", "198.51.100.7"],
    )
    assert (second.lookups.num_rows, second.coverage.lookups, second.coverage.events) == (0, 0, 2)
    third = go_on(put("".join(lines).encode()), second.position)
    assert (third.answered.num_rows, third.lookups.num_rows, third.position.open) == (0, 0, ())


def test_of_too_many_open_lookups_the_youngest_wait(put, monkeypatch):
    monkeypatch.setattr(onward, "MOST_OPEN", 3)
    asked = "".join(f"{AT}query[A] {name}.example from 192.0.2.10\n" for name in "abcde")
    step = told(put, asked)
    assert ([one.record for one in step.position.open], step.lookups.num_rows) == ([3, 4, 5], 5)
    assert any(note.startswith("2 x lookup without an answer") for note in step.coverage.notes)
    answers = "".join(f"{AT}reply {name}.example is 198.51.100.7\n" for name in "abcde")
    after = go_on(put((asked + answers).encode()), step.position)
    assert after.answered["record"].to_pylist() == [3, 4, 5]
    assert (after.lookups.num_rows, after.coverage.unattributable) == (0, 2)


def test_rows_are_by_record_and_of_the_name_that_is_shown(put):
    source = put("".join(f"{AT}{line}\n" for line in (ASKED, *CHAIN, "started", ASKED)).encode())
    step = go_on(source, None, shown="query.log\x1b")
    assert step.lookups["record"].to_pylist() == sorted(step.lookups["record"].to_pylist())
    assert set(step.lookups["source"].to_pylist()) == {step.coverage.source} == {"query.log\\x1b"}


def test_a_refused_record_is_refused_once(put, tmp_path):
    lines = [BIND + "\n", "no\n"] * 4
    position = None
    with Rejects(tmp_path / "rejects") as file:
        for end in range(1, len(lines) + 1):
            options = ReadOptions(rejects=file.of, input_format="bind-query")
            position = go_on(put("".join(lines[:end]).encode()), position, options).position
    refused = (tmp_path / "rejects").read_text().splitlines()
    assert [json.loads(one)["record"] for one in refused] == [2, 4, 6, 8]


def test_a_step_takes_about_as_much_as_it_may(put):
    line = BIND + "\n"
    source = put(line.encode() * 1000)
    found = list(steps(source, None, most=10 * len(line)))
    assert [step.at_end for step in found[-2:]] == [False, True]
    assert {step.coverage.records for step in found[:-1]} <= {10, 11}
    assert sum(step.coverage.bytes for step in found) == 1000 * len(line)
    assert go_on(source, None, most=1).coverage.records == 1


def test_nothing_before_the_position_is_read(put, monkeypatch):
    line = (BIND + "\n").encode()
    source = put(line * 20_000)
    read: list[int] = []
    add = Pieces.add

    def counted(self, data):
        read.append(len(data))
        return add(self, data)

    monkeypatch.setattr(Pieces, "add", counted)
    go_on(source, Position(offset=len(line) * 19_990, record=19_990, format="bind-query"))
    assert sum(read) == len(line) * 10


# Where it is read on by other means


def test_state_of_another_version_is_found_again_by_reading_from_the_beginning(put, tmp_path):
    data = tsv_of("dns", rows_of("dns", *changed("trans_id", range(9))))
    ends = list(growth.lines(data))
    first = go_on(put(data[: ends[-4]]), None)
    for state in (b"\xc1", msgspec.msgpack.encode({"version": "0"}), first.position.state.replace(b"0.1.0", b"9.1.0")):
        with Rejects(tmp_path / "rejects") as file:
            position = msgspec.structs.replace(first.position, state=state)
            step = go_on(put(data), position, ReadOptions(rejects=file.of))
        assert step.lookups["record"].to_pylist() == [len(ends) - 2, len(ends) - 1, len(ends)]
        assert (step.coverage.records, step.coverage.rejected) == (3, 0)
        assert "state of another version" in step.coverage.notes[-1]
        assert go_on(put(data), step.position).coverage.notes == ()


def test_a_map_that_is_no_more_leaves_the_format_to_the_content(put):
    step = go_on(put((BIND + "\n").encode()), Position(format="gone"))
    assert (step.coverage.events, step.position.format) == (1, "bind-query")


def test_a_compressed_log_is_read_on_by_unpacked_bytes(put, packed):
    data = tsv_of("conn", rows_of("conn", *changed("uid", UIDS)))
    source = put(packed(data))
    first = go_on(source, None, most=len(data) // 2)
    last = list(steps(source, first.position))[-1]
    assert first.at_end is False
    assert first.flows["conn_id"].to_pylist() + last.flows["conn_id"].to_pylist() == UIDS
    assert (last.position.offset, last.coverage.error) == (len(data), None)
    assert last.coverage.compression is not None


def test_a_compressed_log_cut_short_says_so_and_keeps_its_place(put):
    data = tsv_of("conn", rows_of("conn", *changed("uid", UIDS)))
    stored = gzip.compress(data)
    step = go_on(put(stored[: len(stored) // 2]), None)
    assert (code(step), step.at_end, step.coverage.events > 0) == ("truncated", True, True)
    last = go_on(put(stored), step.position)
    assert (last.coverage.error, step.flows.num_rows + last.flows.num_rows) == (None, 3000)


def test_a_file_that_shrank_is_told_and_nothing_of_it_taken(put):
    position = Position(offset=1000, record=9, format="bind-query")
    for data in ((BIND + "\n").encode(), gzip.compress((BIND + "\n").encode())):
        step = go_on(put(data), position)
        assert (code(step), step.position, step.at_end) == ("shrunk", position, True)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda folder: str(folder / "missing"), "not_found"),
        (str, "is_a_folder"),
        (lambda folder: "a\x00b", "unreadable"),
        (lambda folder: "/dev/null", "unreadable"),
    ],
)
def test_what_cannot_be_opened_is_told_and_never_raises(tmp_path, make, why):
    step = go_on(make(tmp_path), Position(offset=7), shown="x")
    assert (code(step), step.coverage.source, step.position, step.at_end) == (
        why,
        "x",
        Position(offset=7),
        True,
    )


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert code(go_on(str(tmp_path / "pipe"), None)) == "unreadable"


def test_what_fails_while_it_is_read_is_told_and_what_came_is_kept(put, monkeypatch):
    source = put((BIND + "\n").encode() * 3000)

    def fail(self, buffer):
        raise OSError(5, "Input/output error")

    found = steps(source, None, most=1 << 12)
    first = next(found)
    monkeypatch.setattr("flowwatch.sources.stored.Stored.readinto", fail)
    step = list(found)[-1]
    assert first.coverage.error is None
    assert (code(step), step.at_end) == ("read_error", True)
    monkeypatch.undo()
    rest = sum(one.coverage.records for one in steps(source, step.position))
    assert rest + step.position.record == 3000


def test_a_format_nobody_knows_is_told_and_nothing_taken(put):
    step = go_on(put(b"nothing known\n" * 9), None)
    assert (code(step), step.position, step.at_end) == ("unknown_format", Position(), True)


def test_an_unknown_name_of_a_format_is_a_usage_error(put):
    with pytest.raises(UsageError):
        go_on(put(b""), None, ReadOptions(input_format="zeek"))


def test_a_capture_is_read_as_a_whole_and_again_when_it_grew(tmp_path):
    data = next((Path(__file__).parents[2] / "captures").rglob("*.pcap")).read_bytes()
    path = tmp_path / "capture"
    path.write_bytes(data)
    whole = collect([str(path)])
    step = go_on(str(path), None, shown="live.pcap")
    assert (step.whole, step.at_end, step.position.offset) == (True, True, len(data))
    assert step.coverage.sha256 == whole.coverage[0].sha256
    assert (step.flows.num_rows, step.lookups.num_rows) == (whole.flows.num_rows, whole.lookups.num_rows)
    assert set(step.flows["source"].to_pylist()) <= {"live.pcap"}
    again = go_on(str(path), step.position)
    assert (again.flows.num_rows, again.whole, again.position) == (0, True, step.position)
    path.write_bytes(data + data[24:])
    grown = go_on(str(path), step.position)
    assert grown.position.record == 2 * step.position.record
    assert all(one > step.position.record for one in grown.flows["first_record"].to_pylist())
    assert "left out" in grown.coverage.notes[-1]


def test_text_in_utf_16_is_read_as_a_whole(put):
    lines = [BIND + "\n"] * 3
    step = go_on(put("".join(lines[:2]).encode("utf-16")), None)
    assert (step.whole, step.coverage.events, step.position.record) == (True, 2, 2)
    after = go_on(put("".join(lines).encode("utf-16")), step.position)
    assert after.lookups["record"].to_pylist() == [3]


def test_a_form_of_dates_is_chosen_by_as_much_as_is_there(put):
    """The one reader whose first lines may hang on later ones: what cannot be told is refused until it can."""
    line = SAMPLES[TOLD_BY_ITS_BEGINNING].strip().split("\n")[-1] + "\n"
    assert "11/22/2026" in line
    unclear = line.replace("11/22/2026", "11/02/2026")
    options = ReadOptions(input_format=TOLD_BY_ITS_BEGINNING)
    first = go_on(put(unclear.encode()), None, options)
    assert [one.code for one in first.coverage.rejects] == ["date_order"]
    second = go_on(put((unclear + line).encode()), first.position, options)
    assert (second.coverage.rejected, second.lookups.num_rows) == (0, 1)


def test_a_line_too_long_is_refused_once_whatever_a_step_takes(put):
    data = (BIND + "\n").encode() + b"x" * (LONGEST + 9) + b"\n" + (BIND + "\n").encode()
    found = list(steps(put(data), None, ReadOptions(input_format="bind-query"), most=1 << 16))
    assert [one.record for step in found for one in step.coverage.rejects] == [2]
    assert found[-1].position == msgspec.structs.replace(found[-1].position, offset=len(data), record=3)
