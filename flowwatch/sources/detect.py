"""The format of an input, by its content and never by its name.

What carries another log (`carriers`) is taken off first. A log that syslog wrote for several programs is told by the
lines of each, and is read as all of their formats at once. Refuses to guess: what is not certain enough is unread, and
the refusal names the best guesses with their scores, the lines that were tried, and what to do.
"""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from flowwatch.errors import UsageError
from flowwatch.model.records import Skip
from flowwatch.sources.formats import CAPTURES, FORMATS, Format, formats

if TYPE_CHECKING:
    from flowwatch.sources.known import Guess

CERTAIN = 80
"""Score from which an input is read as the format."""
WHOLE = 95
"""Score of what fits in every line."""
SURE = 100
"""Score of what its first bytes tell beyond doubt."""
_MAP = "docs/maps.md says how to write a map for another (--map)"
_UNENDED = "rsyslog's ForwardFormat writes none into a file; its FileFormat does"
_LONG = 4096
_SHOWN, _SHORTENED = 3, 120
"""Lines of an unknown input that are shown, and their characters."""

_ALSO = {"bind9-query": "bind-query"}
"""Other names of formats."""


def named(name: str, maps: tuple[str, ...] = ()) -> Format:
    """The format of that name, or of several joined by `+`; UsageError, listing the names, where there is none."""
    among, name = formats(maps), _ALSO.get(name, name)
    for entry in among:
        if entry.name == name:
            return entry
    if len(several := name.split("+")) > 1:
        from flowwatch.sources.mixed import mixed

        return mixed([named(one, maps) for one in several])
    raise UsageError(f"no input format is called {name!r}", hint=f"one of {', '.join(entry.name for entry in among)}")


def _zeek() -> str:
    return ", ".join(entry.name.removeprefix("zeek-") for entry in formats() if entry.name.startswith("zeek-"))


def detect(head: bytes, maps: tuple[str, ...] = (), later: Callable[[], bytes] = bytes) -> Format | Skip:
    """The format of an input from its first bytes, or why it cannot be read.

    `later` gives some from the middle, for a log that begins with what is not of its form. Codes: `empty`,
    `unsupported_format` (a Zeek log that is not read), `unknown_format`.
    """
    if not head:
        return Skip("empty", "the input is empty")
    if not head.strip():
        return Skip("empty", "nothing but blank lines")
    if len(head) >= _LONG and b"\n" not in head and head.isascii() and b"\x00" not in head and head[:1] not in b"{[":
        return Skip("no_line_ends", f"text without a line end in its first {len(head)} bytes: {_UNENDED}")
    captured = _best(CAPTURES, head)
    if captured.score(head) >= SURE:  # nothing of the logs need be loaded to tell a capture
        return captured
    return _of_log(head, maps) or _of_log(later(), maps) or _unknown(head, formats(maps))


def as_before(lines: bytes, before: Format, found: Format | Skip, *, ended: bool) -> Format | Skip | None:
    """The format of a short file whose source was read as `before`, and which looks like `found`.

    A program begins a log with lines that tell no event, and with questions before their answers: so while `before`
    refuses none of the lines it stands, unless `found` takes more of them. None where no event tells it yet, and the
    file has not ended.
    """
    if isinstance(found, Skip) and found.code != "unknown_format":
        return found
    events = _events(before, lines)
    if events is None:
        return found
    if isinstance(found, Format):
        return before if events >= (_events(found, lines) or 0) else found
    return before if events or ended else None


def _events(one: Format, lines: bytes) -> int | None:
    """How many events the lines tell; None where any is refused, or lines are not what is read."""
    from flowwatch.sources.carriers import plain
    from flowwatch.sources.lines import Block
    from flowwatch.sources.moments import Clock

    if one.log is None:
        return None
    log = one.log("", Clock(time.time_ns(), head=lines), None)
    log.ledger.block = block = Block(plain(lines).removesuffix(b"\n"), 0, 1)
    for _ in log.take(block):
        pass
    return None if log.ledger.rejected else log.ledger.events


def _of_log(head: bytes, maps: tuple[str, ...]) -> Format | None:
    if not head:
        return None
    from flowwatch.sources.carriers import plain
    from flowwatch.sources.mixed import by_program, mixed, of_programs

    bare = plain(head)
    first = _best(FORMATS, bare)
    if not maps and first.score(bare) >= WHOLE and not of_programs(bare):
        return first  # no map can tell it better, and none need be loaded
    among = formats(maps)
    found = [one for one, lines in by_program(among, bare) if one.score(lines) >= CERTAIN]
    if len(found) > 1:
        return mixed(found)
    best = _best(among, bare)
    return best if best.score(bare) >= CERTAIN else next(iter(found), None)


def _best(among: Sequence[Format], head: bytes) -> Format:
    return max(among, key=lambda entry: entry.score(head))


def _unknown(head: bytes, among: Sequence[Format]) -> Skip:
    from flowwatch.sources.carriers import plain
    from flowwatch.sources.known import FAINTEST, Guess, guesses
    from flowwatch.sources.zeek.sniff import path as zeek_path

    bare = plain(head)
    path, score = zeek_path(bare)
    if score:
        log = f"{path}.log" if path and path.isidentifier() else "log"
        return Skip(
            "unsupported_format", f"a Zeek {log}, which this version does not read (of Zeek it reads {_zeek()})"
        )
    near = [Guess(one.name, score) for one in among if (score := one.score(bare)) >= FAINTEST]
    best = sorted((*near, *guesses(bare)), key=lambda guess: -guess.score)[:3]
    if best and best[0].hint:
        return Skip("unknown_format", f"looks like {_listed(best)}; {best[0].hint}")
    binary = b"\x00" in bare[:1024]
    what = f"looks like {_listed(best)}" if best else "binary data" if binary else "text of an unknown form"
    tried = "" if binary else f"; lines tried: {_tried(bare)}"
    return Skip("unknown_format", f"{what}{tried}; {_MAP}; --input-format names one")


def _listed(best: Sequence["Guess"]) -> str:
    return ", ".join(f"{guess.name} ({guess.score})" for guess in best)


def _tried(head: bytes) -> str:
    """The first lines that say something, shortened, with what is not printable escaped."""
    lines = [line for line in head.splitlines() if line.strip()][:_SHOWN]
    told = [line[: _SHORTENED + 1].decode("utf-8", "backslashreplace") for line in lines]
    return " | ".join(ascii(line[:_SHORTENED])[1:-1] + ("..." if len(line) > _SHORTENED else "") for line in told)
