"""One log that is written and rotated in every way at random, and a check that looks and crashes at any moment.

In the end each line was taken once, but for those that the race of a copytruncate destroyed and those of files that
were deleted unread, whose loss is told; and nothing is told as gone whose bytes are still there.
"""

import os
import shutil
import tempfile
import time
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from flowwatch.ops import files
from tests.ops.rotating import PACK, SECOND, WHOLE, Checker, content


class Rotation(RuleBasedStateMachine):
    """One log that is written and rotated in every way, and a checker that looks at any moment and may crash."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        (self.folder / "old").mkdir()
        self.log = self.folder / "query.log"
        self.checker = Checker([self.folder / "query*", self.folder / "old" / "*"])
        self.count = 0
        self.day = 0
        self.half = b""
        self.destroyed: set[bytes] = set()
        self.lost: set[bytes] = set()
        self.untold: set[int] = set()
        self.told: set[int | None] = set()
        self.copy: Path | None = None
        self.packing: tuple[Path, Path, bytes] | None = None
        self.header = b""
        self.file = self.create()

    @initialize(header=st.sampled_from([0, 30, 700, 1500]), early=st.booleans())
    def begin(self, header, early):
        self.header = b"#" + b"h" * (header - 2) + b"\n" if header else b""
        self.file.write(self.header)
        self.stamp()
        if early:
            self.checker.check()

    def teardown(self):
        try:
            self.settle()
        finally:
            self.file.close()
            shutil.rmtree(self.folder)

    def stamp(self, file=None):
        """The time of a write is that of the test's clock, which goes on by little."""
        self.checker.clock += SECOND // 10
        os.utime(self.file.fileno() if file is None else file, ns=(self.checker.clock, self.checker.clock))

    # What writes.

    def create(self):
        file = self.log.open("ab", buffering=0)
        if not os.fstat(file.fileno()).st_size:
            file.write(self.header)
            self.stamp(file.fileno())
        return file

    @rule(lines=st.integers(1, 60), length=st.sampled_from([1, 40, 300]), cut=st.booleans())
    def write(self, lines, length, cut):
        data = b""
        for _ in range(lines):
            self.count += 1
            data += b"%07d %s.\n" % (self.count, b"x" * length)
        self.file.write(self.half + data[: -5 if cut else None])
        self.half = data[-5:] if cut else b""
        self.stamp()

    @rule()
    def reopen(self):
        """As after SIGHUP; a line is never cut by it."""
        self.finish_line()
        self.file.close()
        self.file = self.create()

    def finish_line(self):
        if self.half:
            self.file.write(self.half)
            self.stamp()
        self.half = b""

    # What rotates.

    def rotated(self):
        """Rotated files, the oldest first."""
        found = [one for one in (*self.folder.glob("query.log?*"), *self.folder.glob("old/*")) if one.suffix != ".tmp"]
        busy = {self.copy, self.packing, *((self.packing[0], self.packing[1]) if self.packing else ())}
        return sorted((one for one in found if one not in busy), key=lambda one: one.stat().st_mtime_ns)

    def shift(self):
        numbers: dict[int, list[tuple[Path, str]]] = {}
        for one in self.folder.glob("query.log.*"):
            number, dot, suffix = one.name.removeprefix("query.log.").partition(".")
            numbers.setdefault(int(number), []).append((one, dot + suffix))
        for place in sorted(numbers, reverse=True):
            for one, suffix in numbers[place]:
                one.rename(self.folder / f"query.log.{place + 1}{suffix}")

    def still(self):
        return self.copy is None and self.packing is None

    @precondition(lambda self: self.still() and self.log.exists())
    @rule(create=st.booleans(), reopen=st.booleans())
    def by_number(self, create, reopen):
        self.shift()
        self.log.rename(self.folder / "query.log.1")
        self.renamed(create, reopen)

    @precondition(lambda self: self.still() and self.log.exists())
    @rule(create=st.booleans(), reopen=st.booleans(), old=st.booleans())
    def by_date(self, create, reopen, old):
        self.day += 1
        self.log.rename(self.folder / ("old" if old else "") / f"query.log-202611{self.day:04}")
        self.renamed(create, reopen)

    def renamed(self, create, reopen):
        if create:
            self.log.touch()
            self.stamp(self.log)
        if reopen:
            self.reopen()

    @precondition(lambda self: self.still() and self.log.exists())
    @rule(part=st.floats(0, 1))
    def copy_some(self, part):
        self.shift()
        self.copy = self.folder / "query.log.1"
        data = self.log.read_bytes()
        self.copy.write_bytes(data[: int(len(data) * part)])
        self.stamp(self.copy)

    @precondition(lambda self: self.copy is not None)
    @rule()
    def copy_all(self):
        assert self.copy
        self.copy.write_bytes(self.log.read_bytes())
        self.stamp(self.copy)

    @precondition(lambda self: self.copy is not None)
    @rule(again=st.booleans())
    def truncate(self, again):
        """Copies what came meanwhile if `again`; else those lines are destroyed by the race."""
        if not self.is_log_open():
            self.reopen()
        if again:
            self.copy_all()
        assert self.copy
        kept = self.copy.read_bytes()
        whole = self.log.read_bytes()
        self.destroyed |= set(whole[kept.rfind(b"\n") + 1 :].splitlines())
        if self.half:
            self.destroyed.add((whole[whole.rfind(b"\n") + 1 :] + self.half).strip())
            self.destroyed |= {self.half.strip(), (kept[kept.rfind(b"\n") + 1 :])}
            self.half = b""
        self.destroyed.add(kept[kept.rfind(b"\n") + 1 :])
        os.truncate(self.log, 0)
        self.file.write(self.header)
        self.stamp(self.log)
        self.copy = None

    def is_log_open(self):
        return os.fstat(self.file.fileno()).st_ino == self.log.stat().st_ino

    @precondition(lambda self: self.still() and any(one.suffix not in PACK for one in self.rotated()))
    @rule(suffix=st.sampled_from(sorted(PACK)), part=st.floats(0, 1), data=st.data())
    def pack_some(self, suffix, part, data):
        plain = data.draw(st.sampled_from([one for one in self.rotated() if one.suffix not in PACK]))
        if os.fstat(self.file.fileno()).st_ino == plain.stat().st_ino:
            self.reopen()
        packed = plain.with_name(plain.name + suffix)
        whole = PACK[suffix](plain.read_bytes())
        packed.write_bytes(whole[: int(len(whole) * part)])
        self.stamp(packed)
        self.packing = (plain, packed, whole)

    @precondition(lambda self: self.packing is not None)
    @rule(gone=st.booleans())
    def pack_all(self, gone):
        assert self.packing
        plain, packed, whole = self.packing
        status = plain.stat()
        packed.write_bytes(whole)
        os.utime(packed, ns=(status.st_atime_ns, status.st_mtime_ns))
        if gone:
            plain.unlink()
            self.packing = None

    @precondition(lambda self: self.still() and self.rotated())
    @rule()
    def delete_oldest(self):
        self.unlink(self.rotated()[0])

    @precondition(lambda self: self.still() and self.log.exists())
    @rule()
    def delete_live(self):
        self.finish_line()
        self.unlink(self.log)
        self.file.close()
        self.file = self.create()

    def unlink(self, path):
        if os.fstat(self.file.fileno()).st_ino == path.stat().st_ino and path != self.log:
            self.reopen()
        held = content(path)
        path.unlink()
        others = [content(one) for one in self.everything()]
        for line in held.splitlines():
            if not any(line in (other or b"") for other in others):
                self.lost.add(line)
        for cursor in self.checker.cursors:  # of a header and little more nobody can say which file it was
            prefix = self.checker.prefixes.get(cursor.id, b"")
            is_here = cursor.offset > 2 * len(self.header) and held.startswith(prefix) and len(held) > cursor.offset
            if is_here and not any((other or b"").startswith(prefix) for other in others) and not cursor.done:
                self.untold.add(cursor.id)

    def everything(self):
        return [one for one in self.folder.glob("**/*") if one.is_file()]

    @precondition(lambda self: self.still() and self.rotated())
    @rule(data=st.data(), soft=st.booleans())
    def link(self, data, soft):
        one = data.draw(st.sampled_from(self.rotated()))
        other = self.folder / "old" / f"link-{time.monotonic_ns()}"
        if soft:
            other.symlink_to(one)
        else:
            os.link(one, other)
        self.checker.check()
        other.unlink()

    # What checks.

    @rule(portion=st.sampled_from([1 << 20, 500]), budget=st.none() | st.integers(0, 4))
    def check(self, portion, budget):
        self.checker.check(portion, budget)

    @rule(seconds=st.sampled_from([5, 100]))
    def wait(self, seconds):
        """Nobody waits so long with half a line."""
        self.finish_line()
        self.checker.clock += seconds * SECOND

    @invariant()
    def nothing_twice(self):
        assert not [line for line, count in self.checker.taken.items() if count > 1]

    @invariant()
    def gaps_are_real(self):
        contents = None
        for cursor in self.checker.gone:
            if contents is None:
                contents = [content(one) or b"" for one in self.everything()]
            prefix = self.checker.prefixes.get(cursor.id, b"")
            seen = max(prefix, cursor.head, key=len)
            assert not prefix or not any(one.startswith(seen) for one in contents), cursor
        self.told |= {cursor.id for cursor in self.checker.gone}
        self.checker.gone.clear()

    def settle(self):
        if self.copy is not None:
            self.truncate(again=False)
        if self.packing is not None:
            self.pack_all(gone=True)
        self.reopen()
        self.write(lines=1, length=40, cut=False)
        self.checker.clock += 100 * SECOND
        for _ in range(3):
            self.checker.check()
        self.nothing_twice()
        self.gaps_are_real()
        present = {line for one in self.everything() for line in content(one).splitlines() if WHOLE.fullmatch(line)}
        missing = present - set(self.checker.taken)
        assert not missing - self.destroyed, sorted(missing)
        written = {b"%07d" % number for number in range(1, self.count + 1)}
        taken = {line[:7] for line in self.checker.taken}
        excused = {line[:7] for line in self.lost | self.destroyed}
        assert written - taken <= excused
        assert self.untold <= self.told
        plan = files.plan(self.checker.patterns, self.checker.cursors, self.checker.clock)
        assert not plan.reads


Rotation.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestRotation = Rotation.TestCase
