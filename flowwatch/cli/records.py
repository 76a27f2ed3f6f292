"""`flowwatch flows` and `flowwatch lookups`: the normalised records themselves."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from flowwatch.cli.options import (
    InputFormat,
    Maps,
    NoDigest,
    NoRaw,
    Output,
    Paths,
    RejectsFile,
    Threads,
    Timezone,
    can_be_written,
    keep_inputs,
    read_options,
    rejecting,
)
from flowwatch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowwatch.model import Coverage, ReadOptions

Kind = Literal["flows", "lookups"]
RecordFormat = Annotated[
    Literal["table", "jsonl", "csv", "parquet"] | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="table, jsonl, csv or parquet [default: table on a terminal, jsonl in a pipe].",
    ),
]
Stream = Annotated[
    bool,
    typer.Option(
        "--stream", help="Print records as they close, as jsonl, in no promised order; implied by - and --follow."
    ),
]
Follow = Annotated[
    float | None,
    typer.Option(
        "--follow",
        metavar="SECONDS",
        min=0,
        help="Read on at the end of a capture until it has not grown for so long [default: 5 where --stream reads a "
        "file written to in the last 5 seconds, else 0].",
    ),
]


def flows(
    paths: Paths,
    *,
    fmt: RecordFormat = None,
    output: Output = None,
    input_format: InputFormat = None,
    maps: Maps = None,
    no_digest: NoDigest = False,
    threads: Threads = None,
    stream: Stream = False,
    follow: Follow = None,
    timezone: Timezone = None,
    rejects: RejectsFile = None,
    rejects_no_raw: NoRaw = False,
) -> None:
    """Print the conversations, one row each."""
    options = read_options(input_format, maps, timezone, threads, digest=not no_digest, follow=follow)
    refusals = _Refusals(rejects, raw=not rejects_no_raw)
    _records("flows", paths, fmt, output, options, refusals, stream=stream, follow=follow)


def lookups(
    paths: Paths,
    *,
    fmt: RecordFormat = None,
    output: Output = None,
    input_format: InputFormat = None,
    maps: Maps = None,
    no_digest: NoDigest = False,
    threads: Threads = None,
    stream: Stream = False,
    follow: Follow = None,
    timezone: Timezone = None,
    rejects: RejectsFile = None,
    rejects_no_raw: NoRaw = False,
) -> None:
    """Print the DNS questions with their answers, one row each."""
    options = read_options(input_format, maps, timezone, threads, digest=not no_digest, follow=follow)
    refusals = _Refusals(rejects, raw=not rejects_no_raw)
    _records("lookups", paths, fmt, output, options, refusals, stream=stream, follow=follow)


class _Refusals(NamedTuple):
    """Where refused records go."""

    path: Path | None
    raw: bool


def _records(
    kind: Kind,
    paths: list[str],
    fmt: str | None,
    output: Path | None,
    options: "ReadOptions",
    refusals: _Refusals,
    *,
    stream: bool,
    follow: float | None,
) -> None:
    from msgspec.structs import replace

    from flowwatch import sources

    found = sources.expand(paths)
    keep_inputs((*found, *options.maps), (output, refusals.path))
    can_be_written((output, refusals.path))
    chosen = fmt or ("jsonl" if (stream or follow) and output is None else _format_of(output))
    with rejecting(refusals.path, raw=refusals.raw) as refused:
        options = replace(options, rejects=refused)
        coverage = _told(kind, found, options, chosen, output, stream=stream, follow=follow)
    _conclude(coverage)


def _told(
    kind: Kind,
    found: "Sequence[str]",
    options: "ReadOptions",
    chosen: str,
    output: Path | None,
    *,
    stream: bool,
    follow: float | None,
) -> "Sequence[Coverage]":
    from flowwatch import sources

    if chosen == "jsonl" and (stream or follow or "-" in found):
        grows = sources.patience if stream and follow is None else None
        return _stream(kind, found, options, output, grows)
    if chosen == "table":
        return _shown(kind, found, options, output)
    return _sorted(kind, found, options, chosen, output)


def _stream(
    kind: Kind,
    found: "Sequence[str]",
    options: "ReadOptions",
    output: Path | None,
    grows: "Callable[[str], float | None] | None",
) -> "list[Coverage]":
    """Write rows as they come; standard input and pipes hand them over at once."""
    import pyarrow as pa
    from msgspec.structs import replace

    from flowwatch import sources, tables
    from flowwatch.cli.terminal import sink

    coverage: list[Coverage] = []
    with sink(output) as file:
        for first, *then in sources.runs(found):
            follow = grows((then or [first])[-1]) if grows else options.follow
            reading = sources.read(first, replace(options, eager=True, follow=follow), then=then)
            for which, batch in reading:
                if which == kind:
                    tables.write(pa.Table.from_batches([batch]), "jsonl", file)
            coverage.extend(reading.coverages)
    return coverage


def _shown(kind: Kind, found: "Sequence[str]", options: "ReadOptions", output: Path | None) -> "Sequence[Coverage]":
    """Show all rows as a table for a person."""
    from flowwatch import sources
    from flowwatch.cli.tabular import show
    from flowwatch.cli.terminal import progress, sink

    with progress(found) as advance:
        collected = sources.collect(found, options, advance)
    with sink(output) as file:
        show(kind, getattr(collected, kind), file)
    return collected.coverage


def _sorted(
    kind: Kind, found: "Sequence[str]", options: "ReadOptions", fmt: str, output: Path | None
) -> "Sequence[Coverage]":
    """Write all rows in their order, part by part."""
    from flowwatch import model, sources, tables
    from flowwatch.cli.terminal import progress, sink

    coverage: list[Coverage] = []
    schema = model.FLOWS if kind == "flows" else model.LOOKUPS
    with (
        sink(output) as file,
        tables.Writer(schema, fmt, file) as writer,
        progress(found) as advance,
        sources.parts(found, options, advance, only=kind) as parts,
    ):
        for part in parts:
            for batch in part.rows[kind]:
                writer.write(batch)
            coverage.extend(part.coverages)
    return coverage


def _format_of(output: Path | None) -> str:
    """Choose by the file's extension, else a table for a person and jsonl for a pipe."""
    if output is not None:
        known = {
            ".csv": "csv",
            ".parquet": "parquet",
            ".jsonl": "jsonl",
            ".json": "jsonl",
            ".ndjson": "jsonl",
            "": "jsonl",
        }
        if output.suffix not in known:
            raise UsageError(f"{output}: the name does not tell the format", hint="add --format jsonl, csv or parquet")
        return known[output.suffix]
    return "table" if sys.stdout.isatty() else "jsonl"


def _conclude(coverage: "Sequence[Coverage]") -> None:
    """End with 3, and a line for each, when an input could not be read in full."""
    from flowwatch.cli.exits import Exit
    from flowwatch.cli.terminal import say

    short = [one for one in coverage if one.incomplete]
    for one in short:
        say(f"flowwatch: {one.source}: {'; '.join(one.shortfalls)}")
    raise typer.Exit(Exit.INCOMPLETE if short else Exit.DONE)
