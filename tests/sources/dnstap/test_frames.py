"""Frame Streams: frames with their places, and where reading stops."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.sources.detect import detect
from flowwatch.sources.dnstap.frames import LONGEST, Frames, is_dnstap
from flowwatch.sources.formats import Format
from tests.sources.dnstap.streams import START, STOP, control, data

FRAMES = st.lists(st.binary(min_size=1, max_size=20), max_size=12)


def read(stream: bytes, size: int = 1 << 16):
    """(number, offset, frame) of all frames, and why reading stopped."""
    frames = Frames(io.BytesIO(stream), size)
    told: list[tuple[int, int, bytes | None]] = []
    for block in frames:
        told += zip(range(block.number, 1 << 30), block.offsets, block.frames, strict=False)
        assert [block.line(offset) for offset in block.offsets] == block.frames
    return told, frames.error


@given(FRAMES, st.integers(1, 64))
def test_every_frame_is_told_with_its_place(frames, size):
    stream = START + b"".join(map(data, frames)) + STOP
    told, error = read(stream, size)
    assert error is None
    assert [frame for _, _, frame in told] == frames
    assert [number for number, _, _ in told] == list(range(1, len(frames) + 1))
    for _, offset, frame in told:
        assert stream[offset:].startswith(data(frame))


@given(st.binary(max_size=60), st.integers(1, 80))
def test_no_bytes_make_reading_raise(rest, size):
    for stream in (rest, START + rest, START + data(b"x") + rest + STOP):
        assert read(stream, size) == read(stream)


def test_one_stream_after_another_is_read_on():
    stream = START + data(b"a") + STOP
    told, error = read(control(4) + stream + control(5) + stream)
    assert ([frame for _, _, frame in told], error) == ([b"a", b"a"], None)


def test_a_frame_that_is_too_long_is_passed_over_and_nothing_is_kept_of_it():
    stream = START + data(b"a") + data(bytes(LONGEST + 1)) + data(b"b") + STOP
    for size in (1000, 1 << 22):
        told, error = read(stream, size)
        assert [(number, frame) for number, _, frame in told] == [(1, b"a"), (2, None), (3, b"b")]
        assert error is None
    told, error = read(START + data(b"a") + struct.pack(">I", 0xFFFFFFFF) + bytes(2000), 100)
    assert error is not None
    assert (len(told), error.code, error.offset) == (2, "truncated_stream", len(START) + 5)


@pytest.mark.parametrize(
    ("rest", "code"),
    [
        (data(b"a"), "bad_frame"),
        (b"text that is no stream", "bad_frame"),
        (START + STOP + data(b"a") + STOP, "bad_frame"),
        (START + START, "bad_frame"),
        (STOP, "bad_frame"),
        (START + control(6), "bad_frame"),
        (START + struct.pack(">II", 0, 513) + bytes(513), "bad_frame"),
        (START + struct.pack(">II", 0, 0), "bad_frame"),
        (control(2, b"protobuf:other"), "unsupported_format"),
        (control(2), "unsupported_format"),
        (START, "truncated_stream"),
        (START + data(b"a")[:-1], "truncated_stream"),
        (START + STOP[:-1], "truncated_stream"),
    ],
)
def test_where_reading_stops_is_told(rest, code):
    _, error = read(rest)
    assert error is not None
    assert error.code == code


def test_it_is_told_by_its_start():
    assert is_dnstap(START) == 100
    for head in (
        b"",
        START[:-1],
        STOP,
        control(2, b"protobuf:other.dnstap.Dnst"),
        control(4, b"protobuf:dnstap.Dnstap"),
    ):
        assert is_dnstap(head) == 0
    found = detect(START + bytes(300))
    assert isinstance(found, Format)
    assert found.name == "dnstap"
