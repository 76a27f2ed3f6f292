"""One C-DNS file from its bytes to batches, with its account: the story of `sources.cdns`, top to bottom."""

import io
from collections.abc import Sequence
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.model.records import LOOKUPS, Coverage, Refused, Skip
from flowwatch.sources.cdns.items import BAD, DRAFT, RFC, BlockItems, Item, Storage
from flowwatch.sources.cdns.stream import BadStreamError, Blocks, CutError
from flowwatch.sources.columns import batch
from flowwatch.sources.dnstap import rows
from flowwatch.sources.dnstap.message import RefusedError
from flowwatch.sources.ledger import Ledger
from flowwatch.sources.logs import Batches, Span
from flowwatch.sources.opened import Opened

_NOT_QUERY = "DNS message of another operation than QUERY"
_NAMELESS = "DNS message that names nothing"
_MALFORMED = "message that the collector could not read"
_SAMPLED = "the collector says that it took a sample: what is not here may have been asked"
_SHORTENED = "the collector says that it changed or shortened addresses of clients: they are left out"
_NO_PACKAGE = "C-DNS needs the package cbor2: pip install 'flowwatch[cdns]'"
_PORTION = 1 << 10
_TICKS, _HINTS, _FLAGS, _PREFIXES = 0, 2, 5, (6, 7)
_KEPT = 1 << 15
"""Of the hints: the records of answers."""
_ANONYMISED, _SAMPLES = 1, 2


class CdnsRecords:
    """Rows of one file, read once; `coverage` is complete after the last batch."""

    def __init__(self, opened: Opened, refused: Refused | None = None) -> None:
        self._opened = opened
        self._blocks = Blocks(io.BufferedReader(opened, 1 << 16))
        self._ledger = Ledger(refused)
        self._span = Span(self._ledger)
        self._error: Skip | None = None

    @property
    def coverage(self) -> Coverage:
        """The account so far."""
        opened = self._opened
        return self._ledger.coverage(opened.name, "c-dns", opened.size, opened.sha256, self._error)

    def __iter__(self) -> Batches:
        at = self._blocks
        try:
            yield from self._read()
            self._opened.drain()
        except ImportError:
            self._error = Skip("missing_package", _NO_PACKAGE)
        except OSError as error:
            self._error = Skip("read_error", error.strerror or str(error), self._opened.size)
        except CutError:
            said = "the file ends inside a block: it is still written, or its writer was ended"
            self._error = Skip("truncated_stream", said, at.offset)
        except (BadStreamError, RefusedError, MemoryError):
            self._error = Skip("bad_frame", "not a block of C-DNS within the limits: not read from there on", at.offset)

    def _read(self) -> Batches:
        kind, preamble = self._blocks.preamble()
        for offset, block in self._blocks:
            storage = self._storage(kind, preamble, block)
            if storage is None:
                self._error = Skip(
                    "unsupported_format", "C-DNS of a version that is not read (1.0 and the draft 0.2 are)"
                )
                return
            items = BlockItems(block, storage)
            if items.malformed:
                self._ledger.notes[_MALFORMED] += items.malformed
            listed = iter(items.items)
            while portion := list(islice(listed, _PORTION)):
                yield from self._take(items, portion, offset)

    def _storage(self, kind: bytes, preamble: Any, block: Any) -> Storage | None:  # noqa: ANN401 - any CBOR
        """How the block was stored; None of a version that is not known. Raises RefusedError."""
        try:
            if kind == b"DNS-STAT":
                draft = preamble[0] == 2
                return Storage(DRAFT, 10**6, preamble[1].get(8) == 0xF, shortened=False) if draft else None
            if preamble[0] != 1:
                return None
            told = preamble[3][block[0].get(1, 0)][0]
            ticks, flags = told[_TICKS], told.get(_FLAGS, 0)
            shortened = bool(flags & _ANONYMISED or any(one in told for one in _PREFIXES))
            notes = ((_SAMPLED, flags & _SAMPLES), (_SHORTENED, shortened))
            self._ledger.notes.update({note: 1 for note, due in notes if due})
            if not isinstance(ticks, int) or not 0 < ticks <= 10**9:
                raise RefusedError(BAD)
            return Storage(RFC, ticks, bool(told[_HINTS][0] & _KEPT), shortened)
        except (KeyError, IndexError, TypeError, AttributeError):
            raise RefusedError(BAD) from None

    def _take(self, items: BlockItems, portion: Sequence[Any], offset: int) -> Batches:
        """The lookups of some items; books them."""
        ledger, found = self._ledger, []
        for number, each in enumerate(portion, ledger.records + 1):
            item = items.item(each, number)
            if isinstance(item, str):
                ledger.reject(item, number, offset)
            elif not item.messages:
                ledger.unattributable += 1
                ledger.notes[_NAMELESS] += 1
            elif item.opcode:
                ledger.noise += 1
                ledger.notes[_NOT_QUERY] += 1
            else:
                found.append(item)
        ledger.records += len(portion)
        if found:
            yield from self._lookups(found, offset)

    def _lookups(self, found: Sequence[Item], offset: int) -> Batches:
        messages = [message for item in found for message in item.messages]
        table = rows.told(messages, rows.of_wire(messages), 0)
        place = {message: row for row, message in enumerate(table["message"].to_pylist())}
        read = pc.and_(table["id"].is_valid(), table["qname"].is_valid()).to_pylist()
        sound, first, last, at = [], [], [], 0
        for item in found:
            ends = (place.get(at), place.get(at + len(item.messages) - 1))
            at += len(item.messages)
            if None in ends or not all(read[end] for end in ends if end is not None):
                self._ledger.reject(BAD, item.messages[0].number, offset)
                continue
            sound.append(item)
            first.append(ends[0])
            last.append(ends[1])
        if not sound:
            return
        columns = rows.lookups(table, pa.array(first, pa.uint64()), pa.array(last, pa.uint64()))
        count, kind = len(sound), LOOKUPS.field("answers").type
        for name in ("offset", "answer_record", "answer_offset"):
            columns.pop(name)
        known = pa.array([item.answers for item in sound])
        columns["answers"] = pc.if_else(known, columns["answers"].cast(kind), pa.nulls(count, kind))
        columns["source"] = pa.repeat(pa.scalar(self._opened.name), count).dictionary_encode()
        self._span.add(columns["time"].cast(pa.int64()))
        self._ledger.events += count
        self._ledger.lookups += count
        yield "lookups", batch(columns, LOOKUPS, pa.repeat(pa.scalar(value=True), count))
