"""`flowwatch places`: which location data is in use, and what it says of an address."""

import ipaddress
from typing import TYPE_CHECKING, Annotated

import typer

from flowwatch.cli.options import Databases, PolicyFile, policy_or_default
from flowwatch.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from flowwatch.model import Fact, Place
    from flowwatch.places import Locator

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Location data: what is in use, what it says.")


@app.command()
def info(*, policy: PolicyFile = None, places: Databases = None) -> None:
    """List the location data in use."""
    with _locator(policy, places) as locator:
        reference = locator.reference
    for one in reference:
        _lines(one.name, kind=one.kind, date=one.date, sha256=one.sha256, path=one.path, attribution=one.attribution)
    if not reference:
        typer.echo("No location data: every place is indeterminate.")
        typer.echo("Give databases with --places FILE.mmdb, or declare [[place]] facts in the policy.")


@app.command()
def lookup(
    addresses: Annotated[list[str], typer.Argument(metavar="IP...", help="Addresses to look up.")],
    *,
    policy: PolicyFile = None,
    places: Databases = None,
) -> None:
    """Say where an address is located, where registered, and who operates it."""
    for address in addresses:
        _check(address)
    with _locator(policy, places) as locator:
        for address in addresses:
            _show(locator.locate(address, None))


def _locator(policy: "Path | None", places: "list[Path] | None") -> "Locator":
    from flowwatch.places import Locator
    from flowwatch.policy import load

    chosen = policy_or_default(policy)
    return Locator(load(chosen).place_facts if chosen else (), places or ())


def _check(address: str) -> None:
    try:
        ipaddress.ip_address(address)
    except ValueError as error:
        raise UsageError(
            f"{address!r} is not an IP address", hint="names are never resolved; give the address"
        ) from error


def _show(place: "Place") -> None:
    located = "; ".join(
        " ".join(filter(None, [one.country, one.region, one.city, one.provider_region, f"({one.source})"]))
        for one in place.located
    )
    _lines(
        place.address,
        looked_up=place.inner,
        special=place.special,
        located=located or None,
        confidence=f"{place.confidence}{f', {place.why}' if place.why else ''}",
        registered=_facts(place.registered),
        operated=" ".join(filter(None, [_facts(place.asn, "AS"), _facts(place.organisation)])) or None,
        anycast={True: "yes", False: "no", None: "unknown"}[place.anycast],
    )


def _facts(facts: "tuple[Fact, ...]", prefix: str = "") -> str | None:
    return ", ".join(f"{prefix}{fact.value} ({fact.source})" for fact in facts) or None


def _lines(title: str, **rows: str | None) -> None:
    from flowwatch.cli.terminal import printable

    typer.echo(printable(title))
    for name, value in rows.items():
        if value is not None:
            typer.echo(f"  {name.replace('_', ' '):12}{printable(value)}")
