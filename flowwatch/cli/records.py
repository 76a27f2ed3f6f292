"""`flowwatch flows` and `flowwatch lookups`: the normalised records themselves."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flowwatch.cli.options import InputFormat, NoDigest, Output, Paths, can_be_written, keep_inputs
from flowwatch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

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
    no_digest: NoDigest = False,
    stream: Stream = False,
    follow: Follow = None,
) -> None:
    """Print the conversations, one row each."""
    _records("flows", paths, fmt, output, input_format, digest=not no_digest, stream=stream, follow=follow)


def lookups(
    paths: Paths,
    *,
    fmt: RecordFormat = None,
    output: Output = None,
    input_format: InputFormat = None,
    no_digest: NoDigest = False,
    stream: Stream = False,
    follow: Follow = None,
) -> None:
    """Print the DNS questions with their answers, one row each."""
    _records("lookups", paths, fmt, output, input_format, digest=not no_digest, stream=stream, follow=follow)


def _records(
    kind: Kind,
    paths: list[str],
    fmt: str | None,
    output: Path | None,
    input_format: str | None,
    *,
    digest: bool,
    stream: bool,
    follow: float | None,
) -> None:
    from flowwatch import sources
    from flowwatch.model import ReadOptions

    found = sources.expand(paths)
    keep_inputs(found, (output,))
    can_be_written((output,))
    options = ReadOptions(digest=digest, input_format=input_format, follow=follow or None)
    chosen = fmt or ("jsonl" if (stream or follow) and output is None else _format_of(output))
    if chosen == "jsonl" and (stream or follow or "-" in found):
        grows = sources.patience if stream and follow is None else None
        coverage: Sequence[Coverage] = _stream(kind, found, options, output, grows)
    else:
        coverage = _sorted(kind, found, options, chosen, output)
    _conclude(coverage)


def _stream(
    kind: Kind,
    found: "Sequence[str]",
    options: "ReadOptions",
    output: Path | None,
    grows: "Callable[[str], float | None] | None",
) -> "list[Coverage]":
    import msgspec
    import pyarrow as pa

    from flowwatch import sources, tables
    from flowwatch.cli.terminal import sink

    coverage = []
    with sink(output) as file:
        for source in found:
            chosen = msgspec.structs.replace(options, eager=True, follow=grows(source) if grows else options.follow)
            reading = sources.read(source, chosen)
            for which, batch in reading:
                if which == kind:
                    tables.write(pa.Table.from_batches([batch]), "jsonl", file)
            coverage.append(reading.coverage)
    return coverage


def _sorted(
    kind: Kind, found: "Sequence[str]", options: "ReadOptions", fmt: str, output: Path | None
) -> "Sequence[Coverage]":
    from flowwatch import sources, tables
    from flowwatch.cli.terminal import progress, sink

    with progress(found) as advance:
        collected = sources.collect(found, options, advance)
    table: pa.Table = getattr(collected, kind)
    with sink(output) as file:
        if fmt == "table":
            from flowwatch.cli.tabular import show

            show(kind, table, file)
        else:
            tables.write(table, fmt, file)
    return collected.coverage


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
