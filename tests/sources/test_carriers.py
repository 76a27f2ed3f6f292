"""Logs within logs: taken out, they read as they would alone."""

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowwatch.sources.carriers import blocks, plain
from flowwatch.sources.lines import LONGEST
from flowwatch.sources.reading import collect

TIME = "2026-11-22T07:36:26.594287000Z"
ASK = "query[A] results.example from 192.0.2.10"
LINES = [f"dnsmasq[7]: {ASK}", "dnsmasq[7]: reply results.example is 198.51.100.7", "dnsmasq[7]: started"]


def docker(line, *, ended=True):
    return json.dumps({"log": line + "\n" * ended, "stream": "stdout", "time": TIME})


def cri(line, *, ended=True):
    return f"{TIME} stdout {'F' if ended else 'P'} {line}"


def journal(line, *, ended=True):
    del ended
    return json.dumps({"MESSAGE": line.removeprefix("dnsmasq[7]: "), "__REALTIME_TIMESTAMP": "1795332986594287",
                       "_HOSTNAME": "ns1", "SYSLOG_IDENTIFIER": "dnsmasq", "_PID": "7"})  # fmt: skip


CARRIERS = {"docker": docker, "cri": cri, "journal": journal}


def told(tmp_path, data):
    path = tmp_path / "log"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return collect([str(path)])


@pytest.mark.parametrize("name", CARRIERS)
def test_what_was_carried_reads_as_it_would_alone(tmp_path, name):
    lines = [CARRIERS[name](line) for line in LINES]
    found = told(tmp_path, "".join(line + "\n" for line in lines))
    (row,) = found.lookups.to_pylist()
    assert (row["qname"], row["answers"][0]["data"], row["time_basis"]) == (
        "results.example",
        "198.51.100.7",
        "explicit",
    )
    assert (row["record"], row["offset"], row["answer_record"], row["answer_offset"]) == (1, 0, 2, len(lines[0]) + 1)
    assert str(row["time"]) == "2026-11-22 07:36:26.594287+00:00"
    assert (found.coverage[0].format, found.coverage[0].records) == ("dnsmasq", 3)


@pytest.mark.parametrize("name", ["docker", "cri"])
@settings(deadline=None, max_examples=60)
@given(st.data())
def test_parts_of_a_line_are_put_together_and_every_place_is_kept(name, data):
    lines = data.draw(st.lists(st.text("abc {}[]é", min_size=1, max_size=20), min_size=1, max_size=6))
    outer, whole = [], []
    for line in lines:
        at = data.draw(st.integers(0, len(line)))
        outer += [CARRIERS[name](line[:at], ended=False), CARRIERS[name](line[at:])]
        whole += [b"", line.encode()]
    raw = "".join(one + "\n" for one in outer).encode()
    size = data.draw(st.sampled_from([1 << 22, 40]))
    found = list(blocks(io.BytesIO(raw), size))
    texts = [text for block in found for text in block.data.split(b"\n")]
    for text, told_text in zip(texts, whole, strict=True):
        bare = told_text.lstrip()[:1] == b"{" or not told_text
        assert text == told_text if bare else text.endswith(b" - -: " + told_text)
    places = [offset for block in found for offset in block.offsets()]
    assert places == [sum(len(one.encode()) + 1 for one in outer[:at]) for at in range(len(outer))]
    for block in found:
        for offset, text in zip(block.offsets(), block.data.split(b"\n"), strict=True):
            assert block.line(offset) == text


def test_a_line_end_within_a_message_makes_no_line(tmp_path):
    forged = f"harmless\ndnsmasq[7]: {ASK}"
    for wrap in (docker, journal):
        data = "".join(line + "\n" for line in [wrap(LINES[0])] * 9 + [wrap(forged)])
        assert told(tmp_path, data).lookups.num_rows == 9


def test_a_message_of_bytes_is_read(tmp_path):
    line = json.dumps({"MESSAGE": list(ASK.encode()), "__REALTIME_TIMESTAMP": "1795332986594287",
                       "SYSLOG_IDENTIFIER": "dnsmasq"})  # fmt: skip
    (row,) = told(tmp_path, line + "\n").lookups.to_pylist()
    assert row["qname"] == "results.example"


def test_parts_that_never_end_are_held_back(tmp_path):
    found = told(tmp_path, docker(LINES[0]) + "\n" + docker(LINES[1], ended=False) + "\n")
    coverage = found.coverage[0]
    assert (coverage.events, coverage.held_back) == (1, 1)


def test_parts_that_grow_without_end_are_bounded():
    raw = (cri("x" * (LONGEST // 2), ended=False) + "\n").encode() * 5 + (cri("end") + "\n").encode()
    texts = [text for block in blocks(io.BytesIO(raw)) for text in block.data.split(b"\n")]
    assert max(map(len, texts)) < 2 * LONGEST
    assert len(texts) == 6


def test_json_behind_syslog_is_bare():
    line = b'<30>Nov 22 07:35:23 host suricata[1]: @cee: {"event_type":"flow"}\n'
    assert plain(line) == b'{"event_type":"flow"}\n'


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(data):
    for start in (b"", b'{"log":', b'{"MESSAGE":', TIME.encode() + b" stdout P ", b"<30>Nov 22 07:35:23 host a: {"):
        assert plain(start + data).count(b"\n") == (start + data).count(b"\n")


def test_a_last_part_that_holds_a_line_end_is_one_line(tmp_path):
    forged = f"{LINES[2]}\ndnsmasq[7]: {ASK}"
    found = told(tmp_path, docker(LINES[0]) + "\n" + docker(forged, ended=False) + "\n")
    coverage = found.coverage[0]
    assert (found.lookups.num_rows, coverage.records, coverage.held_back) == (1, 3, 1)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_blank_lines_before_it_do_not_hide_what_carries(mark):
    raw = mark + b"\n\r\n\n" + (docker(LINES[0]) + "\n").encode() * 2
    for size in (3, 1 << 22):
        texts = [text for block in blocks(io.BytesIO(raw), size) for text in block.data.split(b"\n") if text.strip()]
        assert texts == [f"{TIME} - -: {LINES[0]}".encode()] * 2
    assert plain(raw).count(LINES[0].encode()) == 2
