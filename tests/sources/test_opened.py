"""An input opened: its head does not cost its bytes, size and digest are of what is stored, which may be packed."""

import gzip
import hashlib
import io
import os
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.sources.logs import written
from flowwatch.sources.opened import HEAD, Opened


@pytest.mark.parametrize("size", [0, 1, HEAD - 1, HEAD, HEAD + 1, 3 * HEAD + 5])
def test_all_bytes_once_with_size_digest_and_progress(put, size):
    data = os.urandom(size)
    told: list[int] = []
    with Opened(put(data), progress=told.append) as opened:
        assert opened.head == data[:HEAD]
        assert io.BufferedReader(opened).read() == data
    assert (opened.size, sum(told), opened.sha256) == (size, size, hashlib.sha256(data).hexdigest())


def test_a_named_pipe_and_standard_input_are_read_alike(tmp_path, monkeypatch):
    data = os.urandom(2 * HEAD)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(data,))
    writer.start()
    with Opened(str(pipe)) as opened:
        assert opened.path is None
        assert opened.read() == data
    writer.join()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    with Opened("-") as opened:
        assert (opened.path, opened.read()) == (None, data)
    assert not sys.stdin.buffer.closed


def test_no_digest_when_switched_off(put):
    with Opened(put(b"x"), digest=False) as opened:
        opened.read()
    assert opened.sha256 is None


def test_a_path_that_is_not_utf8_has_a_name_a_table_can_hold():
    assert Opened.text(os.fsdecode(b"r\xe9sultats.pcap")) == "r\\xe9sultats.pcap"


LINES = b"".join(b"%d %x\n" % (number, number * 2_654_435_761 % 2**32) for number in range(40_000))


def test_a_compressed_input_gives_its_unpacked_bytes_and_the_digest_of_the_stored(put, packed):
    stored = packed(LINES)
    told: list[int] = []
    with Opened(put(stored), progress=told.append) as opened:
        assert opened.head == LINES[:HEAD]
        assert io.BufferedReader(opened).read() == LINES
    assert (opened.size, sum(told), opened.sha256) == (len(stored), len(stored), hashlib.sha256(stored).hexdigest())
    assert (opened.unpacked_size, opened.error) == (len(LINES), None)


def test_a_compressed_input_through_a_pipe_is_read_alike(packed, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(packed(LINES))))
    with Opened("-") as opened:
        assert (opened.path, io.BufferedReader(opened).read()) == (None, LINES)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_compressed_input_cut_short_gives_whole_lines_and_says_so(put, packed, share):
    stored = packed(LINES)
    stored = stored[: int(len(stored) * share)]
    with Opened(put(stored)) as opened:
        found = io.BufferedReader(opened).read()
    assert found == LINES[: len(found)]
    assert found.endswith(b"\n")
    assert opened.error is not None
    assert (opened.error.code, opened.error.offset) == ("truncated", len(found))
    assert (opened.size, opened.sha256) == (len(stored), hashlib.sha256(stored).hexdigest())


def test_a_damaged_input_gives_what_came_before_and_is_digested_to_its_end(put):
    stored = gzip.compress(LINES[:5000]) + b"no gzip" * 90_000
    with Opened(put(stored)) as opened:
        found = io.BufferedReader(opened).read()
    assert found == LINES[: LINES[:5000].rfind(b"\n") + 1]
    assert opened.error is not None
    assert opened.error.code == "bad_compression"
    assert opened.sha256 == hashlib.sha256(stored).hexdigest()


def test_a_stream_that_breaks_at_once_is_an_error_from_the_start(put):
    for stored in (gzip.compress(b"x")[:9], b"\x1f\x8b\x09rest", b"\x28\xb5\x2f\xfd\x00\xa0\x01\0\0"):
        with Opened(put(stored)) as opened:
            assert opened.head == b""
            assert opened.error is not None
            assert opened.error.code in ("truncated", "bad_compression")


def test_a_line_without_end_does_not_grow_in_memory(put):
    with Opened(put(gzip.compress(bytes(64 << 20), 1))) as opened:
        longest = 0
        while opened.read(1 << 16):
            longest = max(longest, len(opened._begun))
    assert (longest < 1 << 21, opened.unpacked_size) == (True, 64 << 20)


@given(st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_a_path_shows_nothing_but_printable_text(path):
    told = Opened.text(path)
    assert told.isprintable()
    assert not path.isprintable() or told == path


def test_when_it_was_written_is_said_of_what_was_opened_whatever_its_name_is_by_now(tmp_path):
    log = tmp_path / "query.log"
    log.write_bytes(b"one\n")
    os.utime(log, ns=(10**18, 10**18))
    with Opened(str(log)) as opened:
        log.rename(tmp_path / "query.log.1")
        assert written(opened) == 10**18
        log.write_bytes(b"two\n")
        assert written(opened) == 10**18
