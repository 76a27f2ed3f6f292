"""Captures through the core: rows and account unchanged, a file that is none stands in Coverage."""

import hashlib
import io
import os
import struct
import subprocess
import sys
import threading
import time

import pytest
from msgspec import structs

from flowwatch.model.records import FLOWS, LOOKUPS, Marker, ReadOptions
from flowwatch.sources import collect, patience, read

pytest.importorskip("flowwatch._native", reason="the core is not built")

HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)


@pytest.fixture
def capture():
    """A lookup and an upload in the clear, made by scapy."""
    from scapy.layers.dns import DNS, DNSQR, DNSRR  # noqa: PLC0415 - scapy takes its time
    from scapy.layers.inet import IP, TCP, UDP  # noqa: PLC0415
    from scapy.layers.l2 import Ether  # noqa: PLC0415
    from scapy.packet import Raw  # noqa: PLC0415

    question, name = DNSQR(qname="results.example"), "results.example"
    out, back = IP(src="192.0.2.10", dst="192.0.2.53"), IP(src="192.0.2.53", dst="192.0.2.10")
    reply = DNS(id=1, qr=1, rd=1, ra=1, qd=question, an=DNSRR(rrname=name, rdata="198.51.100.7", ttl=60))
    to = IP(src="192.0.2.10", dst="198.51.100.7") / TCP(sport=40001, dport=8080, seq=1, flags="PA") / Raw(b"x" * 100)
    packets = [
        out / UDP(sport=40000, dport=53) / DNS(id=1, rd=1, qd=question),
        back / UDP(sport=53, dport=40000) / reply,
        to,
    ]
    frames = [bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / packet) for packet in packets]
    records = (
        struct.pack("<IIII", 1795333872 + at, 5, len(frame), len(frame)) + frame for at, frame in enumerate(frames)
    )
    return HEADER + b"".join(records)


def test_a_capture_gives_both_tables_and_its_account(put, capture):
    source = put(capture)
    collected = collect([source])
    assert collected.flows.schema.equals(FLOWS)
    assert collected.lookups.schema.equals(LOOKUPS)
    (coverage,) = collected.coverage
    assert (coverage.source, coverage.format, coverage.size) == (source, "pcap", len(capture))
    assert (coverage.records, coverage.used, coverage.link_types) == (3, 3, ("ethernet",))
    assert coverage.records == coverage.used + sum(coverage.skipped.values())
    assert collected.lookups["qname"].to_pylist() == ["results.example"]
    assert set(collected.flows["source"].to_pylist()) == {source}


def test_standard_input_gives_the_same_rows(put, capture, monkeypatch):
    stored = collect([put(capture)])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(capture)))
    piped = collect(["-"])
    assert piped.flows.drop_columns("source").equals(stored.flows.drop_columns("source"))
    assert piped.coverage[0].sha256 == stored.coverage[0].sha256


def test_a_name_that_is_not_utf8_is_read_like_any_other(put, capture):
    try:
        odd = put(capture, "od\udcff\udcfe")
    except OSError:
        pytest.skip("this file system has no such names")
    usual, collected = collect([put(capture)]), collect([odd])
    assert collected.flows.drop_columns("source").equals(usual.flows.drop_columns("source"))
    (coverage,) = collected.coverage
    assert (coverage.size, coverage.sha256) == (len(capture), usual.coverage[0].sha256)
    assert coverage.source.endswith("od\\xff\\xfe")
    told: list[int] = []
    for _ in read(odd, progress=told.append):
        pass
    assert sum(told) == len(capture)


def test_progress_adds_up_to_the_size(put, capture):
    told: list[int] = []
    for _ in read(put(capture), progress=told.append):
        pass
    assert sum(told) == len(capture)


def test_a_capture_cut_short_keeps_what_was_read_and_says_where(put, capture):
    collected = collect([put(capture[:-30])])
    error = collected.coverage[0].error
    assert error is not None
    assert error.code == "truncated"
    assert error.offset is not None
    assert collected.lookups.num_rows == 1


def test_a_compressed_capture_gives_the_rows_of_the_plain_one(put, capture, packed, monkeypatch):
    stored = packed(capture)
    plain, found = collect([put(capture)]), collect([put(stored)])
    assert found.flows.equals(plain.flows)
    assert found.lookups.equals(plain.lookups)
    (coverage,) = found.coverage
    assert (coverage.size, coverage.unpacked_size) == (len(stored), len(capture))
    assert coverage.sha256 == hashlib.sha256(stored).hexdigest()
    same = {"sha256": None, "size": None, "compression": None, "unpacked_size": None}
    assert structs.replace(coverage, **same) == structs.replace(plain.coverage[0], **same)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stored)))
    piped = collect(["-"])
    assert piped.flows.drop_columns("source").equals(plain.flows.drop_columns("source"))
    assert structs.replace(piped.coverage[0], source=coverage.source) == coverage


def test_a_compressed_capture_that_breaks_keeps_what_was_read_and_says_where(put, capture, packed):
    stored = packed(capture)
    cut = stored.rindex(stored[:4]) + 5
    collected = collect([put(stored[:cut])])
    (coverage,) = collected.coverage
    error = coverage.error
    assert error is not None
    assert (error.code, error.offset) == ("truncated", len(capture) // 2 - coverage.trailing_bytes)
    assert coverage.records == 1
    assert coverage.sha256 == hashlib.sha256(stored[:cut]).hexdigest()
    (coverage,) = collect([put(stored[:6])]).coverage
    assert coverage.error is not None
    assert (coverage.error.code, coverage.size, coverage.records) == ("truncated", 6, 0)


def test_what_only_begins_like_a_capture_is_told_with_size_and_digest(put):
    (coverage,) = collect([put(HEADER[:7])]).coverage
    assert coverage.error is not None
    assert (coverage.error.code, coverage.size, coverage.records) == ("not_a_capture", 7, 0)
    assert coverage.sha256 == hashlib.sha256(HEADER[:7]).hexdigest()


def test_a_capture_and_a_log_are_collected_together(put, capture, rows, tsv):
    collected = collect([put(capture), put(tsv("conn", rows("conn", {})), "conn.log")])
    assert collected.flows["bytes_scope"].to_pylist()[-1] == "payload"
    assert collected.flows["source"].to_pylist()[-1].endswith("conn.log")


def test_markers_are_looked_for_when_asked(put, capture):
    source = put(capture)
    assert collect([source]).flows["src_markers"].to_pylist() == [None, None]
    markers = (Marker("asked", b"\x07results"), Marker("dull", b"xyz"), Marker("full", b"x" * 100))
    flows = collect([source], ReadOptions(markers=markers)).flows
    assert flows["dst_markers"].to_pylist() == [["asked"], None]
    # The upload's opening was not recorded: only what was found tells something.
    assert flows["src_markers"].to_pylist() == [["asked"], ["full"]]
    with pytest.raises(ValueError, match="the pattern of marker x is empty"):
        collect([source], ReadOptions(markers=(Marker("x", b""),)))


def lookup(capture, at):
    """The records of one question and its answer, `at` seconds later and from another port each time."""
    found = bytearray()
    for (_, micros, wire, packet), port in zip(packets(capture), (34, 36), strict=False):
        struct.pack_into(">H", changed := bytearray(packet), port, 50000 + at)
        found += struct.pack("<IIII", 1795333900 + at, micros, len(packet), wire) + changed
    return bytes(found)


def test_a_capture_that_grows_is_followed_and_its_rows_come_meanwhile(tmp_path, capture):
    path = tmp_path / "growing.pcap"
    path.write_bytes(b"")
    went_on = threading.Event()

    def write():
        with path.open("ab", buffering=0) as file:
            file.write(HEADER)
            for at in range(3):
                time.sleep(0.1)
                file.write(lookup(capture, at)[:50])
                time.sleep(0.1)
                file.write(lookup(capture, at)[50:])
            went_on.wait(20)
            file.write(lookup(capture, 3))

    writer = threading.Thread(target=write)
    writer.start()
    reading = read(str(path), ReadOptions(eager=True, follow=2.5))
    rows = 0
    for table, batch in reading:
        rows += batch.num_rows if table == "lookups" else 0
        if rows == 3:
            went_on.set()  # only once the rows came, so the file cannot have ended before
    writer.join()
    assert went_on.is_set()
    assert (rows, reading.coverage.records, reading.coverage.error) == (4, 8, None)
    assert reading.coverage.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_capture_that_becomes_shorter_while_it_is_followed_says_so(tmp_path, capture):
    path = tmp_path / "shrinking.pcap"
    path.write_bytes(capture)
    threading.Timer(0.5, os.truncate, (path, 30)).start()
    reading = read(str(path), ReadOptions(follow=30))
    assert sum(batch.num_rows for _, batch in reading) == 3
    assert reading.coverage.error is not None
    assert (reading.coverage.error.code, reading.coverage.records) == ("read_error", 3)
    assert "cut to 30 bytes" in reading.coverage.error.message


def test_a_pipe_is_read_as_it_comes(tmp_path, capture):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    seen = threading.Event()

    def write():
        with pipe.open("wb", buffering=0) as file:
            file.write(HEADER + lookup(capture, 0))
            seen.wait(20)

    writer = threading.Thread(target=write)
    writer.start()
    found = []
    for table, _ in read(str(pipe), ReadOptions(eager=True)):
        found.append((table, seen.is_set()))
        seen.set()
    writer.join()
    assert found[0] == ("lookups", False)


def test_an_interrupt_ends_a_followed_capture_soon(put, capture):
    program = (
        "import signal, sys, flowwatch.sources as s, flowwatch.model as m\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background jobs ignore it
        "reading = s.read(sys.argv[1], m.ReadOptions(eager=True, follow=3600))\n"
        "for table, batch in reading: print(table, flush=True)\n"
    )
    command = [sys.executable, "-c", program, put(capture)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "lookups\n"
        running.send_signal(2)
        try:
            _, told = running.communicate(timeout=20)
        finally:
            running.kill()
    assert "KeyboardInterrupt" in told


def test_only_a_file_that_was_just_written_is_believed_to_grow(put, capture, tmp_path):
    fresh = put(capture)
    assert patience(fresh)
    os.utime(fresh, (0, 1_700_000_000))
    assert patience(fresh) is None
    os.mkfifo(tmp_path / "pipe")
    assert [patience(str(tmp_path / name)) for name in ("pipe", "missing")] == [None, None]
    assert patience("-") is None


def as_snoop(capture):
    header = b"snoop\0\0\0" + struct.pack(">II", 2, 4)
    return header + b"".join(
        struct.pack(">IIIIII", wire, len(packet), 24 + len(packet), 0, seconds, micros) + packet
        for seconds, micros, wire, packet in packets(capture)
    )


def as_erf(capture):
    return b"".join(
        struct.pack("<II", (micros << 32) // 1_000_000 + 1, seconds)
        + struct.pack(">BBHHHxx", 2, 4, 18 + len(packet), 0, wire)
        + packet
        for seconds, micros, wire, packet in packets(capture)
    )


def as_big_endian(capture):
    header = struct.pack(">IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    return header + b"".join(
        struct.pack(">IIII", seconds, micros, len(packet), wire) + packet
        for seconds, micros, wire, packet in packets(capture)
    )


def packets(capture):
    at = 24
    while at < len(capture):
        seconds, micros, kept, wire = struct.unpack_from("<IIII", capture, at)
        yield seconds, micros, wire, capture[at + 16 : at + 16 + kept]
        at += 16 + kept


@pytest.mark.parametrize("container", [as_snoop, as_erf, as_big_endian])
def test_every_container_gives_the_same_rows(put, capture, container):
    places = ["source", "first_offset", "offset", "answer_offset"]
    plain, other = (collect([put(data, name)]) for data, name in ((capture, "one"), (container(capture), "other")))
    for one, two in ((plain.flows, other.flows), (plain.lookups, other.lookups)):
        kept = [name for name in one.column_names if name not in places]
        assert two.select(kept).equals(one.select(kept))
    assert other.coverage[0].records == other.coverage[0].used == 3


@pytest.mark.parametrize("container", [bytes, as_snoop, as_erf])
def test_a_capture_cut_anywhere_gives_a_prefix_and_says_so(put, capture, container, packed):
    whole = container(capture)
    for cut in range(48, len(whole), 41):
        (one,) = collect([put(whole[:cut])]).coverage
        stored = packed(whole).rstrip(b"\0")  # gzip's padding may be missing
        (two,) = collect([put(stored[: len(stored) * cut // len(whole)])]).coverage
        assert one.records < 4
        assert one.error or one.records in (1, 2)
        assert two.records <= 3
        assert two.error


def test_two_captures_in_one_file_are_told(put, capture):
    (coverage,) = collect([put(capture + capture)]).coverage
    assert (coverage.records, coverage.trailing_bytes) == (3, len(capture))
    assert coverage.error is not None
    assert coverage.error.offset == len(capture)
    assert coverage.error.message.startswith("another capture file begins here")


def test_names_that_the_writer_resolved_are_told_and_in_no_row(put):
    def block(kind, body):
        body += bytes(-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

    section = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    name = b"results.example\0"
    names = block(4, struct.pack("<HH", 1, 4 + len(name)) + bytes([198, 51, 100, 7]) + name + bytes(4))
    (coverage,) = collect([put(section + names + names)]).coverage
    assert coverage.notes == ("1 x name in it that its writer resolved, which proves nothing and is in no row",)


MEASURED = """
import resource, sys
from flowwatch import sources
sources.collect([sys.argv[1]])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
[coverage] = sources.collect([sys.argv[2]]).coverage
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, coverage.unpacked_size, coverage.error.code)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measured in the unit of Linux")
@pytest.mark.parametrize("kind", ["capture", "log"])
def test_what_unpacks_to_very_much_is_read_in_constant_memory(put, capture, packed, kind):
    begins = capture + struct.pack("<IIII", 1795333872, 0, 0xFFFFFFF0, 0xFFFFFFF0) if kind == "capture" else b"\x01"
    bomb = put(packed(begins) + packed(bytes(8 << 20)) * 48, "bomb")
    command = [sys.executable, "-c", MEASURED, put(packed(capture), "small"), bomb]
    kilobytes, size, code = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    assert int(kilobytes) < 96 << 10
    if kind == "capture":
        assert (int(size), code) == (len(begins) + (384 << 20), "bad_record")
    else:
        assert code == "unknown_format"
