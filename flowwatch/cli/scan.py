"""`flowwatch scan`: read captures and logs, judge, report; everything offline."""

import enum
import gc
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, assert_never

import typer

from flowwatch.cli.options import (
    AllowUndecided,
    Databases,
    FailOn,
    InputFormat,
    Maps,
    NoDigest,
    NoRaw,
    Output,
    Paths,
    PolicyFile,
    RejectsFile,
    Threads,
    Timezone,
    can_be_written,
    keep_inputs,
    policy_or_default,
    read_options,
    rejecting,
    same_file,
)
from flowwatch.errors import UsageError

if TYPE_CHECKING:
    from flowwatch.model import History, Report


class Format(enum.StrEnum):
    """A way to write the report."""

    TEXT = "text"
    JSONL = "jsonl"
    HTML = "html"
    CSV = "csv"
    MD = "md"
    OCSF = "ocsf"
    ECS = "ecs"
    EVE = "eve"
    CEF = "cef"

    @property
    def file_names(self) -> tuple[str, ...]:
        """Its names in a folder of several; a CSV holds one table, so there are two of them."""
        return _FILE_NAMES.get(self, (f"report.{self}",))


_FILE_NAMES = {
    Format.TEXT: ("report.txt",),
    Format.CSV: ("findings.csv", "destinations.csv"),
    Format.OCSF: ("report.ocsf.jsonl",),
    Format.ECS: ("report.ecs.ndjson",),
    Format.EVE: ("report.eve.json",),
}


def scan(
    paths: Paths,
    *,
    policy: PolicyFile = None,
    places: Databases = None,
    formats: Annotated[
        list[Format] | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="text, jsonl, html, csv (findings; with others also destinations), md, or each finding as an alert in "
            "ocsf, ecs, eve or cef; may be given several times, with -o FOLDER [default: text].",
        ),
    ] = None,
    output: Output = None,
    decisions: Annotated[
        Path | None,
        typer.Option("--decisions", metavar="FILE", help="One row per transmission, as .jsonl, .csv or .parquet."),
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(
            "--history",
            metavar="FILE",
            help="Report of an earlier scan (jsonl): tell what changed of the servers since.",
        ),
    ] = None,
    fail_on: FailOn = "medium",
    allow_undecided: AllowUndecided = 0,
    input_format: InputFormat = None,
    maps: Maps = None,
    timezone: Timezone = None,
    rejects: RejectsFile = None,
    rejects_no_raw: NoRaw = False,
    no_digest: NoDigest = False,
    threads: Threads = None,
) -> None:
    """Read captures and logs, judge where data went, and report."""
    import msgspec

    from flowwatch import sources
    from flowwatch.audit import audit
    from flowwatch.cli.memory import keep_freed
    from flowwatch.cli.terminal import progress
    from flowwatch.places.installed import databases
    from flowwatch.reports.decisions import format_of

    chosen = _checked(formats, output)
    if decisions is not None:
        format_of(decisions)
    _no_format_among(paths)
    rules = policy_or_default(policy)
    found = but_rules(sources.expand(paths), paths, rules)
    written = _written(chosen, output, decisions)
    before = None if history is None else _before(history, rules)
    keep_inputs((*found, rules, history, *databases(places or ()), *(maps or ())), [*written, rejects])
    can_be_written([*written, rejects] if len(chosen) == 1 else [decisions, rejects])
    options = read_options(input_format, maps, timezone, threads, digest=not no_digest)
    keep_freed()
    gc.disable()  # frozen values form no circles, and the process ends with its report: a fifth of the judging time
    with progress(found) as advance, rejecting(rejects, raw=not rejects_no_raw) as refused:
        options = msgspec.structs.replace(options, rejects=refused)
        report = audit(found, rules, databases=places or (), history=before, options=options, progress=advance)
    deliver(report, chosen, output, decisions)
    conclude(report, fail_on, allow_undecided)


def _before(history: Path, rules: Path | None) -> "History":
    """What the earlier report saw of the servers of this policy. Raises UsageError."""
    from flowwatch.policy import load
    from flowwatch.reports.earlier import history as read

    if rules is None:
        raise UsageError("--history compares approved servers, and there is no policy", hint="add --policy FILE")
    return read(history, load(rules).versions[-1].info.id)


def but_rules(found: Sequence[str], named: Sequence[str], rules: Path | None) -> list[str]:
    """The sources without the policy that judges them, where it only lay in the same folder."""
    return [one for one in found if one in named or rules is None or not same_file(Path(one), rules)]


def deliver(report: "Report", formats: Sequence[Format], output: Path | None, decisions: Path | None) -> None:
    """Write the report in each format, and the decisions, where they are wanted."""
    from flowwatch.cli.terminal import sink, writing
    from flowwatch.reports import write_decisions

    if len(formats) > 1 and output is not None:
        with writing(output):
            output.mkdir(parents=True, exist_ok=True)
        for one in formats:
            for name in one.file_names:
                with sink(output / name) as file:
                    write(report, one, file, name)
        with sink(None) as file:
            write(report, Format.TEXT, file)
    else:
        with sink(output) as file:
            write(report, formats[0], file)
    if decisions is not None:
        with writing(decisions):
            write_decisions(report, decisions)


def write(report: "Report", fmt: Format, file: BinaryIO, name: str = "") -> None:
    """Write the report, or of several files of its format the one named, to a binary file.

    Text takes the terminal's width when there is one.
    """
    from flowwatch import reports

    match fmt:
        case Format.TEXT:
            reports.write_text(report, file)
        case Format.JSONL:
            file.writelines(reports.jsonl_lines(report))
        case Format.HTML:
            file.write(reports.render_html(report).encode())
        case Format.CSV:
            reports.write_csv(report, file, "destinations" if name == "destinations.csv" else "findings")
        case Format.MD:
            file.write(reports.render_markdown(report).encode())
        case Format.OCSF:
            file.writelines(reports.alert_lines(report, "ocsf"))
        case Format.ECS:
            file.writelines(reports.alert_lines(report, "ecs"))
        case Format.EVE:
            file.writelines(reports.alert_lines(report, "eve"))
        case Format.CEF:
            file.writelines(reports.alert_lines(report, "cef"))
        case never:
            assert_never(never)


def conclude(report: "Report", fail_on: str, allow_undecided: int) -> None:
    """End with the exit code the report earns; say on standard error why it is incomplete."""
    from flowwatch.cli import exits
    from flowwatch.cli.terminal import say
    from flowwatch.model import Severity

    short = exits.shortcomings(report, allow_undecided)
    if short:
        say(f"flowwatch: incomplete: {'; '.join(short)}")
    raise typer.Exit(exits.of_report(report, Severity(fail_on), allow_undecided))


def _written(formats: Sequence[Format], output: Path | None, decisions: Path | None) -> list[Path | None]:
    """The files a run writes."""
    if output is None or len(formats) == 1:
        return [output, decisions]
    return [*(output / name for one in formats for name in one.file_names), decisions]


def _checked(formats: Sequence[Format] | None, output: Path | None) -> tuple[Format, ...]:
    chosen: tuple[Format, ...] = tuple(dict.fromkeys(formats or (Format.TEXT,)))
    if len(chosen) == 1 and output is not None and os.path.isdir(output):  # noqa: PTH112 - false, not a fault
        inside = output / chosen[0].file_names[0]
        raise UsageError(f"cannot write {output}: it is a folder", hint=f"one format is one file: -o {inside}")
    if len(chosen) > 1 and output is None:
        raise UsageError("several formats need a folder to be written to", hint="add -o FOLDER")
    if len(chosen) > 1 and output is not None and os.path.isfile(output):  # noqa: PTH113 - false, not a fault
        raise UsageError(f"{output} is a file", hint="several formats need a folder: -o FOLDER")
    return chosen


def _no_format_among(paths: Sequence[str]) -> None:
    """Say what `--format html md` lacks: the second word would be taken for an input."""
    for path in paths:
        if path in {one.value for one in Format} and not os.path.lexists(path):
            raise UsageError(f"{path}: no such file or folder", hint=f"for a format write --format {path}")
