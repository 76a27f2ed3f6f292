"""`flowwatch places`: which location data is in use, and what it says of an address."""

import ipaddress
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flowwatch.cli.options import Databases, PolicyFile, policy_or_default
from flowwatch.errors import UsageError

if TYPE_CHECKING:
    from flowwatch.model import Candidate, Fact, Place, ReferenceData
    from flowwatch.places import Locator
    from flowwatch.policy.terms import PlaceFact

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Location data: what is in use, what it says.")


@app.command()
def info(*, policy: PolicyFile = None, places: Databases = None) -> None:
    """List the location data in use."""
    with _locator(policy, places) as locator:
        reference = locator.reference
    for one in reference:
        _lines(
            one.name,
            kind=one.kind,
            version=one.version,
            date=_dated(one),
            sha256=one.sha256,
            path=one.path,
            attribution=one.attribution,
        )


@app.command(short_help="Say what is known of an address.")
def lookup(
    addresses: Annotated[list[str], typer.Argument(metavar="IP...", help="Addresses to look up.")],
    *,
    policy: PolicyFile = None,
    places: Databases = None,
    fmt: Annotated[Literal["text", "json"], typer.Option("--format", help="text, or json: an object a line.")] = "text",
) -> None:
    """Say where an address is located, where registered, and who operates it."""
    for address in addresses:
        _check(address)
    with _locator(policy, places) as locator:
        for address in addresses:
            place = locator.locate(address, None)
            if fmt == "json":
                _json(place)
            else:
                _show(place)


@app.command(short_help="Install newer location data.")
def update(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An MMDB file, or a places.bin with its sources.json.")],
    *,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="Install into `places` in the state of this configuration."),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", metavar="FOLDER", help="Install into this folder [default: $XDG_DATA_HOME/flowwatch/places]."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Install data older than what is there, too.")] = False,
) -> None:
    """Check newer location data and install it, offline; the data before is kept."""
    from flowwatch.places.update import update

    folder = to or _folder(config)
    done = update(file, folder, force=force)
    new, before = done.new, done.before
    _lines(
        f"{new.name} is installed" if done.changed else f"{new.name} was installed already",
        kind=new.kind,
        date=_dated(new),
        sha256=new.sha256,
        path=new.path,
        before=f"{before.date or 'no date'}, sha256 {before.sha256}" if before and done.changed else None,
        kept_as=str(done.kept) if done.kept else None,
    )
    _say_how_to_name(folder, config)


def _say_how_to_name(folder: Path, config: Path | None) -> None:
    """Say what uses it; a folder of a configuration that names it already needs no word."""
    from flowwatch.cli.terminal import printable
    from flowwatch.ops.config import load

    where = os.path.abspath(folder)  # noqa: PTH100 - a link is left as it was written
    loaded = load(config) if config else None
    if loaded and where in {os.path.abspath(loaded.path(one)) for one in loaded.config.places}:  # noqa: PTH100 - likewise
        typer.echo(printable(f"{config} names that folder"))
    else:
        typer.echo(printable(f'to use it: places = ["{where}"] in flowwatch.toml, or --places {where}'))


def _folder(config: Path | None) -> Path:
    """Where data is installed unless told otherwise: beside the state of a configuration, else with the user's data."""
    from flowwatch.ops.config import load

    if config is not None:
        return load(config).state / "places"
    home = os.environ.get("XDG_DATA_HOME", "")
    return (Path(home) if os.path.isabs(home) else Path.home() / ".local/share") / "flowwatch" / "places"  # noqa: PTH117 - "" is a path to Path


def _locator(policy: Path | None, places: list[Path] | None) -> "Locator":
    from flowwatch.places import Locator

    chosen = policy_or_default(policy)
    return Locator(_facts_of(chosen) if chosen else (), places or ())


def _facts_of(policy: Path) -> "tuple[PlaceFact, ...]":
    from flowwatch.policy import load

    return load(policy).place_facts


def _check(address: str) -> None:
    try:
        ipaddress.ip_address(address)
    except ValueError as error:
        raise UsageError(
            f"{address!r} is not an IP address", hint="names are never resolved; give the address"
        ) from error


def _dated(one: "ReferenceData") -> str | None:
    from flowwatch.places.age import age

    old = age(one, time.time_ns())
    return one.date if old is None else f"{one.date}, {old // (86_400 * 10**9)} days old"


def _json(place: "Place") -> None:
    import msgspec

    typer.echo(msgspec.json.encode(place))


def _show(place: "Place") -> None:
    _lines(
        place.address,
        looked_up=place.inner,
        special=place.special,
        located="; ".join(map(_candidate, place.located)) or None,
        confidence=f"{place.confidence}{f', {place.why}' if place.why else ''}",
        registered=_facts(place.registered),
        operated=" ".join(filter(None, [_facts(place.asn, "AS"), _facts(place.organisation)])) or None,
        anycast={True: "yes", False: "no", None: "unknown"}[place.anycast],
    )


def _candidate(one: "Candidate") -> str:
    """Country first; an edge range has a provider and no country."""
    where = [one.country or "unknown", one.region, one.city, one.site, one.provider, one.provider_region]
    edge = "edge" if one.precision == "edge" else None
    return " ".join(filter(None, [*where, edge, f"({', '.join(filter(None, [one.source, one.source_date]))})"]))


def _facts(facts: "tuple[Fact, ...]", prefix: str = "") -> str | None:
    return ", ".join(f"{prefix}{fact.value} ({fact.source})" for fact in facts) or None


def _lines(title: str, **rows: str | None) -> None:
    from flowwatch.cli.terminal import printable

    typer.echo(printable(title))
    for name, value in rows.items():
        if value is not None:
            typer.echo(f"  {name.replace('_', ' '):12}{printable(value)}")
