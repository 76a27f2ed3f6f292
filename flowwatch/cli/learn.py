"""`flowwatch policy learn`: a draft policy from known-good recordings, every entry to be reviewed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from flowwatch.errors import UsageError

if TYPE_CHECKING:
    from flowwatch.policy.terms import Policy, Zone
    from flowwatch.trial import Draft

Zones = Annotated[
    list[str] | None,
    typer.Option(
        "--zone",
        metavar="ID=CIDR",
        help="A network of your own; may be given several times [default: the private networks seen].",
    ),
]
Base = Annotated[
    Path | None, typer.Option("--base", metavar="FILE", help="A policy to begin with: learn only what it leaves open.")
]


def learn(
    paths: Paths,
    *,
    zones: Zones = None,
    base: Base = None,
    output: Output = None,
    places: Databases = None,
    input_format: InputFormat = None,
    maps: Maps = None,
    timezone: Timezone = None,
    threads: Threads = None,
) -> None:
    """Draft a policy from known-good recordings (a rehearsal); every entry awaits review."""
    from flowwatch import sources
    from flowwatch.cli.scan import but_rules
    from flowwatch.cli.terminal import progress, sink
    from flowwatch.trial import added, whole
    from flowwatch.trial import learn as learned

    begun = None if base is None else _begun(base)
    own = _zones(zones or (), begun)
    found = but_rules(sources.expand(paths), paths, base)
    _new(output, base, begun)
    keep_inputs((*found, base, *(maps or ())), [output])
    can_be_written([output])
    options = read_options(input_format, maps, timezone, threads)
    with progress(found) as advance:
        draft = learned(found, own, base=begun, databases=places or (), options=options, progress=advance)
    text = whole(draft) if base is None else added(draft, base.read_text("utf-8"))
    _usable(text, begun)
    with sink(output) as file:
        file.write(text.encode())
    _conclude(draft)


def _begun(base: Path) -> "Policy":
    policies = load_policy(base)
    if base.is_dir():
        raise UsageError(f"{base} is a folder of versions", hint="name the version to begin with")
    return policies.versions[0]


def _zones(written: "list[str] | tuple[str, ...]", begun: "Policy | None") -> "tuple[Zone, ...]":
    """The zones of `--zone`; several networks may have one id."""
    import msgspec

    from flowwatch.policy.forms import Id
    from flowwatch.policy.match import Cidr
    from flowwatch.policy.terms import Zone

    known = {one.id for one in begun.zones} if begun else set()
    found: dict[str, Zone] = {}
    for one in written:
        name, _, network = one.partition("=")
        try:
            name, cidr = msgspec.convert(name, Id), Cidr.parse(network)
        except (msgspec.ValidationError, ValueError) as error:
            raise UsageError(f"--zone {one}: {error}", hint="as in --zone sites=192.0.2.0/25") from error
        if name in known:
            raise UsageError(f"--zone {one}: the policy has a zone {name!r}", hint="choose another id")
        others = found[name].cidrs if name in found else ()
        found[name] = Zone(id=name, cidrs=(*others, cidr))
    return tuple(found.values())


def _new(output: Path | None, base: Path | None, begun: "Policy | None") -> None:
    """Refuse to write over a file, which may be a reviewed policy, or away from the parts that the policy includes."""
    if output is not None and output.is_file():
        raise UsageError(f"{output} is there already", hint="choose another place; a draft overwrites nothing")
    beside = base if begun is not None and len(begun.info.files) > 1 else None
    if output is not None and beside is not None and output.resolve().parent != beside.resolve().parent:
        raise UsageError(f"{beside} names other files beside it", hint=f"write the draft into {beside.parent}")


def _usable(text: str, begun: "Policy | None") -> None:
    """Raises PolicyError where the draft could not be read again, as below tables written as a list on one line."""
    import tomllib

    from flowwatch.errors import PolicyError
    from flowwatch.policy import parse

    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        hint = "write its tables as [[server]], not as server = [...]"
        file = begun.info.files[0] if begun else "the draft"
        raise PolicyError(f"nothing can be added to it: {error}", file=file, hint=hint) from error
    if begun is None or len(begun.info.files) == 1:
        parse(text, "the draft")


def _conclude(draft: "Draft") -> None:
    """Say what was learned and left out; end with 3 where the recordings were not read in full or hold nothing."""
    from flowwatch.cli.exits import Exit, unread
    from flowwatch.cli.terminal import say
    from flowwatch.reports import phrases

    tables = {"zone": draft.zones, "server": draft.servers, "channel": draft.channels, "lookup rule": draft.lookups}
    say(f"flowwatch: learned {', '.join(phrases.plural(len(entries), name) for name, entries in tables.items())}")
    for words, count in draft.left.items():
        say(f"flowwatch: left out: {phrases.number(count)} {words}")
    short = unread(draft.coverage)
    if not draft.servers and not draft.channels and not draft.lookups:
        short = (*short, "nothing to learn")
    if short:
        say(f"flowwatch: incomplete: {'; '.join(short)}")
    raise typer.Exit(Exit.INCOMPLETE if short else Exit.DONE)
