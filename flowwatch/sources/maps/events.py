"""Windows event logs (EVTX): Sysmon's questions and connections, and the analytical events of DNS servers.

Events become rows of the maps `sysmon` and `windows-dns-analytical`, in the flat form in which shippers write them too:
what an event holds by name, with `EventID`, `Hostname` and `TimeCreated` of its head. A record is an event, numbered
from 1; other events are counted and left out. Needs the extra `evtx`, whose parser passes over a chunk that is cut and
says nothing: so the events that the chunks count are compared with those it gave.
"""

import struct
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import IO, Any

import msgspec

from flowwatch.model.records import Skip
from flowwatch.sources.logs import Batches
from flowwatch.sources.maps.language import Map
from flowwatch.sources.maps.splitting import Row
from flowwatch.sources.maps.whole import WholeFile

_MAGIC = b"ElfFile\x00"
_MAPS = ("sysmon", "windows-dns-analytical")
_HEAD, _CHUNK = 4096, 1 << 16
"""Bytes of the file's header, and of each chunk."""
_COUNTED = struct.Struct("<8s2Q")
"""A chunk's magic, and the numbers of its first and its last event."""
_LEAST = 24
"""Bytes of an event's header, so that no chunk holds more events than fit."""
_PORTION = 1 << 12
_MOST_FAILURES = 1 << 12
"""Events that cannot be read, one after the other, after which the parser is believed to be stuck."""
_MISSING = "events that the file counts and that were not found in it"
_NO_PACKAGE = "Windows event logs need the package evtx: pip install 'flowwatch[evtx]'"


def is_evtx(head: bytes) -> int:
    """100 where the bytes begin as a Windows event log does, else 0."""
    return 100 if head.startswith(_MAGIC) else 0


class EventRecords(WholeFile):
    """Rows of one log, read once; `coverage` is complete after the last batch."""

    def __iter__(self) -> Batches:
        try:
            with self._copy() as file:
                yield from self._read(file)
        except (OSError, MemoryError) as error:
            self._error = Skip("read_error", f"not to be read as a Windows event log: {str(error)[:200]}")

    def _read(self, file: IO[bytes]) -> Batches:
        try:
            from evtx import PyEvtxParser  # noqa: PLC0415 - an extra
        except ImportError:
            self._error = Skip("missing_package", _NO_PACKAGE)
            return
        account = self._begin(_both([next(one for one in self._maps if one.name == name) for name in _MAPS]))
        counted, rest = _counted(file)
        events = _events(lambda: PyEvtxParser(file, number_of_threads=1).records_json())
        while portion := list(islice(events, _PORTION)):
            first = account.ledger.records + 1
            numbered = list(enumerate(map(_row, portion), first))
            rows = [(number, None, row) for number, row in numbered if row is not None]
            yield from account.take(rows, [(number, 0, "unreadable_event") for number, row in numbered if row is None])
        yield from account.end()
        missing = counted - account.ledger.records
        if missing > 0:
            account.ledger.limits[_MISSING] += missing
        if rest:
            self._error = Skip("read_error", "the file is cut within a chunk, whose events are left out")


def _both(maps: Sequence[Map]) -> Map:
    one, other = maps
    return msgspec.structs.replace(
        one,
        name="evtx",
        rows=(*one.rows, *other.rows),
        noise=(*one.noise, *other.noise),
        notes=(*one.notes, *other.notes),
    )


def _events(begin: Any) -> Iterator[str | None]:  # noqa: ANN401 - of a package without types
    """The events as JSON, None for each that cannot be read."""
    failures = 0
    records: Any = None
    while failures < _MOST_FAILURES:
        event = None
        try:
            records = records or begin()
            event = next(records)["data"]
        except StopIteration:
            return
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: BLE001 - what the parser raises when it panics is no Exception
            if records is None:
                failures = _MOST_FAILURES
        failures = 0 if event is not None else failures + 1
        yield event


def _row(data: str | None) -> Row | None:
    """An event in the flat form; None where it is no event."""
    try:
        event = msgspec.json.decode(data or "")["Event"]
        head = event["System"]
        number = head["EventID"]
        body = event.get("EventData")
        if body is None:
            body = next(iter((event.get("UserData") or {}).values()), None)
    except (msgspec.DecodeError, RecursionError, UnicodeError, KeyError, TypeError, AttributeError):
        return None
    flat = {name: value for name, value in body.items() if name[:1] != "#"} if isinstance(body, dict) else {}
    return {
        **flat,
        "EventID": number.get("#text") if isinstance(number, dict) else number,
        "Hostname": head.get("Computer"),
        "TimeCreated": _time(head.get("TimeCreated")),
    }


def _time(created: object) -> object:
    attributes = created.get("#attributes") if isinstance(created, dict) else None
    return attributes.get("SystemTime") if isinstance(attributes, dict) else None


def _counted(file: IO[bytes]) -> tuple[int, int]:
    """The events that the headers of the chunks count, and the bytes after the last whole chunk."""
    size = file.seek(0, 2) - _HEAD
    events = 0
    for at in range(max(size, 0) // _CHUNK):
        file.seek(_HEAD + at * _CHUNK)
        magic, first, last = _COUNTED.unpack(file.read(_COUNTED.size))
        if magic == b"ElfChnk\x00" and 0 <= last - first < _CHUNK // _LEAST:
            events += last - first + 1
    file.seek(0)
    return events, max(size, 0) % _CHUNK
