"""An input opened: its head does not cost its bytes, size and digest are of what is stored."""

import hashlib
import io
import os
import sys
import threading

import pytest

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
