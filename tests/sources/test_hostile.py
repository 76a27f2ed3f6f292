"""Captures made to exhaust memory: little that unpacks to much, and lengths that nobody should believe."""

import gzip
import json
import struct
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

pytest.importorskip("flowwatch._native", reason="the core is not built")

MUCH = 512 << 20
"""Bytes that a bomb unpacks to."""
MOST_GROWTH = 96 << 10
"""KiB by which the process may grow: blocks on their way, a decoder's window, and the tables."""
HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
PROGRAM = """
import io, json, resource, sys
from flowwatch._native import read_capture
size = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
read_capture(io.BytesIO(bytes.fromhex(sys.argv[2])), digest=False, name="little").collect()
before = size()
reader = read_capture(sys.argv[1])
reader.collect()
print(json.dumps({"growth": size() - before, **reader.coverage[0]}))
"""


def account(path: str) -> dict[str, Any]:
    """The Coverage of a capture read in a process of its own, and by how much that grew (KiB)."""
    command = [sys.executable, "-c", PROGRAM, path, HEADER.hex()]
    done = subprocess.run(command, capture_output=True, check=True, timeout=120)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def zeros(compress: Callable[[bytes], bytes]) -> bytes:
    """A capture of records without bytes, and no end of them."""
    return compress(HEADER + bytes(MUCH))


@pytest.mark.parametrize(
    ("kind", "compress"),
    [("gzip", lambda data: gzip.compress(data, 9)), ("zstd", lambda data: pa.compress(data, "zstd", asbytes=True))],
)
def test_a_bomb_is_read_in_constant_memory(put, kind, compress):
    told = account(put(zeros(compress)))
    assert (told["compression"], told["unpacked_size"]) == (kind, MUCH + len(HEADER))
    assert told["size"] < MUCH // 500
    assert told["skipped"] == {"empty": MUCH // 16}
    assert told["growth"] < MOST_GROWTH


def block(kind: int, body: bytes) -> bytes:
    length = len(body) + 12
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


SECTION = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
INTERFACE = block(1, struct.pack("<HHI", 1, 0, 0xFFFFFFFF) + struct.pack("<HH", 9, 0xFFFF))
FILES = {
    "pcap-record": HEADER + struct.pack("<IIII", 0, 0, 0xFFFFFFFF, 0xFFFFFFFF),
    "pcap-snaplen": struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0xFFFFFFFF, 1)
    + struct.pack("<IIII", 0, 0, 0x7FFFFFFF, 0x7FFFFFFF),
    "snoop-record": b"snoop\0\0\0" + struct.pack(">II", 2, 4),
    "pcapng-block": SECTION + struct.pack("<II", 6, 0xFFFFFFFC),
    "pcapng-packet": SECTION + INTERFACE + block(6, struct.pack("<IIIII", 0, 0, 0, 0xFFFFFFFF, 0xFFFFFFFF)),
    "pcapng-option": SECTION + INTERFACE + block(6, struct.pack("<IIIII", 0, 0, 0, 0, 0) + b"\x04\0\xff\xff"),
    "pcapng-simple": SECTION + INTERFACE + block(3, struct.pack("<I", 0xFFFFFFFF)),
    "pcapng-names": SECTION + block(4, struct.pack("<HH", 1, 0xFFFF)),
}


@pytest.mark.parametrize("kind", FILES)
def test_no_length_is_believed(put, kind):
    told = account(put(FILES[kind] + bytes(1 << 20)))
    assert told["records"] == told["used"] + sum(told["skipped"].values())
    assert told["growth"] < MOST_GROWTH // 4
    assert told["error"]["code"] == "bad_record"
