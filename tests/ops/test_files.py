"""Rotating files, one way at a time, and those of the real logrotate: each line is taken once, a gap is told once."""

import gzip
import os
import subprocess
import threading
import time
from pathlib import Path

import msgspec
import pytest

from flowwatch.ops import files
from flowwatch.ops.files import content as content_room
from tests.ops.rotating import PACK, SECOND, Checker

# The real logrotate.

ROTATIONS = {
    "rename": "rotate 5\ncreate",
    "no create, by date": "rotate 5\nnocreate\ndateext\ndateformat -%Y%m%d-%s",
    "compressed later": "rotate 5\ncreate\ncompress\ndelaycompress",
    "compressed at once": "rotate 5\ncreate\ncompress\ncompresscmd /usr/bin/xz\ncompressext .xz",
    "copytruncate": "rotate 5\ncopytruncate",
    "copytruncate, compressed": "rotate 5\ncopytruncate\ncompress\ncompresscmd /usr/bin/zstd\ncompressext .zst",
    "old folder": "rotate 5\ncreate\nolddir {folder}/old\ncompress\ncompresscmd /usr/bin/bzip2\ncompressext .bz2",
}


@pytest.mark.parametrize("how", ROTATIONS)
def test_what_logrotate_does_is_followed(how, logrotate, tmp_path):
    (tmp_path / "old").mkdir()
    log, conf = tmp_path / "query.log", tmp_path / "logrotate.conf"
    log.touch()
    options = ROTATIONS[how].format(folder=tmp_path)
    user = f"su {Path.home().owner()} {Path.home().group()}" if os.geteuid() == 0 else ""
    conf.write_text(f"{user}\n{log} {{\n{options}\n}}\n")
    conf.chmod(0o600)
    checker = Checker([tmp_path / "query.log*", tmp_path / "old" / "*"])
    count, dated = 0, set[Path]()
    for night in range(12):
        for _ in range(3):
            with log.open("ab") as file:
                file.write(b"".join(b"%07d %s.\n" % (count + n, b"x" * 90) for n in range(40)))
            count += 40
            if night % 4 != 3:  # now and then several rotations lie between two checks
                checker.check(portion=3000)
        run = [logrotate, "--force", "--state", str(tmp_path / "state"), str(conf)]
        subprocess.run(run, check=True, capture_output=True)
        for one in set(tmp_path.glob("query.log-????????-*")) - dated:  # names by the second, and a night passed
            dated.add(one.rename(tmp_path / f"query.log-202611{night + 1:02}-{1793491200 + night * 86400}"))
        log.touch()
        if night % 4 == 1:
            checker.check(portion=3000)
    checker.clock = time.time_ns() + 100 * SECOND
    plan = checker.check()
    assert (sum(checker.taken.values()), len(checker.taken), checker.gone) == (count, count, [])
    assert not plan.unreadable


def test_rotation_goes_on_while_it_is_looked_at(logrotate, tmp_path):
    log, conf = tmp_path / "query.log", tmp_path / "logrotate.conf"
    log.touch()
    user = f"su {Path.home().owner()} {Path.home().group()}" if os.geteuid() == 0 else ""
    conf.write_text(f"{user}\n{log} {{\nrotate 99\ncreate\ncompress\n}}\n")
    conf.chmod(0o600)
    written: list[int] = []

    def write():
        for _ in range(20):
            for _ in range(50):
                with log.open("ab") as file:
                    file.write(b"%07d %s.\n" % (len(written), b"x" * 300))
                written.append(1)
            run = [logrotate, "--force", "--state", str(tmp_path / "state"), str(conf)]
            subprocess.run(run, check=True, capture_output=True)

    checker = Checker([tmp_path / "query.log*"])
    writer = threading.Thread(target=write)
    writer.start()
    checks = 0
    while writer.is_alive():
        checker.clock = time.time_ns()
        checker.check(portion=4000)
        checks += 1
    writer.join()
    checker.clock = time.time_ns() + 100 * SECOND
    checker.check()
    assert (sum(checker.taken.values()), len(checker.taken), checker.gone) == (1000, 1000, [])
    assert checks > 1  # how many there are hangs on the machine


@pytest.mark.parametrize("first", range(12))
def test_no_file_is_missed_by_two_rotations_while_the_folder_is_looked_at(first, tmp_path, monkeypatch):
    """At whatever two questions to the system they come: what one scan shows twice is no other file's loss."""
    truly = Path.stat

    def rotate(log):
        for number in (2, 1, 0):
            before = log.with_name(f"query.log.{number}") if number else log
            if before.exists():
                before.rename(log.with_name(f"query.log.{number + 1}"))
        log.write_bytes(lines(100 * len(list(log.parent.iterdir()))))

    for second in range(first, first + 16):
        log = tmp_path / str(second) / "query.log"
        log.parent.mkdir()
        log.write_bytes(lines(0))
        checker, asked = Checker([f"{log}*"]), 0
        checker.check()

        def stat(path, *rest, log=log, second=second, **named):
            nonlocal asked
            asked += 1
            if asked in {first + 1, second + 2}:
                with monkeypatch.context() as still:
                    still.setattr(Path, "stat", truly)
                    rotate(log)
            return truly(path, *rest, **named)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "stat", stat)
            checker.check()
        assert not checker.gone, second


# One way at a time.


@pytest.fixture
def log(tmp_path):
    return tmp_path / "query.log"


@pytest.fixture
def checker(log):
    return Checker([f"{log}*"])


def lines(first, count=20, length=60):
    return b"".join(b"%07d %s.\n" % (number, b"x" * length) for number in range(first, first + count))


def numbers(checker):
    assert max(checker.taken.values(), default=1) == 1
    return sorted(int(line[:7]) for line in checker.taken)


@pytest.fixture
def unopened(monkeypatch):
    """No file is opened from here on."""

    def refuse(path, *_):
        raise AssertionError(path)

    def forbid():
        monkeypatch.setattr(os, "open", refuse)
        monkeypatch.setattr(content_room, "Opened", refuse)

    return forbid


@pytest.fixture
def locked(monkeypatch):
    """Makes a file unreadable, also for root."""
    truly, paths = os.open, set[str]()

    def refuse(path, *rest, **named):
        if str(path) in paths:
            raise PermissionError(13, "Permission denied", path)
        return truly(path, *rest, **named)

    monkeypatch.setattr(os, "open", refuse)
    return paths


def test_of_what_is_unchanged_no_byte_is_read(log, checker, unopened):
    for number in range(5):
        log.with_name(f"query.log.{number}.gz").write_bytes(gzip.compress(lines(20 * number)))
    log.write_bytes(lines(100))
    checker.clock += 100 * SECOND
    checker.check()
    checker.check()
    unopened()
    assert files.plan(checker.patterns, checker.cursors, checker.clock) == files.Plan()
    log.rename(log.with_name("query.log.5"))
    [moved] = files.plan(checker.patterns, checker.cursors, checker.clock).moved
    assert Path(moved.path).name == "query.log.5"


def test_a_file_written_to_the_moment_it_is_looked_at_is_looked_at_again(log, checker):
    log.write_bytes(lines(0))
    checker.check()
    status = log.stat()
    log.write_bytes(lines(20))  # as long, and at the same time as far as its clock tells
    os.utime(log, ns=(status.st_atime_ns, status.st_mtime_ns))
    checker.check()
    assert numbers(checker) == list(range(40))


def test_a_source_that_has_no_file_is_missing_and_no_fault(log, checker):
    assert files.plan(checker.patterns, [], checker.clock) == files.Plan(missing=True)


def test_what_is_no_file_is_never_waited_for(log, checker):
    os.mkfifo(log)
    plan = files.plan([str(log)], [], checker.clock)
    assert plan.unreadable == ((str(log), "not a regular file"),)
    assert plan.missing


def test_a_file_put_in_place_of_one_that_was_seen_is_not_waited_for(log, checker):
    log.write_bytes(lines(0))
    [cursor] = files.plan(checker.patterns, [], checker.clock).reads
    log.unlink()
    os.mkfifo(log)
    assert files.advanced(cursor, 10, ended=True) is None


def test_a_file_that_cannot_be_opened_is_told_and_not_gone(log, checker, locked):
    log.write_bytes(lines(0))
    checker.check()
    log.rename(log.with_name("query.log.1"))
    with log.with_name("query.log.1").open("ab") as file:
        file.write(lines(20))
    locked.add(str(log.with_name("query.log.1")))
    log.write_bytes(lines(40))
    plan = checker.check()
    assert plan.unreadable == ((str(log.with_name("query.log.1")), "permission denied"),)
    assert not checker.gone
    locked.clear()
    checker.check()
    assert numbers(checker) == list(range(60))


def test_a_folder_that_cannot_be_listed_ends_no_cursor(log, checker, monkeypatch):
    log.write_bytes(lines(0))
    checker.check()
    log.rename(log.with_name("away"))

    def refuse(folder):
        raise PermissionError(13, "Permission denied", folder)

    with monkeypatch.context() as patch:
        patch.setattr("flowwatch.ops.files.seen.os.scandir", refuse)
        plan = files.plan(checker.patterns, checker.cursors, checker.clock)
    assert (plan.gone, plan.unreadable) == ((), ((str(log.parent), "permission denied"),))
    assert files.plan(checker.patterns, checker.cursors, checker.clock).gone


def test_a_gap_is_told_once_with_the_time_it_begins_and_what_comes_back_goes_on(log, checker):
    log.write_bytes(lines(0))
    checker.check()
    [before] = checker.cursors
    log.rename(log.with_name("away"))
    checker.check()
    assert [one.last_time for one in checker.gone] == [before.last_time]
    checker.check()
    assert len(checker.gone) == 1
    log.with_name("away").rename(log)
    with log.open("ab") as file:
        file.write(lines(20))
    checker.check()
    assert numbers(checker) == list(range(40))
    log.unlink()
    checker.check()
    assert len(checker.gone) == 2


def test_what_was_read_to_its_end_and_followed_by_another_is_deleted_silently(log, checker):
    log.write_bytes(lines(0))
    checker.check()
    log.rename(log.with_name("query.log.1"))
    log.write_bytes(lines(20))
    checker.check()
    log.with_name("query.log.1").unlink()
    checker.check()
    checker.clock += 25 * 3600 * SECOND
    checker.check()
    assert (checker.gone, len(checker.cursors)) == ([], 1)


def test_a_log_emptied_without_a_copy_is_a_gap_however_far_it_grows(log, checker):
    log.write_bytes(lines(0))
    checker.check()
    log.write_bytes(lines(20, count=50))
    checker.check()
    assert numbers(checker) == list(range(70))
    assert len(checker.gone) == 1


def test_an_emptied_log_is_found_in_its_copy_which_is_shorter_than_what_was_read(log, checker):
    log.write_bytes(lines(0, count=100))
    copy = log.with_name("query.log.1")
    copy.write_bytes(log.read_bytes())
    with log.open("ab") as file:
        file.write(lines(100))  # lost to the copy, but not to us
    checker.check()
    log.write_bytes(b"")
    checker.check()
    log.write_bytes(lines(120, count=200))
    checker.clock += 100 * SECOND
    checker.check()
    packed = log.with_name("query.log.1.gz")
    packed.write_bytes(gzip.compress(copy.read_bytes()))
    os.utime(packed, ns=(copy.stat().st_atime_ns, copy.stat().st_mtime_ns))
    checker.check()
    copy.unlink()
    checker.check()
    packed.unlink()
    checker.check()
    assert (numbers(checker), checker.gone) == (list(range(320)), [])


@pytest.mark.parametrize("header", [40, 900, 3000])
def test_files_that_share_a_header_are_each_read(log, checker, header):
    begin = b"#" + b"h" * header + b"\n"
    for number in range(6):
        log.write_bytes(begin + lines(20 * number, count=3))
        checker.check()
        log.rename(log.with_name(f"query.log-{number}"))
    log.write_bytes(begin)
    checker.check()
    assert numbers(checker) == [20 * number + n for number in range(6) for n in range(3)]
    assert not checker.gone


def test_a_header_read_alone_goes_on_in_all_files_that_have_it(log, checker):
    log.write_bytes(b"#header\n")
    checker.check()
    with log.open("ab") as file:
        file.write(lines(0))
    log.rename(log.with_name("query.log.1"))
    log.write_bytes(b"#header\n" + lines(20))
    checker.check()
    assert numbers(checker) == list(range(40))
    assert sorted(one.offset for one in checker.cursors) == [8 + len(lines(0))] * 2


def test_one_file_by_several_names_is_read_once(log, checker, tmp_path):
    log.write_bytes(lines(0))
    os.link(log, log.with_name("query.log.hard"))
    log.with_name("query.log.soft").symlink_to(log)
    log.with_name("query.log.nowhere").symlink_to(tmp_path / "nothing")
    plan = files.plan([*checker.patterns, str(tmp_path / "*")], [], checker.clock)
    assert [Path(one.path).name for one in plan.reads] == ["query.log"]
    assert plan.unreadable == ((str(log.with_name("query.log.nowhere")), "a link that leads nowhere"),)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("part", [0, 1, 5, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("suffix", PACK)
def test_half_a_compressed_file_beside_its_original_is_no_new_file(log, checker, suffix, part, known):
    log.write_bytes(b"".join(lines(number, 1, 1 + number % 97) for number in range(3000)))
    if known:
        checker.check(portion=4000, budget=30)
    whole = PACK[suffix](log.read_bytes())
    log.with_name(f"query.log.1{suffix}").write_bytes(whole[: int(part if part in {1, 5} else len(whole) * part)])
    checker.check()
    assert numbers(checker) == list(range(3000))
    log.with_name(f"query.log.1{suffix}").write_bytes(whole)
    log.unlink()
    checker.check()
    assert numbers(checker) == list(range(3000))
    assert not checker.gone


def test_a_ring_of_captures_is_read_oldest_first_and_what_it_overwrote_is_told(tmp_path, checker):
    ring = [tmp_path / f"cap_{number:05}_20261127{number:06}.pcap" for number in range(8)]
    for number, one in enumerate(ring[:4]):
        one.write_bytes(b"\xd4\xc3\xb2\xa1" + bytes(20) + number.to_bytes(8, "little") * 100)
        os.utime(one, ns=(checker.clock, checker.clock))
    patterns = [str(tmp_path / "cap_*")]
    plan = files.plan(patterns, [], checker.clock)
    assert [one.path for one in plan.reads] == [str(one) for one in ring[:4]]
    read = [files.advanced(one, None, 5, ended=True) for one in plan.reads[:3]]
    all_four = [*filter(None, read), plan.reads[3]]  # too young to be read: remembered all the same
    stored = [msgspec.structs.replace(one, id=number) for number, one in enumerate(all_four, 1)]
    assert [one.offset for one in stored] == [824, 824, 824, 0]
    for old, new in zip(ring[:4], ring[4:], strict=True):
        old.unlink()
        new.write_bytes(b"\xd4\xc3\xb2\xa1" + bytes(20) + new.name.encode() * 50)
    plan = files.plan(patterns, stored, checker.clock)
    assert [one.path for one in plan.reads] == [str(one) for one in ring[4:]]
    assert [one.id for one in plan.gone] == [4]


@pytest.mark.parametrize("meanwhile", ["renamed", "emptied", "replaced", "deleted", "grown", "emptied and grown"])
def test_a_step_counts_only_if_the_file_is_still_the_one_that_was_planned(log, checker, meanwhile):
    log.write_bytes(lines(0))
    checker.check()
    with log.open("ab") as file:
        file.write(lines(20))
    [cursor] = files.plan(checker.patterns, checker.cursors, checker.clock).reads
    if meanwhile == "renamed":
        log.rename(log.with_name("query.log.1"))
        log.write_bytes(lines(0, count=60))
    elif meanwhile == "emptied":
        log.write_bytes(b"")
    elif meanwhile == "emptied and grown":
        log.write_bytes(lines(100, count=60))
    elif meanwhile == "replaced":
        log.with_name("new").write_bytes(lines(40, count=60))
        log.with_name("new").rename(log)
    elif meanwhile == "deleted":
        log.unlink()
    else:
        with log.open("ab") as file:
            file.write(lines(40))
    after = files.advanced(cursor, len(lines(0, count=40)), ended=True)
    assert (after is None) == (meanwhile != "grown")
    if after is not None:
        [more] = files.plan(checker.patterns, [after], checker.clock).reads
        assert more.offset == after.offset  # what came after the plan is not taken for read


def test_what_is_remembered_stays_small(log, checker):
    for number in range(300):
        with log.open("ab") as file:
            file.write(lines(400 * number, count=400, length=90))
        checker.check()
    [body] = checker.stored.values()
    assert len(checker.cursors[0].marks) < 20
    assert len(body) < 8 << 10


def test_a_last_line_without_an_end_is_due_when_nothing_more_will_come(log, checker):
    log.write_bytes(lines(0)[:-1])
    checker.check()
    assert numbers(checker) == list(range(19))
    log.rename(log.with_name("query.log.1"))
    log.write_bytes(lines(20))
    checker.check()
    assert numbers(checker) == [*range(19), *range(20, 40)]
    checker.clock += 100 * SECOND
    checker.check()
    assert numbers(checker) == list(range(40))
    assert not files.plan(checker.patterns, checker.cursors, checker.clock).reads


def test_text_in_utf_16_goes_on_by_its_unpacked_bytes(log, checker):
    log.write_bytes(b"\xff\xfe" + lines(0).decode().encode("utf-16-le"))
    checker.check()
    with log.open("ab") as file:
        file.write(lines(20).decode().encode("utf-16-le"))
    log.rename(log.with_name("query.log.1"))
    checker.check()
    assert (numbers(checker), checker.gone) == (list(range(40)), [])


def test_of_too_many_files_the_newest_are_read_and_the_loss_is_told(tmp_path, checker, monkeypatch):
    monkeypatch.setattr("flowwatch.ops.files.planning.MOST", 3)
    for number in range(5):
        one = tmp_path / f"query.log.{number}"
        one.write_bytes(lines(number))
        os.utime(one, ns=(number, number))
    plan = files.plan(checker.patterns, [], checker.clock)
    assert [Path(one.path).suffix for one in plan.reads] == [".2", ".3", ".4"]
    [(path, why)] = plan.unreadable
    assert path.endswith(".1")
    assert why.startswith("more than 3 files")


def test_a_file_in_reading_is_not_taken_for_the_beginning_of_one_that_was_deleted(log, checker):
    begin = b"#" + b"h" * 1500 + b"\n"
    log.write_bytes(begin + lines(0, count=40))
    checker.check()
    log.rename(log.with_name("query.log.1"))
    log.write_bytes(begin + lines(40, count=2))
    checker.clock += 100 * SECOND
    os.utime(log, ns=(checker.clock, checker.clock))
    checker.check()
    checker.clock += 5 * SECOND
    checker.check()
    log.with_name("query.log.1").unlink()
    checker.check()
    with log.open("ab") as file:
        file.write(lines(42))
    checker.check()
    assert (numbers(checker), checker.gone) == (list(range(62)), [])


def test_what_was_seen_and_not_read_tells_a_file_from_its_successor(log, checker):
    log.write_bytes(b"#header\n" + lines(0)[:30])
    checker.check()
    log.write_bytes(b"#header\n")
    checker.check()
    log.write_bytes(b"#header\n" + lines(20))
    checker.check()
    assert (numbers(checker), len(checker.gone)) == (list(range(20, 40)), 1)


def test_a_new_file_written_anew_before_it_was_read_is_planned_anew(log, checker):
    log.write_bytes(lines(0))
    [cursor] = files.plan(checker.patterns, [], checker.clock).reads
    log.write_bytes(lines(20))
    assert files.advanced(cursor, len(lines(0)), ended=True) is None


def test_a_finished_copy_takes_over_when_its_original_goes(log, checker):
    log.write_bytes(lines(0))
    checker.check()
    checker.clock += 100 * SECOND
    log.with_name("query.log.1.gz").write_bytes(gzip.compress(lines(0)))
    checker.check()
    checker.check()
    log.unlink()
    checker.check()
    assert (numbers(checker), checker.gone) == (list(range(20)), [])


def test_a_file_compressed_while_one_like_it_is_deleted_goes_on_with_its_own_cursor(log, checker):
    begin = b"#" + b"h" * 1500 + b"\n"
    old, young = log.with_name("query.log.2"), log.with_name("query.log.1")
    old.write_bytes(begin + lines(0, count=3))
    os.utime(old, ns=(checker.clock, checker.clock))
    young.write_bytes(begin + lines(3, count=2))
    checker.clock += 100 * SECOND
    os.utime(young, ns=(checker.clock, checker.clock))
    checker.check()
    checker.check()
    old.unlink()
    log.with_name("query.log.1.gz").write_bytes(gzip.compress(young.read_bytes()))
    os.utime(log.with_name("query.log.1.gz"), ns=(checker.clock, checker.clock))
    young.unlink()
    for _ in range(3):
        checker.check()
        checker.clock += 100 * SECOND
    assert (numbers(checker), checker.gone) == (list(range(5)), [])
