"""Another program run over an input, its standard output read as a stream: never through a shell, never with input.

The input may be made to harm that program, so what it may use of the machine is bounded: processor time, address
space, no file written, no core left behind; it is ended after `SILENCE` seconds without a word, and with its reader.
Promises that nothing it says is lost: `said` has what it wrote to standard error, `failure` why it did not end well.
"""

import contextlib
import io
import os
import resource
import selectors
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Sequence
from typing import Self

from flowwatch.sources import text

SILENCE = 60.0
"""Seconds without a byte after which a program is ended."""
_LIMITS = {
    resource.RLIMIT_AS: 4 << 30,  # bytes; threads reserve far more than they use
    resource.RLIMIT_FSIZE: 0,
    resource.RLIMIT_CORE: 0,
}
_ENVIRONMENT = {"TZ": "UTC", "LC_ALL": "C", "MALLOC_ARENA_MAX": "2"}  # arenas reserve address space for each thread
_MOST_COMPLAINTS = 100_000
"""Lines of standard error after which a program is ended."""
_MOST_SAID, _LONGEST_SAID = 20, 200
"""Different lines of standard error that are kept, and characters of each."""
_OTHERS = "(other lines)"
_PIECE = 1 << 16


class Program(io.RawIOBase):
    """Standard output of a program, readable once; a context manager that ends the program. Raises OSError at start.

    `seconds`: of processor time that it may take.
    """

    def __init__(self, command: Sequence[str], seconds: int = 600) -> None:
        super().__init__()
        self.said: Counter[str] = Counter()
        """Lines of standard error with how often each came; cut, and printable."""
        self._stopped = ""
        self._line = b""
        pipe, none = subprocess.PIPE, subprocess.DEVNULL
        self._process = subprocess.Popen(  # noqa: S603 - a list of arguments, no shell
            command, stdin=none, stdout=pipe, stderr=pipe, bufsize=0, env=_ENVIRONMENT
        )
        self._selector = selectors.DefaultSelector()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None  # noqa: S101 - both are pipes
            self._selector.register(stream.fileno(), selectors.EVENT_READ)
        _bound(self._process.pid, seconds)

    @property
    def failure(self) -> str | None:
        """Why the program did not end well, in words; None where it did, or still runs."""
        code = self._process.poll()
        if self._stopped:
            return self._stopped
        if code is None or code == 0:
            return None
        return f"was ended by {_signal(-code)}" if code < 0 else f"ended with code {code}"

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: "bytearray | memoryview", /) -> int:  # type: ignore[override]
        """What the program has written, as soon as there is any; 0 once it has ended."""
        view = memoryview(buffer).cast("B")
        while self._selector.get_map():
            ready = self._selector.select(SILENCE)
            if not ready:
                self._stop(f"said nothing for {SILENCE:.0f} seconds and was ended")
            for key, _ in ready:
                if key.fd == self._errors:
                    self._hear(os.read(key.fd, _PIECE))
                elif data := os.read(key.fd, min(len(view), _PIECE)):
                    view[: len(data)] = data
                    return len(data)
                else:
                    self._selector.unregister(key.fd)
        self._end()
        return 0

    def close(self) -> None:
        """Ends the program."""
        if not self.closed:
            self._process.kill()
            self._process.wait()
            self._selector.close()
            for stream in (self._process.stdout, self._process.stderr):
                if stream is not None:
                    stream.close()
        super().close()

    def __enter__(self) -> Self:
        return self

    @property
    def _errors(self) -> int:
        return self._process.stderr.fileno() if self._process.stderr else -1

    def _hear(self, data: bytes) -> None:
        *lines, rest = (self._line + data).split(b"\n")
        self._line = rest[: _LONGEST_SAID + 1]
        for line in lines if data else [rest]:
            self._note(line)
        if not data:
            self._selector.unregister(self._errors)

    def _note(self, line: bytes) -> None:
        told = text.printable(line.strip()[:_LONGEST_SAID])
        if told:
            self.said[told if told in self.said or len(self.said) < _MOST_SAID else _OTHERS] += 1
        if self.said.total() > _MOST_COMPLAINTS and not self._stopped:
            self._stop(f"complained more than {_MOST_COMPLAINTS} times and was ended")

    def _stop(self, why: str) -> None:
        self._stopped = why
        self._process.kill()

    def _end(self) -> None:
        """Both its streams have ended: so should it."""
        try:
            self._process.wait(SILENCE)
        except subprocess.TimeoutExpired:
            self._stop(f"closed its output and ran on for {SILENCE:.0f} seconds")
            self._process.wait()


def found(name: str) -> str | None:
    """The program of that name on PATH, save in its relative folders: one of them may be that of the input."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return shutil.which(name, path=os.pathsep.join(filter(os.path.isabs, folders)))


def answer(command: Sequence[str], patience: float = 10.0) -> str:
    """What a program says to a question that needs no input; empty where it cannot be asked."""
    try:
        done = subprocess.run(  # noqa: S603 - a list of arguments, no shell
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=patience, env=_ENVIRONMENT, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return text.printable((done.stdout or done.stderr).partition(b"\n")[0])


def _bound(pid: int, seconds: int) -> None:
    """The limits, set once the program runs: between fork and exec no Python may run beside other threads."""
    for what, most in {**_LIMITS, resource.RLIMIT_CPU: seconds}.items():
        with contextlib.suppress(ProcessLookupError):  # it has already ended
            resource.prlimit(pid, what, (most, most))


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
