"""nfcapd files (NetFlow and IPFIX as nfdump stores them), read by nfdump itself: its JSON goes on as rows of a map.

Which map is told by the output, as the detector does. Times are UTC, since nfdump is run so. A record is a flow of the
file, numbered from 1. Refuses what has no path, and a machine without nfdump. nfdump ends with code 0 on files that it
cannot read to the end, so whatever it says beside its output, save that it skips what is no flow, makes the input
incomplete.
"""

import io
import re
from itertools import count
from pathlib import Path

import msgspec

from flowwatch.model.records import Skip
from flowwatch.sources.lines import Block, blocks
from flowwatch.sources.logs import Batches
from flowwatch.sources.maps.language import Map
from flowwatch.sources.maps.reader import Account
from flowwatch.sources.maps.splitting import Placed, Splitter
from flowwatch.sources.maps.telling import score
from flowwatch.sources.maps.whole import WholeFile
from flowwatch.sources.opened import HEAD
from flowwatch.sources.program import Program, answer, found

_MAGICS = (b"\x0c\xa5", b"\xa5\x0c")
_CERTAIN = 80
_VERSION = re.compile(r"Version: (\S{1,40})", re.ASCII)
_NO_PROGRAM = (
    "nfdump, which reads such files, is not installed: install the Debian package nfdump, or give what "
    "`TZ=UTC nfdump -r FILE -o json` prints where it is"
)
_SECONDS, _SECONDS_A_MIB = 30, 10
"""Of processor time that nfdump may take: in any case, and for the size of the file, which may be compressed."""
_HARMLESS = ("Skip unknown record type 9",)
"""A sampler's record of 1.6, which 1.7 does not read."""
_TOLD = "told by nfdump, which may have left records out"
_NONE = b"No matching flows"


def is_nfcapd(head: bytes) -> int:
    """100 where the bytes begin as a file of nfcapd does, of either byte order."""
    return 100 if head.startswith(_MAGICS) else 0


class NfcapdRecords(WholeFile):
    """Rows of one file, read once; `coverage` is complete after the last batch."""

    def __iter__(self) -> Batches:
        try:
            path = self._path("nfdump")
            program = found("nfdump") if path is not None else None
            if path is None:
                return
            if program is None:
                self._error = Skip("missing_program", _NO_PROGRAM)
                return
            seconds = _SECONDS + _SECONDS_A_MIB * (Path(path).stat().st_size >> 20)
            with Program([program, "-r", path, "-o", "json"], seconds) as output:
                yield from self._read(output)
                while output.read(HEAD):
                    pass  # of what no map knows
                self._end(output, answer([program, "-V"]))
        except OSError as error:
            self._error = Skip("read_error", f"nfdump cannot be run: {error.strerror or error}")

    def _read(self, output: Program) -> Batches:
        splitter: Splitter | None = None
        account: Account | None = None
        numbers = count(1)
        for block in blocks(io.BufferedReader(output)):
            if account is None:
                head = block.data[:HEAD]
                told = max(self._maps, key=lambda one: score(one, head))
                if score(told, head) >= _CERTAIN:
                    splitter = Splitter(told)
                elif _NONE not in head:
                    self._error = Skip("unknown_format", "what nfdump prints of it no map knows")
                    return
                account = self._begin(_as_told(told))
            if splitter is not None:
                yield from self._take(account, splitter.split(_joined(block)), numbers)
        if splitter is not None and account is not None:
            yield from self._take(account, splitter.end(), numbers)

    def _take(self, account: Account, placed: Placed, numbers: "count[int]") -> Batches:
        """The records of a block, numbered on in the order they stand in it."""
        places = sorted((line, at) for line, at, _ in (*placed.rows, *placed.refusals))
        number = dict(zip(places, numbers, strict=False))
        refusals = [(number[line, at], 0, code) for line, at, code in placed.refusals]
        yield from account.take([(number[line, at], None, row) for line, at, row in placed.rows], refusals)

    def _end(self, output: Program, version: str) -> None:
        """What nfdump said, and how it ended."""
        told = _VERSION.search(version)
        said = [f"{line} ({times} x)" for line, times in output.said.items()]
        words = f": {'; '.join(said[:3])}" if said else ""
        self._notes = [
            f"read by nfdump {told[1] if told else 'of an unknown version'}",
            *(f"nfdump: {one}" for one in said),
        ]
        if output.failure:
            self._error = Skip("read_error", f"nfdump {output.failure}{words}")
        elif self._account is None:
            self._error = self._error or Skip("read_error", f"nfdump prints nothing of it{words}")
        lost = sum(times for line, times in output.said.items() if line not in _HARMLESS)
        if self._account is not None and lost:
            self._account.ledger.limits[_TOLD] += lost


def _joined(block: Block) -> Block:
    """The block with the lines of each object joined, which are read several times as fast."""
    return msgspec.structs.replace(block, data=block.data.replace(b"\n\t", b"\t").replace(b"\n}", b"}"))


def _as_told(found: Map) -> Map:
    """The map for what nfdump was run for here: its times are UTC."""
    return msgspec.structs.replace(found, name="nfcapd", notes=(), utc=True)
