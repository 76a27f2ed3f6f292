"""Files of one rotation are one stream; whatever is not surely one stays by itself."""

import struct

import pytest

from flowwatch.model import ReadOptions
from flowwatch.sources import collect, runs

HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
START = 1_795_333_872


def record(second, sport, payload=b"x"):
    body = struct.pack("!HHHH", sport, 5000, 8 + len(payload), 0) + payload
    ip = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 0, 0, 64, 17, 0, bytes((192, 0, 2, 1)), bytes((198, 51, 100, 1))
    )
    frame = b"\x02" * 12 + b"\x08\x00" + ip + body
    return struct.pack("<IIII", START + second, 0, len(frame), len(frame)) + frame


@pytest.fixture
def put(tmp_path):
    def make(name, *seconds, header=HEADER):
        path = tmp_path / name
        path.write_bytes(header + b"".join(record(second, 4000) for second in seconds))
        return str(path)

    return make


def test_files_that_follow_one_another_are_one_run_by_time(put):
    ring = [put("out.pcap10", 20, 29), put("out.pcap2", 10, 19), put("out.pcap", 0, 9)]
    assert runs(ring) == (tuple(reversed(ring)),)


def test_what_differs_in_more_than_digits_or_form_stays_alone(put, tmp_path):
    ring = [put("a-1.pcap", 0, 1), put("a-2.pcap", 2, 3)]
    copy = put("a-3.pcap", 2, 3)
    other = put("a-4.pcap", 5, header=struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 96, 1))
    named = put("b-1.pcap", 9)
    note = tmp_path / "a-5.pcap"
    note.write_text("no capture")
    gone = str(tmp_path / "a-6.pcap")
    found = runs([*ring, copy, other, str(note), gone, named])
    assert sorted(found) == sorted([tuple(ring), (copy,), (other,), (str(note),), (gone,), (named,)])


def test_a_conversation_over_three_files_is_one_row_of_the_first(put):
    ring = [put("out1.pcap", 0, 9), put("out2.pcap", 10, 19), put("out3.pcap", 20, 29)]
    collected = collect(ring)
    [flow] = collected.flows.to_pylist()
    assert (flow["source"], flow["first_record"], flow["last_record"], flow["parts"]) == (ring[0], 1, 2, 3)
    assert flow["src_packets"] == 6
    assert [one.records for one in collected.coverage] == [2, 2, 2]
    assert [one.flows for one in collected.coverage] == [1, 0, 0]
    assert all(one.sha256 and not one.incomplete for one in collected.coverage)


def test_a_file_that_begins_before_the_other_ended_is_a_recording_of_its_own(put):
    two = [put("site1.pcap", 0, 9), put("site2.pcap", 5, 14)]
    assert runs(two) == (tuple(two),)
    assert collect(two).flows["source"].to_pylist() == two


def test_rows_come_by_source_as_given_whatever_the_threads(put):
    sources = [put(f"{name}.pcap", 0, 9) for name in "zyxwvutsrqpo"]
    one, many = (collect(sources, ReadOptions(threads=threads)) for threads in (1, 3))
    assert one.flows["source"].to_pylist() == sources
    assert many.flows.equals(one.flows)
    assert many.coverage == one.coverage
