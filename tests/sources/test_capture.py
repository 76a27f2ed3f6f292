"""Captures through the core: rows and account unchanged, a file that is none stands in Coverage."""

import hashlib
import io
import struct
import sys

import pytest
from msgspec import structs

from flowwatch.model.records import FLOWS, LOOKUPS, Marker, ReadOptions
from flowwatch.sources import collect, read

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
    cut = stored.rindex(b"\x1f\x8b" if stored[:1] == b"\x1f" else b"\x28\xb5\x2f\xfd") + 5
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
