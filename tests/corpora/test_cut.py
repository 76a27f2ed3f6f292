"""A capture cut between any two packets into two files, read as one stream, gives the rows of the whole."""

import csv
import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

pytest.importorskip("flowwatch._native", reason="the core is not built")
from flowwatch._native import read_capture  # noqa: TID251 - the border itself is tried here

ROOT = Path(__file__).parent.parent.parent
CORPORA = ROOT.parent / "shared" / "corpora"
CAPTURES = 60
MOST_PACKETS = 60
"""Packets of a capture of the corpora."""
CUTS = 120
"""Of a longer capture of our own."""
PLACES = (
    "source", "first_record", "last_record", "first_offset", "record", "offset", "answer_record", "answer_offset",
    "parts",
)  # fmt: skip
"""What tells where in which file a row stands."""
SECTION, INTERFACE = 0x0A0D0D0A, 1
PACKETS = (2, 3, 6)
"""Blocks of pcapng: old, simple and enhanced packets."""


def chosen() -> list[Path]:
    """Our own captures; and of each format and link type some that are short and sound."""
    own = sorted((ROOT / "captures").glob("*/input.pcap"))
    if not CORPORA.is_dir():
        return own
    groups: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for row in csv.DictReader((CORPORA / "manifest.tsv").read_text().splitlines(), delimiter="\t"):
        path = CORPORA / "captures" / row["source"] / row["path"]
        sound = not row["problem"] and row["wrapper"] == "-" and row["format"] in ("pcap", "pcapng")
        if sound and 2 <= int(row["packets"] or 0) <= MOST_PACKETS and path.exists():
            groups.setdefault((row["format"], row["linktypes"]), []).append((int(row["packets"]), str(path)))
    ranked = sorted(
        (rank, *key, path)
        for key, group in groups.items()
        for rank, (_, path) in enumerate(sorted(group, reverse=True)[::7])
    )
    return own + [Path(path) for *_, path in ranked[:CAPTURES]]


def parts(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The capture as two files, once for each place between two packets."""
    yield from pcapng_parts(data) if data[:4] == struct.pack(">I", SECTION) else pcap_parts(data)


def pcap_parts(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    order = ">" if data[0] == 0xA1 else "<"
    at = 24
    while at + 16 <= len(data):
        at += 16 + struct.unpack_from(f"{order}I", data, at + 8)[0]
        yield data[:at], data[:24] + data[at:]


def pcapng_parts(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The second file begins with the section and the interfaces known so far."""
    front, order, at = b"", "<", 0
    while at + 12 <= len(data):
        if data[at : at + 4] == struct.pack(">I", SECTION):
            front, order = b"", "<" if data[at + 8] == 0x4D else ">"
        kind, length = struct.unpack_from(f"{order}II", data, at)
        if kind in (SECTION, INTERFACE):
            front += data[at : at + length]
        elif kind in PACKETS:
            yield data[:at], front + data[at:]
        at += length


def rows(reader: Any) -> list[str]:
    """Both tables without what tells places, in one order."""
    tables = [pa.table(table) for table in reader.collect()]
    plain = [table.drop_columns([name for name in PLACES if name in table.column_names]) for table in tables]
    assert all(one["error"] is None for one in reader.coverage)
    return sorted(repr(row) for table in plain for row in table.to_pylist())


@pytest.mark.parametrize("path", chosen(), ids=lambda path: "/".join(path.parts[-3:]))
def test_two_files_are_one_capture(path, tmp_path):
    data = path.read_bytes()
    whole = rows(read_capture(io.BytesIO(data), digest=False, name="any"))
    places = list(parts(data))
    assert places
    for first, second in places[:: max(1, len(places) // CUTS)]:
        (tmp_path / "second").write_bytes(second)
        then = [(str(tmp_path / "second"), "any")]
        assert rows(read_capture(io.BytesIO(first), digest=False, name="any", then=then)) == whole, len(first)
