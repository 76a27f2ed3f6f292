"""The format of an input, by its content and never by its name.

Refuses to guess: what is not certain enough is unread, and the refusal names the three best guesses with their scores.
"""

from flowwatch.errors import UsageError
from flowwatch.model.records import Skip
from flowwatch.sources.formats import FORMATS, Format, formats
from flowwatch.sources.known import guesses
from flowwatch.sources.zeek.sniff import path as zeek_path

CERTAIN = 80
"""Score from which an input is read as the format."""
SURE = 100
"""Score of what its first bytes tell beyond doubt."""
_MAP = "docs/maps.md says how to write a map for another (--map)"


def _names(maps: tuple[str, ...] = ()) -> str:
    return ", ".join(entry.name for entry in formats(maps))


def named(name: str, maps: tuple[str, ...] = ()) -> Format:
    """The format of that name; UsageError, listing the names, where there is none."""
    for entry in formats(maps):
        if entry.name == name:
            return entry
    raise UsageError(f"no input format is called {name!r}", hint=f"one of {_names(maps)}")


def detect(head: bytes, maps: tuple[str, ...] = ()) -> Format | Skip:
    """The format of an input from its first bytes, or why it cannot be read.

    Codes: `empty`, `unsupported_format` (a Zeek log that is not read), `unknown_format`.
    """
    if not head:
        return Skip("empty", "the input is empty")
    best = _best(FORMATS, head)
    if maps or best.score(head) < SURE:  # the shipped maps need not be opened to tell a capture
        best = _best(formats(maps), head)
    if best.score(head) >= CERTAIN:
        return best
    path, score = zeek_path(head)
    if score:
        log = f"{path}.log" if path and path.isidentifier() else "log"
        return Skip("unsupported_format", f"a Zeek {log}, which this version does not read (it reads {_names()})")
    return Skip("unknown_format", _refusal(head))


def _best(among: tuple[Format, ...], head: bytes) -> Format:
    return max(among, key=lambda entry: entry.score(head))


def _refusal(head: bytes) -> str:
    best = guesses(head)[:3]
    if not best:
        kind = "binary data" if b"\x00" in head[:1024] else "text of an unknown form"
        return f"{kind}; this version reads {_names()}; {_MAP}; --input-format names one"
    listed = ", ".join(f"{guess.name} ({guess.score})" for guess in best)
    return f"looks like {listed}; " + (
        best[0].hint or f"this version reads {_names()}; {_MAP}; --input-format names one"
    )
