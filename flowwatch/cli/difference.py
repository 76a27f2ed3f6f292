"""`flowwatch policy diff`: which destinations and lookups change verdict from one policy to another, and why."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flowwatch.cli.options import (
    Databases,
    InputFormat,
    Maps,
    Output,
    Paths,
    Threads,
    Timezone,
    can_be_written,
    keep_inputs,
    load_policy,
    read_options,
)

if TYPE_CHECKING:
    from flowwatch.trial import Change, Difference, Side

Old = Annotated[Path, typer.Argument(metavar="OLD", help="Policy file or folder as it was.")]
New = Annotated[Path, typer.Argument(metavar="NEW", help="The policy to compare with it.")]
Format = Annotated[Literal["text", "jsonl"], typer.Option("--format", help="How to write it.")]

SCHEMA = "flowwatch.difference/1"


def diff(
    old: Old,
    new: New,
    paths: Paths,
    *,
    fmt: Format = "text",
    output: Output = None,
    places: Databases = None,
    input_format: InputFormat = None,
    maps: Maps = None,
    timezone: Timezone = None,
    threads: Threads = None,
) -> None:
    """Compare two policies over recordings: what changes verdict, and why; exit 0 when nothing does, 1 else."""
    from flowwatch import sources
    from flowwatch.cli.scan import but_rules
    from flowwatch.cli.terminal import progress, sink
    from flowwatch.trial import difference

    before, after = load_policy(old), load_policy(new)
    found = but_rules(but_rules(sources.expand(paths), paths, old), paths, new)
    keep_inputs((*found, old, new, *(maps or ())), [output])
    can_be_written([output])
    options = read_options(input_format, maps, timezone, threads)
    with progress(found) as advance:
        told = difference(before, after, found, databases=places or (), options=options, progress=advance)
    with sink(output) as file:
        file.writelines(_json(told) if fmt == "jsonl" else _text(told))
    _conclude(told)


def _conclude(told: "Difference") -> None:
    """End with 1 for a change; with 3 where the recordings were not read in full or hold nothing to judge."""
    from flowwatch.cli.exits import Exit, unread
    from flowwatch.cli.terminal import say

    short = unread(told.coverage)
    if not told.compared.count and not told.lookups:
        short = (*short, "nothing in scope")
    if short:
        say(f"flowwatch: incomplete: {'; '.join(short)}")
    raise typer.Exit(Exit.FINDINGS if told.changes else Exit.INCOMPLETE if short else Exit.DONE)


def _json(told: "Difference") -> Iterator[bytes]:
    """First a line of type `difference`, then one of type `change` each."""
    from flowwatch.reports import jsonl

    head = jsonl.plain(told)
    changes: list[dict[str, Any]] = head.pop("changes")
    yield jsonl.line({"type": "difference", "schema": SCHEMA, "changes": len(changes)} | head)
    for fields in changes:
        yield jsonl.line({"type": "change"} | fields)


def _text(told: "Difference") -> Iterator[bytes]:
    from flowwatch.cli.terminal import printable

    yield from (f"{printable(line)}\n".encode() for line in _lines(told))


def _lines(told: "Difference") -> Iterator[str]:
    from flowwatch.model import Tally
    from flowwatch.reports import phrases

    for name, versions in (("old", told.old), ("new", told.new)):
        yield f"{name}  {'; '.join(phrases.policy(one) for one in versions)}"
    changed = Tally.sum([one.tally for one in told.changes if one.address is not None])
    asked = sum(one.tally.count for one in told.changes if one.address is None)
    yield (
        f"Of {phrases.plural(told.compared.count, 'transmission')} ({phrases.sent(told.compared.sent)}) that either "
        f"judges, {phrases.number(changed.count)} ({phrases.sent(changed.sent)}) change verdict; of "
        f"{phrases.plural(told.lookups, 'lookup')}, {phrases.number(asked)}. Recorded by "
        f"{phrases.recorded_by(told.coverage)}."
    )
    passage = None
    for change in told.changes:
        if change.groups != passage:
            passage = change.groups
            yield ""
            yield " -> ".join(phrases.words(group) for group in passage)
        yield from (f"  {line}" for line in _change(change))


def _change(change: "Change") -> Iterator[str]:
    from flowwatch.reports import phrases

    yield _what(change)
    if change.names:
        yield f"    names   {', '.join(map(phrases.quoted, change.names))}"
    first = f"{change.record.source} record {phrases.number(change.record.first_record)}"
    zones = ", ".join(change.zones) or "no declared zone"
    yield f"    from    {zones}; {phrases.between(change.first, change.last)}; {first}"
    yield f"    before  {_side(change.before)}"
    yield f"    after   {_side(change.after)}"


def _what(change: "Change") -> str:
    """The destination or the name asked for, and how much of it there is."""
    from flowwatch.model import OpenedBy
    from flowwatch.reports import phrases

    asked = ", ".join(map(phrases.quoted, change.asked))
    if change.address is None:
        return f"{asked}: {phrases.plural(change.tally.count, 'lookup')}"
    to = phrases.endpoint(change.address, change.port, change.proto or "")
    to = f"{asked} through {to}" if asked else to
    pulled = f", {phrases.OPENED_ITSELF}" if change.opened_by is OpenedBy.RECEIVER else ""
    attempts = f", of them {phrases.plural(change.tally.attempts, 'attempt')}" if change.tally.attempts else ""
    count = phrases.plural(change.tally.count, "transmission")
    return f"{to}{pulled}: {count}{attempts}, {phrases.sent(change.tally.sent)}"


def _side(side: "Side | None") -> str:
    from flowwatch.reports import phrases

    if side is None:
        return "not judged: this policy does not know the proxy that was asked"
    why = "; ".join(f"{reason} ({reason.sentence})" for reason in side.reasons)
    return f"{phrases.words(side.verdict)} by {phrases.rule(side.rule)}: {why}"
