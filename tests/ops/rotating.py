"""A checker of rotating logs that reads in the simplest way, and keeps what it took and where it stands."""

import bz2
import contextlib
import gzip
import lzma
import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

from flowwatch.ops import files
from flowwatch.sources.opened import Opened

SECOND = 10**9
WHOLE = re.compile(rb"\d{7} x+\.")
"""A line as the tests write it; what was cut is none."""
PACK: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
UNPACK: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}


def content(path):
    """The bytes of a file, unpacked; None where it is half written."""
    data = Path(path).read_bytes()
    try:
        return UNPACK.get(Path(path).suffix, bytes)(data)
    except (EOFError, OSError, ValueError, lzma.LZMAError):
        return None


def begun(path):
    """The bytes of a file as a reader has them: of one that is half written what can be had."""
    with Opened(str(path), digest=False) as opened:
        return opened.read()


class Crash(Exception):  # noqa: N818 - the end of a run, as a test wants it
    """The check ended here."""


class Checker:
    """Plans, reads whole lines, stores; a crash forgets what was not stored."""

    def __init__(self, patterns):
        self.patterns = [str(one) for one in patterns]
        self.stored = {}
        self.taken: Counter[bytes] = Counter()
        self.gone = []
        self.prefixes = {}
        self.clock = time.time_ns()

    @property
    def cursors(self):
        return [msgspec.json.decode(body, type=files.Cursor) for body in self.stored.values()]

    def check(self, portion=1 << 20, budget=None):
        """One run; after `budget` stores it crashes."""
        left = iter(range(1 << 30 if budget is None else budget))

        def spend():
            if next(left, None) is None:
                raise Crash

        plan = None
        with contextlib.suppress(Crash):
            for _ in range(5):
                plan = files.plan(self.patterns, self.cursors, self.clock)
                spend()
                self.keep(plan)
                if all(self.read(cursor, portion, spend) for cursor in plan.reads):
                    break
        return plan

    def keep(self, plan):
        for cursor in (*plan.moved, *plan.gone):
            self.put(cursor)
        for cursor in plan.forgotten:
            del self.stored[cursor.id]
        self.gone += plan.gone

    def put(self, cursor):
        if cursor.id is None:
            cursor = msgspec.structs.replace(cursor, id=max(self.stored, default=0) + 1)
        self.stored[cursor.id] = msgspec.json.encode(cursor)
        return cursor

    def read(self, cursor, portion, spend):
        """Reads to the end, step by step; False where the file changed."""
        while True:
            try:
                data = begun(cursor.path)
            except OSError:
                return False
            piece = data[cursor.offset : cursor.offset + portion]
            end = len(piece) if cursor.closed and cursor.offset + portion >= len(data) else piece.rfind(b"\n") + 1
            if not end and len(data) > cursor.offset + portion:
                portion *= 2
                continue
            offset = cursor.offset + end
            ended = offset == len(data) or (not end and len(piece) < portion)
            after = files.advanced(cursor, offset, len(data), {"at": offset}, ended=ended)
            if after is None:
                return False
            assert cursor.position == ({"at": cursor.offset} if cursor.offset else cursor.position)
            spend()
            cursor = self.put(after)
            self.prefixes[cursor.id] = data[:offset]
            self.taken.update(line for line in piece[:end].splitlines() if WHOLE.fullmatch(line))
            if ended:
                return True
