"""Options and arguments several commands share, each written once."""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flowwatch.errors import UsageError

if TYPE_CHECKING:
    from flowwatch.model.records import ReadOptions, Refused
    from flowwatch.policy.terms import PolicySet

DEFAULT_POLICY = Path("flowwatch.policy.toml")

Paths = Annotated[list[str], typer.Argument(metavar="PATH", help="Files, folders, globs, or - for standard input.")]
PolicyFile = Annotated[
    Path | None,
    typer.Option("--policy", metavar="FILE", help="Policy to judge by [default: ./flowwatch.policy.toml if there]."),
]
Databases = Annotated[
    list[Path] | None,
    typer.Option(
        "--places", metavar="PATH", help="Location database (MMDB) or a folder of them; may be given several times."
    ),
]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="PATH", help="Write here instead of printing.")]
InputFormat = Annotated[
    str | None, typer.Option("--input-format", metavar="NAME", help="Read every input as this format; detect nothing.")
]
Maps = Annotated[
    list[Path] | None,
    typer.Option("--map", metavar="FILE", help="A format of your own as a TOML map; may be given several times."),
]
Timezone = Annotated[
    str | None,
    typer.Option(
        "--timezone", metavar="ZONE", help="Zone of log times that name none, as Europe/Berlin [default: UTC]."
    ),
]
RejectsFile = Annotated[
    Path | None,
    typer.Option("--rejects", metavar="FILE", help="Write every refused log record here, as JSON lines (mode 0600)."),
]
NoRaw = Annotated[bool, typer.Option("--rejects-no-raw", help="Leave the records' own bytes out of that file.")]
NoDigest = Annotated[
    bool, typer.Option("--no-digest", help="Do not take the SHA-256 of the inputs (the report says so).")
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads", metavar="N", min=1, max=8, help="Threads that read at once [default: one a core, at most 8]."
    ),
]
Word = Literal["info", "low", "medium", "high", "critical"]
FailOn = Annotated[Word, typer.Option("--fail-on", help="Exit 1 from this severity on.")]
AllowUndecided = Annotated[
    int, typer.Option("--allow-undecided", metavar="N", min=0, help="Undecided transmissions that are no exit 3.")
]


PolicyArgument = Annotated[
    Path | None, typer.Argument(metavar="FILE", help="Policy file or folder [default: ./flowwatch.policy.toml].")
]


def keep_inputs(inputs: Sequence[str | Path | None], outputs: Sequence[Path | None]) -> None:
    """Refuse to write over what is to be read, or one output over another: UsageError."""
    read = [Path(one) for one in inputs if one is not None]
    written = [one for one in outputs if one is not None]
    for at, output in enumerate(written):
        if any(same_file(output, one) or _same_place(output, one) for one in written[:at]):
            raise UsageError(f"{output} would be written over by this run", hint="choose another place for one of them")
        for one in read:
            if same_file(output, one):
                raise UsageError(f"{output} is read by this run and would be written over", hint="choose another place")


def can_be_written(outputs: Sequence[Path | None]) -> None:
    """Refuse, before anything is read, what could not be written after it: a folder, or a file in no folder."""
    for output in (one for one in outputs if one is not None):
        if os.path.isdir(output):  # noqa: PTH112 - false, not a fault, where it cannot be looked at
            raise UsageError(f"cannot write {output}: it is a folder", hint=f"name a file in it, as {output}/NAME")
        if not os.path.isdir(output.parent):  # noqa: PTH112 - likewise
            raise UsageError(f"cannot write {output}: there is no folder {output.parent}", hint="choose another place")


def same_file(one: Path, other: Path) -> bool:
    """Both paths lead to the same regular file."""
    try:
        return one.is_file() and one.samefile(other)
    except OSError:
        return False  # what cannot be looked at is told by who opens it


def _same_place(one: Path, other: Path) -> bool:
    """Both paths would make the same file; devices take what is written by several."""
    return os.path.realpath(one) == os.path.realpath(other) and not one.exists()


def policy_or_default(given: Path | None) -> Path | None:
    """Find the policy to judge by: the one given, else the one in this folder, else None."""
    try:
        missing = given is not None and not given.exists()
    except OSError as error:
        raise UsageError(f"{given}: cannot be read: {error.strerror}", hint="name another policy") from error
    if missing:
        raise UsageError(f"there is no policy {given}", hint="`flowwatch policy schema` says what one may hold")
    return given or (DEFAULT_POLICY if DEFAULT_POLICY.exists() else None)


def load_policy(given: Path | None) -> "PolicySet":
    """Load the policy to work on; UsageError when there is none, PolicyError when it cannot be used."""
    from flowwatch.policy import load

    chosen = policy_or_default(given)
    if chosen is None:
        hint = "name the file; `flowwatch policy learn` and `flowwatch policy first` write one to begin with"
        raise UsageError("no policy given and no ./flowwatch.policy.toml here", hint=hint)
    return load(chosen)


def read_options(
    input_format: str | None,
    maps: Sequence[Path] | None,
    timezone: str | None,
    threads: int | None,
    *,
    digest: bool = False,
    follow: float | None = None,
) -> "ReadOptions":
    """How inputs are read, as the options of a command say. Raises UsageError for a zone that is none."""
    from flowwatch.model import ReadOptions
    from flowwatch.sources.moments import known_zone

    return ReadOptions(
        digest=digest,
        input_format=input_format,
        maps=tuple(map(str, maps or ())),
        timezone=known_zone(timezone),
        threads=threads_or_cores(threads),
        follow=follow or None,
    )


@contextlib.contextmanager
def rejecting(path: Path | None, *, raw: bool) -> "Iterator[Callable[[str, str], Refused] | None]":
    """What takes refused records into the file; None where none is wanted. Raises UsageError."""
    from flowwatch.sources.rejects import Rejects

    if path is None:
        yield None
        return
    try:
        file = Rejects(path, raw=raw)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}", hint="choose another place") from error
    with file:
        yield file.of


def threads_or_cores(given: int | None) -> int:
    """Threads to read with: as asked, else as many as there are cores for this process, at most eight."""
    return given or min(8, len(os.sched_getaffinity(0)))
