import os

import pytest

from flowwatch.errors import UsageError
from flowwatch.ops.notify.secret import secret


def test_the_first_line(secret_file):
    assert secret(secret_file) == b"correct horse"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o644])
def test_one_that_others_may_use_is_refused(secret_file, mode):
    secret_file.chmod(mode)
    with pytest.raises(UsageError, match="chmod 600"):
        secret(secret_file)


@pytest.mark.parametrize("content", [b"", b"\n", b"  \nnext", b"x" * 5_000], ids=["empty", "blank", "blanks", "long"])
def test_one_that_holds_none_is_refused(secret_file, content):
    secret_file.write_bytes(content)
    with pytest.raises(UsageError, match="holds no secret"):
        secret(secret_file)


def test_none_there(tmp_path):
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        secret(tmp_path / "none")


@pytest.mark.parametrize("plant", [os.mkfifo, os.mkdir], ids=["fifo", "folder"])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path, plant):
    plant(tmp_path / "secret", 0o600)
    with pytest.raises(UsageError):
        secret(tmp_path / "secret")


def test_no_error_tells_it(secret_file):
    secret_file.write_bytes(b"x" * 5_000)
    with pytest.raises(UsageError) as raised:
        secret(secret_file)
    assert "xxx" not in str(raised.value)
