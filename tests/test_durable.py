"""A file is the old one or the new one, whatever happens between."""

import os
import subprocess
import sys

import pytest

from flowwatch.durable import replacing


class _PowerCutError(Exception):
    pass


def _cut_while_writing(path):
    with replacing(path) as file:
        file.write(b"ne")
        raise _PowerCutError


def test_while_it_is_written_the_old_one_stands(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with replacing(path, 0o600) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_fails_leaves_the_old_one_and_nothing_else(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with pytest.raises(_PowerCutError):
        _cut_while_writing(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_is_full_is_told_and_the_old_one_stands(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    program = (
        "import resource, signal, sys; from pathlib import Path; from flowwatch.durable import replacing\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    with replacing(Path(sys.argv[1])) as file: file.write(bytes(100_000))\n"
        "except OSError as error: sys.exit(error.errno)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, path], check=False)
    assert os.strerror(done.returncode) == "File too large"
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
