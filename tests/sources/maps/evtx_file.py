"""Windows event logs made for the tests: chunks of binary XML without templates ([MS-EVEN6] 2.2.12)."""

import struct
import zlib
from collections.abc import Mapping, Sequence

_CHUNK = 1 << 16
Element = tuple[str, Mapping[str, str], "Sequence[Element] | str"]
"""Name, attributes, and what is within."""


def event(number: int, data: Mapping[str, str], provider: str = "Microsoft-Windows-Sysmon") -> Element:
    """An event with its usual head; the values of `data` are those of its EventData."""
    head: list[Element] = [
        ("Provider", {"Name": provider}, ""),
        ("EventID", {}, str(number)),
        ("TimeCreated", {"SystemTime": "2026-11-22T07:00:00.5Z"}, ""),
        ("Computer", {}, "desk.example"),
    ]
    body: list[Element] = [("Data", {"Name": name}, value) for name, value in data.items()]
    return ("Event", {}, [("System", {}, head), ("EventData", {}, body)])


def log(chunks: Sequence[Sequence[Element]]) -> bytes:
    """A file of these chunks of events."""
    head = struct.pack("<8sQQQIHHHH", b"ElfFile\0", 0, len(chunks) - 1, 1, 128, 1, 3, 4096, len(chunks))
    data = head.ljust(120, b"\0") + struct.pack("<I", 0)
    data = (data + struct.pack("<I", zlib.crc32(data[:120]))).ljust(4096, b"\0")
    number = 1
    for events in chunks:
        data += _chunk(events, number)
        number += len(events)
    return data


def _chunk(events: Sequence[Element], first: int) -> bytes:
    records = b""
    begins = 512
    for number, one in enumerate(events, first):
        begins = 512 + len(records)
        body = b"\x0f\x01\x01\x00" + _element(one, begins + 24 + 4) + b"\x00"
        size = len(body) + 28
        records += (
            struct.pack("<4sIQQ", b"**\0\0", size, number, 0x01DB_0000_0000_0000) + body + struct.pack("<I", size)
        )
    last = first + len(events) - 1
    ends = 512 + len(records)
    head = struct.pack("<8sQQQQIIII", b"ElfChnk\0", first, last, first, last, 128, begins, ends, zlib.crc32(records))
    tables = bytes(512 - 128)
    head = head.ljust(124, b"\0")
    head += struct.pack("<I", zlib.crc32(head[:120] + tables))
    return (head + tables + records).ljust(_CHUNK, b"\0")


def _element(one: Element, at: int) -> bytes:
    """The element's bytes, which begin at that offset in their chunk."""
    name, attributes, within = one
    data = _name(name, at + 9)
    if attributes:
        listed = b""
        for position, (key, value) in enumerate(attributes.items(), 1):
            token = b"\x46" if position < len(attributes) else b"\x06"
            begins = at + 5 + len(data) + 4 + len(listed) + 5
            listed += token + _name(key, begins) + _text(value)
        data += struct.pack("<I", len(listed)) + listed
    if not within:
        data += b"\x03"
    else:
        data += b"\x02"
        if isinstance(within, str):
            data += _text(within)
        else:
            for inner in within:
                data += _element(inner, at + 5 + len(data))
        data += b"\x04"
    return struct.pack("<BI", 0x41 if attributes else 0x01, len(data)) + data


def _name(name: str, at: int) -> bytes:
    """The offset of a name, and the name there, at which its bytes stand."""
    return struct.pack("<IIHH", at, 0, 0, len(name)) + name.encode("utf-16-le") + b"\0\0"


def _text(value: str) -> bytes:
    return struct.pack("<BBH", 0x05, 0x01, len(value)) + value.encode("utf-16-le")
