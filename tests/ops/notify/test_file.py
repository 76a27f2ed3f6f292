import json
import os
import stat

import pytest

from flowwatch.ops.notify import NotDelivered, channel


@pytest.fixture
def told(notify, tmp_path):
    """Makes the channel in a folder of its own, and gives the path of its file."""

    def make(written=None, name="alerts"):
        return channel(notify("file", path=name, format=written), "file-1", tmp_path), tmp_path / name

    return make


def test_one_line_an_alert(told, alert, hostile):
    one, path = told("jsonl")
    for sent in (alert, hostile, alert):
        one.send(sent)
    lines = path.read_bytes().split(b"\n")
    assert lines.pop() == b""
    assert [json.loads(line)["delivery"] for line in lines] == [alert.delivery, hostile.delivery, alert.delivery]


def test_one_block_an_alert(told, alert, hostile):
    one, path = told()
    one.send(alert)
    one.send(hostile)
    blocks = path.read_text("ascii").split("\n\nhigh: ")
    assert len(blocks) == 2
    assert path.read_text().endswith(".\n\n")


def test_it_is_made_for_its_owner_alone(told, alert):
    one, path = told()
    before = os.umask(0)
    try:
        one.send(alert)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_was_there_stays_and_a_line_that_was_cut_is_ended_first(told, alert):
    one, path = told("jsonl")
    path.write_bytes(b'{"cut')
    one.send(alert)
    first, second, rest = path.read_bytes().split(b"\n")
    assert (first, rest) == (b'{"cut', b"")
    assert json.loads(second)["delivery"] == alert.delivery


def _link(path):
    path.symlink_to(path.parent / "elsewhere")


def _linked_twice(path):
    (path.parent / "elsewhere").touch()
    path.hardlink_to(path.parent / "elsewhere")


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (_link, "a symbolic link"),
        (_linked_twice, "other names"),
        (os.mkfifo, "written"),
        (lambda path: path.mkdir(), "directory"),
    ],
    ids=["symlink", "hardlink", "fifo", "folder"],
)
def test_it_writes_to_no_file_that_others_may_have_put_there(told, alert, plant, words):
    one, path = told()
    plant(path)
    with pytest.raises(NotDelivered, match=words) as raised:
        one.send(alert)
    assert raised.value.retry
    assert not (path.parent / "elsewhere").exists() or not (path.parent / "elsewhere").read_bytes()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file to another user: not tried")
def test_it_writes_to_no_file_of_another_user(told, alert):
    one, path = told()
    path.touch()
    os.chown(path, 65_534, 65_534)
    with pytest.raises(NotDelivered, match="another user"):
        one.send(alert)


def test_a_full_disk_leaves_no_part_of_a_line(told, alert, monkeypatch):
    one, path = told("jsonl")
    one.send(alert)
    whole, write = path.read_bytes(), os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:10]))
    with pytest.raises(NotDelivered, match="only 10 of"):
        one.send(alert)
    assert path.read_bytes() == whole


def test_a_folder_that_is_not_there_is_told_and_tried_again(told, alert):
    one, _ = told(name="none/alerts")
    with pytest.raises(NotDelivered, match="No such file") as raised:
        one.send(alert)
    assert raised.value.retry
