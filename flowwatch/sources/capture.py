"""Packet captures (pcap, pcapng, snoop, ERF) through the Rust core.

Promises the core's rows and its Coverage unchanged; a file that is no capture, or cannot be read, becomes
`coverage.error`. A regular file is read by the core's own thread; anything else through this process.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import msgspec
import pyarrow as pa

from flowwatch.model.records import Coverage, ReadOptions, Skip
from flowwatch.sources.magics import ORDERS, PCAP, SECTION, SNOOP
from flowwatch.sources.opened import Opened, Progress
from flowwatch.sources.records import TableName

if TYPE_CHECKING:
    from flowwatch._native import Reader  # noqa: TID251 - the border

_ERF_RECORD = struct.Struct("<4xIBx")
_ERF_LENGTHS = struct.Struct(">HHH")
_ERF_META = 27
_ERF_TYPES = frozenset({*range(1, 29), 48})
_ENOUGH = 3
"""Records in a row that tell ERF, which has no magic number."""
_REMARKS = {
    "resolved_names": "name in it that its writer resolved, which proves nothing and is in no row",
    "unknown_blocks": "pcapng block of a type that is not read",
    "untimed": "packet without a time",
    "incomplete_datagrams": "IP datagram in fragments that did not all come, told by those that did",
    "fragment_overlaps": "IP fragment that says other bytes than one before it; the first was believed",
    "dns_repeated": "DNS question asked again with the same id, one row each",
    "dns_other_opcodes": "DNS message that is neither query nor response, no row",
    "dns_nameless": "DNS message without question and answer, no row",
    "dns_announcements": "mDNS message to all with records nobody asked for, no row for these",
    "unreadable_certificates": "certificate of which only the digest can be told",
}
"""What the core counts beside records, in words."""


def is_pcap(head: bytes) -> int:
    """100 where the first bytes are a pcap file's."""
    return 100 if head.startswith(PCAP) else 0


def is_pcapng(head: bytes) -> int:
    """100 where the first block is a pcapng section header."""
    return 100 if head.startswith(SECTION) and head[8:12] in ORDERS else 0


def is_snoop(head: bytes) -> int:
    """100 where the first bytes are a snoop file's."""
    return 100 if head.startswith(SNOOP) else 0


def is_erf(head: bytes) -> int:
    """90 where three records in a row, or fewer that fill the input, could be ERF's: their types, lengths and times."""
    at = before = 0
    for _ in range(_ENOUGH):
        if at and at == len(head):
            break
        if len(head) < at + 16:
            return 0
        seconds, kind = _ERF_RECORD.unpack_from(head, at)
        length, _lost, wire = _ERF_LENGTHS.unpack_from(head, at + 10)
        kind &= 0x7F
        in_time = not before or before - 60 <= seconds <= before + 7 * 24 * 3600
        timed = kind == _ERF_META or (seconds > 0 and in_time)
        if kind not in _ERF_TYPES or not 16 < length <= wire + 144 or not timed:
            return 0
        before, at = seconds, at + length
    return 90 if at <= len(head) else 0


def is_capture(head: bytes) -> bool:
    """The first bytes are those of a capture of any kind."""
    return bool(is_pcap(head) or is_pcapng(head) or is_snoop(head) or is_erf(head))


class CaptureRecords:
    """Rows of one capture, and of the files `then` that go on with it, read once; `coverage` is complete at the end."""

    def __init__(
        self, opened: Opened, options: ReadOptions, progress: Progress | None = None, then: Sequence[str] = ()
    ) -> None:
        self._opened = opened
        self._options = options
        self._progress = progress
        self._then = [(path, Opened.text(path)) for path in then]
        self._told = 0
        self._reader: Reader | None = None
        self._error: Skip | None = None

    def __iter__(self) -> Iterator[tuple[TableName, pa.RecordBatch]]:
        from flowwatch._native import CaptureError  # noqa: PLC0415, TID251 - start-up time; the border

        try:
            self._reader = self._open()
            for table, batch in self._reader:
                self._tell(self._reader)
                yield table, pa.record_batch(batch)
            self._tell(self._reader)
        except CaptureError as error:
            self._reader, self._error = None, Skip(error.code, str(error), error.offset)
            self._opened.drain()
        except OSError as error:
            self._error = Skip("read_error", error.strerror or str(error))

    def _open(self) -> "Reader":
        from flowwatch._native import read_capture  # noqa: PLC0415, TID251 - start-up time; the border

        return read_capture(
            self._source(),
            digest=self._options.digest,
            name=self._opened.name,
            then=self._then,
            markers=[(marker.id, marker.pattern) for marker in self._options.markers],
            digests=self._options.digests,
            threads=self._options.threads,
            eager=self._options.eager,
            follow=self._options.follow,
            in_time=True,
        )

    def _source(self) -> str | BinaryIO:
        """The path, which the core takes as UTF-8 text; a file of another name is read through this process.

        Stored bytes in either case: the core unpacks them.
        """
        path = self._opened.path
        if path is None or path.encode("utf-8", "replace").decode() != path:
            return cast("BinaryIO", self._opened.stored)
        return path

    def _tell(self, reader: "Reader") -> None:
        """Tells how much more of a file the core has read by itself."""
        if self._progress and isinstance(self._source(), str):
            read = reader.progress
            self._progress(read - self._told)
            self._told = read

    @property
    def coverage(self) -> Coverage:
        """The core's account of the capture so far, in our words; of a file that is none, its size and digest."""
        return self.coverages[0]

    @property
    def coverages(self) -> tuple[Coverage, ...]:
        """The same of the capture and of each file that goes on with it."""
        if self._reader is None:
            opened = self._opened
            first = Coverage(source=opened.name, size=opened.size, sha256=opened.sha256, error=self._error)
            return (first, *(Coverage(source=name, error=self._error) for _, name in self._then))
        names = (self._opened.name, *(name for _, name in self._then))
        told = tuple(_in_our_words(name, one) for name, one in zip(names, self._reader.coverage, strict=True))
        return tuple(msgspec.structs.replace(one, error=self._error) for one in told) if self._error else told


def _in_our_words(name: str, core: Mapping[str, Any]) -> Coverage:
    told = dict(core)
    told["source"] = name
    for theirs, ours in (("first_time", "first"), ("last_time", "last"), ("interface_drops", "drops")):
        told[ours] = told.pop(theirs)
    told["resolved_names"] = len(told["resolved_names"])
    told["notes"] = tuple(f"{told[key]} x {what}" for key, what in _REMARKS.items() if told[key])
    return msgspec.convert(told, Coverage)
