"""Arguments to sources: folders, globs, `-`, each file once."""

import os
from pathlib import Path

import pytest

from flowwatch.errors import UsageError
from flowwatch.sources import expand


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("b/2.pcap", "b/1.pcap", "b/deep/0.log", "b/.hidden", "b/.git/config", "a.log"):
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def test_a_folder_is_its_visible_files_at_every_depth_sorted(tree):
    assert expand(["b"]) == ("b/1.pcap", "b/2.pcap", "b/deep/0.log")


def test_the_order_given_stands_and_a_file_named_twice_is_read_once(tree):
    os.link("a.log", "same.log")
    assert expand(["b/2.pcap", "b", "a.log", "./a.log", "same.log", "-", "-"]) == (
        *("b/2.pcap", "b/1.pcap", "b/deep/0.log", "a.log", "-"),
    )


def test_a_glob_reaches_into_folders(tree):
    assert expand(["*.log", "b/*.pcap", "**/0.log"]) == ("a.log", "b/1.pcap", "b/2.pcap", "b/deep/0.log")


def test_a_hidden_file_named_outright_is_taken(tree):
    assert expand(["b/.hidden"]) == ("b/.hidden",)


def test_a_file_whose_name_looks_like_a_glob_or_url_is_a_file(tree):
    Path("x[1].log").write_bytes(b"x")
    assert expand(["x[1].log"]) == ("x[1].log",)


@pytest.mark.parametrize(
    "argument", ["none.pcap", "*.nothing", "empty", "s3://bucket/key", "https://results.example/x", ""]
)
def test_what_matches_nothing_is_a_usage_error_that_names_it(tree, argument):
    Path("empty").mkdir()
    with pytest.raises(UsageError, match=r".") as told:
        expand([argument])
    assert argument in str(told.value)


def test_a_link_loop_ends(tree):
    Path("b/round").symlink_to(tree / "b", target_is_directory=True)
    assert expand(["b"]) == ("b/1.pcap", "b/2.pcap", "b/deep/0.log")


def test_what_is_no_regular_file_is_passed_over_in_a_folder_but_taken_by_name(tree):
    os.mkfifo("b/pipe")
    assert "b/pipe" not in expand(["b"])
    assert expand(["b/pipe"]) == ("b/pipe",)


def test_a_folder_that_cannot_be_listed_is_a_source_and_not_passed_over(tmp_path, monkeypatch):
    (tmp_path / "open.pcap").touch()
    (tmp_path / "shut").mkdir()
    listed = os.scandir

    def scandir(path):
        if os.fspath(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert expand([str(tmp_path)]) == (str(tmp_path / "open.pcap"), str(tmp_path / "shut"))


def test_a_file_that_cannot_be_looked_at_is_a_source(tmp_path, monkeypatch):
    (tmp_path / "a.pcap").touch()

    def is_file(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", is_file)
    assert expand([str(tmp_path)]) == (str(tmp_path / "a.pcap"),)


def test_a_glob_passes_over_pipes_which_may_wait_for_ever(tree):
    os.mkfifo("b/late.pcap")
    Path("b/gone.pcap").symlink_to("nowhere")
    assert "b/late.pcap" not in expand(["b/*.pcap"])
    assert "b/gone.pcap" in expand(["b/*.pcap"])
    assert expand(["b/late.pcap"]) == ("b/late.pcap",)
